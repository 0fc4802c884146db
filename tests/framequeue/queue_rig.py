"""What a check of a queue works with: handles, processes to be killed, deadlines, a server to be killed."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from tools.services.waiting import wait_for

from sightline.framequeue.queue import Delivery, KeyQueue
from sightline.framequeue.queues.limits import QueueLimits

HAND = Path(__file__).with_name("queue_hand.py")


Opener: TypeAlias = tuple[str, Mapping[str, Any]]
"""`module:name` of what makes a queue in another process, and its keyword arguments as JSON has them."""


class Timed(Protocol):
    timeout_s: float


class Rig(Timed, Protocol):
    """One queue, empty at first and this check's own, and how to trouble it.

    Attributes:
        timeout_s: within which what happens by itself has happened: a key that comes, or comes back.
        opener: how another process opens the queue; None: none can.
        serves: whether there is a server, to be killed and started again.
        keeps: whether accepted keys outlive that, and the end of all processes that use the queue.
        counts: whether `depth` knows of everything.
    """

    opener: Opener | None
    serves: bool
    keeps: bool
    counts: bool

    def open(self, limits: QueueLimits | None = None) -> KeyQueue:
        """One more handle, closed by the rig. Only the first of a check may be given limits."""

    def kill_server(self) -> None:
        """Ends the server at once (SIGKILL), as a power cut would."""

    def start_server(self) -> None:
        """Starts it again, with what it kept."""


class Hand:
    """A process at the queue. `told`: what it said so far."""

    def __init__(self, rig: Rig, role: str, *arguments: str) -> None:
        assert rig.opener is not None
        opener, settings = rig.opener
        command = [sys.executable, str(HAND), role, opener, json.dumps(dict(settings)), *arguments]
        self.told: list[dict[str, Any]] = []
        self._timeout_s = rig.timeout_s
        self._program = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def texts(self, what: str) -> list[str]:
        """Of all that it told of that kind."""
        return [each[what] for each in list(self.told) if what in each]

    def wait(self, what: str, count: int) -> list[str]:
        """Until it told so often of that; gives the texts."""
        wait_for(
            lambda: len(self.texts(what)) >= count or not self._reader.is_alive(),
            self._timeout_s,
            f"{count} times {what!r} from a process",
        )
        texts = self.texts(what)
        assert len(texts) >= count, f"the process ended, having told {self.told[-3:]}"
        return texts

    def kill(self) -> None:
        """At once (SIGKILL); again is fine."""
        self._program.kill()
        self._program.wait()
        self._reader.join()
        for pipe in (self._program.stdin, self._program.stdout):
            assert pipe is not None
            pipe.close()

    def _read(self) -> None:
        assert self._program.stdout is not None
        for line in self._program.stdout:
            if line.endswith("\n"):  # the last may be torn
                self.told.append(json.loads(line))


@contextmanager
def hand(rig: Rig, role: str, *arguments: str) -> Iterator[Hand]:
    """A process at the queue, killed at the end at the latest."""
    process = Hand(rig, role, *arguments)
    try:
        yield process
    finally:
        process.kill()


def take(rig: Timed, queue: KeyQueue, count: int, most: int = 100) -> list[Delivery]:
    """So many deliveries, within the rig's time."""
    taken: list[Delivery] = []

    def enough() -> bool:
        if len(taken) < count:
            taken.extend(queue.receive(min(most, count - len(taken)), 0.2))
        return len(taken) == count

    wait_for(enough, rig.timeout_s, f"{count} keys")
    return taken


def texts(deliveries: list[Delivery]) -> list[str]:
    return [delivery.text for delivery in deliveries]


def numbered(count: int, prefix: str = "key:") -> list[str]:
    return [f"{prefix}{number}" for number in range(count)]
