"""What a pipe may be given, and what it says of what it may not."""

import logging
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.conftest import WaitFor
from tests.pipe.lines import Lines
from tests.pipe.parts import Collect, Counter, Frames, Hello, Sums

from sightline.errors import ConfigError
from sightline.overflow import Overflow
from sightline.pipe import (
    DestinationRoutine,
    Pipe,
    PipeError,
    Policy,
    Restart,
    Retry,
    SourceRoutine,
    Wire,
    WireSettings,
)
from sightline.shm.segment import can_share
from sightline.shm.settings import Sharing

LOSSLESS = WireSettings(policy=Policy.LOSSLESS, capacity=16)
MakePipe = Callable[..., Pipe]


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"stop_s": -1.0}, "stop_s, got -1"),
        ({"stop_s": float("nan")}, "stop_s, got nan"),
        ({"hung_s": 0.0}, "hung_s, got 0"),
    ],
)
def test_seconds_that_cannot_be_are_told_at_once(settings: dict[str, float], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        Pipe(**settings)  # type: ignore[arg-type]


def test_a_pipe_and_a_routine_are_begun_again_by_settings_of_their_own(make: MakePipe) -> None:
    with pytest.raises(ConfigError, match="expected a Restart as restart of a pipe's flows, got <Retry.ON"):
        make(restart=Retry.ON_FAILURE)
    make(restart=Restart(delay_s=0.1))


class Own(SourceRoutine):
    """Its author took names for its own that others have too."""

    def __init__(self) -> None:
        super().__init__("own")
        self._fps = self._const_fps = 0.001
        self._reach = "far"

    def main_logic(self) -> int:
        self.left = getattr(self, "left", 3) - 1
        if not self.left:
            raise StopIteration
        assert self._reach == "far"
        return self.left


def test_a_routine_has_its_names_to_itself(make: MakePipe, log: Lines) -> None:
    pipe = make()
    pipe.create_flow("flow", True, Own(), Collect("keep"))
    pipe.build()
    pipe.notify_event("start")
    assert pipe.wait(30)
    assert log.of("flow.own") == []


class AsInPipeRT(SourceRoutine):
    def main_logic(self, data: Any) -> str:
        if self.number == 2:
            raise StopIteration
        self.number += 1
        return f"{data} {self.number}"

    def setup(self) -> None:
        self.number = 0


def test_a_source_may_be_written_as_the_others_are(make: MakePipe, log: Lines) -> None:
    pipe = make()
    pipe.create_flow("flow", False, source := AsInPipeRT("source"), keep := Collect("keep"))
    pipe.link(Wire(source, keep, settings=LOSSLESS))
    pipe.build()
    pipe.notify_event("start")
    assert pipe.wait(30)
    assert log.of("flow.keep")[-1] == "cleanup after ['None 1', 'None 2']"


def test_settings_of_a_routine_are_what_is_called_so(make: MakePipe) -> None:
    own = Own()
    own.settings = {"size": 3}  # type: ignore[assignment]
    with pytest.raises(ConfigError, match="routine own: expected RoutineSettings, got settings {'size': 3}"):
        make().create_flow("flow", True, own)


@pytest.mark.parametrize("name", ["", 7, None])
def test_a_name_is_a_text(name: Any) -> None:
    odd = Collect("odd")
    odd.name = name
    with pytest.raises(
        ConfigError, match=f"expected a text as the name of a flow or a routine, got {name!r}"
    ):
        Pipe().create_flow("flow", True, Counter("count"), odd)
    with pytest.raises(ConfigError, match="expected a text as the name"):
        Pipe().create_flow(name, True, Counter("count"), Collect("collect"))


def test_targets_are_flows_with_their_routines() -> None:
    pipe = Pipe()
    pipe.create_flow("flow", True, Hello("one"), Hello("two"))
    for wrong in ("flow", ["flow"], {"flow": "one"}):
        with pytest.raises(ConfigError, match="expected"):
            pipe.notify_event("hello", wrong)  # type: ignore[arg-type]


@dataclass
class Picked(SourceRoutine):
    """A dataclass has no hash, and our __init__ is not called."""

    left: int

    def main_logic(self) -> int:
        self.left -= 1
        if self.left < 0:
            raise StopIteration
        return self.left


@dataclass
class Kept(DestinationRoutine):
    most: int

    def setup(self) -> None:
        self.got: list[int] = []

    def main_logic(self, data: int) -> None:
        self.got = [*self.got, data][-self.most :]

    def cleanup(self) -> None:
        self.logger.info("%s", self.got)


def test_routines_may_be_dataclasses(make: MakePipe, log: Lines) -> None:
    pipe = make()
    source, kept = Picked(5), Kept(3)
    pipe.create_flow("a", False, source)
    pipe.create_flow("b", False, kept)
    pipe.link(Wire(source, kept, settings=LOSSLESS))
    assert f"{source.name} (source)" in pipe.draw()
    pipe.build()
    pipe.notify_event("start")
    assert pipe.wait(30)
    assert log.of(f"b.{kept.name}") == ["[2, 1, 0]"]


class Camera(Counter):
    live = True


def test_a_live_source_waits_only_where_that_was_said(make: MakePipe) -> None:
    camera, collect = Camera("camera", 3), Collect("collect")
    pipe = make()
    pipe.create_flow("flow", False, camera, collect)
    pipe.link(Wire(camera, collect, settings=LOSSLESS))
    with pytest.raises(
        PipeError, match='wire from "camera" to "collect" makes its source wait, which is live'
    ):
        pipe.build()
    meant = WireSettings(policy=Policy.LOSSLESS, capacity=4, overflow=Overflow.BLOCK)
    pipe.link(Wire(camera, collect, settings=meant))
    pipe.build()
    pipe.notify_event("start")
    assert pipe.wait(30)


def test_what_is_no_text_in_the_path_harms_nobody(make: MakePipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path, Path("somewhere")])
    pipe = make()
    pipe.create_flow("flow", True, Counter("count", 1), Collect("collect"))
    pipe.build()
    pipe.notify_event("start")
    assert pipe.wait(30)


