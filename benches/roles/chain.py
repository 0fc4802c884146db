"""A source, a middle and a destination of what multiprocessing has, as children of one process: `queue`, two
`Queue`s; `pipe`, two `Pipe`s with pickle 5, the pixels beside it; `passed`, slots of one `SharedMemory` that
the middle hands on; `placed`, the same written in place; `hops`, two such, from one of which the middle
copies into the other.

The slots are the least that sharing memory costs, and promise nothing: they last only as long as all live
and the destination keeps no picture.
"""

from __future__ import annotations

import multiprocessing
import pickle
import struct
from collections.abc import Callable
from multiprocessing.shared_memory import SharedMemory
from typing import Any, TypeAlias

import numpy as np

from benches.board import SHAPES, Feed, Tally
from benches.roles.job import Job

Links: TypeAlias = tuple[Callable[[Feed], None], Callable[[], None], Callable[[Tally], None]]
HELD = 4
MANY = 1000
"""On each wire: pictures, as some contenders pickle them late and there are eight in turn, and dicts."""
_SLOTS = 8
_DICT_BYTES = 256
_HEAD = struct.Struct("<I")
_fork = multiprocessing.get_context("fork")


def chain(job: Job) -> None:
    source, middle, destination = {
        "queue": _queues,
        "pipe": _pipes,
        "passed": _passed,
        "placed": _placed,
        "hops": _hops,
    }[job.variant](job)

    def feeding() -> None:
        feed = job.feed()
        job.board.wait_for_go()
        source(feed)

    children = [_fork.Process(target=link) for link in (feeding, middle, lambda: destination(job.tally()))]
    for child in children:
        child.start()
    job.ready()
    for child in children:
        child.join()


def held(job: Job) -> int:
    """How many may wait on a wire, of any contender."""
    return HELD if job.pictures else MANY


def _queues(job: Job) -> Links:
    first, second = _fork.Queue(held(job)), _fork.Queue(held(job))
    return _links((first.put, first.get), (second.put, second.get))


def _links(first: tuple[Any, Any], second: tuple[Any, Any]) -> Links:
    """Of two wires, each to put into and to get from."""

    def source(feed: Feed) -> None:
        while True:
            feed.wait()
            first[0](feed.next())

    def middle() -> None:
        while True:
            second[0](first[1]())

    def destination(tally: Tally) -> None:
        while True:
            tally.hit(second[1]())

    return source, middle, destination


def _pipes(_job: Job) -> Links:
    return _links(_pickling(), _pickling())


def _pickling() -> tuple[Callable[[Any], None], Callable[[], Any]]:
    come, go = _fork.Pipe(duplex=False)

    def put(value: Any) -> None:
        aside: list[pickle.PickleBuffer] = []
        pickled = pickle.dumps(value, 5, buffer_callback=aside.append)
        go.send_bytes(_HEAD.pack(aside[0].raw().nbytes if aside else 0) + pickled)
        for buffer in aside:
            go.send_bytes(buffer.raw())

    def get() -> Any:
        came = memoryview(come.recv_bytes())
        (size,) = _HEAD.unpack_from(came)
        aside = [np.empty(size, np.uint8)] if size else []
        for buffer in aside:
            come.recv_bytes_into(buffer)
        return pickle.loads(came[_HEAD.size :], buffers=aside)

    return put, get


class _Slots:
    """Room for pictures or pickled dicts, and who may go on with the next."""

    def __init__(self, job: Job) -> None:
        shape, count = (SHAPES[job.size], _SLOTS) if job.pictures else ((_DICT_BYTES,), MANY)
        memory = SharedMemory(create=True, size=count * int(np.prod(shape)))
        memory.unlink()  # the children inherit it, and nothing is left when all are killed
        self._memory = memory
        places = list(np.ndarray((count, *shape), np.uint8, memory.buf))
        self.places: list[Any] = places if job.pictures else [place.data for place in places]
        self.read: Callable[[Any], Any] = _as_it_is if job.pictures else _unpickled
        self.write: Callable[[Any, Any], None] = np.copyto if job.pictures else _pickled
        self.free, self.filled = _fork.Semaphore(count), _fork.Semaphore(0)

    def fill(self, feed: Feed) -> None:
        while True:
            for place in self.places:
                feed.wait()
                self.free.acquire()
                self.write(place, feed.next())
                self.filled.release()

    def mark(self, feed: Feed) -> None:
        """As `fill`, with pictures that are made here."""
        while True:
            for place in self.places:
                feed.wait()
                self.free.acquire()
                feed.stamp(place)
                self.filled.release()

    def empty(self, tally: Tally, filled: Any) -> None:
        while True:
            for place in self.places:
                filled.acquire()
                tally.hit(self.read(place))
                self.free.release()


def _passed(job: Job) -> Links:
    return _handed_on(slots := _Slots(job), slots.fill)


def _placed(job: Job) -> Links:
    return _handed_on(slots := _Slots(job), slots.mark)


def _handed_on(slots: _Slots, source: Callable[[Feed], None]) -> Links:
    passed = _fork.Semaphore(0)

    def middle() -> None:
        while True:
            slots.filled.acquire()
            passed.release()

    return source, middle, lambda tally: slots.empty(tally, passed)


def _hops(job: Job) -> Links:
    first, second = _Slots(job), _Slots(job)

    def middle() -> None:
        while True:
            for place, next_place in zip(first.places, second.places, strict=True):
                first.filled.acquire()
                second.free.acquire()
                next_place[:] = place
                first.free.release()
                second.filled.release()

    return first.fill, middle, lambda tally: second.empty(tally, second.filled)


def _as_it_is(place: Any) -> Any:
    return place


def _pickled(place: Any, value: Any) -> None:
    pickled = pickle.dumps(value, 5)
    _HEAD.pack_into(place, 0, len(pickled))
    place[_HEAD.size : _HEAD.size + len(pickled)] = pickled


def _unpickled(place: Any) -> Any:
    (size,) = _HEAD.unpack_from(place)
    return pickle.loads(place[_HEAD.size : _HEAD.size + size])
