"""Which packets a clip gets: exactly those wanted, from the keyframe before, however late results come."""

from collections.abc import Iterable, Iterator
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline import Packet
from sightline.clock import NS_PER_S
from sightline.sink.cutter import LAG_S, SILENT_S, Action, Cut, Cutter, End, Ended, Trigger, Write

FRAME_NS = 40_000_000
BEGIN_NS = 1_700_000_000 * NS_PER_S


def at(frame: int) -> int:
    return BEGIN_NS + frame * FRAME_NS


def packet_of(frame: int, index: int, *, gop: int = 50, epoch: int = 1, data: bytes = b"x") -> Packet:
    return Packet(
        camera_id="gate",
        epoch=epoch,
        index=index,
        data=data,
        codec="h264",
        keyframe=frame % gop == 0,
        pts=frame * 3600,
        dts=None,
        time_base=Fraction(1, 90_000),
        captured_at_ns=at(frame),
        captured_at_source="media",
    )


def film(frames: int, b_frames: int = 0, gop: int = 50) -> list[Packet]:
    """In the order of decoding, each with its own time; GOPs are closed."""
    order = [
        one for first in range(0, frames, gop) for one in _gop(first, min(gop, frames - first), b_frames)
    ]
    return [packet_of(frame, index, gop=gop) for index, frame in enumerate(order)]


def _gop(first: int, length: int, b_frames: int) -> Iterator[int]:
    yield first
    for start in range(first + 1, first + length, b_frames + 1):
        end = min(start + b_frames, first + length - 1)
        yield end
        yield from range(start, end)


def trigger_at(frame: int) -> Trigger:
    return Trigger(label="person", score=0.9, track_id=None, epoch=1, index=frame, captured_at_ns=at(frame))


