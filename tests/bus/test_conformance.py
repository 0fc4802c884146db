"""The suite for buses finds what it is there to find: each of these buses breaks one promise."""

import re
import time
from collections.abc import Iterable
from typing import Any

import pytest

from sightline.bus import Feature, Topics
from sightline.bus.inbox import Inbox
from sightline.bus.memory import MemoryBus
from sightline.errors import Unsupported
from sightline.overflow import Overflow
from sightline.testing import check_bus
from sightline.wire import Headers


class LosesRepeatedHeaders(MemoryBus):
    def publish(self, topic: str, value: bytes, *, headers: Headers = (), **more: Any) -> None:
        super().publish(topic, value, headers=tuple(dict(headers).items()), **more)


class MixesUpNoKey(MemoryBus):
    def publish(self, topic: str, value: bytes, *, key: bytes | None = None, **more: Any) -> None:
        super().publish(topic, value, key=key or None, **more)


class ForgetsKeyframes(MemoryBus):
    def publish(self, topic: str, value: bytes, *, keyframe: bool = False, **more: Any) -> None:
        super().publish(topic, value, **more)


class KnowsNoKeys(MemoryBus):
    def subscribe(self, topics: Topics, *, key: object = None, **more: Any) -> Inbox:
        return super().subscribe(topics, **more)


class LosesTheFirstOfATopic(MemoryBus):
    seen: set[str]

    def publish(self, topic: str, value: bytes, **more: Any) -> None:
        self.seen = getattr(self, "seen", set())
        if topic in self.seen or "later" not in topic:
            super().publish(topic, value, **more)
        self.seen.add(topic)


class MatchesHalfNames(MemoryBus):
    def subscribe(self, topics: Topics, **more: Any) -> Inbox:
        loose = re.compile(f"{topics.pattern}.*") if isinstance(topics, re.Pattern) else topics
        return super().subscribe(loose, **more)


class DropsWhatItMayNot(MemoryBus):
    def subscribe(self, topics: Topics, *, overflow: Overflow, **more: Any) -> Inbox:
        lossy = Overflow.DROP_OLDEST if overflow is Overflow.BLOCK else overflow
        return super().subscribe(topics, overflow=lossy, **more)


class NewestFirst(MemoryBus):
    def subscribe(self, topics: Topics, **more: Any) -> Inbox:
        inbox = super().subscribe(topics, **more)
        poll = inbox.poll
        if len(topics) == 3:  # type: ignore[arg-type]  # no pattern comes before the check that finds it
            inbox.poll = lambda max_messages, timeout_s: poll(max_messages, timeout_s)[::-1]  # type: ignore[method-assign]  # the promise it breaks
        return inbox


class PausesNothing(MemoryBus):
    def subscribe(self, topics: Topics, **more: Any) -> Inbox:
        inbox = super().subscribe(topics, **more)
        inbox.pause = lambda topics: None  # type: ignore[method-assign]  # the promise it breaks
        return inbox


class PollsInItsOwnTime(MemoryBus):
    def subscribe(self, topics: Topics, **more: Any) -> Inbox:
        inbox = super().subscribe(topics, **more)
        poll = inbox.poll
        inbox.poll = lambda max_messages, timeout_s: poll(max_messages, min(timeout_s, 0.05))  # type: ignore[method-assign]  # the promise it breaks
        return inbox


class SleepsThroughClosing(MemoryBus):
    def subscribe(self, topics: Topics, **more: Any) -> Inbox:
        inbox = super().subscribe(topics, **more)
        inbox.close = lambda: None  # type: ignore[method-assign]  # the promise it breaks
        return inbox


class ForgetsToCount(MemoryBus):
    def subscribe(self, topics: Topics, **more: Any) -> Inbox:
        inbox = super().subscribe(topics, **more)
        stats = inbox.stats
        inbox.stats = lambda topic=None: stats("none") if topic else stats()  # type: ignore[method-assign]  # the promise it breaks
        return inbox


class PublishesAfterClosing(MemoryBus):
    def _check_open(self) -> None:
        pass


class TakesAnyTopic(MemoryBus):
    def publish(self, topic: str, value: bytes, **more: Any) -> None:
        if re.fullmatch(r"[\w.-]+", topic):
            super().publish(topic, value, **more)


