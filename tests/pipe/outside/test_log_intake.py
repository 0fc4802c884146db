"""What strangers may send to a receiver, and what it makes of it."""

import base64
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.errors import WireError
from sightline.log import hide_secret
from sightline.pipe.outside.log_entry import MOST_TEXT, LogEntry
from sightline.pipe.outside.log_intake import MOST_ENTRIES, LogIntake
from sightline.pipe.outside.log_link import piperts_text
from sightline.pipe.pictures import MOST_JPEG_BYTES

JPEG = b"\xff\xd8\xff and more"
ENTRY = LogEntry(
    number=3,
    time="2026-01-02T03:04:05.678Z",
    level="ERROR",
    severity=40,
    source="seen.cameras.gate",
    message="it's dark",
    pipe="seen",
    flow="cameras",
    routine="gate",
    process=4711,
    extra={"lux": 0.1},
)


def batch(*entries: Any, **facts: Any) -> dict[str, Any]:
    return {"sender": "a", "entries": msgspec.to_builtins(entries), **facts}


def through_json(said: Any) -> Any:
    return json.loads(json.dumps(said))


def test_a_batch_arrives_as_it_was_sent() -> None:
    intake = LogIntake()
    sent = [ENTRY, msgspec.structs.replace(ENTRY, number=4, picture=JPEG, side="input")]
    assert intake.batch(through_json(batch(*sent))) == sent
    assert (intake.stats().received, intake.stats().pictures) == (2, 1)


def test_what_senders_dropped_is_added_up_over_all_of_them() -> None:
    intake = LogIntake()
    for sender, dropped in (("a", 3), ("a", 5), ("b", 1)):
        intake.batch(batch(sender=sender, dropped={"overflow": dropped}))
    assert intake.stats().dropped == {"overflow": 6}


@pytest.mark.parametrize(
    "said",
    [
        None,
        "logs",
        [],
        {"entries": []},
        batch(dropped={"x": "many"}),
        batch({"message": 3}),
        batch({"message": "x" * (MOST_TEXT + 1)}),
        batch({"picture": base64.b64encode(b"x" * (MOST_JPEG_BYTES + 1)).decode()}),
        batch({"number": -1}),
        batch(*[{}] * (MOST_ENTRIES + 1)),
    ],
)
def test_what_is_no_batch_is_refused_and_counted(said: Any) -> None:
    intake = LogIntake()
    with pytest.raises(WireError, match="expected a batch of records"):
        intake.batch(said)
    assert intake.stats().refused == 1


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=20,
)


@given(JSON)
def test_nothing_that_a_stranger_says_is_more_than_refused(said: Any) -> None:
    intake = LogIntake()
    for read, text in ((intake.batch, said), (intake.record, said), (intake.record, json.dumps(said))):
        try:
            read(text)
        except WireError:
            continue
    assert intake.hello(said) is None or said["version"] == 1
    extra = intake.batch(batch({"extra": {"said": said}}))[0]
    assert msgspec.json.encode(extra)


def test_what_looks_like_a_secret_is_hidden_whoever_sent_it() -> None:
    hide_secret("sesame-seeds")
    told = LogIntake().batch(
        batch({"message": "rtsp://a:b@gate, sesame-seeds", "extra": {"token": "any word"}})
    )[0]
    assert told.message == "rtsp://***@gate, ***"
    assert told.extra == {"token": "***"}


def test_what_is_no_jpeg_is_no_picture() -> None:
    assert LogIntake().batch(batch({"picture": base64.b64encode(b"<html>").decode()}))[0].picture == b""


def test_a_record_of_piperts_says_its_flow_and_routine_by_its_name() -> None:
    text = '{"time": "01-02-26", "source": "seen.cameras.gate", "level": "WARNING", "message": "hm"}'
    entry = LogIntake().record(text)
    assert (entry.pipe, entry.flow, entry.routine) == ("seen", "cameras", "gate")
    assert (entry.level, entry.severity, entry.message) == ("WARNING", 30, "hm")


@pytest.mark.parametrize("side", ["input", "output", ""])
def test_a_picture_in_the_words_of_piperts_is_one(side: str) -> None:
    image = base64.b64encode(JPEG).decode()
    message = f"{side}: , 'data': {{'image_base64': '{image}'}}"
    if not side:
        message = f"extra_image: {{'name': 'mask', 'image_base64': '{image}'}}"
    entry = LogIntake().record(json.dumps({"source": "seen.a.b", "message": message}))
    assert (entry.picture, entry.side) == (JPEG, side)


def test_what_we_send_as_piperts_is_read_the_same() -> None:
    intake = LogIntake()
    assert intake.record(piperts_text(ENTRY)) == ENTRY
    shown = msgspec.structs.replace(ENTRY, picture=JPEG, side="output", message="output: 9 x 9")
    again = intake.record(piperts_text(shown))
    assert (again.picture, again.side, again.routine) == (JPEG, "output", "gate")


def test_a_traceback_goes_with_the_words_of_piperts() -> None:
    told = json.loads(piperts_text(msgspec.structs.replace(ENTRY, traceback="Traceback: ...")))
    assert told["message"] == "it's dark\nTraceback: ..."
    assert {"time", "source", "level", "message"} <= told.keys()
