from collections.abc import Callable
from itertools import pairwise

from sightline.codec.timeline import Timeline
from sightline.packet import Packet

MakePacket = Callable[..., Packet]


def test_media_time_is_exact_however_much_the_time_of_capture_wanders(make_packet: MakePacket) -> None:
    timeline = Timeline()
    times = [timeline.at_ns(make_packet(n, captured_at_ns=10**18 + n * 39_000_000)) for n in range(50)]
    assert {later - earlier for earlier, later in pairwise(times)} == {40_000_000}


def test_packets_with_and_without_pts_stand_on_one_line(make_packet: MakePacket) -> None:
    timeline = Timeline()
    times = [timeline.at_ns(make_packet(n, **({"pts": None} if n % 3 == 0 else {}))) for n in range(50)]
    assert {later - earlier for earlier, later in pairwise(times)} == {40_000_000}


def test_a_new_epoch_has_its_own_pts(make_packet: MakePacket) -> None:
    timeline = Timeline()
    first = timeline.at_ns(make_packet(0, 0.0, pts=8_000_000))
    second = timeline.at_ns(make_packet(0, 2.0, epoch=7, pts=5))
    assert second - first == 2_000_000_000