class Refuses(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        raise OSError("no room on the disc")


def test_a_handler_that_fails_costs_its_line_alone(make: MakePipe, log: Lines) -> None:
    logger = log.logger()
    logger.addHandler(Refuses())
    pipe = make(logger=logger)
    pipe.create_flow("flow", True, Hello("one"), Hello("two"))
    pipe.build()
    pipe.notify_event("start", wait=True)
    pipe.notify_event("fail")  # the parent itself has something to tell of this
    report = pipe.notify_event("hello", wait=True)
    assert report is not None
    assert report.ok


class Asks(logging.Handler):
    """Wants to know of the pipe, in the thread that hears it."""

    def __init__(self) -> None:
        super().__init__()
        self.pipe: Pipe | None = None
        self.told: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if self.pipe is None or threading.current_thread().name != "sightline-pipe":
            return
        pipe = self.pipe
        asks: list[Callable[[], object]] = [
            lambda: pipe.notify_event("hello", wait=True),
            pipe.close,
            lambda: pipe.unlink("one"),
        ]
        for ask in asks:
            try:
                ask()
            except ConfigError as error:
                self.told.append(str(error))


def test_a_handler_that_would_hold_up_its_own_pipe_is_told(
    make: MakePipe, log: Lines, wait_for: WaitFor
) -> None:
    handler = Asks()
    logger = log.logger()
    logger.addHandler(handler)
    pipe = make(logger=logger)
    pipe.create_flow("flow", True, Hello("one"), Hello("two"))
    pipe.build()
    handler.pipe = pipe
    report = pipe.notify_event("hello", wait=30)
    assert report is not None
    assert report.ok
    wait_for(lambda: len(handler.told) >= 3, 30, "what the handler was told")
    assert all("to wait for that pipe" in told for told in handler.told)
    handler.pipe = None


@pytest.mark.skipif(not can_share(), reason="this system cannot share pictures")
@pytest.mark.parametrize(("sharing", "shared"), [(None, True), (Sharing(pool_bytes=1), False)])
def test_how_much_is_shared_is_the_pipes_to_say(
    make: MakePipe, log: Lines, sharing: Sharing | None, shared: bool
) -> None:
    pipe = make(sharing=sharing)
    frames, sums = Frames("frames", 20), Sums("sums")
    pipe.create_flow("a", False, frames)
    pipe.create_flow("b", False, sums)
    pipe.link(Wire(frames, sums, settings=LOSSLESS))
    pipe.build()
    pipe.notify_event("start")
    assert pipe.wait(30)
    each = int(np.prod(Frames.SHAPE))
    assert log.of("b.sums") == [str([number * each for number in range(20)])]
    assert (pipe.stats().shared.granted > 0) is shared


class Marks(DestinationRoutine):
    """Writes into what it got, and into its own copy."""

    def main_logic(self, data: NDArray[np.uint8]) -> None:
        try:
            data[0, 0] = 99
        except ValueError as error:
            mine = data.copy()
            mine[0, 0] = 99
            self.logger.info("%s; %d, %d", error, data[0, 0, 0], mine[0, 0, 0])


@pytest.mark.skipif(not can_share(), reason="this system cannot share pictures")
def test_a_picture_for_several_flows_lies_in_one_slot_and_is_its_readers_in_a_copy(
    make: MakePipe, log: Lines
) -> None:
    pipe = make(sharing=Sharing(slots=32))
    frames, readers = Frames("frames", 100), [Marks(name) for name in ("one", "two", "three")]
    pipe.create_flow("a", False, frames)
    for reader in readers:
        pipe.create_flow(f"of {reader.name}", False, reader)
    pipe.link(Wire(frames, readers, settings=LOSSLESS))
    pipe.build()
    pipe.notify_event("start")
    assert pipe.wait(30)
    for reader in readers:
        told = [f"assignment destination is read-only; {number}, 99" for number in range(100)]
        assert log.of(f"of {reader.name}.{reader.name}") == told
    shared = pipe.stats().shared
    assert shared.freed > 50, "all but the first, for which no memory is mapped yet"
    assert (shared.granted, shared.held) == (4 * shared.freed, 0), "its writer's claim, and one a reader"
