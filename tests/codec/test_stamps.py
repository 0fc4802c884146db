"""Stamps for a file, whatever the source left out."""

from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.codec.stamps import Stamped, Stamps
from sightline.packet import Packet

MakePacket = Callable[..., Packet]
STEP = 3600  # ticks from picture to picture

# In the order of decoding: none reordered, two B-frames, a pyramid of three.
ORDERS = {
    "none": (0, 1, 2, 3, 4, 5, 6, 7, 8),
    "two": (0, 3, 1, 2, 6, 4, 5, 9, 7, 8),
    "pyramid": (0, 4, 2, 1, 3, 8, 6, 5, 7),
}


def stamped(packets: list[Packet]) -> tuple[list[Stamped], Stamps]:
    stamps = Stamps()
    ready = [one for packet in packets for one in stamps.add(packet)] + stamps.flush()
    return ready, stamps


def check(ready: list[Stamped], packets: list[Packet]) -> None:
    assert [one.packet for one in ready] == packets
    assert not ready or ready[0].dts == 0
    assert all(a.dts < b.dts for a, b in pairwise(ready))
    assert all(one.pts >= one.dts and one.duration > 0 for one in ready)


@pytest.fixture
def made(make_packet: MakePacket) -> Callable[..., list[Packet]]:
    """Packets shown in an order, with the stamps that are named left out."""

    def make(order: str, no_pts: tuple[int, ...] = (), no_dts: tuple[int, ...] = ()) -> list[Packet]:
        shown = ORDERS[order]
        late = max(max(shown[: at + 1]) - one for at, one in enumerate(shown))
        return [
            make_packet(
                at,
                keyframe=at == 0,
                pts=None if at in no_pts else 1000 + one * STEP,
                dts=None if at in no_dts else 1000 + (at - late) * STEP,
            )
            for at, one in enumerate(shown)
        ]

    return make


@pytest.mark.parametrize("order", ORDERS)
def test_what_the_source_says_is_kept(made: Callable[..., list[Packet]], order: str) -> None:
    packets = made(order)
    ready, stamps = stamped(packets)
    check(ready, packets)
    assert {one.packet.pts - one.pts for one in ready if one.packet.pts is not None} == {packets[0].dts}
    assert {one.packet.dts - one.dts for one in ready if one.packet.dts is not None} == {packets[0].dts}
    assert stamps.guessed == 0
    assert Stamps().add(packets[0])


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("no_dts", [(0,), (0, 1), (0, 1, 2), (0, 1, 2, 4, 5), tuple(range(10))])
def test_a_first_rtsp_packet_has_the_place_before_the_second(
    made: Callable[..., list[Packet]], order: str, no_dts: tuple[int, ...]
) -> None:
    """As libav gives them: no stamps at all of the first, no dts of some more."""
    packets = made(order, (0,), no_dts)
    ready, stamps = stamped(packets)
    check(ready, packets)
    assert [(one.pts - ready[0].pts) // STEP for one in ready] == list(ORDERS[order])[: len(ready)]
    assert stamps.guessed == 1


def test_a_source_without_times_is_shown_as_it_was_captured(made: Callable[..., list[Packet]]) -> None:
    packets = made("none", tuple(range(9)), tuple(range(9)))
    ready, stamps = stamped(packets)
    check(ready, packets)
    assert [one.pts for one in ready] == [at * STEP for at in range(9)]
    assert stamps.guessed == len(packets)


def test_little_is_held_and_only_at_the_beginning(made: Callable[..., list[Packet]]) -> None:
    stamps = Stamps()
    packets = made("two", (0,), (0, 1, 2))
    assert [len(stamps.add(packet)) for packet in packets] == [0, 0, 0, 4, 1, 1, 1, 1, 1, 1]
    assert stamps.held == 0


@given(
    said=st.lists(
        st.tuples(st.none() | st.integers(-(10**6), 10**6), st.none() | st.integers(-(10**6), 10**6)),
        max_size=70,
    ),
    ticks=st.sampled_from([1, 25, 90_000]),
)
def test_any_stamps_can_be_written(make_packet: MakePacket, said: list[Any], ticks: int) -> None:
    packets = [
        make_packet(at, pts=pts, dts=dts, time_base=Fraction(1, ticks)) for at, (pts, dts) in enumerate(said)
    ]
    stamps = Stamps()
    ready: list[Stamped] = []
    for at, packet in enumerate(packets):
        ready += stamps.add(packet)
        assert stamps.held + len(ready) == at + 1
        assert stamps.held < 32
    ready += stamps.flush()
    check(ready, packets)


def test_a_time_base_need_not_be_one_over_something(made: Callable[..., list[Packet]]) -> None:
    base = Fraction(1001, 30_000)
    packets = [
        msgspec.structs.replace(one, pts=at, dts=at, time_base=base) for at, one in enumerate(made("none"))
    ]
    ready, _ = stamped(packets)
    assert [(one.pts, one.dts) for one in ready] == [(at, at) for at in range(9)]
