from collections.abc import Callable
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.codec import Decoder, coded_slices, has_parameter_sets, is_disposable, is_keyframe, split
from sightline.codec.nal import before_slices
from sightline.packet import Packet

CODECS = ("h264", "hevc", "mjpeg", "")
NAL = st.binary(min_size=1, max_size=40).filter(
    lambda nal: nal[-1] and b"\0\0\1" not in nal and b"\0\0\0" not in nal
)


@given(units=st.lists(st.tuples(NAL, st.sampled_from([b"\0\0\1", b"\0\0\0\1", b"\0\0\0\0\1"]))))
def test_what_was_joined_is_split_again(units: list[tuple[bytes, bytes]]) -> None:
    assert split(b"".join(code + nal for nal, code in units)) == [nal for nal, _ in units]


@given(data=st.one_of(st.binary(), st.lists(NAL).map(lambda nals: b"\0\0\1".join([b"", *nals]))))
def test_any_bytes_are_taken(data: bytes) -> None:
    for codec in CODECS:
        is_keyframe(data, codec)
        is_disposable(data, codec)
        has_parameter_sets(data, codec)
        coded_slices(data, codec)
        list(before_slices(data, codec))


def test_what_stands_before_the_slices_is_found_with_its_place() -> None:
    data = b"\0\0\0\1\x67sps\0\0\0\1\x68pps\0\0\1\x65slice\0\0\1\x06late"
    found = [(kind, data[start:end]) for kind, start, end in before_slices(data, "h264")]
    assert found == [(7, b"\x67sps"), (8, b"\x68pps")]
    assert list(before_slices(data, "mjpeg")) == []


@pytest.mark.parametrize("codec", ["h264", "hevc"])
@pytest.mark.parametrize("b_frames", [0, 3])
def test_keyframes_and_parameter_sets_of_a_scene(film: Callable[..., Any], codec: str, b_frames: int) -> None:
    for packet in film(codec, b_frames=b_frames).packets:
        assert is_keyframe(packet.data, codec) == packet.keyframe
        assert has_parameter_sets(packet.data, codec) == packet.keyframe


@pytest.mark.parametrize("name", ["car-detection", "one-by-one-person-detection"])
def test_keyframes_of_real_clips_are_those_that_the_file_marks(
    clip: Callable[[str], list[Packet]], name: str
) -> None:
    packets = clip(name)
    assert [is_keyframe(p.data, "h264") for p in packets] == [p.keyframe for p in packets]


def test_a_recovery_point_of_an_open_gop_is_a_keyframe(reencoded: Callable[..., list[Packet]]) -> None:
    options = (("x264-params", "open-gop=1:keyint=10:min-keyint=10:scenecut=0:bframes=2"), ("preset", "fast"))
    packets = reencoded("libx264", options)
    idr = [p for p in packets if any(nal[0] & 0x1F == 5 for nal in split(p.data))]
    keyframes = [p for p in packets if is_keyframe(p.data, "h264")]
    assert len(idr) == 1
    assert len(keyframes) == 5


def test_a_recovery_point_is_found_behind_escaped_zeros() -> None:
    """H.264 7.4.1: 00 00 01 within a payload travels as 00 00 03 01, which its size does not count."""
    user_data = b"\x05\x04\0\0\3\1\0"
    assert is_keyframe(b"\0\0\1\x06" + user_data + b"\x06\x01\xc0\x80\0\0\1\x41slice", "h264")


def test_a_recovery_that_takes_frames_is_no_keyframe() -> None:
    def sei(recovery_frame_cnt: int) -> bytes:
        coded = {0: 0b1100_0000, 1: 0b0101_0000}[recovery_frame_cnt]  # ue(v), exact_match_flag, ...
        return b"\0\0\1\x06\x05\x02hi\x06\x01" + bytes([coded]) + b"\x80\0\0\1\x41slice"

    assert is_keyframe(sei(0), "h264")
    assert not is_keyframe(sei(1), "h264")


@pytest.mark.parametrize(
    ("codec", "b_frames", "preset"),
    [("h264", 2, "veryfast"), ("h264", 3, "faster"), ("hevc", 3, "ultrafast"), ("hevc", 4, "veryfast")],
)
def test_without_the_disposable_packets_the_others_decode_to_the_same_pictures(
    film: Callable[..., Any], codec: str, b_frames: int, preset: str
) -> None:
    packets = film(codec, b_frames=b_frames, preset=preset).packets
    disposable = {p.index for p in packets if is_disposable(p.data, codec)}

    def pictures(decoder: Decoder) -> dict[int, Any]:
        frames = [f for p in packets for f in decoder.feed(p)] + decoder.flush()
        return {frame.index: frame.image for frame in frames}

    everything, rest = pictures(Decoder()), pictures(Decoder(pictures="reference"))
    assert disposable
    assert everything.keys() - rest.keys() == disposable
    assert all(np.array_equal(rest[index], everything[index]) for index in rest)


@pytest.mark.parametrize(
    ("header", "disposable"),
    [
        (b"\x02\x01", False),  # TRAIL_R of the base layer
        (b"\x00\x01", True),  # TRAIL_N
        (b"\x02\x02", True),  # TRAIL_R, of which only a higher layer can have need
        (b"\x26\x01", False),  # IDR_W_RADL
    ],
)
def test_hevc_pictures_of_higher_temporal_layers_are_disposable(header: bytes, disposable: bool) -> None:
    assert is_disposable(b"\0\0\1" + header + b"slice", "hevc") == disposable


def test_one_slice_that_is_referred_to_keeps_the_whole_access_unit() -> None:
    assert is_disposable(b"\0\0\1\x09\xf0\0\0\1\x01one\0\0\1\x01two", "h264")
    assert not is_disposable(b"\0\0\1\x01one\0\0\1\x41two", "h264")
    assert not is_disposable(b"\0\0\1\x67sps", "h264")


@pytest.mark.parametrize(
    ("codec", "chain"), [("h264", "h264_metadata=aud=insert"), ("hevc", "hevc_metadata=aud=insert")]
)
def test_coded_slices_stay_the_same_whatever_is_put_round_them(
    film: Callable[..., Any], codec: str, chain: str
) -> None:
    filtered = av.BitStreamFilterContext(chain, in_stream=codec)
    for packet in film(codec).packets:
        for changed in filtered.filter(av.Packet(packet.data)):
            data = bytes(changed)
            assert data != packet.data
            assert coded_slices(data, codec) == coded_slices(packet.data, codec)


def test_a_codec_without_nal_units_is_all_slice() -> None:
    assert coded_slices(b"\xff\xd8jpeg", "mjpeg") == b"\xff\xd8jpeg"
    assert not is_disposable(b"\xff\xd8jpeg", "mjpeg")
