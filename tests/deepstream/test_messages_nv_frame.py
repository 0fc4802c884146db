"""nv.Frame: held against NVIDIA's field numbers, protoc and bytes made by hand, and there and back."""

import contextlib
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.deepstream.drawn_results import FINITE, NASTY, SINGLE, of_types, result, results, seen, single

from sightline import Result
from sightline.deepstream.messages import (
    Unsaid,
    nv_schema,
    read,
    read_nv_frame,
    write_minimal,
    write_nv_frame,
)
from sightline.deepstream.messages.envelope import MAX_BYTES, MAX_OBJECTS
from sightline.errors import MissingExtra, WireError

descriptor_pool = pytest.importorskip("google.protobuf.descriptor_pool")

MOMENT = 1_777_559_870_075_262_001
PROTO = Path(__file__).with_name("nv_frame.proto")

# Field numbers and types as NVIDIA's schema.proto has them, taken down by hand.
NVIDIAS = {
    "Frame": {"version": (1, "string"), "id": (2, "string"), "timestamp": (3, "Timestamp"),
              "sensorId": (4, "string"), "objects": (5, "[Object]")},
    "Object": {"id": (1, "string"), "bbox": (2, "Bbox"), "type": (3, "string"), "confidence": (4, "float"),
               "info": (5, "[InfoEntry]"), "embedding": (6, "Embedding"), "pose": (7, "Pose"),
               "gaze": (8, "Gaze"), "lipActivity": (9, "LipActivity"), "speed": (10, "float"),
               "dir": (11, "[float]"), "coordinate": (12, "Coordinate"), "location": (13, "Location")},
    "Bbox": {"leftX": (1, "float"), "topY": (2, "float"), "rightX": (3, "float"), "bottomY": (4, "float")},
    "Embedding": {"vector": (1, "[float]"), "info": (2, "[InfoEntry]")},
    "Pose": {"type": (1, "string"), "keypoints": (2, "[Keypoint]"), "actions": (3, "[Action]")},
    "Keypoint": {"name": (1, "string"), "coordinates": (2, "[float]"), "quaternion": (3, "[float]")},
    "Action": {"type": (1, "string"), "confidence": (2, "float")},
    "Gaze": {"x": (1, "float"), "y": (2, "float"), "z": (3, "float"), "theta": (4, "float"),
             "phi": (5, "float")},
    "LipActivity": {"classLabel": (1, "string")},
    "Coordinate": {"x": (1, "double"), "y": (2, "double"), "z": (3, "double")},
    "Location": {"lat": (1, "double"), "lon": (2, "double"), "alt": (3, "double")},
    "InfoEntry": {"key": (1, "string"), "value": (2, "string")},
}  # fmt: skip
TYPES = {1: "double", 2: "float", 9: "string", 12: "bytes"}


# By hand, as protobuf's encoding is documented


def varint(number: int) -> bytes:
    low, high = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + varint(high) if high else bytes([low])


