"""What goes out for a message: the packet with headers, the result alone, or what a function says."""

from typing import Any

import pytest
from tests.mux.test_values import RESULT

from sightline.bus import RESULT_HEADER, Message
from sightline.errors import ConfigError, WireError
from sightline.mux.schema import Outgoing, schema_of
from sightline.mux.values import to_headers
from sightline.wire import result_to_json

MESSAGE = Message(
    topic="raw_gate", value=b"\x00\x00\x01", key=b"k", headers=(("site", b"n"),), offset=4, timestamp_ns=5
)


def test_a_packet_goes_on_with_its_headers_and_behind_them_the_results() -> None:
    schema = schema_of("packet")

    results = schema.prepare({"people": 3})

    assert schema.compose(MESSAGE, results) == (MESSAGE.value, MESSAGE.headers + to_headers({"people": 3}))
    assert schema.compose(MESSAGE, None) == (MESSAGE.value, MESSAGE.headers)


def test_a_result_goes_alone_and_nothing_for_a_packet_without() -> None:
    schema = schema_of("result")

    for sent in (RESULT, {"people": 3, RESULT_HEADER: RESULT}):
        assert schema.compose(MESSAGE, schema.prepare(sent)) == (result_to_json(RESULT), ())
    assert schema.compose(MESSAGE, None) is None


@pytest.mark.parametrize("sent", [None, {}, {"people": 3}, {"mine": RESULT}])
def test_a_result_alone_has_to_be_one(sent: Any) -> None:
    with pytest.raises(WireError, match=r'"result" sends a Result.*sightline\.result'):
        schema_of("result").prepare(sent)


def test_what_cannot_be_written_is_refused_when_it_is_sent() -> None:
    with pytest.raises(WireError, match="header 'people'"):
        schema_of("packet").prepare({"people": object()})


def test_a_function_is_given_the_message_and_what_was_sent() -> None:
    given: list[tuple[Message, object]] = []

    def keep(message: Message, results: Any) -> None:
        given.append((message, results))

    schema = schema_of(keep)
    sent = {"anything": object()}
    prepared = schema.prepare(sent)
    expected = dict(sent)
    sent.clear()

    assert schema.compose(MESSAGE, prepared) is None
    assert schema.compose(MESSAGE, schema.prepare(RESULT)) is None
    assert schema.compose(MESSAGE, None) is None
    assert given == [(MESSAGE, expected), (MESSAGE, RESULT), (MESSAGE, None)]


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        ((b"x", {}), Outgoing(b"x", ())),
        ((b"x", {"people": 3}), Outgoing(b"x", to_headers({"people": 3}))),
        ((b"x", MESSAGE.headers), Outgoing(b"x", MESSAGE.headers)),
        ((b"x", [("a", b"1")]), Outgoing(b"x", (("a", b"1"),))),
    ],
    ids=repr,
)
def test_a_function_says_the_value_and_headers_by_name_or_in_pairs(made: Any, expected: Outgoing) -> None:
    assert schema_of(lambda _message, _results: made).compose(MESSAGE, None) == expected


@pytest.mark.parametrize(
    "made", [b"x", ("x", {}), (b"x", {"a": object()}), (b"x", [("a", "1")]), (b"x", ["ab"]), (b"x", None), 3]
)
def test_a_function_that_gives_something_else_is_named(made: Any) -> None:
    def mine(_message: Message, _results: Any) -> Any:
        return made

    with pytest.raises(WireError, match="the output function mine"):
        schema_of(mine).compose(MESSAGE, None)


def test_a_function_that_fails_is_named_with_its_error() -> None:
    def mine(_message: Message, _results: Any) -> Any:
        raise LookupError("no such door")

    with pytest.raises(WireError, match="the output function mine failed: LookupError: no such door"):
        schema_of(mine).compose(MESSAGE, None)


@pytest.mark.parametrize("choice", ["packets", "", None, 3])
def test_a_schema_that_is_not_there_is_told_with_those_that_are(choice: Any) -> None:
    with pytest.raises(ConfigError, match="expected packet or result as output schema, or a function"):
        schema_of(choice)
