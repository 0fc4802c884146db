"""The values as bytes: on a broker, as JSON, and in a container of their own.

Promises: what these functions write, they read back equal; a value that could not come back (a score
that is not a number, an integer above 64 bits) is refused when it is written, with the field's name; any
bytes at all become a value or a `WireError`, and never take more memory than a small multiple of their own
length. Version 1 is written. A newer writer may add fields, which are passed over; one that changes the
meaning of a field raises `v`, and then the error says so. JSON without a `v` is read as version 1.

Deliberately not here: compression, encryption, and finding pictures in a stream of bytes. Of a foreign
message only what its first bytes settle beyond doubt is read; the rest is `sightline.codec`'s work.

    message     value = the access unit, as the codec has it    header "sightline" = {"v":1,"camera_id":...}
    result      {"v":1,"camera_id":...,"time_base":"1/90000",...,"detections":[{"label":...},...]}
    container   magic "SLNE" | version u8 | kind P, F or R | bytes of the head u32 big-endian | head | body
                the head is JSON as above;
                the body is a packet's data, a frame's pixels by rows (B, G, R), or nothing
"""

from __future__ import annotations

import dataclasses
import re
import struct
from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache
from typing import Annotated, Any, Final, TypeAlias, TypeVar

import msgspec
import numpy as np
from msgspec import Meta

from sightline.errors import WireError
from sightline.frame import Frame, Image
from sightline.packet import ClockSource, Packet
from sightline.result import Result

Headers: TypeAlias = tuple[tuple[str, bytes], ...]
"""What goes beside a message's value, in order; a name may come more than once."""

HEADER: Final = "sightline"
VERSION: Final = 1
MAX_HEAD_BYTES: Final = 64 * 1024  # of a packet or a frame: ours are near 250
MAX_RESULT_BYTES: Final = 16 * 1024 * 1024  # over 100,000 detections
MAX_SIDE: Final = 16384  # pixels; the largest picture that H.264 and H.265 levels allow is far below

FOREIGN_TIME_BASE: Final = Fraction(1, 90_000)  # RTP's clock for video (RFC 6184, RFC 7798)
FOREIGN_CODEC: Final = "h264"

_Int: TypeAlias = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
_Count: TypeAlias = Annotated[int, Meta(ge=0, le=2**63 - 1)]
_Side: TypeAlias = Annotated[int, Meta(ge=1, le=MAX_SIDE)]
# These bounds let every number pass but NaN and the infinities, which JSON does not have.
_Float: TypeAlias = Annotated[
    float, Meta(ge=float.fromhex("-0x1.fffffffffffffp+1023"), le=float.fromhex("0x1.fffffffffffffp+1023"))
]


# The shapes on the wire. They are apart from the values so that a change of a value cannot change the
# wire unseen; `msgspec.convert` checks every field on the way out as well as on the way in.


class _Head(msgspec.Struct, frozen=True, kw_only=True):
    v: Annotated[int, Meta(ge=1)] = VERSION
    camera_id: str
    epoch: _Count
    index: _Count
    pts: _Int | None
    time_base: Fraction
    captured_at_ns: _Int
    captured_at_source: ClockSource


class _PacketHead(_Head, frozen=True, kw_only=True):
    dts: _Int | None
    codec: str
    keyframe: bool


class _FrameHead(_Head, frozen=True, kw_only=True):
    decoded_at_ns: _Int
    width: _Side
    height: _Side


class _Detection(msgspec.Struct, frozen=True, kw_only=True):
    label: str
    score: _Float
    x1: _Float
    y1: _Float
    x2: _Float
    y2: _Float
    track_id: _Int | None = None
    attributes: dict[str, str | _Int | _Float | bool | None] = {}


class _ResultHead(_Head, frozen=True, kw_only=True):
    term: _Count = 0
    width: _Count
    height: _Count
    model: str
    model_version: str
    decoded_at_ns: _Int
    inferred_at_ns: _Int
    published_at_ns: _Int | None = None
    detections: tuple[_Detection, ...] = ()


class _VersionOnly(msgspec.Struct):
    v: int


_H = TypeVar("_H", bound=_Head)


@lru_cache(maxsize=64)  # a site has a handful of time bases; reading a fraction costs more than all else
def _fraction(text: str) -> Fraction:
    match = re.fullmatch(r"([1-9][0-9]{0,9})/([1-9][0-9]{0,9})", text, re.ASCII)
    if match is None:
        raise ValueError(f"expected a time base such as 1/90000, got {text[:40]!r}")
    return Fraction(int(match[1]), int(match[2]))


def _time_base(_type: type, value: object) -> Fraction:
    """What msgspec asks for a `Fraction`: out of JSON it is a text, out of a value it is one already."""
    if not isinstance(value, Fraction):
        return _fraction(str(value))
    if not (0 < value.numerator < 10**10 and value.denominator < 10**10):
        raise ValueError(f"expected a time base above 0 of at most ten digits each way, got {value}")
    return value


