"""When frames of many cameras become one batch.

`Batcher` is pure: frames and a time go in, batches of at most one frame a camera come out. A batch is
due when every camera that is awaited has a frame, when it is as large as it may be, or when its oldest
frame has waited long enough; a camera that gave nothing lately is not awaited, so a dead one delays
nobody. `BatchQueue` is the same between threads.

Of a live camera only the newest frame waits, the older one is dropped and counted; frames of an offline
one are never dropped: its decoder asks `has_room` before it goes on. A `Failure` stands where a packet could
not be decoded: it never takes the place of a frame. What is dropped is given back to whoever put the new one.
Cameras come and go at any time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final, Generic, TypeVar

import msgspec

from sightline.clock import NS_PER_S, SYSTEM_CLOCK, Clock, ns
from sightline.errors import Closed
from sightline.frame import Frame
from sightline.overflow import BufferStats, Capacity, Overflow, OverflowBuffer, Reason
from sightline.packet import Identity

_AWAITED_NS: Final = ns(1.0)
# A decoder holds at most 64 packets (`sightline.codec.ledger`): feeding it one more gives 65 answers at most.
_OFFLINE_ITEMS: Final = 65


class Failure(msgspec.Struct, frozen=True):
    """A packet of which no picture could be made, and why, in a word."""

    camera_id: str
    epoch: int
    index: int
    reason: str

    @property
    def identity(self) -> Identity:
        return Identity(self.camera_id, self.epoch, self.index)


Item = TypeVar("Item", bound=Frame | Failure)


class Batcher(Generic[Item]):
    """Frames in line by camera, and the moment at which they are a batch.

    Args:
        max_batch: frames in a batch at most; None: one of every camera.
        max_wait_s: how long the first frame of a batch waits for those of other cameras.
    """

    def __init__(self, *, max_batch: int | None = None, max_wait_s: float = 0.02) -> None:
        self._max_batch = max_batch
        self._max_wait_ns = ns(max_wait_s)
        self._lines: dict[str, OverflowBuffer[Item]] = {}
        self._seen_ns: dict[str, int] = {}
        # Since when a camera has had a frame in line: a newer one that takes its place waits no less.
        self._since_ns: dict[str, int] = {}

    def add(self, camera_id: str, *, live: bool) -> None:
        """Take frames of this camera from now on. One that is there must be removed first."""
        overflow = Overflow.DROP_OLDEST if live else Overflow.RAISE
        capacity = Capacity(count=1 if live else _OFFLINE_ITEMS)
        self._lines[camera_id] = OverflowBuffer(capacity, overflow)

    def remove(self, camera_id: str) -> list[Item]:
        """Take no more of this camera, and await it no longer; gives back what waited."""
        self._seen_ns.pop(camera_id, None)
        self._since_ns.pop(camera_id, None)
        line = self._lines.pop(camera_id, None)
        return [] if line is None else line.discard(Reason.CLOSED)

    def offer(self, item: Item, now_ns: int) -> list[Item]:
        """Put an item in its camera's line; gives back what was dropped, which may be itself.

        Raises:
            BufferFull: more than 65 items of an offline camera wait: `has_room` was not asked.
        """
        line = self._lines.get(item.camera_id)
        if line is None:
            return [item]
        self._seen_ns[item.camera_id] = now_ns
        if not len(line):
            self._since_ns[item.camera_id] = now_ns
        if line.overflow is Overflow.RAISE:
            line.offer(item, now_ns)
            return []
        held = line.peek()
        if isinstance(item, Failure) and isinstance(held, Frame):
            line.refuse()
            return [item]
        line.offer(item, now_ns)
        return [] if held is None else [held]

    def has_room(self, camera_id: str) -> bool:
        """Whether an offline camera's decoder may go on: none of its frames waits."""
        return not len(self._lines[camera_id])

    def due_ns(self, now_ns: int) -> int | None:
        """When the next batch is due: a time not after `now_ns` where it is due now, None for no frame."""
        waiting = {camera_id for camera_id, line in self._lines.items() if len(line)}
        if not waiting:
            return None
        awaited = {camera_id for camera_id, at_ns in self._seen_ns.items() if now_ns - at_ns < _AWAITED_NS}
        if awaited <= waiting or (self._max_batch is not None and len(waiting) >= self._max_batch):
            return now_ns
        return min(self._since_ns[camera_id] for camera_id in waiting) + self._max_wait_ns

    def take(self, now_ns: int) -> list[Item]:
        """A batch of what waits, those that waited longest first; at most one frame a camera."""
        waiting = sorted((c for c, line in self._lines.items() if len(line)), key=self._since_ns.__getitem__)
        taken = [self._lines[camera_id].take(now_ns) for camera_id in waiting[: self._max_batch]]
        self._since_ns.update(dict.fromkeys(waiting[: self._max_batch], now_ns))
        return [item for item in taken if item is not None]

    def has(self, camera_id: str) -> bool:
        """Whether frames of this camera are taken."""
        return camera_id in self._lines

    def take_one(self, camera_id: str, now_ns: int) -> Item | None:
        """What waits of one camera, the oldest; None where nothing does."""
        item = self._lines[camera_id].take(now_ns)
        if item is not None:
            self._since_ns[camera_id] = now_ns
        return item

    def discard(self) -> list[Item]:
        """Drop all that waits, and give it back."""
        return [item for line in self._lines.values() for item in line.discard(Reason.CLOSED)]

    def stats(self, camera_id: str) -> BufferStats:
        """The counts of one camera; `refused`: failures that gave way to a frame."""
        return self._lines[camera_id].stats()


