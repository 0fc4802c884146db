"""DeepStream's protobuf message `nv.Frame` (`msg-conv-payload-type=2`), from a `Result` and into one.

Promises: what `write_nv_frame` gives, `read_nv_frame` reads back equal, but that boxes and scores are rounded
to the nearest of 32 bits, which is all that the schema has (a pixel of a 16K picture to 1/1024). Any bytes
become a `Result` or a `WireError`; fields that the schema does not have are passed over. Needs protobuf.

    sensorId   camera_id              timestamp   captured_at_ns, exactly
    id         index, as text         objects     detections; attributes are `info` and `pose`

Lost in reading, because an attribute holds no vector: embedding, gaze, lipActivity, speed, dir, coordinate,
location, and a pose's actions and quaternions. DeepStream itself writes of those only the embedding.
"""

from __future__ import annotations

import math
import re
import struct
from typing import Any, Final

import numpy as np

from sightline.clock import NS_PER_S
from sightline.deepstream.messages.attributes import (
    JOINT,
    OURS,
    POSES,
    Attributes,
    from_json,
    id_of,
    in_words,
    missing,
    said,
    to_json,
    track_of,
)
from sightline.deepstream.messages.envelope import (
    MAX_BYTES,
    MAX_OBJECTS,
    SCHEMA_VERSION,
    Said,
    bounded,
    frame_number,
    head_of,
    of_schema,
    refused,
    result_of,
)
from sightline.deepstream.messages.nv_schema import decode_error, frame_class
from sightline.deepstream.messages.unsaid import NOTHING_ELSE, Unsaid
from sightline.errors import WireError
from sightline.result import Detection, Result

_SINGLE: Final = struct.Struct("<f")
_NUMBERS: Final = re.compile(r"-?[0-9][0-9.e+-]{0,30}(?:,-?[0-9][0-9.e+-]{0,30}){0,15}")


# Reading


def read_nv_frame(payload: bytes, unsaid: Unsaid = NOTHING_ELSE) -> Result:
    """The result in an `nv.Frame`, ours or anybody's; of a foreign one as `read_minimal` says.

    An absent confidence reads as 0: protobuf does not tell the two apart.

    Raises:
        WireError: it is not one, or is longer than 1 MiB.
        MissingExtra: protobuf is not installed.
    """
    frame = _decoded(bounded(payload))
    of_schema(frame.version)
    index = frame_number(frame.id)
    if len(frame.objects) > MAX_OBJECTS:
        raise WireError(f"expected at most {MAX_OBJECTS} objects, got {len(frame.objects)}")
    try:
        found = tuple(
            _detection(item, f"object {at} of frame {index}") for at, item in enumerate(frame.objects)
        )
    except WireError as error:
        raise WireError(error.message, camera_id=frame.sensorId) from error
    return result_of(Said(frame.sensorId, index, _utc_ns(frame), found), frame.sightline or None, unsaid)


def _decoded(payload: bytes) -> Any:
    frame, not_a_message = frame_class(), decode_error()
    try:
        return frame.FromString(bytes(payload))
    except (not_a_message, ValueError, RecursionError) as error:  # the last: protobuf in Python before 6.31
        raise WireError(f"these bytes are not an nv.Frame of DeepStream: {error}") from error


def _utc_ns(frame: Any) -> int:
    if not frame.HasField("timestamp"):
        raise WireError("expected a timestamp, got a frame without", camera_id=frame.sensorId)
    stamp = frame.timestamp
    if not 0 <= stamp.nanos < NS_PER_S:
        raise WireError(f"expected a timestamp of 0 to {NS_PER_S - 1} nanos, got {stamp.nanos}")
    utc_ns: int = stamp.seconds * NS_PER_S + stamp.nanos
    return utc_ns


