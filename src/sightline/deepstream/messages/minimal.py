"""DeepStream's minimal schema (`msg-conv-payload-type=1`): one JSON object a frame.

Promises: what `write_minimal` gives, `read_minimal` reads back equal; DeepStream's readers find identity,
time and objects where they look for them. Any bytes become a `Result` or a `WireError`. Members that are not
of the schema, and `masks`, are passed over. Not here: the full schema (type 0), a message an object.

    sensorId   camera_id              @timestamp   captured_at_ns, cut to the millisecond
    id         index, as text         objects      detections (see `objects`)
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from sightline.deepstream.messages.envelope import (
    MAX_BYTES,
    MAX_OBJECTS,
    SCHEMA_VERSION,
    Said,
    bounded,
    frame_number,
    head_of,
    is_head,
    of_schema,
    refused,
    result_of,
)
from sightline.deepstream.messages.objects import detection_of, text_of
from sightline.deepstream.messages.timestamps import from_rfc3339, to_rfc3339
from sightline.deepstream.messages.unsaid import NOTHING_ELSE, Unsaid
from sightline.errors import WireError
from sightline.result import Detection, Result


class _Minimal(msgspec.Struct, frozen=True, kw_only=True):
    version: str
    id: str | Annotated[int, Meta(ge=0, le=2**63 - 1)]  # a number in messages of older releases
    timestamp: str = msgspec.field(name="@timestamp")
    sensor_id: str = msgspec.field(name="sensorId")
    objects: Annotated[list[str], Meta(max_length=MAX_OBJECTS)]
    custom_message: msgspec.Raw = msgspec.field(name="customMessage", default=msgspec.Raw(b"[]"))


_decoder: Final = msgspec.json.Decoder(_Minimal)
_texts_decoder: Final = msgspec.json.Decoder(list[str])


def write_minimal(result: Result) -> bytes:
    """A result as DeepStream's minimal message.

    Raises:
        WireError: a field cannot be written (not finite, above 64 bits), a label holds `|`, a track is -1,
            there are above 10,000 detections or 1 MiB. The message names it.
    """
    head = head_of(result).decode()
    message = _Minimal(
        version=SCHEMA_VERSION,
        id=str(result.index),
        timestamp=to_rfc3339(result.captured_at_ns),
        sensor_id=result.camera_id,
        objects=_texts(result),
        custom_message=msgspec.Raw(msgspec.json.encode([head])),
    )
    payload = msgspec.json.encode(message)
    if len(payload) > MAX_BYTES:
        raise refused(result, f"this result takes {len(payload)} bytes, at most {MAX_BYTES} are written")
    return payload


def _texts(result: Result) -> list[str]:
    try:
        return [text_of(detection) for detection in result.detections]
    except WireError as error:
        raise refused(result, error.message) from error


def read_minimal(payload: bytes, unsaid: Unsaid = NOTHING_ELSE) -> Result:
    """The result in a minimal message, ours or anybody's.

    Of a foreign one: camera_id is `sensorId`, the epoch 0, the index the frame's `id`, and the moments of
    capture, decoding and inference are all its `@timestamp`; the rest is `unsaid`.

    Raises:
        WireError: it is not one, or is longer than 1 MiB.
    """
    message = _decoded(bounded(payload))
    of_schema(message.version)
    index = frame_number(str(message.id))
    utc_ns = from_rfc3339(message.timestamp)
    found = _detections(message, unsaid)
    return result_of(Said(message.sensor_id, index, utc_ns, found), _head(message.custom_message), unsaid)


def _decoded(payload: bytes) -> _Minimal:
    try:
        return _decoder.decode(payload)
    except (ValueError, RecursionError) as error:  # the latter: deep nesting in a member unknown to us
        full = " (it looks like the full schema, payload type 0)" if b'"mdsversion"' in payload else ""
        raise WireError(f"these bytes are not a minimal message of DeepStream: {error}{full}") from error


def _detections(message: _Minimal, unsaid: Unsaid) -> tuple[Detection, ...]:
    try:
        found = (
            detection_of(text, f"object {at} of frame {message.id}", unsaid.score)
            for at, text in enumerate(message.objects)
        )
        return tuple(detection for detection in found if detection is not None)
    except WireError as error:
        raise WireError(error.message, camera_id=message.sensor_id) from error


def _head(texts: msgspec.Raw) -> bytes | None:
    """Ours among the texts of the application; others' are theirs, and so is all that is no list of texts."""
    try:
        head = next(filter(is_head, _texts_decoder.decode(texts)), None)
    except (ValueError, RecursionError):
        return None
    return None if head is None else head.encode()
