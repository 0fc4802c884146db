"""PipeRT: `basic` sends what there is; `shm` has the pixels in shared memory, in the dict of its `Data`, the
only kind of field that it reads back from there."""

from __future__ import annotations

import logging
import os
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

from benches.roles.chain import held
from benches.roles.job import Job, module

_MEMORY = Path("/dev/shm")


def chain(job: Job) -> None:
    pipert = module("pipert2")
    _sweep_behind()
    network = pipert.QueueNetwork(max_queue_sizes=held(job), put_block=True)
    transmitter = pipert.SharedMemoryTransmitter() if _shared(job) else pipert.BasicTransmitter()
    logger = logging.getLogger("quiet")
    logger.setLevel(logging.ERROR)
    logger.addHandler(logging.NullHandler())  # it looks for one
    pipe = pipert.Pipe(network=network, data_transmitter=transmitter, logger=logger)
    routines = _routines(pipert, job)
    for one in routines:
        pipe.create_flow(f"flow {one.name}", False, one)
    pipe.link(*(pipert.Wire(source=one, destinations=(other,)) for one, other in pairwise(routines)))
    pipe.build()
    job.wait_for_go()
    pipe.notify_event(pipert.START_EVENT_NAME)
    pipe.join()


def _routines(pipert: Any, job: Job) -> list[Any]:
    class Source(pipert.FPSRoutine):  # type: ignore[misc]  # it has no types
        def setup(self) -> None:
            self._feed = job.feed()

        def main_logic(self, _data: Any = None) -> Any:
            self._feed.wait()
            return _wrapped(pipert, job, self._feed.next())

    class Middle(pipert.FPSRoutine):  # type: ignore[misc]
        def main_logic(self, data: Any) -> Any:
            return data

    class Destination(pipert.FPSRoutine):  # type: ignore[misc]
        def setup(self) -> None:
            self._tally = job.tally()

        def main_logic(self, data: Any) -> None:
            self._tally.hit(_unwrapped(job, data))

    return [Source(name="source"), Middle(name="middle"), Destination(name="destination")]


def _wrapped(pipert: Any, job: Job, value: Any) -> Any:
    if not _shared(job):
        return value
    data = pipert.Data()
    data.additional_data = {"value": value}
    return data


def _unwrapped(job: Job, data: Any) -> Any:
    return data.additional_data["value"] if _shared(job) else data


def _shared(job: Job) -> bool:
    return job.variant == "shm"


def _sweep_behind() -> None:
    """When this process and its children are killed, somebody removes what they leave in memory."""
    alive, held_open = os.pipe()
    if os.fork():
        os.close(alive)
        return
    os.setsid()  # or it would be killed with them
    os.close(held_open)
    os.read(alive, 1)  # the end of it comes with that of the last of them
    for _ in range(100):  # by then they are ending, or ended and nobody has asked how
        for left in _MEMORY.glob("[0-9]*_[0-9]*"):  # "<pid>_<number>"
            if _has_ended(Path("/proc") / left.name.partition("_")[0]):
                left.unlink(missing_ok=True)
        time.sleep(0.1)
    os._exit(0)


def _has_ended(process: Path) -> bool:
    try:
        return (process / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True
