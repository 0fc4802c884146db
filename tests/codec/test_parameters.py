"""Parameter sets before each keyframe."""

import pytest

from sightline.codec import split
from sightline.codec.parameters import ParameterSets

SPS, PPS, SEI, IDR, AUD = (
    b"\x67\x42\x80\x16",
    b"\x68\xce\x3c\x80",
    b"\x06\x05\x01\x80",
    b"\x65\x88\x80",
    b"\x09\x10",
)
NEW_SPS = b"\x67\x42\x80\x28"
HEVC = b"\x40\x01\x0c", b"\x42\x01\x01", b"\x44\x01\xc1"
HEVC_IDR, HEVC_AUD = b"\x26\x01\xaf", b"\x46\x01\x50"


def joined(*nals: bytes, code: bytes = b"\0\0\0\1") -> bytes:
    return b"".join(code + nal for nal in nals)


def test_a_keyframe_that_has_them_is_left_alone() -> None:
    keyframe = joined(AUD, SPS, PPS, SEI, IDR)
    assert ParameterSets("h264", joined(NEW_SPS, PPS)).complete(keyframe) is keyframe


def test_those_of_the_header_are_put_in() -> None:
    whole = ParameterSets("h264", joined(SPS, PPS)).complete(joined(IDR))
    assert split(whole) == [SPS, PPS, IDR]


@pytest.mark.parametrize("code", [b"\0\0\1", b"\0\0\0\1"])
def test_the_access_unit_delimiter_stays_first(code: bytes) -> None:
    whole = ParameterSets("h264", joined(SPS, PPS)).complete(joined(AUD, SEI, IDR, code=code))
    assert split(whole) == [AUD, SPS, PPS, SEI, IDR]


def test_the_latest_that_were_seen_are_put_in() -> None:
    sets = ParameterSets("h264", joined(SPS, PPS))
    sets.complete(joined(NEW_SPS, PPS, IDR))
    assert split(sets.complete(joined(IDR))) == [NEW_SPS, PPS, IDR]
    assert sets.changes == 2


def test_half_of_them_are_completed_and_none_comes_twice() -> None:
    whole = ParameterSets("h264", joined(SPS, PPS)).complete(joined(AUD, PPS, IDR))
    assert split(whole) == [AUD, SPS, PPS, IDR]


@pytest.mark.parametrize("code", [b"\0\0\1", b"\0\0\0\1"])
def test_a_new_one_alone_takes_the_place_of_the_old(code: bytes) -> None:
    sets = ParameterSets("h264", joined(SPS, PPS))
    whole = sets.complete(joined(AUD, NEW_SPS, SEI, IDR, code=code))
    assert split(whole) == [AUD, NEW_SPS, PPS, SEI, IDR]
    assert split(sets.complete(joined(IDR))) == [NEW_SPS, PPS, IDR]
    assert sets.changes == 2


def test_they_are_learnt_one_by_one() -> None:
    sets = ParameterSets("h264")
    for alone in (joined(SPS, IDR), joined(PPS, IDR)):
        sets.complete(alone)
    assert split(sets.complete(joined(IDR))) == [SPS, PPS, IDR]


def test_hevc_sets_stand_in_the_order_in_which_they_refer() -> None:
    sets = ParameterSets("hevc", joined(*HEVC))
    video, sequence, picture = HEVC
    for lacking in ([video, picture], [sequence], [picture], [video, sequence]):
        assert split(sets.complete(joined(HEVC_AUD, *lacking, HEVC_IDR))) == [HEVC_AUD, *HEVC, HEVC_IDR]


def test_hevc_needs_three() -> None:
    sets = ParameterSets("hevc", joined(*HEVC))
    assert split(sets.complete(joined(HEVC_AUD, HEVC_IDR))) == [HEVC_AUD, *HEVC, HEVC_IDR]
    full = joined(*HEVC, HEVC_IDR)
    assert sets.complete(full) is full


@pytest.mark.parametrize("data", [b"", b"\0\0\1", b"\0\0", b"\1\2\3", joined(AUD), b"\0\0\1\x67\0\0\1"])
def test_any_bytes_do_no_harm(data: bytes) -> None:
    assert ParameterSets("h264").complete(data) == data
    assert data in (ParameterSets("h264", joined(SPS, PPS)).complete(data), data)


def test_other_codecs_are_left_alone() -> None:
    assert ParameterSets("mjpeg", b"\xff").complete(b"\xff\xd8") == b"\xff\xd8"
