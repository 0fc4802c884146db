"""The values and their bytes: what goes out comes back, and whatever comes in is a value or a WireError."""

import contextlib
import json
import math
import struct
import tracemalloc
from collections.abc import Callable
from fractions import Fraction
from typing import Any, TypeAlias, TypeVar

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from sightline import Detection, Frame, Packet, Result
from sightline.errors import WireError
from sightline.wire import (
    FOREIGN_TIME_BASE,
    HEADER,
    MAX_HEAD_BYTES,
    from_bytes,
    packet_from_message,
    packet_to_message,
    result_from_json,
    result_to_json,
    to_bytes,
)

S = TypeVar("S", bound=msgspec.Struct)
Value: TypeAlias = Packet | Frame | Result
Reader: TypeAlias = Callable[[bytes], object]

TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
INT = st.integers(-(2**63), 2**63 - 1)
COUNT = st.integers(0, 2**63 - 1)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
STAMPS = {
    "camera_id": TEXT,
    "epoch": COUNT,
    "index": COUNT,
    "pts": st.none() | INT,
    "time_base": st.builds(Fraction, st.integers(1, 10**6), st.integers(1, 10**6)),
    "captured_at_ns": INT,
    "captured_at_source": st.sampled_from(["rtcp", "arrival", "media"]),
}
PACKETS = st.builds(
    Packet, data=st.binary(max_size=64), codec=TEXT, keyframe=st.booleans(), dts=st.none() | INT, **STAMPS
)
SHAPES = st.tuples(st.integers(1, 5), st.integers(1, 5), st.just(3))
FRAMES = st.builds(Frame, decoded_at_ns=INT, image=hnp.arrays(np.uint8, SHAPES), **STAMPS)
DETECTIONS = st.builds(
    Detection,
    label=TEXT,
    track_id=st.none() | INT,
    attributes=st.dictionaries(TEXT, st.none() | st.booleans() | INT | FINITE | TEXT, max_size=3),
    **dict.fromkeys(("score", "x1", "y1", "x2", "y2"), FINITE),
)
RESULTS = st.builds(
    Result,
    term=COUNT,
    published_at_ns=st.none() | INT,
    detections=st.lists(DETECTIONS, max_size=3).map(tuple),
    **dict.fromkeys(("model", "model_version"), TEXT),
    **dict.fromkeys(("width", "height"), COUNT),
    **dict.fromkeys(("decoded_at_ns", "inferred_at_ns"), INT),
    **STAMPS,
)
PACKET = Packet(
    camera_id="gate",
    epoch=1_760_000_000_000,
    index=7,
    data=b"\x00\x00\x00\x01\x65picture",
    codec="h264",
    keyframe=True,
    pts=90_000,
    dts=None,
    time_base=Fraction(1, 90_000),
    captured_at_ns=1_760_000_000_280_000_000,
    captured_at_source="rtcp",
)
FRAME = Frame(
    camera_id="gate",
    epoch=1,
    index=7,
    pts=None,
    time_base=Fraction(1, 90_000),
    captured_at_ns=1,
    captured_at_source="media",
    decoded_at_ns=2,
    image=np.arange(24, dtype=np.uint8).reshape(2, 4, 3),
)
SEEN = Detection(label="person", score=0.5, x1=1, y1=2, x2=3, y2=4, attributes={"hat": True})
RESULT = Result.of(FRAME, (SEEN,), model="hog", model_version="1", inferred_at_ns=3)
ELSEWHERE: dict[str, Any] = {"camera_id": "topic's", "offset": 42, "timestamp_ns": 5}


def replaced(value: S, **fields: Any) -> S:
    return type(value)(**{name: getattr(value, name) for name in value.__struct_fields__} | fields)


def head_of(container: bytes) -> dict[str, Any]:
    head: dict[str, Any] = json.loads(container[10 : 10 + int.from_bytes(container[6:10], "big")])
    return head


