"""The machine inside a bounded buffer: what is kept, and what is dropped when there is no room.

`OverflowBuffer` is pure: items and a time go in, a verdict comes out. It takes no lock and never waits;
`sightline.buffer.Buffer` is the one for threads. Its counts add up at any moment:

    entered = left + sum(dropped by reason) + held

An item that is refused (`RAISE`, or `BLOCK` whose time ran out) never entered: its writer still has it.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Hashable
from enum import StrEnum
from itertools import count
from typing import Generic, NamedTuple, TypeVar

import msgspec

from sightline.clock import NS_PER_S, ns
from sightline.errors import BufferFull, ConfigError

T = TypeVar("T")


class Overflow(StrEnum):
    """What a buffer does with an item for which it has no room."""

    DROP_OLDEST = "drop_oldest"
    """The items held longest go."""
    DROP_NEWEST = "drop_newest"
    """The new item goes."""
    CLEAR = "clear"
    """All held items go; the new one begins afresh."""
    BLOCK = "block"
    """The writer waits; nothing is ever dropped for want of room."""
    RAISE = "raise"
    """The writer gets `BufferFull`; nothing is ever dropped for want of room."""
    LATEST_PER_KEY = "latest_per_key"
    """A new item takes the place in line of the held one with its key, full or not; else the oldest go."""
    DROP_TO_KEYFRAME = "drop_to_keyframe"
    """All before the newest keyframe go; what is held can always be decoded from its beginning."""


class Reason(StrEnum):
    """Why an item was dropped."""

    OVERFLOW = "overflow"
    TOO_OLD = "too_old"
    TOO_LARGE = "too_large"
    FILL_RATE = "fill_rate"
    REPLACED = "replaced"
    AWAITING_KEYFRAME = "awaiting_keyframe"
    CLOSED = "closed"


class Capacity(msgspec.Struct, frozen=True, kw_only=True):
    """How much a buffer holds: items, bytes, seconds; whichever is reached first. None: no such bound."""

    count: int | None = None
    bytes: int | None = None
    age_s: float | None = None
    endless: bool = False

    def __post_init__(self) -> None:
        bounds = (self.count, self.bytes, self.age_s)
        if any(bound is not None and not 0 < bound < math.inf for bound in bounds):
            raise ConfigError(f"expected bounds above 0, got {self}")
        # Age alone bounds nothing: a burst of any size fits into a second.
        if not self.endless and self.count is None and self.bytes is None:
            raise ConfigError("expected a bound of count or bytes; ask for none with Capacity.unbounded()")

    @classmethod
    def unbounded(cls, *, age_s: float | None = None) -> Capacity:
        """No bound but perhaps an age: memory can grow until none is left."""
        return cls(age_s=age_s, endless=True)


class BufferStats(msgspec.Struct, frozen=True, kw_only=True):
    """A buffer's counts at one moment. `fill` is the share of its capacity in use, 0 to 1."""

    entered: int
    left: int
    dropped: dict[str, int]
    held: int
    held_bytes: int
    peak_held: int
    refused: int
    fill: float

    @property
    def balanced(self) -> bool:
        """Whether the counts add up; they do in any snapshot."""
        return self.entered == self.left + sum(self.dropped.values()) + self.held


class _Held(NamedTuple, Generic[T]):
    item: T
    size: int
    since_ns: int


