"""DeepStream's minimal schema: every form that NVIDIA's writers have, and ours there and back."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.deepstream.drawn_results import FINITE, NASTY, TEXT, TRICKY, of_types, result, results, seen

from sightline import Result
from sightline.deepstream.messages import Unsaid, read, read_minimal, write_minimal
from sightline.deepstream.messages.envelope import MAX_BYTES, MAX_OBJECTS
from sightline.errors import WireError
from sightline.wire import FOREIGN_TIME_BASE

# json-glib writes so: indented, with a blank on either side of a colon.
FROM_NVIDIA = b"""{
  "version" : "4.0",
  "id" : "5910",
  "@timestamp" : "2026-04-30T14:37:50.075Z",
  "sensorId" : "HWY_20",
  "objects" : [
    "143|855.703|285.007|1023.05|359.055|car|#|||||||0.962743",
    "18446744073709551615|1020.73|250.906|1049.27|308.782|Person|#|male|45|black|none|formal|-0.1"
  ],
  "masks" : [ "143|1|10|20|30|20|30|40" ]
}"""
BOX = "12|100|50.5|180|230"


def message(*objects: object, **members: object) -> bytes:
    given: dict[str, object] = {
        "version": "4.0",
        "id": "7",
        "@timestamp": "2026-04-30T14:37:50.075Z",
        "sensorId": "gate",
        "objects": objects,
    }
    return json.dumps(given | members).encode()


def only(text: str, **unsaid: Any) -> tuple[float, dict[str, Any]]:
    """Score and attributes of the one object in a message."""
    (found,) = read_minimal(message(text), Unsaid(**unsaid)).detections
    return found.score, found.attributes


# There and back


@given(results(FINITE))
def test_every_result_comes_back_equal_from_a_minimal_message(value: Result) -> None:
    back = read(write_minimal(value))
    assert back == value
    assert of_types(back) == of_types(value)


@pytest.mark.parametrize("label", ["Person", "Face", "car"])
@pytest.mark.parametrize("attributes", NASTY, ids=repr)
def test_attributes_made_to_be_misread_come_back_equal(attributes: dict[str, Any], label: str) -> None:
    value = result(seen(label=label, attributes=attributes))
    back = read(write_minimal(value))
    assert back == value
    assert of_types(back) == of_types(value)


def test_what_deepstream_has_a_place_for_stands_where_its_readers_look() -> None:
    payload = write_minimal(
        result(
            seen(track_id=12, attributes={"age": 45, "hair": "black", "hat": True}),
            seen(
                label="Vehicle", score=1e-7, attributes={"licenseState": "CA", "license": "X|1", "make": "B"}
            ),
            seen(label="face", attributes={"result_label_0": "smiling", "result_label_1": "left"}),
            seen(label="dog", track_id=-(2**63)),
        )
    )
    said = json.loads(payload)
    assert list(said) == ["version", "id", "@timestamp", "sensorId", "objects", "customMessage"]
    assert said["version"] == "4.0"
    assert said["id"] == "7"
    assert said["@timestamp"] == "2025-10-09T08:53:20.280Z"
    assert said["sensorId"] == "gate"
    assert said["objects"] == [
        f'{BOX}|Person|#||45|black|||0.5|#|sightline|{{"hat":true}}',
        '18446744073709551615|100|50.5|180|230|Vehicle|#||B||||CA|1e-07|#|sightline|{"license":"X\\u007c1"}',
        "18446744073709551615|100|50.5|180|230|face|#|smiling|left|0.5",
        "9223372036854775808|100|50.5|180|230|dog|#|||||||0.5",
    ]
    assert b"\n" not in payload


@given(TRICKY | TEXT)
def test_an_attribute_never_moves_what_stands_behind_it(text: str) -> None:
    """Cut as NVIDIA's own reader does."""
    payload = write_minimal(result(seen(attributes={"cap": text}, score=0.25)))
    primary, secondary, *_ = json.loads(payload)["objects"][0].split("|#|")
    assert primary == "18446744073709551615|100|50.5|180|230|Person"
    assert secondary.split("|")[-1] == "0.25"


def test_a_pose_is_written_as_the_readers_of_nvidias_blueprints_cut_it() -> None:
    """They part an object at `|#|`, and take the last place of the second part for the confidence."""
    pose = {"pose": "pose3D", "pose.nose": "1,2,3,0.9", "pose.neck": "4,5,6,0.8"}
    (text,) = json.loads(write_minimal(result(seen(attributes=pose))))["objects"]
    primary, secondary, third = text.split("|#|")
    assert primary == "18446744073709551615|100|50.5|180|230|Person"
    assert secondary.split("|")[-1] == "0.5"
    assert third == "pose3D|nose,1,2,3,0.9|neck,4,5,6,0.8"


