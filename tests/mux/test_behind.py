"""Packets that wait: what is too far behind gives way to the newest keyframe, and all are counted."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline import Packet
from sightline.mux.behind import Waiting


def packet(index: int, *, keyframe: bool = False, size: int = 10) -> Packet:
    return Packet(
        camera_id="a",
        epoch=1,
        index=index,
        data=bytes(size),
        codec="h264",
        keyframe=keyframe,
        pts=index,
        dts=index,
        time_base=Fraction(1, 25),
        captured_at_ns=0,
        captured_at_source="arrival",
    )


def filled(max_behind: int | None, packets: int, *keyframes: int) -> Waiting:
    waiting = Waiting(max_behind)
    for index in range(packets):
        waiting.add(packet(index, keyframe=index in keyframes))
    return waiting


def taken(waiting: Waiting) -> list[tuple[int, bool]]:
    found = []
    while (waiter := waiting.take()) is not None:
        found.append((waiter.packet.index, waiter.seam))
    return found


def test_what_is_not_too_far_behind_is_left_alone() -> None:
    waiting = filled(5, 5, 0, 3)
    assert waiting.jump(0) == []
    assert not waiting.hurry
    assert taken(waiting) == [(index, False) for index in range(5)]


def test_beyond_that_all_before_the_newest_keyframe_is_given_back() -> None:
    waiting = filled(5, 8, 0, 3, 6)
    assert [waiter.packet.index for waiter in waiting.jump(0)] == list(range(6))
    assert taken(waiting) == [(6, True), (7, False)]
    assert waiting.stats().jumps == 1


def test_messages_at_the_broker_count_as_well() -> None:
    waiting = filled(5, 3, 1)
    assert waiting.jump(2) == []
    assert [waiter.packet.index for waiter in waiting.jump(3)] == [0]


def test_what_waited_at_the_broker_is_forgotten_where_it_breaks_off() -> None:
    waiting = filled(5, 3, 1)
    waiting.jump(12_204)
    waiting.part()
    assert waiting.behind() == len(waiting)


def test_with_no_keyframe_ahead_it_hurries_until_it_has_caught_up() -> None:
    waiting = filled(5, 7, 0)
    assert waiting.jump(0) == []
    assert waiting.hurry
    waiting.take()
    assert waiting.hurry
    waiting.take()
    assert not waiting.hurry


def test_a_camera_that_may_be_behind_for_ever_loses_nothing() -> None:
    waiting = filled(None, 900, *range(0, 900, 50))
    assert waiting.jump(10_000) == []
    assert not waiting.hurry
    assert len(taken(waiting)) == 900


def test_a_packet_says_whether_its_picture_is_wanted() -> None:
    waiting = Waiting(None)
    waiting.add(packet(0), wanted=False)
    waiting.add(packet(1))
    assert [waiter.wanted for waiter in (waiting.take(), waiting.take()) if waiter] == [False, True]


def test_after_all_was_left_out_the_next_packet_stands_at_a_seam() -> None:
    waiting = filled(None, 3, 0)
    assert len(waiting.clear()) == 3
    waiting.add(packet(3))
    assert taken(waiting) == [(3, True)]


@pytest.mark.parametrize(("most_packets", "most_bytes"), [(3, 1000), (1000, 30)])
def test_it_is_full_at_either_bound(most_packets: int, most_bytes: int) -> None:
    waiting = Waiting(None, most_packets=most_packets, most_bytes=most_bytes)
    for index in range(3):
        assert not waiting.full
        waiting.add(packet(index))
    assert waiting.full
    waiting.take()
    assert not waiting.full


EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.booleans()),
        st.tuples(st.just("take"), st.just(value=False)),
        st.tuples(st.just("jump"), st.integers(0, 4)),
    ),
    max_size=80,
)


@given(EVENTS, st.one_of(st.none(), st.integers(1, 6)))
def test_every_packet_is_taken_or_given_back_in_order_and_jumps_land_on_the_newest_keyframe(
    events: list[tuple[str, int]], max_behind: int | None
) -> None:
    waiting = Waiting(max_behind)
    model: list[Packet] = []
    number, left = 0, False
    for event, value in events:
        if event == "add":
            model.append(packet(number, keyframe=bool(value)))
            waiting.add(model[-1])
            number += 1
        elif event == "take":
            waiter = waiting.take()
            assert (waiter and waiter.packet) == (model.pop(0) if model else None)
            if waiter is not None:
                assert waiter.seam is left
                left = False
        else:
            newest = max((at for at, held in enumerate(model) if held.keyframe), default=0)
            jumps = max_behind is not None and len(model) + value > max_behind
            expected = model[:newest] if jumps else []
            assert [waiter.packet for waiter in waiting.jump(value)] == expected
            del model[: len(expected)]
            left = left or bool(expected)
            assert waiting.behind() == len(model) + value
        assert waiting.stats().balanced
        assert (waiting.stats().held, waiting.stats().held_bytes) == (len(model), 10 * len(model))
