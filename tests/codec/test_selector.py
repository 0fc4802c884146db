from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.codec.sampler import Sampler
from sightline.codec.selector import Pictures, Selector
from sightline.errors import ConfigError
from sightline.packet import Packet

MakePacket = Callable[..., Packet]
REFERENCE, DISPOSABLE = b"\0\0\1\x41slice", b"\0\0\1\x01slice"


def stream(make: MakePacket, kinds: str, gops: int = 4) -> list[Packet]:
    """GOPs of the `kinds` at 25 pictures/s in the order of decoding: K key, P reference, b disposable.

    A `b` is shown before the reference that comes before it in decoding, as B-frames are.
    """
    packets: list[Packet] = []
    for gop in range(gops):
        shown = list(range(len(kinds)))
        for place, kind in enumerate(kinds):
            if kind == "b" and kinds[place - 1] != "K":
                before = place - 1
                shown[before], shown[place] = shown[place], shown[before]
        for place, kind in enumerate(kinds):
            packets.append(
                make(
                    len(packets),
                    (gop * len(kinds) + shown[place]) / 25,
                    keyframe=kind == "K",
                    data=DISPOSABLE if kind == "b" else REFERENCE,
                )
            )
    return packets


def chosen(selector: Selector, packets: list[Packet]) -> list[Packet]:
    wanted = []
    for packet in packets:
        selector.see(packet)
        assert packet.media_ns is not None
        if selector.wants(packet, packet.media_ns):
            wanted.append(packet)
    return wanted


def test_without_a_rate_all_are_decoded(make_packet: MakePacket) -> None:
    packets = stream(make_packet, "KPbPb")
    assert chosen(Selector("auto", None), packets) == packets


@pytest.mark.parametrize(("pictures", "kinds"), [("all", "KPb"), ("reference", "KP"), ("key", "K")])
def test_a_fixed_way_is_kept(make_packet: MakePacket, pictures: Pictures, kinds: str) -> None:
    packets = stream(make_packet, "KPbPb")
    kept = {"K": (True, REFERENCE), "P": (False, REFERENCE), "b": (False, DISPOSABLE)}
    expected = [p for p in packets if (p.keyframe, p.data) in {kept[kind] for kind in kinds}]
    assert chosen(Selector(pictures, None), packets) == expected


def test_keyframes_alone_do_where_the_gop_fits_the_period(make_packet: MakePacket) -> None:
    packets = stream(make_packet, "K" + "P" * 24, gops=6)
    selector = Selector("auto", Sampler(1))
    wanted = chosen(selector, packets)
    assert selector.way == "key"
    # The slot about the first second was served while the GOP was not known yet.
    assert wanted[25:] == [p for p in packets[26:] if p.keyframe]


def test_a_gop_half_a_frame_too_long_still_fits(make_packet: MakePacket) -> None:
    packets = [make_packet(n, n / 24.75, keyframe=n % 25 == 0) for n in range(100)]
    selector = Selector("auto", Sampler(1))
    chosen(selector, packets)
    assert selector.way == "key"


def test_a_gop_longer_than_the_period_needs_more_than_keyframes(make_packet: MakePacket) -> None:
    packets = stream(make_packet, "K" + "P" * 49)
    selector = Selector("auto", Sampler(1))
    assert chosen(selector, packets) == packets
    assert selector.way == "all"


def test_when_the_gop_grows_it_changes_at_a_keyframe_and_returns_later(make_packet: MakePacket) -> None:
    keyframes = {*range(0, 100, 25), 150, *range(175, 400, 25)}
    packets = [make_packet(n, keyframe=n in keyframes) for n in range(400)]
    selector, ways = Selector("auto", Sampler(1)), []
    for packet in packets:
        before = selector.way
        selector.see(packet)
        assert selector.way == before or packet.keyframe
        ways.append(selector.way)
    assert [ways[n] for n in (24, 26, 149, 151, 200, 399)] == ["all", "key", "key", "all", "all", "key"]


def test_disposable_pictures_are_left_out_where_others_fill_their_slots(make_packet: MakePacket) -> None:
    packets = stream(make_packet, "K" + "Pb" * 12)
    selector = Selector("auto", Sampler(10))
    wanted = chosen(selector, packets)
    assert selector.way == "reference"
    assert wanted == [p for p in packets if p.data == REFERENCE]


def test_a_disposable_picture_is_decoded_where_its_slot_has_no_other(make_packet: MakePacket) -> None:
    packets = stream(make_packet, "K" + "Pb" * 12)
    selector = Selector("auto", Sampler(25))
    assert chosen(selector, packets) == packets
    assert selector.way == "all"


def test_of_a_codec_without_references_only_wanted_pictures_are_decoded(make_packet: MakePacket) -> None:
    packets = [make_packet(n, codec="mjpeg", keyframe=True) for n in range(100)]
    assert len(chosen(Selector("auto", Sampler(5)), packets)) == pytest.approx(20, abs=2)


def test_of_such_a_codec_it_stays_so_however_unevenly_pictures_come(make_packet: MakePacket) -> None:
    packets = [
        make_packet(n, n / 25 + (n % 50 >= 25) * 0.4, codec="mjpeg", keyframe=True) for n in range(200)
    ]
    selector = Selector("auto", Sampler(5))
    chosen(selector, packets)
    assert selector.way == "key"


@given(kinds=st.text("Pb", min_size=4, max_size=60), rate=st.sampled_from([1, 2, 5, 10, 12.5, 20, 25]))
def test_what_is_left_out_costs_no_slot_its_picture(make_packet: MakePacket, kinds: str, rate: float) -> None:
    """Every slot that had a picture in the stream has one among those decoded; references all are."""
    packets = stream(make_packet, "K" + kinds)
    selector = Selector("auto", Sampler(rate))
    wanted = chosen(selector, packets)
    grid = Sampler(rate)

    def slots(some: list[Packet]) -> set[int]:
        return {grid.slot(p.media_ns) for p in some if p.media_ns is not None}

    if selector.way != "key":
        assert slots(wanted) == slots(packets)
        assert all(p in wanted for p in packets if p.data == REFERENCE)


def test_an_unknown_way_is_refused() -> None:
    with pytest.raises(ConfigError, match="pictures"):
        Selector("some", None)  # type: ignore[arg-type]


def test_what_is_unwanted_is_decoded_only_where_others_need_it(make_packet: MakePacket) -> None:
    packets = stream(make_packet, "KPbPb", gops=1)
    everything, keyframes = Selector("all", None), Selector("key", None)
    assert [everything.wants(p, 0, wanted=False) for p in packets] == [True, True, False, True, False]
    assert not any(keyframes.wants(p, 0, wanted=False) for p in packets)


def test_a_hurry_tells_what_is_decoded_and_changes_no_choice(make_packet: MakePacket) -> None:
    packets = stream(make_packet, "K" + "Pb" * 12)
    selector = Selector("auto", Sampler(25))
    selector.hurry = True
    assert selector.way == "reference"
    assert chosen(selector, packets) == [p for p in packets if p.data == REFERENCE]
    selector.hurry = False
    assert chosen(selector, packets[1:]) == packets[1:]
