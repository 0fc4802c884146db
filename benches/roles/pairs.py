"""What multiprocessing has, between two children of one process: `queue`, a `Queue` of arrays; `ring`, slots
of one `SharedMemory` and two semaphores, copied into; `place`, the same written in place.

The ring is the least that sharing memory costs, and promises nothing: it lasts only as long as both sides
live and the reader keeps no picture.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from multiprocessing.shared_memory import SharedMemory
from typing import Any, TypeAlias

import numpy as np

from benches.board import SHAPES, Feed, Tally
from benches.roles.job import Job

Sides: TypeAlias = tuple[Callable[[Feed], None], Callable[[Tally], None]]
_SLOTS = 8
_HELD = 4
_fork = multiprocessing.get_context("fork")


def pair(job: Job) -> None:
    write, read = _queue(job) if job.variant == "queue" else _ring(job)
    both = _fork.Barrier(3)

    def writer() -> None:
        feed = job.feed()
        both.wait()
        job.board.wait_for_go()
        write(feed)

    def reader() -> None:
        tally = job.tally()
        both.wait()
        read(tally)

    children = [_fork.Process(target=side) for side in (writer, reader)]
    for child in children:
        child.start()
    both.wait()
    job.ready()
    for child in children:
        child.join()


def _queue(job: Job) -> Sides:
    line: Any = _fork.Queue(_HELD if job.pictures else 1000)

    def write(feed: Feed) -> None:
        while True:
            feed.wait()
            line.put(feed.next())

    def read(tally: Tally) -> None:
        while True:
            tally.hit(line.get())

    return write, read


def _ring(job: Job) -> Sides:
    shape = (_SLOTS, *SHAPES[job.size])
    memory = SharedMemory(create=True, size=int(np.prod(shape)))
    memory.unlink()  # the children inherit it, and nothing is left when all are killed
    free, filled = _fork.Semaphore(_SLOTS), _fork.Semaphore(0)

    def write(feed: Feed) -> None:
        while True:
            for slot in np.ndarray(shape, np.uint8, memory.buf):
                feed.wait()
                free.acquire()
                if job.variant == "place":
                    feed.stamp(slot)
                else:
                    np.copyto(slot, feed.next())
                filled.release()

    def read(tally: Tally) -> None:
        while True:
            for slot in np.ndarray(shape, np.uint8, memory.buf):
                filled.acquire()
                tally.hit(slot)
                free.release()

    return write, read
