"""Calls through the hub: each gets one answer, from who is to give it or from the hub, and no other."""

import msgspec
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from tests.hub.broker.driving import Net, Peer, encode

from sightline.clock import NS_PER_S
from sightline.hub.broker.proofs import proof
from sightline.hub.broker.statistics import statistics
from sightline.hub.settings import Limits, digest
from sightline.hub.wire.control import Attach, Code, Failure, Serve
from sightline.hub.wire.header import Kind


def served(net: Net, *, most: int = 1000, limits: Limits | None = None) -> tuple[Peer, Peer, int]:
    """A callee, a caller, and the number of the callee's service."""
    callee, caller = net.client("callee"), net.client("caller")
    callee.ask(Serve(description=b"methods", most=most))
    return callee, caller, caller.ask(Attach(name="callee"))["number"]


def call(caller: Peer, service: int, number: int, body: bytes = b"\xa4body", seconds: float = 0) -> None:
    caller.send(Kind.CALL, body, channel=service, seq=number, time_ns=round(seconds * NS_PER_S))


def code_of(answer: object) -> str:
    assert isinstance(answer, Failure), answer
    return answer.code


def test_a_call_goes_there_and_its_answer_comes_back_under_the_callers_number() -> None:
    net = Net()
    callee, caller, service = served(net)
    call(caller, service, 500, b"arguments", seconds=3)
    (frame,) = callee.calls
    assert bytes(frame.body) == b"arguments"
    assert frame.head.time_ns == 3 * NS_PER_S
    callee.send(Kind.REPLY, encode("result"), seq=frame.head.seq)
    assert caller.answers[500] == "result"


def test_what_a_method_raised_comes_back_as_it_is() -> None:
    callee, caller, service = served(Net())
    call(caller, service, 500)
    raised = Failure(code=Code.REMOTE, message="boom", detail={"type": "ValueError"})
    callee.send(Kind.ERROR, encode(raised), seq=callee.calls[0].head.seq)
    assert caller.answers[500] == raised


def test_the_description_comes_as_it_was_given() -> None:
    net = Net()
    _, caller, _ = served(net)
    assert caller.ask(Attach(name="callee"))["description"] == b"methods"


def test_two_callers_with_one_number_get_each_its_own_answer() -> None:
    net = Net()
    callee, one, service = served(net)
    two = net.client("two")
    assert two.ask(Attach(name="callee"))["number"] == service
    call(one, service, 7)
    call(two, service, 7)
    first, second = callee.calls
    callee.send(Kind.REPLY, encode("for two"), seq=second.head.seq)
    callee.send(Kind.REPLY, encode("for one"), seq=first.head.seq)
    assert (one.answers[7], two.answers[7]) == ("for one", "for two")


def test_nobody_who_serves_is_told_at_once() -> None:
    net = Net()
    caller = net.client("caller")
    assert code_of(caller.ask(Attach(name="nobody"))) == Code.NO_RESPONDER
    assert code_of(caller.ask(Attach(name="caller"))) == Code.NO_RESPONDER
    call(caller, 99, 8)
    assert code_of(caller.answers[8]) == Code.NO_RESPONDER


def test_only_who_attached_may_call() -> None:
    net = Net()
    callee, _, service = served(net)
    stranger = net.client("stranger")
    call(stranger, service, 8)
    assert code_of(stranger.answers[8]) == Code.NO_RESPONDER
    assert not callee.calls


def test_methods_behind_a_key_need_its_proof() -> None:
    net = Net()
    callee, caller = net.client("callee"), net.client("caller")
    callee.ask(Serve(description=b"", key_digest=digest("key")))
    assert caller.challenge is not None
    right = proof(digest("key"), caller.challenge.nonce, b"callee")
    wrong = proof(digest("key"), caller.challenge.nonce, b"caller")
    assert code_of(caller.ask(Attach(name="callee"))) == Code.DENIED
    assert code_of(caller.ask(Attach(name="callee", proof=wrong))) == Code.DENIED
    assert caller.ask(Attach(name="callee", proof=right))["number"]


