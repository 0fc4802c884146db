"""JPEG to payloads and back."""

import struct
from collections.abc import Callable

import cv2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.errors import ConfigError
from sightline.fakecam import jpeg
from sightline.frame import Size
from sightline.scene import Scene

PICTURE = Scene(size=Size(320, 176)).frame(0)


def encoded(*settings: int, side: int = 176) -> bytes:
    return cv2.imencode(".jpg", PICTURE[:side], settings)[1].tobytes()


@pytest.mark.parametrize("settings", [(), (cv2.IMWRITE_JPEG_RST_INTERVAL, 4)], ids=["plain", "restarts"])
@pytest.mark.parametrize("sampling", ["420", "422"])
def test_a_picture_comes_out_byte_for_byte(settings: tuple[int, ...], sampling: str) -> None:
    factor = getattr(cv2, f"IMWRITE_JPEG_SAMPLING_FACTOR_{sampling}")
    data = encoded(cv2.IMWRITE_JPEG_SAMPLING_FACTOR, factor, *settings)
    made = jpeg.payloads(data, 500)
    kind = {"420": 1, "422": 0}[sampling] + (64 if settings else 0)
    scan = b""
    for payload in made:
        assert len(payload) <= 500
        offset, found, quality, width, height = struct.unpack_from(">IBBBB", payload)
        assert (offset, found, quality, width * 8, height * 8) == (len(scan), kind, 255, 320, 176)
        at = 8
        if settings:
            assert struct.unpack_from(">HH", payload, at) == (4, 0xFFFF)
            at += 4
        if offset == 0:
            assert struct.unpack_from(">BBH", payload, at) == (0, 0, 128)
            assert all(table in data for table in (payload[at + 4 : at + 68], payload[at + 68 : at + 132]))
            at += 132
        scan += payload[at:]
    assert scan
    assert data.endswith(scan + b"\xff\xd9")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: encoded(cv2.IMWRITE_JPEG_PROGRESSIVE, 1), "baseline"),
        (lambda: encoded(cv2.IMWRITE_JPEG_OPTIMIZE, 1), "usual Huffman tables"),
        (
            lambda: encoded(cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444),
            "4:2:0 or 4:2:2",
        ),
        (lambda: encoded(side=90), "whole 8 pixels"),
        (cv2.imencode(".jpg", PICTURE[:, :, 0])[1].tobytes, "4:2:0 or 4:2:2"),
        (lambda: encoded()[:30], "breaks off"),
        (lambda: b"", "breaks off"),
        (lambda: b"\xff\xd8no picture", "marker"),
    ],
)
def test_what_cannot_travel_is_refused_with_what_it_is(make: Callable[[], bytes], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        jpeg.read(make())


@given(st.data())
def test_any_bytes_are_a_picture_or_refused(data: st.DataObject) -> None:
    whole = bytearray(encoded())
    for at in data.draw(st.lists(st.integers(0, 700), max_size=5)):
        whole[at] = data.draw(st.integers(0, 255))
    try:
        found = jpeg.read(bytes(whole[: data.draw(st.integers(0, len(whole)))]))
    except ConfigError:
        return
    assert 0 < found.width <= 2040
