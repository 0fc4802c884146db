"""The ring: bounded by time and bytes whatever comes, decodable from its beginning, counts that add up."""

from collections.abc import Callable
from itertools import accumulate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.codec import PacketRing
from sightline.errors import ConfigError
from sightline.packet import Packet

MakePacket = Callable[..., Packet]
S = 1_000_000_000

# Steps of time, sizes, keyframes, lost packets, new epochs with a clock that may have been set.
EVENTS = st.lists(
    st.tuples(
        st.sampled_from([0.04, 0.04, 1.0, 7.0]),
        st.integers(1, 300),
        st.sampled_from([True, False, False]),
        st.sampled_from([1, 1, 1, 2]),
        st.sampled_from([None, None, None, None, -3600.0, 0.0, 3600.0]),
    ),
    max_size=80,
)


def packets_of(make: MakePacket, events: list[Any]) -> list[Packet]:
    packets, at_s, index, epoch = [], 0.0, 0, 1
    for step_s, size, keyframe, step, set_s in events:
        at_s, index = at_s + step_s, index + step
        if set_s is not None:
            at_s, index, epoch = at_s + set_s, 0, epoch + 1
        packets.append(
            make(
                index, epoch=epoch, data=bytes(size), keyframe=keyframe, captured_at_ns=10**18 + int(at_s * S)
            )
        )
    return packets


@given(events=EVENTS, seconds=st.sampled_from([0.5, 5.0]), max_bytes=st.sampled_from([100, 1000, 10**6]))
def test_its_bounds_hold_and_it_begins_at_a_keyframe(
    make_packet: MakePacket, events: list[Any], seconds: float, max_bytes: int
) -> None:
    ring = PacketRing(seconds, max_bytes)
    for packet in packets_of(make_packet, events):
        kept = ring.add(packet)
        held = ring.since(0)
        stats = ring.stats()
        assert stats.balanced
        assert stats.held == len(ring) == len(held)
        assert stats.held_bytes == sum(len(one.data) for one in held) <= max_bytes
        assert not held or held[0].keyframe
        assert kept == (bool(held) and held[-1] is packet)
        # Of the GOPs held, all but the first begin within `seconds` of the newest packet kept.
        begun = [one.captured_at_ns for one in held if one.keyframe]
        if kept:
            assert all(abs(packet.captured_at_ns - at_ns) < seconds * S for at_ns in begun[1:])
        assert [ring.get(ring.first + at) for at in range(len(held))] == held
        assert ring.get(ring.first - 1) is None is ring.get(ring.first + len(held))


@given(events=EVENTS, back_s=st.floats(0, 5))
def test_what_lies_within_its_seconds_is_there_from_the_keyframe_before(
    make_packet: MakePacket, events: list[Any], back_s: float
) -> None:
    """Where bytes are no matter and the clock is not set, nothing that was asked for in time is missing."""
    ring = PacketRing(5, 10**9)
    steady = [(step_s, size, keyframe, 1, None) for step_s, size, keyframe, *_ in events]
    packets = packets_of(make_packet, steady)
    for packet in packets:
        ring.add(packet)
    if not packets:
        return
    wanted_ns = packets[-1].captured_at_ns - int(back_s * S)
    keyframes = [at for at, one in enumerate(packets) if one.keyframe and one.captured_at_ns <= wanted_ns]
    if keyframes:
        assert ring.since(wanted_ns) == packets[keyframes[-1] :]


@given(events=EVENTS, before_s=st.floats(-10, 100))
def test_forgetting_changes_nothing_for_who_asks_later(
    make_packet: MakePacket, events: list[Any], before_s: float
) -> None:
    ring, other = PacketRing(100, 10**6), PacketRing(100, 10**6)
    for packet in packets_of(make_packet, [(*event[:4], None) for event in events]):
        ring.add(packet)
        other.add(packet)
    before_ns = 10**18 + int(before_s * S)
    ring.forget(before_ns)
    assert ring.stats().balanced
    for later_s in (0, 1, 50):
        assert ring.since(before_ns + later_s * S) == other.since(before_ns + later_s * S)


def test_reasons_are_told(make_packet: MakePacket) -> None:
    ring = PacketRing(10, 100)

    def add(index: int, size: int = 10, *, keyframe: bool = False) -> bool:
        return ring.add(make_packet(index, data=bytes(size), keyframe=keyframe))

    assert not add(0)
    assert add(1, keyframe=True)
    assert not add(1)
    assert not add(3)  # 2 was lost
    assert add(4, keyframe=True)
    assert not add(5, 101)
    assert not add(6)
    assert add(7, 90, keyframe=True)
    assert not add(8, 20)  # would push out its own keyframe
    assert not add(9)
    assert ring.stats().dropped == {
        "before_keyframe": 1,
        "repeated": 1,
        "gap": 4,
        "too_large": 1,
        "overflow": 3,
    }
    assert len(ring) == 0


def test_a_long_run_keeps_its_seconds(make_packet: MakePacket) -> None:
    """25 a second, a GOP of 2 s, 5 s wanted: never more than 7 s, never less than 5."""
    ring = PacketRing(5, 10**6)
    counts = [ring.add(make_packet(i, keyframe=i % 50 == 0)) and len(ring) for i in range(1000)]
    assert max(counts) == 175
    assert min(counts[175:]) == 126
    assert list(accumulate(counts[:125], max)) == counts[:125]


@pytest.mark.parametrize(("seconds", "max_bytes"), [(0, 1), (-1, 1), (1, 0), (float("nan"), 1)])
def test_bounds_are_above_nothing(seconds: float, max_bytes: int) -> None:
    with pytest.raises(ConfigError, match="above 0"):
        PacketRing(seconds, max_bytes)
