"""Pipes whose flows are real processes: their life from build to end."""

import os
import signal
import threading
import time
from collections.abc import Callable

import psutil
import pytest
from tests.conftest import WaitFor
from tests.pipe.lines import Lines
from tests.pipe.parts import Collect, Counter, Double, Fragile, Hello, Mortal, NeedsMore, Stuck

from sightline.errors import Closed, ConfigError
from sightline.pipe.counts.reports import State
from sightline.pipe.mistakes import PipeError
from sightline.pipe.parent.board import EventReport
from sightline.pipe.pipe import Pipe
from sightline.pipe.settings import Policy, WireSettings
from sightline.pipe.wire import Wire
from sightline.supervise.policy import Restart

LOSSLESS = WireSettings(policy=Policy.LOSSLESS, capacity=8)
SOON = Restart(delay_s=0.05)


MakePipe = Callable[..., Pipe]


def reported(report: EventReport | None) -> EventReport:
    assert report is not None
    return report


def test_a_pipe_runs_from_start_until_its_source_is_done(make: MakePipe, log: Lines) -> None:
    pipe = make()
    source, double, collect = Counter("count", 5), Double("double"), Collect("collect")
    pipe.create_flow("numbers", False, source, double, collect)
    pipe.link(Wire(source, (double,), settings=LOSSLESS), Wire(double, collect, settings=LOSSLESS))
    pipe.build()
    assert set(pipe.pids) == {"numbers"}
    assert pipe.wait(0) is False
    pipe.notify_event("start")
    assert pipe.wait(10)
    assert log.of("numbers.collect") == ["setup", "cleanup after [0, 2, 4, 6, 8]"]
    assert pipe.pids == {}
    stats = pipe.stats().routines
    assert {stats[name].state for name in ("count", "double", "collect")} == {State.DONE}
    assert stats["collect"].processed == 5


def test_all_that_is_wrong_is_told_by_build_and_nothing_is_begun(make: MakePipe) -> None:
    pipe = make()
    source, double = Counter("same"), Double("same")
    unsent = Hello("unsent")
    unsent.lock = threading.Lock()  # type: ignore[attr-defined]
    pipe.create_flow("one", True, source, double)
    pipe.create_flow("two", False, unsent)
    with pytest.raises(PipeError) as error:
        pipe.build()
    assert [mistake.partition(":")[0] for mistake in error.value.mistakes] == [
        '2 routines are called "same", in flows one, one',
        'routine "same" is a middle, and its wires make it a destination',
        'routine "unsent" of flow "two" floats',
        'routine "unsent" cannot be sent to flow "two"',
    ]
    assert pipe.pids == {}


def test_what_cannot_be_made_in_a_flow_is_told_by_build_with_its_traceback(make: MakePipe) -> None:
    pipe = make()
    source, collect = Counter("count"), Collect("collect")
    collect.camera = NeedsMore()  # type: ignore[attr-defined]
    pipe.create_flow("good", True, Counter("fine"), Collect("too"))
    pipe.create_flow("bad", True, source, collect)
    with pytest.raises(PipeError, match='flow "bad" cannot be made: (.|\n)*no licence on this machine'):
        pipe.build()
    assert pipe.pids == {}


def test_stop_cleans_up_and_start_sets_up_again(make: MakePipe, log: Lines) -> None:
    pipe = make()
    pipe.create_flow("numbers", True, Counter("count"), Collect("collect"))
    pipe.build()
    for _ in range(3):
        assert set(reported(pipe.notify_event("start", wait=True)).done) == {"count", "collect"}
        assert reported(pipe.notify_event("stop", wait=True)).ok
    assert [line.split()[0] for line in log.of("numbers.collect")] == ["setup", "cleanup"] * 3
    report = reported(pipe.notify_event("kill", wait=True))
    assert report.ok
    assert sorted(report.done) == ["collect", "count"]
    pipe.join()
    assert pipe.pids == {}
    pipe.join(to_kill=True)
    with pytest.raises(Closed, match="nobody takes it any more"):
        pipe.notify_event("start")


