"""A reader of Kafka as a log, with one client of librdkafka and one thread. `kafka_log` says how it behaves.

The thread alone uses the client: the library lets one in at a time, and who waits beside a fetch waits long.
Whoever polls finds what came in the `Lines`, and leaves there what the thread is to do.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Final, Self

from sightline.bus.kafka_client import confluent_kafka
from sightline.bus.kafka_commits import Stands
from sightline.bus.kafka_reader import Item, Reached, Trouble
from sightline.bus.kafka_share import Held, Share
from sightline.bus.log import Event, Gained, Gap, Lost, OnEvent, Position, Start
from sightline.bus.names import Wanted, other_topics, topic_names
from sightline.bus.promise import Message
from sightline.errors import BusError, Closed, ConfigError
from sightline.log import get_logger
from sightline.overflow import BufferStats

_LOOK_S: Final = 0.5
_WAIT_S: Final = 0.02  # as long may a seek, a pause, a commit or closing take
_REST_S: Final = 0.2
_ENDS_S: Final = 0.5
_AT_ONCE: Final = 128
_PATIENCE_S: Final = 0.5
_AGAIN_S: Final = 0.05
_COMMIT_S: Final = 10.0
_CLOSE_S: Final = 10.0
_SILENT: Final = 120  # answers, one in half a second: a fetch is given up by librdkafka within 60 s


class _Wish:
    """A commit that its thread is to make."""

    def __init__(self, positions: dict[str, Position]) -> None:
        self.positions = positions
        self.answer: Future[Stands] | None = None


class KafkaConsumer:
    """A reader of the log. `sightline.bus.Consumer` says what its methods do.

    Args:
        held: its client of librdkafka, which is closed with it, and what it holds.
        share: how topics come to it.
        wanted: topics, checked.
        group: that it is in; None: it is alone.
        on_event: as `sightline.bus.Log.consume` has it.
        on_close: called when it closes.
    """

    def __init__(
        self,
        held: Held,
        share: Share,
        wanted: Wanted,
        *,
        group: str | None,
        on_event: OnEvent,
        on_close: Callable[[KafkaConsumer], None],
    ) -> None:
        self._held = held
        self._lines = held.lines
        self._changed = held.changed
        self._share = share
        self._wanted = wanted
        self._wishes = held.wishes
        self._commits: deque[_Wish] = deque()
        self._group = group
        self._on_event = on_event
        self._on_close = on_close
        self._look_s = self._rest_s = self._ends_s = 0.0
        self._asked: Mapping[Any, Future[Any]] = {}
        self._again: set[str] = set()
        self._out_of_range = confluent_kafka().KafkaError._AUTO_OFFSET_RESET  # noqa: SLF001 - so it is named
        self._silent = 0
        self._is_ready = self._closed = False
        self._failure: BusError | None = None
        self._thread = threading.Thread(target=self._run, name="kafka consumer", daemon=True)
        self._thread.start()

    # For the reader.

    def ready(self, timeout_s: float) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._is_ready or self._closed or self._failure, timeout_s)
            return self._is_ready and self._failure is None

    def poll(self, max_messages: int, timeout_s: float) -> list[Message]:
        until_s = time.monotonic() + timeout_s
        while isinstance(due := self._await(max_messages, until_s - time.monotonic()), Gained | Lost | Gap):
            self._on_event(self, due)
        return due

    def pause(self, topics: str | Iterable[str]) -> None:
        with self._changed:
            self._lines.pause(topic_names(topics))

    def resume(self, topics: str | Iterable[str]) -> None:
        with self._changed:
            self._lines.resume(topic_names(topics))

    def want(self, topics: str | Iterable[str]) -> None:
        with self._changed:
            self._check_open()
            wanted = other_topics(self._wanted, topics)
            self._wanted = wanted
            self._is_ready = False
            self._lines.lose(self._lines.topics - wanted)
            self._wishes.append(wanted)
            self._changed.notify_all()

    def positions(self) -> dict[str, int]:
        with self._changed:
            return self._lines.positions()

    def lag(self) -> dict[str, int]:
        with self._changed:
            return self._lines.lag()

    def seek(self, topic: str, to: int | Start) -> int | None:
        if isinstance(to, int) and to < 0:
            raise ConfigError(f"expected an offset from 0 to seek in topic {topic}, got {to}")
        with self._changed:
            self._check_open()
            if topic not in self._lines.topics:
                return None
        ends = self._held.questions.ends([topic]).get(topic)
        with self._changed:
            self._check_open()
            if ends is None or topic not in self._lines.topics:
                return None
            offset = ends.first if to == "earliest" else ends.next if to == "latest" else min(to, ends.next)
            self._lines.seek(topic, offset)
            self._lines.ended({topic: ends.next})
            self._lines.missing(topic, ends.first)
            self._changed.notify_all()
            return max(offset, ends.first)

    def commit(self, positions: Mapping[str, Position] | None = None) -> frozenset[str]:
        if self._group is None:
            raise ConfigError("a consumer without a group has nothing to commit to; name one with group=")
        with self._changed:
            self._check_open()
            here = {topic: Position(offset) for topic, offset in self._lines.positions().items()}
        left = self._held_of(here if positions is None else positions)
        stands: frozenset[str] = frozenset()
        until_s = time.monotonic() + _COMMIT_S
        while left:
            stands |= self._stands(left, until_s)
            left = self._held_of({topic: at for topic, at in left.items() if topic not in stands})
            if left:
                self._wait_for_the_group(until_s)
        return stands

    def stats(self, topic: str | None = None) -> BufferStats:
        with self._changed:
            return self._lines.stats(topic)

    def close(self) -> None:
        self._on_close(self)
        with self._changed:
            self._closed = True
            self._lines.close()
            self._changed.notify_all()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _await(self, most: int, timeout_s: float) -> Event | list[Message]:
        with self._changed:
            return self._changed.wait_for(lambda: self._due(most), timeout_s)

    def _due(self, most: int) -> Event | list[Message]:
        self._check_open()
        due = self._lines.due(most)
        if not due:
            self._check_going()
        else:
            self._changed.notify_all()  # there may be room
        return due

    def _held_of(self, positions: Mapping[str, Position]) -> dict[str, Position]:
        with self._changed:
            self._check_open()
            held = self._lines.topics
        return {topic: at for topic, at in positions.items() if topic in held}

    def _stands(self, positions: dict[str, Position], until_s: float) -> frozenset[str]:
        """Has its thread commit, and waits for the answer."""
        wish = _Wish(positions)
        with self._changed:
            self._commits.append(wish)
            self._changed.notify_all()
            while wish.answer is None or not wish.answer.done():
                if time.monotonic() > until_s:
                    raise BusError(f"no answer to a commit to group {self._group} within {_COMMIT_S} s")
                self._changed.wait(_AGAIN_S)
                self._check_open()
                self._check_going()
        return wish.answer.result()

    def _wait_for_the_group(self, until_s: float) -> None:
        """While it changes it takes no commit, and nobody knows yet what will change hands."""
        if time.monotonic() > until_s:
            raise BusError(f"a commit to group {self._group} did not come to stand within {_COMMIT_S} s")
        with self._changed:
            self._changed.wait(_AGAIN_S)

    def _check_open(self) -> None:
        if self._closed:
            raise Closed("this consumer is closed")

    def _check_going(self) -> None:
        if self._failure is not None:
            raise BusError(str(self._failure))

    # In its thread.

    def _run(self) -> None:
        try:
            while not self._closed:
                self._serve()
        except Exception as error:  # noqa: BLE001 - told to whoever polls
            told = error if isinstance(error, BusError) else BusError(f"reading Kafka failed: {error!r}")
            with self._changed:
                self._failure = told
                self._changed.notify_all()
        finally:
            self._held.reader.abandon().join(_CLOSE_S)

    def _serve(self) -> None:
        self._ask()
        self._stay_within()
        self._held.move()
        if not self._is_ready and self._share.is_ready():
            with self._changed:
                self._is_ready = not self._wishes
                self._changed.notify_all()
        self._commit()
        self._take_in(self._held.reader.consume(_AT_ONCE, _WAIT_S))
        self._note_ends()

    def _ask(self) -> None:
        """What needs the broker; one that is away is waited for."""
        if time.monotonic() < self._rest_s:
            return
        try:
            self._look()
            self._share.settle()
        except BusError:
            self._rest_s = time.monotonic() + _REST_S

    def _commit(self) -> None:
        while self._commits:
            wish = self._commits.popleft()
            wish.answer = self._held.commits.begin(wish.positions)

    def _note_ends(self) -> None:
        """Asked of another client, and nobody waits: librdkafka's consumer tells what its last fetch saw with
        the GIL held, so that all of the process stands still where the consumer does (its issue 5476).
        """
        if self._asked and all(answer.done() for answer in self._asked.values()):
            self._take_ends()
        now_s = time.monotonic()
        if self._asked or now_s < self._ends_s:
            return
        self._ends_s = now_s + _ENDS_S
        with self._changed:
            fetched = self._lines.topics - self._lines.resting
        self._asked = self._held.questions.ask_ends(fetched)

    def _take_ends(self) -> None:
        told = ((each.topic, answer) for each, answer in self._asked.items() if answer.exception() is None)
        ends = {topic: answer.result().offset for topic, answer in told}
        self._asked = {}
        with self._changed:
            self._lines.ended({topic: end for topic, end in ends.items() if topic not in self._lines.resting})
            self._silent = self._silent + 1 if self._lines.behind(ends) else 0
        if self._silent > _SILENT:
            self._renew()

    def _renew(self) -> None:
        """Threads of librdkafka's may wait for each other for ever (its issue 5476); other clients go on."""
        self._silent = 0
        get_logger(__name__).warning("a client of Kafka that stands still is replaced", group=self._group)
        self._held.renew()
        self._share.renewed()
        self._look_s = 0.0

    def _look(self) -> None:
        now_s = time.monotonic()
        if not self._wishes and now_s < self._look_s:
            return
        self._look_s = now_s + _LOOK_S
        while self._wishes:
            self._share.want(self._wishes.popleft())
        self._share.look()
        with self._changed:
            resting = self._lines.resting
            for topic in self._again:
                self._lines.fetch_again(topic)
            self._again.clear()
        if resting:
            ends = self._held.questions.ends_now(resting)
            with self._changed:
                self._lines.ended({topic: each.next for topic, each in ends.items()})

    def _stay_within(self) -> None:
        """Waits a moment for room; then fetches nothing until there is."""
        with self._changed:
            if self._lines.is_full and not self._lines.is_stalled:
                self._changed.wait_for(lambda: self._closed or not self._lines.is_full, _PATIENCE_S)
            self._lines.stall(on=self._lines.is_full)

    def _take_in(self, items: Iterable[Item]) -> None:
        troubles = []
        with self._changed:
            if self._closed:
                return
            for item in items:
                self._silent = 0
                if isinstance(item, Trouble):
                    troubles.append(item)
                elif isinstance(item, Reached):
                    self._lines.reached(item.topic, item.offset)
                else:
                    self._lines.put(item)
            self._changed.notify_all()
        for trouble in troubles:
            self._heed(trouble)

    def _heed(self, trouble: Trouble) -> None:
        if trouble.topic is not None and trouble.code == self._out_of_range:
            try:
                self._find(trouble.topic)
            except BusError:
                self._again.add(trouble.topic)
        elif trouble.lasting and trouble.topic is None:
            raise trouble.error
        elif trouble.lasting and trouble.topic is not None and trouble.topic in self._held.topics():
            self._share.refuse(trouble.topic)
            with self._changed:
                self._lines.fail(trouble.error)

    def _find(self, topic: str) -> None:
        """What was to be fetched is not there."""
        ends = self._held.questions.ends_now([topic]).get(topic)
        with self._changed:
            at = self._lines.at(topic)
        if ends is None or at is None:
            self._again.add(topic)
        elif at > ends.next and not self._held.ids.is_same(topic):
            self._share.begin_again(frozenset({topic}))
        else:
            with self._changed:
                self._lines.missing(topic, ends.first)
                # A leader that was not up to date has shortened it: what was read is read once.
                self._lines.fetch_again(topic, min(at, ends.next) if at >= ends.first else None)
