"""The thread that reads: one consumer for all cameras, whose topics come and go while it runs.

Messages are handed over topic by topic as they come. What a topic has at the broker is told beside them; a
topic that is paused stays there, whoever paused it: its user, or a camera that has no room. A broker that
broke off is opened again after a while, and reading goes on where it stopped.

What it does not do: committing. A consumer in a group shares the cameras with the others of it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Final

from sightline.bus import Consumer, Event, Gained, Gap, Log, Lost, Message, Start
from sightline.clock import SYSTEM_CLOCK, Clock, ns
from sightline.errors import Closed, SightlineError
from sightline.log import get_logger, redact

MOST: Final = 256
_POLL_S: Final = 0.5
_SOON_S: Final = 0.02
_LAG_NS: Final = ns(0.2)
_AGAIN_S: Final = 1.0
_READY_S: Final = 30.0
_END_S: Final = 5.0


class Poller:
    """See the module.

    Args:
        log: what is read.
        took: called in the poller's thread with a topic, what came of it, and how many more wait there.
        gap: called with a topic of which messages were lost.
        full: asked for the topics, of those held, that have no room.
        failed: called with what went wrong, None where all is well again.
        start, group: as `Log.consume` has them.
    """

    def __init__(
        self,
        log: Log,
        *,
        took: Callable[[str, Sequence[Message], int], None],
        gap: Callable[[Gap], None],
        full: Callable[[], frozenset[str]],
        failed: Callable[[SightlineError | None], None],
        start: Start = "latest",
        group: str | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._log = log
        self._took = took
        self._gap = gap
        self._full = full
        self._failed = failed
        self._start: Start = start
        self._group = group
        self._clock = clock
        self._lock = threading.Lock()
        self._wanted: frozenset[str] = frozenset()
        self._paused: frozenset[str] = frozenset()
        self._stopped: frozenset[str] = frozenset()  # at the consumer, by whomever
        self._consumer: Consumer | None = None
        self._closing = threading.Event()
        self._begun = threading.Event()
        self._next: dict[str, int] = {}
        self._returning: dict[str, int] = {}  # where to go on with a new consumer
        self._lag: dict[str, int] = {}
        self._lag_at_ns = -_LAG_NS
        self._logger = get_logger("sightline.mux")
        self._thread = threading.Thread(target=self._run, name="mux-poll", daemon=True)
        self._thread.start()

    def want(self, topics: frozenset[str], paused: frozenset[str]) -> None:
        """Reads these topics, but for those that are paused. What is published from now on comes.

        Raises:
            BusError: the broker cannot be reached; it is tried again by itself.
            Closed: the poller was closed.
        """
        with self._lock:
            if self._closing.is_set():
                raise Closed("the reader is closed")
            self._paused = paused
            if topics == self._wanted:
                return
            self._wanted = topics
            if self._consumer is not None:
                self._consumer.want(topics)
            elif topics:
                self._open()

    def lag(self) -> Mapping[str, int]:
        """Messages at the broker that were not read, by topic, as of a moment ago."""
        return self._lag

    def positions(self) -> Mapping[str, int]:
        """The offset that comes next, of each topic of which something came."""
        return self._next

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def close(self) -> None:
        """End the thread and the consumer. Again is allowed."""
        self._closing.set()
        self._begun.set()
        with self._lock:
            consumer = self._consumer
        if consumer is not None:
            consumer.close()
        self._thread.join(_END_S)

    def _open(self) -> None:
        """Makes the consumer. With the lock held."""
        consumer = self._log.consume(
            self._wanted, group=self._group, start=self._start, on_event=self._happened
        )
        # What is in a group is only settled while somebody polls.
        if self._group is None and not consumer.ready(_READY_S):
            self._logger.warning("reading begins late", topics=len(self._wanted))
        self._stopped = frozenset()
        self._consumer = consumer
        self._begun.set()

    def _happened(self, consumer: Consumer, event: Event) -> None:
        if isinstance(event, Gap):
            self._gap(event)
        elif isinstance(event, Lost):
            for topic in event.topics:
                self._next.pop(topic, None)
        elif isinstance(event, Gained):
            for topic in event.positions.keys() & self._returning.keys():
                consumer.seek(topic, self._returning.pop(topic))

    def _run(self) -> None:
        self._begun.wait()
        while not self._closing.is_set():
            try:
                self._step()
            except Closed:
                if self._closing.is_set():
                    return
                self._reopen(Closed("the log was closed"))
            except SightlineError as error:
                self._reopen(error)

    def _step(self) -> None:
        consumer = self._consumer
        if consumer is None:
            self._closing.wait(_SOON_S)
            self._reopen(None)
            return
        self._throttle(consumer)
        messages = consumer.poll(MOST, _SOON_S if self._stopped - self._paused else _POLL_S)
        self._ask_lag(consumer)
        for topic, group in _by_topic(messages):
            self._next[topic] = group[-1].offset + 1
            lag = self._lag[topic] = max(self._lag.get(topic, 0) - len(group), 0)
            self._took(topic, group, lag)

    def _throttle(self, consumer: Consumer) -> None:
        """Reads no topic that is paused or has no room."""
        with self._lock:
            stopped = (self._paused | self._full()) & self._wanted
            now, self._stopped = self._stopped & self._wanted, stopped
        if stopped - now:
            consumer.pause(stopped - now)
        if now - stopped:
            consumer.resume(now - stopped)

    def _ask_lag(self, consumer: Consumer) -> None:
        now_ns = self._clock.monotonic_ns()
        if now_ns - self._lag_at_ns >= _LAG_NS:
            self._lag_at_ns = now_ns
            self._lag = dict(consumer.lag())

    def _reopen(self, error: SightlineError | None) -> None:
        if error is not None:
            self._logger.warning("reading was broken off", error=redact(str(error)))
            self._failed(error)
        with self._lock:
            consumer, self._consumer = self._consumer, None
        if consumer is not None:
            consumer.close()
            self._returning = dict(self._next)
        if self._closing.wait(_AGAIN_S if error is not None else 0):
            return
        try:
            with self._lock:
                if self._wanted:
                    self._open()
        except SightlineError as again:
            self._logger.warning("there is still nothing to read from", error=redact(str(again)))
            self._closing.wait(_AGAIN_S)
            return
        self._failed(None)


def _by_topic(messages: Sequence[Message]) -> Iterator[tuple[str, list[Message]]]:
    """Runs of one topic; `poll` gives topic by topic."""
    for topic, group in groupby(messages, key=attrgetter("topic")):
        yield topic, list(group)
