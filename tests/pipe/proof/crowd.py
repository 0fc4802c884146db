"""A pipe to be killed: routines that can tell afterwards what became of each picture and each number.

Whatever they count they keep in files that outlive their processes (`Numbers`). A shot is a tuple: in which
of their lives the routines were that handed it on, its number, and its picture, if it has one; the picture
follows from its number. Three flows are to be killed, two are to live.
"""

from __future__ import annotations

import time
from collections import deque
from enum import IntEnum
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
from tests.hub.killing.picture import SHAPES, Mark, Torn, draw, seen
from tests.hub.proof.numbers import Numbers

from sightline.pipe.handlers import events
from sightline.pipe.pipe import Pipe
from sightline.pipe.roles import DestinationRoutine, MiddleRoutine, SourceRoutine
from sightline.pipe.routine import Routine
from sightline.pipe.settings import Policy, WireSettings
from sightline.pipe.wire import Wire
from sightline.supervise.policy import Restart

Shot: TypeAlias = tuple[tuple[int, ...], int, Any]
MORTAL: Final = ("cameras", "work", "looks")
AT_ONCE: Final = Restart(delay_s=0.02, most_delay_s=0.02, most_ends=1_000_000)
CAPACITY: Final = 8
PACE_S: Final = 0.001
SLOW_S: Final = 0.003
REST, GO_ON = "rest", "go on"


class Count(IntEnum):
    """Places in the file of a routine. `NEXT`: of a maker, the number of its next shot; of a looker, the one
    behind the last that it saw. `MISSED`: numbers that a looker never saw, before the last that it did."""

    LIVES = 0
    NEXT = 1
    SEEN = 2
    MISSED = 3
    WRONG = 4


class Witness(Routine):
    """One of them. `folder`: where its file is."""

    def __init__(self, name: str, folder: Path) -> None:
        super().__init__(name)
        self.file = folder / f"{name}.numbers"
        self.resting = False
        Numbers(self.file, len(Count))

    def setup(self) -> None:
        self.numbers = Numbers(self.file)
        self.numbers[Count.LIVES] += 1
        self.life = self.numbers[Count.LIVES]

    @events(REST)
    def rest(self) -> None:
        self.resting = True

    @events(GO_ON)
    def go_on(self) -> None:
        self.resting = False