class NeverReady(MemoryBus):
    def subscribe(self, topics: Topics, **more: Any) -> Inbox:
        inbox = super().subscribe(topics, **more)
        inbox.ready = lambda timeout_s: False  # type: ignore[method-assign]  # the promise it breaks
        return inbox


class ThinksThatAllIsRead(MemoryBus):
    def wait_wanted(self, topic: str, timeout_s: float) -> bool:
        return super().wait_wanted(topic, 0) or True


class HearsOfNoReader(MemoryBus):
    def wait_wanted(self, topic: str, timeout_s: float) -> bool:
        before = super().wait_wanted(topic, 0)
        time.sleep(min(timeout_s, 1.0))
        return before


class WaitsOnWhenClosed(MemoryBus):
    def wait_wanted(self, topic: str, timeout_s: float) -> bool:
        return super().wait_wanted(topic, timeout_s) if not self._closed else False


@pytest.mark.parametrize(
    ("broken", "found_by"),
    [
        (LosesRepeatedHeaders, "byte_for_byte"),
        (MixesUpNoKey, "byte_for_byte"),
        (NeverReady, "byte_for_byte"),
        (NewestFirst, "keeps_its_order"),
        (LosesTheFirstOfATopic, "from_its_first_message"),
        (MatchesHalfNames, "whole_name"),
        (ForgetsToCount, "drops_and_counts"),
        (ForgetsKeyframes, "by_keyframe_and_key"),
        (KnowsNoKeys, "by_keyframe_and_key"),
        (DropsWhatItMayNot, "blocks_loses_nothing"),
        (PausesNothing, "paused_topic_waits"),
        (PollsInItsOwnTime, "on_time|paused_topic_waits"),
        (SleepsThroughClosing, "wakes_whoever_polls"),
        (ThinksThatAllIsRead, "whether_anybody_reads"),
        (HearsOfNoReader, "whether_anybody_reads"),
        (WaitsOnWhenClosed, "whether_anybody_reads"),
        (PublishesAfterClosing, "closed_bus_does_nothing"),
        (TakesAnyTopic, "wrong_is_refused"),
    ],
)
def test_a_broken_promise_is_found(broken: type[MemoryBus], found_by: str) -> None:
    with pytest.raises(AssertionError) as found:
        check_bus(lambda: broken(f"memory://{broken.__name__}"), timeout_s=0.5)
    assert re.search(found_by, found.value.__notes__[0])


class Plain(MemoryBus):
    """A bus that lacks all that a bus may lack, and says so."""

    features = frozenset()

    def subscribe(self, topics: Topics, *, overflow: Overflow, **more: Any) -> Inbox:
        if isinstance(topics, re.Pattern):
            raise Unsupported(f"this bus has no {Feature.PATTERNS}")
        if overflow is Overflow.BLOCK:
            raise Unsupported(f"this bus cannot {Feature.BLOCK}")
        inbox = super().subscribe(topics, overflow=overflow, **more)
        inbox.pause = self._refuse_to_pause  # type: ignore[method-assign]  # the feature it lacks
        return inbox

    def _refuse_to_pause(self, topics: str | Iterable[str]) -> None:
        raise Unsupported(f"this bus cannot {Feature.PAUSE}")


def test_a_bus_that_lacks_a_feature_and_refuses_it_by_name_passes(no_leaks: None) -> None:
    check_bus(lambda: Plain("memory://plain"))


class Unnamed(Plain):
    def _refuse_to_pause(self, topics: str | Iterable[str]) -> None:
        raise Unsupported("no")


def test_a_refusal_that_does_not_name_the_feature_is_found() -> None:
    with pytest.raises(AssertionError, match="'pause' named in 'no'"):
        check_bus(lambda: Unnamed("memory://unnamed"))


class Hangs(MemoryBus):
    def publish(self, topic: str, value: bytes, **more: Any) -> None:
        time.sleep(2)


def test_a_bus_that_hangs_ends_the_suite_in_time() -> None:
    with pytest.raises(AssertionError, match=r"the check: expected an end within 0\.3"):
        check_bus(lambda: Hangs("memory://hangs"), timeout_s=0.05)
