"""Who shares what with whom: the pools of all writers, who may look at them, and who still does.

It maps each pool read-only, hands it on to readers, and keeps the account of `sightline.shm.leases`. No loop
and no thread: messages, tokens and a time go in, messages go out on the sides of its peers. Used in one
thread, but for the end of a `Held`, which may come in any.

It promises: a token counts only from the peer whose pool it is; a slot is told free only when nobody can look
at it any more; what one peer says wrong ends that peer alone; what peers can make it hold has bounds
(`HostLimits`). A peer has two ends, in any order: that of its side is the end of its process and of its
leases (`lost`), that of the connection by which its tokens come the end of its pools (`retire`).

It does not look at what is in a slot: the writer may change that at any time, and readers know it.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from typing import Final

import msgspec

from sightline.clock import NS_PER_S
from sightline.errors import SharingError, WireError
from sightline.log import Repeated, get_logger
from sightline.shm.foreign import close_foreign
from sightline.shm.held import Account, Held, HeldPool, Peer, Shown, Way
from sightline.shm.leases import Leases, LeaseStats
from sightline.shm.messages import (
    MOST_REASON,
    Drain,
    Freed,
    Gone,
    Pool,
    Ready,
    Refused,
    Released,
    SideMessage,
)
from sightline.shm.segment import Mapping
from sightline.shm.token import Token

if sys.platform != "win32":
    import resource


SPILL_NS: Final = NS_PER_S // 10
"""How long a payload waits before it is copied out for want of slots. Who keeps pace takes it sooner;
to copy theirs would slow down all, and most where all are busy."""
POOL_DESCRIPTORS: Final = 2
"""One to hand on, and one that Python keeps with each mapping."""


class HostLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What peers can make a host hold.

    Attributes:
        peers: at once, those that retired and still look at something among them.
        pools: of all peers together; fewer where that would be more than a quarter of the descriptors that
            this process may have.
        pools_of_peer: of one.
        pool_bytes: the size of one.
        lease_s: seconds after which a reader should have given a slot back.
        most_retired: a reader that keeps more slots than this for longer gets bytes.
    """

    peers: int = 1024
    pools: int = 1024
    pools_of_peer: int = 64
    pool_bytes: int = 1024 * 1024 * 1024
    lease_s: float = 2.0
    most_retired: int = 4


class HostStats(msgspec.Struct, frozen=True, kw_only=True):
    """A host's counts at one moment.

    Attributes:
        peers, pools, pool_bytes: what there is now.
        leases: the account of who looks at what.
        tokens: handed to readers so far; `leases.leased`.
        bytes_instead: how often a reader was to have bytes, by reason: see `Held.token_for`.
        copied, copied_bytes: payloads that were copied out so far, for readers or to free their slots.
        spilled, spilled_bytes: those of them that were copied to free their slots.
        refused_pools: so far.
    """

    peers: int
    pools: int
    pool_bytes: int
    leases: LeaseStats
    bytes_instead: dict[str, int]
    copied: int
    copied_bytes: int
    spilled: int
    spilled_bytes: int
    refused_pools: int

    @property
    def tokens(self) -> int:
        return self.leases.leased


REASONS: Final = ("away", "not_ready", "refused", "cut_off", "spilled")


