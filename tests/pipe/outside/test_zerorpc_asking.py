"""The side that calls, without sockets, against bytes and against the side that is called."""

from typing import Any

import pytest

from sightline.clock import ns
from sightline.errors import CallError, CallTimedOut, RemoteError, ResponderLost
from sightline.pipe.outside.zerorpc.answering import Answering, Next, Run, Send
from sightline.pipe.outside.zerorpc.asking import MOST_WAITING, Asking, Item, Over, Value
from sightline.pipe.outside.zerorpc.event import BEAT, ERR, MORE, OK, STREAM, STREAM_DONE, Event


def asking(timeout_s: float = 30.0) -> Asking:
    return Asking("start", (1,), id_=b"me", timeout_s=timeout_s, now_ns=0)


def heard(asked: Asking, name: str, args: Any, *, now_s: float = 0.0, id_: bytes = b"me") -> Any:
    return asked.received(Event(name, args, response_to=id_).to_bytes(), ns(now_s))


def test_it_begins_with_the_call() -> None:
    assert Event.from_bytes(asking().begin()) == Event("start", [1], message_id=b"me")


def test_an_answer_is_its_value() -> None:
    assert heard(asking(), OK, ({"a": [1]},)) == Value({"a": [1]})


def test_a_stream_is_its_items_and_its_end() -> None:
    asked = asking()
    assert [heard(asked, STREAM, 1), heard(asked, STREAM, None), heard(asked, STREAM_DONE, None)] == [
        Item(1),
        Item(None),
        Over(),
    ]


@pytest.mark.parametrize(
    ("args", "kind", "text", "trace"),
    [
        (("ValueError", "no", "at line 3"), "ValueError", "no", "at line 3"),
        (("ValueError", "no", None), "ValueError", "no", ""),
        (("", "", ""), "", "", ""),
        (("ValueError('no')",), "RemoteError", "ValueError('no')", ""),
    ],
)
def test_what_was_raised_is_raised_here(args: tuple[Any, ...], kind: str, text: str, trace: str) -> None:
    with pytest.raises(RemoteError) as raised:
        heard(asking(), ERR, args)
    error = raised.value
    assert (error.method, error.type, error.message, error.traceback) == ("start", kind, text, trace)


@pytest.mark.parametrize(
    ("name", "args"), [(OK, ()), (OK, 1), (OK, (1, 2)), (ERR, ()), (ERR, None), ("what", (1,))]
)
def test_an_answer_that_is_none_is_told(name: str, args: Any) -> None:
    with pytest.raises(CallError, match="expected an answer"):
        heard(asking(), name, args)


def test_bytes_that_are_nothing_are_told() -> None:
    with pytest.raises(CallError, match="expected an event"):
        asking().received(b"\xff", 0)


def test_an_answer_to_another_call_is_not_ours() -> None:
    assert heard(asking(), OK, (1,), id_=b"other") is None


def test_no_answer_in_time_is_told() -> None:
    asked = asking(timeout_s=2.0)
    assert asked.due_ns == ns(2)
    assert asked.tick(ns(1.9)) is None
    with pytest.raises(CallTimedOut, match="start: no answer within 2 s"):
        asked.tick(ns(2))


def test_a_stream_that_began_may_take_its_time() -> None:
    asked = asking(timeout_s=2.0)
    heard(asked, STREAM, 1)
    for now_s in range(1, 100):
        heard(asked, BEAT, (0,), now_s=now_s)
        asked.tick(ns(now_s))


def test_it_beats_and_notices_that_the_other_side_does_not() -> None:
    asked = asking()
    beat = asked.tick(ns(5))
    assert beat is not None
    assert Event.from_bytes(beat).name == BEAT
    assert asked.tick(ns(5.1)) is None
    assert asked.tick(ns(10)) is not None
    with pytest.raises(ResponderLost, match="not a word from the other side for 15 s"):
        asked.tick(ns(15))


def test_it_asks_for_more_of_a_stream_before_it_runs_dry() -> None:
    asked, room = asking(), 1
    for _ in range(1000):
        room -= 1
        if more := asked.more():
            event = Event.from_bytes(more)
            assert event.name == MORE
            room += event.args[0]
        assert 0 < room <= MOST_WAITING


def test_both_sides_understand_each_other() -> None:
    """A stream of 300 through both machines: none is missing, and no more than wanted is under way."""
    asked = Asking("count", (300,), id_=b"me", timeout_s=1.0, now_ns=0)
    answering, got, given = Answering({"count": True}), list[Any](), 0
    todo: list[Any] = answering.received([b"x", b"", asked.begin()], 0)
    while todo:
        match todo.pop(0):
            case Run(_):
                pass
            case Next(call):
                todo += answering.given(call, given) if given < call.args[0] else answering.ended(call)
                given += 1
            case Send([_, _, data]):
                got.append(asked.received(data, 0))
                if isinstance(got[-1], Item) and (more := asked.more()):
                    todo += answering.received([b"x", b"", more], 0)
    assert got == [*map(Item, range(300)), Over()]
