"""Who looks at which slot: the table of claims, leases and deadlines.

Whoever may still hand on a published slot has a *claim*; a reader that was handed it has a *lease*. A slot is
free again when it has neither, however long that takes: a lease that runs out makes it *retired*, which only
counts against its reader. Who has too many of these is *cut off*: it gets no more leases until it has given
all its retired slots back. The counts add up at any moment:

    published = freed + held            leased = released + lost + open

It is pure: it sends nothing, takes no lock and reads no clock. What follows from a call stands in `freed`,
`gone`, `cut` and `restored`, for the caller to take out. Each call but `stats` takes a time that does not
grow with the number of pools, readers or leases.
"""

from __future__ import annotations

from collections import OrderedDict
from itertools import islice
from typing import Final, Generic

import msgspec

from sightline.clock import ns
from sightline.errors import ConfigError, WireError
from sightline.shm.records import Holder, Lease, Pool, R, Slot

MOST_GENERATION: Final = 2**63 - 1
"""What `Released` can name; a slot that its readers cannot give back is not taken."""


class LeaseStats(msgspec.Struct, frozen=True, kw_only=True):
    """The table's counts at one moment.

    Attributes:
        pools, slots, held: what there is now; `held` slots are claimed or leased.
        published, freed: slots, so far.
        leased, released, lost: leases so far; given out, given back, and ended with their readers.
        open: leases now.
        retired: slots of which a reader's lease ran out, once for each such reader, and which it still has.
        ran_out: how often that happened so far.
        cut_off, refused: how often readers were cut off, and leases that they did not get.
        stray: releases of what the reader had no lease of.
    """

    pools: int
    slots: int
    held: int
    published: int
    freed: int
    leased: int
    released: int
    lost: int
    open: int
    retired: int
    ran_out: int
    cut_off: int
    refused: int
    stray: int

    @property
    def balanced(self) -> bool:
        """Whether the counts add up; they do in any snapshot."""
        return (
            self.published == self.freed + self.held and self.leased == self.released + self.lost + self.open
        )


