"""What a reader's buffer does beyond its oracle: gaps, rates, blocking, and work that stays bounded."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.hub.broker.runs import batch_run, offsets_of, single_run

from sightline.clock import NS_PER_S
from sightline.errors import BufferFull
from sightline.hub.broker.buffer import LEAST_BYTES, RunBuffer
from sightline.hub.broker.gaps import MOST_GAPS, Gap, Gaps, Span
from sightline.hub.settings import ReaderBuffer
from sightline.overflow import Overflow, Reason


def take_all(buffer: RunBuffer, now_ns: int = 0) -> list[int]:
    taken: list[int] = []
    while (run := buffer.take(10**6, math.inf, now_ns)) is not None:
        taken += offsets_of(run)
    return taken


def gaps_of(buffer: RunBuffer, offset: int | None = None) -> list[Gap]:
    return list(iter(lambda: buffer.gap_before(offset), None))


def test_a_batch_that_is_cut_by_the_bound_leaves_its_newest() -> None:
    buffer = RunBuffer(ReaderBuffer(messages=3))
    buffer.offer(batch_run(0, [1] * 10), 0)
    assert take_all(buffer) == [7, 8, 9]
    assert gaps_of(buffer, 7) == [Gap(0, 6, 7, Reason.OVERFLOW)]


def test_credit_cuts_a_batch_and_one_message_always_passes() -> None:
    buffer = RunBuffer(ReaderBuffer())
    buffer.offer(batch_run(0, [5, 5, 5, 50]), 0)
    assert buffer.take(0, math.inf, 0) is None
    assert offsets_of(buffer.take(10, 11, 0)) == [0, 1]
    assert offsets_of(buffer.take(1, 100, 0)) == [2]
    assert offsets_of(buffer.take(1, 0, 0)) == [3]
    assert buffer.stats().left == 4


def test_a_storm_of_drops_is_one_gap() -> None:
    buffer = RunBuffer(ReaderBuffer(messages=2))
    for offset in range(500):
        buffer.offer(single_run(offset), 0)
    run = buffer.take(1, math.inf, 0)
    assert run is not None
    assert gaps_of(buffer, run.offset) == [Gap(0, 497, 498, Reason.OVERFLOW)]
    assert gaps_of(buffer) == []


def test_a_storm_is_one_gap_where_only_each_third_is_wanted() -> None:
    buffer = RunBuffer(ReaderBuffer(messages=2, every=3))
    buffer.offer(batch_run(0, [1] * 30), 0)
    assert gaps_of(buffer) == [Gap(0, 21, 8, Reason.OVERFLOW)]
    assert buffer.stats().dropped == {Reason.FILL_RATE: 20, Reason.OVERFLOW: 8}


def test_a_gap_is_told_before_the_message_behind_it() -> None:
    buffer = RunBuffer(ReaderBuffer(messages=2, overflow=Overflow.DROP_NEWEST))
    buffer.offer(batch_run(0, [1] * 4), 0)
    assert offsets_of(buffer.take(1, math.inf, 0)) == [0]
    assert gaps_of(buffer, 0) == []
    buffer.offer(single_run(4), 0)
    assert take_all(buffer) == [1, 4]
    assert gaps_of(buffer, 1) == []
    assert gaps_of(buffer, 4) == [Gap(2, 3, 2, Reason.OVERFLOW)]


@given(st.lists(st.tuples(st.integers(1, 3), st.sampled_from(["a", "b"])), min_size=1, max_size=300))
def test_gaps_are_bounded_and_none_is_forgotten(drops: list[tuple[int, str]]) -> None:
    gaps, at = Gaps(), 0
    for messages, reason in drops:
        gaps.add(Gap(at, at + messages - 1, messages, reason), Span(0, at + messages))
        assert len(gaps) <= MOST_GAPS
        at += messages + 1  # one is held between
    told = list(iter(lambda: gaps.before(None), None))
    for reason in "ab":
        asked = sum(messages for messages, its in drops if its == reason)
        assert sum(gap.messages for gap in told if gap.reason == reason) == asked


@pytest.mark.parametrize("overflow", [Overflow.DROP_OLDEST, Overflow.BLOCK])
def test_each_nth_is_let_in_across_runs(overflow: Overflow) -> None:
    buffer = RunBuffer(ReaderBuffer(every=3, overflow=overflow))
    buffer.offer(batch_run(0, [1] * 4), 0)
    buffer.offer(single_run(4), 0)
    buffer.offer(batch_run(5, [1] * 5), 0)
    assert take_all(buffer) == [0, 3, 6, 9]


def test_a_rate_lets_in_its_mean_number() -> None:
    buffer = RunBuffer(ReaderBuffer(per_s=10))
    for moment in range(250):  # 25 batches of 4 a second, for 10 s
        buffer.offer(batch_run(4 * moment, [1] * 4), moment * NS_PER_S // 25)
    assert buffer.held == 100
    assert gaps_of(buffer) == []


def test_what_is_not_wanted_makes_no_writer_wait() -> None:
    buffer = RunBuffer(ReaderBuffer(messages=1, every=4, overflow=Overflow.BLOCK))
    run = batch_run(0, [1] * 9)
    assert buffer.room(run, 0) == 4
    buffer.offer(run.first(4), 0)
    assert buffer.room(run.after(4), 0) == 0
    assert take_all(buffer) == [0]
    assert buffer.room(run.after(4), 0) == 4


def test_a_message_above_the_bound_passes_a_blocking_buffer_alone() -> None:
    buffer = RunBuffer(ReaderBuffer(bytes=10, overflow=Overflow.BLOCK))
    run = batch_run(0, [1, 30, 1])
    assert buffer.room(run, 0) == 1
    buffer.offer(run.first(1), 0)
    assert buffer.room(run.after(1), 0) == 0
    assert take_all(buffer) == [0]
    assert buffer.room(run.after(1), 0) == 1
    buffer.offer(run.after(1).first(1), 0)
    assert buffer.room(run.after(2), 0) == 0
    assert buffer.stats().fill == 1
    assert take_all(buffer) == [1]


def test_a_message_above_the_bound_passes_alone_at_a_rate_too() -> None:
    buffer = RunBuffer(ReaderBuffer(bytes=10, every=2, overflow=Overflow.BLOCK))
    run = batch_run(0, [30, 1, 30, 1])
    assert buffer.room(run, 0) == 2
    buffer.offer(run.first(2), 0)
    assert buffer.room(run.after(2), 0) == 0
    assert take_all(buffer) == [0]
    assert buffer.room(run.after(2), 0) == 2


def test_a_blocking_buffer_that_was_not_asked_for_room_refuses() -> None:
    buffer = RunBuffer(ReaderBuffer(messages=2, overflow=Overflow.BLOCK))
    buffer.offer(batch_run(0, [1, 1]), 0)
    with pytest.raises(BufferFull, match="2 messages are held"):
        buffer.offer(single_run(2), 0)


def test_empty_messages_are_bounded_where_only_bytes_are() -> None:
    buffer = RunBuffer(ReaderBuffer(messages=None, bytes=10 * LEAST_BYTES))
    buffer.offer(batch_run(0, [0] * 100), 0)
    assert buffer.held == 10


def test_clearing_goes_on_in_stretches_of_what_fits() -> None:
    for asked in (
        ReaderBuffer(messages=3, overflow=Overflow.CLEAR),
        ReaderBuffer(bytes=15, overflow=Overflow.CLEAR),
    ):
        for count, left in ((6, [3, 4, 5]), (7, [6]), (8, [6, 7])):
            buffer = RunBuffer(asked)
            buffer.offer(batch_run(0, [5] * count), 0)
            assert take_all(buffer) == left


def test_smaller_messages_still_enter_behind_one_that_does_not_fit() -> None:
    buffer = RunBuffer(ReaderBuffer(bytes=10, overflow=Overflow.DROP_NEWEST))
    buffer.offer(batch_run(0, [6, 5, 3, 3, 1, 1]), 0)
    assert take_all(buffer) == [0, 2, 4]
    assert gaps_of(buffer, 2) == [Gap(1, 1, 1, Reason.OVERFLOW)]


def test_the_latest_of_a_batch_stands_where_its_key_stood_unless_it_needs_others_room() -> None:
    buffer = RunBuffer(ReaderBuffer(bytes=10, overflow=Overflow.LATEST_PER_KEY))
    keyed = single_run(1, 0, key=b"a")
    buffer.offer(single_run(0, 4), 0)
    buffer.offer(keyed, 0)
    buffer.offer(batch_run(2, [1, 9 - keyed.size, 10 - keyed.size]), 0)
    assert take_all(buffer) == [4, 1]
    buffer.offer(single_run(5, 4), 0)
    buffer.offer(single_run(6, 0, key=b"a"), 0)
    buffer.offer(batch_run(7, [1, 10, 2]), 0)
    assert take_all(buffer) == [9]
    assert buffer.stats().dropped == {Reason.REPLACED: 6, Reason.OVERFLOW: 1}


def test_an_endless_buffer_holds_all_and_says_what_it_holds() -> None:
    buffer = RunBuffer(ReaderBuffer.endless())
    for at in range(100):
        run = batch_run(at * 100, [7] * 100)
        assert buffer.room(run, 0) == 100
        buffer.offer(run, 0)
    assert (buffer.bounded, buffer.held, buffer.held_bytes) == (False, 10_000, 70_000)
    assert buffer.stats().fill == 0


@pytest.mark.parametrize("overflow", [policy for policy in Overflow if policy is not Overflow.RAISE])
def test_what_is_discarded_is_counted_by_the_reason_given(overflow: Overflow) -> None:
    buffer = RunBuffer(ReaderBuffer(messages=5, overflow=overflow))
    buffer.offer(single_run(0, keyframe=True), 3)
    assert buffer.oldest_ns() == 3
    buffer.discard("unsubscribed")
    assert buffer.stats().dropped == {"unsubscribed": 1}
    assert buffer.stats().balanced
    assert (buffer.held, buffer.oldest_ns(), gaps_of(buffer)) == (0, None, [])
