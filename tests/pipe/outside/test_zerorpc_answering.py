"""The side that is called, without sockets: each call is answered once, refused or lost, and counted."""

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from sightline.clock import ns
from sightline.log import hide_secret
from sightline.pipe.outside.zerorpc.answering import (
    MOST_FRAMES,
    Answering,
    Call,
    Do,
    Leave,
    Next,
    Run,
    Send,
)
from sightline.pipe.outside.zerorpc.event import BEAT, ERR, MORE, OK, STREAM, STREAM_DONE, Event, Id

METHODS = {"start": False, "watch": True, "_zerorpc_list": False}


class Desk:
    """An `Answering` with callers. `ran`: calls that were run; `said`: what each caller was sent."""

    def __init__(self, **settings: Any) -> None:
        self.now_s = 0.0
        self.answering = Answering(METHODS, **settings)
        self.ran: list[Call] = []
        self.wanted: list[Call] = []
        self.left: list[Call] = []
        self.said: dict[tuple[bytes, Id], list[tuple[str, Any]]] = {}

    def call(self, id_: Id, method: str = "start", args: Any = (), *, peer: bytes = b"me") -> Call | None:
        """The call, if it is run."""
        before = len(self.ran)
        self.tell(Event(method, args, message_id=id_), peer=peer)
        return self.ran[-1] if len(self.ran) > before else None

    def tell(self, event: Event, *, peer: bytes = b"me") -> None:
        self.do(self.answering.received([peer, b"", event.to_bytes()], ns(self.now_s)))

    def go_on(self, seconds: float) -> None:
        self.now_s += seconds
        self.do(self.answering.tick(ns(self.now_s)))

    def do(self, things: list[Do]) -> None:
        for thing in things:
            match thing:
                case Send([peer, b"", data]):
                    event = Event.from_bytes(data)
                    assert event.response_to is not None
                    self.said.setdefault((peer, event.response_to), []).append((event.name, event.args))
                case Run(call):
                    self.ran.append(call)
                case Next(call):
                    self.wanted.append(call)
                case Leave(call):
                    self.left.append(call)
                case _:
                    raise AssertionError(thing)

    def words(self, id_: Id, peer: bytes = b"me") -> list[tuple[str, Any]]:
        return [word for word in self.said.get((peer, id_), []) if word[0] != BEAT]


@pytest.fixture
def desk() -> Desk:
    return Desk()


def begun(desk: Desk, id_: Id = b"1", method: str = "start") -> Call:
    call = desk.call(id_, method)
    assert call is not None
    return call


def test_a_call_is_run_and_its_answer_goes_to_its_caller(desk: Desk) -> None:
    call = desk.call(b"1", "start", ["now"])
    assert call is not None
    assert (call.name, call.args) == ("start", ["now"])
    desk.do(desk.answering.ended(call, {"done": True}))
    assert desk.said == {(b"me", b"1"): [(OK, [{"done": True}])]}


def test_an_id_of_text_is_answered_with_that_text(desk: Desk) -> None:
    desk.do(desk.answering.ended(begun(desk, "one"), 1))
    assert desk.words("one") == [(OK, [1])]


def test_two_callers_may_use_the_same_id(desk: Desk) -> None:
    mine, other = desk.call(b"1"), desk.call(b"1", peer=b"other")
    assert mine is not None
    assert other is not None
    desk.do(desk.answering.ended(other, "other's"))
    desk.do(desk.answering.ended(mine, "mine"))
    assert desk.words(b"1") == [(OK, ["mine"])]
    assert desk.words(b"1", b"other") == [(OK, ["other's"])]


def test_what_failed_is_told_without_secrets_and_bounded(desk: Desk) -> None:
    hide_secret("swordfish")
    desk.do(desk.answering.failed(begun(desk), "ValueError", "the word is swordfish " + "x" * 10_000))
    ((name, (kind, text, traceback)),) = desk.words(b"1")
    assert (name, kind, traceback) == (ERR, "ValueError", None)
    assert text.startswith("the word is *** x")
    assert len(text) == 4096


def test_what_was_said_of_a_file_with_a_strange_name_is_told(desk: Desk) -> None:
    desk.do(desk.answering.failed(begun(desk), "OSError", "no file \udcff"))
    assert desk.words(b"1") == [(ERR, ["OSError", "no file \\udcff", None])]