def test_a_callee_that_goes_is_told_to_all_who_wait() -> None:
    net = Net()
    callee, caller, service = served(net)
    call(caller, service, 1)
    call(caller, service, 2)
    callee.lose()
    assert [code_of(caller.answers[number]) for number in (1, 2)] == [Code.LOST, Code.LOST]
    call(caller, service, 3)
    assert code_of(caller.answers[3]) == Code.NO_RESPONDER


def test_a_caller_that_goes_is_told_to_who_works_for_it() -> None:
    net = Net()
    callee, caller, service = served(net)
    call(caller, service, 1)
    caller.lose()
    assert [frame.head.seq for frame in callee.cancels] == [callee.calls[0].head.seq]
    callee.send(Kind.REPLY, encode(1), seq=callee.calls[0].head.seq)
    assert statistics(net.hub, net.now_ns).late_frames == 1


def test_a_cancel_reaches_the_other_side_and_frees_its_place() -> None:
    net = Net()
    callee, caller, service = served(net, most=1)
    call(caller, service, 1)
    call(caller, service, 2)
    assert code_of(caller.answers[2]) == Code.BUSY
    caller.send(Kind.CANCEL, seq=1)
    assert [frame.head.seq for frame in callee.cancels] == [callee.calls[0].head.seq]
    call(caller, service, 3)
    assert len(callee.calls) == 2
    caller.send(Kind.CANCEL, seq=1)
    assert len(callee.cancels) == 1


def test_calls_in_flight_of_one_client_are_bounded() -> None:
    net = Net(Limits(calls=2))
    _, caller, service = served(net)
    for number in (1, 2, 3):
        call(caller, service, number)
    assert code_of(caller.answers[3]) == Code.LIMIT


def test_a_number_that_is_in_flight_is_not_used_again() -> None:
    callee, caller, service = served(Net())
    call(caller, service, 100)
    call(caller, service, 100)
    assert code_of(caller.answers[100]) == Code.WRONG
    assert len(callee.calls) == 1


def test_nobody_answers_a_call_that_is_not_its_own() -> None:
    net = Net()
    callee, caller, service = served(net)
    call(caller, service, 1)
    thief = net.client("thief")
    thief.ask(Serve(description=b""))
    thief.send(Kind.REPLY, encode("mine"), seq=callee.calls[0].head.seq)
    caller.send(Kind.REPLY, encode("mine"), seq=callee.calls[0].head.seq)
    assert 1 not in {number for number, answer in caller.answers.items() if answer == "mine"}
    callee.send(Kind.REPLY, encode("right"), seq=callee.calls[0].head.seq)
    assert caller.answers[1] == "right"


def test_a_call_that_is_long_over_is_given_up() -> None:
    net = Net(Limits(silence_s=1000))
    callee, caller, service = served(net)
    call(caller, service, 1, seconds=2)
    call(caller, service, 2, seconds=50)
    call(caller, service, 3)
    for _ in range(40):
        net.pass_time(0.1)
    assert [frame.head.seq for frame in callee.cancels] == [callee.calls[0].head.seq]
    assert statistics(net.hub, net.now_ns).calls_in_flight == 2
    net.pass_time(60)
    assert statistics(net.hub, net.now_ns).calls_in_flight == 1


def test_a_large_result_is_passed_on_whole() -> None:
    net = Net()
    callee, caller, service = served(net)
    call(caller, service, 1)
    callee.send(Kind.REPLY, encode(bytes(3_000_000)), seq=callee.calls[0].head.seq)
    assert caller.answers[1] == bytes(3_000_000)


def test_who_does_not_read_is_sent_no_more_answers_and_nobody_waits_for_it() -> None:
    net = Net()
    callee, caller, service = served(net)
    caller.reads = False
    for number in range(1000, 1009):
        call(caller, service, number)
        callee.send(Kind.REPLY, encode(bytes(10**7)), seq=callee.calls[-1].head.seq)
    assert caller.connection.unread_bytes < 80_000_000
    assert statistics(net.hub, net.now_ns).calls_in_flight == 0
    caller.reads = True
    caller.connection.mark()
    net.pump()
    assert code_of(caller.answers[1008]) == Code.LIMIT