def _fraction_text(value: Any) -> str:
    return f"{value.numerator}/{value.denominator}"


_encode: Final = msgspec.json.Encoder(enc_hook=_fraction_text).encode
_packet_head: Final = msgspec.json.Decoder(_PacketHead, dec_hook=_time_base)
_frame_head: Final = msgspec.json.Decoder(_FrameHead, dec_hook=_time_base)
_result_head: Final = msgspec.json.Decoder(_ResultHead, dec_hook=_time_base)
_version_only: Final = msgspec.json.Decoder(_VersionOnly)


def _write(fields: object, shape: type[_H], limit: int) -> bytes:
    try:
        head = msgspec.convert(fields, shape, from_attributes=True, dec_hook=_time_base)
        data = _encode(head)
    except (ValueError, OverflowError) as error:  # a lone surrogate in a name is a ValueError too
        raise WireError(f"this {_name(shape)} cannot be written: {error}") from error
    if len(data) > limit:
        raise WireError(f"this {_name(shape)} takes {len(data)} bytes of JSON, at most {limit} are written")
    return data


def _read(decoder: msgspec.json.Decoder[_H], data: bytes | memoryview, limit: int) -> _H:
    name = _name(decoder.type)
    if len(data) > limit:
        raise WireError(f"expected a {name} of at most {limit} bytes of JSON, got {len(data)}")
    try:
        head = decoder.decode(data)
    except (ValueError, RecursionError) as error:  # deep nesting in a field unknown to us is a RecursionError
        _refuse_newer(_version_of(data), name)
        raise WireError(f"these bytes are not a {name}: {error}") from error
    _refuse_newer(head.v, name)
    return head


def _name(shape: type) -> str:
    return shape.__name__.removeprefix("_").removesuffix("Head").lower()


def _version_of(data: bytes | memoryview) -> int:
    try:
        return _version_only.decode(data).v
    except (ValueError, RecursionError):
        return VERSION


def _refuse_newer(version: int, name: str) -> None:
    if version > VERSION:
        raise WireError(f"this {name} is of version {version}, newer than the {VERSION} that is read here")


# Packets on a broker


def packet_to_message(packet: Packet) -> tuple[bytes, Headers]:
    """A packet as a message's value and headers. The value is `packet.data` itself, not a copy.

    Raises:
        WireError: a field cannot be written; the message names it.
    """
    return packet.data, ((HEADER, _write(packet, _PacketHead, MAX_HEAD_BYTES)),)


def packet_from_message(
    value: bytes, headers: Headers, *, camera_id: str, offset: int, timestamp_ns: int
) -> Packet:
    """The packet in a message, ours or anybody's.

    Our header wins over the arguments; where it came more than once, the last one counts. Without it the
    packet is `camera_id`'s, of epoch 0, with `offset` as its index, no pts, and `timestamp_ns` (UTC) as its
    time of arrival; the codec is MJPEG or HEVC where the value begins as such, and else H.264; a keyframe
    is what brings its parameter sets along, or a JPEG.

    Raises:
        WireError: our header is there and is not one.
    """
    for name, data in reversed(headers):
        if name == HEADER:
            return _packet(_read(_packet_head, data, MAX_HEAD_BYTES), value)
    codec, keyframe = _guess(value)
    return Packet(
        camera_id=camera_id,
        epoch=0,
        index=offset,
        data=value,
        codec=codec,
        keyframe=keyframe,
        pts=None,
        dts=None,
        time_base=FOREIGN_TIME_BASE,
        captured_at_ns=timestamp_ns,
        captured_at_source="arrival",
    )


def _packet(head: _PacketHead, data: bytes) -> Packet:
    return Packet(
        camera_id=head.camera_id,
        epoch=head.epoch,
        index=head.index,
        data=data,
        codec=head.codec,
        keyframe=head.keyframe,
        pts=head.pts,
        dts=head.dts,
        time_base=head.time_base,
        captured_at_ns=head.captured_at_ns,
        captured_at_source=head.captured_at_source,
    )


# Annex B cannot hold 00 00 01 inside a NAL unit (emulation prevention, ITU-T H.264 7.4.1.1), so each find is
# the head of one. HEVC: VPS, SPS or PPS of layer 0 (H.265 7.3.1.2). H.264: SPS, which has a nal_ref_idc.
_STARTS: Final = (b"\x00\x00\x01", b"\x00\x00\x00\x01")
_HEVC_SETS: Final = re.compile(rb"\x00\x00\x01[\x40\x42\x44]\x01")
_H264_SETS: Final = re.compile(rb"\x00\x00\x01[\x27\x47\x67]")
_LOOK_BYTES: Final = 4096  # an access unit delimiter and SEI may stand before the parameter sets


