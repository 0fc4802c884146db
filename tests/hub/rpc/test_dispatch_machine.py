"""Any order of calls, ends, cancels, deadlines and lost connections, against a simple model."""

import asyncio
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from tests.hub.rpc.calling import Wire

from sightline.errors import CallTimedOut, RemoteError, ResponderBusy

MOST = 4


class Service:
    """Its calls end when, and as, the test says."""

    def __init__(self) -> None:
        self.waiting: dict[str, asyncio.Future[Any]] = {}
        self.ran = 0

    async def rpc_wait(self, name: str, *, stubborn: bool) -> Any:
        self.ran += 1
        self.waiting[name] = asyncio.get_running_loop().create_future()
        try:
            return await self.waiting[name]
        except asyncio.CancelledError:
            return "too late" if stubborn else await self.waiting[name]
        finally:
            del self.waiting[name]


class Calls(RuleBasedStateMachine):
    """`expected`: by number, what was or will be answered; None: nothing. `open`: by number, the deadline."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.faults: list[dict[str, Any]] = []
        self.loop.set_exception_handler(lambda _loop, fault: self.faults.append(fault))
        self.now = 0.0
        self.loop.time = lambda: self.now  # type: ignore[method-assign]
        self.service = Service()
        self.wire = Wire(self.service, most=MOST)
        self.open: dict[int, float] = {}
        self.expected: dict[int, Any] = {}
        self.calls = 0

    def teardown(self) -> None:
        self.loop.run_until_complete(self.wire.dispatcher.close())
        self.loop.close()

    def settle(self) -> None:
        async def turns() -> None:
            for _ in range(6):
                await asyncio.sleep(0)

        self.loop.run_until_complete(turns())

    @rule(left_s=st.sampled_from([0.0, 1.0, 2.5]), stubborn=st.booleans())
    def call(self, left_s: float, stubborn: bool) -> None:
        async def calling() -> int:
            name = str(self.calls)
            return self.wire.call("wait", name, stubborn=stubborn, left_s=left_s)

        number = self.loop.run_until_complete(calling())
        if len(self.open) == MOST:
            self.expected[number] = ResponderBusy
        else:
            self.open[number] = self.now + left_s if left_s else float("inf")
        self.calls += 1

    @precondition(lambda self: self.open)
    @rule(data=st.data(), fails=st.booleans())
    def end(self, data: st.DataObject, fails: bool) -> None:
        self.settle()
        number = data.draw(st.sampled_from(sorted(self.open)))
        future = self.service.waiting[str(number - 1)]
        if fails:
            future.set_exception(ValueError("so"))
        else:
            future.set_result(number)
        del self.open[number]
        self.expected[number] = RemoteError if fails else number

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted(self.open)))
        self.loop.call_soon(self.wire.dispatcher.cancel, number)
        del self.open[number]
        self.settle()

    @precondition(lambda self: self.calls)
    @rule(data=st.data())
    def cancel_what_ended(self, data: st.DataObject) -> None:
        number = data.draw(st.integers(1, self.calls))
        if number not in self.open:
            self.wire.dispatcher.cancel(number)

    @rule(seconds=st.sampled_from([0.5, 1.0, 3.0]))
    def pass_time(self, seconds: float) -> None:
        self.settle()
        self.now += seconds
        for number, until in list(self.open.items()):
            if until <= self.now:
                del self.open[number]
                self.expected[number] = CallTimedOut

    @rule()
    def lose(self) -> None:
        self.loop.call_soon(self.wire.dispatcher.lose)
        self.open.clear()
        self.settle()

    @invariant()
    def each_call_ended_once_and_as_expected(self) -> None:
        self.settle()
        assert self.wire.answers.keys() == self.expected.keys()
        for number, expected in self.expected.items():
            (answer,) = self.wire.answers[number]
            assert answer == expected if isinstance(expected, int) else isinstance(answer, expected)

    @invariant()
    def nothing_went_wrong_in_the_loop(self) -> None:
        assert self.faults == []

    @invariant()
    def the_books_balance(self) -> None:
        stats = self.wire.dispatcher.stats()
        assert stats.in_flight == stats.running == len(self.open) == len(self.service.waiting)
        ended = (stats.done, stats.failed, stats.refused, stats.cancelled, stats.timed_out, stats.lost)
        assert stats.received == self.calls == sum(ended) + stats.in_flight


TestCalls = Calls.TestCase
TestCalls.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
