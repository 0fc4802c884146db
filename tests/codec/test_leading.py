from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.codec.bits import Bits
from sightline.codec.leading import Leading
from sightline.packet import Packet

MakeFilm = Callable[..., Any]
MakePacket = Callable[..., Packet]


@pytest.mark.parametrize("codec", ["h264", "hevc", "mjpeg"])
def test_closed_gops_have_no_leading_pictures(film: MakeFilm, codec: str) -> None:
    leading = Leading()
    packets = film(codec, b_frames=0 if codec == "mjpeg" else 2).packets
    for packet in packets:
        if packet.keyframe:
            leading.begin(packet)
        else:
            assert not leading.has(packet)


@given(data=st.binary(max_size=80), codec=st.sampled_from(["h264", "hevc"]))
def test_any_bytes_are_taken(film: MakeFilm, make_packet: MakePacket, data: bytes, codec: str) -> None:
    keyframe = film(codec).packets[0]
    leading = Leading()
    for begin in (keyframe, make_packet(0, data=b"\0\0\1\x67" + data + b"\0\0\1\x65" + data, codec=codec)):
        leading.begin(begin)
        for slice_type in (b"\x41", b"\x01", b"\x02"):
            leading.has(make_packet(1, data=b"\0\0\1" + slice_type + data, codec=codec))


def test_numbers_are_read_as_the_standard_writes_them() -> None:
    # H.264 table 9-2: 1, 010, 011, 00100, then two of them with a sign: 2 and -2.
    bits = Bits(int("101001100100001000010100", 2).to_bytes(3, "big"))
    assert [bits.ue() for _ in range(4)] == [0, 1, 2, 3]
    assert [bits.se() for _ in range(2)] == [2, -2]
    assert bits.left == 2
    assert bits.ue() > 0
    assert bits.left < 0


def test_bytes_that_keep_start_codes_out_are_none_of_the_bits() -> None:
    bits = Bits(b"\0\0\3\1")
    assert bits.u(24) == 1
    assert bits.left == 0