def test_a_setup_that_fails_is_told_and_can_be_tried_again(make: MakePipe, log: Lines) -> None:
    pipe = make()
    pipe.create_flow("numbers", True, Counter("count"), Fragile("fragile"))
    pipe.build()
    report = reported(pipe.notify_event("start", wait=True))
    assert report.done == ("count",)
    assert report.failed == {"fragile": "setup: OSError: no such camera"}
    assert "numbers.fragile failed: setup: OSError: no such camera" in "\n".join(log.lines)
    pipe.notify_event("stop", {"numbers": ["fragile"]})
    assert reported(pipe.notify_event("start", {"numbers": ["fragile"]}, wait=True)).ok
    assert log.of("numbers.fragile")[-1] == "setup"


def test_one_flow_can_be_killed_and_the_others_go_on(make: MakePipe, wait_for: WaitFor) -> None:
    pipe = make()
    pipe.create_flow("one", True, Counter("count1"), Collect("collect1"))
    pipe.create_flow("two", True, Counter("count2"), Collect("collect2"))
    pipe.build()
    pipe.notify_event("start", wait=True)
    pipe.notify_event("kill", {"one": []}, wait=True)
    wait_for(lambda: set(pipe.pids) == {"two"}, 30, "the process to end")
    with pytest.raises(Closed):
        pipe.notify_event("start", {"one": []})
    assert set(reported(pipe.notify_event("stop", wait=True)).done) == {"count2", "collect2"}


def test_stop_of_a_routine_that_hangs_returns_by_its_deadline_and_kill_ends_it(
    make: MakePipe, log: Lines, wait_for: WaitFor
) -> None:
    pipe = make(stop_s=2.0)
    pipe.create_flow("numbers", True, Counter("count"), Stuck("stuck"))
    pipe.build()
    pipe.notify_event("start", wait=True)
    wait_for(lambda: log.of("numbers.stuck"), 30, "a routine that is stuck")
    begun = time.monotonic()
    report = reported(pipe.notify_event("stop", wait=True))
    assert time.monotonic() - begun < 6
    assert report.done == ("count",)
    assert "was not carried out within 2.0 s" in report.failed["stuck"]
    assert "in main_logic" in "\n".join(log.of("numbers.stuck"))
    begun = time.monotonic()
    pipe.join(to_kill=True)
    assert time.monotonic() - begun < 12
    assert pipe.pids == {}


def test_a_routine_that_hangs_has_its_flow_begun_again_where_that_is_wished(
    make: MakePipe, wait_for: WaitFor
) -> None:
    pipe = make(hung_s=1.0, stop_s=0.2, restart=SOON)
    pipe.create_flow("hangs", True, Counter("count"), Stuck("stuck"))
    pipe.create_flow("works", True, Counter("count2", every_s=0.5), Collect("collect"))
    pipe.build()
    first = pipe.pids
    pipe.notify_event("start", wait=True)
    wait_for(lambda: pipe.pids.get("hangs", first["hangs"]) != first["hangs"], 20, "another process")
    assert pipe.pids["works"] == first["works"]


def test_a_flow_that_dies_is_begun_again_and_started(make: MakePipe, log: Lines, wait_for: WaitFor) -> None:
    pipe = make(restart=SOON)
    pipe.create_flow("frail", True, Counter("count"), Collect("collect"))
    pipe.create_flow("other", True, Hello("hello"), Collect("collect2"))
    pipe.build()
    pipe.notify_event("start", wait=True)
    first = pipe.pids
    os.kill(first["frail"], signal.SIGKILL)
    wait_for(lambda: log.of("frail.collect") == ["setup"] * 2, 30, "the other process to be started")
    assert pipe.pids["frail"] != first["frail"]
    assert pipe.pids["other"] == first["other"]
    assert reported(pipe.notify_event("stop", wait=True)).ok


def test_what_a_flow_that_died_had_not_answered_failed(make: MakePipe) -> None:
    pipe = make(restart=SOON)
    pipe.create_flow("frail", True, Hello("hello"), Collect("collect"))
    pipe.build()
    report = reported(pipe.notify_event("die", wait=True))
    assert "SIGKILL" in report.failed["hello"]
    assert reported(pipe.notify_event("hello", wait=True)).ok


