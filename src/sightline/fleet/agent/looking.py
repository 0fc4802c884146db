"""What runs, looked at whenever a runtime says that something changed, and every few seconds.

Each runtime is asked by itself, and one that does not answer holds up no other: Docker's daemon may be away,
and processes are looked after. What it had last is taken to be there still. Where something was begun or
ended with it since, or it never answered, what it was given is `unknown`; and where that cannot be told
either, a look says nothing at all.

Deliberately not here: what follows from it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Final, NamedTuple

from sightline.clock import Clock
from sightline.errors import Closed, SightlineError
from sightline.fleet.agent.given import Given
from sightline.fleet.deciding.agent.desired import DesiredInstance, Found
from sightline.fleet.runtime.promise import Runtime
from sightline.log import Repeated, get_logger

LOOK_S: Final = 2.0
_WAIT_S: Final = 0.5
_GAP_S: Final = 0.1
_TELL_S: Final = 60.0


class Look(NamedTuple):
    """What a runtime has, and when it was asked."""

    found: list[Found]
    at_ns: int


class Looking:
    """A thread a runtime that waits for news of it, one that asks it, and one that puts all together.

    Args:
        runtimes: by name.
        tell: is given what is there and when the look at it began; returns when that was heard.
        given: what each of them may have.
    """

    def __init__(
        self,
        runtimes: Mapping[str, Runtime],
        tell: Callable[[Sequence[Found], int], None],
        clock: Clock,
        given: Given,
    ) -> None:
        self._runtimes = runtimes
        self._tell = tell
        self._clock = clock
        self._given = given
        self._lock = threading.Lock()
        self._last: dict[str, list[Found]] = {}
        self._touched: dict[str, int] = dict.fromkeys(runtimes, 0)
        self._asked: dict[str, Future[Look | None]] = {}
        self._again = threading.Event()
        self._ending = threading.Event()
        self._silent = Repeated(
            get_logger(__name__), "it cannot be told what runs", every_s=_TELL_S, clock=clock
        )
        self._asking = ThreadPoolExecutor(max(1, len(runtimes)), thread_name_prefix="agent asks")
        waiting = [
            threading.Thread(target=self._wait, args=(each,), name=f"agent waits for {name}", daemon=True)
            for name, each in runtimes.items()
        ]
        self._threads = [*waiting, threading.Thread(target=self._live, name="agent looks", daemon=True)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def places_of(self, name: str) -> list[str]:
        """The runtimes that had an instance of this name last, or may have one."""
        return [runtime for runtime in self._runtimes if self._may_have(runtime, name)]

    def last(self, runtime: str) -> list[str]:
        """Names of what this runtime had, when it could be told last."""
        with self._lock:
            return [one.name for one in self._last.get(runtime, ())]

    @contextmanager
    def beginning(self, runtime: str, instance: DesiredInstance) -> Iterator[None]:
        """It is begun with this runtime while this is open. Raises StoreError: that cannot be noted."""
        with self._given.giving(runtime, instance):
            try:
                yield
            finally:
                self.touched(runtime)

    def ended(self, runtime: str, name: str) -> None:
        """It is gone from there."""
        self._given.gone(runtime, name)

    def touched(self, runtime: str) -> None:
        """Something was begun or ended with it: what was seen before says nothing any more."""
        with self._lock:
            self._touched[runtime] += 1
            self._last.pop(runtime, None)
        self._again.set()

    def end(self) -> None:
        self._ending.set()
        self._again.set()

    def join(self) -> None:
        for thread in self._threads:
            thread.join()
        self._asking.shutdown()
        self._silent.flush()

    def _wait(self, runtime: Runtime) -> None:
        while not self._ending.is_set():
            try:
                if runtime.wait(_WAIT_S):
                    self._again.set()
            except SightlineError:  # it cannot tell; a look will say why
                self._ending.wait(_WAIT_S)

    def _live(self) -> None:
        while not self._ending.is_set():
            looked_ns = self._clock.monotonic_ns()
            there, at_ns = self._look(looked_ns)
            if there is not None:
                self._tell(there, at_ns)
            self._ending.wait(_GAP_S)
            self._again.wait(LOOK_S)
            self._again.clear()

    def _look(self, now_ns: int) -> tuple[list[Found] | None, int]:
        """All that is there, and since when that is so; None: that cannot be told."""
        looks = self._answers()
        parts = [self._part(name, looks.get(name)) for name in self._runtimes]
        at_ns = min([now_ns, *(look.at_ns for look in looks.values())])
        return (None if None in parts else _together(part for part in parts if part)), at_ns

    def _answers(self) -> dict[str, Look]:
        """Of those that answer in time; the others are asked still, and heard when they do."""
        for name in self._runtimes.keys() - self._asked.keys():
            self._asked[name] = self._asking.submit(self._ask, name)
        done, late = wait(self._asked.values(), LOOK_S)
        for each in late:
            each.add_done_callback(lambda _: self._again.set())
        answers = {
            name: self._asked.pop(name).result() for name in [*self._asked] if self._asked[name] in done
        }
        return {name: look for name, look in answers.items() if look is not None}

    def _part(self, name: str, look: Look | None) -> list[Found] | None:
        """What this runtime has, or may have; None: anything."""
        if look is not None:
            return look.found
        with self._lock:
            last = self._last.get(name)
        return self._given.may_be(name) if last is None else last

    def _may_have(self, runtime: str, name: str) -> bool:
        there = self._part(runtime, None)
        return there is None or any(one.name == name for one in there)

    def _ask(self, name: str) -> Look | None:
        """In a thread of its own. None: it does not say."""
        asked_ns = self._clock.monotonic_ns()
        with self._lock:
            touched = self._touched[name]
        try:
            found = self._runtimes[name].find()
        except Closed:
            return None
        except SightlineError as error:
            self._silent.add(runtime=name, reason=str(error))
            return None
        with self._lock:
            if touched == self._touched[name]:
                self._last[name] = found
                self._given.seen(name, found)
        return Look(found, asked_ns)


def _together(parts: Iterable[list[Found]]) -> list[Found]:
    """What is known to be somewhere is not unknown, whatever else had one of its name before."""
    whole = [one for part in parts for one in part]
    known = {one.name for one in whole if one.state != "unknown"}
    return [one for one in whole if one.state != "unknown" or one.name not in known]