def container(kind: bytes, head: object, body: bytes = b"", version: int = 1) -> bytes:
    data = head if isinstance(head, bytes) else json.dumps(head).encode()
    return b"SLNE" + struct.pack(">BcI", version, kind, len(data)) + data + body


# There and back


@given(PACKETS | FRAMES | RESULTS)
def test_every_value_comes_back_from_its_container(value: Value) -> None:
    assert from_bytes(to_bytes(value)) == value


@given(PACKETS)
def test_every_packet_comes_back_from_its_message(packet: Packet) -> None:
    value, headers = packet_to_message(packet)
    assert value is packet.data
    assert packet_from_message(value, headers, **ELSEWHERE) == packet


@given(RESULTS)
def test_every_result_comes_back_from_its_json(result: Result) -> None:
    data = result_to_json(result)
    assert b"\n" not in data
    assert result_from_json(data) == result


def test_the_forms_on_the_wire_stay_as_they_are() -> None:
    """Others read these bytes: a change here is a change of version."""
    [(name, head)] = packet_to_message(PACKET)[1]
    assert name == "sightline"
    stamps = '"captured_at_ns":1760000000280000000,"captured_at_source":"rtcp"'
    assert head.decode() == (
        '{"v":1,"camera_id":"gate","epoch":1760000000000,"index":7,"pts":90000,"time_base":"1/90000",'
        + stamps
        + ',"dts":null,"codec":"h264","keyframe":true}'
    )
    assert result_to_json(RESULT).decode() == (
        '{"v":1,"camera_id":"gate","epoch":1,"index":7,"pts":null,"time_base":"1/90000","captured_at_ns":1,'
        '"captured_at_source":"media","term":0,"width":4,"height":2,"model":"hog","model_version":"1",'
        '"decoded_at_ns":2,"inferred_at_ns":3,"published_at_ns":null,"detections":[{"label":"person",'
        '"score":0.5,"x1":1.0,"y1":2.0,"x2":3.0,"y2":4.0,"track_id":null,"attributes":{"hat":true}}]}'
    )
    assert to_bytes(PACKET) == b"SLNE\x01P" + struct.pack(">I", len(head)) + head + PACKET.data
    assert to_bytes(FRAME).endswith(bytes(range(24)))


def test_a_frame_that_came_back_is_its_own_and_can_be_written_to() -> None:
    data = to_bytes(FRAME)
    frame = from_bytes(data)
    assert isinstance(frame, Frame)
    frame.image[:] = 0
    assert from_bytes(data) == FRAME


def test_an_image_that_is_a_view_with_gaps_is_written_by_rows() -> None:
    wide = np.arange(48, dtype=np.uint8).reshape(2, 8, 3)
    view = wide[:, ::2][:, :, ::-1]
    fields = {name: getattr(FRAME, name) for name in Frame.__slots__ if name != "image"}
    frame = from_bytes(to_bytes(Frame(**fields, image=view)))
    assert isinstance(frame, Frame)
    assert np.array_equal(frame.image, view)


# Other people's versions


def test_fields_that_a_newer_writer_adds_are_passed_over() -> None:
    value, [(name, head)] = packet_to_message(PACKET)
    more = json.dumps(json.loads(head) | {"exposure": {"us": [1, 2]}}).encode()
    assert packet_from_message(value, ((name, more),), **ELSEWHERE) == PACKET


@pytest.mark.parametrize("change", [{"v": 2}, {"v": 2, "epoch": "of another kind"}, {"v": 10**30}])
def test_a_newer_version_is_refused_by_its_number(change: dict[str, Any]) -> None:
    head = json.loads(result_to_json(RESULT)) | change
    with pytest.raises(WireError, match=rf"version {change['v']}, newer than the 1 "):
        result_from_json(json.dumps(head).encode())


def test_a_newer_container_is_refused_by_its_number() -> None:
    with pytest.raises(WireError, match="container is of version 9, newer"):
        from_bytes(b"SLNE\x09" + to_bytes(RESULT)[5:])


