"""What is done or killed stays so: in the next process of its flow too, and for those who are wired to it."""

import os
import signal
from collections.abc import Callable

from tests.conftest import WaitFor
from tests.pipe.lines import Lines
from tests.pipe.parts import Collect, Counter, Double, Hello, Stuck

from sightline.pipe.counts.reports import State
from sightline.pipe.pipe import Pipe
from sightline.pipe.settings import Policy, WireSettings
from sightline.pipe.wire import Wire
from sightline.supervise.policy import Restart

LOSSLESS = WireSettings(policy=Policy.LOSSLESS, capacity=16)
SOON = Restart(delay_s=0.05)

MakePipe = Callable[..., Pipe]


def kill(pipe: Pipe, flow: str, wait_for: WaitFor) -> None:
    """And wait until there is another process, whose routines run."""
    before = pipe.pids[flow]
    os.kill(before, signal.SIGKILL)
    wait_for(lambda: pipe.pids.get(flow, before) != before, 30, "another process")
    pipe.notify_event("hello", {flow: []}, wait=30)


def state(pipe: Pipe, routine: str) -> State:
    return pipe.stats().routines[routine].state


def test_a_source_that_was_done_is_not_begun_again_by_start(
    make: MakePipe, log: Lines, wait_for: WaitFor
) -> None:
    pipe = make(restart=SOON)
    source, collect = Counter("count", 3), Collect("collect")
    pipe.create_flow("a", True, source, collect)
    pipe.create_flow("b", True, Hello("source"), Hello("hello"))
    pipe.build()
    pipe.notify_event("start", wait=True)
    wait_for(lambda: state(pipe, "collect") is State.DONE, 30, "the end")
    before = pipe.pids["a"]
    os.kill(before, signal.SIGKILL)
    wait_for(lambda: pipe.pids.get("a", before) != before, 30, "another process")
    pipe.notify_event("start", wait=True)
    pipe.notify_event("tell", {"a": []}, wait=True)
    assert log.of("a.collect").count("setup") == 1
    assert (state(pipe, "count"), state(pipe, "collect")) == (State.DONE, State.DONE)


def test_a_routine_that_was_killed_stays_so_and_holds_up_nobody(make: MakePipe, wait_for: WaitFor) -> None:
    pipe = make(restart=SOON)
    source, doomed, other = Counter("count", every_s=0.001), Collect("doomed"), Collect("other")
    pipe.create_flow("a", False, source)
    pipe.create_flow("b", False, doomed, one := Hello("one"), two := Hello("two"))
    pipe.create_flow("c", False, other)
    pipe.link(Wire(source, (doomed, other), settings=LOSSLESS), Wire(one, two))
    pipe.build()
    pipe.notify_event("start", wait=True)

    def goes_on() -> None:
        more = pipe.stats().routines["other"].processed + 100
        wait_for(lambda: pipe.stats().routines["other"].processed > more, 30, "more than any wire holds")

    goes_on()
    pipe.notify_event("kill", {"b": ["doomed"]}, wait=True)
    goes_on()
    kill(pipe, "b", wait_for)
    pipe.notify_event("start", wait=True)
    goes_on()
    assert state(pipe, "doomed") is State.KILLED
    assert state(pipe, "one") is State.RUNNING


def test_who_hears_of_a_killed_routine_alone_has_heard_all(make: MakePipe, log: Lines) -> None:
    pipe = make()
    source, double, collect = Counter("count"), Double("double"), Collect("collect")
    pipe.create_flow("a", True, source, double)
    pipe.create_flow("b", False, collect)
    pipe.link(Wire(double, collect, settings=LOSSLESS))
    pipe.build()
    pipe.notify_event("start", wait=True)
    pipe.notify_event("kill", {"a": ["count"]}, wait=True)
    assert pipe.wait(30), "its readers are done when they have taken what there was"
    assert log.of("b.collect")[-1].startswith("cleanup after [")
    stats = pipe.stats().routines
    assert (stats["double"].state, stats["collect"].state) == (State.DONE, State.DONE)


def test_a_wire_from_a_source_that_is_done_has_ended(make: MakePipe, wait_for: WaitFor) -> None:
    pipe = make()
    source, here, there, other = Counter("count", 3), Collect("here"), Collect("there"), Counter("other")
    pipe.create_flow("a", True, source, here)
    pipe.create_flow("b", True, other, there)
    pipe.build()
    pipe.notify_event("start", wait=True)
    wait_for(lambda: state(pipe, "here") is State.DONE, 30, "the end")
    pipe.link(Wire(source, there, settings=LOSSLESS))
    pipe.notify_event("kill", {"b": ["other"]}, wait=True)
    assert pipe.wait(30)


def test_one_routine_that_hangs_does_not_cost_the_last_counts_of_others(
    make: MakePipe, log: Lines, wait_for: WaitFor
) -> None:
    pipe = make(stop_s=1.0)
    pipe.create_flow("a", False, source := Counter("count"), stuck := Stuck("stuck"), good := Collect("good"))
    pipe.link(Wire(source, (stuck, good)))
    pipe.build()
    pipe.notify_event("start", wait=True)
    wait_for(lambda: "stuck" in log.of("a.stuck"), 30, "it to hang")
    pipe.close()
    assert log.of("a.good")[-1].startswith("cleanup after")
    stats = pipe.stats().routines["good"]
    assert stats.processed > 0
    assert stats.balanced
    assert stats.held == 0