class OverflowBuffer(Generic[T]):
    """Items in line, within a capacity.

    Args:
        capacity: how much it holds.
        overflow: what happens when that is reached.
        size: bytes of an item; needed for `capacity.bytes`.
        key: what an item replaces its like by; needed for `LATEST_PER_KEY`.
        keyframe: whether decoding may begin at an item; needed for `DROP_TO_KEYFRAME`.
        fill_rate_hz: at most so many items a second are let in, evenly; the others are dropped.

    Raises:
        ConfigError: something needed is missing, or does not go with the policy.
    """

    def __init__(
        self,
        capacity: Capacity,
        overflow: Overflow,
        *,
        size: Callable[[T], int] | None = None,
        key: Callable[[T], Hashable] | None = None,
        keyframe: Callable[[T], bool] | None = None,
        fill_rate_hz: float | None = None,
    ) -> None:
        _need(size, capacity.bytes is not None, "size", "a capacity in bytes")
        _need(key, overflow is Overflow.LATEST_PER_KEY, "key", overflow.value)
        _need(keyframe, overflow is Overflow.DROP_TO_KEYFRAME, "keyframe", overflow.value)
        if fill_rate_hz is not None and not 0 < fill_rate_hz < math.inf:
            raise ConfigError(f"expected a fill rate above 0, got {fill_rate_hz}")
        if fill_rate_hz is not None and overflow is Overflow.DROP_TO_KEYFRAME:
            raise ConfigError("a fill rate would drop packets that the next ones need to be decoded")
        self.capacity = capacity
        self.overflow = overflow
        self._size = size or (lambda _item: 0)
        self._key = key or (lambda _item: None)
        self._keyframe = keyframe or (lambda _item: True)
        self._age_ns = None if capacity.age_s is None else ns(capacity.age_s)
        self._fill_step_ns = 0 if fill_rate_hz is None else round(NS_PER_S / fill_rate_hz)
        self._fill_due_ns: int | None = None
        self._line: OrderedDict[Hashable, _Held[T]] = OrderedDict()
        self._serials = count()
        self._awaiting_keyframe = overflow is Overflow.DROP_TO_KEYFRAME
        self._entered = self._left = self._held_bytes = self._peak_held = self._refused = 0
        self._dropped: dict[str, int] = {}
        self._make_room: dict[Overflow, Callable[[T, int], Reason | None]] = {
            Overflow.DROP_OLDEST: self._drop_oldest,
            Overflow.DROP_NEWEST: lambda _item, size: None if self._fits(size) else Reason.OVERFLOW,
            Overflow.CLEAR: self._clear,
            Overflow.LATEST_PER_KEY: self._drop_oldest,
            Overflow.DROP_TO_KEYFRAME: self._drop_to_keyframe,
        }

    def __len__(self) -> int:
        return len(self._line)

    def offer(self, item: T, now_ns: int) -> bool:
        """Let `item` in or drop what the policy says; False when it must wait (`BLOCK`) and did not enter.

        Raises:
            BufferFull: the policy is `RAISE` and there is no room, or (`RAISE`, `BLOCK`) there never will be.
        """
        self._expire(now_ns)
        size = self._size(item)
        if self.overflow in (Overflow.BLOCK, Overflow.RAISE) and not self._admissible(size):
            return False
        self._entered += 1
        reason = self._reason_to_drop(item, size, now_ns)
        if reason is None:
            self._append(item, size, now_ns)
        else:
            self._count(reason)
        return True

    def fits(self, item: T, now_ns: int) -> bool:
        """Whether there is room for `item` as it is, with nothing dropped but what grew too old."""
        self._expire(now_ns)
        return self._fits(self._size(item))

    def take(self, now_ns: int) -> T | None:
        """The item that is next in line, or None when there is none."""
        self._expire(now_ns)
        if not self._line:
            return None
        _, held = self._line.popitem(last=False)
        self._held_bytes -= held.size
        self._left += 1
        return held.item

    def peek(self) -> T | None:
        """The item that is next in line, left where it is."""
        return next(iter(self._line.values())).item if self._line else None

    def discard(self, reason: Reason = Reason.CLOSED) -> list[T]:
        """Drop all that is held, and give it back."""
        return [self._drop_first(reason) for _ in range(len(self._line))]

    def refuse(self) -> None:
        """Count an item whose writer gave up waiting."""
        self._refused += 1

    def stats(self) -> BufferStats:
        return BufferStats(
            entered=self._entered,
            left=self._left,
            dropped=dict(self._dropped),
            held=len(self._line),
            held_bytes=self._held_bytes,
            peak_held=self._peak_held,
            refused=self._refused,
            fill=self._fill(),
        )

    def _fill(self) -> float:
        shares = [len(self._line) / self.capacity.count] if self.capacity.count else []
        if self.capacity.bytes:
            shares.append(self._held_bytes / self.capacity.bytes)
        return max(shares, default=0.0)

    def _fits(self, size: int) -> bool:
        few = self.capacity.count is None or len(self._line) < self.capacity.count
        return few and (self.capacity.bytes is None or self._held_bytes + size <= self.capacity.bytes)

    def _too_large(self, size: int) -> bool:
        return self.capacity.bytes is not None and size > self.capacity.bytes

    def _admissible(self, size: int) -> bool:
        if self._too_large(size):
            self._refused += 1
            raise BufferFull(f"expected an item of at most {self.capacity.bytes} bytes, got {size}")
        if self._fits(size):
            return True
        if self.overflow is Overflow.RAISE:
            self._refused += 1
            raise BufferFull(f"the buffer is full: {len(self._line)} items, {self._held_bytes} bytes")
        return False

    def _reason_to_drop(self, item: T, size: int, now_ns: int) -> Reason | None:
        """Why `item` is dropped; None when it stays, and then there is room for it."""
        if self._too_large(size):
            # What depends on a lost packet cannot be decoded either.
            self._awaiting_keyframe = self.overflow is Overflow.DROP_TO_KEYFRAME
            return Reason.TOO_LARGE
        if not self._in_time(now_ns):
            return Reason.FILL_RATE
        make_room = self._make_room.get(self.overflow)
        return make_room(item, size) if make_room else None

    def _drop_oldest(self, item: T, size: int) -> Reason | None:
        if self.overflow is Overflow.LATEST_PER_KEY and self._replace(self._key(item), size):
            return None
        while not self._fits(size):
            self._drop_first(Reason.OVERFLOW)
        return None

    def _clear(self, _item: T, size: int) -> Reason | None:
        if not self._fits(size):
            self.discard(Reason.OVERFLOW)
        return None

    def _drop_to_keyframe(self, item: T, size: int) -> Reason | None:
        if self._keyframe(item):
            if not self._fits(size):
                self.discard(Reason.OVERFLOW)
            self._awaiting_keyframe = False
        elif not self._awaiting_keyframe and not self._fits(size):
            self._cut_to_keyframe(Reason.OVERFLOW)
            if not self._fits(size):
                self.discard(Reason.OVERFLOW)
                self._awaiting_keyframe = True
        return Reason.AWAITING_KEYFRAME if self._awaiting_keyframe else None

    def _cut_to_keyframe(self, reason: Reason) -> None:
        """Drop the first in line and all up to the newest keyframe behind it; all, where there is none."""
        behind = list(self._line.items())[1:]
        newest = next((serial for serial, held in reversed(behind) if self._keyframe(held.item)), None)
        self._awaiting_keyframe = newest is None
        while self._line and next(iter(self._line)) != newest:
            self._drop_first(reason)

    def _replace(self, key: Hashable, size: int) -> bool:
        """Drop the held item with this key; True when the new one can stand in its place in line."""
        held = self._line.get(key)
        if held is None:
            return False
        self._count(Reason.REPLACED)
        self._held_bytes -= held.size
        # The place in line is kept, lest a key that is written faster than it is read never comes first.
        if self.capacity.bytes is None or self._held_bytes + size <= self.capacity.bytes:
            return True
        del self._line[key]
        return False

    def _in_time(self, now_ns: int) -> bool:
        if not self._fill_step_ns:
            return True
        due_ns = self._fill_due_ns
        if due_ns is not None and now_ns < due_ns:
            return False
        # The grid goes on where it was unless a whole step was missed, so that the mean is the rate.
        begun_ns = now_ns if due_ns is None or now_ns - due_ns >= self._fill_step_ns else due_ns
        self._fill_due_ns = begun_ns + self._fill_step_ns
        return True

    def _append(self, item: T, size: int, now_ns: int) -> None:
        keyed = self.overflow is Overflow.LATEST_PER_KEY
        self._line[self._key(item) if keyed else next(self._serials)] = _Held(item, size, now_ns)
        self._held_bytes += size
        self._peak_held = max(self._peak_held, len(self._line))

    def _expire(self, now_ns: int) -> None:
        while self._age_ns is not None and self._line:
            if now_ns - next(iter(self._line.values())).since_ns <= self._age_ns:
                return
            if self.overflow is Overflow.DROP_TO_KEYFRAME:
                self._cut_to_keyframe(Reason.TOO_OLD)
            else:
                self._drop_first(Reason.TOO_OLD)

    def _drop_first(self, reason: Reason) -> T:
        _, held = self._line.popitem(last=False)
        self._held_bytes -= held.size
        self._count(reason)
        return held.item

    def _count(self, reason: Reason) -> None:
        self._dropped[reason] = self._dropped.get(reason, 0) + 1


def _need(given: object, needed: bool, name: str, what_for: str) -> None:
    if needed and given is None:
        raise ConfigError(f"{what_for} needs {name}=")