class Clips:
    """What a cutter wrote, clip by clip."""

    def __init__(
        self, *, pre_s: float = 2, post_s: float = 2, max_s: float = 20, max_bytes: int = 10**6
    ) -> None:
        self.cutter = Cutter(pre_s=pre_s, post_s=post_s, max_s=max_s, max_bytes=max_bytes)
        self.written: dict[Cut, list[Packet]] = {}
        self.ended: dict[Cut, Ended] = {}
        self.now_ns = 0

    def do(self, actions: Iterable[Action]) -> None:
        for action in actions:
            assert action.cut not in self.ended
            if isinstance(action, Write):
                self.written.setdefault(action.cut, []).append(action.packet)
            else:
                assert isinstance(action, End)
                self.ended[action.cut] = action.why

    def packet(self, packet: Packet) -> None:
        self.do(self.cutter.packet(packet, self.now_ns))

    def result(self, frame: int, *, seen: bool = False) -> None:
        self.do(self.cutter.result(at(frame), trigger_at(frame) if seen else None, self.now_ns))

    @property
    def frames(self) -> list[list[int]]:
        """The numbers of the pictures in each clip, in the order of decoding."""
        return [
            [(one.captured_at_ns - BEGIN_NS) // FRAME_NS for one in clip] for clip in self.written.values()
        ]

    def run(self, packets: list[Packet], seen: set[int], lag: int) -> None:
        """Every picture has a result, `lag` packets later."""
        shown: list[int] = []
        for packet in packets:
            self.packet(packet)
            shown.append((packet.captured_at_ns - BEGIN_NS) // FRAME_NS)
            if len(shown) > lag:
                frame = min(shown)
                shown.remove(frame)
                self.result(frame, seen=frame in seen)
        for frame in sorted(shown):
            self.result(frame, seen=frame in seen)


@pytest.mark.parametrize("lag", [4, 30, 200, 1000])
@pytest.mark.parametrize("b_frames", [0, 2])
def test_a_clip_is_from_the_keyframe_before_to_the_last_picture_wanted(b_frames: int, lag: int) -> None:
    """Seen in 215 and 229: wanted are 165 to 279. The keyframe before is 150. Lags up to a file's."""
    clips = Clips()
    clips.run(film(600, b_frames), {215, 229}, lag)
    (frames,) = clips.frames
    assert frames[0] == 150
    assert sorted(frames)[:130] == list(range(150, 280))
    # With B-frames there is the one that the last of them needs, which is shown after it.
    assert sorted(frames)[130:] == ([] if b_frames == 0 else [280])
    assert [*clips.ended.values()] == [Ended.WHOLE]
    (cut,) = clips.ended
    assert (cut.results, cut.wanted_from_ns, cut.wanted_to_ns) == (2, at(165), at(279))


@given(
    seen=st.sets(st.integers(0, 399), max_size=12),
    b_frames=st.integers(0, 3),
    gop=st.sampled_from([1, 12, 50, 400]),
    lag=st.integers(4, 420),
    max_s=st.sampled_from([4, 7, 100]),
)
def test_every_event_is_in_a_clip(seen: set[int], b_frames: int, gop: int, lag: int, max_s: float) -> None:
    """Whatever is seen when: around each event there is a clip that has all that was wanted."""
    clips = Clips(max_s=max_s)
    packets = film(400, b_frames, gop)
    clips.run(packets, seen, lag)
    clips.do(clips.cutter.close())

    assert len(clips.ended) == len(clips.written) <= len(seen)
    for cut, written in clips.written.items():
        assert written[0].keyframe
        assert written[0].captured_at_ns <= max(cut.wanted_from_ns, BEGIN_NS)
        first = packets.index(written[0])
        assert written == packets[first : first + len(written)]  # without a hole, in order
        times = {one.captured_at_ns for one in written}
        wanted = range(max(cut.wanted_from_ns, BEGIN_NS), min(cut.wanted_to_ns, at(399)) + 1, FRAME_NS)
        assert times >= set(wanted)
        assert max(times) <= cut.wanted_to_ns + 3 * FRAME_NS
        assert cut.wanted_to_ns - cut.wanted_from_ns <= max_s * NS_PER_S
    for frame in seen:
        around = {at(one) for one in range(max(frame - 50, 0), min(frame + 50, 399) + 1)}
        assert any(around <= {one.captured_at_ns for one in clip} for clip in clips.written.values())
    assert sum(cut.results for cut in clips.written) == len(seen)
    assert clips.cutter.ring.stats().balanced


def test_the_ring_keeps_no_more_than_a_late_result_could_want() -> None:
    clips, most = Clips(), 0
    for packet in film(2000):
        clips.packet(packet)
        if packet.index >= 10:
            clips.result(packet.index - 10)
        most = max(most, len(clips.cutter.ring))
    assert most <= 50 + 50 + 10 + 1  # 2 s, a GOP, the lag


def test_the_ring_is_bounded_where_no_result_comes() -> None:
    clips = Clips(max_bytes=100)
    for packet in film(500):
        clips.packet(packet)
    assert clips.cutter.ring.stats().held_bytes <= 100


def test_what_the_ring_lost_is_missing_and_the_rest_is_written() -> None:
    """A result that comes far too late: the clip begins later than wanted, at a keyframe."""
    clips = Clips(max_bytes=120)
    for packet in film(400):
        clips.packet(packet)
    clips.result(315, seen=True)
    (frames,) = clips.frames
    assert frames == list(range(300, 366))
    clips.result(399)
    clips = Clips(max_bytes=60)
    for packet in film(400):
        clips.packet(packet)
    clips.result(315, seen=True)
    assert clips.frames[0][0] == 350


def test_who_is_there_for_long_is_in_several_clips_that_overlap() -> None:
    """Of 6 s each 2 are before and 2 after what was seen: 51 pictures, from the keyframe before."""
    clips = Clips(max_s=6)
    clips.run(film(600), set(range(100, 300)), 20)
    assert [(frames[0], frames[-1]) for frames in clips.frames] == [
        (50, 200),
        (100, 251),
        (150, 302),
        (200, 349),
    ]


def test_a_file_that_is_over_ends_its_clip() -> None:
    clips = Clips()
    for packet in film(100):
        clips.packet(packet)
    clips.cutter.over()
    clips.result(90, seen=True)
    assert not clips.ended
    clips.do(clips.cutter.close())
    assert clips.frames == [list(range(100))]
    assert [*clips.ended.values()] == [Ended.SOURCE_ENDED]


def test_a_camera_that_falls_silent_ends_its_clip_after_a_while() -> None:
    clips = Clips()
    clips.run(film(100), {95}, 0)
    clips.do(clips.cutter.idle(int((SILENT_S - 1) * NS_PER_S)))
    assert not clips.ended
    clips.do(clips.cutter.idle(int(SILENT_S * NS_PER_S)))
    assert [*clips.ended.values()] == [Ended.SILENT]


def test_where_results_stay_out_a_clip_still_ends() -> None:
    clips = Clips()
    packets = film(int((LAG_S + 8) * 25))
    clips.run(packets[:100], {95}, 0)
    for packet in packets[100:]:
        clips.packet(packet)
    assert [*clips.ended.values()] == [Ended.WHOLE]
    assert clips.frames == [list(range(146))]  # wanted are 45 to 145


@pytest.mark.parametrize("set_s", [-3600, 3600])
def test_a_clock_that_is_set_ends_the_clip_there(set_s: int) -> None:
    clips = Clips()
    clips.run(film(100), {95}, 0)
    for index in range(20):
        clips.packet(packet_of(index * 1 + set_s * 25, index, epoch=2))
    assert clips.frames == [list(range(100))]
    assert [*clips.ended.values()] == [Ended.WHOLE]


def test_a_reconnection_within_a_clip_is_in_it() -> None:
    clips = Clips()
    clips.run(film(100), {95}, 0)
    for index in range(60):
        clips.packet(packet_of(100 + index, index, epoch=2))
    assert clips.frames == [list(range(146))]
