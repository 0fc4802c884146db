"""Ours: `passed`, what came goes on as it is; `placed`, the same of a picture that is made where it is sent
from; `hops`, the middle makes a picture of its own of each;
`events` calls those of a chain of 20 routines, `busy` while messages run along it."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np

from benches.board import SHAPES, Board, Calls, Feed, Tally
from benches.roles.chain import held
from benches.roles.job import Job
from sightline.pipe import (
    START_EVENT_NAME,
    DestinationRoutine,
    Pipe,
    QueueNetwork,
    Routine,
    RoutineSettings,
    SharedMemoryTransmitter,
    SourceRoutine,
    Wire,
    events,
)

FLOWS = 3
ROUTINES = 20
_BUSY_FPS = 500.0
_LOOK = "look"
_quiet = logging.getLogger("quiet")


class Source(SourceRoutine):
    def __init__(self, folder: Path, size: str) -> None:
        super().__init__("source")
        self._folder, self._size = folder, size

    def setup(self) -> None:
        self._feed = Feed(Board(self._folder / "board"), self._size)

    def main_logic(self) -> Any:
        feed = self._feed
        feed.wait()
        return feed.next()


class Placing(Source):
    def main_logic(self) -> Any:
        feed = self._feed
        feed.wait()
        picture = self.array(SHAPES[self._size])
        feed.stamp(picture)
        return picture


class Destination(DestinationRoutine):
    def __init__(self, folder: Path, size: str) -> None:
        super().__init__("destination")
        self._folder, self._size = folder, size

    def setup(self) -> None:
        self._tally = Tally(Board(self._folder / "board"), 0, self._size)

    def main_logic(self, data: Any) -> None:
        self._tally.hit(data)


class Passing(Routine):
    def main_logic(self, data: Any) -> Any:
        return data

    @events(_LOOK)
    def look(self) -> None:
        """Heard."""


class Copying(Passing):
    def main_logic(self, data: Any) -> Any:
        own = self.array(data.shape)
        np.copyto(own, data)
        return own


class Ticking(Passing):
    settings = RoutineSettings(rate_fps=_BUSY_FPS)

    def main_logic(self, _data: Any = None) -> Any:
        return {"tick": 1}


def chain(job: Job) -> None:
    network = QueueNetwork(max_queue_sizes=held(job), put_block=True)
    pipe = Pipe(network=network, logger=_quiet, data_transmitter=SharedMemoryTransmitter())
    middle = Copying("middle") if job.variant == "hops" else Passing("middle")
    source = (Placing if job.variant == "placed" else Source)(job.folder, job.size)
    _lay_out(pipe, [source, middle, Destination(job.folder, job.size)])
    with pipe:
        pipe.build()
        job.wait_for_go()
        pipe.notify_event(START_EVENT_NAME)
        pipe.wait()


def call(job: Job, calls: Calls) -> None:
    """Events to 20 routines in three flows, each waited for."""
    pipe = Pipe(network=QueueNetwork(max_queue_sizes=held(job)), logger=_quiet)
    _lay_out(pipe, [Ticking("0"), *(Passing(f"{number}") for number in range(1, ROUTINES))])
    with pipe:
        pipe.build()
        if job.variant == "busy":
            pipe.notify_event(START_EVENT_NAME, wait=True)
        job.wait_for_go()
        while True:
            began_ns = calls.begin()
            report = pipe.notify_event(_LOOK, wait=True)
            if report is None or len(report.done) != ROUTINES:
                raise RuntimeError(f"expected {ROUTINES} routines to answer, got {report}")
            calls.end(began_ns)


def _lay_out(pipe: Pipe, routines: list[Routine]) -> None:
    """In a chain that runs through the flows, as many in each, or nearly."""
    size = -(-len(routines) // FLOWS)
    for number in range(FLOWS):
        pipe.create_flow(f"flow {number}", False, *routines[number * size : (number + 1) * size])
    pipe.link(*map(Wire, routines, routines[1:]))
