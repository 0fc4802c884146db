"""A routine at work: what it is given, what it gives, and what becomes of its mistakes."""

import asyncio
import logging
import sys
import threading
from typing import Any

import pytest
from tests.conftest import WaitFor
from tests.pipe.flowyard import LOSSLESS, SECONDS, FlowYard, counting, made_of, messages

from sightline.pipe.counts.reports import State
from sightline.pipe.functional import FunctionalMiddleRoutine
from sightline.pipe.handlers import events
from sightline.pipe.roles import DestinationRoutine, MiddleRoutine, SourceRoutine
from sightline.pipe.settings import Policy, Retry, RoutineSettings, WireSettings
from sightline.pipe.wires.inlet import Inlet
from sightline.pipe.wires.outlet import LocalOutlet
from sightline.testing import ManualClock


def test_all_that_a_source_gives_arrives_in_order_and_is_counted(yard: FlowYard) -> None:
    got: list[int] = []
    double = FunctionalMiddleRoutine(lambda data: data * 2, "double")
    runners = yard.chain(counting(1000), double, FunctionalMiddleRoutine(got.append, "keep"))
    yard.until(runners[-1], State.DONE)
    assert got == [number * 2 for number in range(1000)]
    for runner, given in zip(runners, [1000, 1000, 0], strict=True):
        stats = runner.stats()
        assert stats.balanced
        assert (stats.entered, stats.processed, stats.held, stats.given) == (1000, 1000, 0, given)
        assert stats.main_logic.count >= 1000
        assert stats.state is State.DONE
        told = [event.state for event in yard.told if event.routine == runner.name]
        assert told == [State.SETTING_UP, State.RUNNING, State.CLEANING_UP, State.DONE]


def test_what_is_sent_says_who_gave_it_and_how_many_before(yard: FlowYard) -> None:
    inlet = Inlet({"source": LOSSLESS})
    runner = yard.runner(counting(3), None, {"keep": LocalOutlet(inlet, "source")})
    runner.start(SECONDS)
    yard.until(runner, State.DONE)
    sent = inlet.take_many(9)
    assert [(message.source, message.number, message.data) for message in sent] == [
        ("source", 0, 0),
        ("source", 1, 1),
        ("source", 2, 2),
    ]
    assert inlet.finished


def test_none_sends_nothing(yard: FlowYard) -> None:
    got: list[int] = []
    odd = FunctionalMiddleRoutine(lambda data: data if data % 2 else None, "odd")
    runners = yard.chain(counting(10), odd, FunctionalMiddleRoutine(got.append, "keep"))
    yard.until(runners[-1], State.DONE)
    assert got == [1, 3, 5, 7, 9]
    assert (runners[1].stats().processed, runners[1].stats().given) == (10, 5)


def test_an_exception_costs_one_message(yard: FlowYard, caplog: pytest.LogCaptureFixture) -> None:
    got: list[int] = []
    dead: list[tuple[Any, str]] = []

    def inverse(data: int) -> float:
        if data == 3:
            sys.exit(3)  # ends a thread, if it is let
        return 12 / data

    fragile = made_of(inverse, "fragile", dead_letter=lambda data, error: dead.append((data, str(error))))
    with caplog.at_level(logging.ERROR):
        runners = yard.chain(counting(5), fragile, FunctionalMiddleRoutine(got.append, "keep"))
        yard.until(runners[-1], State.DONE)
    assert got == [12, 6, 3]
    assert dead == [(0, "division by zero"), (3, "3")]
    stats = runners[1].stats()
    assert (stats.processed, stats.failed, stats.balanced) == (3, 2, True)
    assert "fragile: main_logic failed" in caplog.text
    assert "ZeroDivisionError" in caplog.text


class Odd(BaseException):
    """No Exception, as those of some libraries are not."""


