"""The live stream of a camera as bytes: frames of a kind, a length, and what they hold. Pure.

    application/x-sightline-live      kind: 1 byte, length: 4 bytes, big endian, then so many bytes

| kind | holds |
| --- | --- |
| 0 head | JSON: `codec` as a browser calls it ("": none that browsers play), `width`, `height`, `offset_s`: |
|        | what is added to the times of the segments that follow |
| 1 init | an initialization segment of fragmented MP4 |
| 2 media | a media segment of it |
| 3 boxes | JSON: `media_s` of the picture that they were seen in, `width` and `height` of what the model |
|         | was given, `model`, and `boxes` with `x1`, `y1`, `x2`, `y2`, `label`, `score`, `track_id` |
| 4 note | JSON: `state`, one of `State`, and `why` in words; at least every two seconds |
| 5 jpeg | `media_s` of the picture (8 bytes, IEEE 754, big endian), then a JPEG |

Times are in seconds of one line that only rises, from the first picture that was passed on.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from enum import IntEnum
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from sightline.errors import WireError
from sightline.frame import Size
from sightline.result import Detection, Result

MEDIA_TYPE: Final = "application/x-sightline-live"
MOST_BYTES: Final = 64 * 2**20
_FRAME: Final = struct.Struct(">BI")
_AT: Final = struct.Struct(">d")

State: TypeAlias = Literal["waiting", "live", "gone", "no_video"]
"""`waiting` for a first picture, `live`, `gone` since there were some, `no_video` where none can come."""


class Kind(IntEnum):
    """Of a frame."""

    HEAD = 0
    INIT = 1
    MEDIA = 2
    BOXES = 3
    NOTE = 4
    JPEG = 5


class Item(NamedTuple):
    """A frame, ready to go; a viewer may begin at one that is a `keyframe`."""

    kind: Kind
    data: bytes
    keyframe: bool = False


def head(codec: str, size: Size, offset_s: float) -> Item:
    """Before an initialization segment."""
    return _json(
        Kind.HEAD, {"codec": codec, "width": size.width, "height": size.height, "offset_s": offset_s}
    )


def init(segment: bytes) -> Item:
    return Item(Kind.INIT, framed(Kind.INIT, segment))


def media(segment: bytes, *, keyframe: bool) -> Item:
    return Item(Kind.MEDIA, framed(Kind.MEDIA, segment), keyframe)


def jpeg(picture: bytes, media_s: float) -> Item:
    return Item(Kind.JPEG, framed(Kind.JPEG, _AT.pack(media_s) + picture), keyframe=True)


def note(state: State, why: str = "") -> Item:
    return _json(Kind.NOTE, {"state": state, "why": why})


def boxes(result: Result, media_s: float) -> Item:
    """What a model saw in the picture that is shown then."""
    seen = {
        "media_s": media_s,
        "width": result.width,
        "height": result.height,
        "model": result.model,
        "boxes": [_box(one) for one in result.detections],
    }
    return _json(Kind.BOXES, seen)


def framed(kind: Kind, payload: bytes) -> bytes:
    return _FRAME.pack(kind, len(payload)) + payload


class Parser:
    """Bytes of a stream go in, in any parts; frames come out. For programs, and for tests."""

    def __init__(self) -> None:
        self._data = bytearray()

    def add(self, data: bytes) -> Iterator[tuple[Kind, bytes]]:
        """The frames that are whole. Raises WireError for what is none."""
        self._data += data
        while len(self._data) >= _FRAME.size:
            kind, length = _FRAME.unpack_from(self._data)
            if kind not in set(Kind) or length > MOST_BYTES:
                raise WireError(f"expected a frame of a live stream, got kind {kind} of {length} bytes")
            end = _FRAME.size + length
            if len(self._data) < end:
                return
            payload = bytes(self._data[_FRAME.size : end])
            del self._data[:end]
            yield Kind(kind), payload


def jpeg_of(payload: bytes) -> tuple[float, bytes]:
    """The time and the picture of a frame of kind 5."""
    return _AT.unpack_from(payload)[0], payload[_AT.size :]


def _json(kind: Kind, value: dict[str, Any]) -> Item:
    return Item(kind, framed(kind, json.dumps(value, separators=(",", ":")).encode()))


def _box(seen: Detection) -> dict[str, Any]:
    corners = {name: round(getattr(seen, name), 1) for name in ("x1", "y1", "x2", "y2")}
    return {**corners, "label": seen.label, "score": round(seen.score, 3), "track_id": seen.track_id}
