"""Results as headers: what is sent comes back equal and of its type, and others read text and JSON."""

import enum
import json
import math
import re
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sightline import Detection, Result
from sightline.bus import RESULT_HEADER, Message, result_of
from sightline.errors import WireError
from sightline.mux.values import (
    MAX_DEPTH,
    MAX_HEADERS_BYTES,
    MAX_INT_BITS,
    TYPES_HEADER,
    from_headers,
    headers_of,
    to_headers,
)
from sightline.wire import HEADER, Headers, result_to_json

TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
INT = st.integers(-(2**MAX_INT_BITS) + 1, 2**MAX_INT_BITS - 1)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | INT | FINITE | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
NAMES = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=64).filter(
    lambda name: name.split(".")[0] != HEADER
)
ARRAYS = hnp.arrays(
    hnp.scalar_dtypes().filter(lambda dtype: dtype.itemsize < 16 or dtype.kind != "f"),
    hnp.array_shapes(min_dims=0, min_side=0),
)
RESULT = Result(
    camera_id="gate",
    epoch=1,
    index=7,
    pts=90_000,
    time_base=Fraction(1, 90_000),
    captured_at_ns=1,
    captured_at_source="arrival",
    width=640,
    height=360,
    model="motion",
    model_version="1",
    decoded_at_ns=2,
    inferred_at_ns=3,
    detections=(Detection(label="person", score=0.9, x1=1, y1=2, x2=3, y2=4),),
)


class Colour(str, enum.Enum):  # noqa: UP042 - its str() is not its value
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


def message(*headers: tuple[str, bytes]) -> Message:
    return Message(topic="seen_gate", value=b"", key=None, headers=headers, offset=0, timestamp_ns=0)


def back(value: Any) -> Any:
    return from_headers(to_headers({"it": value}))["it"]


@given(st.dictionaries(NAMES, JSON | st.binary(max_size=32) | st.floats(), max_size=4))
def test_what_is_sent_comes_back_equal_and_of_its_type(sent: dict[str, Any]) -> None:
    assert repr(headers_of(message(*to_headers(sent)))) == repr(sent)


@given(ARRAYS)
def test_an_array_comes_back_with_its_type_shape_and_elements(sent: np.ndarray[Any, Any]) -> None:
    got = back(sent)

    assert (got.dtype, got.shape, got.tobytes()) == (sent.dtype, sent.shape, sent.tobytes())
    assert got.flags.writeable


@pytest.mark.parametrize(
    "sent", [np.arange(12).reshape(3, 4).T, np.arange(10)[::-2], np.arange(3, dtype=">i4")], ids=repr
)
def test_an_array_comes_back_however_it_lay_in_memory(sent: np.ndarray[Any, Any]) -> None:
    assert back(sent).dtype == sent.dtype
    assert np.array_equal(back(sent), sent)


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (np.int64(-3), -3),
        (np.uint8(3), 3),
        (np.float64(0.1), 0.1),
        (np.float32(0.5), 0.5),
        (np.bool_(True), True),
        (np.str_("a"), "a"),
        (np.bytes_(b"a"), b"a"),
        (Colour.RED, "red"),
        (Level.HIGH, 3),
        ((1, 2), [1, 2]),
        ([np.float32(0.5), np.arange(3), (Level.HIGH, Colour.RED)], [0.5, [0, 1, 2], [3, "red"]]),
        ({"box": np.array([1.5, 2]), np.str_("n"): np.str_("a")}, {"box": [1.5, 2.0], "n": "a"}),
    ],
    ids=repr,
)
def test_what_is_more_than_a_plain_value_comes_back_as_that(sent: object, expected: object) -> None:
    assert repr(back(sent)) == repr(expected)


def test_another_program_reads_text_and_json() -> None:
    sent = {"name": "Gärtner", "people": 3, "score": 0.1, "open": True, "none": None, "boxes": [[1, 2.5]]}

    headers = dict(to_headers(sent))

    assert headers.pop("name").decode() == "Gärtner"
    words = json.loads(headers.pop(TYPES_HEADER))
    assert words == {
        "name": "str",
        "people": "json",
        "score": "float",
        "open": "json",
        "none": "json",
        "boxes": "json",
    }
    assert {name: json.loads(data) for name, data in headers.items()} == {
        name: value for name, value in sent.items() if name != "name"
    }


def test_another_program_reads_an_array_by_its_word() -> None:
    sent = np.arange(6, dtype="<f4").reshape(2, 3)

    headers = dict(to_headers({"features": sent}))

    assert json.loads(headers[TYPES_HEADER]) == {"features": "<f4[2,3]"}
    assert np.array_equal(np.frombuffer(headers["features"], "<f4").reshape(2, 3), sent)


def test_a_result_alone_is_the_header_that_everybody_knows() -> None:
    assert to_headers(RESULT) == ((RESULT_HEADER, result_to_json(RESULT)),)
    assert to_headers({RESULT_HEADER: RESULT}) == to_headers(RESULT)
    assert result_of(message(*to_headers(RESULT))) == RESULT
    assert from_headers(to_headers(RESULT)) == {RESULT_HEADER: RESULT}


def test_results_of_several_models_go_in_headers_of_their_own() -> None:
    assert back(RESULT) == RESULT


