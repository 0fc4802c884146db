"""Who looks at which slot where pictures are handed on from one holder to the next: the table of grants.

A writer that publishes a slot claims it, as a grant to itself. Whoever holds a slot *grants* it to a peer
here, before the peer is sent the token; each holder releases once for each grant. So whoever dies in between,
nothing is freed too early, and nothing is lost.

The table hears of all this by one socket for each peer: in order from each, and between them in any order. So
a release may be read before its grant, and a count be below 0 for a while. A slot is free once its writer's
first grant was read and all counts are 0; no more is needed, as each holder says that it grants before it
says that it releases: while a grant is not read, neither is the release of what it was made of, so that one
counts, or the one that it came from.

Peers end. All counts of one go with it; what is granted to it afterwards is void. What it had granted, and
not sent any more, its takers tell: how many tokens they got of it (`arrived`); tokens of one giver come to
one taker in the order of their grants, so those that did not are the last.

It is pure: it sends nothing, takes no lock and reads no clock. What follows stands in `freed` and `gone`, for
the caller to take out. Counts add up at any moment:

    granted = released + lost + void + open
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterable
from typing import Generic, TypeAlias, TypeVar

import msgspec

from sightline.errors import WireError

P = TypeVar("P", bound=Hashable)
Place: TypeAlias = tuple[bytes, int, int]
"""Pool, slot, generation."""


class GrantStats(msgspec.Struct, frozen=True, kw_only=True):
    """The table's counts at one moment.

    Attributes:
        peers, pools, held: what there is now; `held` slots are not free.
        granted: so far, a writer's own claims among them.
        released: of these, so far.
        lost: so far, with the peers that had them, or because their tokens never came.
        void: granted to peers that were gone.
        open: grants now; below 0 where more releases than grants were read.
        freed: slots, so far.
    """

    peers: int
    pools: int
    held: int
    granted: int
    released: int
    lost: int
    void: int
    open: int
    freed: int

    @property
    def balanced(self) -> bool:
        """Whether the counts add up; they do in any snapshot."""
        return self.granted == self.released + self.lost + self.void + self.open


class _Pool(Generic[P]):
    __slots__ = ("drained", "held", "writer")

    def __init__(self, writer: P) -> None:
        self.writer = writer
        self.held = 0
        self.drained = False


class _Slot(Generic[P]):
    """One filling of a slot. No count stands at 0."""

    __slots__ = ("counts", "published")

    def __init__(self) -> None:
        self.counts: dict[P, int] = {}
        self.published = False


class _Way:
    """From one giver to one taker: what may not have arrived, the latest last."""

    __slots__ = ("arrived", "granted", "over", "under_way")

    def __init__(self) -> None:
        self.granted = self.arrived = 0
        self.under_way: deque[Place] = deque()
        self.over = False

    def trim(self) -> None:
        while self.under_way and self.granted - len(self.under_way) < self.arrived:
            self.under_way.popleft()


class Grants(Generic[P]):
    """The table. Peers are any hashable values, never used again; pools are named by their ids.

    Attributes:
        freed: slots that may be filled again, as (writer, place).
        gone: pools of which no token can be under way, and none comes; they are forgotten.
    """

    def __init__(self) -> None:
        self.freed: list[tuple[P, Place]] = []
        self.gone: list[bytes] = []
        self._peers: set[P] = set()
        self._pools: dict[bytes, _Pool[P]] = {}
        self._slots: dict[Place, _Slot[P]] = {}
        self._held_by: dict[P, set[Place]] = {}
        self._ways: dict[tuple[P, P], _Way] = {}
        self._granted = self._released = self._lost = self._void = self._open = self._freed = 0

    def join(self, peer: P) -> None:
        self._peers.add(peer)
        self._held_by[peer] = set()

    def add_pool(self, writer: P, pool: bytes) -> None:
        """Raises WireError where there is one of this id."""
        if pool in self._pools:
            raise WireError(f"expected a new pool, got {pool.hex()} again")
        self._pools[pool] = _Pool(writer)

    def drain(self, writer: P, pool: bytes) -> None:
        """Its writer fills no slot of it any more. One that is gone already stays so."""
        found = self._pools.get(pool)
        if found is not None and found.writer == writer:
            found.drained = True
            self._settle_pool(pool, found)

    def claim(self, writer: P, places: Iterable[Place]) -> None:
        """A writer filled these: they are its own until it releases them, and may be granted.

        Raises:
            WireError: a pool that is not the writer's.
        """
        for place in places:
            pool = self._pools.get(place[0])
            if pool is None or pool.writer != writer or pool.drained:
                raise WireError(f"expected a slot of a pool of its own, got {place[0].hex()}")
            slot = self._slot(place)
            if not slot.published:
                slot.published = True
                pool.held += 1
            self._granted += 1
            self._add(writer, place, slot, 1)

    def grant(self, giver: P, places: Iterable[Place], taker: P) -> None:
        """`giver`, who holds these, is about to send their tokens to `taker`, in this order."""
        alive = taker in self._peers
        way = self._way(giver, taker) if alive else None
        for place in places:
            self._granted += 1
            if way is None:
                self._void += 1
                continue
            way.granted += 1
            way.under_way.append(place)
            self._add(taker, place, self._slot(place), 1)
        if way is not None:
            way.trim()

    def release(self, holder: P, places: Iterable[Place]) -> None:
        """`holder` looks at each of these once less."""
        for place in places:
            self._released += 1
            self._add(holder, place, self._slot(place), -1)

    def arrived(self, taker: P, giver: P, tokens: int, *, over: bool = False) -> None:
        """`taker` got so many tokens of `giver` so far; `over`: and none comes any more."""
        if giver not in self._peers and (giver, taker) not in self._ways:
            return
        way = self._way(giver, taker)
        way.arrived = max(way.arrived, tokens)
        way.over = way.over or over
        way.trim()
        self._settle_way(giver, taker, way)

    def left(self, peer: P) -> None:
        """All that this peer said was heard, and it is gone. Again is allowed."""
        if peer not in self._peers:
            return
        self._peers.discard(peer)
        for place in self._held_by.pop(peer):
            slot = self._slots[place]
            count = slot.counts.pop(peer)
            self._lost += count
            self._open -= count
            self._settle(place, slot)
        for pool, found in tuple(self._pools.items()):
            if found.writer == peer:
                found.drained = True
                self._settle_pool(pool, found)
        for (giver, taker), way in tuple(self._ways.items()):
            if taker == peer:
                del self._ways[giver, taker]
            elif giver == peer:
                self._settle_way(giver, taker, way)

    def stats(self) -> GrantStats:
        return GrantStats(
            peers=len(self._peers),
            pools=len(self._pools),
            held=sum(pool.held for pool in self._pools.values()),
            granted=self._granted,
            released=self._released,
            lost=self._lost,
            void=self._void,
            open=self._open,
            freed=self._freed,
        )

    def _slot(self, place: Place) -> _Slot[P]:
        slot = self._slots.get(place)
        if slot is None:
            slot = self._slots[place] = _Slot()
        return slot

    def _way(self, giver: P, taker: P) -> _Way:
        way = self._ways.get((giver, taker))
        if way is None:
            way = self._ways[giver, taker] = _Way()
        return way

    def _add(self, holder: P, place: Place, slot: _Slot[P], number: int) -> None:
        self._open += number
        count = slot.counts.get(holder, 0) + number
        if count:
            slot.counts[holder] = count
            self._held_by[holder].add(place)
            return
        del slot.counts[holder]
        self._held_by[holder].discard(place)
        self._settle(place, slot)

    def _settle(self, place: Place, slot: _Slot[P]) -> None:
        if slot.counts:
            return
        del self._slots[place]
        if not slot.published:
            return
        pool = self._pools[place[0]]
        pool.held -= 1
        self._freed += 1
        if pool.writer in self._peers:
            self.freed.append((pool.writer, place))
        self._settle_pool(place[0], pool)

    def _settle_pool(self, name: bytes, pool: _Pool[P]) -> None:
        if pool.drained and not pool.held and name in self._pools:
            del self._pools[name]
            self.gone.append(name)

    def _settle_way(self, giver: P, taker: P, way: _Way) -> None:
        """Take back what the giver, now gone, granted and did not send any more."""
        if giver in self._peers or not way.over:
            return
        del self._ways[giver, taker]
        for place in way.under_way:
            self._lost += 1
            self._add(taker, place, self._slot(place), -1)
