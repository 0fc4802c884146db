"""zerorpc's messages: what is said is what is read, and what a stranger sends is at most an error."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.errors import WireError
from sightline.pipe.outside.zerorpc.event import MORE, MOST_ID, MOST_NAME, Event, count_of

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
ids = st.none() | st.binary(max_size=MOST_ID) | st.text(max_size=MOST_ID)


@given(st.builds(Event, st.text(max_size=MOST_NAME), values, ids, ids))
def test_what_is_said_is_read(event: Event) -> None:
    assert Event.from_bytes(event.to_bytes()) == event


@given(st.binary(max_size=300))
def test_any_bytes_are_an_event_or_a_wire_error(data: bytes) -> None:
    try:
        event = Event.from_bytes(data)
    except WireError:
        return
    assert isinstance(event.name, str)


@given(values, values, values)
def test_anything_in_the_place_of_a_part_is_an_event_or_a_wire_error(
    header: Any, name: Any, args: Any
) -> None:
    try:
        event = Event.from_bytes(msgspec.msgpack.encode((header, name, args)))
    except WireError:
        return
    assert event.name == name
    assert event.args == args


def test_its_form_is_that_of_zerorpc() -> None:
    packed = Event("execute", ("start",), message_id=b"1").to_bytes()
    assert packed == b"\x93\x82\xa1v\x03\xaamessage_id\xc4\x011\xa7execute\x91\xa5start"


@pytest.mark.parametrize(
    "parts",
    [
        (),
        (None, "a", [1]),
        ({}, "a"),
        ({}, b"a", []),
        ({}, "a" * (MOST_NAME + 1), []),
        ({"message_id": 7}, "a", []),
        ({"message_id": b"1" * (MOST_ID + 1)}, "a", []),
        ({"response_to": ["1"]}, "a", []),
    ],
)
def test_what_is_no_event_is_told(parts: tuple[Any, ...]) -> None:
    with pytest.raises(WireError):
        Event.from_bytes(msgspec.msgpack.encode(parts))


def test_what_is_nested_without_end_is_told() -> None:
    with pytest.raises(WireError):
        Event.from_bytes(b"\x93\x80\xa1a" + b"\x91" * 100_000)


@pytest.mark.parametrize(
    ("args", "count"),
    [
        ((7,), 7),
        ([7, 8], 7),
        ((), 0),
        (None, 0),
        (("7",), 0),
        ((-7,), 0),
        ((2**31,), 0),
        ((1.5,), 0),
        ({0: 7}, 0),
    ],
)
def test_a_count_is_a_sensible_one_or_none(args: Any, count: int) -> None:
    assert count_of(Event(MORE, args)) == count
