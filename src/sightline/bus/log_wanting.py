"""The part of the suite for logs that is about `Consumer.want`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from sightline.bus.log import Lost, Position
from sightline.bus.log_trial import LogTrial, Member
from sightline.bus.trial import expect, numbers, values

_MOMENT_S: Final = 0.2


def a_consumer_may_want_others(trial: LogTrial) -> None:
    for group in ("group", None):
        _wants_others(trial, group)


def _wants_others(trial: LogTrial, group: str | None) -> None:
    log = trial.log()
    kept, gone, new, later = [trial.topic(f"{group}-{name}") for name in ("kept", "gone", "new", "later")]
    for topic in (kept, gone, new):
        trial.put(log, topic, numbers(3))
    member = trial.member(trial.log(), [kept, gone], group)
    trial.get(member, 6)
    member.consumer.want([kept, new, later])
    trial.turn([member], lambda: new in member.held, "a topic that is wanted now")
    for topic in (kept, gone, later):
        trial.put(log, topic, [b"more"])
    trial.turn([member], lambda: len(member.got) >= 11, "messages of what is wanted now")
    expect(member.poll(1, _MOMENT_S), [], "a message too many")
    got = {topic: values(m for m in member.got[6:] if m.topic == topic) for topic in (kept, new, later)}
    expect(got, {kept: [b"more"], new: numbers(3), later: [b"more"]}, "messages of what is wanted now")
    expect(set(member.held), {kept, new, later}, "what it holds")
    lost = [topic for event in member.events if isinstance(event, Lost) for topic in event.topics]
    expect(lost, [gone], "what it lost")


def what_is_wanted_again_begins_again(trial: LogTrial) -> None:
    log, topic = trial.log(), trial.topic("again")
    trial.put(log, topic, numbers(3))
    early = trial.member(trial.log(), topic, None, "earliest")
    late = trial.member(trial.log(), topic, None, "latest")
    grouped = trial.member(trial.log(), topic, "group", "earliest")
    for member in (early, grouped):
        trial.get(member, 3)
    grouped.consumer.commit({topic: Position(early.got[1].offset)})
    for member in (early, late, grouped):
        member.consumer.want([])
        trial.turn([member], partial(_has, member, 0), "an end of what it held")
        expect(member.consumer.positions(), {}, "positions of nothing")
        member.got.clear()
        member.consumer.want(topic)
        trial.turn([member], partial(_has, member, 1), "a topic that it comes back to")
    trial.put(log, topic, [b"more"])
    for member, expected in ((early, numbers(3)), (late, []), (grouped, numbers(3)[1:])):
        trial.get(member, len(expected) + 1 - len(member.got))
        expect(values(member.got), [*expected, b"more"], "what comes of it")


def _has(member: Member, topics: int) -> bool:
    return len(member.held) == topics


WANTING: Final[tuple[Callable[[LogTrial], None], ...]] = (
    a_consumer_may_want_others,
    what_is_wanted_again_begins_again,
)
