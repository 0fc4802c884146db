"""Which packets are decoded for a picture a slot: held against a decoder that complains of what it lacks."""

from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightline.errors import ConfigError
from sightline.framequeue.grid import SecondGrid
from sightline.framequeue.picking import MAX_HELD_BYTES, Act, Keyframes, Picker, Step
from sightline.packet import Identity, Packet

S = 1_000_000_000
NOON = 1_789_041_600 * S
EPOCH = 1_789_041_600_000


def packet(index: int, at_s: float, *, keyframe: bool = False, epoch: int = EPOCH, size: int = 10) -> Packet:
    return Packet(
        camera_id="gate",
        epoch=epoch,
        index=index,
        data=bytes(size),
        codec="h264",
        keyframe=keyframe,
        pts=None,
        dts=None,
        time_base=Fraction(1, 90_000),
        captured_at_ns=NOON + round(at_s * S),
        captured_at_source="rtcp",
    )


def stream(
    frames: int, *, fps: float = 25, gop: int = 25, phase_s: float = 0.3, b_frames: int = 0, **fields: Any
) -> list[Packet]:
    """In the order of decoding; closed GOPs, and B-frames after the picture that they are shown before."""
    shown: list[int] = []
    for begin in range(0, frames, gop):
        numbers = list(range(begin, min(begin + gop, frames)))
        shown.append(numbers[0])
        for at in range(1, len(numbers), b_frames + 1):
            group = numbers[at : at + b_frames + 1]
            shown += [group[-1], *group[:-1]]
    return [
        packet(index, phase_s + number / fps, keyframe=number % gop == 0, **fields)
        for index, number in enumerate(shown)
    ]


@dataclass
class Checked:
    """A picker with a decoder behind it that gives its pictures `delay` packets late."""

    picker: Picker
    delay: int = 0
    wanted: list[Packet] = field(default_factory=list)
    decoded: int = 0
    stepped: Counter[Identity] = field(default_factory=Counter)
    longest_wait: int = 0
    _chain: int | None = None
    _within: list[Packet] = field(default_factory=list)

    def run(self, packets: list[Packet]) -> "Checked":
        for each in packets:
            self._all(self.picker.see(each))
            self.longest_wait = max(self.longest_wait, self.picker.held)
        self._all(self.picker.end())
        self._drain()
        return self

    def _all(self, steps: list[Step]) -> None:
        for step in steps:
            if step.act is not Act.AGAIN:
                self.stepped[step.packet.identity] += 1
            if step.act in {Act.WANTED, Act.NEEDED, Act.AGAIN}:
                self._decode(*step)

    def _decode(self, packet: Packet, act: Act) -> None:
        self.decoded += 1
        if packet.keyframe:
            self._drain()
        else:
            assert self._chain == packet.index - 1, "a picture that this one refers to was not decoded"
        self._chain = packet.index
        self._within.append(packet)
        if act is Act.WANTED:
            self.wanted.append(packet)
        while len(self._within) > self.delay:
            self.picker.had(self._within.pop(0).identity)
        if packet.keyframe and self.picker.waits_for(packet):
            self._drain()
            self.picker.emptied()

    def _drain(self) -> None:
        self._chain = None if self._within else self._chain
        while self._within:
            self.picker.had(self._within.pop(0).identity)


def checked(packets: list[Packet], keyframes: Keyframes = "auto", rate: float = 1, delay: int = 0) -> Checked:
    return Checked(Picker(SecondGrid(rate), keyframes), delay).run(packets)


def slots(packets: list[Packet], rate: float = 1) -> list[int]:
    grid = SecondGrid(rate)
    return [grid.slot(one.captured_at_ns) - grid.slot(NOON) for one in packets]


@given(
    frames=st.integers(1, 300),
    fps=st.floats(10, 30),
    gop=st.integers(1, 120),
    phase_s=st.floats(0, 2),
    b_frames=st.integers(0, 2),
    rate=st.sampled_from([0.1, 0.3, 0.5, 1, 1, 2, 5, 7, 25, 30]),
    keyframes=st.sampled_from(["auto", "never"]),
    delay=st.integers(0, 3),
)
@settings(max_examples=400)
def test_each_slot_has_one_picture_and_each_packet_one_step(
    frames: int,
    fps: float,
    gop: int,
    phase_s: float,
    b_frames: int,
    rate: float,
    keyframes: Keyframes,
    delay: int,
) -> None:
    packets = stream(frames, fps=fps, gop=gop, phase_s=phase_s, b_frames=b_frames)
    seen = checked(packets, keyframes, rate, delay)
    assert sorted(slots(seen.wanted, rate)) == sorted(set(slots(packets, rate)))
    assert seen.stepped == Counter(each.identity for each in packets)
    assert seen.longest_wait <= 2 * fps / rate + 2


def test_keyframes_alone_are_decoded_where_each_second_has_one() -> None:
    seen = checked(stream(243))
    assert all(one.keyframe for one in seen.wanted)
    assert slots(seen.wanted) == list(range(10))
    assert seen.decoded == 10


