"""What breaks in the parent of a pipe: it costs what it concerns, and is said."""

import errno
import os
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.conftest import WaitFor
from tests.pipe.lines import Lines
from tests.pipe.parts import Collect, Counter

from sightline.errors import Closed, SharingError
from sightline.pipe import BasicTransmitter, Pipe, PipeError, Wire
from sightline.pipe.counts.audit import Audit
from sightline.pipe.counts.ledger import Ledger
from sightline.pipe.parent.keeping import Keeping
from sightline.supervise.policy import Restart

SOON = Restart(delay_s=0.05)
MakePipe = Callable[..., Pipe]


@pytest.fixture
def log() -> Lines:
    return Lines()


@pytest.fixture
def make(no_leaks: None, log: Lines) -> Iterator[MakePipe]:
    pipes: list[Pipe] = []

    def made(**settings: Any) -> Pipe:
        pipes.append(Pipe(logger=log.logger(), **settings))
        return pipes[-1]

    yield made
    for pipe in pipes:
        pipe.close()


def two_flows(pipe: Pipe) -> tuple[Counter, Collect]:
    source, collect = Counter("count", every_s=0.001), Collect("collect")
    pipe.create_flow("a", False, source)
    pipe.create_flow("b", False, collect)
    pipe.link(Wire(source, collect))
    return source, collect


class Locked(BasicTransmitter):
    def __init__(self) -> None:
        self.lock = threading.Lock()


def test_a_transmitter_that_cannot_be_sent_is_a_mistake(make: MakePipe) -> None:
    pipe = make()
    source, collect = Counter("count"), Collect("collect")
    pipe.create_flow("a", False, source)
    pipe.create_flow("b", False, collect)
    pipe.link(Wire(source, collect, data_transmitter=Locked()))
    with pytest.raises(PipeError, match=r'"count" to "collect".*cannot be sent.*lock'):
        pipe.build()
    assert pipe.pids == {}


class Scarce:
    """A call of the system that is refused the next `times` times."""

    def __init__(self, call: Callable[..., Any]) -> None:
        self.call = call
        self.times = 0
        self.refused = 0

    def __call__(self, *arguments: Any) -> Any:
        if self.times and threading.current_thread().name == "sightline-pipe":
            self.times -= 1
            self.refused += 1
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return self.call(*arguments)


@pytest.mark.parametrize(("module", "name"), [(os, "dup"), (socket, "socketpair")])
def test_a_flow_for_which_no_descriptor_is_left_is_begun_again(
    make: MakePipe,
    log: Lines,
    wait_for: WaitFor,
    monkeypatch: pytest.MonkeyPatch,
    module: Any,
    name: str,
) -> None:
    pipe = make(restart=SOON)
    two_flows(pipe)
    scarce = Scarce(getattr(module, name))
    monkeypatch.setattr(module, name, scarce)
    pipe.build()
    pipe.notify_event("start", wait=True)
    first = pipe.pids
    scarce.times = 1
    os.kill(first["b"], 9)
    wait_for(lambda: scarce.refused, 30, "it to be refused")
    before = pipe.stats().routines["collect"].processed
    wait_for(lambda: pipe.stats().routines["collect"].processed > before + 20, 30, "it to run again")
    assert pipe.pids["a"] == first["a"]
    assert not pipe.wait(0)


def test_a_build_says_for_which_flow_no_descriptor_was_left(
    make: MakePipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe = make(restart=Restart(delay_s=10))
    two_flows(pipe)
    monkeypatch.setattr(os, "dup", scarce := Scarce(os.dup))
    scarce.times = 1
    with pytest.raises(PipeError, match=r'flow "a".*Too many open files'):
        pipe.build()


def test_a_pipe_that_breaks_says_so_to_whoever_waits(
    make: MakePipe, log: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("as asked")

    pipe = make()
    two_flows(pipe)
    pipe.build()
    pipe.notify_event("start", wait=True)
    monkeypatch.setattr(Keeping, "told", broken)
    pipe.notify_event("stop", {"a": []})
    with pytest.raises(Closed, match=r"RuntimeError.*as asked"):
        pipe.wait(30)
    assert pipe.pids == {}
    assert any("as asked" in line for line in log.lines)


def test_a_pipe_that_breaks_twice_still_ends(make: MakePipe, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("as asked")

    pipe = make()
    two_flows(pipe)
    pipe.build()
    monkeypatch.setattr(Audit, "ended", broken)
    monkeypatch.setattr(Keeping, "told", broken)
    pipe.notify_event("start")
    with pytest.raises(Closed, match="as asked"):
        pipe.wait(30)


def test_a_pipe_that_cannot_be_made_for_want_of_descriptors_keeps_none(
    make: MakePipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe = make()
    two_flows(pipe)
    made = Ledger.made
    ledgers: list[Ledger] = []

    def one_alone() -> Ledger:
        if ledgers:
            raise SharingError("no memory for a flow's counts")
        ledgers.append(made())
        return ledgers[0]

    with monkeypatch.context() as patched:
        patched.setattr(Ledger, "made", one_alone)
        with pytest.raises(SharingError, match="no memory"):
            pipe.build()
    assert ledgers[0].fd == -1
    pipe.build()
