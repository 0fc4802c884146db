"""Wires that are put, changed and refused while a pipe runs: nothing is lost by it, nobody waits for ever."""

import errno
import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.conftest import WaitFor
from tests.pipe.lines import Lines
from tests.pipe.parts import Collect, Counter, Hello

from sightline.errors import ConfigError
from sightline.pipe import (
    BasicTransmitter,
    DestinationRoutine,
    Pipe,
    PipeError,
    Policy,
    Wire,
    WireSettings,
    events,
)

LOSSLESS = WireSettings(policy=Policy.LOSSLESS, capacity=16)
MakePipe = Callable[..., Pipe]


class Slow(DestinationRoutine):
    def main_logic(self, data: int) -> None:
        time.sleep(0.002)


class Locked(BasicTransmitter):
    """It cannot be sent to a flow."""

    def __init__(self) -> None:
        self.lock = threading.Lock()


def two_flows(pipe: Pipe, **settings: Any) -> tuple[Counter, Collect]:
    """A source in flow a, a destination in flow b, wired; and one routine more in each."""
    source, collect = Counter("count", every_s=0.001), Collect("collect")
    pipe.create_flow("a", False, source, here := Collect("here"))
    pipe.create_flow("b", False, other := Counter("other", every_s=0.001), collect)
    pipe.link(Wire(source, here), Wire(other, collect), Wire(source, collect, **settings))
    return source, collect


def test_a_wire_within_a_flow_touches_none_that_leaves_it(make: MakePipe, wait_for: WaitFor) -> None:
    pipe = make()
    source, here, there = Counter("count", every_s=0.0), Collect("here"), Slow("there")
    pipe.create_flow("a", False, source, here)
    pipe.create_flow("b", False, there)
    pipe.create_flow("c", False, ticks := Counter("ticks", every_s=0.05))
    pipe.link(Wire(source, there, settings=LOSSLESS), Wire(ticks, here))
    pipe.build()
    pipe.notify_event("start", wait=True)

    def left() -> int:
        return pipe.stats().wire("count", "there").left

    wait_for(lambda: left() > 100, 30, "messages to cross")
    begun = time.monotonic()
    pipe.link(Wire(source, here, settings=LOSSLESS))
    assert time.monotonic() - begun < 1.5, "a trunk that is given up costs two seconds"
    more = left() + 100
    wait_for(lambda: left() > more, 30, "more to cross")
    wire = pipe.stats().wire("count", "there")
    assert wire.dropped == {}
    assert 0 <= wire.waiting <= 3 * LOSSLESS.capacity


def ended_flow(pipe: Pipe) -> None:
    """Kill flow b, whose process ends by that."""
    report = pipe.notify_event("kill", {"b": []}, wait=True)
    assert report is not None
    assert report.ok


@pytest.mark.parametrize("settings", [LOSSLESS, WireSettings()])
def test_a_wire_to_a_flow_that_is_over_holds_up_nobody(
    make: MakePipe, wait_for: WaitFor, settings: WireSettings
) -> None:
    pipe = make()
    source, collect = two_flows(pipe)
    pipe.build()
    pipe.notify_event("start", wait=True)
    ended_flow(pipe)
    wait_for(lambda: "b" not in pipe.pids, 30, "the flow to be over")
    pipe.link(Wire(source, collect, settings=settings))
    given = pipe.stats().routines["count"].given + 50
    wait_for(lambda: pipe.stats().routines["count"].given > given, 30, "its source to go on")


def test_a_wire_from_a_flow_that_is_over_has_ended(make: MakePipe, wait_for: WaitFor) -> None:
    pipe = make()
    source, here = Counter("count", most=3), Collect("here")
    pipe.create_flow("a", True, source, here)
    pipe.create_flow("b", True, other := Counter("other"), Collect("collect"))
    pipe.build()
    pipe.notify_event("start", {"b": []}, wait=True)
    ended_flow(pipe)
    wait_for(lambda: "b" not in pipe.pids, 30, "the flow to be over")
    pipe.link(Wire(other, here, settings=LOSSLESS))
    pipe.notify_event("start", wait=True)
    assert pipe.wait(30), "nothing comes any more from who is over"


