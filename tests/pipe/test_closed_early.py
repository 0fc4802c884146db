"""Pipes that are closed by another thread while they are built."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.conftest import WaitFor
from tests.pipe.lines import Lines
from tests.pipe.parts import Collect, Counter

from sightline.errors import Closed
from sightline.pipe import Pipe, PipeError
from sightline.pipe.parent import Parent


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
