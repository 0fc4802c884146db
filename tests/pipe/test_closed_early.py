"""Pipes that are closed by another thread while they are built."""

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from time import monotonic

import pytest
from tests.conftest import WaitFor
from tests.pipe.lines import Lines
from tests.pipe.parts import Collect, Counter, Late

from sightline.errors import Closed
from sightline.pipe import Pipe, Wire
from sightline.pipe.parent.far_flow import FarFlow
from sightline.pipe.parent.keeping import Keeping
from sightline.pipe.parent.parent import Parent
from sightline.supervise import Restart, State


def made() -> Pipe:
    pipe = Pipe(logger=Lines().logger())
    pipe.create_flow("flow", True, Counter("count"), Collect("collect"))
    return pipe


def test_a_build_that_is_broken_off_says_so_and_leaves_nothing(no_leaks: None, wait_for: WaitFor) -> None:
    pipe = made()
    with ThreadPoolExecutor(1) as threads:
        building = threads.submit(pipe.build)
        wait_for(lambda: pipe.pids, 30, "its process")
        pipe.close()
        assert isinstance(building.exception(30), Closed)
    assert pipe.pids == {}


def test_what_is_closed_before_its_processes_begin_never_begins_them(
    no_leaks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe = made()
    about_to_begin, go_on = threading.Event(), threading.Event()
    start = Parent.start

    def held_up(parent: Parent) -> None:
        about_to_begin.set()
        go_on.wait(30)
        start(parent)

    monkeypatch.setattr(Parent, "start", held_up)
    with ThreadPoolExecutor(1) as threads:
        building = threads.submit(pipe.build)
        assert about_to_begin.wait(30)
        pipe.close()
        go_on.set()
        assert isinstance(building.exception(30), Closed)
    assert pipe.pids == {}
    pipe.close()


def test_a_flow_that_waits_to_be_begun_again_holds_up_no_end(no_leaks: None, wait_for: WaitFor) -> None:
    pipe = Pipe(logger=Lines().logger(), stop_s=60.0, restart=Restart(delay_s=600.0, most_delay_s=600.0))
    pipe.create_flow("flow", True, Counter("count"), Collect("collect"))
    pipe.build()
    os.kill(pipe.pids["flow"], signal.SIGKILL)
    wait_for(lambda: pipe.processes["flow"].state is State.WAITING, 30, "its end")
    begun_s = monotonic()
    pipe.close()
    assert monotonic() - begun_s < 30
    assert pipe.processes["flow"].state is State.ENDED


def test_what_is_over_before_the_build_returns_was_built(no_leaks: None) -> None:
    with Pipe(logger=Lines().logger()) as pipe:
        pipe.create_flow("short", True, Counter("count", most=0), Collect("collect"))
        pipe.create_flow("killed", True, Counter("count2"), Collect("collect2"))
        pipe.notify_event("start")
        pipe.notify_event("kill", {"killed": []})
        pipe.build()
        assert pipe.wait(30)


def test_a_flow_that_dies_when_all_were_ready_is_begun_again_and_no_mistake(
    no_leaks: None, monkeypatch: pytest.MonkeyPatch, wait_for: WaitFor
) -> None:
    heed = Keeping.ready
    dead: list[int] = []

    def killed(keeping: Keeping, flow: FarFlow) -> None:
        heed(keeping, flow)
        if not dead and flow.name == "b":
            dead.append(pipe.pids["b"])
            os.kill(dead[0], signal.SIGKILL)

    monkeypatch.setattr(Keeping, "ready", killed)
    with Pipe(logger=Lines().logger(), restart=Restart(delay_s=2.0)) as pipe:
        pipe.create_flow("a", False, source := Counter("count"), late := Counter("late"))
        late.late = Late()  # type: ignore[attr-defined]  # so that both are not ready at once
        pipe.create_flow("b", False, collect := Collect("collect"))
        pipe.link(Wire(source, collect), Wire(late, collect))
        pipe.build()
        assert dead
        assert pipe.pids["b"] != dead[0]
