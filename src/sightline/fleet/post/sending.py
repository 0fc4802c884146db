"""What is to be sent: held within a bound while the bus is away, in order, and what is out of date dropped.

A fleet says the whole each time, so the newest holds: of two `AgentInfo` or two `AgentConfig` for one key the
older one need not go. What waited for longer than `MOST_AGE_S` tells of times that nobody asks about.

Deliberately not here: sending again what a broker took and lost. That is told, and whoever knows what is to
be so says it anew.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Hashable
from typing import Final

import msgspec

from sightline.buffer import Buffer
from sightline.bus import Log
from sightline.clock import SYSTEM_CLOCK, Clock
from sightline.errors import BufferFull, BusError, Closed, ConfigError, SightlineError
from sightline.fleet.post.counts import SentCounts, Tally
from sightline.fleet.post.link import Link
from sightline.log import Repeated, get_logger
from sightline.overflow import Capacity, Overflow
from sightline.wire import Headers

MOST_WAITING: Final = 4096
MOST_WAITING_BYTES: Final = 64 * 1024 * 1024
MOST_AGE_S: Final = 30.0
_TRIES: Final = 3
"""Errors of one message, before the handle is made anew."""
_AGAIN_S: Final = 0.2
_WAKE_S: Final = 0.5
_TOLD_S: Final = 60.0
"""Between two lines on a bus that is away, which may be for days, while an agent sends every few seconds."""


class Letter(msgspec.Struct, frozen=True):
    """One message, ready to go. `newest` is what a newer one takes its place by; None: nothing does."""

    topic: str
    key: bytes | None
    value: bytes
    headers: Headers
    newest: Hashable = None
    compacted: bool = False

    @property
    def size(self) -> int:
        return len(self.value) + sum(len(value) for _, value in self.headers)


class Sending:
    """One thread that sends. Any thread may put.

    Args:
        link: to the bus.
        on_lost: called in the thread when the bus told that it lost something.
    """

    def __init__(self, link: Link, on_lost: Callable[[], None], clock: Clock = SYSTEM_CLOCK) -> None:
        self._link = link
        self._on_lost = on_lost
        self._tally = Tally()
        self._serials = itertools.count()
        self._line: Buffer[tuple[Hashable, Letter]] = Buffer(
            Capacity(count=MOST_WAITING, bytes=MOST_WAITING_BYTES, age_s=MOST_AGE_S),
            Overflow.LATEST_PER_KEY,
            size=lambda item: item[1].size,
            key=lambda item: item[0],
            clock=clock,
        )
        self._ready: tuple[Log, set[str]] | None = None
        logger = get_logger(__name__)
        self._repeated = Repeated(logger, "the bus did not take a message", clock=clock)
        self._away = Repeated(logger, "the bus lost messages", every_s=_TOLD_S, clock=clock)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._live, name="fleet sending", daemon=True)
        self._thread.start()

    def put(self, letter: Letter) -> None:
        """Have it sent. Raises Closed."""
        self._line.put((next(self._serials) if letter.newest is None else letter.newest, letter))

    def counts(self) -> SentCounts:
        return SentCounts(
            outbox=self._line.stats(),
            published=self._tally.total("published"),
            refused=self._tally.by_reason("refused"),
            losses=self._tally.total("losses"),
        )

    def end(self, timeout_s: float) -> None:
        """Send what is there, for at most so long; what is left then is dropped and counted."""
        self._line.close()
        self._thread.join(timeout_s)
        self._closing.set()
        self._line.close(discard=True)

    def join(self) -> None:
        """After the link was closed."""
        self._thread.join()
        self._repeated.flush()
        self._away.flush()

    def _live(self) -> None:
        while True:
            try:
                taken = self._line.take()
            except Closed:
                return
            for _, letter in taken:
                self._deliver(letter)

    def _deliver(self, letter: Letter) -> None:
        tries = 0
        while not self._closing.is_set():
            try:
                log = self._link.log(_WAKE_S)
            except Closed:
                break
            if log is not None:
                tries += 1
                if self._tried(log, letter, tries):
                    return
        self._refused("closed", letter, None)

    def _tried(self, log: Log, letter: Letter, tries: int) -> bool:
        """Whether this letter is done with, one way or the other."""
        try:
            self._prepare(log, letter)
            log.publish(letter.topic, letter.value, key=letter.key, headers=letter.headers)
        except Closed:
            self._closing.wait(_AGAIN_S if tries > _TRIES else 0)
        except BufferFull as error:
            self._refused("too_large", letter, error)
            return True
        except BusError as error:
            self._failed(log, error, tries)
        except SightlineError as error:
            self._refused("wrong", letter, error)
            return True
        else:
            self._tally.add("published")
            return True
        return False

    def _prepare(self, log: Log, letter: Letter) -> None:
        """The first of a topic that keeps the last of each key has it made so, once a handle."""
        if self._ready is None or self._ready[0] is not log:
            self._ready = log, set()
        if not letter.compacted or letter.topic in self._ready[1]:
            return
        try:
            log.compact(letter.topic)
        except (
            ConfigError
        ) as error:  # it is there, and keeps its messages otherwise: some are better than none
            get_logger(__name__).error("a topic of the fleet is not as it is to be", reason=str(error))
        self._ready[1].add(letter.topic)

    def _failed(self, log: Log, error: BusError, tries: int) -> None:
        self._tally.add("losses")
        self._away.add(reason=str(error))
        self._on_lost()
        if tries % _TRIES == 0:
            self._link.broke(log, error)
        self._closing.wait(_AGAIN_S)

    def _refused(self, reason: str, letter: Letter, error: SightlineError | None) -> None:
        self._tally.add("refused", reason)
        self._repeated.add(reason=str(error or reason), topic=letter.topic)
