"""The promise of a bus as a suite that any back end passes; `sightline.testing` shows it to the public.

It uses what `sightline.bus.Bus` says and nothing else: it runs alike against a broker in this process and one
that takes seconds to let a reader in. It does not measure speed, and does not break brokers.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from itertools import count
from typing import Final

from sightline.bus.promise import Feature, Subscription
from sightline.bus.trial import (
    MakeBus,
    Trial,
    expect,
    expect_error,
    numbers,
    publish_all,
    result,
    start,
    values,
)
from sightline.errors import BufferFull, Closed, ConfigError, Unsupported
from sightline.overflow import Capacity, Overflow

_MOMENT_S: Final = 0.2  # long enough to see that something waits
_SLACK_S: Final = 1.0  # what a busy machine may add to a time-out
_STAMPED_SINCE_NS: Final = 1_600_000_000_000_000_000  # 2020: it is UTC, and it is nanoseconds


def check_bus(make_bus: MakeBus, *, timeout_s: float = 10.0) -> None:
    """Holds a back end to the promise of `sightline.bus`.

    Args:
        make_bus: gives a new handle on the same broker each time; all are closed here.
        timeout_s: how long a reader may take to become ready, or a message to come; a whole check is given
            six times that.

    Raises:
        AssertionError: a promise is broken; a note says which check found it.
    """
    for check in _CHECKS:
        try:
            result(start(partial(_tried, check, make_bus, timeout_s)), 6 * timeout_s, "the check")
        except Exception as error:
            error.add_note(f"found by check_bus: {check.__name__}")
            raise


def _tried(check: Callable[[Trial], None], make_bus: MakeBus, timeout_s: float) -> None:
    with ExitStack() as open_until:
        check(Trial(make_bus, timeout_s, open_until))


# The checks


def every_reader_gets_every_message_byte_for_byte(trial: Trial) -> None:
    here, there = trial.bus(), trial.bus()
    topic = trial.topic("all")
    readers = [trial.reader(bus, topic) for bus in (here, there, there)]
    every_byte = bytes(range(256))
    headers = (("x", b"1"), ("traceparent", every_byte), ("x", b"2"), ("x", b""))
    sent: list[tuple[bytes, bytes | None, tuple[tuple[str, bytes], ...]]] = [
        (b"plain", None, ()),
        (every_byte * 4096, b"key", headers),  # 1 MiB: a large keyframe
        (b"", b"", (("name", b""),)),
    ]
    for value, key, beside in sent:
        here.publish(topic, value, key=key, headers=beside)
    for reader in readers:
        got = trial.read(reader, len(sent))
        expect([(m.value, m.key, m.headers) for m in got], sent, "value, key and headers")
        expect({m.topic for m in got}, {topic}, "topic")
        expect(min(m.timestamp_ns for m in got) > _STAMPED_SINCE_NS, True, "timestamps in UTC ns")


def each_topic_keeps_its_order(trial: Trial) -> None:
    bus = trial.bus()
    topics = [trial.topic(name) for name in "abc"]
    reader = trial.reader(bus, topics)
    for number in numbers(100):
        for topic in topics:
            bus.publish(topic, number)
    got = trial.read(reader, 300)
    for topic in topics:
        mine = [message for message in got if message.topic == topic]
        expect(values(mine), numbers(100), f"order in {topic}")
        offsets = [message.offset for message in mine]
        expect(offsets, sorted(set(offsets)), "rising offsets")


def many_publishers_lose_nothing(trial: Trial) -> None:
    bus, topic = trial.bus(), trial.topic("busy")
    reader = trial.reader(trial.bus(), topic)
    names = [f"publisher {number}:" for number in range(4)]
    publishers = [start(partial(publish_all, bus, topic, numbers(100, name))) for name in names]
    got = values(trial.read(reader, 400))
    for name, publisher in zip(names, publishers, strict=True):
        result(publisher, trial.timeout_s, name)
        mine = [value for value in got if value.startswith(name.encode())]
        expect(mine, numbers(100, name), f"what {name} sent")


def topics_take_turns(trial: Trial) -> None:
    bus = trial.bus()
    busy, quiet = trial.topic("busy"), trial.topic("quiet")
    reader = trial.reader(bus, [busy, quiet])
    publish_all(bus, busy, numbers(50))
    bus.publish(quiet, b"one")
    trial.wait(lambda: reader.stats().held == 51, "51 messages held")
    expect(quiet in {message.topic for message in reader.poll(10, 0)}, True, "a quiet topic among the first")


def a_topic_that_appears_later_is_read_from_its_first_message(trial: Trial) -> None:
    bus, topic = trial.bus(), trial.topic("later")
    reader = trial.reader(trial.bus(), topic)
    publish_all(bus, topic, numbers(5))
    expect(values(trial.read(reader, 5)), numbers(5), "messages of a topic that is new")


def a_pattern_picks_topics_up_by_their_whole_name(trial: Trial) -> None:
    bus = trial.bus()
    pattern = re.compile(re.escape(trial.topic("cam")) + "[0-9]")
    if Feature.PATTERNS not in bus.features:
        with expect_error(Unsupported, "a pattern", Feature.PATTERNS):
            trial.reader(bus, pattern)
        return
    reader = trial.reader(trial.bus(), pattern)
    for name in ("cam1", "cam1x", "xcam1", "cam2"):
        publish_all(bus, trial.topic(name), numbers(3))
    got = trial.read(reader, 6)
    for name in ("cam1", "cam2"):
        mine = [message for message in got if message.topic == trial.topic(name)]
        expect(values(mine), numbers(3), f"messages of {name}")
    expect(reader.poll(1, _MOMENT_S), [], "messages of topics that do not match")


def a_full_reader_drops_and_counts(trial: Trial) -> None:
    bus, topic = trial.bus(), trial.topic("live")
    slow = trial.reader(bus, topic, Capacity(count=4))
    other = trial.reader(bus, topic)
    publish_all(bus, topic, numbers(20))
    trial.wait(lambda: slow.stats().entered == 20, "20 messages counted in")
    expect(values(trial.read(slow, 4)), numbers(20)[-4:], "what a live reader keeps")
    stats = slow.stats(topic)
    expect((stats.entered, stats.left, sum(stats.dropped.values()), stats.held), (20, 4, 16, 0), "counts")
    expect(stats.balanced and slow.stats() == stats, True, "counts that add up")
    expect(values(trial.read(other, 20)), numbers(20), "what a reader beside a slow one gets")


def what_is_late_goes_by_keyframe_and_key(trial: Trial) -> None:
    bus, name = trial.bus(), count()
    capacity, keyframe, latest = Capacity(count=3), Overflow.DROP_TO_KEYFRAME, Overflow.LATEST_PER_KEY
    for said, keyframe_of, key_of in (
        (True, None, None),  # by what its publisher said
        (False, lambda message: message.value.isupper(), lambda message: message.value[:1]),
    ):
        topic = trial.topic(f"late{next(name)}")
        pictures = trial.reader(trial.bus(), topic, capacity, keyframe, keyframe=keyframe_of)
        states = trial.reader(trial.bus(), topic, capacity, latest, key=key_of)
        for value in (b"K1", b"p2", b"K3", b"p4"):
            bus.publish(topic, value, key=value[:1] if said else None, keyframe=said and value.isupper())
        for reader in (pictures, states):
            trial.wait(partial(_has_entered, reader, 4), "4 messages counted in")
        got = trial.read(pictures, 2)
        expect(values(got), [b"K3", b"p4"], "what can be decoded")
        expect([message.keyframe for message in got], [said, False], "what is said of keyframes")
        expect(values(trial.read(states, 2)), [b"K3", b"p4"], "the latest of each key")
        dropped = [reader.stats().dropped for reader in (pictures, states)]
        expect(dropped, [{"overflow": 2}, {"replaced": 2}], "drops")


def _has_entered(reader: Subscription, count: int) -> bool:
    return reader.stats().entered == count


def a_reader_that_blocks_loses_nothing(trial: Trial) -> None:
    bus, topic = trial.bus(), trial.topic("offline")
    if Feature.BLOCK not in bus.features:
        with expect_error(Unsupported, "a reader that blocks", Feature.BLOCK):
            trial.reader(bus, topic, Capacity(count=4), Overflow.BLOCK)
        return
    reader = trial.reader(trial.bus(), topic, Capacity(count=4), Overflow.BLOCK)
    publisher = start(partial(publish_all, bus, topic, numbers(50)))
    trial.wait(lambda: reader.stats().held == 4, "a full reader")
    expect(values(trial.read(reader, 50)), numbers(50), "what a reader that blocks gets")
    result(publisher, trial.timeout_s, "the publisher")
    expect((reader.stats().dropped, reader.stats().balanced), ({}, True), "drops")


def a_paused_topic_waits(trial: Trial) -> None:
    bus = trial.bus()
    paused, other = trial.topic("paused"), trial.topic("other")
    reader = trial.reader(bus, [paused, other])
    if Feature.PAUSE not in bus.features:
        with expect_error(Unsupported, "pause", Feature.PAUSE):
            reader.pause(paused)
        return
    bus.publish(paused, b"held when it was paused")
    trial.wait(lambda: reader.stats().held == 1, "a message held")
    reader.pause(paused)
    for number in numbers(5):
        bus.publish(paused, number)
        bus.publish(other, number)
    expect({message.topic for message in trial.read(reader, 5)}, {other}, "topics while one is paused")
    waiting = start(partial(reader.poll, 6, 6 * trial.timeout_s))
    with expect_error(TimeoutError, "a paused topic"):
        waiting.result(_MOMENT_S)
    reader.resume(paused)
    got = result(waiting, trial.timeout_s, "a poll when a topic is resumed")
    got += trial.read(reader, 6 - len(got))
    expect(values(got), [b"held when it was paused", *numbers(5)], "what was paused")


def poll_comes_back_on_time(trial: Trial) -> None:
    bus, topic = trial.bus(), trial.topic("silent")
    reader = trial.reader(bus, topic)
    for timeout_s in (0.0, _MOMENT_S):
        begun = time.monotonic()
        expect(reader.poll(10, timeout_s), [], "a poll of nothing")
        took_s = time.monotonic() - begun
        in_time = timeout_s * 0.9 <= took_s <= timeout_s + _SLACK_S
        expect(in_time, True, f"a poll of {timeout_s} s that took {took_s:.3f} s")
    waiting = start(lambda: reader.poll(10, 6 * trial.timeout_s))
    with expect_error(TimeoutError, "a poll of nothing"):
        waiting.result(_MOMENT_S)
    bus.publish(topic, b"one")
    got = result(waiting, trial.timeout_s, "a poll that waits for ten and gets one")
    expect(values(got), [b"one"], "what came")


def closing_wakes_whoever_polls(trial: Trial) -> None:
    bus, topic = trial.bus(), trial.topic("closing")
    for closed_by in ("subscription", "bus"):
        reader = trial.reader(bus, topic)
        waiting = start(partial(reader.poll, 1, 6 * trial.timeout_s))
        with expect_error(TimeoutError, "a poll of nothing"):
            waiting.result(_MOMENT_S)
        (reader if closed_by == "subscription" else bus).close()
        with expect_error(Closed, f"a poll while the {closed_by} closes"):
            result(waiting, trial.timeout_s, "a poll")
        with expect_error(Closed, f"a poll after the {closed_by} closed"):
            reader.poll(1, 0)


def it_says_whether_anybody_reads(trial: Trial) -> None:
    bus, topic = trial.bus(), trial.topic("wanted")
    with expect_error(ConfigError, "waiting for readers of a topic that is no name"):
        bus.wait_wanted("a b", 0)
    if Feature.LOG in bus.features:
        expect(bus.wait_wanted(topic, trial.timeout_s), True, "a log, which keeps it")
        return
    begun = time.monotonic()
    expect(bus.wait_wanted(topic, _MOMENT_S), False, "a topic that nobody reads")
    took_s = time.monotonic() - begun
    in_time = _MOMENT_S * 0.9 <= took_s <= _MOMENT_S + _SLACK_S
    expect(in_time, True, f"a wait of {_MOMENT_S} s for a reader that took {took_s:.3f} s")
    waiting = start(partial(bus.wait_wanted, topic, 6 * trial.timeout_s))
    reader = trial.reader(trial.bus(), topic)
    expect(result(waiting, trial.timeout_s, "a wait for a reader that comes"), True, "a topic that is read")
    reader.close()
    trial.wait(lambda: not bus.wait_wanted(topic, 0), "word that nobody reads any more")
    if Feature.PATTERNS in bus.features:
        trial.reader(trial.bus(), re.compile(re.escape(topic)))
        expect(bus.wait_wanted(topic, trial.timeout_s), True, "a topic that is read by a pattern")
    waiting = start(partial(bus.wait_wanted, trial.topic("unread"), 6 * trial.timeout_s))
    with expect_error(TimeoutError, "a wait for a reader"):
        waiting.result(_MOMENT_S)
    bus.close()
    with expect_error(Closed, "a wait for a reader while the bus closes"):
        result(waiting, trial.timeout_s, "a wait for a reader")
    with expect_error(Closed, "a wait for a reader after the bus closed"):
        bus.wait_wanted(topic, 0)


def a_closed_reader_drops_what_it_held(trial: Trial) -> None:
    bus, topic = trial.bus(), trial.topic("unread")
    reader = trial.reader(bus, topic)
    bus.publish(topic, b"unread")
    trial.wait(lambda: reader.stats().held == 1, "a message held")
    reader.close()
    reader.close()
    bus.publish(topic, b"nobody reads")
    stats = reader.stats()
    expect((stats.entered, sum(stats.dropped.values()), stats.held), (1, 1, 0), "counts of a closed reader")


def a_closed_bus_does_nothing_more(trial: Trial) -> None:
    bus, other, topic = trial.bus(), trial.bus(), trial.topic("closed")
    reader = trial.reader(other, topic)
    bus.publish(topic, b"before")
    bus.close()
    bus.close()
    with expect_error(Closed, "publishing on a closed bus"):
        bus.publish(topic, b"after")
    with expect_error(Closed, "subscribing on a closed bus"):
        trial.reader(bus, topic)
    other.publish(topic, b"another's")
    expect(values(trial.read(reader, 2)), [b"before", b"another's"], "what a handle that is open gets")


def what_is_wrong_is_refused(trial: Trial) -> None:
    bus, topic = trial.bus(), trial.topic("right")
    expect(bus.features - set(Feature), frozenset(), "features that nobody knows")
    reader = trial.reader(bus, topic)
    for name in ("", ".", "a b", "a/b", "ä", "a\n", "a" * 250):
        with expect_error(ConfigError, f"publishing on topic {name!r}"):
            bus.publish(name, b"")
        with expect_error(ConfigError, f"subscribing to topic {name!r}"):
            trial.reader(bus, [topic, name])
    with expect_error(ConfigError, "subscribing to no topic"):
        trial.reader(bus, [])
    with expect_error(ConfigError, "a reader that would raise in the publisher"):
        trial.reader(bus, topic, overflow=Overflow.RAISE)
    with expect_error(BufferFull, "a message of one byte too many", naming=str(bus.max_message_bytes)):
        bus.publish(topic, bytes(bus.max_message_bytes - 5), key=b"key", headers=(("ab", b"c"),))
    bus.publish(topic, b"right")
    expect(values(trial.read(reader, 1)), [b"right"], "a bus that refused something")


_CHECKS: Final[tuple[Callable[[Trial], None], ...]] = (
    every_reader_gets_every_message_byte_for_byte,
    each_topic_keeps_its_order,
    many_publishers_lose_nothing,
    topics_take_turns,
    a_topic_that_appears_later_is_read_from_its_first_message,
    a_pattern_picks_topics_up_by_their_whole_name,
    a_full_reader_drops_and_counts,
    what_is_late_goes_by_keyframe_and_key,
    a_reader_that_blocks_loses_nothing,
    a_paused_topic_waits,
    poll_comes_back_on_time,
    closing_wakes_whoever_polls,
    a_closed_reader_drops_what_it_held,
    a_closed_bus_does_nothing_more,
    it_says_whether_anybody_reads,
    what_is_wrong_is_refused,
)