def test_a_sensor_that_was_renamed_on_the_way_is_believed() -> None:
    said = json.loads(write_minimal(result(seen())))
    said |= {"sensorId": "door", "id": 8, "@timestamp": "2025-10-09T08:53:21.000Z"}
    back = read(json.dumps(said).encode())
    assert (back.camera_id, back.index, back.epoch) == ("door", 8, result().epoch)
    assert back.captured_at_ns == 1_760_000_001_000_000_000
    with pytest.raises(WireError, match="the years 1678 to 2261"):
        read(json.dumps(said | {"@timestamp": "9999-12-31T00:00:00Z"}).encode())


# Theirs


def test_a_foreign_message_is_a_result_with_what_it_says_and_what_we_were_told() -> None:
    told = Unsaid(width=1920, height=1080, model="peoplenet", model_version="2.6", captured_at_source="rtcp")
    found = read(FROM_NVIDIA, told)
    moment = 1_777_559_870_075_000_000
    assert found == Result(
        camera_id="HWY_20",
        epoch=0,
        index=5910,
        pts=None,
        time_base=FOREIGN_TIME_BASE,
        captured_at_ns=moment,
        captured_at_source="rtcp",
        width=1920,
        height=1080,
        model="peoplenet",
        model_version="2.6",
        decoded_at_ns=moment,
        inferred_at_ns=moment,
        detections=(
            seen(label="car", score=0.962743, x1=855.703, y1=285.007, x2=1023.05, y2=359.055, track_id=143),
            seen(
                score=-0.1,
                x1=1020.73,
                y1=250.906,
                x2=1049.27,
                y2=308.782,
                attributes={"gender": "male", "age": 45, "hair": "black", "cap": "none", "apparel": "formal"},
            ),
        ),
    )


def test_what_nobody_told_has_a_value_that_says_so() -> None:
    found = read(FROM_NVIDIA)
    assert (found.width, found.height, found.model, found.captured_at_source) == (
        0,
        0,
        "deepstream",
        "arrival",
    )


@pytest.mark.parametrize(
    ("text", "score", "attributes"),
    [
        (f"{BOX}|car", 0.75, {}),
        (f"{BOX}|Bag|0.5", 0.5, {}),
        (f"{BOX}|Bag|0.5|#|embedding|1,2,3|", 0.5, {}),
        (f"{BOX}|Bag|0.5#|SV3DT|0.9|1,2|3,4|5,6|", 0.5, {}),
        (f"{BOX}|car|#|||||||0.5|#|embedding|1,2|#|SV3DT|0.9|1,2|3,4|5,6|", 0.5, {}),
        (f"{BOX}|car|#|blue|sedan|0.5", 0.5, {"result_label_0": "blue", "result_label_1": "sedan"}),
        (f"{BOX}|Person|#|blue|0.5", 0.5, {"result_label_0": "blue"}),
        (f"{BOX}|Product|#|Acme|box|square|0.5", 0.5, {"brand": "Acme", "type": "box", "shape": "square"}),
        (
            f"{BOX}|Vehicle|#|sedan|Bugatti|M|blue|CA 444|California|0.8",
            0.8,
            {
                "type": "sedan",
                "make": "Bugatti",
                "model": "M",
                "color": "blue",
                "license": "CA 444",
                "licenseState": "California",
            },
        ),
        (
            f"{BOX}|Face|#|female|030|||yes||Ada||green|0.8",
            0.8,
            {"gender": "female", "age": "030", "glasses": "yes", "name": "Ada", "eyecolor": "green"},
        ),
        (
            f"{BOX}|Person|#|male|45||||#|pose2D|nose,1.000000,2.000000,0.900000|neck,3.0,4.0,0.5||0.5",
            0.5,
            {
                "gender": "male",
                "age": 45,
                "pose": "pose2D",
                "pose.nose": "1.000000,2.000000,0.900000",
                "pose.neck": "3.0,4.0,0.5",
            },
        ),
        (
            f"{BOX}|Person|#|||||||0.5|#|pose3D|head,1,2,3,0.9,0.1,0.2,0.3,0.4|#|embedding|1,2,3",
            0.5,
            {"pose": "pose3D", "pose.head": "1,2,3,0.9,0.1,0.2,0.3,0.4"},
        ),
        (f"{BOX}|Face|#||||||||odd||0.5", 0.5, {}),
        (f"{BOX}|car|#|||||||1e-05|#|tomorrow|is|unknown", 1e-05, {}),
    ],
)
def test_every_form_of_an_object_is_read(text: str, score: float, attributes: dict[str, Any]) -> None:
    assert only(text, score=0.75) == (score, attributes)