def test_at_the_end_a_second_that_was_cut_has_its_picture() -> None:
    seen = checked(stream(250))
    assert slots(seen.wanted) == list(range(11))
    assert [one.keyframe for one in seen.wanted[-2:]] == [True, False]


def test_a_keyframe_just_off_the_second_costs_one_picture_more() -> None:
    """Every other one comes 2 ms late, over the edge of a second."""
    packets = [
        packet(index, 0.999 + index / 25 + (0.002 if index % 50 == 25 else 0), keyframe=index % 25 == 0)
        for index in range(500)
    ]
    seen = checked(packets)
    assert slots(seen.wanted) == list(range(21))
    assert seen.decoded <= 21 + 12


@pytest.mark.parametrize(("gop", "most"), [(50, 0.31), (100, 0.7), (250, 0.95)])
def test_longer_gops_are_decoded_no_further_than_needed(gop: int, most: float) -> None:
    packets = stream(1000, gop=gop, phase_s=0.5)
    seen = checked(packets)
    assert slots(seen.wanted) == list(range(41))
    assert seen.decoded < most * len(packets)


def test_a_picture_is_not_waited_for_where_no_keyframe_is_due() -> None:
    picker = Picker(SecondGrid())
    wanted_at: dict[int, int] = {}
    for each in stream(600, gop=100, phase_s=0.5):
        for step in picker.see(each):
            if step.act is Act.WANTED:
                picker.had(step.packet.identity)
                wanted_at[slots([step.packet])[0]] = each.index - step.packet.index
    late = {slot for slot, packets in wanted_at.items() if packets}
    assert late <= {1, 2, 3, 4}  # of the first GOP, whose length nobody knew


def test_only_means_nothing_but_keyframes() -> None:
    seen = checked(stream(500, gop=50, phase_s=0.5), "only")
    assert slots(seen.wanted) == list(range(0, 20, 2))
    assert seen.decoded == 10
    assert seen.longest_wait == 0


def test_never_means_the_first_picture_of_each_second_at_once() -> None:
    packets = stream(250)
    seen = checked(packets, "never")
    firsts = {slot: one for one, slot in reversed(list(zip(packets, slots(packets), strict=True)))}
    assert seen.wanted == sorted(firsts.values(), key=lambda one: one.index)
    assert seen.longest_wait <= 26


def test_before_a_keyframe_nothing_is_decoded_or_waits() -> None:
    picker = Picker(SecondGrid())
    steps = [step for each in stream(60)[10:30] for step in picker.see(each)]
    assert {step.act for step in steps[:15]} == {Act.KEYLESS}
    assert [step.act for step in steps[15:16]] == [Act.WANTED]


def test_a_new_epoch_settles_what_waited_and_needs_a_keyframe() -> None:
    picker = Picker(SecondGrid())
    for each in stream(30):
        for step in picker.see(each):
            picker.had(step.packet.identity)
    steps = picker.see(packet(0, 5.0, epoch=EPOCH + 1))
    assert [step.act for step in steps[:-1]] == [Act.SKIPPED] * 4
    assert [step.packet.index for step in steps[:-1]] == [26, 27, 28, 29]
    assert steps[-1] == Step(packet(0, 5.0, epoch=EPOCH + 1), Act.KEYLESS)
    assert picker.held == 0


def test_a_picture_that_was_lost_lets_the_next_keyframe_of_its_second_try() -> None:
    picker = Picker(SecondGrid())
    [first] = picker.see(packet(0, 0.1, keyframe=True))
    picker.lost(first.packet.identity)
    picker.see(packet(1, 0.14))
    steps = picker.see(packet(2, 0.5, keyframe=True))
    assert [(step.packet.index, step.act) for step in steps] == [(1, Act.SKIPPED), (2, Act.WANTED)]


def test_what_was_never_wanted_is_not_lost() -> None:
    grid = SecondGrid()
    picker = Picker(grid)
    picker.see(packet(0, 0.1, keyframe=True))
    picker.lost(packet(1, 0.14).identity)
    assert grid.last_slot == grid.slot(NOON)


def test_packets_that_wait_are_bounded_in_bytes() -> None:
    """One picture each ten seconds of a camera of huge packets and one endless GOP."""
    large = MAX_HELD_BYTES // 20
    packets = stream(500, gop=10_000, size=large)
    picker = Picker(SecondGrid(rate=0.1))
    seen = Checked(picker).run(packets)
    assert seen.longest_wait <= 21
    assert slots(seen.wanted, 0.1) == [0, 1, 2]
    assert seen.stepped == Counter(each.identity for each in packets)


def test_a_clock_set_back_while_a_second_waits_settles_it() -> None:
    seen = checked(
        [
            packet(0, 3600.5, keyframe=True),
            packet(1, 3601.0),
            packet(2, 3601.04),
            packet(3, 1.5),
            packet(4, 2.5, keyframe=True),
        ]
    )
    assert [one.index for one in seen.wanted] == [0, 1, 3, 4]


def test_a_choice_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ConfigError, match="keyframes"):
        Picker(SecondGrid(), "sometimes")  # type: ignore[arg-type]
