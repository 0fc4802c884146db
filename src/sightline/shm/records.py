"""What the table of leases is made of: pools, their slots, and who looks at these.

It keeps what `sightline.shm.leases` writes down, and derives what follows at once; it changes nothing.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final, Generic, TypeVar

R = TypeVar("R", bound=Hashable)

FEWEST_FREE: Final = 2
"""A pool with fewer free slots is starved: one may be written into while the other is on its way."""


class Pool(Generic[R]):
    """`claims` in the order of publishing; of these, `idle` have no lease."""

    __slots__ = ("claims", "drained", "free", "idle", "name", "slots")

    def __init__(self, name: bytes, slots: int) -> None:
        self.name = name
        self.slots = [Slot(self, number) for number in range(slots)]
        self.claims: dict[Slot[R], None] = {}
        self.free = slots
        self.idle = 0
        self.drained = False

    @property
    def short(self) -> int:
        """How many claims are to be copied out now."""
        # Of a drained pool nothing is reused: one picture would keep all its memory. No hurry, so one by one.
        return min(self.idle, 1 if self.drained else max(0, FEWEST_FREE - self.free))


class Slot(Generic[R]):
    __slots__ = ("generation", "leases", "number", "pool")

    def __init__(self, pool: Pool[R], number: int) -> None:
        self.pool = pool
        self.number = number
        self.generation = -1
        self.leases: dict[R, Lease[R]] = {}

    @property
    def free(self) -> bool:
        return not self.leases and self not in self.pool.claims

    def __str__(self) -> str:
        return f"slot {self.number} of pool {self.pool.name.hex()}"


class Lease(Generic[R]):
    """One reader's look at one slot; `times` it was handed it and has not given it back."""

    __slots__ = ("due_ns", "holder", "retired", "slot", "times")

    def __init__(self, holder: Holder[R], slot: Slot[R]) -> None:
        self.holder = holder
        self.slot = slot
        self.times = 0
        self.due_ns = 0
        self.retired = False


class Holder(Generic[R]):
    """A reader that has leases."""

    __slots__ = ("cut", "leases", "reader", "retired")

    def __init__(self, reader: R) -> None:
        self.reader = reader
        self.leases: dict[Lease[R], None] = {}
        self.retired = 0
        self.cut = False