@pytest.mark.parametrize("nothing", [None, {}])
def test_nothing_is_no_header(nothing: None) -> None:
    assert to_headers(nothing) == ()


def test_bytes_alone_need_no_types() -> None:
    assert to_headers({"crop": b"\x00"}) == (("crop", b"\x00"),)


def test_headers_that_came_with_the_packet_stay_beside_results() -> None:
    original: Headers = (("sightline", b"{}"), ("site", b"north"), ("people", b"?"), ("sightline.end", b""))

    assert from_headers((*original, *to_headers({"people": 3}))) == {"site": b"north", "people": 3}


def test_results_of_two_hops_are_both_read_and_the_later_holds() -> None:
    first = to_headers({"people": "three", "door": [1]})
    second = to_headers({"people": b"3"})

    assert from_headers((*first, *second)) == {"people": b"3", "door": [1]}


def test_a_header_that_a_broker_has_as_null_is_empty() -> None:
    assert from_headers([("site", None)]) == {"site": b""}
    assert from_headers(None) == {}  # what confluent-kafka has of a message without headers


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (1j, "got complex"),
        (object(), "got object"),
        ({1, 2}, "got set"),
        (RESULT.detections[0], "got Detection"),
        ([object()], "this list cannot be written: expected str.*got object"),
        ([b"a"], "this list.*got bytes"),
        ([math.nan], "this list.*JSON has no nan"),
        ({"a": math.inf}, "this dict.*JSON has no inf"),
        ({1: "a"}, "this dict.*keys of type str, got int"),
        (2**MAX_INT_BITS, "this int.*at most 2048 bits, got 2049"),
        ("\ud800", "this str.*surrogates"),
        (["\ud800"], "this list.*surrogates"),
        (np.array([object()]), r"this ndarray.*\|O\[1\]"),
        (np.ma.array([1], mask=[True]), "this MaskedArray"),
        (np.zeros(1, [("a", "i4")]), r"this ndarray.*\|V4"),
        (np.zeros((300, 300), np.uint8), "at most 65536 bytes"),
        (np.datetime64("2020-01-01"), "got date"),
    ],
    ids=lambda value: re.sub("0x[0-9a-f]+", "", repr(value))[:40],  # the same in every process
)
def test_what_could_not_come_back_is_refused_with_its_header_and_type(wrong: object, told: str) -> None:
    with pytest.raises(WireError, match=f"(?s)^header 'door open': .*{told}"):
        to_headers({"people": 1, "door open": wrong})


def test_a_list_within_itself_is_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)

    with pytest.raises(WireError, match=f"at most {MAX_DEPTH} levels"):
        to_headers({"it": endless})


@pytest.mark.parametrize(
    "name", ["", "a" * 65, "größe", "a\n", 1, "sightline", "sightline.types", "sightline.x"]
)
def test_a_name_that_cannot_be_one_is_refused(name: Any) -> None:
    with pytest.raises(WireError, match=re.escape(f"header {str(name)[:80]!r}: ")):
        to_headers({name: 1})


def test_the_header_of_results_takes_results_alone() -> None:
    with pytest.raises(WireError, match=r"header 'sightline\.result': expected a Result, got dict"):
        to_headers({RESULT_HEADER: {}})


def test_a_name_that_only_begins_like_ours_is_anybodys() -> None:
    assert from_headers(to_headers({"sightlines": 1, "sightline_x": 2})) == {
        "sightlines": 1,
        "sightline_x": 2,
    }


def test_all_headers_together_have_a_limit_and_the_largest_is_told() -> None:
    fits = {"crop": b"a" * (MAX_HEADERS_BYTES - 4)}
    assert len(to_headers(fits)) == 1

    with pytest.raises(WireError, match="take 65537 bytes, at most 65536.*largest is 'crop' with 65532"):
        to_headers({"x": b"", **fits})


WORDS = st.sampled_from(
    ["", "str", "json", "float", "result", "<f4[2]", "<U1[0,9]", "<i7[1]", "|S0[9]", "other"]
)


@given(st.dictionaries(NAMES, st.tuples(WORDS, st.binary(max_size=16)), max_size=3) | st.binary(max_size=32))
def test_whatever_comes_is_values_or_an_error_that_names_the_header(came: Any) -> None:
    if isinstance(came, bytes):
        names = {TYPES_HEADER, RESULT_HEADER}
        headers = [(name, came) for name in names]
    else:
        words = {name: word for name, (word, _) in came.items() if word}
        headers = [
            (TYPES_HEADER, json.dumps(words).encode()),
            *((name, data) for name, (_, data) in came.items()),
        ]
        names = set(came)
    told = ""
    try:
        from_headers(headers)
    except WireError as error:
        told = str(error)
    assert not told or any(told.startswith(f"header {name!r}: ") for name in names)


@pytest.mark.parametrize(
    "word",
    [
        "<f4[999999999]",
        "|S99999[999999999]",
        "<U0[999999999]",
        f"<f4[0{',999999999' * 31}]",
        "|V4[1]",
        "|O[1]",
    ],
)
def test_a_word_alone_takes_no_memory(word: str) -> None:
    with pytest.raises(WireError, match="header 'it'"):
        from_headers([(TYPES_HEADER, json.dumps({"it": word}).encode()), ("it", b"")])
