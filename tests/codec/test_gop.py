from collections.abc import Callable
from typing import Any

import pytest

from sightline.codec import Gop, GopMeter
from sightline.packet import Packet

MakePacket = Callable[..., Packet]
DISPOSABLE = b"\0\0\1\x01slice"


def measured(packets: list[Packet]) -> Gop | None:
    meter = GopMeter()
    for packet in packets:
        meter.add(packet)
    return meter.gop


@pytest.mark.parametrize(("codec", "gop", "b_frames"), [("h264", 25, 0), ("h264", 12, 3), ("hevc", 10, 2)])
def test_it_tells_the_gop_and_the_frame_rate(
    film: Callable[..., Any], codec: str, gop: int, b_frames: int
) -> None:
    seen = measured(film(codec, gop=gop, b_frames=b_frames).packets)
    assert seen is not None
    assert seen.packets == gop
    assert seen.duration_s == pytest.approx(gop / 25)
    assert seen.fps == pytest.approx(25)
    assert (seen.disposable > 0) == (b_frames > 0)


def test_before_the_second_keyframe_it_says_nothing(make_packet: MakePacket) -> None:
    assert measured([make_packet(n, keyframe=n == 0) for n in range(20)]) is None


def test_the_longest_of_the_last_gops_counts(make_packet: MakePacket) -> None:
    keyframes = {0, 10, 60, 70, 80}
    seen = measured([make_packet(n, keyframe=n in keyframes) for n in range(85)])
    assert seen is not None
    assert (seen.packets, seen.duration_s) == (50, 2.0)


def test_a_long_gop_is_forgotten_after_many_short_ones(make_packet: MakePacket) -> None:
    seen = measured([make_packet(n, keyframe=(n >= 300 and n % 25 == 0) or n == 0) for n in range(500)])
    assert seen is not None
    assert seen.duration_s == 1.0


def test_a_gop_that_goes_on_counts_as_long_as_it_already_is(make_packet: MakePacket) -> None:
    seen = measured([make_packet(n, keyframe=n in (0, 25)) for n in range(25 + 101)])
    assert seen is not None
    assert (seen.packets, seen.duration_s) == (101, 4.0)


def test_a_hole_and_a_new_epoch_are_not_measured_across(make_packet: MakePacket) -> None:
    hole = [make_packet(n, keyframe=n % 25 == 0) for n in range(100) if not 30 <= n < 70]
    epochs = [make_packet(n, epoch=n // 10 + 1, keyframe=n % 10 == 0) for n in range(50)]
    seen = measured(hole)
    assert seen is not None
    assert (seen.packets, seen.duration_s) == (25, 1.0)
    assert measured(epochs) is None


def test_without_pts_the_time_of_capture_counts(make_packet: MakePacket) -> None:
    packets = [make_packet(n, keyframe=n % 10 == 0, pts=None if n < 11 else n * 3600) for n in range(41)]
    seen = measured(packets)
    assert seen is not None
    assert seen.duration_s == pytest.approx(0.4)
    assert seen.fps == pytest.approx(25)


def test_where_every_packet_is_a_keyframe_the_rate_is_a_mean_of_many(make_packet: MakePacket) -> None:
    times = [n / 10 + (n % 3 - 1) / 50 for n in range(120)]
    seen = measured([make_packet(n, at_s, codec="mjpeg", keyframe=True) for n, at_s in enumerate(times)])
    assert seen is not None
    assert seen.packets == 1
    assert seen.fps == pytest.approx(10, rel=0.01)


def test_the_share_of_disposable_packets(make_packet: MakePacket) -> None:
    packets = [
        make_packet(n, keyframe=n % 20 == 0, **({"data": DISPOSABLE} if n % 2 else {})) for n in range(61)
    ]
    seen = measured(packets)
    assert seen is not None
    assert seen.disposable == 0.5
    assert seen.frame_duration_s == pytest.approx(0.04)
