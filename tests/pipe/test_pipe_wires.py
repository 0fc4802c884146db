"""Wires between flows of real pipes: whole, in order, cut and joined again."""

import os
import signal
from collections.abc import Callable

import numpy as np
from tests.conftest import WaitFor
from tests.pipe.lines import Lines
from tests.pipe.parts import Collect, Counter, Double, Frames, Late, Mortal, Sums

from sightline.pipe.counts.reports import State
from sightline.pipe.pipe import Pipe
from sightline.pipe.settings import Policy, WireSettings
from sightline.pipe.wire import Wire
from sightline.supervise.policy import Restart

LOSSLESS = WireSettings(policy=Policy.LOSSLESS, capacity=16)
SOON = Restart(delay_s=0.05)

MakePipe = Callable[..., Pipe]


def three_flows(pipe: Pipe, source: Counter) -> None:
    double, collect = Double("double"), Collect("collect")
    pipe.create_flow("a", False, source)
    pipe.create_flow("b", False, double)
    pipe.create_flow("c", False, collect)
    pipe.link(Wire(source, double, settings=LOSSLESS), Wire(double, collect, settings=LOSSLESS))
    pipe.build()


def test_nothing_is_lost_and_order_kept_over_three_flows(make: MakePipe, log: Lines) -> None:
    pipe = make()
    three_flows(pipe, Counter("count", 3000, every_s=0))
    pipe.notify_event("start")
    assert pipe.wait(30)
    assert log.of("c.collect")[-1] == f"cleanup after {[2 * number for number in range(3000)]}"
    stats = pipe.stats()
    assert stats.routines["count"].given == stats.routines["collect"].processed == 3000
    assert all(one.balanced for one in stats.routines.values())


def test_nobody_sends_before_all_are_there(make: MakePipe, log: Lines) -> None:
    pipe = make()
    source, collect = Counter("count", 5, every_s=0.05), Collect("collect")
    collect.late = Late()  # type: ignore[attr-defined]
    pipe.create_flow("a", False, source)
    pipe.create_flow("b", False, collect)
    pipe.link(Wire(source, collect))
    pipe.notify_event("start")
    pipe.build()
    assert pipe.wait(30)
    assert log.of("b.collect")[-1] == "cleanup after [0, 1, 2, 3, 4]"


def test_pictures_come_whole(make: MakePipe, log: Lines) -> None:
    pipe = make()
    frames, sums = Frames("frames", 20), Sums("sums")
    pipe.create_flow("a", False, frames)
    pipe.create_flow("b", False, sums)
    pipe.link(Wire(frames, sums, settings=LOSSLESS))
    pipe.build()
    pipe.notify_event("start")
    assert pipe.wait(30)
    each = int(np.prod(Frames.SHAPE))
    assert log.of("b.sums") == [str([number * each for number in range(20)])]


def test_a_flow_in_the_middle_that_dies_is_joined_again(
    make: MakePipe, log: Lines, wait_for: WaitFor
) -> None:
    pipe = make(restart=SOON)
    three_flows(pipe, Counter("count", every_s=0.001))
    pipe.notify_event("start", wait=True)

    def processed(routine: str) -> int:
        return pipe.stats().routines[routine].processed

    first = pipe.pids
    wait_for(lambda: processed("collect") > 50, 30, "something to come")
    os.kill(first["b"], signal.SIGKILL)
    wait_for(lambda: pipe.pids.get("b", first["b"]) != first["b"], 30, "another process")
    more = processed("collect") + 50
    wait_for(lambda: processed("collect") > more, 30, "more to come")
    pipe.notify_event("stop", wait=True)
    pipe.notify_event("tell got", wait=True)
    got = [int(number) for number in log.of("c.collect")[-1].removeprefix("got [").rstrip("]").split(",")]
    assert got == sorted(set(got))
    assert {name: pipe.pids[name] for name in "ac"} == {name: first[name] for name in "ac"}


