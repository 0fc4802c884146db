"""The side that is called: each call ends once, whatever its method does."""

import asyncio
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from tests.hub.rpc.calling import Wire, frame_of

from sightline.errors import (
    CallError,
    CallTimedOut,
    NoResponder,
    RemoteError,
    ResponderBusy,
    WireError,
)
from sightline.hub.rpc import rpc
from sightline.hub.rpc.messages import call_frame
from sightline.hub.rpc.threads import Job
from sightline.log import hide_secret

WAIT_S = 5.0


class Broken(Exception):
    def __str__(self) -> str:
        raise ValueError


class Misnamed(Exception):
    __module__ = 7  # type: ignore[assignment]


class Rude(Exception):
    def __str__(self) -> str:
        raise KeyboardInterrupt


def garbled() -> SyntaxError:
    """One that cannot be shown as a traceback."""
    error = SyntaxError("garbled")
    error.filename, error.lineno, error.text = "a", 1, 5  # type: ignore[assignment]
    return error


class Service:
    def __init__(self) -> None:
        self.gate = threading.Event()
        self.ran: list[Any] = []
        self.cleaned_up = False

    def rpc_my_echo(self, data: Any) -> Any:
        self.ran.append(data)
        return "MY ECHO", data

    async def rpc_later(self, data: Any, delay_s: float = 0.0) -> Any:
        await asyncio.sleep(delay_s)
        return data

    def rpc_slow(self) -> str:
        self.gate.wait(WAIT_S)
        return "slow"

    async def rpc_long(self) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            self.cleaned_up = True

    async def rpc_stubborn(self) -> str:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            return "not I"
        return ""

    def rpc_fail(self, name: str) -> None:
        _raise(name)

    async def rpc_fail_later(self, name: str) -> None:
        _raise(name)

    @rpc
    def unsendable(self) -> object:
        return {"a": [object()]}

    @rpc
    def large(self) -> bytes:
        return bytes(1 << 17)


def _raise(name: str) -> None:
    raise {
        "ValueError": ValueError("wrong by 3"),
        "KeyboardInterrupt": KeyboardInterrupt("stop"),
        "SystemExit": SystemExit(3),
        "CancelledError": asyncio.CancelledError("mine"),
        "Broken": Broken(),
        "secret": OSError("marlin-spike at rtsp://me:pw@camera"),
        "long": OSError("x" * 20_000_000),
        "surrogate": OSError("no file \udcff"),
        "Misnamed": Misnamed("7"),
        "Rude": Rude(),
        "garbled": garbled(),
    }[name]


@pytest.fixture
def service() -> Iterator[Service]:
    serving = Service()
    yield serving
    serving.gate.set()


async def until(condition: Callable[[], bool], what: str) -> None:
    end_s = asyncio.get_running_loop().time() + WAIT_S
    while not condition():
        assert asyncio.get_running_loop().time() < end_s, f"waited in vain for {what}"
        await asyncio.sleep(0.001)


def run(wire: Wire, steps: Callable[[], Awaitable[None]]) -> None:
    """Runs the steps in a loop, ends the dispatcher, and looks at the books."""

    async def all_of_it() -> None:
        await steps()
        await wire.dispatcher.close()
        await asyncio.sleep(0)
        assert not wire.dispatcher._tasks

    asyncio.run(all_of_it())
    stats = wire.dispatcher.stats()
    assert stats.in_flight == 0
    ended = (stats.done, stats.failed, stats.refused, stats.cancelled, stats.timed_out, stats.lost)
    assert stats.received == sum(ended)
    assert all(len(answers) == 1 for answers in wire.answers.values())
    assert len(wire.answers) == stats.done + stats.failed + stats.refused + stats.timed_out


def test_a_method_that_runs_at_once_finds_itself_in_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    class Ending:
        def rpc_in_flight(self) -> int:
            return wire.dispatcher.stats().in_flight

    wire = Wire(Ending())
    begin = wire.dispatcher._threads.run

    def sooner(job: Job) -> bool:
        """The thread has done all before the loop goes on."""
        ran = threading.Event()

        def told() -> None:
            job()
            ran.set()

        return begin(told) and ran.wait(WAIT_S)

    monkeypatch.setattr(wire.dispatcher._threads, "run", sooner)

    async def steps() -> None:
        number = wire.call("in_flight")
        await until(wire.answered(number), "an answer")
        assert wire.answers[number] == [1]

    run(wire, steps)


def test_plain_and_async_methods_answer(no_leaks: None, service: Service) -> None:
    wire = Wire(service)

    async def steps() -> None:
        numbers = [wire.call("my_echo", "HALLO"), wire.call("later", (1, {2})), wire.call("later", data=3)]
        await until(wire.answered(*numbers), "all answers")
        assert [wire.answers[number] for number in numbers] == [[("MY ECHO", "HALLO")], [(1, {2})], [3]]

    run(wire, steps)
    assert wire.dispatcher.stats().done == 3


