"""Who is sent to without a hub: its readers' sockets, what each looks at, and how much it may.

It gives values to those that have room, hears what they give back, and counts who missed what. It makes no
slots, and waits in `wait` alone. For one thread.
"""

from __future__ import annotations

import os
import select
from collections import Counter
from collections.abc import Sequence
from enum import StrEnum
from itertools import compress
from operator import add
from typing import Final

from sightline.errors import WireError
from sightline.shm.attached import Place
from sightline.shm.leases import Leases
from sightline.shm.messages import Gone, Handed, Left, Pool, Released, SideMessage, Value
from sightline.shm.records import FEWEST_FREE
from sightline.shm.side import Side
from sightline.shm.token import Token


class Missed(StrEnum):
    """Why a reader did not get a value."""

    BEHIND = "behind"
    """It looks at its share of the slots."""
    FULL = "full"
    """Its socket has no room: small values are sent faster than it reads."""
    CUT_OFF = "cut_off"
    """It kept too many for too long, and has not given them back."""
    NOT_SHARED = "not_shared"
    """There was no slot to put it into."""
    LEFT = "left"
    """It ended, or was closed, meanwhile."""


class _Pool:
    """A pool, a descriptor of its memory, which is this object's, and who was told of it."""

    __slots__ = ("fd", "said", "told")

    def __init__(self, said: Pool, fd: int) -> None:
        self.said, self.fd = said, fd
        self.told: set[Side] = set()

    def __del__(self) -> None:
        os.close(self.fd)