def _guess(value: bytes) -> tuple[str, bool]:
    """Codec and keyframe of an access unit that nobody described."""
    if value.startswith(b"\xff\xd8\xff"):  # JPEG: start of image, then a marker (ITU-T T.81 B.1.1.3)
        return "mjpeg", True
    if not value.startswith(_STARTS):
        return FOREIGN_CODEC, False
    if _HEVC_SETS.search(value, 0, _LOOK_BYTES):
        return "hevc", True
    return FOREIGN_CODEC, _H264_SETS.search(value, 0, _LOOK_BYTES) is not None


# Results as JSON


def result_to_json(result: Result) -> bytes:
    """A result as one JSON object, without a line feed in it.

    Raises:
        WireError: a field cannot be written: a score or a side of a box that is NaN or infinite (JSON has
            neither), an integer above 64 bits. The message names the field.
    """
    return _write(result, _ResultHead, MAX_RESULT_BYTES)


def result_from_json(data: bytes) -> Result:
    """The result in one JSON object. Raises WireError for anything else."""
    return _result(_read(_result_head, data, MAX_RESULT_BYTES))


def _result(head: _ResultHead) -> Result:
    return msgspec.convert(head, Result, from_attributes=True, dec_hook=_time_base)


# Any value, in a container

_MAGIC: Final = b"SLNE"
_PREFIX: Final = struct.Struct(">4sBcI")
_FRAME_FIELDS: Final = tuple(field.name for field in dataclasses.fields(Frame) if field.name != "image")


def to_bytes(value: Packet | Frame | Result) -> bytes:
    """Any value as bytes that say what they are.

    Raises:
        WireError: a field cannot be written, or a frame's image is not `(height, width, 3)` uint8.
    """
    if isinstance(value, Packet):
        return _pack(b"P", _write(value, _PacketHead, MAX_HEAD_BYTES), value.data)
    if isinstance(value, Frame):
        return _pack(b"F", _write(_frame_fields(value), _FrameHead, MAX_HEAD_BYTES), value.image.tobytes())
    return _pack(b"R", result_to_json(value), b"")


def from_bytes(data: bytes) -> Packet | Frame | Result:
    """The value that `to_bytes` wrote. A frame's image is its own, and may be written to.

    Raises:
        WireError: these bytes are not a container, are cut off, or are of a version that is not read here.
    """
    if len(data) < _PREFIX.size or data[:4] != _MAGIC:
        raise WireError(f"expected a container that begins with {_MAGIC!r}, got {bytes(data[:8])!r}")
    _, version, kind, head_bytes = _PREFIX.unpack_from(data)
    _refuse_newer(version, "container")
    read = _KINDS.get(kind)
    if version < 1 or read is None:
        raise WireError(f"a container of version {version} and kind {kind!r} is not known")
    body_at = _PREFIX.size + head_bytes
    if body_at > len(data):
        raise WireError(f"expected a head of {head_bytes} bytes, got {len(data) - _PREFIX.size}")
    view = memoryview(data)
    return read(view[_PREFIX.size : body_at], view[body_at:])


def _pack(kind: bytes, head: bytes, body: bytes | memoryview) -> bytes:
    return b"".join((_PREFIX.pack(_MAGIC, VERSION, kind, len(head)), head, body))


def _frame_fields(frame: Frame) -> dict[str, Any]:
    image = frame.image
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise WireError(
            f"expected an image (height, width, 3) of uint8, got {image.shape} of {image.dtype}",
            camera_id=frame.camera_id,
            epoch=frame.epoch,
            index=frame.index,
        )
    fields = {name: getattr(frame, name) for name in _FRAME_FIELDS}
    return fields | {"width": image.shape[1], "height": image.shape[0]}


def _read_packet(head: memoryview, body: memoryview) -> Packet:
    return _packet(_read(_packet_head, head, MAX_HEAD_BYTES), bytes(body))


def _read_frame(head_json: memoryview, body: memoryview) -> Frame:
    head = _read(_frame_head, head_json, MAX_HEAD_BYTES)
    expected = head.height * head.width * 3
    if len(body) != expected:  # before a picture of that size is made
        raise WireError(
            f"expected {head.width}x{head.height} pixels in {expected} bytes, got {len(body)}",
            camera_id=head.camera_id,
            epoch=head.epoch,
            index=head.index,
        )
    image: Image = np.frombuffer(body, np.uint8).reshape(head.height, head.width, 3).copy()
    return Frame(image=image, **{name: getattr(head, name) for name in _FRAME_FIELDS})


def _read_result(head: memoryview, body: memoryview) -> Result:
    if len(body):
        raise WireError(f"expected nothing after a result, got {len(body)} bytes")
    return _result(_read(_result_head, head, MAX_RESULT_BYTES))


_KINDS: Final[dict[bytes, Callable[[memoryview, memoryview], Packet | Frame | Result]]] = {
    b"P": _read_packet,
    b"F": _read_frame,
    b"R": _read_result,
}
