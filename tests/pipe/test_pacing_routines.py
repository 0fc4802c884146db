"""A routine that is paced from outside, and what it tells for that."""

import time

import pytest
from tests.conftest import WaitFor
from tests.pipe.flowyard import LOSSLESS, SECONDS, FlowYard, counting, made_of, messages

from sightline.pipe.control import Durations, Pace
from sightline.pipe.counts.reports import State
from sightline.pipe.flow.runner import Runner
from sightline.pipe.fps import FPSRoutine
from sightline.pipe.functional import FunctionalMiddleRoutine
from sightline.pipe.pacing import Worked
from sightline.pipe.parent.far_flow import FarFlow
from sightline.pipe.parent.pacer import Pacer
from sightline.pipe.plan import Edge
from sightline.pipe.routine import Routine
from sightline.pipe.settings import RoutineSettings, WireSettings
from sightline.pipe.wires.inlet import Inlet

SLOW_FPS = 0.01
"""Nothing more comes while a test runs."""


class Plain(Routine):
    """A source that knows no rates."""

    def main_logic(self) -> int:
        return 1


class Camera(Plain):
    """One that does not wait."""

    live = True


def calls(runner: Runner) -> int:
    return runner.reading().taken


def stands_still(runner: Runner) -> bool:
    before = calls(runner)
    time.sleep(0.02)
    return calls(runner) == before


@pytest.mark.parametrize("source", [Plain("source"), FunctionalMiddleRoutine(lambda: 1, "source")])
def test_a_source_of_any_kind_is_paced_and_set_free(
    yard: FlowYard, wait_for: WaitFor, source: Routine
) -> None:
    runner = yard.runner(source)
    runner.start(SECONDS)
    wait_for(lambda: calls(runner) > 100, SECONDS, "a source that runs")
    runner.pace(SLOW_FPS)
    wait_for(lambda: stands_still(runner), SECONDS, "a source that waits")
    runner.pace(0.0)
    wait_for(lambda: not stands_still(runner), SECONDS, "a source that is woken")


def test_a_constant_rate_wins(yard: FlowYard, wait_for: WaitFor) -> None:
    source = FunctionalMiddleRoutine(lambda: 1, "source")
    source.set_const_fps(500)
    runner = yard.runner(source)
    runner.pace(SLOW_FPS)
    runner.start(SECONDS)
    wait_for(lambda: calls(runner) > 20, SECONDS, "a source at its own rate")
    reading = runner.reading()
    assert (reading.may_be_told, reading.most_fps) == (False, 500)


def test_of_other_rates_the_lowest_counts(yard: FlowYard, wait_for: WaitFor) -> None:
    source = made_of(lambda: 1, "source", rate_fps=SLOW_FPS)
    assert isinstance(source, FPSRoutine)
    runner = yard.runner(source)
    runner.pace(500)
    runner.start(SECONDS)
    wait_for(lambda: calls(runner) == 1, SECONDS, "the first call")
    assert stands_still(runner)
    source.update_fps(1000)
    runner.pace(400)
    wait_for(lambda: calls(runner) > 5, SECONDS, "a source that is quicker")
    assert runner.reading().may_be_told


def test_live_sources_and_batches_are_not_to_be_told(yard: FlowYard) -> None:
    batches = made_of(len, "batches", batch_size=4)
    readings = [
        yard.runner(Camera("camera")).reading(),
        yard.runner(batches, Inlet({"camera": LOSSLESS})).reading(),
    ]
    assert [reading.may_be_told for reading in readings] == [False, False]


def test_what_it_tells_counts_taking_and_giving_too(yard: FlowYard, wait_for: WaitFor) -> None:
    def work(data: int) -> int | None:
        time.sleep(0.01)
        if data == 1:
            raise ValueError("no ones")
        return None if data % 2 else data

    inlet = Inlet({"source": LOSSLESS})
    inlet.put_many(messages(*range(6)), "source")
    inlet.ended("source")
    runner = yard.runner(made_of(work, "work"), inlet)
    runner.time_turns()
    runner.start(SECONDS)
    yard.until(runner, State.DONE)
    reading = runner.reading()
    assert (reading.taken, reading.given, reading.waiting, reading.in_hand_ns) == (6, 3, 0, 0)
    assert reading.work_ns >= 60_000_000