def test_who_still_waits_when_it_is_over_is_told(desk: Desk) -> None:
    call = begun(desk)
    desk.do(desk.answering.give_up())
    assert desk.words(b"1") == [(ERR, ["Closed", "this server ended before it was done", None])]
    desk.do(desk.answering.ended(call, 1))
    assert desk.answering.stats().failed == 1


def test_what_cannot_be_sent_is_a_failure(desk: Desk) -> None:
    desk.do(desk.answering.ended(begun(desk), object()))
    ((name, (kind, text, _)),) = desk.words(b"1")
    assert (name, kind) == (ERR, "TypeError")
    assert text.startswith("start gave what cannot be sent: ")
    assert desk.answering.stats().failed == 1


def test_a_method_that_is_not_there_is_refused_with_those_that_are(desk: Desk) -> None:
    assert desk.call(b"1", "strat") is None
    assert desk.words(b"1") == [
        (ERR, ["NameError", "no method 'strat' is served (known: start, watch)", None]),
    ]


def test_the_next_call_is_told_that_we_are_busy() -> None:
    desk = Desk(most=2)
    first, _ = begun(desk, b"1"), begun(desk, b"2")
    assert desk.call(b"3") is None
    assert desk.words(b"3")[0][1][0] == "ResponderBusy"
    desk.do(desk.answering.ended(first))
    assert desk.call(b"4") is not None


def test_a_stream_gives_one_for_each_place(desk: Desk) -> None:
    call = begun(desk, b"1", "watch")
    assert desk.wanted == [call]
    desk.do(desk.answering.given(call, 10))
    assert desk.wanted == [call]
    desk.tell(Event(MORE, (2,), response_to=b"1"))
    assert desk.wanted == [call] * 2
    desk.do(desk.answering.given(call, 11))
    desk.do(desk.answering.given(call, 12))
    assert desk.wanted == [call] * 3
    desk.do(desk.answering.ended(call))
    assert desk.words(b"1") == [(STREAM, 10), (STREAM, 11), (STREAM, 12), (STREAM_DONE, None)]


def test_who_makes_room_early_is_not_asked_twice(desk: Desk) -> None:
    call = begun(desk, b"1", "watch")
    desk.tell(Event(MORE, (1,), response_to=b"1"))
    assert desk.wanted == [call]
    desk.do(desk.answering.given(call, 10))
    assert desk.wanted == [call] * 2


def test_a_stream_that_fails_ends_with_its_error(desk: Desk) -> None:
    call = begun(desk, b"1", "watch")
    desk.do(desk.answering.given(call, 10))
    desk.do(desk.answering.failed(call, "OSError", "gone"))
    assert desk.words(b"1") == [(STREAM, 10), (ERR, ["OSError", "gone", None])]


def test_one_of_a_stream_that_cannot_be_sent_ends_it(desk: Desk) -> None:
    call = begun(desk, b"1", "watch")
    desk.do(desk.answering.given(call, object()))
    assert desk.words(b"1")[0][1][0] == "TypeError"
    assert desk.left == [call]


def test_heartbeats_go_out_and_one_is_answered_at_once(desk: Desk) -> None:
    begun(desk)
    assert desk.answering.due_ns == ns(5)
    desk.go_on(4.9)
    assert desk.said == {}
    desk.go_on(0.1)
    assert desk.said[b"me", b"1"] == [(BEAT, [0])]
    desk.tell(Event(BEAT, (0,), response_to=b"1"))
    assert desk.said[b"me", b"1"] == [(BEAT, [0])] * 2


def test_a_caller_without_heartbeats_is_lost_after_15_s_and_nobody_is_answered(desk: Desk) -> None:
    call = begun(desk)
    for _ in range(3):
        desk.go_on(5)
    assert not desk.left
    desk.go_on(5)
    assert desk.left == [call]
    desk.do(desk.answering.ended(call, 1))
    assert desk.words(b"1") == []
    assert desk.answering.stats().lost == 1


def test_a_caller_that_beats_is_kept_for_as_long_as_it_likes(desk: Desk) -> None:
    call = begun(desk)
    for _ in range(100):
        desk.tell(Event(BEAT, (0,), response_to=b"1"))
        desk.go_on(5)
    desk.do(desk.answering.ended(call, 1))
    assert desk.words(b"1") == [(OK, [1])]