def test_a_transmitter_that_cannot_be_sent_is_refused_and_nothing_changed(
    make: MakePipe, wait_for: WaitFor
) -> None:
    pipe = make()
    source, collect = two_flows(pipe)
    pipe.build()
    pipe.notify_event("start", wait=True)
    with pytest.raises(PipeError, match=r'"count" to "collect".*cannot be sent.*lock'):
        pipe.link(Wire(source, collect, data_transmitter=Locked()))
    pipe.link(Wire(source, collect, settings=LOSSLESS))
    assert pipe.stats().wire("count", "collect").policy is Policy.LOSSLESS
    before = pipe.stats().wire("count", "collect").left
    wait_for(lambda: pipe.stats().wire("count", "collect").left > before + 20, 30, "it to be used on")


def test_a_link_for_which_no_descriptor_is_left_changes_nothing(
    make: MakePipe, wait_for: WaitFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe = make()
    source, there = Counter("count", every_s=0.001), Collect("there")
    pipe.create_flow("a", True, source, Collect("here"))
    pipe.create_flow("b", True, Counter("other"), there)
    pipe.build()
    pipe.notify_event("start", wait=True)
    before = pipe.draw()

    def scarce() -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    with monkeypatch.context() as patched:
        patched.setattr(socket, "socketpair", scarce)
        with pytest.raises(OSError, match="Too many open files"):
            pipe.link(Wire(source, there, settings=LOSSLESS))
    assert pipe.draw() == before
    assert {(wire.source, wire.destination) for wire in pipe.stats().wires} == {
        ("count", "here"),
        ("other", "there"),
    }
    pipe.link(Wire(source, there, settings=LOSSLESS))
    wait_for(lambda: pipe.stats().wire("count", "there").left > 20, 30, "messages to cross")


class Handler(logging.Handler):
    """Calls something for each line, in the thread of the pipe that hears its flows."""

    def __init__(self, call: Callable[[], object]) -> None:
        super().__init__()
        self.call = call
        self.raised: list[BaseException] = []
        self.called = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self.call()
        except ConfigError as error:
            self.raised.append(error)
        self.called.set()


@pytest.mark.parametrize("does", ["link", "unlink", "wait", "join", "create_flow", "build"])
def test_a_handler_of_the_log_that_would_wait_for_its_pipe_is_refused(
    make: MakePipe, log: Lines, does: str
) -> None:
    logger = log.logger()
    pipe = make(logger=logger)
    pipe.create_flow("flow", True, hello := Hello("hello"), collect := Collect("collect"))
    calls: dict[str, Callable[[], object]] = {
        "link": lambda: pipe.link(Wire(hello, collect, settings=LOSSLESS)),
        "unlink": lambda: pipe.unlink(hello, collect),
        "wait": pipe.wait,
        "join": pipe.join,
        "create_flow": lambda: pipe.create_flow("late", False, Collect("late")),
        "build": pipe.build,
    }
    pipe.build()
    handler = Handler(calls[does])
    logger.addHandler(handler)
    with ThreadPoolExecutor(1) as threads, pipe._lock:  # as another thread has it that links
        asked = threads.submit(pipe.notify_event, "hello", wait=30)
        assert handler.called.wait(30)
        assert asked.result(30)
    assert handler.raised


class Prints(Hello):
    @events("print")
    def print_it(self) -> None:
        print("a line")


@pytest.mark.parametrize("does", ["close", "wait"])
def test_who_is_called_with_a_line_cannot_wait_for_its_pipe(make: MakePipe, does: str) -> None:
    heard: list[tuple[str, str]] = []
    refused = threading.Event()

    def on_line(flow: str, line: str) -> None:
        heard.append((flow, line))
        try:
            getattr(pipe, does)()
        except ConfigError:
            refused.set()

    pipe = make(on_line=on_line)
    pipe.create_flow("flow", True, Prints("prints"), Collect("collect"))
    pipe.build()
    pipe.notify_event("print", wait=30)
    assert refused.wait(30), "it would wait for itself"
    assert heard == [("flow", "a line")]
