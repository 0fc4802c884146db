"""The promise of a log as a suite that any back end passes; `sightline.testing` shows it to the public.

It uses what `sightline.bus.Log` says and nothing else, and gives members of a group the time that a broker
takes to share topics among them. It does not measure speed, and does not break brokers.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from itertools import pairwise
from typing import Final, cast

from sightline.bus.log import EVICTED, MAX_METADATA_BYTES, Consumer, Gained, Gap, Lost, Position, Start
from sightline.bus.log_compacting import COMPACTING
from sightline.bus.log_trial import LogTrial
from sightline.bus.log_wanting import WANTING
from sightline.bus.promise import Feature
from sightline.bus.trial import (
    MakeBus,
    expect,
    expect_error,
    numbers,
    publish_all,
    result,
    start,
    values,
)
from sightline.errors import Closed, ConfigError

_MOMENT_S: Final = 0.2


def check_log(make_bus: MakeBus, *, timeout_s: float = 10.0, history_bytes: int | None = None) -> None:
    """Holds a back end to the promise of `sightline.bus.Log`.

    Args:
        make_bus: gives a new handle on the same broker each time; all are closed here.
        timeout_s: how long a member may take to get its topics, or a message to come; a whole check is given
            six times that.
        history_bytes: what the broker keeps of a topic, to see it say what it has lost; None: not tried.

    Raises:
        AssertionError: a promise is broken; a note says which check found it.
    """
    checks = (*_CHECKS, what_was_evicted_is_told) if history_bytes else _CHECKS
    for check in checks:
        try:
            work = partial(_tried, check, make_bus, timeout_s, history_bytes or 0)
            result(start(work), 6 * timeout_s, "the check")
        except Exception as error:
            error.add_note(f"found by check_log: {check.__name__}")
            raise


def _tried(
    check: Callable[[LogTrial], None], make_bus: MakeBus, timeout_s: float, history_bytes: int
) -> None:
    with ExitStack() as open_until:
        trial = LogTrial(make_bus, timeout_s, open_until)
        trial.history_bytes = history_bytes
        check(trial)


# The checks


def each_group_gets_all_byte_for_byte(trial: LogTrial) -> None:
    log, topic = trial.log(), trial.topic("all")
    every_byte = bytes(range(256))
    log.publish(topic, every_byte * 16, key=b"key", headers=(("x", every_byte), ("x", b"")))
    trial.put(log, topic, numbers(9), behind=1)
    for group in ("one", "two", None):
        member = trial.member(trial.log(), topic, group)
        expect(trial.get(member, 10), [every_byte * 16, *numbers(9)], f"what {group} gets")
        first = member.got[0]
        beside = (first.topic, first.key, first.headers)
        expect(beside, (topic, b"key", (("x", every_byte), ("x", b""))), "topic, key and headers")
        expect([m.offset for m in member.got], [*range(first.offset, first.offset + 10)], "offsets")
        expect(member.poll(1, _MOMENT_S), [], "a message too many")


def a_group_begins_where_it_says(trial: LogTrial) -> None:
    log, topic = trial.log(), trial.topic("begin")
    trial.put(log, topic, numbers(3))
    late = trial.member(log, topic, "late", "latest")
    alone = trial.member(log, topic, None, "latest")
    log.publish(topic, b"new")
    early = trial.member(log, topic, "early", "earliest")
    for member, expected in ((late, [b"new"]), (alone, [b"new"]), (early, [*numbers(3), b"new"])):
        expect(trial.get(member, len(expected)), expected, "where it begins")
        expect(member.poll(1, _MOMENT_S), [], "a message too many")


def a_topic_that_appears_later_is_read_from_its_first_message(trial: LogTrial) -> None:
    log, topic = trial.log(), trial.topic("later")
    member = trial.member(trial.log(), topic, "group", "latest")
    trial.put(log, topic, numbers(5))
    expect(trial.get(member, 5), numbers(5), "messages of a topic that is new")


def a_pattern_picks_topics_up(trial: LogTrial) -> None:
    log = trial.log()
    if Feature.PATTERNS not in log.features:
        return
    pattern = re.compile(re.escape(trial.topic("cam")) + "[0-9]")
    trial.put(log, trial.topic("cam1"), numbers(2))
    member = trial.member(log, pattern, "group")
    for name in ("cam1x", "cam2"):
        trial.put(log, trial.topic(name), numbers(2))
    expect(sorted(trial.get(member, 4)), sorted([*numbers(2), *numbers(2)]), "messages of topics that match")
    expect(set(member.held), {trial.topic("cam1"), trial.topic("cam2")}, "topics that match")


def members_share_and_none_gets_twice(trial: LogTrial) -> None:
    log, topics = trial.log(), trial.topics(6)
    for topic in topics:
        trial.put(log, topic, [b"first"])
    members = [trial.member(trial.log(), topics, "group") for _ in range(2)]
    trial.share(members, topics)
    # What changed hands came twice; it has to be over before the count begins.
    trial.turn(
        members, lambda: all({m.topic for m in each.got} >= set(each.held) for each in members), "first"
    )
    for member in members:
        member.got.clear()
    for topic in topics:
        trial.put(log, topic, numbers(20))
    trial.turn(members, lambda: sum(len(member.got) for member in members) >= 120, "120 messages")
    for member in members:
        expect(member.poll(1, _MOMENT_S), [], "a message too many")
    for topic in topics:
        got = [values(message for message in each.got if message.topic == topic) for each in members]
        expect(sorted(got), [[], numbers(20)], f"what the members get of {topic}")


def what_was_not_committed_comes_again(trial: LogTrial) -> None:
    log = trial.log()
    for begin, closed in (("earliest", "consumer"), ("earliest", "bus"), ("latest", "consumer")):
        group, handle = f"{begin}-{closed}", trial.log()
        topic = trial.topic(group)
        trial.put(log, topic, numbers(5))
        first = trial.member(handle, topic, group, cast("Start", begin))
        second = trial.member(trial.log(), topic, group, "latest")
        log.publish(topic, b"last")
        expected = [b"last"] if begin == "latest" else [*numbers(5), b"last"]
        expect(trial.get(first, len(expected))[-1], b"last", "what the first member gets")
        expect(second.poll(1, _MOMENT_S), [], "what another has already")
        (first.consumer if closed == "consumer" else handle).close()
        expect(trial.get(second, len(expected))[-1], b"last", f"what follows a {closed} that did not commit")
        expect(second.poll(1, _MOMENT_S), [], "a message too many")
        second.consumer.close()


def a_commit_comes_back_with_its_text(trial: LogTrial) -> None:
    log, topic = trial.log(), trial.topic("commit")
    trial.put(log, topic, numbers(10))
    first = trial.member(trial.log(), topic, "group")
    second = trial.member(trial.log(), topic, "group")
    trial.get(first, 10)
    text = "ä" + "k" * (MAX_METADATA_BYTES - 2)
    there = Position(first.got[6].offset, text)
    expect(first.consumer.commit({topic: there}), {topic}, "what a commit stands for")
    expect(log.committed(trial.topic("group"), [topic, trial.topic("other")]), {topic: there}, "the commit")
    expect(log.committed(trial.topic("nobody"), topic), {}, "a commit of another group")
    expect(second.consumer.commit({topic: Position(0)}), set(), "what a commit without the topic stands for")
    first.consumer.close()
    expect(trial.get(second, 4), numbers(10)[6:], "what comes behind a commit")
    expect(second.held, {topic: there}, "what another member is told")
    expect(second.consumer.commit(), {topic}, "what a commit of all stands for")
    at_the_end = {topic: Position(second.got[-1].offset + 1)}
    expect(log.committed(trial.topic("group"), topic), at_the_end, "a commit of all that was polled")
    with expect_error(ConfigError, "a text of one byte too many", str(MAX_METADATA_BYTES)):
        second.consumer.commit({topic: Position(0, text + "k")})
    with expect_error(ConfigError, "a commit without a group"):
        trial.member(log, topic).consumer.commit()


def seek_goes_back_and_forward(trial: LogTrial) -> None:
    log, topic = trial.log(), trial.topic("seek")
    trial.put(log, topic, numbers(10))
    member = trial.member(log, topic, "group")
    trial.get(member, 4)
    first = member.got[0].offset
    seek = member.consumer.seek
    for to, offset, rest in ((first + 1, first + 1, 9), (first + 8, first + 8, 2), ("earliest", first, 10)):
        expect(seek(topic, cast("Start", to)), offset, f"what comes next after a seek to {to}")
        expect(trial.get(member, rest), numbers(10)[10 - rest :], f"messages after a seek to {to}")
    for to in ("latest", first + 1000):
        seek(topic, "earliest")
        expect(seek(topic, cast("Start", to)), log.ends(topic)[topic].next, f"a seek to {to}")
        log.publish(topic, b"new")
        expect(trial.get(member, 1), [b"new"], f"messages after a seek to {to}")
    expect(seek(trial.topic("other"), 0), None, "a seek in a topic that it does not hold")
    with expect_error(ConfigError, "a seek to an offset below 0"):
        seek(topic, -1)


def who_gains_a_topic_may_seek_before_it_reads(trial: LogTrial) -> None:
    log, topic = trial.log(), trial.topic("gop")
    trial.put(log, topic, numbers(10))
    first = trial.member(trial.log(), topic, "group")
    trial.get(first, 10)
    keyframe, position = first.got[3].offset, first.got[7].offset
    first.consumer.commit({topic: Position(position, str(keyframe))})
    second = trial.member(trial.log(), topic, "group")
    second.on_gained = _back_to_keyframe
    first.consumer.close()
    expect(trial.get(second, 7), numbers(10)[3:], "messages from the keyframe on")


def _back_to_keyframe(consumer: Consumer, gained: Gained) -> None:
    for topic, position in gained.positions.items():
        consumer.seek(topic, int(position.metadata))


def lag_is_what_waits(trial: LogTrial) -> None:
    log, topic = trial.log(), trial.topic("lag")
    expect(log.ends(topic), {}, "ends of a topic that is not there")
    trial.put(log, topic, numbers(10))
    ends = log.ends(topic)[topic]
    expect(ends.next - ends.first, 10, "messages between the ends")
    member = trial.member(trial.log(), topic, "group")
    trial.get(member, 4)
    expect(member.consumer.positions(), {topic: ends.first + 4}, "positions")
    trial.wait(lambda: member.consumer.lag() == {topic: 6}, "a lag of 6")
    log.publish(topic, b"one more")
    trial.wait(lambda: member.consumer.lag() == {topic: 7}, "a lag of 7")
    stats = member.consumer.stats()
    expect((stats.left, stats.dropped, stats.balanced), (4, {}, True), "counts")
    trial.get(member, 7)
    trial.wait(lambda: member.consumer.lag() == {topic: 0}, "a lag of 0")
    expect(member.consumer.stats(topic).left, 11, "messages that were polled")


def a_slow_consumer_holds_up_nobody(trial: LogTrial) -> None:
    log, topic = trial.log(), trial.topic("slow")
    member = trial.member(trial.log(), topic, "group", "latest")
    publishing = start(partial(publish_all, log, topic, numbers(2000)))
    result(publishing, trial.timeout_s, "publishing to a consumer that does not poll")
    expect(trial.get(member, 2000), numbers(2000), "what it gets then")


def poll_gives_topic_by_topic(trial: LogTrial) -> None:
    log, topics = trial.log(), trial.topics(3)
    for topic in topics:
        trial.put(log, topic, numbers(20))
    member = trial.member(trial.log(), topics, "group")
    while len(member.got) < 60:
        order = [message.topic for message in trial.poll(member, 25)]
        changes = sum(one != other for one, other in pairwise(order))
        expect(changes, len(set(order)) - 1, "changes of topic in a poll")
    for topic in topics:
        got = values(message for message in member.got if message.topic == topic)
        expect(got, numbers(20), f"order in {topic}")


def topics_take_turns(trial: LogTrial) -> None:
    log = trial.log()
    busy, quiet = trial.topic("busy"), trial.topic("quiet")
    trial.put(log, busy, numbers(500))
    trial.put(log, quiet, [b"one"])
    member = trial.member(trial.log(), [busy, quiet], "group")
    while quiet not in {message.topic for message in member.got}:
        expect(len(member.got) < 400, True, "a quiet topic among the first")
        trial.poll(member, 10)


def members_are_told_what_changes(trial: LogTrial) -> None:
    log, topics = trial.log(), trial.topics(4)
    for topic in topics:
        trial.put(log, topic, [b""])
    first = trial.member(trial.log(), topics, "group")
    trial.share([first], topics)
    second = trial.member(trial.log(), topics, "group")
    trial.share([first, second], topics)
    lost = [topic for event in first.events if isinstance(event, Lost) for topic in event.topics]
    expect(sorted(lost), sorted(second.held), "the topics that change hands when a member comes")
    for topic in topics:  # the topic of the one that holds it, and not of the other
        taken = [each.consumer.commit({topic: Position(1, "told")}) for each in (first, second)]
        holder = [{topic} if topic in each.held else set() for each in (first, second)]
        expect(taken, holder, "who can commit")
    second.consumer.close()
    trial.share([first], topics)
    expect(
        {topic: first.held[topic] for topic in lost}, dict.fromkeys(lost, Position(1, "told")), "what is told"
    )


def a_paused_topic_waits(trial: LogTrial) -> None:
    log, (paused, other) = trial.log(), trial.topics(2)
    for topic in (paused, other):
        trial.put(log, topic, numbers(5))
    member = trial.member(trial.log(), [paused, other], "group")
    if Feature.PAUSE not in log.features:
        return
    member.consumer.pause(paused)
    trial.get(member, 5)
    expect({message.topic for message in member.got}, {other}, "topics while one is paused")
    expect(member.poll(1, _MOMENT_S), [], "a message of a paused topic")
    trial.wait(lambda: member.consumer.lag() == {paused: 5, other: 0}, "a lag of 5")
    member.consumer.resume(paused)
    expect(trial.get(member, 5), numbers(5), "what was paused")


def closing_wakes_whoever_polls(trial: LogTrial) -> None:
    for closed_by in ("consumer", "bus"):
        log, topic = trial.log(), trial.topic("closing")
        consumer = trial.member(log, topic, closed_by).consumer
        waiting = start(partial(consumer.poll, 1, 6 * trial.timeout_s))
        with expect_error(TimeoutError, "a poll of nothing"):
            waiting.result(_MOMENT_S)
        (consumer if closed_by == "consumer" else log).close()
        with expect_error(Closed, f"a poll while the {closed_by} closes"):
            result(waiting, trial.timeout_s, "a poll")
        consumer.close()
        for what, use in _uses(consumer, topic).items():
            with expect_error(Closed, f"a {what} after the {closed_by} closed"):
                use()
        if closed_by == "bus":
            with expect_error(Closed, "consuming on a closed bus"):
                log.consume(topic)


def _uses(consumer: Consumer, topic: str) -> dict[str, Callable[[], object]]:
    return {
        "poll": partial(consumer.poll, 1, 0),
        "commit": consumer.commit,
        "want": partial(consumer.want, [topic]),
    }


def what_is_wrong_is_refused(trial: LogTrial) -> None:
    log, topic = trial.log(), trial.topic("right")
    for name in ("", "a b", "a/b", "ä", "a" * 250):
        with expect_error(ConfigError, f"consuming topic {name!r}"):
            log.consume([topic, name])
        with expect_error(ConfigError, f"consuming in group {name!r}"):
            log.consume(topic, group=name)
    with expect_error(ConfigError, "consuming no topic"):
        log.consume([])
    with expect_error(ConfigError, "wanting what is no topic"):
        trial.member(log, topic).consumer.want([topic, "a b"])
    if Feature.PATTERNS in log.features:
        with expect_error(ConfigError, "wanting other topics than a pattern"):
            trial.member(log, re.compile(re.escape(topic))).consumer.want([topic])


def what_was_evicted_is_told(trial: LogTrial) -> None:
    log, topic = trial.log(), trial.topic("evicted")
    trial.put(log, topic, [b"first"])
    slow = trial.member(trial.log(), topic, "slow")
    trial.get(slow, 1)
    slow.consumer.commit()
    begun = slow.got[0].offset + 1
    large = bytes(min(log.max_message_bytes // 2, trial.history_bytes // 8))
    while log.ends(topic)[topic].first <= begun:
        trial.put(log, topic, [large])
    trial.put(log, topic, [b"last"])
    ends = log.ends(topic)[topic]
    trial.get(slow, ends.next - ends.first)
    slow.consumer.close()
    again = trial.member(trial.log(), topic, "slow")
    trial.get(again, ends.next - ends.first)
    for member in (slow, again):
        told = [event for event in member.events if isinstance(event, Gap)]
        expect(told, [Gap(topic, begun, ends.first)], "the gap that is told")
        offsets = [message.offset for message in member.got if message.offset >= begun]
        expect(offsets, [*range(ends.first, ends.next)], "the messages behind it")
        stats = member.consumer.stats(topic)
        expect((stats.dropped, stats.balanced), ({EVICTED: ends.first - begun}, True), "counts")


_CHECKS: Final[tuple[Callable[[LogTrial], None], ...]] = (
    each_group_gets_all_byte_for_byte,
    a_group_begins_where_it_says,
    a_topic_that_appears_later_is_read_from_its_first_message,
    a_pattern_picks_topics_up,
    members_share_and_none_gets_twice,
    what_was_not_committed_comes_again,
    a_commit_comes_back_with_its_text,
    seek_goes_back_and_forward,
    who_gains_a_topic_may_seek_before_it_reads,
    lag_is_what_waits,
    a_slow_consumer_holds_up_nobody,
    poll_gives_topic_by_topic,
    topics_take_turns,
    members_are_told_what_changes,
    a_paused_topic_waits,
    closing_wakes_whoever_polls,
    what_is_wrong_is_refused,
    *WANTING,
    *COMPACTING,
)