def test_whatever_is_raised_costs_no_more_than_that(yard: FlowYard) -> None:
    got: list[int] = []

    def fail(data: int) -> int:
        if data % 2:
            raise Odd
        return data

    def refuse(_data: Any, _error: BaseException) -> None:
        sys.exit("the hook")

    runners = yard.chain(
        counting(6), made_of(fail, "odd", dead_letter=refuse), FunctionalMiddleRoutine(got.append, "keep")
    )
    yard.until(runners[-1], State.DONE)
    assert got == [0, 2, 4]
    assert runners[1].stats().failed == 3


def test_failures_at_camera_rate_are_a_line_a_second(
    yard: FlowYard, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(data: int) -> None:
        raise ValueError(f"no {data}")

    def refuse(_data: Any, _error: Exception) -> None:
        raise OSError("nor me")

    with caplog.at_level(logging.ERROR):
        runners = yard.chain(counting(2000), made_of(fail, "fragile", dead_letter=refuse))
        yard.until(runners[-1], State.DONE)
    assert runners[-1].stats().failed == 2000
    assert len(caplog.records) < 40
    assert "no 1999" in caplog.text, "the last is told when it ends"
    times = {"main_logic": 0, "the dead-letter hook": 0}
    for record in caplog.records:
        assert isinstance(record.args, tuple)
        times[str(record.args[1])] += int(str(record.args[2]))
    assert times == {"main_logic": 2000, "the dead-letter hook": 2000}


def test_a_source_that_always_fails_does_not_burn_the_processor(yard: FlowYard, wait_for: WaitFor) -> None:
    def fail() -> None:
        raise OSError("no camera")

    runner = yard.runner(FunctionalMiddleRoutine(fail, "camera"))
    runner.start(SECONDS)
    wait_for(lambda: runner.stats().failed >= 5, SECONDS, "five calls")
    calls = runner.stats().failed
    assert calls < 12, "each waits twice as long as the one before"
    assert runner.stop(SECONDS).state is State.STOPPED


class Careful(MiddleRoutine):
    """Fails in setup and cleanup as often as it is told to."""

    def __init__(self, *, setups: int = 0, cleanups: int = 0) -> None:
        super().__init__("careful")
        self.left = {"setup": setups, "cleanup": cleanups}
        self.heard: list[str] = []

    def setup(self) -> None:
        self._call("setup")

    def cleanup(self) -> None:
        self._call("cleanup")

    def main_logic(self, data: Any) -> Any:
        self.heard.append(f"got {data}")
        return data

    def _call(self, name: str) -> None:
        self.heard.append(name)
        if self.left[name]:
            self.left[name] -= 1
            raise RuntimeError(f"no {name}")


def test_a_failed_setup_stops_the_routine_until_stop_and_start(yard: FlowYard, wait_for: WaitFor) -> None:
    careful, inlet = Careful(setups=1), Inlet({"source": LOSSLESS})
    runner = yard.runner(careful, inlet)
    inlet.put_many(messages("a"), "source")
    outcome = runner.start(SECONDS)
    assert (outcome.error, outcome.state) == ("setup: RuntimeError: no setup", State.FAILED)
    assert runner.state == (State.FAILED, "setup: RuntimeError: no setup")
    assert yard.told[-1].reason == "setup: RuntimeError: no setup"
    assert runner.start(SECONDS).state is State.FAILED
    assert (runner.stats().held, careful.heard) == (1, ["setup"])
    assert [event.state for event in yard.told] == [State.SETTING_UP, State.FAILED], "each change, once"
    assert runner.stop(SECONDS).state is State.STOPPED
    assert runner.start(SECONDS).error is None
    wait_for(lambda: careful.heard == ["setup", "setup", "got a"], SECONDS, "the message that was held")


def test_a_failed_cleanup_stops_the_routine_until_stop_and_start(yard: FlowYard) -> None:
    careful = Careful(cleanups=1)
    runner = yard.runner(careful, Inlet({"source": LOSSLESS}))
    runner.start(SECONDS)
    assert runner.stop(SECONDS).error == "cleanup: RuntimeError: no cleanup"
    assert runner.start(SECONDS).state is State.FAILED
    runner.stop(SECONDS)
    assert runner.start(SECONDS).state is State.RUNNING
    assert careful.heard == ["setup", "cleanup", "setup"]


def test_a_failed_setup_is_tried_again_where_that_is_set(yard: FlowYard) -> None:
    careful, clock = Careful(setups=2), ManualClock()
    careful.settings = RoutineSettings(restart=Retry.ON_FAILURE)
    runner = yard.runner(careful, Inlet({"source": LOSSLESS}), clock=clock)
    assert runner.start(SECONDS).state is State.FAILED
    states = []
    for seconds in (0.9, 0.2, 1.9, 0.2):
        clock.move(seconds)
        runner.handle("anything").result(SECONDS)  # wakes it, as time by itself does
        yard.runners[0].handle("anything").result(SECONDS)
        states.append((runner.state[0], len(careful.heard)))
    assert states == [(State.FAILED, 1), (State.FAILED, 2), (State.FAILED, 2), (State.RUNNING, 3)]


def test_stop_keeps_what_is_held_and_start_goes_on_with_it(yard: FlowYard, wait_for: WaitFor) -> None:
    gate, got = threading.Semaphore(0), []

    def keep(data: int) -> None:
        assert gate.acquire(timeout=SECONDS)
        got.append(data)

    runners = yard.chain(counting(100), FunctionalMiddleRoutine(keep, "keep"))
    for _ in range(3):
        gate.release()
    wait_for(lambda: len(got) == 3, SECONDS, "three messages")
    stopped = runners[1].handle("stop")
    gate.release()  # the one in hand
    assert stopped.result(SECONDS).state is State.STOPPED
    wait_for(lambda: runners[1].stats().wires_in["source"].held == LOSSLESS.capacity, SECONDS, "a full wire")
    stats = runners[1].stats()
    assert (len(got), stats.processed, stats.balanced) == (4, 4, True)
    assert stats.held >= LOSSLESS.capacity
    for _ in range(100):
        gate.release()
    runners[1].start(SECONDS)
    yard.until(runners[1], State.DONE)
    assert got == list(range(100))


def test_stop_reaches_a_routine_whose_wire_is_full(yard: FlowYard, wait_for: WaitFor) -> None:
    got: list[int] = []
    inlet = Inlet({"source": LOSSLESS})
    source = yard.runner(counting(200), None, {"keep": LocalOutlet(inlet, "source")})
    keep = yard.runner(FunctionalMiddleRoutine(got.append, "keep"), inlet)
    source.start(SECONDS)
    wait_for(lambda: source.stats().unsent == 1, SECONDS, "a message that finds no room")
    assert source.stop(SECONDS).error is None
    source.start(SECONDS)
    keep.start(SECONDS)
    yard.until(keep, State.DONE)
    assert got == list(range(200))
    assert source.stats().lost == {}


def test_a_method_that_does_not_return_is_told_by_the_deadline(
    yard: FlowYard, caplog: pytest.LogCaptureFixture, wait_for: WaitFor
) -> None:
    begun = threading.Event()

    def hang(_data: int) -> None:
        begun.set()
        yard.held.wait(SECONDS)

    _, runner = yard.chain(counting(1), FunctionalMiddleRoutine(hang, "stuck"))
    assert begun.wait(SECONDS)
    with caplog.at_level(logging.ERROR):
        outcome = runner.stop(0.05)
    assert outcome.error is not None
    assert "stop was not carried out within 0.05 s" in outcome.error
    assert yard.told[-1].hangs
    assert "in hang" in caplog.text, "where it hangs is in the log"
    yard.held.set()
    wait_for(lambda: runner.state[0] in {State.STOPPED, State.DONE}, SECONDS, "the stop after all")


class Answering(SourceRoutine):
    """Answers events, and says in which thread."""

    def __init__(self) -> None:
        super().__init__("answering")
        self.heard: list[Any] = []

    def main_logic(self) -> None:
        return None

    @events("SPEED")
    def set_speed(self, speed: int = 0) -> None:
        self.heard.append((speed, threading.current_thread().name))

    @events("FAIL")
    def fail(self) -> None:
        raise ValueError("not me")

    @events("LATER")
    async def later(self) -> None:
        await asyncio.sleep(0)
        self.heard.append("later")

    @events("start")
    def started(self) -> None:
        self.heard.append("started")


def test_events_are_answered_in_order_by_the_thread_of_the_routine(yard: FlowYard) -> None:
    answering = Answering()
    runner = yard.runner(answering)
    before = runner.handle("SPEED", {"speed": 1})
    runner.start(SECONDS)
    asked = [runner.handle("SPEED", {"speed": speed}) for speed in range(2, 6)]
    assert all(answer.result(SECONDS).handled for answer in [before, *asked])
    assert answering.heard == [
        (1, "answering"),
        "started",
        *((speed, "answering") for speed in range(2, 6)),
    ]


def test_what_an_event_did_is_told(yard: FlowYard) -> None:
    answering = Answering()
    runner = yard.runner(answering)
    assert runner.handle("FAIL").result(SECONDS).error == "fail: ValueError: not me"
    error = runner.handle("SPEED", {"spede": 1}).result(SECONDS).error
    assert error is not None
    assert "spede" in error
    assert not runner.handle("UNKNOWN").result(SECONDS).handled
    assert runner.handle("LATER").result(SECONDS).error is None
    assert answering.heard == ["later"]


def test_an_event_does_not_wait_for_more_than_the_message_in_hand(yard: FlowYard) -> None:
    seen: list[Any] = []

    class Slow(DestinationRoutine):
        def main_logic(self, data: int) -> None:
            seen.append(data)
            if data == 5:
                self.asked = runner.handle("NOW")

        @events("NOW")
        def now(self) -> None:
            seen.append("now")

    slow = Slow("slow")
    inlet = Inlet({"source": LOSSLESS})
    runner = yard.runner(slow, inlet)
    inlet.put_many(messages(*range(10)), "source")
    inlet.ended("source")
    runner.start(SECONDS)
    yard.until(runner, State.DONE)
    assert seen == [0, 1, 2, 3, 4, 5, "now", 6, 7, 8, 9]


def test_kill_drops_what_is_held_and_is_for_good(yard: FlowYard, wait_for: WaitFor) -> None:
    begun, got = threading.Event(), []

    def keep(data: int) -> None:
        got.append(data)
        begun.set()
        assert yard.held.wait(SECONDS)

    source, runner = yard.chain(counting(100), FunctionalMiddleRoutine(keep, "keep"))
    assert begun.wait(SECONDS)
    killed = runner.handle("kill")
    yard.held.set()
    assert killed.result(SECONDS).state is State.KILLED
    yard.until(source, State.DONE)  # nobody is there to wait for
    stats = runner.stats()
    assert (stats.entered, stats.processed, stats.held, stats.balanced) == (100, len(got), 0, True)
    assert stats.dropped["killed"] + stats.dropped["closed"] == 100 - len(got)
    runner.join(SECONDS)
    late = runner.handle("start").result(SECONDS)
    assert (late.handled, late.state) == (False, State.KILLED)


def test_a_recording_tells_what_a_kill_cut_off(yard: FlowYard) -> None:
    inlet = Inlet({"source": WireSettings(policy=Policy.RECORD, capacity=4)})
    runner = yard.runner(Careful(), inlet)
    inlet.put_many(messages(1, 2, 3), "source")
    runner.kill(SECONDS)
    assert runner.stats().dropped == {"incomplete": 3}


def test_async_methods_run_in_one_loop_and_end_as_others_do(yard: FlowYard) -> None:
    threads: set[str] = set()
    got: list[int] = []

    class Numbers(SourceRoutine):
        async def setup(self) -> None:
            self.numbers = iter(range(5))

        async def main_logic(self) -> int:
            await asyncio.sleep(0)
            threads.add(threading.current_thread().name)
            return next(self.numbers)

    async def keep(data: int) -> None:
        threads.add(threading.current_thread().name)
        if data == 3:
            raise ValueError("not three")
        got.append(data)

    runners = yard.chain(Numbers("numbers"), FunctionalMiddleRoutine(keep, "keep"))
    yard.until(runners[1], State.DONE)
    assert got == [0, 1, 2, 4]
    assert threads == {"coroutines"}
    assert [runner.stats().failed for runner in runners] == [0, 1]


def test_an_async_source_may_end_with_its_own_exception(yard: FlowYard) -> None:
    async def end() -> None:
        raise StopAsyncIteration

    runner = yard.runner(FunctionalMiddleRoutine(end, "end"))
    runner.start(SECONDS)
    yard.until(runner, State.DONE)
    assert runner.stats().failed == 0


def test_a_source_may_take_data_that_nobody_has(yard: FlowYard) -> None:
    given: list[Any] = []

    def once(data: Any) -> None:
        given.append(data)
        raise StopIteration

    runner = yard.runner(FunctionalMiddleRoutine(once, "once"))
    runner.start(SECONDS)
    yard.until(runner, State.DONE)
    assert given == [None]


def test_a_batch_is_full_or_waited_long_enough(yard: FlowYard) -> None:
    got: list[list[int]] = []
    inlet = Inlet({"source": LOSSLESS})
    clock = ManualClock()
    runner = yard.runner(made_of(got.append, "keep", batch_size=4, max_wait_s=30), inlet, clock=clock)
    inlet.put_many(messages(*range(9)), "source")
    runner.start(SECONDS)
    runner.handle("anything").result(SECONDS)
    yard.runners[0].handle("anything").result(SECONDS)
    runner.handle("anything").result(SECONDS)
    assert got == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert runner.stats().held == 1
    clock.move(31)
    runner.handle("anything").result(SECONDS)
    runner.handle("anything").result(SECONDS)
    runner.stop(SECONDS)
    assert got[2:] == [[8]]


def test_a_batch_of_live_wires_has_one_of_each_and_the_last_is_not_waited_for(yard: FlowYard) -> None:
    got: list[list[int]] = []
    dead: list[Any] = []

    def keep(data: list[int]) -> None:
        got.append(sorted(data))
        if 2 in data:
            raise ValueError("no two")

    cameras = [f"camera {number}" for number in range(3)]
    inlet = Inlet(dict.fromkeys(cameras, WireSettings()))
    for number, camera in enumerate(cameras):
        inlet.put_many(messages(number), camera)
        inlet.ended(camera)
    routine = made_of(
        keep, "keep", batch_size=8, max_wait_s=600, dead_letter=lambda data, _error: dead.append(data)
    )
    runner = yard.runner(routine, inlet)
    runner.start(SECONDS)
    yard.until(runner, State.DONE)
    assert (got, sorted(dead), runner.stats().failed) == ([[0, 1, 2]], [0, 1, 2], 3)


def test_a_rate_is_kept_by_sources_and_by_others(yard: FlowYard) -> None:
    begun: list[int] = []
    clock = yard.clock
    source = made_of(iter(range(6)).__next__, "source", rate_fps=200)
    keep = made_of(lambda _data: begun.append(clock.monotonic_ns()), "keep", rate_fps=100)
    runners = yard.chain(source, keep)
    yard.until(runners[1], State.DONE)
    took_s = (begun[-1] - begun[0]) / 1e9
    assert took_s >= 5 / 100 - 0.011, "six calls at 100 a second, the first one late by less than one step"


def test_wires_are_added_and_taken_away_while_it_runs(yard: FlowYard, wait_for: WaitFor) -> None:
    asked = threading.Semaphore(0)

    def give() -> str:
        asked.acquire(timeout=SECONDS)
        return "data"

    wires = {name: Inlet({"source": LOSSLESS}) for name in "ab"}
    outlets = {name: LocalOutlet(inlet, "source") for name, inlet in wires.items()}
    runner = yard.runner(FunctionalMiddleRoutine(give, "source"), None, {"a": outlets["a"]})
    runner.start(SECONDS)
    asked.release()
    wait_for(lambda: len(wires["a"]) == 1, SECONDS, "data at a")
    runner.link("b", outlets["b"])
    runner.unlink("a")
    asked.release()
    wait_for(lambda: len(wires["b"]) == 1, SECONDS, "data at b")
    assert len(wires["a"]) == 1
    assert list(runner.stats().wires_out) == ["b"]
    for _ in range(LOSSLESS.capacity + 3):
        asked.release()
    wait_for(lambda: runner.stats().unsent == 1, SECONDS, "b full")
    runner.unlink("b")  # lets the routine go on, without what found no room
    wait_for(lambda: runner.stats().lost == {"unlinked": 1}, SECONDS, "the loss")
    asked.release()


def test_a_slow_live_wire_holds_nobody_up(yard: FlowYard) -> None:
    slow, quick = Inlet({"source": WireSettings()}), Inlet({"source": LOSSLESS})
    got: list[int] = []
    keep = yard.runner(FunctionalMiddleRoutine(got.append, "keep"), quick)
    keep.start(SECONDS)
    source = yard.runner(
        counting(100), None, {"slow": LocalOutlet(slow, "source"), "keep": LocalOutlet(quick, "source")}
    )
    source.start(SECONDS)
    yard.until(keep, State.DONE)
    assert got == list(range(100))
    assert [message.data for message in slow.take_many(9)] == [99]


def test_a_quick_source_of_a_live_wire_lets_its_reader_work(yard: FlowYard) -> None:
    got: list[int] = []
    runners = yard.chain(counting(20_000), FunctionalMiddleRoutine(got.append, "keep"), wires=WireSettings())
    yard.until(runners[1], State.DONE)
    assert len(got) > 400, "by turns of 5 ms it would be some ten"
    assert got == sorted(got)
    stats = runners[1].stats()
    assert (stats.entered, stats.balanced) == (20_000, True)
    assert stats.dropped == {"overflow": 20_000 - len(got)}


class CallsItself:
    async def __call__(self, data: int) -> int:
        return data + 1


def _later(data: int) -> Any:
    async def give() -> int:
        if data == 1:
            raise ValueError("not one")
        return data + 1

    return give()


@pytest.mark.parametrize("func", [CallsItself(), _later])
@pytest.mark.parametrize("batch_size", [1, 4])
def test_whatever_gives_a_coroutine_has_it_run(yard: FlowYard, func: Any, batch_size: int) -> None:
    got: list[int] = []

    def together(data: list[int]) -> Any:
        return func(data[0])

    middle = made_of(func if batch_size == 1 else together, "middle", batch_size=batch_size)
    runners = yard.chain(counting(1), middle, FunctionalMiddleRoutine(got.append, "keep"))
    yard.until(runners[-1], State.DONE)
    assert got == [1]


def test_a_source_may_give_a_coroutine(yard: FlowYard) -> None:
    got: list[int] = []
    numbers = iter(range(3))

    def source() -> Any:
        async def give() -> int:
            return next(numbers)

        return give()

    runners = yard.chain(
        FunctionalMiddleRoutine(source, "source"), FunctionalMiddleRoutine(got.append, "keep")
    )
    yard.until(runners[-1], State.DONE)
    assert got == [0, 1, 2]