def test_an_end_reaches_a_flow_that_was_begun_again_after_it(make: MakePipe, wait_for: WaitFor) -> None:
    pipe = make(restart=SOON)
    source, collect, other = Counter("count", 3), Collect("collect"), Counter("other", 250)
    pipe.create_flow("a", False, source, other)
    pipe.create_flow("b", False, collect)
    pipe.link(Wire(source, collect, settings=LOSSLESS), Wire(other, collect, settings=LOSSLESS))
    pipe.build()
    pipe.notify_event("start", wait=True)
    wait_for(lambda: pipe.stats().routines["count"].state is State.DONE, 30, "the first source to be done")
    os.kill(pipe.pids["b"], signal.SIGKILL)
    assert pipe.wait(30)


def test_a_source_that_was_done_stays_so_where_its_flow_is_begun_again(
    make: MakePipe, log: Lines, wait_for: WaitFor
) -> None:
    pipe = make(restart=SOON)
    source, other, here, collect = (
        Counter("count", 3),
        Counter("other", 200),
        Collect("here"),
        Collect("collect"),
    )
    pipe.create_flow("a", False, source, other, here)
    pipe.create_flow("b", False, collect)
    pipe.link(*(Wire(one, (here, collect), settings=LOSSLESS) for one in (source, other)))
    pipe.build()
    pipe.notify_event("start", wait=True)
    wait_for(lambda: pipe.stats().routines["count"].state is State.DONE, 30, "the first source to be done")
    os.kill(pipe.pids["a"], signal.SIGKILL)
    assert pipe.wait(30)
    assert pipe.stats().routines["collect"].wires_in["count"].entered == 3


def test_a_flow_that_is_given_up_ends_what_it_fed_and_blocks_nobody(make: MakePipe) -> None:
    pipe = make(restart=Restart(delay_s=0.01, most_ends=2))
    mortal, collect = Mortal("mortal"), Collect("collect")
    source, double = Counter("count", 500, every_s=0), Double("double")
    pipe.create_flow("good", False, source, collect)
    pipe.create_flow("bad", False, mortal, double)
    pipe.link(*(Wire(one, collect, settings=LOSSLESS) for one in (mortal, double)))
    pipe.link(Wire(source, double, settings=LOSSLESS))
    pipe.build()
    pipe.notify_event("start")
    assert pipe.wait(30)


def test_wires_between_flows_are_changed_while_they_run(make: MakePipe, wait_for: WaitFor) -> None:
    pipe = make()
    source, here, there = Counter("count", every_s=0.001), Collect("here"), Collect("there")
    pipe.create_flow("a", True, source, here)
    pipe.create_flow("b", True, Counter("count2"), there)
    pipe.build()
    pipe.notify_event("start", wait=True)

    def came() -> int:
        wires = pipe.stats().routines["there"].wires_in
        return wires["count"].left if "count" in wires else -1

    assert came() == -1
    pipe.link(Wire(source, there, settings=LOSSLESS))
    wait_for(lambda: came() > 20, 30, "something to come from the other flow")
    pipe.unlink("count", "there")
    stays = came()
    pipe.notify_event("stop", wait=True)
    assert came() <= stays + LOSSLESS.capacity
    pipe.notify_event("start", wait=True)
    before = came()
    pipe.link(Wire(source, there, settings=LOSSLESS))
    wait_for(lambda: came() > before + 20, 30, "more to come from the other flow")
    pipe.link(Wire(source, there))
    again = came()
    wait_for(lambda: came() > again + 20, 30, "more to come along the changed wire")


def test_a_routine_takes_its_own_wire_away(make: MakePipe, wait_for: WaitFor) -> None:
    pipe = make()
    source, collect = Counter("count", every_s=0.001), Collect("collect")
    pipe.create_flow("a", False, source)
    pipe.create_flow("b", False, collect)
    pipe.link(Wire(source, collect))
    pipe.build()
    pipe.notify_event("start", wait=True)
    pipe.notify_event("let go", {"a": []}, other="collect", wait=True)
    wait_for(lambda: "> collect" not in pipe.draw(), 30, "the wire to be gone")
