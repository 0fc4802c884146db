"""What a host holds: a writer's pool, who may look at it, and one payload in it.

Used in the host's one thread, but for the end of a `Held`, which may come in any.
"""

from __future__ import annotations

from collections import Counter, deque
from enum import Enum
from typing import Protocol
from weakref import WeakValueDictionary

from sightline.shm.leases import Leases
from sightline.shm.messages import Freed, Pool, Released, SideMessage
from sightline.shm.segment import Mapping
from sightline.shm.token import Token


class Way(Protocol):
    """How a peer is told something: a `Side`, or whatever else never waits."""

    @property
    def peer_pid(self) -> int: ...
    @property
    def unsent(self) -> int: ...
    def send(self, message: SideMessage, fd: int | None = None) -> bool: ...
    def tell(self, kind: type[Freed | Released], slots: list[tuple[bytes, int, int]]) -> bool: ...
    def flush(self) -> bool: ...
    def close(self) -> None: ...


class Shown(Enum):
    """How far a reader is with a pool."""

    TOLD = "told"
    READY = "ready"
    REFUSED = "refused"


class Peer:
    """One process with which memory is shared.

    Attributes:
        side: how it is told.
        shares: whether it gets tokens: its connection stands, and its side.
        pools: that it writes to, by their ids.
        shown: pools that it was told of as a reader, by their ids.
    """

    __slots__ = ("pools", "shares", "shown", "side")

    def __init__(self, side: Way) -> None:
        self.side = side
        self.shares = True
        self.pools: dict[bytes, HeldPool] = {}
        self.shown: dict[bytes, Shown] = {}


class Account:
    """What all pools of a host share.

    Attributes:
        leases: who looks at what.
        loose: claims that nobody has any more, in whichever thread that was seen.
        counts: of what was done.
        instead: how often a reader was to have bytes, by reason.
        now_ns: when the host was last told the time.
    """

    __slots__ = ("counts", "instead", "leases", "loose", "now_ns")

    def __init__(self, leases: Leases[Peer]) -> None:
        self.leases = leases
        self.counts: Counter[str] = Counter()
        self.instead: Counter[str] = Counter()
        self.loose: deque[tuple[bytes, int]] = deque()
        self.now_ns = 0


class HeldPool:
    """A pool of `writer`. `held`: what is claimed of it, by slot; `readers`: who was told of it."""

    __slots__ = ("account", "held", "mapping", "readers", "said", "writer")

    def __init__(self, said: Pool, writer: Peer, mapping: Mapping, account: Account) -> None:
        self.said = said
        self.writer = writer
        self.mapping = mapping
        self.account = account
        self.held: WeakValueDictionary[int, Held] = WeakValueDictionary()
        self.readers: set[Peer] = set()

    def show(self, reader: Peer) -> Shown | None:
        """Tell it of this pool, if it reads what it is told. None: not now."""
        if reader.side.unsent or not reader.side.send(self.said, self.mapping.fd):
            return None
        self.readers.add(reader)
        reader.shown[self.said.pool] = Shown.TOLD
        return Shown.TOLD

    def copied(self, token: Token) -> bytes:
        start = token.slot * self.said.slot_bytes
        memory = self.mapping.memory[start : start + token.size]
        if not self.mapping.whole(start, token.size):
            return bytes(token.size)  # which is what is there; but to look would take it, on our account
        return bytes(memory)


class Held:
    """One payload in shared memory, and the claim to it: its slot is not filled again while this lives.

    Attributes:
        token: where it lies.
        since_ns: when it came, or a little before.
    """

    __slots__ = ("__weakref__", "_bytes", "_claims", "_pool", "since_ns", "token")

    def __init__(self, pool: HeldPool, token: Token) -> None:
        self.token = token
        self.since_ns = pool.account.now_ns
        self._pool = pool
        self._bytes: bytes | None = None
        self._claims = True

    @property
    def size(self) -> int:
        """Bytes of the payload."""
        return self.token.size

    def token_for(self, peer: Peer | None, now_ns: int) -> Token | str:
        """The token, to be sent to `peer` now: its lease begins. Or why it is to have the bytes, see `copy`.

        Where it has not been told of the pool, it is. It gets bytes where it is `away` (does not share), the
        pool is `not_ready` (not mapped yet) or `refused` (nor will it be), it is `cut_off` (gives nothing
        back), or the payload was `spilled`; each is counted.
        """
        reason = self._obstacle(peer, now_ns)
        if reason is None:
            return self.token
        self._pool.account.instead[reason] += 1
        return reason

    def copy(self) -> bytes:
        """The payload; copied once."""
        if self._bytes is None:
            self._bytes = self._pool.copied(self.token)
            self._count("copied")
        return self._bytes

    def spill(self) -> None:
        """Keep the payload as bytes, and give up the claim."""
        if not self._claims:
            return
        self.copy()
        self._claims = False
        self._pool.account.leases.unclaim(self.token.pool, self.token.slot)
        self._count("spilled")

    def _obstacle(self, peer: Peer | None, now_ns: int) -> str | None:
        if peer is None or not peer.shares:
            return "away"
        if not self._claims:
            return "spilled"
        pool, slot = self.token.pool, self.token.slot
        shown = peer.shown.get(pool) or self._pool.show(peer)
        if shown is not Shown.READY:
            return "refused" if shown is Shown.REFUSED else "not_ready"
        return None if self._pool.account.leases.lease(peer, pool, slot, now_ns) else "cut_off"

    def _count(self, what: str) -> None:
        counts = self._pool.account.counts
        counts[what] += 1
        counts[f"{what}_bytes"] += self.size

    def __del__(self) -> None:
        # In any thread, within anything: the host takes it from there.
        if self._claims:
            self._pool.account.loose.append((self.token.pool, self.token.slot))
