"""When frames of many cameras become one batch.

`Batcher` is pure: frames and a time go in, batches of at most one frame a camera come out. A batch is
due when every camera that is awaited has a frame, when it is as large as it may be, or when its oldest
frame has waited long enough; a camera that gave nothing lately is not awaited, so a dead one delays
nobody. `BatchQueue` is the same between threads.

Of a live camera only the newest frame waits, the older one is dropped and counted; frames of an offline
one are never dropped: its decoder asks `has_room` before it goes on.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from sightline.clock import NS_PER_S, SYSTEM_CLOCK, Clock, ns
from sightline.errors import Closed
from sightline.frame import Frame
from sightline.overflow import BufferStats, Capacity, Overflow, OverflowBuffer, Reason

_AWAITED_NS = ns(1.0)
# More than a decoder can hold back (H.264 A.3.1 allows 16 frames), so that a flush always fits.
_OFFLINE_FRAMES = 64


class Batcher:
    """Frames in line by camera, and the moment at which they are a batch.

    Args:
        max_batch: frames in a batch at most; None: one of every camera.
        max_wait_s: how long the first frame of a batch waits for those of other cameras.
    """

    def __init__(self, *, max_batch: int | None = None, max_wait_s: float = 0.02) -> None:
        self._max_batch = max_batch
        self._max_wait_ns = ns(max_wait_s)
        self._lines: dict[str, OverflowBuffer[Frame]] = {}
        self._seen_ns: dict[str, int] = {}
        # Since when a camera has had a frame in line: a newer one that takes its place waits no less.
        self._since_ns: dict[str, int] = {}

    def add(self, camera_id: str, *, live: bool) -> None:
        """Take frames of this camera from now on."""
        overflow = Overflow.DROP_OLDEST if live else Overflow.RAISE
        capacity = Capacity(count=1 if live else _OFFLINE_FRAMES)
        self._lines[camera_id] = OverflowBuffer(capacity, overflow)

    def offer(self, frame: Frame, now_ns: int) -> None:
        """Put a frame in its camera's line.

        Raises:
            BufferFull: more than 64 frames of an offline camera wait: `has_room` was not asked.
        """
        line = self._lines[frame.camera_id]
        if not len(line):
            self._since_ns[frame.camera_id] = now_ns
        self._seen_ns[frame.camera_id] = now_ns
        line.offer(frame, now_ns)

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

    def take(self, now_ns: int) -> list[Frame]:
        """A batch of what waits, those that waited longest first; at most one frame a camera."""
        waiting = sorted((c for c, line in self._lines.items() if len(line)), key=self._since_ns.__getitem__)
        taken = [self._lines[camera_id].take(now_ns) for camera_id in waiting[: self._max_batch]]
        self._since_ns.update(dict.fromkeys(waiting[: self._max_batch], now_ns))
        return [frame for frame in taken if frame is not None]

    def discard(self) -> None:
        """Drop all that waits."""
        for line in self._lines.values():
            line.discard(Reason.CLOSED)

    def stats(self, camera_id: str) -> BufferStats:
        return self._lines[camera_id].stats()


class BatchQueue:
    """A `Batcher` between the threads that decode and the one that runs the model.

    Args:
        on_taken: called with the cameras of each batch after it was taken, without a lock held.
    """

    def __init__(
        self,
        *,
        max_batch: int | None = None,
        max_wait_s: float = 0.02,
        clock: Clock = SYSTEM_CLOCK,
        on_taken: Callable[[list[str]], None] = lambda _camera_ids: None,
    ) -> None:
        self._batcher = Batcher(max_batch=max_batch, max_wait_s=max_wait_s)
        self._clock = clock
        self._on_taken = on_taken
        self._changed = threading.Condition()
        self._closed = False

    def add(self, camera_id: str, *, live: bool) -> None:
        with self._changed:
            self._batcher.add(camera_id, live=live)

    def put(self, frame: Frame) -> None:
        """Give a decoded frame; dropped and counted once the queue is closed."""
        with self._changed:
            self._batcher.offer(frame, self._clock.monotonic_ns())
            if self._closed:
                self._batcher.discard()
            self._changed.notify()

    def take(self, timeout_s: float) -> list[Frame]:
        """The next batch; [] when none was due in `timeout_s` seconds.

        Raises:
            Closed: the queue was closed.
        """
        end_ns = self._clock.monotonic_ns() + ns(timeout_s)
        with self._changed:
            while not (batch := self._due()) and (wait_ns := self._wait_ns(end_ns)) > 0:
                self._changed.wait(wait_ns / NS_PER_S)
        self._on_taken([frame.camera_id for frame in batch])
        return batch

    def has_room(self, camera_id: str) -> bool:
        with self._changed:
            return self._batcher.has_room(camera_id)

    def close(self) -> None:
        """Drop what waits and wake the reader."""
        with self._changed:
            self._closed = True
            self._batcher.discard()
            self._changed.notify_all()

    def stats(self, camera_id: str) -> BufferStats:
        with self._changed:
            return self._batcher.stats(camera_id)

    def _due(self) -> list[Frame]:
        if self._closed:
            raise Closed("the batch queue is closed")
        now_ns = self._clock.monotonic_ns()
        due_ns = self._batcher.due_ns(now_ns)
        return self._batcher.take(now_ns) if due_ns is not None and due_ns <= now_ns else []

    def _wait_ns(self, end_ns: int) -> int:
        now_ns = self._clock.monotonic_ns()
        due_ns = self._batcher.due_ns(now_ns)
        return min(end_ns, end_ns if due_ns is None else due_ns) - now_ns