def test_a_slow_method_blocks_no_other(no_leaks: None, service: Service) -> None:
    wire = Wire(service, most=30)

    async def steps() -> None:
        slow = [wire.call("slow") for _ in range(20)]
        quick = [wire.call("my_echo", n) for n in range(5)] + [wire.call("later", n) for n in range(5)]
        await until(wire.answered(*quick), "the quick ones")
        assert not any(number in wire.answers for number in slow)
        assert wire.dispatcher.stats().running >= 20
        service.gate.set()
        await until(wire.answered(*slow), "the slow ones")

    run(wire, steps)


@pytest.mark.parametrize("method", ["fail", "fail_later"])
@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("ValueError", "ValueError", "wrong by 3"),
        ("KeyboardInterrupt", "KeyboardInterrupt", "stop"),
        ("SystemExit", "SystemExit", "3"),
        ("CancelledError", "CancelledError", "mine"),
        ("Broken", "Broken", "(what it says cannot be had)"),
        ("secret", "OSError", "*** at rtsp://***@camera"),
        ("long", "OSError", "x" * 4096),
        ("surrogate", "OSError", "no file \\udcff"),
        ("Misnamed", "Misnamed", "7"),
        ("Rude", "Rude", "(what it says cannot be had)"),
        ("garbled", "SyntaxError", "garbled (a, line 1)"),
    ],
)
def test_what_a_method_raises_ends_its_call_and_nothing_else(
    method: str, name: str, kind: str, message: str, service: Service
) -> None:
    hide_secret("marlin-spike")
    wire = Wire(service)

    async def steps() -> None:
        number = wire.call(method, name)
        await until(wire.answered(number), "the failure")
        error = wire.error(number)
        assert isinstance(error, RemoteError)
        assert (error.type, error.message) == (kind, message)
        if name != "long":
            assert "_raise(name)" in error.traceback
            assert "rpc/dispatch.py" not in error.traceback
        assert "marlin-spike" not in error.traceback
        after = wire.call("my_echo", 1)
        await until(wire.answered(after), "an answer afterwards")

    run(wire, steps)
    assert wire.dispatcher.stats().failed == 1


def test_a_method_that_is_not_there_and_arguments_that_do_not_fit_run_nothing(service: Service) -> None:
    wire = Wire(service)

    async def steps() -> None:
        missing = wire.call("gate.set")
        wrong = [wire.call("my_echo"), wire.call("my_echo", 1, 2), wire.call("later", dta=1)]
        await until(wire.answered(missing, *wrong), "the refusals")
        assert isinstance(wire.error(missing), NoResponder)
        for number in wrong:
            assert type(wire.error(number)) is CallError
        assert "my_echo(data: Any) -> Any: missing a required argument: 'data'" in str(wire.error(wrong[0]))

    run(wire, steps)
    assert wire.dispatcher.stats().refused == 4
    assert service.ran == []


def test_garbage_is_refused_and_answered(service: Service) -> None:
    wire = Wire(service)

    async def steps() -> None:
        good = frame_of(call_frame(1, 1, "my_echo", ["data"], {}, most_bytes=1000))
        no_arguments = good._replace(body=bytes(good.body[: good.head.ext_bytes]) + b"\xc1")
        wire.dispatcher.call(no_arguments._replace(head=good.head._replace(seq=101)))
        wire.dispatcher.call(good._replace(head=good.head._replace(seq=102), body=b"\xff" * 30))
        await until(wire.answered(101, 102), "the refusals")
        assert type(wire.error(101)) is type(wire.error(102)) is CallError

    run(wire, steps)
    assert wire.dispatcher.stats().refused == 2
    assert service.ran == []


def test_an_answer_that_cannot_be_sent_is_a_failure_that_names_it(service: Service) -> None:
    wire = Wire(service)

    async def steps() -> None:
        unsendable, large = wire.call("unsendable"), wire.call("large")
        await until(wire.answered(unsendable, large), "the failures")
        error = wire.error(unsendable)
        assert isinstance(error, RemoteError)
        assert error.type == "TypeError"
        assert error.message.startswith("unsendable gave what cannot be sent: ")
        assert "['a'][0]" in error.message
        too_large = wire.error(large)
        assert isinstance(too_large, RemoteError)
        assert (too_large.type, "at most 65536 bytes" in too_large.message) == ("CallError", True)

    run(wire, steps)