class BatchQueue(Generic[Item]):
    """A `Batcher` between the threads that decode and the one that runs the model.

    Args:
        on_taken: called with the cameras of each batch after it was taken, without a lock held.
        on_item: called with each item as it is taken, before its camera can be removed. It only tells.
    """

    def __init__(
        self,
        *,
        max_batch: int | None = None,
        max_wait_s: float = 0.02,
        clock: Clock = SYSTEM_CLOCK,
        on_taken: Callable[[list[str]], None] = lambda _camera_ids: None,
        on_item: Callable[[Item], None] = lambda _item: None,
    ) -> None:
        self._batcher: Batcher[Item] = Batcher(max_batch=max_batch, max_wait_s=max_wait_s)
        self._clock = clock
        self._on_taken = on_taken
        self._on_item = on_item
        self._changed = threading.Condition()
        self._closed = False

    def add(self, camera_id: str, *, live: bool) -> None:
        """Take frames of this camera from now on. One that is there must be removed first."""
        with self._changed:
            self._batcher.add(camera_id, live=live)

    def remove(self, camera_id: str) -> list[Item]:
        """Take no more of this camera, and await it no longer; gives back what waited."""
        with self._changed:
            self._changed.notify_all()  # those of the others may be a batch now
            return self._batcher.remove(camera_id)

    def put(self, item: Item) -> list[Item]:
        """Give a frame, or that there is none; gives back what was dropped: the one before it, or itself.

        Where the camera was removed or the queue is closed, that is itself.
        """
        with self._changed:
            dropped = self._batcher.offer(item, self._clock.monotonic_ns())
            if self._closed:
                dropped += self._batcher.discard()
            self._changed.notify_all()  # one may wait for this camera alone, another for a batch
            return dropped

    def take(self, timeout_s: float | None) -> list[Item]:
        """The next batch; [] when none was due in `timeout_s` seconds. None: waits for ever.

        Raises:
            Closed: the queue was closed.
        """
        end_ns = None if timeout_s is None else self._clock.monotonic_ns() + ns(timeout_s)
        with self._changed:
            while not (batch := self._due(now_ns := self._clock.monotonic_ns())):
                if end_ns is not None and now_ns >= end_ns:
                    break
                self._wait(now_ns, end_ns)
        self._on_taken([item.camera_id for item in batch])
        return batch

    def take_one(self, camera_id: str, timeout_s: float | None) -> Item | None:
        """The next of one camera; None when none came in `timeout_s` seconds, or it was removed.

        Raises:
            Closed: the queue was closed.
        """
        item: Item | None = None

        def done() -> bool:
            nonlocal item
            self._check_open()
            if not self._batcher.has(camera_id):
                return True
            item = self._batcher.take_one(camera_id, self._clock.monotonic_ns())
            if item is not None:
                self._on_item(item)
            return item is not None

        with self._changed:
            self._changed.wait_for(done, timeout_s)
        if item is not None:
            self._on_taken([camera_id])
        return item

    def has_room(self, camera_id: str) -> bool:
        with self._changed:
            return self._batcher.has_room(camera_id)

    def close(self) -> list[Item]:
        """Drop what waits, give it back and wake the reader."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            return self._batcher.discard()

    def stats(self, camera_id: str) -> BufferStats:
        with self._changed:
            return self._batcher.stats(camera_id)

    def _check_open(self) -> None:
        if self._closed:
            raise Closed("the batch queue is closed")

    def _due(self, now_ns: int) -> list[Item]:
        self._check_open()
        due_ns = self._batcher.due_ns(now_ns)
        batch = self._batcher.take(now_ns) if due_ns is not None and due_ns <= now_ns else []
        for item in batch:
            self._on_item(item)
        return batch

    def _wait(self, now_ns: int, end_ns: int | None) -> None:
        """Until something changes, a batch is due or the time is over."""
        ends = [at_ns for at_ns in (end_ns, self._batcher.due_ns(now_ns)) if at_ns is not None]
        self._changed.wait((min(ends) - now_ns) / NS_PER_S if ends else None)
