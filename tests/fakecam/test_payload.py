"""NAL units to payloads and back, with a reader of the RFCs' other side."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakecam.client import h264_units, hevc_units

from sightline.codec import split
from sightline.fakecam.payload import payloads
from sightline.scene import Codec, Scene, encode

H264 = st.builds(
    lambda ref, kind, body: bytes((ref << 5 | kind,)) + body,
    st.integers(0, 3),
    st.integers(1, 23),
    st.binary(),
)
HEVC = st.builds(
    lambda kind, layer, tid, body: bytes((kind << 1 | layer >> 5, (layer & 31) << 3 | tid)) + body,
    st.integers(0, 40),
    st.integers(0, 63),
    st.integers(1, 7),
    st.binary(),
)


@pytest.mark.parametrize(("codec", "back", "drawn"), [("h264", h264_units, H264), ("hevc", hevc_units, HEVC)])
@given(data=st.data(), limit=st.integers(8, 60))
def test_units_come_out_byte_for_byte(
    codec: str,
    back: Callable[[list[bytes]], list[bytes]],
    drawn: st.SearchStrategy[bytes],
    data: st.DataObject,
    limit: int,
) -> None:
    units = data.draw(st.lists(drawn, max_size=5))
    made = payloads(units, codec, limit)

    assert back(made) == units
    assert all(len(payload) <= limit for payload in made)


def test_the_first_and_the_last_fragment_say_so() -> None:
    h264 = payloads([b"\x65" + b"a" * 10], "h264", 6)
    hevc = payloads([b"\x26\x01" + b"a" * 10], "hevc", 7)

    assert [payload[1] for payload in h264] == [0x85, 0x05, 0x45]
    assert [payload[2] for payload in hevc] == [0x93, 0x13, 0x53]


def test_what_is_no_unit_is_left_out() -> None:
    assert payloads([b"", b"\x65a"], "h264", 100) == [b"\x65a"]
    assert payloads([b"", b"\x26", b"\x26\x01a"], "hevc", 100) == [b"\x26\x01a"]


@pytest.mark.parametrize(("codec", "back"), [("h264", h264_units), ("hevc", hevc_units)])
def test_real_units_come_out_byte_for_byte(codec: Codec, back: Callable[[list[bytes]], list[bytes]]) -> None:
    for unit in encode(Scene(), 5, codec=codec):
        assert back(payloads(split(unit.data), codec, 1400)) == split(unit.data)
