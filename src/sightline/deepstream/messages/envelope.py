"""What both schemas have in common: their limits, and our own head beside what they have a place for.

Neither schema has a place for the epoch, the term, pts, the size of the picture, the model, or a time to the
nanosecond. A message of ours carries them as one JSON object, the result as `sightline.wire` writes it but
without detections, where DeepStream's readers look over it:

    minimal    an item of "customMessage", the list in which DeepStream hands on an application's own texts
    nv.Frame   field 51015 of Frame, bytes, which a reader of NVIDIA's schema keeps apart as unknown

What the schema has a place for counts as the schema says it, so that whoever renames a sensor on the way is
believed; our head adds the rest.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec.structs import replace

from sightline.clock import NS_PER_MS
from sightline.deepstream.messages.timestamps import within_64_bits
from sightline.deepstream.messages.unsaid import Unsaid
from sightline.errors import WireError
from sightline.result import Detection, Result
from sightline.wire import FOREIGN_TIME_BASE, result_from_json, result_to_json

SCHEMA_VERSION: Final = "4.0"
MAX_BYTES: Final = 1024 * 1024  # Kafka's brokers take no more by default; 10,000 objects need 700 KB
MAX_OBJECTS: Final = 10_000

_HEAD: Final = b'{"sightline":'


class _Head(msgspec.Struct, frozen=True):
    sightline: msgspec.Raw


_head: Final = msgspec.json.Decoder(_Head)


class Said(msgspec.Struct, frozen=True):
    """What the schema itself says of a frame."""

    camera_id: str
    index: int
    utc_ns: int
    detections: tuple[Detection, ...]


def head_of(result: Result) -> bytes:
    """All but the detections. Raises WireError where `result`, with them, is not fit to be written."""
    if len(result.detections) > MAX_OBJECTS:
        raise refused(result, f"expected at most {MAX_OBJECTS} detections, got {len(result.detections)}")
    result_to_json(result)  # what it refuses, no message may hold
    return _HEAD + result_to_json(replace(result, detections=())) + b"}"


def is_head(text: str) -> bool:
    """Whether an application's text is a head of ours."""
    return text.startswith(_HEAD.decode())


def result_of(said: Said, head: bytes | None, unsaid: Unsaid) -> Result:
    """The result in a message with our head, or without. Raises WireError where the head is none."""
    if head is None:
        return _foreign(said, unsaid)
    ours = _ours(head)
    return replace(
        ours,
        camera_id=said.camera_id,
        index=said.index,
        captured_at_ns=within_64_bits(_exact(said.utc_ns, ours.captured_at_ns)),
        detections=said.detections,
    )


def _ours(head: bytes) -> Result:
    try:
        inner = _head.decode(head).sightline
    except (ValueError, RecursionError) as error:
        raise WireError(f"expected our head, {_HEAD!r} and so on, got {head[:40]!r}: {error}") from error
    return result_from_json(bytes(inner))


def _exact(utc_ns: int, ours_ns: int) -> int:
    """Our time where the message's is the same to the millisecond, and else the message's."""
    return ours_ns if 0 <= ours_ns - utc_ns < NS_PER_MS else utc_ns


def _foreign(said: Said, unsaid: Unsaid) -> Result:
    utc_ns = within_64_bits(said.utc_ns)
    return Result(
        camera_id=said.camera_id,
        epoch=0,
        index=said.index,
        pts=None,
        time_base=FOREIGN_TIME_BASE,
        captured_at_ns=utc_ns,
        captured_at_source=unsaid.captured_at_source,
        width=unsaid.width,
        height=unsaid.height,
        model=unsaid.model,
        model_version=unsaid.model_version,
        decoded_at_ns=utc_ns,
        inferred_at_ns=utc_ns,
        detections=said.detections,
    )


def bounded(payload: bytes) -> bytes:
    """The same. Raises WireError where it is longer than is read or written."""
    if len(payload) > MAX_BYTES:
        raise WireError(f"expected a message of at most {MAX_BYTES} bytes, got {len(payload)}")
    return payload


def of_schema(version: str) -> None:
    """Raises WireError for any version but 4, the only one that DeepStream is known to write."""
    if version.split(".", maxsplit=1)[0] != "4":
        raise WireError(f"expected version {SCHEMA_VERSION} of DeepStream's schema, got {version[:40]!r}")


def frame_number(text: str) -> int:
    """A frame's `id`. Raises WireError where it is not a whole number of 64 bits, or below 0."""
    if text.isascii() and text.isdigit() and len(text) <= 19 and int(text) < 2**63:
        return int(text)
    raise WireError(f"expected id to be a frame's number, 0 to {2**63 - 1}, got {text[:40]!r}")


def refused(result: Result, why: str) -> WireError:
    """The error of a result that cannot be written."""
    return WireError(why, camera_id=result.camera_id, epoch=result.epoch, index=result.index)