def field(number: int, value: bytes | str | float) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value % 2**64)
    if isinstance(value, float):
        return varint(number << 3 | 5) + struct.pack("<f", value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def box(*sides: float) -> bytes:
    return field(2, b"".join(field(at, side) for at, side in enumerate(sides, 1)))


def info(**texts: str) -> bytes:
    return b"".join(field(5, field(1, key) + field(2, value)) for key, value in texts.items())


def floats(number: int, *values: float) -> bytes:
    return field(number, struct.pack(f"<{len(values)}f", *values))


BOX = box(100.0, 50.5, 180.0, 230.0)
STAMP = field(3, field(1, MOMENT // 10**9) + field(2, MOMENT % 10**9))
PERSON = field(1, "12") + BOX + field(3, "Person") + field(4, 0.5)
POSE = field(
    7,
    field(1, "pose2D")
    + field(2, field(1, "nose") + floats(2, 1.5, 2.0, single(0.9)))
    + field(2, field(1, "neck") + floats(2, 3.0, -4.0, 0.0)),
)


def frame(*objects: bytes, version: str = "4.0", number: str = "7", stamp: bytes = STAMP) -> bytes:
    said = b"".join(field(5, each) for each in objects)
    return field(1, version) + field(2, number) + stamp + field(4, "gate") + said


# The schema


def test_the_field_numbers_and_types_are_nvidias_and_one_is_ours() -> None:
    found: dict[str, dict[str, tuple[int, str]]] = {}
    left = [nv_schema.frame_class().DESCRIPTOR]
    while left:
        message = left.pop()
        if message.name in found or message.name == "Timestamp":
            continue
        found[message.name] = {}
        for each in message.fields:
            kind = each.message_type.name if each.message_type else TYPES[each.type]
            found[message.name][each.name] = (each.number, f"[{kind}]" if each.is_repeated else kind)
            left += [each.message_type] if each.message_type else []
    assert found["Frame"].pop("sightline") == (nv_schema.OUR_FIELD, "bytes") == (51015, "bytes")
    assert found == NVIDIAS


def test_the_schema_may_be_loaded_beside_nvidias_own() -> None:
    """The default pool takes each name once; ours is not in it."""
    with pytest.raises(KeyError):
        descriptor_pool.Default().FindMessageTypeByName("nv.Frame")
    assert nv_schema.frame_class().DESCRIPTOR.full_name == "nv.Frame"


TEXT_FORM = """
version: "4.0" id: "7" sensorId: "gate" timestamp { seconds: 1777559870 nanos: 75262001 }
objects {
  id: "12" type: "Person" confidence: 0.5
  bbox { leftX: 100 topY: 50.5 rightX: 180 bottomY: 230 }
  info { key: "age" value: "45" } info { key: "hair" value: "black" }
  embedding { vector: [0.1, 0.2] info { key: "a" value: "b" } }
  pose { type: "pose2D" keypoints { name: "nose" coordinates: [1.5, 2, 0.9] quaternion: [0, 0, 0, 1] }
         actions { type: "walking" confidence: 0.5 } }
  gaze { x: 1 theta: 0.5 } lipActivity { classLabel: "silent" } speed: 2.5 dir: [1, 2, 3]
  coordinate { x: 1 } location { lat: 2 }
}
"""


def protoc(mode: str, given: bytes) -> bytes:
    command = ["protoc", f"--{mode}=nv.Frame", "-I", str(PROTO.parent), PROTO.name]
    return subprocess.run(command, input=given, capture_output=True, check=True, timeout=60).stdout


@pytest.mark.needs("protoc")
def test_what_protoc_says_is_read() -> None:
    (found,) = read(protoc("encode", TEXT_FORM.encode())).detections
    attributes = {"age": 45, "hair": "black", "pose": "pose2D", "pose.nose": "1.5,2,0.9"}
    assert found == seen(track_id=12, attributes=attributes)


@pytest.mark.needs("protoc")
def test_protoc_reads_what_we_say() -> None:
    attributes = {"age": 45, "hat": True, "pose": "pose2D", "pose.nose": "1.5,2,0.75"}
    shown = protoc("decode", write_nv_frame(result(seen(track_id=-2, attributes=attributes)))).decode()
    head, ours = shown.split("51015: ")
    assert ours.startswith(r'"{\"sightline\":{\"v\":1,')
    words = " ".join(head.split())
    assert words == (
        'version: "4.0" id: "7" timestamp { seconds: 1760000000 nanos: 280123456 } sensorId: "gate" '
        'objects { id: "18446744073709551614" '
        'bbox { leftX: 100 topY: 50.5 rightX: 180 bottomY: 230 } type: "Person" confidence: 0.5 '
        'info { key: "age" value: "45" } info { key: "sightline" value: "{\\"hat\\":true}" } '
        'pose { type: "pose2D" '
        'keypoints { name: "nose" coordinates: 1.5 coordinates: 2 coordinates: 0.75 } } }'
    )


# There and back


@given(results(SINGLE))
def test_every_result_comes_back_equal_from_an_nv_frame(value: Result) -> None:
    payload = write_nv_frame(value)
    back = read(payload)
    assert back == value
    assert of_types(back) == of_types(value)
    assert write_nv_frame(back) == payload


@pytest.mark.parametrize("attributes", NASTY, ids=repr)
def test_attributes_made_to_be_misread_come_back_equal(attributes: dict[str, Any]) -> None:
    value = result(seen(attributes=attributes))
    back = read(write_nv_frame(value))
    assert back == value
    assert of_types(back) == of_types(value)


def test_the_bytes_of_a_result_do_not_depend_on_the_order_of_attributes() -> None:
    named = {f"a{at}": str(at) for at in range(50)}
    back = dict(reversed(named.items()))
    assert write_nv_frame(result(seen(attributes=named))) == write_nv_frame(result(seen(attributes=back)))


def test_a_pose_is_numbers_for_others_and_its_very_text_for_us() -> None:
    attributes = {"pose": "pose2D", "pose.nose": "1.500000,2.000000,0.750000", "pose.ear": "1e999,1"}
    payload = write_nv_frame(result(seen(attributes=attributes)))
    (item,) = nv_schema.frame_class().FromString(payload).objects
    assert [list(joint.coordinates) for joint in item.pose.keypoints] == [[1.5, 2.0, 0.75]]
    assert read(payload).detections[0].attributes == attributes


@given(st.floats(-16384, 16384), st.floats(0, 1))
def test_boxes_and_scores_are_rounded_to_32_bits(side: float, score: float) -> None:
    (back,) = read(write_nv_frame(result(seen(x1=side, score=score)))).detections
    assert (back.x1, back.score) == (single(side), single(score))
    assert abs(back.x1 - side) <= 1 / 1024


def test_a_label_may_hold_what_it_likes() -> None:
    value = result(seen(label="a|b#"), seen(label=""))
    assert read(write_nv_frame(value)) == value


# Theirs


def test_a_foreign_frame_is_a_result_with_what_it_says_and_what_we_were_told() -> None:
    said = info(gender="male", age="45", visibility="0.000000")
    found = read(frame(PERSON + said + POSE), Unsaid(width=1280, height=720, captured_at_source="rtcp"))
    assert found.identity == ("gate", 0, 7)
    assert (found.captured_at_ns, found.captured_at_source) == (MOMENT, "rtcp")
    assert (found.width, found.height, found.model, found.pts) == (1280, 720, "deepstream", None)
    attributes = {
        "gender": "male",
        "age": 45,
        "visibility": "0.000000",
        "pose": "pose2D",
        "pose.nose": "1.5,2,0.9",
        "pose.neck": "3,-4,0",
    }
    assert found.detections == (seen(track_id=12, attributes=attributes),)


@pytest.mark.parametrize(
    ("said", "track_id", "kept"),
    [
        ("18446744073709551615", None, {}),
        ("9223372036854775808", -(2**63), {}),
        ("", None, {}),
        ("object-7", None, {"id": "object-7"}),
        ("a|b", None, {"id": "a|b"}),
    ],
)
def test_an_id_names_a_track_of_64_bits_or_is_kept(said: str, track_id: int | None, kept: object) -> None:
    (found,) = read(frame(field(1, said) + BOX)).detections
    assert (found.track_id, found.attributes) == (track_id, kept)
    payload = write_nv_frame(result(found))
    assert read(payload).detections == (found,)
    assert payload.count(said.encode()) == 1 or not kept


def test_fields_that_are_not_of_the_schema_are_passed_over() -> None:
    """Newer blueprints of NVIDIA's add some to a frame and to an object."""
    more = field(6, info(a="b")) + field(7, 5) + field(900, 1.5)
    assert read(frame(PERSON + field(14, "new")) + more) == read(frame(PERSON))


def test_a_field_that_came_twice_counts_as_protobuf_says() -> None:
    assert read(frame(PERSON) + field(4, "door")).camera_id == "door"


# Refused

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (b"", "version 4.0 of DeepStream's schema, got ''"),
        (b"\xff", "not an nv.Frame"),
        (frame()[:-1], "not an nv.Frame"),
        (frame() + field(4, b"\xff\xfe"), "not an nv.Frame"),
        (frame(version="5.0"), "got '5.0'"),
        (frame(number="x"), "frame's number, 0 to 9223372036854775807, got 'x'"),
        (frame(number=""), "frame's number"),
        (frame(stamp=b""), r"expected a timestamp, got a frame without \(camera gate\)"),
        (frame(stamp=field(3, field(2, -1))), "nanos, got -1"),
        (frame(stamp=field(3, field(2, 10**9))), "nanos, got 1000000000"),
        (frame(stamp=field(3, field(1, 2**40))), "the years 1678 to 2261"),
        (frame(PERSON, field(1, "3")), r"object 1 of frame 7: expected a bbox.*\(camera gate\)"),
        (frame(box(NAN, 1.0, 2.0, 3.0)), "object 0 of frame 7: expected a finite confidence, left"),
        (frame(BOX + field(4, INF)), "expected a finite confidence"),
        (frame(BOX + info(sightline="{")), "object 0 of frame 7: expected our attributes as JSON"),
        (frame() + field(51015, "{}"), "expected our head"),
        (frame() + field(51015, '{"sightline":{}}'), "not a result"),
        (frame(*[BOX] * (MAX_OBJECTS + 1)), f"at most {MAX_OBJECTS} objects, got {MAX_OBJECTS + 1}"),
        (b"\n" * (MAX_BYTES + 1), f"at most {MAX_BYTES} bytes, got {MAX_BYTES + 1}"),
    ],
)
def test_what_is_not_an_nv_frame_is_refused_by_name(payload: bytes, why: str) -> None:
    with pytest.raises(WireError, match=why):
        read(payload)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (result(seen(x2=1e39)), r"x2 to be a number that 32 bits hold, got 1e\+39 \(camera gate, epoch"),
        (result(seen(score=NAN)), "detections"),
        (result(seen(track_id=-1)), "track_id of -1 cannot be written"),
        (result(camera_id="\ud800"), "cannot be written"),
        (result(*[seen()] * (MAX_OBJECTS + 1)), f"at most {MAX_OBJECTS} detections"),
        (result(seen(label="x" * MAX_BYTES)), f"at most {MAX_BYTES} are written"),
    ],
)
def test_a_result_that_no_frame_can_hold_is_refused_by_name(value: Result, why: str) -> None:
    with pytest.raises(WireError, match=why):
        write_nv_frame(value)


