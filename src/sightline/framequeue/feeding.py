"""Hands pictures over: each into the store, then its key to the queue.

    with FrameFeed(store, queue, ttl_s=30) as feed:
        for sampled in FrameSampler(packets):
            feed.offer(sampled.key, sampled.data)

Promises: one trip to each stores and announces the pictures of many cameras at a time; a key is sent only
once its picture is stored; a picture whose key was not taken is deleted again; every picture is counted, for
its camera. Nothing is raised into the loop that offers, and that loop waits for a bounded time or not at all.

What a process that dies leaves stored and not sent is found by `sightline.framequeue.sweeping`. A queue that
took a key and died before it said so is sent it again, which claims make harmless.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self, TypeAlias

from sightline.errors import BusError, Closed, ConfigError
from sightline.framequeue.feeding_line import Drop, FeedLine, FeedStats, Item, WhenLineFull
from sightline.framequeue.key import FrameKey
from sightline.framequeue.queue import KeyQueue, Outcome
from sightline.framequeue.store import FrameStore, Refusal, checked_time
from sightline.log import Repeated, get_logger

TTL_S: Final = 300.0
"""How long a picture may wait for a worker where nobody says."""

CAPACITY_BYTES: Final = 64 * 2**20
"""Of pictures that wait where nobody says: those of raw pixels are large."""

_LAST_S: Final = 5.0  # for what is on its way at the end
_AGAIN_S: Final = 0.2  # between two tries to hand over
_REFUSED: Final = {
    Refusal.TOO_LARGE: Drop.TOO_LARGE,
    Refusal.DONE: Drop.DONE,
    Refusal.FULL: Drop.STORE_FULL,
}
_UNSENT: Final = {Outcome.FULL: Drop.QUEUE_FULL, Outcome.UNROUTABLE: Drop.UNROUTABLE}
_PASSES: Final = frozenset({Drop.STORE_FULL, Drop.QUEUE_FULL, Drop.UNREACHABLE})
"""What may be otherwise in a moment."""
_Left: TypeAlias = list[tuple[Item, Drop]]
_log = get_logger("sightline.framequeue")


class FrameFeed:
    """See the module. Any thread may offer; one of its own hands over.

    Args:
        store, queue: where pictures and keys go; they stay open.
        when_full: what happens to a picture beyond `capacity`.
        ttl_s: when a picture is too old to be of use; None: never.
        wait_s: how long a picture may wait for room here, and how long one that neither the store nor the
            queue takes is tried again. Meanwhile others wait behind it.
        capacity, capacity_bytes: pictures that may wait, and bytes of them, but for the last.
        batch: pictures of one trip.

    Raises:
        ConfigError: a setting makes no sense.
    """

    def __init__(
        self,
        store: FrameStore,
        queue: KeyQueue,
        when_full: WhenLineFull | str = WhenLineFull.WAIT,
        *,
        ttl_s: float | None = TTL_S,
        wait_s: float = 5.0,
        capacity: int = 256,
        capacity_bytes: int = CAPACITY_BYTES,
        batch: int = 32,
    ) -> None:
        if when_full not in list(WhenLineFull):
            raise ConfigError(f"expected when_full of {', '.join(WhenLineFull)}, got {when_full!r}")
        if min(capacity, capacity_bytes, batch) < 1 or not 0 <= wait_s < float("inf"):
            raise ConfigError(
                "expected a capacity, capacity_bytes and a batch of at least 1 and a wait_s of 0 or more, "
                f"got {capacity}, {capacity_bytes}, {batch} and {wait_s}"
            )
        self._store, self._queue = store, queue
        self._waits = when_full == WhenLineFull.WAIT
        self._ttl_s = None if ttl_s is None else checked_time("a ttl_s", ttl_s)
        self._wait_s = wait_s
        self._batch = batch
        self._line = FeedLine(capacity, WhenLineFull(when_full), capacity_bytes)
        self._changed = threading.Condition()
        self._closed = self._hurry = False
        self._trouble = Repeated(_log, "frames could not be handed over")
        self._thread = threading.Thread(target=self._carry, name="sightline-frames-feed", daemon=True)
        self._thread.start()

    def offer(self, key: FrameKey, data: bytes) -> bool:
        """Takes a picture in, to be handed over soon. False: it was dropped, and that was counted.

        With `WAIT` it may wait here for `wait_s`. Never raises.
        """
        with self._changed:
            if self._waits:
                self._changed.wait_for(lambda: self._closed or self._line.has_room(), self._wait_s)
            refused = Drop.CLOSED if self._closed else None
            taken = self._line.offer(key, data, time.monotonic(), refused)
            self._changed.notify_all()
            return taken

    def flush(self, timeout_s: float) -> bool:
        """Waits until all that came is handed over or dropped. False: time was up first."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._line.held, timeout_s)

    def stats(self) -> FeedStats:
        """The counts, from any thread."""
        with self._changed:
            return self._line.stats()

    def close(self, timeout_s: float = 5.0) -> None:
        """Takes no more in, hands over what is held for so long, and drops the rest. Again is allowed."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self.flush(timeout_s)
        with self._changed:
            self._hurry = True
            self._line.drop(self._line.take(len(self._line)), Drop.CLOSED)
            self._changed.notify_all()
        self._thread.join(_LAST_S)
        self._trouble.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _carry(self) -> None:
        while items := self._next():
            while items:
                left = self._tried(self._put, [item for item in items if not item.stored])
                left += self._tried(self._send, [item for item in items if item.stored])
                items = self._to_be_tried_again(left)

    def _next(self) -> list[Item]:
        with self._changed:
            self._changed.wait_for(lambda: self._closed or len(self._line))
            items = self._line.take(self._batch)
            self._changed.notify_all()  # there is room
            return items

    def _tried(self, step: Callable[[list[Item]], _Left], items: list[Item]) -> _Left:
        if not items:
            return []
        try:
            return step(items)
        except (BusError, Closed) as error:
            why = Drop.UNREACHABLE
            self._trouble.add(error=str(error))
        except Exception as error:  # noqa: BLE001 - a thread that dies would hold up all cameras, silently
            why = Drop.FAILED
            self._trouble.add(error=f"{type(error).__name__}: {error}")
        return [(item, why) for item in items]

    def _put(self, items: list[Item]) -> _Left:
        left = []
        answers = self._store.put([(item.key, item.data) for item in items], self._ttl_s)
        for item, answer in zip(items, answers, strict=True):
            if answer.refused is None:
                item.stored = True
            else:
                left.append((item, _REFUSED[answer.refused]))
        return left

    def _send(self, items: list[Item]) -> _Left:
        answers = list(zip(items, self._queue.send([str(item.key) for item in items]), strict=True))
        with self._changed:
            self._line.sent(item for item, sent in answers if sent.accepted)
            self._changed.notify_all()
        return [(item, _UNSENT[sent.outcome]) for item, sent in answers if not sent.accepted]

    def _to_be_tried_again(self, left: _Left) -> list[Item]:
        """Drops those for which that is no use, or too late; after a while, where others are left."""
        now_s = time.monotonic()
        again = []
        for item, why in left:
            if why in _PASSES and now_s - item.offered_s < self._wait_s and not self._hurry:
                again.append(item)
            else:
                self._drop(item, why)
        if again:
            with self._changed:
                self._line.retried += len(again)
                self._changed.wait_for(lambda: self._hurry, _AGAIN_S)
        return again

    def _drop(self, item: Item, why: Drop) -> None:
        if item.stored:
            with contextlib.suppress(Exception):  # its time ends it, where the store is away too
                self._store.delete([item.key])
        with self._changed:
            self._line.drop([item], why)
            self._changed.notify_all()
