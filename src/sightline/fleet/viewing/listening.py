"""What those who have pictures say on the bus, and what is said to them: one reader, one that asks.

Promises: a bus that is away, breaks off or is another one now is met again as soon as it can be; the bus has
a reader only while somebody looks, and `KEPT_S` longer. Nothing that stands here waits for the other. `close`
returns within a second: what still waits for a broker that does not answer ends by itself, and takes nothing.

Deliberately not here: what a message means.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from sightline.bus import Bus, Message, Subscription, open_bus
from sightline.clock import SYSTEM_CLOCK, Clock, ns
from sightline.errors import Closed, SightlineError
from sightline.log import Repeated, get_logger
from sightline.overflow import Capacity, Overflow
from sightline.sink.viewed import WANT_EVERY_S, Topics, wanted_message, where_of

KEPT_S: Final = 60.0
FLUSH_S: Final = 0.1
"""Viewers are given what came ten times a second: one by one would cost more than what is in it."""
_MOST: Final = 1000
_WAITING: Final = Capacity(count=8192, bytes=64 * 2**20)
_READY_S: Final = 5.0
_AGAIN_S: Final = 1.0
_LEAVE_S: Final = 0.3
_END_S: Final = 0.3
_KAFKA_KEEPS_S: Final = 60.0
_KAFKA_KEEPS_BYTES: Final = 256 * 2**20


class Listening:
    """From now until it is closed.

    Args:
        where: the bus where pictures are; None: nowhere, for now.
        topics: there.
        take: is given what came, at most `FLUSH_S` after it did, and nothing where nothing did.
        wanted: the cameras to be asked for now, None where nobody looks at any; it does what else is due
            every two seconds while somebody does.
    """

    def __init__(
        self,
        where: Callable[[], str | None],
        topics: Topics,
        *,
        take: Callable[[list[Message]], None],
        wanted: Callable[[], frozenset[str] | None],
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._where, self._topics, self._take, self._wanted = where, topics, take, wanted
        self._clock = clock
        self._bus: Bus | None = None
        self._closing = threading.Event()
        self._needed_ns = 0
        self._needed = threading.Event()
        self._due = threading.Event()
        self._away = Repeated(get_logger(__name__), "no bus of live pictures", every_s=60, clock=clock)
        self._threads = [
            threading.Thread(target=target, name=f"fleet view {name}", daemon=True)
            for name, target in (("reading", self._read), ("asking", self._ask))
        ]
        for thread in self._threads:
            thread.start()

    def ask_now(self) -> None:
        """Something else is wanted."""
        self._due.set()

    def close(self) -> None:
        """Again is allowed. A thread that asks a broker is not waited for: that may take it many seconds."""
        self._closing.set()
        self._needed.set()
        self._due.set()
        bus = self._bus
        if bus is not None:
            _end(bus)
        until_s = time.monotonic() + _END_S
        for thread in self._threads:
            thread.join(max(0.0, until_s - time.monotonic()))
        self._away.flush()

    # Reading

    def _read(self) -> None:
        while not self._closing.is_set():
            self._needed.wait()
            if not self._is_needed():
                continue
            url = self._where()
            if url is not None:
                try:
                    self._read_at(url)
                    continue
                except SightlineError as error:
                    self._away.add(reason=str(error))
            self._closing.wait(_AGAIN_S)

    def _read_at(self, url: str) -> None:
        """Until nobody looks any more, or it is elsewhere."""
        _make_topics(url, self._topics)
        if self._closing.is_set():
            return
        bus = open_bus(where_of(url))
        self._bus = bus
        try:
            with bus.subscribe(self._topics.view, capacity=_WAITING, overflow=Overflow.DROP_OLDEST) as coming:
                self._await(coming)
                self._due.set()
                while self._is_needed() and self._where() == url:
                    self._take(coming.poll(_MOST, FLUSH_S))
        except Closed:
            return
        finally:
            self._bus = None
            _end(bus)

    def _await(self, coming: Subscription) -> None:
        """Until what is published is read."""
        until_s = time.monotonic() + _READY_S
        while not self._closing.is_set() and time.monotonic() < until_s:
            if coming.ready(FLUSH_S):
                return

    def _is_needed(self) -> bool:
        if self._closing.is_set():
            return False
        if self._clock.monotonic_ns() < self._needed_ns:
            return True
        self._needed.clear()
        return False

    # Asking

    def _ask(self) -> None:
        before: frozenset[str] = frozenset()
        while not self._closing.is_set():
            looked_at = self._looked_at()
            wanted = looked_at or frozenset()
            if wanted:
                self._needed_ns = self._clock.monotonic_ns() + ns(KEPT_S)
                self._needed.set()
            if wanted or before:
                self._say(wanted)
            before = wanted
            self._due.wait(None if looked_at is None else WANT_EVERY_S)
            self._due.clear()

    def _looked_at(self) -> frozenset[str] | None:
        try:
            return self._wanted()
        except Exception as error:  # noqa: BLE001 - it is looked at again in a moment
            self._away.add(reason=repr(error))
            return frozenset()

    def _say(self, wanted: frozenset[str]) -> None:
        bus = self._bus
        if bus is None:
            return
        try:
            bus.publish(self._topics.wanted, wanted_message(wanted))
        except Closed:
            return
        except SightlineError as error:
            self._away.add(reason=str(error))


def _end(bus: Bus) -> None:
    """What a bus that is away would still take is not worth waiting for."""
    ending = threading.Thread(target=_close, args=(bus,), name="fleet view leaves", daemon=True)
    ending.start()
    ending.join(_LEAVE_S)


def _close(bus: Bus) -> None:
    try:
        bus.close()
    except SightlineError as error:
        get_logger(__name__).debug("what was wanted of a view was not delivered", reason=str(error))


def _make_topics(url: str, topics: Topics) -> None:
    """On a Kafka, so that it keeps pictures for a minute, and not for a week. Raises SightlineError."""
    if not url.startswith("kafka:"):
        return
    from sightline.bus.kafka_address import KafkaAddress  # noqa: PLC0415 - an extra, where it is used
    from sightline.bus.kafka_topics import KafkaTopics  # noqa: PLC0415

    broker = KafkaTopics(KafkaAddress.of(url))
    for topic in topics:
        try:
            broker.create(topic, retention_s=_KAFKA_KEEPS_S, retention_bytes=_KAFKA_KEEPS_BYTES)
        except SightlineError as error:  # it may be there, and ours to use without being ours to make
            get_logger(__name__).debug("a topic of live pictures was not made", reason=str(error))