def test_without_the_library_the_command_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    nv_schema.frame_class.cache_clear()
    monkeypatch.setitem(sys.modules, "google.protobuf.descriptor_pool", None)
    with pytest.raises(MissingExtra, match=r"pip install 'sightline\[deepstream\]'"):
        read(frame())
    assert read(write_minimal(result(seen()))) == result(seen())


# Whatever comes


@given(st.binary(max_size=40), st.integers(0, 400), st.integers(0, 9))
def test_whatever_bytes_come_are_a_result_or_a_wire_error(junk: bytes, at: int, cut: int) -> None:
    whole = frame(PERSON + info(age="45") + POSE, PERSON)
    for payload in (junk, whole[:at] + junk + whole[at + cut :], whole + junk):
        with contextlib.suppress(WireError):
            assert isinstance(read_nv_frame(payload), Result)


@given(st.lists(FINITE.map(str) | st.text(max_size=5), max_size=4).map(",".join), st.floats(width=32))
def test_whatever_a_pose_says_is_kept_through_both_schemas(text: str, number: float) -> None:
    joint = field(2, field(1, text) + floats(2, number, 1.0))
    found = read(frame(BOX + field(7, field(1, "pose2D") + joint)))
    assert read(write_nv_frame(found)).detections == found.detections


IN_A_PROCESS = """
import sys
from pathlib import Path
from sightline.deepstream.messages import read
from sightline.errors import WireError
payloads = [bytes.fromhex(line) for line in sys.stdin.read().split()]
read(payloads.pop(0))
def highest():  # a resource usage would begin with that of the process which started this one
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
before = highest()
for payload in payloads:
    try:
        read(payload)
    except WireError:
        print("refused")
print(highest() - before)
"""


def test_the_worst_of_a_message_takes_a_hundred_times_its_size_at_most() -> None:
    """Half a million empty objects, joints or attributes: what protobuf makes of them before we look."""
    worst = [field(5, b""), field(5, field(7, field(2, b"") * 60)), field(5, field(5, b"") * 60)]
    full = [frame() + each * ((MAX_BYTES - len(frame())) // len(each)) for each in worst]
    command = [sys.executable, "-c", IN_A_PROCESS]
    given = "\n".join(payload.hex() for payload in (frame(PERSON), *full))
    done = subprocess.run(command, input=given, capture_output=True, check=True, timeout=60, text=True)
    *refused, kib = done.stdout.split()
    assert refused == ["refused"] * 3
    assert int(kib) < 100 * 1024