# Messages without our header


@pytest.mark.parametrize(
    ("value", "codec", "keyframe"),
    [
        (b"\xff\xd8\xff\xe0JFIF", "mjpeg", True),
        (b"\x00\x00\x00\x01\x67\x42\xc0\x1e", "h264", True),
        (b"\x00\x00\x01\x09\xf0\x00\x00\x00\x01\x27\x4d", "h264", True),  # a delimiter first
        (b"\x00\x00\x00\x01\x41\x9a", "h264", False),
        (b"\x00\x00\x00\x01\x40\x01\x0c", "hevc", True),
        (b"\x00\x00\x00\x01\x46\x01\x50\x00\x00\x01\x40\x01\x0c", "hevc", True),
        (b"half of something \x00\x00\x01\x67", "h264", False),
        (b"", "h264", False),
    ],
)
def test_a_foreign_message_is_a_packet_of_arrival(value: bytes, codec: str, keyframe: bool) -> None:
    packet = packet_from_message(value, (("traceparent", b"00-1"),), **ELSEWHERE)
    assert packet == Packet(
        camera_id="topic's",
        epoch=0,
        index=42,
        data=value,
        codec=codec,
        keyframe=keyframe,
        pts=None,
        dts=None,
        time_base=FOREIGN_TIME_BASE,
        captured_at_ns=5,
        captured_at_source="arrival",
    )


def test_of_several_headers_of_ours_the_last_counts() -> None:
    """A forwarder that adds its own appends it; Kafka's readers take the last as well."""
    value, ours = packet_to_message(PACKET)
    _, older = packet_to_message(replaced(PACKET, camera_id="old"))
    assert packet_from_message(value, (*older, ("x", b""), *ours), **ELSEWHERE) == PACKET


# What cannot be written


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("field", ["score", "x1", "y2"])
def test_a_detection_without_a_number_is_refused_by_name(field: str, number: float) -> None:
    wrong = replaced(RESULT, detections=(SEEN, replaced(SEEN, **{field: number})))
    for write in (result_to_json, to_bytes):
        with pytest.raises(WireError, match=rf"result cannot be written.*detections.*\.{field}"):
            write(wrong)


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (replaced(PACKET, pts=2**63), "pts"),
        (replaced(PACKET, epoch=-1), "epoch"),
        (replaced(PACKET, time_base=Fraction(0)), "time_base"),
        (replaced(PACKET, time_base=Fraction(1, 10**11)), "time_base"),
        (replaced(PACKET, captured_at_source="guess"), "captured_at_source"),
        (replaced(PACKET, camera_id="\ud800"), "surrogates"),
        (replaced(PACKET, camera_id="x" * MAX_HEAD_BYTES), "at most"),
        (replaced(RESULT, detections=(replaced(SEEN, attributes={"n": 2**64}),)), "attributes"),
        (replaced(RESULT, detections=(replaced(SEEN, score=np.float32(0.5)),)), "score"),
    ],
)
def test_a_value_that_could_not_come_back_is_refused_by_name(value: Value, name: str) -> None:
    with pytest.raises(WireError, match=name):
        to_bytes(value)


@pytest.mark.parametrize(
    "image", [np.zeros((2, 2), np.uint8), np.zeros((2, 2, 4), np.uint8), np.zeros((2, 2, 3), np.float32),
              np.zeros((0, 2, 3), np.uint8)]
)  # fmt: skip
def test_an_image_of_another_shape_is_refused(image: NDArray[Any]) -> None:
    fields = {name: getattr(FRAME, name) for name in Frame.__slots__ if name != "image"}
    with pytest.raises(WireError, match=r"image \(height, width, 3\) of uint8|height"):
        to_bytes(Frame(**fields, image=image))


# Whatever comes in


def survives(read: Reader, data: bytes) -> None:
    with contextlib.suppress(WireError):
        read(data)


