"""Sizes and headers, of anything."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.codec.headers import headers_of, size_of
from sightline.frame import Size
from sightline.packet import Packet


@pytest.mark.parametrize("codec", ["h264", "hevc", "mjpeg"])
@pytest.mark.parametrize("size", [(320, 180), (640, 362)])
def test_a_keyframe_tells_its_size(film: Callable[..., Any], codec: str, size: tuple[int, int]) -> None:
    data = film(codec, frames=2, size=size).packets[0].data
    assert size_of(data, codec) == Size(*size)
    assert headers_of(data, codec) in data.replace(b"\0\0\0\1", b"\0\0\1")


@pytest.mark.parametrize("codec", ["h264", "hevc", "mjpeg"])
def test_headers_stay_as_long_as_settings_do(film: Callable[..., Any], codec: str) -> None:
    def headers(**how: Any) -> set[bytes]:
        packets = film(codec, frames=30, gop=10, **how).packets
        return {headers_of(one.data, codec) for one in packets if one.keyframe}

    assert len(headers()) == 1
    assert len(headers() | headers(size=(640, 360))) == 2


def test_a_real_camera_tells_its_size(clip: Callable[[str], list[Packet]]) -> None:
    assert size_of(clip("car-detection")[0].data, "h264") == Size(768, 432)


@given(
    data=st.binary(max_size=200),
    begin=st.sampled_from([b"", b"\xff\xd8\xff", b"\0\0\1\x67", b"\0\0\1\x42\1"]),
)
@pytest.mark.parametrize("codec", ["h264", "hevc", "mjpeg"])
def test_any_bytes_are_taken(codec: str, begin: bytes, data: bytes) -> None:
    headers_of(begin + data, codec)
    size = size_of(begin + data, codec)
    assert size is None or min(size) > 0