def test_cancel_reaches_an_async_method_and_nothing_is_answered(service: Service) -> None:
    wire = Wire(service)

    async def steps() -> None:
        long, stubborn, slow = wire.call("long"), wire.call("stubborn"), wire.call("slow")
        await asyncio.sleep(0)
        for number in (long, stubborn, slow, 999):
            wire.dispatcher.cancel(number)
        assert wire.dispatcher.stats().in_flight == 0
        assert wire.dispatcher.stats().running == 3
        service.gate.set()
        await until(lambda: wire.dispatcher.stats().running == 0, "all methods to end")
        assert service.cleaned_up

    run(wire, steps)
    assert wire.answers == {}
    assert wire.dispatcher.stats().cancelled == 3


def test_a_call_that_is_cancelled_before_it_began_never_runs(service: Service) -> None:
    wire = Wire(service)

    async def steps() -> None:
        wire.dispatcher.cancel(wire.call("long"))
        await until(lambda: wire.dispatcher.stats().running == 0, "it to end")

    run(wire, steps)
    assert not service.cleaned_up


def test_a_late_call_is_told_once_and_what_it_gives_is_thrown_away(service: Service) -> None:
    wire = Wire(service)

    async def steps() -> None:
        slow, long = wire.call("slow", left_s=0.02), wire.call("long", left_s=0.02)
        in_time = wire.call("later", 1, left_s=WAIT_S)
        await until(wire.answered(slow, long, in_time), "the answers")
        assert isinstance(wire.error(slow), CallTimedOut)
        assert isinstance(wire.error(long), CallTimedOut)
        assert wire.answers[in_time] == [1]
        service.gate.set()
        await until(lambda: wire.dispatcher.stats().running == 0, "the methods to end")

    run(wire, steps)
    assert service.cleaned_up
    assert wire.dispatcher.stats().timed_out == 2


def test_calls_of_a_lost_connection_are_not_answered_and_their_numbers_are_free(service: Service) -> None:
    wire = Wire(service)

    async def steps() -> None:
        wire.call("slow")
        wire.dispatcher.lose()
        wire._number = 0  # another hub counts from the beginning
        again = wire.call("my_echo", "new")
        service.gate.set()
        await until(lambda: wire.dispatcher.stats().running == 0, "both methods to end")
        assert wire.answers == {again: [("MY ECHO", "new")]}

    run(wire, steps)
    assert wire.dispatcher.stats().lost == 1


@pytest.mark.parametrize("method", ["slow", "long"])
def test_more_than_the_most_are_told_that_it_is_busy(method: str, service: Service) -> None:
    wire = Wire(service, most=3)

    async def steps() -> None:
        at_work = [wire.call(method) for _ in range(3)]
        refused = wire.call("my_echo", 1)
        assert isinstance(wire.error(refused), ResponderBusy)
        for number in at_work:
            wire.dispatcher.cancel(number)
        assert method == "long" or isinstance(wire.error(wire.call("my_echo", 1)), ResponderBusy)
        service.gate.set()
        await until(lambda: wire.dispatcher.stats().running == 0, "room")
        after = wire.call("my_echo", 2)
        await until(wire.answered(after), "an answer")

    run(wire, steps)
    assert service.ran == [2]


def test_a_number_that_is_in_use_is_against_the_protocol(service: Service) -> None:
    wire = Wire(service)

    async def steps() -> None:
        wire.call("long")
        wire._number = 0
        with pytest.raises(WireError, match="a new number"):
            wire.call("my_echo", 1)

    run(wire, steps)
    assert wire.dispatcher.stats().received == 1


def test_close_does_not_wait_for_a_method_that_hangs(no_leaks: None, service: Service) -> None:
    wire = Wire(service)

    async def steps() -> None:
        wire.call("slow")
        wire.call("long")

    run(wire, steps)  # its loop is closed when the slow one ends
    assert wire.dispatcher.stats().lost == 2
    service.gate.set()


@pytest.mark.skipif(sys.version_info < (3, 12), reason="no eager tasks before Python 3.12")
def test_a_loop_with_eager_tasks_answers_too(service: Service) -> None:
    wire = Wire(service)

    async def steps() -> None:
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)  # type: ignore[attr-defined]
        numbers = [wire.call("later", 1), wire.call("fail_later", "ValueError"), wire.call("long")]
        await until(wire.answered(*numbers[:2]), "the answers")
        wire.dispatcher.cancel(numbers[2])

    run(wire, steps)


def test_a_thousand_calls_in_flight_are_all_answered(no_leaks: None, service: Service) -> None:
    wire = Wire(service, most=1000)

    async def steps() -> None:
        numbers = [wire.call("later", n, 0.05) for n in range(800)]
        numbers += [wire.call("slow") for _ in range(200)]
        await until(wire.answered(*numbers[:800]), "the async ones")
        service.gate.set()
        await until(wire.answered(*numbers), "all")
        assert [wire.answers[number][0] for number in numbers[:800]] == list(range(800))

    run(wire, steps)
