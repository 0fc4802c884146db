"""The thread that reads: one consumer for all cameras, whose topics come and go while it runs.

Messages are handed over topic by topic as they come. What a topic has at the broker is told beside them; a
topic that is paused stays there, whoever paused it: its user, or a camera that has no room. A topic that the
broker refuses is asked for again after a while, and the others go on; where nothing can be read any more the
consumer is made anew, and goes on where it stopped.

In a group it commits, once a second, what has gone on: after a crash the next member begins there, so that
messages may go on twice, and none is passed over.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Final, Protocol

from sightline.bus import Consumer, Event, Gap, Log, Lost, Message, Position, Start
from sightline.clock import SYSTEM_CLOCK, Clock, ns
from sightline.errors import Closed, SightlineError
from sightline.log import Repeated, get_logger, redact
from sightline.mux.engine_stats import State

MOST: Final = 256
_POLL_S: Final = 0.5
_SOON_S: Final = 0.02
_LAG_S: Final = 1.0
_LAG_BEHIND_S: Final = 0.2
_COMMIT_S: Final = 1.0
_AGAIN_S: Final = 1.0
_REFUSED_S: Final = 10.0
_READY_S: Final = 30.0
_END_S: Final = 5.0
_FOR_GOOD: Final = 3  # failed polls, one after another


class Hearer(Protocol):
    """What a poller tells. All calls come from its thread."""

    def took(self, topic: str, messages: Sequence[Message], lag: int) -> None:
        """These came of a topic, and so many more wait there."""

    def has_room(self, topic: str) -> bool:
        """Whether more of a topic may be read."""

    def missed(self, gap: Gap) -> None:
        """Messages of a topic were lost."""

    def lost(self, topic: str) -> None:
        """Nothing more comes of a topic for now, and what comes later may be from elsewhere in it."""

    def settled(self) -> Mapping[str, int]:
        """By topic, the offset before which everything has gone on."""

    def failed(self, error: SightlineError | None) -> None:
        """Something cannot be read; None: all is well again."""


class Poller:
    """See the module.

    Args:
        log: what is read.
        hearer: whom it tells.
        start, group: as `Log.consume` has them.
    """

    def __init__(
        self,
        log: Log,
        hearer: Hearer,
        *,
        start: Start = "latest",
        group: str | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._log = log
        self._hearer = hearer
        self._start: Start = start
        self._group = group
        self._lock = threading.Lock()
        self._wanted: frozenset[str] = frozenset()
        self._paused: frozenset[str] = frozenset()
        self._full: frozenset[str] = frozenset()
        self._stopped: frozenset[str] = frozenset()  # at the consumer, by whomever
        self._consumer: Consumer | None = None
        self._closing = threading.Event()
        self._begun = threading.Event()
        self._next: dict[str, int] = {}
        self._returning: dict[str, int] = {}  # where to go on when it is had again
        self._had: frozenset[str] = frozenset()
        self._gone: frozenset[str] = frozenset()  # topics that were had, and are not there any more
        self._refused: dict[str, str] = {}  # topics that cannot be read, and why
        self._asked: frozenset[str] = frozenset()  # those of them that were asked for again
        self._committed: dict[str, int] = {}
        self._lag: dict[str, int] = {}
        self._errors = 0
        self._lag_due, self._commit_due = _Due(clock), _Due(clock)
        self._refused_due = _Due(clock)
        self._logger = get_logger("sightline.mux")
        self._trouble = Repeated(self._logger, "positions were not committed", clock=clock)
        self._thread = threading.Thread(target=self._run, name="mux-poll", daemon=True)
        self._thread.start()

    def want(self, topics: frozenset[str], paused: frozenset[str]) -> None:
        """Reads these topics, but for those that are paused. What is published from now on comes.

        Raises:
            BusError: the broker cannot be reached.
            Closed: the poller was closed.
        """
        with self._lock:
            self._check_open()
            before, self._wanted, self._paused = self._wanted, topics, paused
            for topic in before - topics:
                self._forget(topic)
            if self._consumer is None:
                if not topics:
                    return
                self._open()
            else:
                self._stop(self._consumer)
                if topics == before:
                    return
                self._consumer.want(topics)
            consumer = self._consumer
        # What is in a group is only settled while somebody polls.
        if topics <= before or consumer is None or self._group is not None:
            return
        if not consumer.ready(_READY_S):
            self._logger.warning("reading begins late", topics=len(topics))

    def lag(self) -> Mapping[str, int]:
        """Messages at the broker that were not read, by topic, as of a moment ago."""
        return self._lag

    def positions(self) -> Mapping[str, int]:
        """The offset that comes next, of each topic of which something came."""
        return self._next

    def state(self, topic: str) -> State:
        """Whether it is read; `elsewhere`: its group gave it to another, or to nobody, as it is not there."""
        if topic in self._paused:
            return "paused"
        return "elsewhere" if self._group is not None and topic not in self._had else "running"

    def missing(self) -> Mapping[str, str]:
        """Topics that cannot be read now, and why."""
        return dict.fromkeys(self._gone, "the broker has no such topic any more") | self._refused

    def stop(self) -> None:
        """End the thread: nothing more is read."""
        self._closing.set()
        self._begun.set()
        with self._lock:
            consumer = self._consumer
        if consumer is not None and self._group is None:  # it wakes who polls; a group's has to commit yet
            consumer.close()
        self._thread.join(_END_S)

    def close(self) -> None:
        """Commit what has gone on by now, and close the consumer. Again is allowed."""
        self.stop()
        with self._lock:
            consumer, self._consumer = self._consumer, None
        if consumer is not None:
            self._commit(consumer)
            consumer.close()
        self._trouble.flush()

    def _check_open(self) -> None:
        if self._closing.is_set():
            raise Closed("the reader is closed")

    # With the lock held

    def _open(self) -> None:
        """Makes the consumer."""
        consumer = self._log.consume(
            self._wanted, group=self._group, start=self._start, on_event=self._happened
        )
        self._stopped = self._had = frozenset()
        self._stop(consumer)
        self._consumer = consumer
        self._begun.set()

    def _stop(self, consumer: Consumer) -> None:
        """Reads no topic that is paused or has no room."""
        stopped = (self._paused | self._full) & self._wanted
        before, self._stopped = self._stopped, stopped
        if stopped - before:
            consumer.pause(stopped - before)
        if before - stopped:
            consumer.resume(before - stopped)

    def _forget(self, topic: str) -> None:
        self._gone -= {topic}
        for kept in (self._next, self._returning, self._refused, self._committed, self._lag):
            kept.pop(topic, None)

    # In the thread

    def _run(self) -> None:
        self._begun.wait()
        while not self._closing.is_set():
            consumer = self._consumer
            try:
                if consumer is None:
                    self._reopen()
                else:
                    self._step(consumer)
            except Closed as error:
                if not self._closing.is_set() and self._consumer is consumer:
                    self._fail(consumer, error, for_good=True)
            except SightlineError as error:
                self._fail(consumer, error)

    def _step(self, consumer: Consumer) -> None:
        messages = consumer.poll(MOST, _SOON_S if self._full else _POLL_S)
        if self._errors:
            self._errors = 0
            self._hearer.failed(None)
        is_fresh = self._lag_due.after(_LAG_S if len(messages) < MOST else _LAG_BEHIND_S)
        if is_fresh:
            self._lag = dict(consumer.lag())
        full = self._full
        for topic, run in _by_topic(messages):
            self._next[topic] = run[-1].offset + 1
            if not is_fresh:
                self._lag[topic] = max(self._lag.get(topic, 0) - len(run), 0)
            self._hearer.took(topic, run, self._lag.get(topic, 0))
            full |= {topic}
        self._look_round(consumer, full)

    def _look_round(self, consumer: Consumer, perhaps_full: frozenset[str]) -> None:
        full = frozenset(topic for topic in perhaps_full if not self._hearer.has_room(topic))
        with self._lock:
            self._full = full & self._wanted
            self._stop(consumer)
        if self._group is not None and self._commit_due.after(_COMMIT_S):
            self._commit(consumer)
        if self._group is None and self._refused and self._refused_due.after(_REFUSED_S):
            self._ask_again(consumer)

    def _happened(self, consumer: Consumer, event: Event) -> None:
        if isinstance(event, Gap):
            self._hearer.missed(event)
        elif isinstance(event, Lost):
            self._had -= event.topics
            for topic in event.topics:
                self._next.pop(topic, None)
                self._hearer.lost(topic)
            if self._group is None:
                self._gone |= (event.topics & self._wanted) - self._refused.keys()
        else:
            self._had |= event.positions.keys()
            self._gone -= event.positions.keys()
            for topic, position in event.positions.items():
                self._refused.pop(topic, None)
                self._committed[topic] = position.offset
                if (to := self._returning.pop(topic, None)) is not None:
                    consumer.seek(topic, to)

    def _commit(self, consumer: Consumer) -> None:
        """Of what changed since the last time, and was read since the topic was had."""
        if self._group is None:
            return
        settled = {
            topic: at
            for topic, at in self._hearer.settled().items()
            if self._committed.get(topic, 0) < at <= self._next.get(topic, 0)
        }
        try:
            if settled:
                stands = consumer.commit({topic: Position(at) for topic, at in settled.items()})
                self._committed.update({topic: settled[topic] for topic in stands})
        except SightlineError as error:
            self._trouble.add(error=redact(str(error)))

    def _ask_again(self, consumer: Consumer) -> None:
        """For the topics that were refused. One that was not refused again is only waited for."""
        with self._lock:
            self._refused = {topic: why for topic, why in self._refused.items() if topic not in self._asked}
            self._asked = frozenset(self._refused)
            if self._asked:
                consumer.want(self._wanted - self._asked)
                consumer.want(self._wanted)

    def _fail(self, consumer: Consumer | None, error: SightlineError, *, for_good: bool = False) -> None:
        """One topic may be the reason, and the others go on; or nothing comes any more."""
        self._errors += 1
        text = redact(str(error))
        self._logger.warning("something cannot be read", error=text)
        for topic in self._wanted:
            if topic in text.split():
                self._gone -= {topic}
                self._asked -= {topic}
                self._refused[topic] = text
        self._hearer.failed(error)
        if consumer is not None and (for_good or self._errors >= _FOR_GOOD):
            with self._lock:
                self._consumer = None
            consumer.close()
            if self._group is None:
                self._returning = dict(self._next)
        if self._consumer is None:
            self._closing.wait(_AGAIN_S)

    def _reopen(self) -> None:
        with self._lock:
            if self._consumer is None and self._wanted:
                self._open()
        if self._consumer is None:
            self._closing.wait(_SOON_S)


class _Due:
    """Whether so much time has passed since it was last so; at once, the first time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._at_ns: int | None = None

    def after(self, seconds: float) -> bool:
        now_ns = self._clock.monotonic_ns()
        if self._at_ns is not None and now_ns - self._at_ns < ns(seconds):
            return False
        self._at_ns = now_ns
        return True


def _by_topic(messages: Sequence[Message]) -> Iterator[tuple[str, list[Message]]]:
    """Runs of one topic; `poll` gives topic by topic."""
    for topic, group in groupby(messages, key=attrgetter("topic")):
        yield topic, list(group)