def test_a_flow_that_dies_again_and_again_is_given_up_and_nobody_waits_for_it(
    make: MakePipe, log: Lines
) -> None:
    pipe = make(restart=Restart(delay_s=0.01, most_ends=2))
    pipe.create_flow("bad", True, Mortal("mortal"), Collect("collect"))
    pipe.create_flow("good", True, Counter("count", 3), Collect("collect2"))
    pipe.build()
    pipe.notify_event("start")
    assert pipe.wait(20)
    with pytest.raises(Closed):
        pipe.notify_event("start")


def test_two_pipes_live_side_by_side(make: MakePipe, log: Lines) -> None:
    pipes = [make(), make()]
    for pipe in pipes:
        pipe.create_flow("numbers", True, Counter("count"), Hello("hello"))
        pipe.build()
    assert reported(pipes[0].notify_event("hello", to="one", wait=True)).number == 1
    assert reported(pipes[1].notify_event("hello", to="two", wait=True)).number == 1
    pipes[0].join(to_kill=True)
    assert reported(pipes[1].notify_event("hello", to="again", wait=True)).ok
    assert log.of("numbers.hello") == ["hello one", "hello two", "hello again"]
    with pytest.raises(ConfigError, match="of this pipe's own"):
        Pipe(event_board=pipes[0].event_board)


def test_a_block_ends_its_pipe_also_by_an_exception(make: MakePipe, log: Lines) -> None:
    def broken(pipe: Pipe) -> None:
        with pipe:
            pipe.create_flow("numbers", True, Counter("count"), Collect("collect"))
            pipe.build()
            pipe.notify_event("start", wait=True)
            raise KeyError("mine")

    pipe = make()
    with pytest.raises(KeyError):
        broken(pipe)
    assert pipe.pids == {}
    assert log.of("numbers.collect")[-1].startswith("cleanup")


def test_wires_are_changed_while_the_pipe_runs(make: MakePipe, log: Lines, wait_for: WaitFor) -> None:
    pipe = make()
    source, one, two = Counter("count"), Collect("one"), Collect("two")
    pipe.create_flow("numbers", False, source, one, two)
    pipe.link(Wire(source, (one, two)))
    pipe.build()
    pipe.notify_event("start", wait=True)

    def processed(name: str) -> int:
        return pipe.stats().routines[name].processed

    wait_for(lambda: processed("one") and processed("two"), 30, "both to get something")
    pipe.unlink(source, two)
    stays = processed("two")
    more = processed("one") + 5
    wait_for(lambda: processed("one") > more, 30, "the one to get more")
    assert processed("two") <= stays + 1
    assert "> two" not in pipe.draw()
    pipe.link(Wire(source, two, settings=LOSSLESS))
    wait_for(lambda: processed("two") > stays + 5, 30, "the other to get more again")
    with pytest.raises(PipeError, match="wires go in a circle|is a source"):
        pipe.link(Wire(one, source))
    with pytest.raises(ConfigError, match="no wire leads from one to two"):
        pipe.unlink("one", "two")


def test_who_was_unlinked_is_not_waited_for(make: MakePipe, wait_for: WaitFor) -> None:
    pipe = make()
    endless, short, other, collect = (
        Counter("endless"),
        Counter("short", 50),
        Collect("other"),
        Collect("collect"),
    )
    pipe.create_flow("numbers", False, endless, short, other, collect)
    pipe.link(Wire(endless, (other, collect)), Wire(short, collect))
    pipe.build()
    pipe.notify_event("start", wait=True)
    pipe.unlink(endless, collect)
    wait_for(lambda: pipe.stats().routines["collect"].state is State.DONE, 30, "a routine to be done")


def test_what_a_flow_began_ends_with_it(make: MakePipe) -> None:
    me = psutil.Process()
    others = set(me.children())  # servers of other tests
    pipe = make()
    pipe.create_flow("numbers", True, Counter("count"), Collect("collect"))
    pipe.build()
    assert {child.pid for child in set(me.children()) - others} == set(pipe.pids.values())
    pipe.close()
    assert not set(me.children()) - others