def test_without_being_asked_it_takes_no_times(yard: FlowYard) -> None:
    runners = yard.chain(counting(5), made_of(lambda _data: None, "sink"))
    yard.until(runners[1], State.DONE)
    assert runners[1].reading().work_ns == 0


def test_what_waits_is_told_but_for_what_comes_next(yard: FlowYard, wait_for: WaitFor) -> None:
    inlet = Inlet({"a": LOSSLESS, "b": LOSSLESS})
    inlet.put_many(messages(*range(8), source="a"), "a")
    inlet.put_many(messages(*range(4), source="b"), "b")
    runner = yard.runner(made_of(lambda _data: yard.held.wait(SECONDS), "stuck"), inlet)
    runner.time_turns()
    assert runner.reading().waiting == 10, "of each wire one comes next"
    runner.start(SECONDS)
    wait_for(lambda: runner.reading().in_hand_ns > 0, SECONDS, "a message in hand")
    assert runner.reading().waiting == 9
    assert runner.reading().in_hand_ns > 0


def test_a_live_wire_of_one_message_has_nothing_that_waits(yard: FlowYard) -> None:
    inlet = Inlet({"a": WireSettings(), "b": WireSettings()})
    runner = yard.runner(made_of(lambda _data: None, "sink"), inlet)
    for source in "ab":
        inlet.put_many(messages(1, 2, 3, source=source), source)
    assert runner.reading().waiting == 0


class Heard(FarFlow):
    """A flow that keeps what it is told."""

    def __init__(self, name: str, *routines: str) -> None:
        super().__init__(name, b"", routines)
        self.told: list[object] = []

    def say(self, message: object, *_fds: int) -> None:
        self.told.append(message)


def edge(source: str, destination: str) -> Edge:
    return Edge(
        source=source,
        source_flow="a",
        destination=destination,
        destination_flow="b",
        settings=WireSettings(),
        transmitter=None,
    )


def worked(routine: str, work_s: float) -> Worked:
    return Worked(routine=routine, over_s=1.0, taken=10, work_s=work_s, given=10)


def test_the_flow_of_a_source_is_told_and_told_again_when_it_is_begun_again() -> None:
    a, b = Heard("a", "source"), Heard("b", "sink")
    for flow in (a, b):
        flow.states = dict.fromkeys(flow.states, State.RUNNING)
    pacer = Pacer({"a": a, "b": b}, [edge("source", "sink")])
    pacer.heard(Durations([worked("source", 0.001), worked("sink", 1.0)]))
    (pace,) = a.told
    assert isinstance(pace, Pace)
    assert (pace.routine, round(pace.fps, 1), b.told) == ("source", 10.5, [])
    for flow in (a, b):
        pacer.begun(flow)
    assert (a.told, b.told) == ([pace, pace], [])
    pacer.link([])
    pacer.tell()
    assert a.told == [pace, pace], "nobody hears it: it had better stay slow"


def test_a_reader_that_is_gone_for_good_counts_no_more() -> None:
    a, b = Heard("a", "source"), Heard("b", "quick", "slow")
    pacer = Pacer({"a": a, "b": b}, [edge("source", "quick"), edge("source", "slow")])
    pacer.heard(Durations([worked("source", 0.001), worked("quick", 0.1), worked("slow", 1.0)]))
    a.states["source"] = b.states["slow"] = State.RUNNING
    b.states["quick"] = State.KILLED
    for flow in (a, b):
        pacer.look(flow)
    pacer.tell()
    assert [round(pace.fps, 1) for pace in a.told if isinstance(pace, Pace)] == [105.0, 10.5]


def test_settings_bound_what_is_told(yard: FlowYard) -> None:
    source = Plain("source")
    source.settings = RoutineSettings(rate_fps=7)
    assert yard.runner(source).reading().most_fps == 7
