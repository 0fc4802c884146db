"""Pipes that are closed by another thread while they are built."""

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from time import monotonic

import pytest
from tests.conftest import WaitFor
from tests.pipe.lines import Lines
from tests.pipe.parts import Collect, Counter

from sightline.errors import Closed
from sightline.pipe import Pipe, PipeError
from sightline.pipe.parent import Parent
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
        assert isinstance(building.exception(30), Closed | PipeError)
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