def _detection(item: Any, where: str) -> Detection:
    if not item.HasField("bbox"):
        raise WireError(f"{where}: expected a bbox, got an object without")
    box = item.bbox
    numbers = (item.confidence, box.leftX, box.topY, box.rightX, box.bottomY)
    if not all(map(math.isfinite, numbers)):
        raise WireError(f"{where}: expected a finite confidence, left, top, right and bottom, got {numbers}")
    attributes = _posed(item)
    track_id = track_of(item.id, attributes)
    attributes |= {name: said(name, text) for name, text in item.info.items() if name != OURS}
    if OURS in item.info:
        attributes |= from_json(item.info[OURS], where)
    return Detection(
        label=item.type,
        score=numbers[0],
        x1=numbers[1],
        y1=numbers[2],
        x2=numbers[3],
        y2=numbers[4],
        track_id=track_id,
        attributes=attributes,
    )


def _posed(item: Any) -> Attributes:
    if not item.HasField("pose"):
        return {}
    joints = item.pose.keypoints
    numbers = {f"{JOINT}{joint.name}": ",".join(map(_text, joint.coordinates)) for joint in joints}
    return {"pose": item.pose.type, **numbers}


def _text(number: float) -> str:
    """The shortest text that is this number in 32 bits."""
    return str(np.float32(number)).removesuffix(".0")


# Writing


def write_nv_frame(result: Result) -> bytes:
    """A result as an `nv.Frame`. The bytes of a given result are always the same.

    Raises:
        WireError: a field cannot be written (not finite, or not in 32 bits for a box or a score), a track is
            -1, there are above 10,000 detections or 1 MiB. The message names it.
        MissingExtra: protobuf is not installed.
    """
    frame = frame_class()(
        version=SCHEMA_VERSION,
        id=str(result.index),
        sensorId=result.camera_id,
        sightline=head_of(result),
    )
    frame.timestamp.seconds, frame.timestamp.nanos = divmod(result.captured_at_ns, NS_PER_S)
    try:
        for detection in result.detections:
            _write(frame.objects.add(), detection)
    except WireError as error:
        raise refused(result, error.message) from error
    payload: bytes = frame.SerializeToString(deterministic=True)
    if len(payload) > MAX_BYTES:
        raise refused(result, f"this result takes {len(payload)} bytes, at most {MAX_BYTES} are written")
    return payload


def _write(item: Any, detection: Detection) -> None:
    item.id = id_of(detection.track_id, detection.attributes)
    item.type = detection.label
    item.confidence = _single(detection.score, "score")
    item.bbox.leftX = _single(detection.x1, "x1")
    item.bbox.topY = _single(detection.y1, "y1")
    item.bbox.rightX = _single(detection.x2, "x2")
    item.bbox.bottomY = _single(detection.y2, "y2")
    if detection.attributes:
        _write_pose(item, detection.attributes)
        _write_info(item, detection.attributes)


def _single(number: float, name: str) -> float:
    try:
        rounded: float = _SINGLE.unpack(_SINGLE.pack(number))[0]
    except OverflowError as error:
        raise WireError(f"expected {name} to be a number that 32 bits hold, got {number}") from error
    return rounded


def _write_pose(item: Any, attributes: Attributes) -> None:
    kind = attributes.get("pose")
    if not isinstance(kind, str) or kind not in POSES:
        return
    item.pose.type = kind
    for name, numbers in attributes.items():
        if name.startswith(JOINT) and isinstance(numbers, str) and (found := _numbers(numbers)):
            item.pose.keypoints.add(name=name.removeprefix(JOINT), coordinates=found)


def _numbers(text: str) -> list[float]:
    """The numbers of a joint, or none where they are not all numbers of 32 bits."""
    try:
        found = [_single(float(part), "") for part in text.split(",")] if _NUMBERS.fullmatch(text) else []
    except ValueError:  # a WireError as well
        return []
    return found if all(map(math.isfinite, found)) else []


def _write_info(item: Any, attributes: Attributes) -> None:
    back = _posed(item)
    track_of(item.id, back)
    rest: Attributes = {}
    for name, value in missing(attributes, back).items():
        text = in_words(name, value)
        if text is None or name == OURS:
            rest[name] = value
        else:
            item.info[name] = text
    if rest:
        item.info[OURS] = to_json(rest)
