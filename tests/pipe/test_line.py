"""One wire's queue against the pure machine that all of Sightline's buffers are, and its counts."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.pipe.flowyard import data_of, messages

from sightline.overflow import Capacity, Overflow, OverflowBuffer
from sightline.pipe.message import Message
from sightline.pipe.settings import LIVE_RULES, Policy, WireSettings
from sightline.pipe.wires.line import Line

OFFERS = st.tuples(st.just("offer"), st.integers(0, 7))
TAKES = st.tuples(st.just("take"), st.integers(1, 7))
STEPS = st.lists(OFFERS | TAKES)


def _settings(rule: Overflow, capacity: int) -> WireSettings:
    policy = Policy.LOSSLESS if rule is Overflow.BLOCK else Policy.LIVE
    return WireSettings(policy=policy, capacity=capacity, overflow=rule)


def taken(line: Line, most: int) -> list[Message]:
    messages = line.take(most)
    line.took(len(messages))
    return messages


@given(rule=st.sampled_from([*LIVE_RULES, Overflow.BLOCK]), capacity=st.integers(1, 5), steps=STEPS)
def test_a_line_keeps_and_drops_what_a_buffer_would(
    rule: Overflow, capacity: int, steps: list[tuple[str, int]]
) -> None:
    line = Line("source", _settings(rule, capacity))
    model: OverflowBuffer[Any] = OverflowBuffer(Capacity(count=capacity), rule)
    made = 0
    for step, count in steps:
        if step == "offer":
            offered = messages(*range(made, made + count))
            entered = [model.offer(message.data, 0) for message in offered]
            assert line.offer(offered) == sum(entered)
            made += count
        else:
            got = data_of(taken(line, count))
            assert got == [model.take(0) for _ in got]
            assert len(got) == min(1 if rule is not Overflow.BLOCK else count, len(got) + len(line))
        stats, expected = line.stats(), model.stats()
        assert stats.balanced
        assert (stats.entered, stats.left, stats.dropped, stats.held) == (
            expected.entered,
            expected.left,
            expected.dropped,
            expected.held,
        )
        assert line.room == capacity - stats.held
        assert stats.peak_held <= capacity


def test_of_a_live_wire_one_message_is_taken_at_a_time() -> None:
    line = Line("source", WireSettings(capacity=4))
    line.offer(messages("a", "b"))
    assert data_of(taken(line, 9)) == ["a"]
    assert not line.crowded


def test_without_its_wire_a_line_gives_what_it_holds_and_takes_nothing() -> None:
    line = Line("source", WireSettings(policy=Policy.LOSSLESS, capacity=4))
    line.offer(messages("a"))
    line.gone = "unlinked"
    assert (line.offer(messages("b")), line.room) == (1, 4)
    assert data_of(taken(line, 9)) == ["a"]
    assert line.stats().dropped == {"unlinked": 1}
    line.link(WireSettings())
    assert (line.offer(messages("c")), line.stats().held, line.stats().balanced) == (1, 1, True)


@pytest.mark.parametrize("rule", LIVE_RULES)
def test_with_less_room_than_before_it_still_adds_up(rule: Overflow) -> None:
    line = Line("source", WireSettings(capacity=4, overflow=rule))
    line.offer(messages(*"abcd"))
    line.link(WireSettings(capacity=1, overflow=rule))
    line.offer(messages("e"))
    left = {Overflow.DROP_NEWEST: "abcd"}.get(rule, "e")
    stats = line.stats()
    assert (stats.entered, stats.dropped, stats.held) == (5, {"overflow": 5 - len(left)}, len(left))
    assert "".join(data_of(taken(line, 1)) + data_of(taken(line, 1))) == left[:2]


@pytest.mark.parametrize(("policy", "reason"), [(Policy.LOSSLESS, "closed"), (Policy.RECORD, "incomplete")])
def test_what_nobody_will_take_is_counted_by_what_the_wire_promised(policy: Policy, reason: str) -> None:
    line = Line("source", WireSettings(policy=policy, capacity=4))
    line.offer(messages("a", "b"))
    line.close()
    assert line.stats().dropped == {reason: 2}
    assert line.offer(messages("c")) == 1
    assert line.stats().balanced
    assert line.stats().held == 0


def test_what_was_taken_is_held_until_it_is_known_to_be_readable() -> None:
    line = Line("source", WireSettings(policy=Policy.LOSSLESS, capacity=4))
    line.offer(messages("a", "b", "c"))
    assert data_of(line.take(2)) == ["a", "b"]
    assert (line.stats().held, line.stats().left) == (3, 0)
    line.took(1, unreadable=1)
    assert line.stats().balanced
    assert (line.stats().held, line.stats().left, line.stats().dropped) == (1, 1, {"unreadable": 1})
