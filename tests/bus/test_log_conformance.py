"""The suite for logs finds what it is there to find: each of these logs breaks one promise."""

import contextlib
import re
import time
from collections.abc import Iterable, Mapping
from itertools import chain, islice
from typing import Any

import pytest

from sightline.bus import Consumer, Event, Feature, Gained, Gap, Lost, Message, OnEvent, Position, Topics
from sightline.bus.history import History, LastOfEachKey
from sightline.bus.memory import MemoryBus
from sightline.bus.memory_log import MemoryConsumer
from sightline.bus.names import topic_names
from sightline.errors import Closed, ConfigError, Unsupported
from sightline.testing import check_log

HISTORY_BYTES = 64 * 1024


@pytest.fixture(autouse=True)
def _in_haste(monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not come in memory at once does not come."""
    monkeypatch.setattr("sightline.bus.log_conformance._MOMENT_S", 0.02)
    monkeypatch.setattr("sightline.bus.log_wanting._MOMENT_S", 0.02)
    monkeypatch.setattr("sightline.bus.log_trial._TURN_S", 0.001)


class Broken(MemoryBus):
    def consume(self, topics: Topics, **more: Any) -> MemoryConsumer:
        consumer = super().consume(topics, **more)
        self.twist(consumer)
        return consumer

    def twist(self, consumer: Any) -> None:
        """Takes a consumer one promise."""


class HasNoGroups(MemoryBus):
    def consume(self, topics: Topics, *, group: str | None = None, **more: Any) -> MemoryConsumer:
        return super().consume(topics, group=None, **more)


class HasOneGroup(MemoryBus):
    def consume(self, topics: Topics, *, group: str | None = None, **more: Any) -> MemoryConsumer:
        return super().consume(topics, group="one", **more)


class TakesAnyGroup(MemoryBus):
    def consume(self, topics: Topics, *, group: str | None = None, **more: Any) -> MemoryConsumer:
        name = None if group is None else re.sub("[^a-z0-9.-]", "x", group)[:200] or "x"
        return super().consume(topics, group=name, **more)


class BeginsAtTheEnd(MemoryBus):
    def consume(self, topics: Topics, *, start: str = "latest", **more: Any) -> MemoryConsumer:
        return super().consume(topics, start="latest", **more)


class BeginsAtTheBeginning(MemoryBus):
    def consume(self, topics: Topics, *, start: str = "latest", **more: Any) -> MemoryConsumer:
        return super().consume(topics, start="earliest", **more)


class LosesTheFirstOfATopic(MemoryBus):
    def publish(self, topic: str, value: bytes, **more: Any) -> None:
        if "later" not in topic or self.ends(topic):
            super().publish(topic, value, **more)
        else:
            with self._broker.lock:
                self._broker._begun(topic, History(HISTORY_BYTES))


class MatchesHalfNames(MemoryBus):
    def consume(self, topics: Topics, **more: Any) -> MemoryConsumer:
        loose = re.compile(f"{topics.pattern}.*") if isinstance(topics, re.Pattern) else topics
        return super().consume(loose, **more)


class WaitsForSlowConsumers(MemoryBus):
    def publish(self, topic: str, value: bytes, **more: Any) -> None:
        super().publish(topic, value, **more)
        if self.ends(topic)[topic].next == 1000:
            time.sleep(2)


class WantsMore(Broken):
    """Of what it wanted before it lets nothing go."""

    def twist(self, consumer: Any) -> None:
        want = consumer.want
        consumer.want = lambda topics: want({*consumer._next, *topics})


class TakesAllAnew(Broken):
    """Of what it keeps it lets go for a moment."""

    def twist(self, consumer: Any) -> None:
        want = consumer.want

        def want_anew(topics: Iterable[str]) -> None:
            held = dict(consumer._next)
            want([])
            want(topics)
            with consumer._lock:
                consumer._next.update({topic: at for topic, at in held.items() if topic in consumer._next})

        consumer.want = want_anew


class GoesOnWhereItWas(Broken):
    def twist(self, consumer: Any) -> None:
        want, commits = consumer.want, consumer._commits

        def want_as_a_member(topics: Iterable[str]) -> None:
            consumer._commits = True
            if not commits:
                consumer.group.positions.update({t: Position(at) for t, at in consumer._next.items()})
            want(topics)
            consumer._commits = commits

        consumer.want = want_as_a_member


class CommitsByItself(Broken):
    def twist(self, consumer: Any) -> None:
        close = consumer.close

        def commit_and_close() -> None:
            if consumer._commits and not consumer._closed:
                consumer.commit()
            close()

        consumer.close = commit_and_close


class ForgetsWhoLeft(MemoryBus):
    def _leave(self, consumer: MemoryConsumer) -> None:
        self._readers.discard(consumer)


class LosesTheText(Broken):
    def twist(self, consumer: Any) -> None:
        commit = consumer.commit

        def lossy(positions: Mapping[str, Position] | None = None) -> frozenset[str]:
            bare = {topic: Position(at.offset) for topic, at in (positions or {}).items()}
            return commit(positions and bare)  # type: ignore[no-any-return]

        consumer.commit = lossy


class CommitsForOthers(Broken):
    def twist(self, consumer: Any) -> None:
        def commit(member: object, positions: Mapping[str, Position]) -> frozenset[str]:
            consumer.group.positions.update(positions)
            return frozenset(positions)

        consumer.group.commit = commit


class SeeksNowhere(Broken):
    def twist(self, consumer: Any) -> None:
        consumer.seek = lambda topic, to: consumer._next.get(topic)


class SeeksTooLate(Broken):
    """What is sought while a topic is gained is forgotten."""

    def twist(self, consumer: Any) -> None:
        told = consumer._on_event

        def tell(_consumer: Consumer, event: Event) -> None:
            before = dict(consumer._next)
            told(consumer, event)
            consumer._next.update(before)

        consumer._on_event = tell


class SeesNoLag(Broken):
    def twist(self, consumer: Any) -> None:
        consumer.lag = lambda: dict.fromkeys(consumer._next, 0)


class MixesTopics(Broken):
    def twist(self, consumer: Any) -> None:
        poll = consumer.poll
        consumer.poll = lambda most, timeout_s: sorted(
            poll(most, timeout_s), key=lambda message: message.offset
        )


class Eager(MemoryBus):
    """Takes all topics from all members to share them anew."""

    def consume(self, topics: Topics, *, group: str | None = None, **more: Any) -> MemoryConsumer:
        with self._broker.lock:
            holders = self._broker.group(group).holders
            for topic in list(holders):
                holders.pop(topic).tell(Lost(frozenset({topic})))
        return super().consume(topics, group=group, **more)


class TellsOf(Broken):
    """Only of some things that happen."""

    def __init__(self, url: str, untold: type[Event]) -> None:
        super().__init__(url)
        self._untold = untold

    def twist(self, consumer: Any) -> None:
        told = consumer._on_event

        def tell(_consumer: Consumer, event: Event) -> None:
            if not isinstance(event, self._untold):
                told(consumer, event)

        consumer._on_event = tell


class TellsTooLate(Broken):
    def twist(self, consumer: Any) -> None:
        tell: OnEvent = consumer._on_event
        poll, late = consumer.poll, []
        consumer._on_event = lambda _consumer, event: late.append(event)

        def poll_first(most: int, timeout_s: float) -> list[Message]:
            for event in late:
                tell(consumer, event)
            late.clear()
            return poll(most, timeout_s)  # type: ignore[no-any-return]

        consumer.poll = poll_first


class PausesNothing(Broken):
    def twist(self, consumer: Any) -> None:
        consumer.pause = lambda topics: None


class SleepsThroughClosing(Broken):
    def twist(self, consumer: Any) -> None:
        consumer.close = lambda: None


class GoesOnAfterClosing(Broken):
    def twist(self, consumer: Any) -> None:
        commit = consumer.commit

        def patient(positions: Mapping[str, Position] | None = None) -> frozenset[str]:
            try:
                return commit(positions)  # type: ignore[no-any-return]
            except Closed:
                return frozenset()

        consumer.commit = patient


class KeepsNothing(MemoryBus):
    """A bus that is no log and does not say so."""

    features = frozenset(Feature)

    def consume(self, topics: Topics, **more: Any) -> MemoryConsumer:
        raise Unsupported("no")


class KeepsTheLastOnly(MemoryBus):
    def compact(self, topics: str | Iterable[str]) -> None:
        with self._broker.lock:
            for topic in topic_names(topics):
                self._broker.histories.get(topic) or self._broker._begun(topic, History(HISTORY_BYTES))


class ForgetsInTheMiddle(MemoryBus):
    """What one that stands still was to get is gone when it goes on."""

    def publish(self, topic: str, value: bytes, **more: Any) -> None:
        super().publish(topic, value, **more)
        if topic.endswith("stands") and (more.get("key"), value) == (b"b", b"last"):
            self._broker.histories[topic]._kept.pop(b"a")  # type: ignore[call-overload]


class TellsOfHoles(MemoryBus):
    def publish(self, topic: str, value: bytes, **more: Any) -> None:
        super().publish(topic, value, **more)
        if isinstance(history := self._broker.histories[topic], LastOfEachKey):
            history.lost_before = history.first


class SendsAllToWhoWantsTheNew(MemoryBus):
    def consume(self, topics: Topics, *, start: str = "latest", **more: Any) -> MemoryConsumer:
        start = "earliest" if str(topics).endswith("latest") else start
        return super().consume(topics, start=start, **more)  # type: ignore[arg-type]


class ForgetsNoKey(MemoryBus):
    def publish(self, topic: str, value: bytes, *, key: bytes | None = None, **more: Any) -> None:
        if value or "gone" not in topic:
            super().publish(topic, value, key=key, **more)


class CompactsWhatIsThere(MemoryBus):
    def compact(self, topics: str | Iterable[str]) -> None:
        with contextlib.suppress(ConfigError):
            super().compact(topics)


class TakesNoKey(MemoryBus):
    def publish(self, topic: str, value: bytes, *, key: bytes | None = None, **more: Any) -> None:
        super().publish(topic, value, key=key or b"none", **more)


def untold(kind: type[Event]) -> Any:
    def log(url: str) -> MemoryBus:
        return TellsOf(url, kind)

    return log


@pytest.mark.parametrize(
    ("broken", "found_by"),
    [
        (HasOneGroup, "each_group_gets_all"),
        (BeginsAtTheEnd, "each_group_gets_all"),
        (TellsTooLate, "each_group_gets_all"),
        (untold(Gained), "each_group_gets_all"),
        (BeginsAtTheBeginning, "begins_where_it_says"),
        (LosesTheFirstOfATopic, "from_its_first_message"),
        (MatchesHalfNames, "a_pattern_picks"),
        (WantsMore, "may_want_others"),
        (TakesAllAnew, "may_want_others"),
        (GoesOnWhereItWas, "wanted_again"),
        (HasNoGroups, "members_share"),
        (untold(Lost), "members_share"),
        (CommitsByItself, "not_committed_comes_again"),
        (ForgetsWhoLeft, "not_committed_comes_again"),
        (LosesTheText, "comes_back_with_its_text"),
        (CommitsForOthers, "comes_back_with_its_text"),
        (SeeksNowhere, "seek_goes_back"),
        (SeeksTooLate, "may_seek_before_it_reads"),
        (SeesNoLag, "lag_is_what_waits"),
        (WaitsForSlowConsumers, "holds_up_nobody"),
        (MixesTopics, "topic_by_topic"),
        (Eager, "told_what_changes"),
        (PausesNothing, "paused_topic_waits"),
        (SleepsThroughClosing, "not_committed_comes_again"),
        (GoesOnAfterClosing, "closing_wakes"),
        (TakesAnyGroup, "wrong_is_refused"),
        (untold(Gap), "evicted_is_told"),
        (KeepsNothing, "each_group_gets_all"),
        (KeepsTheLastOnly, "late_gets_the_last_of_each_key"),
        (TellsOfHoles, "stood_still_goes_on_without"),
        (ForgetsInTheMiddle, "stood_still_goes_on_without"),
        (SendsAllToWhoWantsTheNew, "only_reads_what_is_new"),
        (ForgetsNoKey, "its_key_is_gone"),
        (CompactsWhatIsThere, "otherwise_is_not_compacted"),
        (TakesNoKey, "otherwise_is_not_compacted"),
    ],
)
def test_a_broken_promise_is_found(broken: type[MemoryBus], found_by: str) -> None:
    url = f"memory://{broken.__name__}?history=64KiB"
    with pytest.raises((AssertionError, Unsupported, Closed, ConfigError)) as found:
        check_log(lambda: broken(url), timeout_s=0.6, history_bytes=HISTORY_BYTES)
    assert re.search(found_by, found.value.__notes__[-1])


def busiest_first(most: int, waiting: Mapping[str, Iterable[Message]]) -> list[Message]:
    return list(islice(chain.from_iterable(waiting[topic] for topic in sorted(waiting)), most))


def test_a_topic_that_waits_for_a_busier_one_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sightline.bus.memory_log.first_messages", busiest_first)
    with pytest.raises(AssertionError) as found:
        check_log(lambda: MemoryBus("memory://busiest?history=64KiB"), timeout_s=0.6)
    assert "topics_take_turns" in found.value.__notes__[0]