class Leases(Generic[R]):
    """The table. Readers are any hashable values; pools are named by their ids.

    Args:
        lease_s: seconds after which a reader should have given a slot back.
        most_retired: a reader that keeps more slots than this for longer is cut off.

    Attributes:
        freed: slots that may be filled again, as (pool, slot, generation).
        gone: pools that are drained and not looked at any more; they are forgotten.
        cut, restored: readers that get no leases from now on, and those that get them again; some of them may
            be gone by the time they are taken out.

    Raises:
        ConfigError: a setting that makes no sense.
    """

    def __init__(self, lease_s: float = 2.0, most_retired: int = 4) -> None:
        if not 0 < lease_s < float("inf") or most_retired < 0:
            raise ConfigError(
                f"expected lease_s above 0, most_retired of 0 or more, got {lease_s}, {most_retired}"
            )
        self.freed: list[tuple[bytes, int, int]] = []
        self.gone: list[bytes] = []
        self.cut: list[R] = []
        self.restored: list[R] = []
        self._lease_ns = ns(lease_s)
        self._most_retired = most_retired
        self._pools: dict[bytes, Pool[R]] = {}
        self._holders: dict[R, Holder[R]] = {}
        self._starved: dict[Pool[R], None] = {}
        # All leases last equally long, so the one that was given last is always the last to run out.
        self._due: OrderedDict[Lease[R], None] = OrderedDict()
        self._published = self._freed = self._leased = self._released = self._lost = 0
        self._ran_out = self._cut_off = self._refused = self._stray = 0

    def add_pool(self, pool: bytes, slots: int) -> None:
        """Raises WireError where there is one of this id."""
        if pool in self._pools:
            raise WireError(f"expected a new pool, got {pool.hex()} again")
        self._pools[pool] = Pool(pool, slots)

    def drain(self, pool: bytes) -> None:
        """Nothing of this pool is published any more. One that is gone already stays so."""
        found = self._pools.get(pool)
        if found is not None and not found.drained:
            found.drained = True
            self._note(found)

    def publish(self, pool: bytes, slot: int, generation: int) -> None:
        """A writer filled this slot: its claim begins.

        Raises:
            WireError: no such slot; its pool is drained; it is not free; it was filled so often before.
        """
        found = self._slot(pool, slot)
        if found.pool.drained:
            raise WireError(f"expected nothing more of a drained pool, got {found}")
        if not found.free:
            raise WireError(f"expected a free slot, got {found}, which is in use")
        if not found.generation < generation <= MOST_GENERATION:
            raise WireError(f"expected a generation above {found.generation}, got {generation} of {found}")
        found.generation = generation
        found.pool.claims[found] = None
        found.pool.free -= 1
        found.pool.idle += 1
        self._published += 1
        self._note(found.pool)

    def unclaim(self, pool: bytes, slot: int) -> None:
        """Nobody will be handed this slot any more. Raises ValueError where it is not claimed."""
        found = self._claimed(pool, slot)
        del found.pool.claims[found]
        if not found.leases:
            found.pool.idle -= 1
            self._free(found)

    def lease(self, reader: R, pool: bytes, slot: int, now_ns: int) -> bool:
        """`reader` is handed this slot, perhaps not for the first time. False: it may not be, being cut off.

        Raises:
            ValueError: the slot is not claimed.
        """
        found = self._claimed(pool, slot)
        holder = self._holders.get(reader)
        if holder is None:
            holder = self._holders[reader] = Holder(reader)
        elif holder.cut:
            self._refused += 1
            return False
        self._leased += 1
        self._extend(found.leases.get(reader) or self._begin(holder, found), now_ns)
        return True

    def release(self, reader: R, pool: bytes, slot: int, generation: int) -> None:
        """`reader` gives back one lease of this slot. What it has no lease of is counted, and ignored.

        Raises:
            WireError: the pool has no such slot, or it never was filled so often.
        """
        if pool not in self._pools:
            self._stray += 1
            return
        found = self._slot(pool, slot)
        if generation > found.generation:
            raise WireError(f"expected a generation up to {found.generation}, got {generation} of {found}")
        lease = found.leases.get(reader)
        if lease is None or generation < found.generation:
            self._stray += 1
            return
        self._released += 1
        lease.times -= 1
        if not lease.times:
            self._end(lease)

    def reader_gone(self, reader: R) -> None:
        """The reader's process ended, and all its leases with it."""
        holder = self._holders.get(reader)
        if holder is None:
            return
        holder.cut = False  # nobody is restored by going
        for lease in list(holder.leases):
            self._lost += lease.times
            self._end(lease)

    def expire(self, now_ns: int) -> int | None:
        """Retire what ran out. When this is to be called next, or None where nothing can run out."""
        while self._due:
            lease = next(iter(self._due))
            if lease.due_ns > now_ns:
                return lease.due_ns
            self._retire(lease)
        return None

    def free(self, pool: bytes) -> int:
        """How many slots may be filled; 0 of a pool that is gone."""
        found = self._pools.get(pool)
        return 0 if found is None else found.free

    def held(self, reader: R) -> int:
        """How many slots this reader has leases of."""
        holder = self._holders.get(reader)
        return 0 if holder is None else len(holder.leases)

    def starved(self) -> list[bytes]:
        """Pools that have something `to_spill`."""
        return [pool.name for pool in self._starved] if self._starved else []

    def to_spill(self, pool: bytes) -> list[int]:
        """Slots to be copied out and unclaimed: the oldest claims that nobody has leases of.

        As many as are missing to `FEWEST_FREE` free slots; of a drained pool always the next one.
        """
        found = self._pools.get(pool)
        if found is None:
            return []
        return list(islice((slot.number for slot in found.claims if not slot.leases), found.short))

    def stats(self) -> LeaseStats:
        slots = sum(len(pool.slots) for pool in self._pools.values())
        return LeaseStats(
            pools=len(self._pools),
            slots=slots,
            held=slots - sum(pool.free for pool in self._pools.values()),
            published=self._published,
            freed=self._freed,
            leased=self._leased,
            released=self._released,
            lost=self._lost,
            open=sum(lease.times for holder in self._holders.values() for lease in holder.leases),
            retired=sum(holder.retired for holder in self._holders.values()),
            ran_out=self._ran_out,
            cut_off=self._cut_off,
            refused=self._refused,
            stray=self._stray,
        )

    def _slot(self, pool: bytes, slot: int) -> Slot[R]:
        found = self._pools.get(pool)
        if found is None:
            raise WireError(f"expected a pool that was made known, got {pool.hex()}")
        if not 0 <= slot < len(found.slots):
            raise WireError(f"expected a slot below {len(found.slots)}, got {slot} of pool {pool.hex()}")
        return found.slots[slot]

    def _claimed(self, pool: bytes, slot: int) -> Slot[R]:
        found = self._pools.get(pool)
        if found is None or found.slots[slot] not in found.claims:
            raise ValueError(f"expected a claimed slot, got {slot} of pool {pool.hex()}")
        return found.slots[slot]

    def _begin(self, holder: Holder[R], slot: Slot[R]) -> Lease[R]:
        if not slot.leases:
            slot.pool.idle -= 1
            self._note(slot.pool)
        lease = slot.leases[holder.reader] = Lease(holder, slot)
        holder.leases[lease] = None
        return lease

    def _extend(self, lease: Lease[R], now_ns: int) -> None:
        """One more time, and as long again; what ran out before stays retired."""
        lease.times += 1
        if not lease.retired:
            lease.due_ns = now_ns + self._lease_ns
            self._due[lease] = None
            self._due.move_to_end(lease)

    def _retire(self, lease: Lease[R]) -> None:
        del self._due[lease]
        lease.retired = True
        self._ran_out += 1
        holder = lease.holder
        holder.retired += 1
        if holder.retired > self._most_retired and not holder.cut:
            holder.cut = True
            self._cut_off += 1
            self.cut.append(holder.reader)

    def _end(self, lease: Lease[R]) -> None:
        holder, slot = lease.holder, lease.slot
        del holder.leases[lease]
        if not holder.leases:
            del self._holders[holder.reader]
        if lease.retired:
            self._give_back(holder)
        else:
            del self._due[lease]
        del slot.leases[holder.reader]
        if not slot.leases:
            self._unleased(slot)

    def _give_back(self, holder: Holder[R]) -> None:
        holder.retired -= 1
        if holder.cut and not holder.retired:
            holder.cut = False
            self.restored.append(holder.reader)

    def _unleased(self, slot: Slot[R]) -> None:
        if slot in slot.pool.claims:
            slot.pool.idle += 1
            self._note(slot.pool)
        else:
            self._free(slot)

    def _free(self, slot: Slot[R]) -> None:
        slot.pool.free += 1
        self._freed += 1
        self.freed.append((slot.pool.name, slot.number, slot.generation))
        self._note(slot.pool)

    def _note(self, pool: Pool[R]) -> None:
        """A pool changed: is it starved, or gone?"""
        if pool.short:
            self._starved[pool] = None
        else:
            self._starved.pop(pool, None)
        if pool.drained and pool.free == len(pool.slots):
            del self._pools[pool.name]
            self.gone.append(pool.name)