def test_a_callee_that_does_not_read_is_busy() -> None:
    net = Net()
    callee, caller, service = served(net)
    callee.reads = False
    for number in range(1000, 1009):
        call(caller, service, number, bytes(10**7))
    assert code_of(caller.answers[1008]) == Code.BUSY


def test_a_description_is_bounded() -> None:
    callee, _, _ = served(Net())
    assert code_of(callee.ask(Serve(description=bytes(2**20 + 1)))) == Code.LIMIT


def test_to_serve_again_changes_the_description_and_loses_no_call() -> None:
    callee, caller, service = served(Net())
    call(caller, service, 1)
    callee.ask(Serve(description=b"new"))
    callee.send(Kind.REPLY, encode("done"), seq=callee.calls[0].head.seq)
    assert caller.answers[1] == "done"
    assert caller.ask(Attach(name="callee")) == {"number": service, "description": b"new"}


@pytest.mark.parametrize("kind", [Kind.REPLY, Kind.ERROR])
def test_an_answer_to_nothing_is_counted(kind: Kind) -> None:
    net = Net()
    callee, _, _ = served(net)
    callee.send(kind, encode("?"), seq=12345)
    assert callee.closed is None
    assert statistics(net.hub, net.now_ns).late_frames == 1


class CallsMachine(RuleBasedStateMachine):
    """Any order of calls, answers, cancels and losses: one answer each, and no account left open."""

    def __init__(self) -> None:
        super().__init__()
        self.net = Net(Limits(silence_s=10**6))
        self.callee = self.net.client("callee")
        self.callee.ask(Serve(description=b"", most=5))
        self.callers: dict[str, Peer] = {}
        self.services: dict[str, int] = {}
        self.open: dict[int, tuple[str, int, str]] = {}  # the hub's number: caller, its number, text
        self.numbers = 1000
        self.expected: dict[tuple[str, int], object] = {}
        for name in ("a", "b"):
            self._connect(name)

    def _connect(self, name: str) -> None:
        peer = self.callers[name] = self.net.client(name)
        self.services[name] = peer.ask(Attach(name="callee"))["number"]

    @rule(name=st.sampled_from("ab"))
    def calls(self, name: str) -> None:
        self.numbers += 1
        before = len(self.callee.calls)
        call(self.callers[name], self.services[name], self.numbers, encode(f"{name} {self.numbers}"))
        if len(self.open) >= 5:
            assert code_of(self.callers[name].answers[self.numbers]) == Code.BUSY
            assert len(self.callee.calls) == before
        else:
            frame = self.callee.calls[-1]
            text = msgspec.msgpack.decode(frame.body)
            assert text == f"{name} {self.numbers}"
            self.open[frame.head.seq] = (name, self.numbers, text)

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def answers(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted(self.open)))
        name, own, text = self.open.pop(number)
        self.callee.send(Kind.REPLY, encode(text), seq=number)
        assert self.callers[name].answers[own] == text

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def cancels(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted(self.open)))
        name, own, _ = self.open.pop(number)
        self.callers[name].send(Kind.CANCEL, seq=own)
        assert self.callee.cancels[-1].head.seq == number
        assert own not in self.callers[name].answers

    @rule(name=st.sampled_from("ab"))
    def caller_is_lost(self, name: str) -> None:
        self.callers[name].lose()
        gone = {number for number, (caller, _, _) in self.open.items() if caller == name}
        assert gone == {
            frame.head.seq for frame in self.callee.cancels[len(self.callee.cancels) - len(gone) :]
        }
        for number in gone:
            del self.open[number]
        self._connect(name)

    @rule()
    def callee_is_lost(self) -> None:
        self.callee.lose()
        for name, own, _ in self.open.values():
            assert code_of(self.callers[name].answers[own]) == Code.LOST
        self.open.clear()
        self.callee = self.net.client("callee")
        self.callee.ask(Serve(description=b"", most=5))
        for name, peer in self.callers.items():
            self.services[name] = peer.ask(Attach(name="callee"))["number"]

    @invariant()
    def what_is_in_flight_is_what_has_no_answer(self) -> None:
        assert statistics(self.net.hub, self.net.now_ns).calls_in_flight == len(self.open)


TestCalls = CallsMachine.TestCase
