"""A queue served to others over a hub: any queue that this process can open, by calls.

The hub itself has no queue that workers could share. Its groups give a whole channel to one member, its
acknowledgements are positions and not single messages, and what it keeps is gone with it. So a process beside
it holds the queue, `HubQueue` calls its methods, and a client that dies is seen by its silence: it tells
every third of a lease that it lives (`queues.sessions`).

What is kept, and through what, is the served queue's: over one in a file, this process and the hub may be
killed and begun again. Then deliveries are handed over again that were in hand, marked; one that is settled
by its old holder before that counts as settled.

Does not do: begin again by itself, or serve twice under a name: the hub refuses the second.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable
from types import TracebackType
from typing import Any, Final, Self

import msgspec

from sightline.clock import SYSTEM_CLOCK, Clock, ns
from sightline.errors import BusError, Closed, ConfigError, SightlineError
from sightline.framequeue.queue import Delivery, KeyQueue
from sightline.framequeue.queues.sessions import Sessions, Tag
from sightline.hub import StreamClient, rpc
from sightline.hub.address import HubAddress
from sightline.log import Repeated, get_logger

QUEUE: Final = "frames"
"""Of the queue where the URL names none."""
LEASE_S: Final = 15.0
LEAST_LEASE_S: Final = 0.5
"""Each client tells three times a lease that it lives."""
WAIT_S: Final = 2.0
"""The longest that one call waits for a key: as long a client that died may still be handed one."""
MOST_TEXTS: Final = 1000
"""Keys of one call."""
MOST_LETTERS: Final = 5000
"""Dead letters of one answer: more would not fit into a message."""
MOST_WAITING: Final = 1000
"""Calls in hand: each worker that waits is one."""
SECRET_CHARS: Final = 64


def address_of(url: str) -> tuple[HubAddress, str]:
    """Of `hub://host:port?queue=frames`: the hub's, and the name of who serves there.

    Raises:
        ConfigError: it is no such URL.
    """
    address = HubAddress.of(url)
    if unknown := address.rest.keys() - {"queue"}:
        raise ConfigError(f"expected queue, tls_ca, tls_certificate or tls_key, got {sorted(unknown)}")
    return address, f"framequeue.{address.rest.get('queue', QUEUE)}"


def unreachable(address: HubAddress) -> BusError:
    """No hub answers there."""
    return BusError(f"no hub answers at {address.shown}")


class QueueService:
    """What clients call. Each is checked: a stranger may be on the hub."""

    def __init__(self, queue: KeyQueue, *, lease_s: float, clock: Clock) -> None:
        self._queue = queue
        self._clock = clock
        self._lock = threading.Lock()
        self._lease_s = lease_s
        self._sessions = Sessions(ns(lease_s))
        self._ended = False

    @rpc
    def send(self, texts: list[str]) -> list[str]:
        """What became of each."""
        return [sent.outcome.value for sent in self._queue.send(_read(texts, list[str])[:MOST_TEXTS])]

    @rpc
    def receive(self, session: str, most: int, timeout_s: float) -> list[Any]:
        """Deliveries, each as its fields."""
        name = _session(session)
        with self._lock:
            self._sessions.heard(name, self._clock.monotonic_ns())
        got = self._queue.receive(min(_read(most, int), MOST_TEXTS), min(_read(timeout_s, float), WAIT_S))
        with self._lock:
            handed = not self._ended and self._sessions.hand(name, got, self._clock.monotonic_ns())
        if not handed:
            self._give_back(got)
            return []
        return [msgspec.structs.astuple(delivery) for delivery in got]

    @rpc
    def ack(self, session: str, tag: Tag) -> bool:
        name, tag = _session(session), _read(tag, Tag)
        return self._settled(name, tag, self._queue.ack(self._find(name, tag)))

    @rpc
    def retry(self, session: str, tag: Tag, delay_s: float) -> bool:
        name, tag = _session(session), _read(tag, Tag)
        return self._settled(name, tag, self._queue.retry(self._find(name, tag), _read(delay_s, float)))

    @rpc
    def dead(self, session: str, tag: Tag, reason: str) -> bool:
        name, tag = _session(session), _read(tag, Tag)
        return self._settled(name, tag, self._queue.dead(self._find(name, tag), _read(reason, str)))

    @rpc
    def renew(self, session: str, held: list[Tag]) -> float:
        """A client lives, and has these. Gives the lease in seconds, within which it is to be heard again."""
        name, known = _session(session), frozenset(_read(held, list[Tag]))
        with self._lock:
            lost = self._sessions.renew(name, known, self._clock.monotonic_ns())
        self._give_back(lost)
        return self._lease_s

    @rpc
    def leave(self, session: str) -> None:
        """A client goes; what it held comes back."""
        with self._lock:
            held = self._sessions.leave(_session(session))
        self._give_back(held)

    @rpc
    def dead_letters(self, limit: int) -> list[Any]:
        """Dead letters, each as its fields."""
        found = self._queue.dead_letters(min(_read(limit, int), MOST_LETTERS))
        return [msgspec.structs.astuple(letter) for letter in found]

    @rpc
    def dead_retry(self, texts: list[str] | None) -> int:
        return self._queue.dead_retry(_read(texts, list[str] | None))

    @rpc
    def depth(self) -> dict[str, int | None]:
        return msgspec.structs.asdict(self._queue.depth())

    def let_lapsed_go(self) -> None:
        """What those held of whom nothing was heard comes back."""
        with self._lock:
            held = self._sessions.lapsed(self._clock.monotonic_ns())
        self._give_back(held)

    def end(self) -> None:
        """What calls take that are in hand goes back: nobody is told any more."""
        with self._lock:
            self._ended = True

    def _give_back(self, deliveries: Iterable[Delivery]) -> None:
        """Into line again, each of them, whatever comes of the others."""
        failed: BusError | None = None
        for delivery in deliveries:
            try:
                self._queue.retry(delivery)
            except BusError as error:  # then it comes back by itself
                failed = error
        if failed is not None:
            raise failed

    def _find(self, name: str, tag: Tag) -> Any:
        with self._lock:
            return self._sessions.find(name, tag)

    def _settled(self, name: str, tag: Tag, done: bool) -> bool:
        with self._lock:
            self._sessions.settled(name, tag)
        return done


class QueueHost:
    """Serves `queue` on the hub at `url` while it is open.

    `queue` stays the caller's, and what clients have in hand stays theirs until that is closed.

    Args:
        url: `hub://host:port?queue=NAME`; `frames` where it names none.
        queue: the one that is served.
        lease_s: how long a client may be silent.
        clock: tells the time.

    Raises:
        ConfigError: `url` is no such address, or the lease below `LEAST_LEASE_S`.
        BusError: no hub answers there, it does not take us, or another serves this queue.
    """

    def __init__(
        self, url: str, queue: KeyQueue, *, lease_s: float = LEASE_S, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        address, name = address_of(url)
        if not LEAST_LEASE_S <= lease_s < math.inf:
            raise ConfigError(f"expected a lease of at least {LEAST_LEASE_S} s, got {lease_s}")
        self._service = QueueService(queue, lease_s=lease_s, clock=clock)
        self._client = StreamClient(
            name,
            **address.client_settings(),
            agent="sightline framequeue",
            rpc_most=MOST_WAITING,
            service=self._service,
            sharing=None,
        )
        self._lost = Repeated(get_logger("sightline.framequeue"), "a served queue fails", clock=clock)
        self._ended = threading.Event()
        self._client.start()
        try:
            self._client.wait_until_alive()
        except BaseException as error:
            self._client.stop_client()
            if isinstance(error, TimeoutError):
                raise unreachable(address) from error
            raise
        self._reaper = threading.Thread(
            target=self._reap, args=(lease_s / 3,), name="queue host", daemon=True
        )
        self._reaper.start()

    def close(self) -> None:
        """Serve no more; again is fine."""
        self._ended.set()
        self._service.end()
        self._client.stop_client()
        self._reaper.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _reap(self, every_s: float) -> None:
        while not self._ended.wait(every_s):
            try:
                self._service.let_lapsed_go()
            except Closed:
                return
            except SightlineError as error:
                self._lost.add(error=str(error))


def _session(name: object) -> str:
    text: str = _read(name, str)
    if not 0 < len(text) <= SECRET_CHARS:
        raise ConfigError(f"expected a session's name of 1 to {SECRET_CHARS} characters, got {len(text)}")
    return text


def _read(value: object, kind: Any) -> Any:
    """`value`, which has to be of this type."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise ConfigError(f"expected a call of a queue that fits: {error}") from None
