"""Pictures on their way into a store and a queue, as a machine: what waits, what goes, what is counted.

Pure: no threads, no waiting. Every picture that was offered is held, was sent, or was dropped for a reason
that is counted for its camera:

    offered = sent + dropped by reason + held
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from enum import StrEnum

import msgspec

from sightline.framequeue.key import FrameKey


class WhenLineFull(StrEnum):
    """What becomes of a picture for which there is no room, as what came before is not taken off."""

    WAIT = "wait"
    """Whoever offers it waits, for a while; then it is dropped."""
    DROP_OLDEST = "drop_oldest"
    """The one that waited longest is dropped for it."""
    DROP_NEWEST = "drop_newest"
    """It is dropped."""


class Drop(StrEnum):
    """Why a picture was not handed over. Those of a refusal are the store's and the queue's own words."""

    OVERFLOW = "overflow"
    """There was no room here."""
    INVALID = "invalid"
    """Its bytes are not as many as its key says."""
    UNREACHABLE = "unreachable"
    """The store or the queue was out of reach for as long as it may wait."""
    STORE_FULL = "store_full"
    TOO_LARGE = "too_large"
    DONE = "done"
    QUEUE_FULL = "queue_full"
    UNROUTABLE = "unroutable"
    FAILED = "failed"
    """The store or the queue broke in a way that is none of theirs; the log has more."""
    CLOSED = "closed"
    """The feed was closed, before it came or before it could go."""


class CameraFeed(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the pictures of one camera.

    Attributes:
        offered: pictures.
        sent: those that the store has, and whose keys the queue has.
        dropped: by `Drop`; reasons that never occurred are not there.
        held: on their way.
        bytes: of those that were sent.
    """

    offered: int = 0
    sent: int = 0
    dropped: dict[str, int] = {}
    held: int = 0
    bytes: int = 0

    @property
    def balanced(self) -> bool:
        """Whether the counts add up; they do in any snapshot."""
        return self.offered == self.sent + sum(self.dropped.values()) + self.held

    def __add__(self, other: CameraFeed) -> CameraFeed:
        return CameraFeed(
            offered=self.offered + other.offered,
            sent=self.sent + other.sent,
            dropped=dict(Counter(self.dropped) + Counter(other.dropped)),
            held=self.held + other.held,
            bytes=self.bytes + other.bytes,
        )


class FeedStats(msgspec.Struct, frozen=True, kw_only=True):
    """What became of all pictures, of one moment; by camera. `retried`: hand-overs that were tried again."""

    cameras: dict[str, CameraFeed]
    retried: int

    @property
    def total(self) -> CameraFeed:
        """All cameras together."""
        return sum(self.cameras.values(), CameraFeed())


class Item(msgspec.Struct):
    """A picture on its way; `stored` once the store has it. `offered_s` is monotonic."""

    key: FrameKey
    data: bytes
    offered_s: float
    stored: bool = False


class FeedLine:
    """The pictures that wait, and the counts of all.

    Args:
        capacity: how many may wait.
        when_full: what happens beyond that.
        capacity_bytes: of those that wait; the last of them may be beyond it.
    """

    def __init__(self, capacity: int, when_full: WhenLineFull, capacity_bytes: int) -> None:
        self._capacity, self._capacity_bytes = capacity, capacity_bytes
        self._waiting_bytes = 0
        self._when_full = when_full
        self._line: deque[Item] = deque()
        self._offered: Counter[str] = Counter()
        self._sent: Counter[str] = Counter()
        self._bytes: Counter[str] = Counter()
        self._held: Counter[str] = Counter()
        self._dropped: dict[str, Counter[str]] = {}
        self.retried = 0

    def __len__(self) -> int:
        return len(self._line)

    @property
    def held(self) -> int:
        """Pictures that wait, or are being handed over."""
        return self._held.total()

    def has_room(self) -> bool:
        """Whether a picture may be offered without any being dropped."""
        return len(self._line) < self._capacity and self._waiting_bytes < self._capacity_bytes

    def offer(self, key: FrameKey, data: bytes, now_s: float, refused: Drop | None = None) -> bool:
        """A picture came. False: it was dropped; for `refused`, where that is given.

        Whoever is to wait for room has waited: here that drops the newcomer.
        """
        self._offered[key.camera_id] += 1
        self._held[key.camera_id] += 1
        item = Item(key, data, now_s)
        refused = Drop.INVALID if len(data) != key.size else refused
        while refused is None and not self.has_room():
            if self._when_full is WhenLineFull.DROP_OLDEST:
                self.drop(self.take(1), Drop.OVERFLOW)
            else:
                refused = Drop.OVERFLOW
        if refused is not None:
            self.drop([item], refused)
            return False
        self._line.append(item)
        self._waiting_bytes += len(data)
        return True

    def take(self, most: int) -> list[Item]:
        """The next to be handed over; they stay held until they are `sent` or dropped."""
        items = [self._line.popleft() for _ in range(min(most, len(self._line)))]
        self._waiting_bytes -= sum(len(item.data) for item in items)
        return items

    def sent(self, items: Iterable[Item]) -> None:
        for item in items:
            self._held[item.key.camera_id] -= 1
            self._sent[item.key.camera_id] += 1
            self._bytes[item.key.camera_id] += len(item.data)

    def drop(self, items: Iterable[Item], why: Drop) -> None:
        for item in items:
            self._held[item.key.camera_id] -= 1
            self._dropped.setdefault(item.key.camera_id, Counter())[why.value] += 1

    def stats(self) -> FeedStats:
        cameras = {
            camera_id: CameraFeed(
                offered=offered,
                sent=self._sent[camera_id],
                dropped=dict(self._dropped.get(camera_id, ())),
                held=self._held[camera_id],
                bytes=self._bytes[camera_id],
            )
            for camera_id, offered in self._offered.items()
        }
        return FeedStats(cameras=cameras, retried=self.retried)
