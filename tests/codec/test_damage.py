"""Damaged streams: counted, survived, and decoded on from the next keyframe."""

import random
from collections.abc import Callable
from fractions import Fraction
from itertools import product
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sightline.codec import Decoder
from sightline.codec.selector import Pictures
from sightline.frame import Frame, Size
from sightline.packet import Packet

MakeFilm = Callable[..., Any]
Replaced = Callable[..., Packet]
Damage = Callable[[bytes, random.Random], bytes]


def flipped(data: bytes, rnd: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rnd.choice([1, 5, 50])):
        changed[rnd.randrange(len(changed))] ^= 1 << rnd.randrange(8)
    return bytes(changed)


def cut(data: bytes, rnd: random.Random) -> bytes:
    return data[: rnd.randrange(len(data))]


def zeroed(data: bytes, rnd: random.Random) -> bytes:
    start = rnd.randrange(len(data))
    hole = data[start : start + 100]
    return data[:start] + bytes(len(hole)) + data[start + len(hole) :]


def random_bytes(data: bytes, rnd: random.Random) -> bytes:
    return rnd.randbytes(len(data))


def empty(data: bytes, rnd: random.Random) -> bytes:
    return b""


def run(decoder: Decoder, packets: list[Packet]) -> list[Frame]:
    frames = []
    for packet in packets:
        frames += decoder.feed(packet)
        assert decoder.stats().balanced
    frames += decoder.flush()
    stats = decoder.stats()
    assert stats.balanced
    assert (stats.entered, stats.left, stats.held) == (len(packets), len(frames), 0)
    return frames


@pytest.mark.parametrize("damage", [flipped, cut, zeroed, random_bytes, empty])
@pytest.mark.parametrize(
    ("codec", "b_frames"), [("h264", 0), ("h264", 2), ("hevc", 0), ("hevc", 2), ("mjpeg", 0)]
)
@pytest.mark.parametrize("pictures", ["auto", "key"])
def test_after_damage_of_any_kind_whole_gops_come_whole(
    film: MakeFilm, replaced: Replaced, damage: Damage, codec: str, b_frames: int, pictures: Pictures
) -> None:
    packets = film(codec, frames=100, gop=25, b_frames=b_frames).packets
    whole = {frame.index: frame.image for frame in run(Decoder(pictures=pictures), packets)}
    for seed in range(4):
        rnd = random.Random(seed)
        hurt = [
            replaced(p, data=damage(p.data, rnd)) if p.index < 60 and rnd.random() < 0.1 else p
            for p in packets
        ]
        frames = run(Decoder(pictures=pictures), hurt)
        last_gop = {frame.index: frame.image for frame in frames if frame.index >= 75}
        assert last_gop.keys() == {index for index in whole if index >= 75}
        assert all(np.array_equal(image, whole[index]) for index, image in last_gop.items())


@pytest.mark.parametrize(("b_frames", "preset"), [(0, "ultrafast"), (2, "ultrafast"), (2, "faster")])
def test_a_truncated_h264_packet_never_spoils_a_picture_that_is_given_out(
    film: MakeFilm, replaced: Replaced, b_frames: int, preset: str
) -> None:
    packets = film(frames=60, b_frames=b_frames, preset=preset).packets
    whole = {frame.index: frame.image for frame in run(Decoder(), packets)}
    for index, share in product(range(1, 50, 4), (0.1, 0.25, 0.4, 0.5, 0.6, 0.7, 0.8)):
        hurt = list(packets)
        kept = int(len(hurt[index].data) * share)
        hurt[index] = replaced(hurt[index], data=hurt[index].data[:kept])
        decoder = Decoder()
        frames = run(decoder, hurt)
        assert decoder.stats().dropped["corrupt"] == 1
        assert {frame.index for frame in frames} >= set(range(50, 60))
        assert all(np.array_equal(frame.image, whole[frame.index]) for frame in frames)


def test_the_rest_of_a_broken_gop_is_counted_apart(film: MakeFilm, replaced: Replaced) -> None:
    packets = list(film(frames=75).packets)
    packets[30] = replaced(packets[30], data=packets[30].data[:400])
    decoder = Decoder()
    frames = run(decoder, packets)
    assert [frame.index for frame in frames] == [*range(30), *range(50, 75)]
    assert decoder.stats().dropped == {"corrupt": 1, "after_corrupt": 19}


def test_a_packet_without_bytes_does_not_end_the_stream(film: MakeFilm, replaced: Replaced) -> None:
    packets = list(film("mjpeg", frames=10).packets)
    packets[4] = replaced(packets[4], data=b"")
    decoder = Decoder()
    assert [frame.index for frame in run(decoder, packets)] == [0, 1, 2, 3, 5, 6, 7, 8, 9]
    assert decoder.stats().dropped == {"corrupt": 1}


def test_a_lost_keyframe_costs_its_gop_and_no_more(film: MakeFilm, replaced: Replaced) -> None:
    packets = list(film(frames=75, b_frames=2).packets)
    packets[25] = replaced(packets[25], data=b"\0\0\1")
    frames = run(Decoder(), packets)
    assert {frame.index for frame in frames} >= {*range(23), *range(50, 75)}
    assert not {frame.index for frame in frames} & set(range(25, 50))


def test_sizes_beyond_reason_are_damage(make_packet: Callable[..., Packet]) -> None:
    """More than two pictures of 8K UHD: a size field that was hit must not take all memory."""
    _, jpeg = cv2.imencode(".jpg", np.zeros((5600, 12000), np.uint8))
    decoder = Decoder()
    assert decoder.feed(make_packet(0, codec="mjpeg", keyframe=True, data=jpeg.tobytes())) == []
    assert decoder.stats().dropped == {"corrupt": 1}


ANY_PACKET = st.builds(
    Packet,
    camera_id=st.just("gate"),
    epoch=st.integers(0, 2),
    index=st.integers(0, 8),
    data=st.binary(max_size=60)
    | st.binary(max_size=60).map(lambda data: b"\0\0\1\x65" + data)
    | st.binary(max_size=60).map(lambda data: b"\0\0\1\x67\x42\0\x1f" + data),
    codec=st.sampled_from(["h264", "hevc", "mjpeg", "mpeg4", "vp8", "vp9", "av1", "png", "rawvideo", "vc1"]),
    keyframe=st.booleans(),
    pts=st.none() | st.integers(-(2**70), 2**70),
    dts=st.none() | st.integers(-(2**70), 2**70),
    time_base=st.fractions(min_value=Fraction(1, 90_000), max_value=10, max_denominator=90_000),
    captured_at_ns=st.integers(0, 2**63 - 1),
    captured_at_source=st.sampled_from(["rtcp", "arrival", "media"]),
)


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(
    packets=st.lists(ANY_PACKET, max_size=20),
    rate=st.sampled_from([None, 0.5, 10]),
    pictures=st.sampled_from(["auto", "all", "reference", "key"]),
)
def test_any_packets_at_all_do_no_harm(packets: list[Packet], rate: float | None, pictures: Pictures) -> None:
    decoder = Decoder(rate=rate, pictures=pictures, size=Size(32, 32))
    run(decoder, packets)
    decoder.close()
