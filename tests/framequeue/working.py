"""What tests of workers, feeds and sweepers share: real pictures, a store and a queue that can be away."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np
from tools.services.waiting import wait_for

from sightline.errors import BusError
from sightline.framequeue.image import encode
from sightline.framequeue.key import FrameKey
from sightline.framequeue.queue import KeyQueue
from sightline.framequeue.store import FrameStore
from sightline.framequeue.work.worker import Worker

T = TypeVar("T")
TIMEOUT_S = 30.0
"""Within which what happens by itself has happened, on a machine that has much else to do."""

LONG_S = 600.0
IMAGE = np.full((8, 16, 3), 77, np.uint8)
PNG = encode(IMAGE, "png")


def frame(index: int = 0, camera_id: str = "gate", data: bytes = PNG) -> tuple[FrameKey, bytes]:
    """A picture of 16x8, or whatever bytes."""
    key = FrameKey(
        camera_id=camera_id,
        epoch=1_789_041_600_000,
        index=index,
        captured_at_ms=1_789_041_600_000 + index * 1000,
        width=16,
        height=8,
        size=len(data),
        format="png",
    )
    return key, data


def hand_over(store: FrameStore, queue: KeyQueue, *frames: tuple[FrameKey, bytes]) -> list[FrameKey]:
    assert all(put.stored for put in store.put(frames, None))
    assert all(sent.accepted for sent in queue.send([str(key) for key, _ in frames]))
    return [key for key, _ in frames]


@contextmanager
def working(worker: Worker) -> Iterator[Worker]:
    """A worker that works; its counts add up afterwards, and nothing is left in its hand."""
    with worker:
        yield worker
    stats = worker.stats()
    assert stats.balanced
    assert stats.held == 0


def until(condition: Callable[[], T], what: str) -> T:
    return wait_for(condition, TIMEOUT_S, what)


def ended(worker: Worker, count: int) -> dict[str, int]:
    """The endings, once there are so many."""
    until(lambda: sum(worker.stats().endings.values()) >= count, f"{count} endings: {worker.stats()}")
    return worker.stats().endings


class Troubled:
    """A store or a queue, some of whose methods fail for so many times, or as long as `away` has them."""

    def __init__(self, kept: Any, **away: int) -> None:
        self._kept = kept
        self.away = away
        self.error: Exception = BusError("it is away")

    def __getattr__(self, name: str) -> Any:
        if self.away.get(name, 0) > 0:
            self.away[name] -= 1
            return self._fail
        return getattr(self._kept, name)

    def _fail(self, *_arguments: object, **_options: object) -> None:
        raise self.error