def test_nobody_ends_or_widens_another_ones_call(desk: Desk) -> None:
    call = begun(desk, b"1", "watch")
    desk.do(desk.answering.given(call, 10))
    desk.tell(Event(MORE, (100,), response_to=b"1"), peer=b"other")
    assert desk.wanted == [call]
    assert (b"other", b"1") not in desk.said


def test_an_id_that_is_in_use_is_ignored(desk: Desk) -> None:
    begun(desk)
    assert desk.call(b"1") is None
    assert desk.answering.stats().ignored == 1


@pytest.mark.parametrize(
    "frames",
    [
        [b"me", b"", b"no event"],
        [b"me", Event("start", message_id=b"1").to_bytes()],
        [b"me", b"you", Event("start", message_id=b"1").to_bytes()],
        [b"me"],
        [b"me", b"", Event("start").to_bytes()],
        [b"me", b"", Event("OK", (1,), response_to=b"1").to_bytes()],
        [*[b"me"] * MOST_FRAMES, b"", Event("start", message_id=b"1").to_bytes()],
    ],
)
def test_what_is_no_call_is_counted_and_ignored(desk: Desk, frames: list[bytes]) -> None:
    assert desk.answering.received(frames, 0) == []
    assert desk.answering.stats().ignored == 1


def test_at_the_end_answers_are_given_streams_end_and_calls_are_refused(desk: Desk) -> None:
    call, stream = begun(desk), begun(desk, b"2", "watch")
    desk.do(desk.answering.end())
    assert desk.words(b"2") == [(STREAM_DONE, None)]
    assert desk.left == [stream]
    assert desk.call(b"3") is None
    assert desk.words(b"3")[0][1][0] == "Closed"
    desk.do(desk.answering.ended(call, 1))
    assert desk.words(b"1") == [(OK, [1])]
    assert desk.answering.in_flight == 0


class Calls(RuleBasedStateMachine):
    """Callers and methods do as they like; the counts add up, and nobody hears two ends."""

    def __init__(self) -> None:
        super().__init__()
        self.desk = Desk(most=5)

    @rule(
        id_=st.sampled_from([b"1", b"2", b"3"]),
        peer=st.sampled_from([b"a", b"b", b"c"]),
        name=st.sampled_from([*METHODS, "no"]),
    )
    def call(self, id_: bytes, peer: bytes, name: str) -> None:
        if (peer, id_) in self.desk.said and any(name in self.ends for name, _ in self.desk.said[peer, id_]):
            return
        self.desk.call(id_, name, peer=peer)

    @property
    def ends(self) -> set[str]:
        return {OK, ERR, STREAM_DONE}

    @rule(data=st.data(), how=st.sampled_from(["ended", "failed", "given", "unsendable"]))
    def settle(self, data: st.DataObject, how: str) -> None:
        if not self.desk.ran:
            return
        call = data.draw(st.sampled_from(self.desk.ran))
        answering = self.desk.answering
        if how == "given" and call.streams:
            self.desk.do(answering.given(call, 1))
        elif how == "failed":
            self.desk.do(answering.failed(call, "E", "x"))
        elif how != "given":
            self.desk.do(answering.ended(call, object() if how == "unsendable" else 1))

    @rule(
        id_=st.sampled_from([b"1", b"2", b"3"]),
        peer=st.sampled_from([b"a", b"b"]),
        name=st.sampled_from([BEAT, MORE]),
    )
    def tell(self, id_: bytes, peer: bytes, name: str) -> None:
        self.desk.tell(Event(name, (3,), response_to=id_), peer=peer)

    @rule(seconds=st.sampled_from([1.0, 5.0, 20.0]))
    def go_on(self, seconds: float) -> None:
        self.desk.go_on(seconds)

    @rule()
    def end(self) -> None:
        self.desk.do(self.desk.answering.end())

    @invariant()
    def counts_add_up(self) -> None:
        stats = self.desk.answering.stats()
        assert stats.received == stats.done + stats.failed + stats.refused + stats.lost + stats.in_flight
        assert stats.in_flight <= 5

    @invariant()
    def each_hears_one_end_and_nothing_after_it(self) -> None:
        told = sum(name in self.ends for words in self.desk.said.values() for name, _ in words)
        stats = self.desk.answering.stats()
        assert told == stats.done + stats.failed + stats.refused


TestCalls = Calls.TestCase
TestCalls.settings = settings(max_examples=60, stateful_step_count=30)
