"""Pictures between flows that are processes: where they lie, and what is copied after all."""

import time
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.conftest import WaitFor
from tests.pipe.lines import Lines

from sightline.pipe.handlers import events
from sightline.pipe.pipe import Pipe
from sightline.pipe.roles import DestinationRoutine, MiddleRoutine, SourceRoutine
from sightline.pipe.routine import Routine
from sightline.pipe.settings import Policy, RoutineSettings, WireSettings
from sightline.pipe.wire import Wire
from sightline.pipe.wires.frame_host import PipeHost
from sightline.shm.messages import Granted
from sightline.shm.segment import can_share
from sightline.shm.slot import slot_under

pytestmark = pytest.mark.skipif(not can_share(), reason="this system cannot share pictures")
SHAPE = (200, 300)
SIZE = 200 * 300
DEEP = WireSettings(policy=Policy.LOSSLESS, capacity=20)


class Paint(SourceRoutine):
    """Gives a picture, and after "go" so many more; each number n is full of n."""

    def __init__(self, most: int, *, in_place: bool = False) -> None:
        super().__init__("paint")
        self.most, self.in_place = most, in_place
        self.number, self.may = 0, 1

    @events("go")
    def go(self) -> None:
        self.may = self.most

    def main_logic(self) -> NDArray[Any] | None:
        if self.number == self.most:
            raise StopIteration
        if self.number == self.may:
            time.sleep(0.001)
            return None
        self.number += 1
        array = self.array(SHAPE) if self.in_place else np.empty(SHAPE, np.uint8)
        if self.in_place and slot_under(array) is None:
            self.logger.info("not in place")
        array[:] = self.number % 251
        return array


class Copy(MiddleRoutine):
    """Makes a picture of its own of each."""

    def main_logic(self, data: NDArray[Any]) -> NDArray[Any]:
        array = self.array(data.shape)
        if slot_under(array) is None:
            self.logger.info("not in place")
        np.copyto(array, data)
        return array[None].reshape(-1)


class Look(DestinationRoutine):
    """Looks whether pictures are what they were; it may keep them all."""

    def __init__(self, name: str = "look", *, keeps: bool = False, looks: bool = True) -> None:
        super().__init__(name)
        self.keeps, self.looks = keeps, looks
        self.kept: list[NDArray[Any]] = []
        self.number = 0

    def main_logic(self, data: NDArray[Any]) -> None:
        self.number += 1
        assert not self.looks or (data == self.number % 251).all()
        if self.keeps:
            self.kept.append(data)


@pytest.fixture
def log(no_leaks: None) -> Lines:
    return Lines()


def run(pipe: Pipe, wait_for: WaitFor, *routines: Routine, wires: WireSettings = DEEP) -> None:
    """To the end, each in a flow of its own; the others go once one is there, and pools are known."""
    for one in routines:
        pipe.create_flow(f"of {one.name}", False, one)
    pipe.link(*(Wire(one, other, settings=wires) for one, other in pairwise(routines)))
    pipe.build()
    pipe.notify_event("start")
    last = routines[-1].name
    wait_for(lambda: pipe.stats().routines[last].processed == 1, 20, "the first picture")
    wait_for(lambda: pipe.stats().shared.pools == len(routines) - 1, 20, "pools")
    pipe.notify_event("go")
    assert pipe.wait(30)


def test_a_wire_has_slots_for_all_that_it_may_hold(log: Lines, wait_for: WaitFor) -> None:
    with Pipe(logger=log.logger()) as pipe:
        run(pipe, wait_for, Paint(21), Look(keeps=True))
        stats = pipe.stats()
    assert stats.routines["look"].processed == 21
    assert SIZE <= stats.wire("paint", "look").copied_bytes < 8 * SIZE, "before the pool was known"


def test_what_finds_no_slot_is_copied_and_counted(log: Lines, wait_for: WaitFor) -> None:
    few = WireSettings(policy=Policy.LOSSLESS, capacity=1)
    with Pipe(logger=log.logger()) as pipe:
        run(pipe, wait_for, Paint(21), Look(keeps=True), wires=few)
        stats = pipe.stats()
    wire = stats.wire("paint", "look")
    assert stats.routines["look"].processed == 21
    assert wire.copied_bytes >= (21 - 8) * SIZE
    assert wire.copied_bytes % SIZE == 0


def test_what_a_routine_writes_in_place_is_never_copied(log: Lines, wait_for: WaitFor) -> None:
    middle = Copy("middle")
    middle.settings = RoutineSettings(replicas=2)
    with Pipe(logger=log.logger()) as pipe:
        run(pipe, wait_for, Paint(1000, in_place=True), middle, Look())
        stats = pipe.stats()
    assert stats.routines["look"].processed == 1000
    assert stats.routines["middle"].failed == 0
    assert len(log.of("of middle.middle")) < 100
    assert all(wire.copied_bytes < 100 * SIZE for wire in stats.wires)
    assert len(log.of("of paint.paint")) < 100


def test_an_array_that_leaves_no_flow_is_an_ordinary_one(log: Lines) -> None:
    class Ask(SourceRoutine):
        def main_logic(self) -> NDArray[Any] | None:
            found = [slot_under(self.array(shape, np.float32)) is None for shape in (10, SHAPE)]
            self.logger.info("ordinary: %s", found)
            raise StopIteration

    assert slot_under(Ask().array(SHAPE)) is None
    with Pipe(logger=log.logger()) as pipe:
        local, leaves, here, there = Ask("local"), Ask("leaves"), Look("here"), Look("there")
        pipe.create_flow("a", False, local, leaves, here)
        pipe.create_flow("b", False, there)
        pipe.link(Wire(local, here), Wire(leaves, there))
        pipe.build()
        pipe.notify_event("start")
        assert pipe.wait(20)
    assert log.of("a.local") == ["ordinary: [True, True]"]
    assert log.of("a.leaves") == ["ordinary: [True, False]"]


def test_a_flow_that_is_cut_off_from_shared_pictures_is_begun_again(
    log: Lines, wait_for: WaitFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, heed = [False], PipeHost._heed

    def fail_once(host: PipeHost, number: int, message: Any, fd: int | None) -> None:
        if isinstance(message, Granted) and not broken[0]:
            broken[0] = True
            raise KeyError("a mistake of ours")
        heed(host, number, message, fd)

    monkeypatch.setattr(PipeHost, "_heed", fail_once)
    with Pipe(logger=log.logger()) as pipe:
        paint, look = Paint(30), Look("look", looks=False)
        paint.set_const_fps(50)  # it is to paint still when it hears of that
        pipe.create_flow("a", False, paint)
        pipe.create_flow("b", False, look)
        pipe.link(Wire(paint, look, settings=DEEP))
        pipe.build()
        pipe.notify_event("start")
        pipe.notify_event("go")
        wait_for(lambda: pipe.stats().flows["a"].restarts == 1, 20, "another process")
        pipe.notify_event("go")
        assert pipe.wait(30)
        stats = pipe.stats()
    assert stats.flows["b"].restarts == 0
    assert stats.balanced
