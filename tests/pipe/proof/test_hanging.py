"""A routine that hangs, a process that is stopped: told, and waited for until a deadline and no longer."""

import os
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from tests.conftest import WaitFor
from tests.pipe.lines import Lines
from tests.pipe.parts import Collect, Counter, Stuck

from sightline.pipe.counts.reports import State
from sightline.pipe.parent.board import EventReport
from sightline.pipe.pipe import Pipe
from sightline.pipe.settings import Policy, WireSettings
from sightline.pipe.wire import Wire
from sightline.supervise.policy import Restart

STOP_S = 0.5
BY_S = 6.0
"""Until STOP is back, on a slow machine too; far from a minute, after which a process is ended."""
SOON = Restart(delay_s=0.05)
LIVE = WireSettings(capacity=4)
LOSSLESS = WireSettings(policy=Policy.LOSSLESS, capacity=4)


class Rig:
    """Two flows: one that goes wrong, and one that is to go on; each hears of the other."""

    def __init__(self, log: Lines, **settings: float) -> None:
        self.pipe = Pipe(logger=log.logger(), restart=SOON, stop_s=STOP_S, **settings)  # type: ignore[arg-type]
        self.here, self.there = Counter("here", every_s=0.002), Counter("there", every_s=0.002)
        self.collect, self.other, self.far = Collect("collect"), Collect("other"), Collect("far")

    def build(self, *more: Stuck) -> None:
        pipe = self.pipe
        pipe.create_flow("bad", False, self.there, self.other, *more)
        pipe.create_flow("good", False, self.here, self.collect, self.far)
        pipe.link(
            Wire(self.here, (self.collect, self.other), settings=LIVE),
            Wire(self.there, (self.far, self.other, *more), settings=LIVE),
        )
        pipe.build()
        pipe.notify_event("start", wait=True)

    def processed(self, name: str) -> int:
        return self.pipe.stats().routines[name].processed

    def stop(self) -> EventReport:
        begun = time.monotonic()
        report = self.pipe.notify_event("stop", wait=True)
        assert time.monotonic() - begun < BY_S
        assert report is not None
        return report


@pytest.fixture
def log() -> Lines:
    return Lines()


MakeRig = Callable[..., Rig]


@pytest.fixture
def rig(no_leaks: None, log: Lines) -> Iterator[MakeRig]:
    rigs: list[Rig] = []

    def made(**settings: float) -> Rig:
        rigs.append(Rig(log, **settings))
        return rigs[-1]

    yield made
    for one in rigs:
        one.pipe.close()


def test_a_routine_that_hangs_is_reported_with_its_stack_and_the_rest_goes_on(
    rig: MakeRig, log: Lines, wait_for: WaitFor
) -> None:
    one = rig()
    one.build(Stuck("stuck"))
    wait_for(lambda: log.of("bad.stuck"), 10, "a routine that hangs")
    for name in ("collect", "other", "far"):
        more = one.processed(name) + 20
        wait_for(lambda name=name, more=more: one.processed(name) > more, 20, f"{name} to go on")  # type: ignore[misc]
    report = one.stop()
    assert list(report.failed) == ["stuck"]
    assert set(report.done) == {"here", "there", "collect", "other", "far"}
    assert "in main_logic" in "\n".join(log.of("bad.stuck"))
    stats = one.pipe.stats().routines
    assert stats["stuck"].state is State.RUNNING
    assert stats["other"].state is State.STOPPED


def test_a_flow_whose_routine_hangs_is_begun_again_and_its_stacks_are_told(
    rig: MakeRig, wait_for: WaitFor, caplog: pytest.LogCaptureFixture
) -> None:
    one = rig(hung_s=1.0)
    one.build(Stuck("stuck"))
    first = one.pipe.pids
    wait_for(lambda: one.pipe.pids.get("bad", first["bad"]) != first["bad"], 30, "another process")
    assert "made no progress of stuck for 1 s" in caplog.text
    assert re.search(r'File ".*parts.py", line \d+ in main_logic', caplog.text)
    more = one.processed("collect") + 20
    wait_for(lambda: one.processed("collect") > more, 30, "the others to go on")
    assert one.pipe.pids["good"] == first["good"]


def test_stop_returns_by_its_deadline_though_a_process_is_stopped(rig: MakeRig, wait_for: WaitFor) -> None:
    one = rig()
    one.build()
    wait_for(lambda: one.processed("far") > 20, 20, "something to come")
    os.kill(one.pipe.pids["bad"], signal.SIGSTOP)
    more = one.processed("collect") + 20
    wait_for(lambda: one.processed("collect") > more, 30, "the others to go on")
    report = one.stop()
    assert set(report.done) == {"here", "collect", "far"}
    assert report.failed == dict.fromkeys(("there", "other"), "no answer in time")
    os.kill(one.pipe.pids["bad"], signal.SIGCONT)
    wait_for(lambda: one.pipe.stats().routines["there"].state is State.STOPPED, 20, "it to catch up")
    one.pipe.notify_event("start", wait=True)
    more = one.processed("far") + 20
    wait_for(lambda: one.processed("far") > more, 20, "all to go on")


def test_stop_does_not_wait_for_who_changes_wires_of_a_process_that_is_stopped(
    rig: MakeRig, wait_for: WaitFor
) -> None:
    one = rig()
    one.build()
    os.kill(one.pipe.pids["bad"], signal.SIGSTOP)
    begun = threading.Event()

    def link() -> None:
        begun.set()
        with suppress(Exception):  # it waits for the process, until that goes on or is no more
            one.pipe.link(Wire(one.here, one.other, settings=LOSSLESS))

    thread = threading.Thread(target=link)
    thread.start()
    assert begun.wait(5)
    thread.join(0.5)
    assert thread.is_alive(), "or this shows nothing"
    assert set(one.stop().done) == {"here", "collect", "far"}
    os.kill(one.pipe.pids["bad"], signal.SIGCONT)
    thread.join(20)
    assert not thread.is_alive()


def test_a_process_that_stays_stopped_is_ended_and_begun_again(rig: MakeRig, wait_for: WaitFor) -> None:
    one = rig(hung_s=1.0)
    one.build()
    first = one.pipe.pids
    os.kill(first["bad"], signal.SIGSTOP)
    wait_for(lambda: one.pipe.pids.get("bad", first["bad"]) != first["bad"], 30, "another process")
    wait_for(lambda: one.pipe.stats().routines["there"].state is State.RUNNING, 30, "it to be started")
    more = one.processed("far") + 20
    wait_for(lambda: one.processed("far") > more, 20, "all to go on")
    assert one.pipe.pids["good"] == first["good"]


def test_a_pipe_ends_though_a_process_is_stopped(rig: MakeRig) -> None:
    one = rig()
    one.build()
    os.kill(one.pipe.pids["bad"], signal.SIGSTOP)
    begun = time.monotonic()
    one.pipe.close()
    assert time.monotonic() - begun < 2 * BY_S
    assert one.pipe.pids == {}