@pytest.mark.parametrize("text", ["", "|#|embedding|0.1,0.2|", "#|SV3DT|0.9|1,2|3,4||"])
def test_what_is_said_of_the_whole_frame_is_no_object(text: str) -> None:
    assert read_minimal(message(text, f"{BOX}|car")).detections == (
        seen(label="car", score=0.0, track_id=12),
    )


@pytest.mark.parametrize(
    ("said", "track_id", "kept"),
    [
        ("12", 12, {}),
        ("18446744073709551615", None, {}),
        ("-1", None, {}),
        ("-958754206", -958754206, {}),
        ("9223372036854775808", -(2**63), {}),
        ("", None, {}),
        ("object-7", None, {"id": "object-7"}),
        ("18446744073709551616", None, {"id": "18446744073709551616"}),
    ],
)
def test_an_id_names_a_track_of_64_bits_or_is_kept(said: str, track_id: int | None, kept: object) -> None:
    (found,) = read_minimal(message(f"{said}|1|2|3|4|car|0.5")).detections
    assert (found.track_id, found.attributes) == (track_id, kept)
    assert read_minimal(write_minimal(result(found))).detections == (found,)


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2026-04-30T14:37:50.075Z", 1_777_559_870_075_000_000),
        ("2026-04-30T14:37:50.075262000Z", 1_777_559_870_075_262_000),
        ("2026-04-30t16:37:50.5+02:00", 1_777_559_870_500_000_000),
        ("2026-04-30T10:07:50.5-04:30", 1_777_559_870_500_000_000),
        ("1969-12-31T23:59:59.999Z", -1_000_000),
        ("2024-02-29T00:00:00Z", 1_709_164_800_000_000_000),
    ],
)
def test_times_are_read_to_the_nanosecond(text: str, ns: int) -> None:
    assert read_minimal(message(**{"@timestamp": text})).captured_at_ns == ns


def test_members_that_are_not_of_the_schema_are_passed_over() -> None:
    more = message(frame={"a": [1, None]}, customMessage=["theirs", 5, {"sightline": 1}], masks=3)
    assert read(more) == read(message())
    assert read(message(customMessage=5)) == read(message(customMessage={"sightline": 1}))
    assert read(message(customMessage=5)) == read(message())
    assert read(message(customMessage="theirs")) == read(message(customMessage=None)) == read(message())
    assert read(b" \r\n\t" + message()) == read(message())
    for number in (b"9" * 30, b"1e999"):  # more than a number of ours holds
        payload = message(customMessage=["NUMBER"]).replace(b'"NUMBER"', number)
        assert read(payload) == read(message())