class Host:
    """The account of one process that hands pictures on."""

    def __init__(self, limits: HostLimits | None = None) -> None:
        self.limits = limits = limits or HostLimits()
        self._leases: Leases[Peer] = Leases(limits.lease_s, limits.most_retired)
        self._account = Account(self._leases)
        self._peers: dict[Peer, None] = {}
        self._pools: dict[bytes, HeldPool] = {}
        self._most_pools = min(limits.pools, _most_open() // 4 // POOL_DESCRIPTORS)
        self._log = get_logger("sightline.shm")
        self._refusals = Repeated(self._log, "shared memory refused")

    # Peers come and go.

    def joined(self, side: Way) -> Peer:
        """A process is there, at the other end of `side`. Raises SharingError where there are too many."""
        if len(self._peers) >= self.limits.peers:
            raise SharingError(f"expected at most {self.limits.peers} processes to share with")
        peer = Peer(side)
        self._peers[peer] = None
        return peer

    def retire(self, peer: Peer) -> None:
        """Its connection ended: no token comes of it or goes to it. What it looks at it may go on with."""
        peer.shares = False
        for pool in peer.pools:
            self._leases.drain(pool)
        self.settle()

    def looks(self, peer: Peer) -> bool:
        """Whether it has leases."""
        return self._leases.held(peer) > 0

    def lost(self, peer: Peer) -> None:
        """Its side ended, and it looks at nothing any more; its side is closed. Again is allowed.

        What it wrote stays until it retires: its last tokens may still come by its connection.
        """
        if peer not in self._peers:
            return
        del self._peers[peer]
        for pool in peer.shown:
            self._pools[pool].readers.discard(peer)
        self._leases.reader_gone(peer)
        peer.shares = False
        peer.side.close()
        self.settle()

    # What peers say and send.

    def received(self, peer: Peer, message: SideMessage, fd: int | None) -> None:
        """It said this; `fd` is the host's from now on. Others are told by `settle`.

        Raises:
            WireError: this is nothing that a peer may say; it is to be ended.
        """
        match message:
            case Pool():
                self._offered(peer, message, fd)
            case Ready():
                self._answered(peer, message.pool, Shown.READY)
            case Refused():
                self._answered(peer, message.pool, Shown.REFUSED)
            case Released():
                for slot in message.slots:
                    self._leases.release(peer, *slot)
            case Drain():
                if message.pool in peer.pools:
                    self._leases.drain(message.pool)
            case _:
                raise WireError(f"expected nothing like {type(message).__name__} of a peer")

    def claim(self, peer: Peer | None, token: Token) -> Held:
        """`peer` sent a token: what it stands for is held.

        Raises:
            WireError: it stands for nothing of this peer's.
        """
        pool = None if peer is None else peer.pools.get(token.pool)
        if pool is None:
            raise WireError(f"expected a token of a pool of its sender's, got {token.pool.hex()}")
        if not 0 < token.size <= pool.said.slot_bytes:
            raise WireError(f"expected 1 to {pool.said.slot_bytes} bytes in a slot, got {token.size}")
        self._leases.publish(token.pool, token.slot, token.generation)
        held = pool.held[token.slot] = Held(pool, token)
        return held

    # To be called often.

    def settle(self) -> None:
        """Say what follows of all that happened; after each batch of messages, of any kind."""
        leases, loose = self._leases, self._account.loose
        while loose:
            leases.unclaim(*loose.popleft())
        if leases.freed:
            self._tell_freed()
        while leases.gone:
            self._forget(leases.gone.pop())
        for peer in leases.cut:
            self._log.warning("reader cut off: it gives shared pictures back late", pid=peer.side.peer_pid)
        for peer in leases.restored:
            self._log.info("reader gave shared pictures back", pid=peer.side.peer_pid)
        leases.cut.clear()
        leases.restored.clear()

    def relieve(self, now_ns: int | None = None) -> None:
        """Settle, and copy out what keeps writers waiting for slots and only waits itself.

        Args:
            now_ns: what came less than `SPILL_NS` before is left to readers, who may be about to take it.
                None: nothing is.
        """
        self.settle()
        account = self._account
        account.now_ns = account.now_ns if now_ns is None else now_ns
        came_by_ns = None if now_ns is None else now_ns - SPILL_NS
        starved = self._leases.starved()
        for pool in starved:
            held = self._pools[pool].held
            for slot in self._leases.to_spill(pool):
                waiting = held.get(slot)
                if waiting is not None and (came_by_ns is None or waiting.since_ns <= came_by_ns):
                    waiting.spill()
        if starved:
            self.settle()

    def tick(self, now_ns: int) -> None:
        """A few times a second: leases run out, and what could not be said is said."""
        self._account.now_ns = now_ns
        self._leases.expire(now_ns)
        for peer in tuple(self._peers):
            if peer.side.unsent:
                peer.side.flush()
        self.settle()

    def stats(self) -> HostStats:
        counts = self._account.counts
        return HostStats(
            peers=len(self._peers),
            pools=len(self._pools),
            pool_bytes=sum(pool.mapping.size for pool in self._pools.values()),
            leases=self._leases.stats(),
            bytes_instead={reason: self._account.instead[reason] for reason in REASONS},
            copied=counts["copied"],
            copied_bytes=counts["copied_bytes"],
            spilled=counts["spilled"],
            spilled_bytes=counts["spilled_bytes"],
            refused_pools=counts["refused_pools"],
        )

    def retire_all(self) -> None:
        """As `retire`, of all. Before their sides are closed: what that frees, processes still look at."""
        for peer in self._peers:
            peer.shares = False
        for peer in tuple(self._peers):
            self.retire(peer)

    def close(self) -> None:
        """All peers are lost, and no pool is mapped; a `Held` has its bytes only if it was copied before."""
        self.retire_all()
        for peer in tuple(self._peers):
            self.lost(peer)
        for pool in self._pools.values():
            pool.mapping.close()
        self._refusals.flush()

    def _offered(self, peer: Peer, said: Pool, fd: int | None) -> None:
        self.settle()  # pools that are gone make room
        try:
            mapping = self._mapped(peer, said, fd)
        except SharingError as error:
            self._account.counts["refused_pools"] += 1
            self._refusals.add(pid=peer.side.peer_pid, reason=str(error))
            peer.side.send(Refused(pool=said.pool, reason=str(error)[:MOST_REASON]))
            return
        pool = self._pools[said.pool] = peer.pools[said.pool] = HeldPool(said, peer, mapping, self._account)
        self._leases.add_pool(said.pool, said.slots)
        if not peer.shares:
            self._leases.drain(said.pool)
        peer.side.send(Ready(pool=pool.said.pool))

    def _mapped(self, peer: Peer, said: Pool, fd: int | None) -> Mapping:
        if fd is None:
            raise SharingError("expected a pool's descriptor, got none")
        size = said.slots * said.slot_bytes
        try:
            self._check_room(peer, said, size)
        except SharingError:
            close_foreign([fd])
            raise
        return Mapping(fd, size, sealed=said.sealed, keep_fd=True)

    def _check_room(self, peer: Peer, said: Pool, size: int) -> None:
        if said.pool in self._pools:
            raise SharingError("expected the id of a new pool, got one that there is")
        if size > self.limits.pool_bytes:
            raise SharingError(f"expected a pool of at most {self.limits.pool_bytes} bytes, got {size}")
        if len(peer.pools) >= self.limits.pools_of_peer or len(self._pools) >= self._most_pools:
            raise SharingError(
                f"expected at most {self.limits.pools_of_peer} pools of a process, {self._most_pools} of all"
            )

    def _answered(self, peer: Peer, pool: bytes, answer: Shown) -> None:
        # It may be gone since, and an answer is the last word.
        if peer.shown.get(pool) is Shown.TOLD:
            peer.shown[pool] = answer

    def _tell_freed(self) -> None:
        freed: dict[Peer, list[tuple[bytes, int, int]]] = defaultdict(list)
        for slot in self._leases.freed:
            freed[self._pools[slot[0]].writer].append(slot)
        self._leases.freed.clear()
        for writer, slots in freed.items():
            if writer.shares:  # else it fills none of them, nor reads what it is told
                writer.side.tell(Freed, slots)

    def _forget(self, name: bytes) -> None:
        pool = self._pools.pop(name)
        del pool.writer.pools[name]
        for reader in pool.readers:
            del reader.shown[name]
            if reader.shares:
                reader.side.send(Gone(pool=name))
        pool.mapping.close()


def _most_open() -> int:
    """Descriptors that this process may have."""
    most = -1 if sys.platform == "win32" else resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return sys.maxsize if most < 0 else most
