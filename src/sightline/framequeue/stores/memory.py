"""The store within this process: for one machine that needs no more, and for tests.

Everyone who opens the same name meets; the pictures go when the last of them closes, or with the process.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Final, Self
from weakref import WeakValueDictionary

from sightline.clock import SYSTEM_CLOCK, Clock, ns
from sightline.errors import Closed, ConfigError
from sightline.framequeue.key import FrameKey
from sightline.framequeue.reason import checked_reason
from sightline.framequeue.store import (
    DONE_TTL_S,
    Advice,
    Claim,
    Claimed,
    Put,
    StoreUsage,
    Swept,
    Taking,
    checked_frames,
    checked_many,
    checked_result,
    checked_time,
    checked_worker,
)
from sightline.framequeue.stores.shelf import Shelf

LIMIT_BYTES: Final = 256 * 2**20
"""The budget where nobody says another."""


class _Place:
    """What all handles of a name share."""

    def __init__(self) -> None:
        self.data: dict[FrameKey, bytes] = {}
        self.shelf = Shelf(None, self.data.pop)
        self.lock = threading.Lock()


_places: WeakValueDictionary[str, _Place] = WeakValueDictionary()
_opening = threading.Lock()


class MemoryStore:
    """One handle. `sightline.framequeue.FrameStore` says what its methods do.

    Args:
        name: of the store; "": one of its own.
        limit_bytes: the budget, from the next picture on for all who use it; None: there is none.
        done_ttl_s: how long a key that this handle finished is remembered.
        clock: tells the time.

    Raises:
        ConfigError: the budget or the time is not above 0.
    """

    def __init__(
        self,
        name: str = "",
        *,
        limit_bytes: int | None = LIMIT_BYTES,
        done_ttl_s: float = DONE_TTL_S,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        if limit_bytes is not None and limit_bytes < 1:
            raise ConfigError(f"expected a budget of at least 1 byte, got {limit_bytes}")
        self._done_ttl_ns = ns(checked_time("a time to remember what is done", done_ttl_s))
        self._clock = clock
        self._place: _Place | None = _place(name)
        with self._open() as place:
            place.shelf.budget.limit = limit_bytes

    def put(self, frames: Sequence[tuple[FrameKey, bytes]], ttl_s: float | None) -> list[Put]:
        checked_frames(frames)
        ttl_ns = None if ttl_s is None else ns(checked_time("a time to live", ttl_s))
        with self._open() as place:
            return [self._put(place, key, data, ttl_ns) for key, data in frames]

    def peek(self, key: FrameKey) -> bytes | None:
        with self._open() as place:
            return place.data[key] if place.shelf.has(key, self._now_ns()) else None

    def getdel(self, key: FrameKey) -> bytes | None:
        with self._open() as place:
            data = place.data.get(key)
            return data if place.shelf.remove(key, "taken", self._now_ns()) else None

    def delete(self, keys: Iterable[FrameKey]) -> int:
        with self._open() as place:
            return sum(place.shelf.remove(key, "deleted", self._now_ns()) for key in keys)

    def claim(self, key: FrameKey, worker: str, lease_s: float) -> Taking:
        checked_worker(worker)
        lease_ns = ns(checked_time("a lease", lease_s))
        with self._open() as place:
            answer = place.shelf.claim(key, worker, lease_ns, self._now_ns())
            return Claimed(answer, place.data[key]) if isinstance(answer, Claim) else answer

    def extend(self, claim: Claim, lease_s: float) -> bool:
        lease_ns = ns(checked_time("a lease", lease_s))
        with self._open() as place:
            return place.shelf.extend(claim, lease_ns, self._now_ns())

    def give_back(self, claim: Claim, reason: str = "") -> bool:
        with self._open() as place:
            return place.shelf.give_back(claim, checked_reason(reason), self._now_ns())

    def bury(self, claim: Claim, reason: str, ttl_s: float) -> bool:
        ttl_ns = ns(checked_time("a time to keep what is dead", ttl_s))
        with self._open() as place:
            return place.shelf.bury(claim, checked_reason(reason), ttl_ns, self._now_ns())

    def finish(self, claim: Claim, result: bytes = b"") -> bool:
        checked_result(result)
        with self._open() as place:
            return place.shelf.finish(claim, result, self._done_ttl_ns, self._now_ns())

    def sweep(self, orphan_age_s: float | None = None) -> Swept:
        age_ns = None if orphan_age_s is None else ns(checked_time("an age of orphans", orphan_age_s))
        with self._open() as place:
            return place.shelf.sweep(age_ns, self._now_ns())

    def overdue(self, after_s: float, limit: int) -> list[FrameKey]:
        after_ns = ns(checked_time("a time after which a key is overdue", after_s))
        checked_many(limit)
        with self._open() as place:
            return place.shelf.overdue(after_ns, limit, self._now_ns())

    def last_captured_ms(self, camera_id: str) -> int | None:
        with self._open() as place:
            return place.shelf.last_captured_ms(camera_id)

    def usage(self) -> StoreUsage:
        with self._open() as place:
            return place.shelf.usage(self._now_ns())

    def check(self) -> list[Advice]:
        with self._open():
            return []

    def close(self) -> None:
        self._place = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def _open(self) -> Iterator[_Place]:
        place = self._place
        if place is None:
            raise Closed("this store is closed")
        with place.lock:
            yield place

    def _put(self, place: _Place, key: FrameKey, data: bytes, ttl_ns: int | None) -> Put:
        put = place.shelf.put(key, ttl_ns, self._now_ns())
        if put.stored:
            place.data[key] = data
        return put

    def _now_ns(self) -> int:
        return self._clock.monotonic_ns()


def _place(name: str) -> _Place:
    if not name:
        return _Place()
    with _opening:
        return _places.setdefault(name, _Place())