# Refused


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (b"", "not an nv.Frame|version"),
        (b"{", "not a minimal message.*truncated"),
        (b"{}", "missing required field `version`"),
        (b'{"messageid": "1", "mdsversion": "1.0"}', "looks like the full schema"),
        (message().replace(b"gate", b"\xff\xfe"), "not a minimal message"),
        (b'{"a":' + b"[" * 100_000, "not a minimal message"),
        (message(version="ds3d/1.0"), "expected version 4.0 of DeepStream's schema, got 'ds3d/1.0'"),
        (message(id="-1"), "expected id to be a frame's number, 0 to 9223372036854775807, got '-1'"),
        (message(id=-1), "`\\$.id`"),
        (message(id="9223372036854775808"), "frame's number"),
        (message(id="²"), "frame's number"),
        (message(id="1" * 5000), "frame's number"),
        (message(id=10**400), "`\\$.id`"),
        (message(id=1.5), "`\\$.id`"),
        (message(sensorId=None), "`\\$.sensorId`"),
        (message(objects={}), "`\\$.objects`"),
        (message(5), "`\\$.objects\\[0\\]`"),
        (message(**{"@timestamp": None}), "`\\$.@timestamp`"),
        (message(**{"@timestamp": "yesterday"}), "@timestamp to be such as .*got 'yesterday'"),
        (message(**{"@timestamp": "2026-02-29T00:00:00Z"}), "a time that exists"),
        (message(**{"@timestamp": "2026-01-01T24:00:00Z"}), "@timestamp"),
        (message(**{"@timestamp": "2026-01-01T23:59:60Z"}), "a time that exists"),
        (message(**{"@timestamp": "1066-10-14T09:00:00Z"}), "the years 1678 to 2261"),
        (message(**{"@timestamp": "2026-04-30T14:37:50.075"}), "@timestamp"),
        (message("12|1|2|3|4"), r"object 0 of frame 7: expected id\|left\|top.*got '12\|1.*\(camera gate\)"),
        (message("#"), "object 0 of frame 7: expected id"),
        (message(f"{BOX}|car", "12|1|nan|3|4|car"), "object 1 of frame 7: top: .* number, got 'nan'"),
        (message("12|1|2|inf|4|car"), "right: expected a finite number"),
        (message("12|1|2|3|1e999|car"), "bottom: expected a finite number, got '1e999'"),
        (message("12| 1|2|3|4|car"), "left: expected a finite number"),
        (message("12|1_0|2|3|4|car"), "left: expected a finite number"),
        (message("12|\u0661|2|3|4|car"), "left: expected a finite number"),
        (message("12|" + "1" * 500 + "|2|3|4|car"), "left: expected a finite number"),
        (message(f"{BOX}|a|b"), "confidence: expected a finite number, got 'b'"),
        (message(f"{BOX}|a|b|0.5"), "expected a confidence or # after the label, got 'b|0.5'"),
        (message(f"{BOX}|Person|#|male|45|black|none|formal"), "confidence: .* got 'formal'"),
        (message(f"{BOX}|car|0.5|#|sightline|[1]"), "expected our attributes as JSON"),
        (message(f'{BOX}|car|0.5|#|sightline|{{"a":{"9" * 30}}}'), "expected our attributes as JSON"),
        (message(customMessage=['{"sightline":5}']), "not a result"),
        (message(customMessage=['{"sightline":{"v":9}}']), "version 9"),
        (message(customMessage=['{"sightline":"\ud800"}']), "not a"),
        (message(customMessage=['{"sightline":{}']), "expected our head"),
        (message(*["12|1|2|3|4|car"] * (MAX_OBJECTS + 1)), "`\\$.objects`"),
        (b"{" + b" " * MAX_BYTES, f"at most {MAX_BYTES} bytes, got {MAX_BYTES + 1}"),
    ],
)  # fmt: skip
def test_what_is_not_a_minimal_message_is_refused_by_name(payload: bytes, why: str) -> None:
    with pytest.raises(WireError, match=why):
        read(payload)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (result(seen(label="a|b")), r"label without '\|'.*got 'a\|b' \(camera gate, epoch 1760000000000"),
        (result(seen(track_id=-1)), "track_id of -1 cannot be written"),
        (result(seen(score=float("nan"))), "detections"),
        (result(seen(x1=float("inf"))), "detections"),
        (result(seen(attributes={"a": 2**64})), "detections"),
        (result(index=-1), "index"),
        (result(camera_id="\ud800"), "cannot be written"),
        (result(*[seen()] * (MAX_OBJECTS + 1)), f"at most {MAX_OBJECTS} detections, got {MAX_OBJECTS + 1}"),
        (result(seen(label="x" * MAX_BYTES)), f"at most {MAX_BYTES} are written"),
    ],
)  # fmt: skip
def test_a_result_that_no_message_can_hold_is_refused_by_name(value: Result, why: str) -> None:
    with pytest.raises(WireError, match=why):
        write_minimal(value)


def test_as_many_objects_as_are_allowed_fit_into_a_message() -> None:
    most = result(*[seen(track_id=2**40, x1=1000.123)] * MAX_OBJECTS)
    assert read(write_minimal(most)) == most


# Whatever comes

PIECES = st.lists(
    st.sampled_from(
        ["|", "#", "|#|", "1", "0.5", "nan", "Person", "Face", "pose2D", "SV3DT", "embedding", "sightline",
         "a,1", '{"a":1}', "-", "{", "e9"]
    ),
    max_size=18,
).map("".join)  # fmt: skip
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda x: st.lists(x, max_size=3)
)


@given(
    st.lists(PIECES | st.text(max_size=9) | st.builds(lambda more: f"{BOX}|Person{more}", PIECES), max_size=3)
)
def test_whatever_the_objects_say_is_a_result_that_goes_on_or_a_wire_error(objects: list[str]) -> None:
    with contextlib.suppress(WireError):
        found = read(message(*objects))
        back = read(write_minimal(found))
        assert back.detections == found.detections


@given(
    st.dictionaries(
        st.sampled_from(["version", "id", "@timestamp", "sensorId", "objects", "customMessage"]), ANY_JSON
    )
)
def test_whatever_the_members_are_is_a_result_or_a_wire_error(members: dict[str, object]) -> None:
    with contextlib.suppress(WireError):
        assert isinstance(read(message(**members)), Result)


@given(st.binary(max_size=40), st.integers(0, len(FROM_NVIDIA)), st.integers(0, 9))
def test_whatever_bytes_come_are_a_result_or_a_wire_error(junk: bytes, at: int, cut: int) -> None:
    for payload in (junk, b"{" + junk, FROM_NVIDIA[:at] + junk + FROM_NVIDIA[at + cut :]):
        with contextlib.suppress(WireError):
            assert isinstance(read(payload), Result)