class Audience:
    """All readers of one sender.

    Args:
        leases: to be changed here only.
        slots: of the pool to come; of the one that is there, later.

    Attributes:
        leases: who looks at what.
        readers: those who are sent to.
        share: of the slots, for each of them.
        missed: values, once for each reader that did not get one, by reason.
    """

    def __init__(self, leases: Leases[Side], slots: int) -> None:
        self.readers: list[Side] = []
        self.missed: Counter[str] = Counter()
        self.leases: Final = leases
        self._slots = slots
        self._divide()
        self._leaving: list[Side] = []  # they get nothing more, and may still look at what they have
        self._full: set[Side] = set()
        self._pools: dict[bytes, _Pool] = {}

    # Readers and pools.

    def join(self, side: Side) -> None:
        self.readers.append(side)
        self._divide()

    def add(self, said: Pool, fd: int) -> bool:
        """Another pool; its descriptor stays the caller's. False: there is no descriptor to keep."""
        try:
            kept = os.dup(fd)
        except OSError:
            return False
        self.leases.add_pool(said.pool, said.slots)
        self._pools[said.pool] = _Pool(said, kept)
        self._slots = said.slots
        self._divide()
        return True

    def forget(self, pool: bytes) -> None:
        """Nothing is handed on of this pool any more."""
        self.leases.drain(pool)
        for side in self._pools.pop(pool).told:
            side.send(Gone(pool))

    def close(self) -> None:
        for side in (*self.readers, *self._leaving):
            self._lose(side)
        self.disown()

    def disown(self) -> None:
        """Keep no memory: the end, also in a child made by `fork`, whose parent goes on."""
        self._pools.clear()

    # Values.

    @property
    def room(self) -> int:
        """How many slots the reader that has most room may look at, above those that it does."""
        return max((self.share - self.leases.held(side) for side in self.readers), default=0)

    def give(self, values: Sequence[Value], tokens: Sequence[Token | None], now_ns: int) -> list[int]:
        """To each reader, in one message, those of these that it has room for; small ones have no token.

        Returns:
            For each value how many have got it.
        """
        for token in filter(None, tokens):
            self.leases.publish(*token[:3])
        counts = [0] * len(values)
        for side in tuple(self.readers):
            lent = [token is None or self._lend(side, token, now_ns) for token in tokens]
            mine = list(compress(values, lent))
            if mine and self._offer(side, Handed(mine)):
                counts = list(map(add, counts, lent))
            else:
                for token in filter(None, compress(tokens, lent)):
                    self.leases.release(side, *token[:3])
        for token in filter(None, tokens):
            self.leases.unclaim(*token[:2])
        return counts

    def _lend(self, side: Side, token: Token, now_ns: int) -> bool:
        if self.leases.held(side) >= self.share:
            self.missed[Missed.BEHIND] += 1
            return False
        if not self._knows(side, self._pools[token.pool]):
            return False
        lent = self.leases.lease(side, *token[:2], now_ns)
        self.missed[Missed.CUT_OFF] += not lent
        return lent

    def _knows(self, side: Side, pool: _Pool) -> bool:
        """Whether it was told of the pool. Not before it is needed: one that does not read keeps it."""
        if side in pool.told:
            return True
        if not side.flush() or side.unsent:
            self._full.add(side)
            self.missed[Missed.FULL] += 1
        elif side.send(pool.said, pool.fd):
            pool.told.add(side)
        else:
            self.missed[Missed.NOT_SHARED] += 1
        return side in pool.told

    def hear(self, now_ns: int) -> None:
        """What readers said, and who ended; then see `take_freed`."""
        for side in (*self.readers, *self._leaving):
            self._hear(side)
        leases = self.leases
        leases.expire(now_ns)
        for told in (leases.gone, leases.cut, leases.restored):
            told.clear()

    def take_freed(self) -> list[Place]:
        """The slots that may be filled again."""
        freed, self.leases.freed = self.leases.freed, []
        return freed

    def lacking(self, values: int) -> list[Side]:
        """Who has not room for so many, nor for all that it may have."""
        most = self.share - min(values, self.share)
        return [side for side in self.readers if side in self._full or self.leases.held(side) > most]

    def wait(self, sides: Sequence[Side], timeout_s: float | None) -> bool:
        """Wait until one of these says something or has room in its socket. False: not in time."""
        poll = select.poll()
        for side in sides:
            poll.register(side, select.POLLIN | (select.POLLOUT if side in self._full else 0))
        ready = dict(poll.poll(None if timeout_s is None else timeout_s * 1000))
        for side in sides:
            if ready.get(side.fileno(), 0) & select.POLLOUT:
                self._full.discard(side)
        return bool(ready)

    def _offer(self, side: Side, handed: Handed) -> bool:
        try:
            taken = side.offer(handed)
        except OSError:
            self._part(side)
            self.missed[Missed.LEFT] += len(handed.values)
            return False
        if taken:
            self._full.discard(side)
        else:
            self._full.add(side)
            self.missed[Missed.FULL] += len(handed.values)
        return taken

    def _divide(self) -> None:
        """All readers together leave `FEWEST_FREE` slots, unless there are as many of them as slots."""
        self.share = max(1, (self._slots - FEWEST_FREE) // max(1, len(self.readers)))

    def _hear(self, side: Side) -> None:
        try:
            for message, fd in side.receive():
                self._heed(side, message, fd)
        except WireError:
            side.ended = True
        if side.ended:
            self._lose(side)

    def _heed(self, side: Side, message: SideMessage, fd: int | None) -> None:
        if fd is not None:
            os.close(fd)
        match message:
            case Released():
                for place in message.slots:
                    self.leases.release(side, *place)
            case Left():
                self._part(side)
            case _:
                raise WireError(f"expected nothing like {type(message).__name__} of a reader")

    def _part(self, side: Side) -> None:
        """It takes nothing more; what it looks at stays as it is."""
        if side in self.readers:
            self.readers.remove(side)
            self._divide()
            self._leaving.append(side)
            self._full.discard(side)

    def _lose(self, side: Side) -> None:
        """It ended, and looks at nothing any more."""
        for sides in (self.readers, self._leaving):
            if side in sides:
                sides.remove(side)
        self._divide()
        self._full.discard(side)
        for pool in self._pools.values():
            pool.told.discard(side)
        self.leases.reader_gone(side)
        side.close()
