"""A budget in bytes: which pictures go when one more comes.

The camera that holds most gives up its oldest picture, the newcomer counted to its own, until there is room;
so one camera of large pictures cannot push out all the others. Of two that hold as much the one goes whose
oldest has been there longer. What cannot fit is refused, and nothing goes for it.

A picture in somebody's hand (`hold`) is nobody's oldest: it counts, and does not go until it is released.

`used` is exact: the sum of the sizes of what is there, at any moment. Each call costs the logarithm of the
number of cameras, whatever the number of pictures; but `release`, which sorts those of a camera.

Pure: names and sizes go in, names come out; who holds the bytes does as it is told.
"""

from __future__ import annotations

import heapq
from collections import OrderedDict
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from typing import Final, Generic, NamedTuple, TypeVar

from sightline.errors import ConfigError

K = TypeVar("K", bound=Hashable)

_SPARE_ENTRIES: Final = 64


class Held(NamedTuple):
    """What a camera holds: how many pictures, of how many bytes."""

    frames: int
    bytes: int


class Added(NamedTuple, Generic[K]):
    """What became of a picture that was to be added, and which went for it, oldest first of each camera."""

    stored: bool
    evicted: tuple[K, ...] = ()


@dataclass(slots=True)
class _Camera(Generic[K]):
    pictures: OrderedDict[K, tuple[int, int]] = field(default_factory=OrderedDict)  # size, number
    in_hand: dict[K, tuple[int, int]] = field(default_factory=dict)
    bytes: int = 0

    @property
    def rank(self) -> tuple[int, int]:
        """Sorts the greediest first."""
        return -self.bytes, next(iter(self.pictures.values()))[1]


class Budget(Generic[K]):
    """Pictures of all cameras within `limit` bytes; None for as many as come. Not thread-safe.

    Raises:
        ConfigError: the limit is below 1.
    """

    def __init__(self, limit: int | None) -> None:
        if limit is not None and limit < 1:
            raise ConfigError(f"expected a budget of at least 1 byte, got {limit}")
        self.limit = limit
        self.used = 0
        self._in_hand = 0  # bytes that may not go
        self._added = 0
        self._cameras: dict[str, _Camera[K]] = {}
        self._camera_of: dict[K, str] = {}
        # Entries whose rank is not that of their camera any more are passed over.
        self._greediest: list[tuple[tuple[int, int], str]] = []

    def __len__(self) -> int:
        return len(self._camera_of)

    def __contains__(self, key: K) -> bool:
        return key in self._camera_of

    def __iter__(self) -> Iterator[K]:
        return iter(self._camera_of)

    def add(self, key: K, camera_id: str, size: int) -> Added[K]:
        """Makes room for a picture and counts it in. One of that key that is held already goes first.

        A picture that cannot fit beside those in hand is not stored, and nothing changes.

        Raises:
            ConfigError: the size is below 1.
        """
        if size < 1:
            raise ConfigError(f"expected a picture of at least 1 byte, got {size}")
        if self.limit is not None and self._in_hand - self._held_size(key) + size > self.limit:
            return Added(stored=False)
        self.remove(key)
        camera = self._cameras.setdefault(camera_id, _Camera())
        self._count(camera_id, camera, size)
        evicted = tuple(self._evicted())
        self._added += 1
        camera.pictures[key] = size, self._added
        self._camera_of[key] = camera_id
        self._enter(camera_id, camera)
        return Added(stored=True, evicted=evicted)

    def remove(self, key: K) -> bool:
        """Counts a picture out; False where it is not held."""
        camera_id = self._camera_of.pop(key, None)
        if camera_id is None:
            return False
        self._take_out(key, camera_id)
        return True

    def hold(self, key: K) -> None:
        """The picture, if it is there, does not go for others until it is released."""
        camera_id, camera = self._of(key)
        if key in camera.pictures:
            camera.in_hand[key] = camera.pictures.pop(key)
            self._in_hand += self._held_size(key)
            self._enter(camera_id, camera)

    def release(self, key: K) -> None:
        """The picture, if it was held, may go again, as old as it is."""
        camera_id, camera = self._of(key)
        if key in camera.in_hand:
            self._in_hand -= self._held_size(key)
            camera.pictures[key] = camera.in_hand.pop(key)
            camera.pictures = OrderedDict(sorted(camera.pictures.items(), key=lambda item: item[1][1]))
            self._enter(camera_id, camera)

    def cameras(self) -> dict[str, Held]:
        """What each camera holds; those that hold nothing are not there."""
        return {
            camera_id: Held(len(camera.pictures) + len(camera.in_hand), camera.bytes)
            for camera_id, camera in self._cameras.items()
        }

    def _of(self, key: K) -> tuple[str, _Camera[K]]:
        camera_id = self._camera_of.get(key, "")
        return camera_id, self._cameras.get(camera_id) or _Camera()

    def _held_size(self, key: K) -> int:
        return self._of(key)[1].in_hand.get(key, (0, 0))[0]

    def _evicted(self) -> Iterator[K]:
        """Counts out what is above the limit. The newcomer is counted already, and is nobody's oldest yet."""
        while self.limit is not None and self.used > self.limit:
            camera_id = self._pop_greediest()
            key = next(iter(self._cameras[camera_id].pictures))
            del self._camera_of[key]
            self._take_out(key, camera_id)
            yield key

    def _take_out(self, key: K, camera_id: str) -> None:
        camera = self._cameras[camera_id]
        if key in camera.in_hand:
            size, _ = camera.in_hand.pop(key)
            self._in_hand -= size
        else:
            size, _ = camera.pictures.pop(key)
        self._count(camera_id, camera, -size)

    def _count(self, camera_id: str, camera: _Camera[K], size: int) -> None:
        self.used += size
        camera.bytes += size
        self._enter(camera_id, camera)
        if not camera.bytes:
            del self._cameras[camera_id]

    def _enter(self, camera_id: str, camera: _Camera[K]) -> None:
        if not camera.pictures:
            return
        heapq.heappush(self._greediest, (camera.rank, camera_id))
        if len(self._greediest) > 2 * len(self._cameras) + _SPARE_ENTRIES:
            self._greediest = [(each.rank, name) for name, each in self._cameras.items() if each.pictures]
            heapq.heapify(self._greediest)

    def _pop_greediest(self) -> str:
        while True:
            rank, camera_id = heapq.heappop(self._greediest)
            camera = self._cameras.get(camera_id)
            if camera is not None and camera.pictures and camera.rank == rank:
                return camera_id
