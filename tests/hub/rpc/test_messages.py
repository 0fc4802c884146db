"""Calls and answers as frames, and whatever else somebody may send instead."""

import contextlib
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.errors import (
    CallError,
    CallTimedOut,
    NoResponder,
    RemoteError,
    ResponderBusy,
    ResponderLost,
    SightlineError,
    WireError,
)
from sightline.hub.rpc import messages
from sightline.hub.rpc.messages import Out
from sightline.hub.wire.control import Code, Failure
from sightline.hub.wire.header import Frame, Head, Kind

MOST = 1 << 20


def arrived(out: Out) -> Frame:
    head, pieces = out
    body = b"".join(pieces)
    assert head.body_bytes == len(body)
    return Frame(Head.unpacked(head.packed()), body)


def test_a_call_arrives_as_it_was_made() -> None:
    args = [1, (2, {3}), b"4"]
    kwargs: dict[str, Any] = {"slow": True, "by": 2**80}
    frame = arrived(
        messages.call_frame(7, 9, "camera.zoom", args, kwargs, left_ns=5_000_000_000, most_bytes=MOST)
    )
    assert (frame.head.kind, frame.head.channel, frame.head.seq) == (Kind.CALL, 7, 9)
    assert frame.head.time_ns == 5_000_000_000
    assert messages.method_of(frame) == "camera.zoom"
    assert messages.arguments_of(frame, most_bytes=MOST) == (args, kwargs)


@pytest.mark.parametrize("value", [None, ("MY ECHO", "HALLO"), b"bytes", bytearray(b"more"), {1, 2}, 2**70])
def test_a_value_arrives_of_its_kind(value: Any) -> None:
    frame = arrived(messages.reply_frame(3, value, most_bytes=MOST))
    read = messages.value_of(frame, most_bytes=MOST)
    assert read == value
    assert type(read) is (bytes if isinstance(value, bytearray) else type(value))


def test_arrays_arrive_in_arguments_and_answers() -> None:
    picture = np.arange(24, dtype=np.uint16).reshape(2, 3, 4)[:, ::-1]
    call = arrived(messages.call_frame(1, 1, "f", [picture], {"mask": picture > 3}, most_bytes=MOST))
    (first,), named = messages.arguments_of(call, most_bytes=MOST)
    np.testing.assert_array_equal(first, picture, strict=True)
    np.testing.assert_array_equal(named["mask"], picture > 3, strict=True)
    reply = arrived(messages.reply_frame(1, picture, most_bytes=MOST))
    np.testing.assert_array_equal(messages.value_of(reply, most_bytes=MOST), picture, strict=True)


def test_what_cannot_be_sent_is_a_type_error_that_names_it() -> None:
    with pytest.raises(TypeError, match=r"an argument of camera\.zoom cannot be sent: .*\[0\]\[1\]"):
        messages.call_frame(1, 1, "camera.zoom", [1, object()], {}, most_bytes=MOST)


def test_what_is_larger_than_the_hub_takes_is_not_made() -> None:
    fits = messages.reply_frame(1, b"x" * MOST, most_bytes=MOST)
    assert fits[0].body_bytes == MOST
    with pytest.raises(CallError, match=f"at most {MOST} bytes.* an answer has {MOST + 1}"):
        messages.reply_frame(1, b"x" * (MOST + 1), most_bytes=MOST)
    with pytest.raises(CallError, match=r"a call of f has"):
        messages.call_frame(1, 1, "f", [np.zeros(MOST)], {}, most_bytes=MOST)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (Code.NO_RESPONDER, NoResponder),
        (Code.MISSING, NoResponder),
        (Code.BUSY, ResponderBusy),
        (Code.LOST, ResponderLost),
        (Code.TIMEOUT, CallTimedOut),
        (Code.WRONG, CallError),
        ("one of a later version", CallError),
    ],
)
def test_each_failure_is_an_error_of_its_own(code: str, kind: type[SightlineError]) -> None:
    frame = arrived(messages.error_frame(1, Failure(code=code, message="so it is")))
    error = messages.error_of(frame, "ptz.zoom")
    assert type(error) is kind
    assert str(error) == "ptz.zoom: so it is"


@pytest.mark.parametrize(
    "detail", [None, {}, {"type": 3}, "text", {"type": "a", "module": "b", "message": "c"}]
)
def test_a_remote_failure_without_its_texts_is_refused(detail: Any) -> None:
    frame = arrived(messages.error_frame(1, Failure(code=Code.REMOTE, message="", detail=detail)))
    with pytest.raises(WireError):
        messages.error_of(frame, "ptz.zoom")


@given(st.binary(max_size=60), st.integers(0, 60), st.integers(0, 255))
def test_any_bytes_are_a_message_or_a_wire_error(body: bytes, ext_bytes: int, form: int) -> None:
    frame = Frame(Head(len(body), Kind.CALL, format=form & ~0x20, ext_bytes=min(ext_bytes, len(body))), body)
    for read in (
        messages.method_of,
        lambda frame: messages.arguments_of(frame, most_bytes=MOST),
        lambda frame: messages.value_of(frame, most_bytes=MOST),
        lambda frame: messages.error_of(frame, "f"),
    ):
        with contextlib.suppress(WireError):
            read(frame)


def test_a_text_that_is_none_is_a_wire_error() -> None:
    call = b"\x81\xa6method\xa1\xff"  # msgspec has a UnicodeDecodeError for these, which is none of its own
    with pytest.raises(WireError):
        messages.method_of(Frame(Head(len(call), Kind.CALL, ext_bytes=len(call)), call))
    failure = b"\x82\xa4code\xa1a\xa7message\xa1\xff"
    with pytest.raises(WireError):
        messages.error_of(Frame(Head(len(failure), Kind.ERROR), failure), "f")


def test_a_detail_without_a_bottom_is_a_wire_error() -> None:
    deep = b"\x83\xa4code\xa1a\xa7message\xa0\xa6detail" + b"\x91" * 100_000
    with pytest.raises(WireError, match="recursion"):
        messages.error_of(Frame(Head(len(deep), Kind.ERROR), deep), "f")


@pytest.mark.parametrize("given", [None, [], [[1]], [[], {}, 1], [{}, []], [(), {}], [[], {1: 2}]])
def test_arguments_are_a_list_and_names(given: Any) -> None:
    head, pieces = messages.reply_frame(1, given, most_bytes=MOST)
    frame = arrived((head._replace(kind=Kind.CALL), pieces))
    with pytest.raises(WireError, match="a call's arguments"):
        messages.arguments_of(frame, most_bytes=MOST)


def test_an_error_shows_the_remote_traceback() -> None:
    raised = messages.Raised(type="Bad", module="lens", message="stuck", traceback="Traceback: line 3\n")
    failure = Failure(code=Code.REMOTE, message="stuck", detail=msgspec.to_builtins(raised))
    error = messages.error_of(arrived(messages.error_frame(1, failure)), "ptz.zoom")
    assert isinstance(error, RemoteError)
    assert (error.type, error.module, error.message, error.method) == ("Bad", "lens", "stuck", "ptz.zoom")
    assert str(error) == "ptz.zoom: Bad: stuck"
    assert error.__notes__ == ["\nIn ptz.zoom, at the other client:\nTraceback: line 3\n"]