class Maker(Witness, SourceRoutine):
    """Pictures of writer `writer`, of several sizes; 0: numbers alone."""

    def __init__(self, name: str, folder: Path, writer: int = 0) -> None:
        super().__init__(name, folder)
        self.writer = writer

    def main_logic(self) -> Shot | None:
        time.sleep(PACE_S)
        if self.resting:
            return None
        number = self.numbers[Count.NEXT]
        self.numbers[Count.NEXT] = number + 1
        shape = SHAPES[number // 50 % 2]
        picture = draw(np.empty(shape, np.uint8), self.writer, number) if self.writer else None
        return (self.life,), number, picture


class Passer(Witness, MiddleRoutine):
    """Hands on what it gets, uncopied."""

    def main_logic(self, data: Shot) -> Shot:
        lives, number, picture = data
        return (*lives, self.life), number, picture


class Copier(Witness, MiddleRoutine):
    """Draws a picture of its own for each."""

    def __init__(self, name: str, folder: Path, writer: int) -> None:
        super().__init__(name, folder)
        self.writer = writer

    def main_logic(self, data: Shot) -> Shot:
        lives, number, picture = data
        return (*lives, self.life), number, draw(np.empty_like(picture), self.writer, number)


class Looker(Witness, DestinationRoutine):
    """Looks at each byte, keeps the last few, and looks again before it lets go.

    Args:
        writer: whose pictures come.
        lossless: whether nothing may be missing while all that handed it on live.
        keeps: how many pictures it keeps.
        pause_s: how long it takes for each: where that is long, much waits for it when somebody dies.
    """

    def __init__(
        self,
        name: str,
        folder: Path,
        writer: int = 0,
        *,
        lossless: bool = True,
        keeps: int = 0,
        pause_s: float = 0.0,
    ) -> None:
        super().__init__(name, folder)
        self.writer = writer
        self.lossless = lossless
        self.keeps = keeps
        self.pause_s = pause_s
        self.lives: tuple[int, ...] = ()
        self.kept: deque[tuple[int, Any]] = deque()

    def main_logic(self, data: Shot) -> None:
        time.sleep(self.pause_s)
        lives, number, picture = data
        numbers, same = self.numbers, lives == self.lives
        missed = number - numbers[Count.NEXT]
        if missed < 0 or (missed and same and self.lossless):
            self._wrong(f"{number} in the place of {numbers[Count.NEXT]}, of {lives} after {self.lives}")
        self.lives = lives
        self._look(number, picture)
        numbers[Count.MISSED] += missed
        numbers[Count.SEEN] += 1
        numbers[Count.NEXT] = number + 1
        if picture is not None:
            self.kept.append((number, picture))
        self._let_go(0 if self.resting else self.keeps)

    @events(REST)
    def rest(self) -> None:
        super().rest()
        self._let_go(0)

    def _let_go(self, keeps: int) -> None:
        while len(self.kept) > keeps:
            self._look(*self.kept.popleft())

    def _look(self, number: int, picture: Any) -> None:
        if picture is None:
            return
        try:
            mark = seen(picture)
        except Torn as error:
            self._wrong(str(error))
            return
        if mark != Mark(self.writer, number, picture.size):
            self._wrong(f"{mark} as number {number}")

    def _wrong(self, what: str) -> None:
        self.numbers[Count.WRONG] += 1
        print(f"wrong at {self.name}: {what}", flush=True)


class Track(NamedTuple):
    """From a maker to a looker. `flows`: all that it leads through."""

    maker: str
    looker: str
    flows: tuple[str, ...]
    lossless: bool = True


TRACKS: Final = (
    Track("shots", "looker", ("cameras", "work", "looks")),
    Track("shots", "copies", ("cameras", "work", "looks")),
    Track("shots", "glancer", ("cameras", "looks"), lossless=False),
    Track("ticks", "tally", ("cameras", "looks")),
    Track("ticks", "old tally", ("cameras", "old")),
    Track("old shots", "old looker", ("old", "older")),
    Track("old shots", "guest", ("old", "looks")),
)


def crowd(folder: Path) -> Pipe:
    """All of them, not built yet."""
    shots, ticks = Maker("shots", folder, 1), Maker("ticks", folder)
    passer, copier = Passer("passer", folder), Copier("copier", folder, 2)
    looker, copies = (
        Looker("looker", folder, 1, keeps=3),
        Looker("copies", folder, 2, keeps=1, pause_s=SLOW_S),
    )
    glancer, tally = (
        Looker("glancer", folder, 1, lossless=False, keeps=2),
        Looker("tally", folder, pause_s=SLOW_S),
    )
    old_shots, old_tally = Maker("old shots", folder, 3), Looker("old tally", folder)
    old_looker, guest = Looker("old looker", folder, 3, keeps=3), Looker("guest", folder, 3, keeps=2)
    pipe = Pipe(restart=AT_ONCE, stop_s=10.0)
    pipe.create_flow("cameras", False, shots, ticks)
    pipe.create_flow("work", False, passer, copier)
    pipe.create_flow("looks", False, looker, copies, glancer, tally, guest)
    pipe.create_flow("old", False, old_shots, old_tally)
    pipe.create_flow("older", False, old_looker)
    lossless = WireSettings(policy=Policy.LOSSLESS, capacity=CAPACITY)
    record = WireSettings(policy=Policy.RECORD, capacity=CAPACITY)
    pipe.link(
        Wire(shots, (passer, copier), settings=lossless),
        Wire(passer, looker, settings=lossless),
        Wire(copier, copies, settings=lossless),
        Wire(shots, glancer, settings=WireSettings(capacity=2)),
        Wire(ticks, (tally, old_tally), settings=record),
        Wire(old_shots, (old_looker, guest), settings=lossless),
    )
    return pipe