def as_header(data: bytes) -> Packet:
    return packet_from_message(b"", ((HEADER, data),), **ELSEWHERE)


READERS: tuple[Reader, ...] = (from_bytes, result_from_json, as_header)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(READERS), st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_a_value_or_a_wire_error(read: Reader, data: bytes) -> None:
    survives(read, data)


@given(st.sampled_from([PACKET, FRAME, RESULT]), st.data())
def test_a_container_cut_off_anywhere_is_refused(value: Value, data: st.DataObject) -> None:
    whole = to_bytes(value)
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    if value is PACKET and len(cut) >= len(whole) - len(PACKET.data):
        packet = from_bytes(cut)
        assert isinstance(packet, Packet)
        assert packet.data == PACKET.data[: len(cut) - len(whole)]  # its body has no fixed length
    else:
        with pytest.raises(WireError):
            from_bytes(cut)


@given(PACKETS | FRAMES | RESULTS, st.data())
def test_flipped_bits_are_a_value_or_a_wire_error(value: Value, data: st.DataObject) -> None:
    changed = bytearray(to_bytes(value))
    for _ in range(data.draw(st.integers(1, 4))):
        changed[data.draw(st.integers(0, len(changed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    survives(from_bytes, bytes(changed))
    survives(result_from_json, bytes(changed[10:]))


@given(st.sampled_from([PACKET, FRAME, RESULT]), st.data())
def test_a_head_with_any_field_of_any_kind_is_a_value_or_a_wire_error(
    value: Value, data: st.DataObject
) -> None:
    whole = to_bytes(value)
    head = head_of(whole)
    head[data.draw(st.sampled_from(sorted(head)))] = data.draw(JSON)
    survives(from_bytes, container(whole[5:6], head, whole[10 + int.from_bytes(whole[6:10], "big") :]))


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize(
    "data",
    [
        b"[" * 100_000,
        b'{"v":1,"unknown":' + b"[" * 60_000,
        b'{"v":1,"epoch":1' + b"0" * 60_000 + b"}",
        b'{"v":1,"camera_id":"\xff\xfe"}',
        b'{"v":' + b"9" * 5_000 + b"}",
        json.dumps(json.loads(result_to_json(RESULT)) | {"time_base": "1/0"}).encode(),
        json.dumps(json.loads(result_to_json(RESULT)) | {"time_base": "1e9/1"}).encode(),
    ],
)
def test_deep_huge_and_crooked_json_is_refused(read: Reader, data: bytes) -> None:
    for hostile in (data, container(b"P", data), container(b"F", data), container(b"R", data)):
        with pytest.raises(WireError):
            read(hostile)


def test_a_header_above_the_limit_is_refused_however_right_it_is() -> None:
    head = json.loads(packet_to_message(PACKET)[1][0][1])
    assert as_header(json.dumps(head | {"more": "x" * 60_000}).encode()).index == PACKET.index
    with pytest.raises(WireError, match="at most 65536 bytes"):
        as_header(json.dumps(head | {"more": "x" * MAX_HEAD_BYTES}).encode())


def test_a_tiny_hostile_frame_takes_no_memory() -> None:
    head = head_of(to_bytes(FRAME)) | {"width": 16384, "height": 16384}
    lying = b"SLNE\x01F\xff\xff\xff\xff{}"
    tracemalloc.start()
    try:
        for hostile in (container(b"F", head, b"tiny"), lying):
            with pytest.raises(WireError, match=r"805306368 bytes, got 4|4294967295 bytes, got 2"):
                from_bytes(hostile)
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "data",
    [b"", b"SLNE", b"SLNE\x00" + to_bytes(RESULT)[5:], b"JPEG" + bytes(20), container(b"Z", {}),
     to_bytes(RESULT) + b"more"],
)  # fmt: skip
def test_what_is_no_container_is_refused(data: bytes) -> None:
    with pytest.raises(WireError):
        from_bytes(data)
