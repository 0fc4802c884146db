"""What an H.264 or H.265 access unit is, read from its NAL units in Annex B form.

Promises: nothing is decoded, any bytes are taken, and no byte is looked at twice: start codes are found
by `bytes.find`, and every question stops at the first NAL unit that answers it. Codecs other than `h264`
and `hevc` have no NAL units: every question about them is answered "no".

Does not do: length-prefixed (MP4) data, slice headers, SVC/MVC extension layers.

Numbers are from ITU-T H.264 table 7-1 and ITU-T H.265 table 7-1.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

START_CODE: Final = b"\x00\x00\x01"

_H264_SLICES: Final = range(1, 6)  # 2 to 4 are data partitions
_H264_IDR: Final = 5
_H264_SEI: Final = 6
_SEI_RECOVERY_POINT: Final = 6

_HEVC_SLICES: Final = range(32)
_HEVC_NON_REFERENCE: Final = range(0, 16, 2)  # TRAIL_N ... RSV_VCL_N14: the even ones
_HEVC_IRAP: Final = range(16, 24)  # BLA, IDR, CRA

PARAMETER_SETS: Final = {
    "h264": frozenset({7, 8}),  # SPS, PPS
    "hevc": frozenset({32, 33, 34}),  # VPS, SPS, PPS
}
DELIMITERS: Final = {"h264": 9, "hevc": 35}  # of access units
_SLICES: Final = {"h264": _H264_SLICES, "hevc": _HEVC_SLICES}


def split(data: bytes) -> list[bytes]:
    """The NAL units of an Annex B byte stream, without start codes and trailing zeros, in order."""
    starts = list(_starts(data))
    ends = [start - len(START_CODE) for start in starts[1:]]
    # A NAL unit never ends in a zero byte (H.264 7.4.1): zeros before a start code are not its own.
    return [data[start:end].rstrip(b"\0") for start, end in zip(starts, [*ends, len(data)], strict=False)]


def has_parameter_sets(data: bytes, codec: str) -> bool:
    """Whether all parameter sets that decoding needs are in `data` (SPS, PPS; VPS for H.265)."""
    wanted = set(PARAMETER_SETS.get(codec, ()))
    if not wanted:
        return False
    for kind, _ in _headers(data, codec):
        wanted.discard(kind)
        if not wanted:
            return True
    return False


def is_keyframe(data: bytes, codec: str) -> bool:
    """Whether decoding may begin at this access unit.

    H.264: an IDR picture, or a recovery point that is exact at once (H.264 D.2.8), as open GOPs have.
    H.265: an IRAP picture (IDR, CRA or BLA; H.265 3.69).
    """
    if codec == "hevc":
        return any(kind in _HEVC_IRAP for kind, _ in _headers(data, codec))
    if codec != "h264":
        return False
    for kind, start in _headers(data, codec):
        if kind in _H264_SLICES:
            return kind == _H264_IDR
        if kind == _H264_SEI and _recovers_at_once(data, start + 1):
            return True
    return False


def is_disposable(data: bytes, codec: str) -> bool:
    """Whether no other picture needs this one, so that it may be left out before decoding.

    H.264: every slice has nal_ref_idc 0. H.265: a sub-layer non-reference picture, or any picture of a
    higher temporal sub-layer. The second half is what makes it safe to leave out *all* that are
    disposable: a sub-layer non-reference picture may still serve sub-layers above its own (H.265 3.160).
    Leaving out some: see `sightline.codec.sublayers`.
    """
    found = False
    for kind, start in _headers(data, codec):
        if kind in _SLICES[codec]:
            if not _is_disposable_slice(data, start, codec):
                return False
            found = True
    return found


def sublayer_of(data: bytes) -> tuple[int, int]:
    """Type and TemporalId of the first coded slice of an H.265 access unit; (0, 0) where there is none."""
    for kind, start in _headers(data, "hevc"):
        if kind in _HEVC_SLICES and start + 1 < len(data):
            return kind, (data[start + 1] & 0x07) - 1
    return 0, 0


def first_slice(data: bytes, codec: str) -> int | None:
    """The place of the first coded slice's first byte; None where there is none."""
    return next((start for kind, start in _headers(data, codec) if kind in _SLICES[codec]), None)


def coded_slices(data: bytes, codec: str) -> bytes:
    """The coded slices alone, each after a start code: what stays the same when parameter sets, access
    unit delimiters or SEI are put in or taken out on the way. Of other codecs: `data` itself.
    """
    if codec not in _SLICES:
        return data
    units = (nal for nal in split(data) if nal and nal_type(nal[0], codec) in _SLICES[codec])
    return b"".join(START_CODE + nal for nal in units)


def before_slices(data: bytes, codec: str) -> Iterator[tuple[int, int, int]]:
    """Type, first byte's place and end of each NAL unit before the first coded slice, as in `split`.

    The slices, which are most of the data, are not looked at.
    """
    for kind, start in _headers(data, codec):
        if kind in _SLICES[codec]:
            return
        end = data.find(START_CODE, start)
        yield kind, start, start + len(data[start : end if end >= 0 else len(data)].rstrip(b"\0"))


def _starts(data: bytes) -> Iterator[int]:
    at = data.find(START_CODE)
    while at >= 0:
        at += len(START_CODE)
        yield at
        at = data.find(START_CODE, at)


def _headers(data: bytes, codec: str) -> Iterator[tuple[int, int]]:
    """Type and first byte's place of each NAL unit; nothing for a codec that has none."""
    if codec in _SLICES:
        for start in _starts(data):
            if start < len(data):
                yield nal_type(data[start], codec), start


def nal_type(first_byte: int, codec: str) -> int:
    """The type of a NAL unit whose header begins with this byte."""
    return first_byte & 0x1F if codec == "h264" else first_byte >> 1 & 0x3F


def _is_disposable_slice(data: bytes, start: int, codec: str) -> bool:
    if codec == "h264":
        return not data[start] & 0x60  # nal_ref_idc
    above_base_layer = start + 1 < len(data) and data[start + 1] & 0x07 > 1  # nuh_temporal_id_plus1
    return above_base_layer or nal_type(data[start], codec) in _HEVC_NON_REFERENCE


def _recovers_at_once(data: bytes, start: int) -> bool:
    """Whether the SEI whose payload begins at `start` is a recovery point with recovery_frame_cnt 0."""
    end = data.find(START_CODE, start)
    payload = data[start : end if end >= 0 else len(data)].replace(b"\0\0\3", b"\0\0")
    at = 0
    while at < len(payload) - 1:
        kind, at = _sei_number(payload, at)
        size, at = _sei_number(payload, at)
        if kind == _SEI_RECOVERY_POINT:
            return at < len(payload) and payload[at] >= 0x80  # ue(v): a leading 1 bit is 0
        at += size
    return False


def _sei_number(payload: bytes, at: int) -> tuple[int, int]:
    """A number of H.264 7.3.2.3.1 (bytes of 255, then a last one) and the place after it."""
    last = at
    while last < len(payload) and payload[last] == 0xFF:
        last += 1
    return 255 * (last - at) + (payload[last] if last < len(payload) else 0), last + 1
