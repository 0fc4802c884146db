"""RTP and RTCP by their bits."""

from tests.fakecam.client import read_report, read_rtp

from sightline.fakecam.rtp import Sender


def test_the_last_packet_of_a_picture_has_the_marker_and_numbers_wrap_around() -> None:
    sender = Sender(ssrc=0xCAFE, sequence=65534)
    packets = [read_rtp(data) for data in sender.packets([b"a", b"b", b"c"], 96, 2**32 + 5)]

    assert [packet.marker for packet in packets] == [False, False, True]
    assert [packet.sequence for packet in packets] == [65534, 65535, 0]
    assert {(packet.payload_type, packet.timestamp, packet.ssrc) for packet in packets} == {(96, 5, 0xCAFE)}
    assert b"".join(packet.payload for packet in packets) == b"abc"
    assert sender.sequence == 1


def test_a_report_pairs_utc_with_a_time_stamp_and_counts() -> None:
    sender = Sender(ssrc=1, sequence=0)
    sender.packets([b"abc", b"de"], 96, 0)
    report = read_report(sender.report(1_700_000_000_250_000_000, 2**32 + 90_000))

    assert abs(report.utc_s - 1_700_000_000.25) < 1e-6
    assert (report.timestamp, report.packets, report.octets, report.goodbye) == (90_000, 2, 5, False)
    assert read_report(sender.goodbye(0, 0)).goodbye
