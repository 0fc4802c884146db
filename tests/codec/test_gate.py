from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from sightline.codec.gate import DropReason, Gate, Passage
from sightline.packet import Packet

MakePacket = Callable[..., Packet]
OPEN = Passage(breaks=False, refused=None)


def refusals(gate: Gate, packets: list[Packet]) -> list[str | None]:
    return [gate.pass_(packet).refused for packet in packets]


def test_it_opens_at_the_first_keyframe(make_packet: MakePacket) -> None:
    packets = [make_packet(n, keyframe=n == 2) for n in range(4)]
    assert refusals(Gate(), packets) == ["before_keyframe", "before_keyframe", None, None]


def test_a_hole_shuts_it_until_the_next_keyframe(make_packet: MakePacket) -> None:
    packets = [make_packet(n, keyframe=n in (0, 6)) for n in (0, 1, 4, 5, 6, 7)]
    assert refusals(Gate(), packets) == [None, None, "gap", "gap", None, None]


def test_a_keyframe_right_after_a_hole_breaks_with_what_came_before(make_packet: MakePacket) -> None:
    gate = Gate()
    gate.pass_(make_packet(0, keyframe=True))
    assert gate.pass_(make_packet(9, keyframe=True)) == Passage(breaks=True, refused=None)


def test_a_new_epoch_begins_anew(make_packet: MakePacket) -> None:
    gate = Gate()
    gate.pass_(make_packet(0, keyframe=True))
    assert gate.pass_(make_packet(1, epoch=5)) == Passage(True, DropReason.BEFORE_KEYFRAME)
    assert gate.pass_(make_packet(2, epoch=5, keyframe=True)) == OPEN


def test_a_new_codec_begins_anew(make_packet: MakePacket) -> None:
    gate = Gate()
    gate.pass_(make_packet(0, keyframe=True))
    assert gate.pass_(make_packet(1, codec="hevc")) == Passage(True, DropReason.BEFORE_KEYFRAME)


def test_a_packet_that_comes_again_changes_nothing(make_packet: MakePacket) -> None:
    packets = [make_packet(n, keyframe=n == 0) for n in (0, 1, 2, 1, 2, 3)]
    assert refusals(Gate(), packets) == [None, None, None, "repeated", "repeated", None]


def test_in_epoch_0_the_index_does_not_count_packets(make_packet: MakePacket) -> None:
    packets = [make_packet(n, epoch=0, keyframe=n == 5) for n in (5, 5, 9, 12)]
    assert refusals(Gate(), packets) == [None, None, None, None]


def test_after_damage_it_stays_shut_until_a_keyframe(make_packet: MakePacket) -> None:
    gate = Gate()
    gate.pass_(make_packet(0, keyframe=True))
    gate.shut(DropReason.AFTER_CORRUPT)
    assert gate.pass_(make_packet(1)) == Passage(False, DropReason.AFTER_CORRUPT)
    assert gate.pass_(make_packet(2, keyframe=True)) == OPEN


@given(
    steps=st.lists(st.tuples(st.integers(1, 3), st.integers(0, 3), st.booleans()), max_size=60),
)
def test_what_passes_always_follows_a_keyframe_without_a_hole(
    make_packet: MakePacket, steps: list[tuple[int, int, bool]]
) -> None:
    """Whatever comes: the packets that pass fall into runs of one epoch and rising index, keyframe first."""
    gate, last = Gate(), None
    index = 0
    for epoch, step, keyframe in steps:
        index += step
        packet = make_packet(index, epoch=epoch, keyframe=keyframe)
        if gate.pass_(packet).refused is None:
            follows = last is not None and last.epoch == epoch and index == last.index + 1
            assert keyframe or follows
            last = packet
