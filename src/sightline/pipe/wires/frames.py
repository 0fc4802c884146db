"""Pictures that flows share: what a flow has put into memory, what it looks at, and what it hands on.

Whatever is sent out of a flow is `lend`: it lies in a slot already (it was made by `array`, or came from
another flow, or is a part of such) and is not copied; or it is copied into one. Its token goes to the other
flow after `grant`, which tells the pipe's parent, and the other flow takes it with `borrow`. A slot comes
back when nobody anywhere has a view of it.

It waits in `lend` alone, and there for `WAIT_S` at most. It has no thread: the parent is heard when something
is lent, granted or borrowed.
"""

from __future__ import annotations

import math
import os
import select
import socket
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple, TypeVar

import msgspec
import numpy as np
from numpy.typing import DTypeLike, NDArray

from sightline.clock import NS_PER_MS
from sightline.errors import SharingError, WireError
from sightline.shm.attached import Attached, Lease, Place
from sightline.shm.messages import Arrived, Freed, Gone, Granted, Pool, Released, SideMessage, Welcome
from sightline.shm.pool import Pools
from sightline.shm.settings import Sharing
from sightline.shm.side import Side
from sightline.shm.slot import Slot
from sightline.shm.token import Token

T = TypeVar("T")

WAIT_S: Final = 0.1
"""How long a lossless wire waits for a slot before its picture is copied through the socket."""
WELCOME_S: Final = 10.0
HEAR_NS: Final = 100 * NS_PER_MS
MOST_GRANTED: Final = 32
"""Slots in one `Granted`: three lists of them fit into a message."""


class Lent(NamedTuple):
    """Bytes that lie in a slot, which stays as it is while this lives.

    Attributes:
        keeper: what keeps the slot: our own, or our lease of another's.
        token: of the slot.
        start, size: where in its payload, in bytes.
    """

    keeper: Slot | Lease
    token: Token
    start: int
    size: int

    def view(self) -> memoryview:
        return self.keeper.as_array().data.toreadonly()[self.start : self.start + self.size]


class FrameSpace:
    """A flow's shared memory; for all its threads.

    Args:
        side: what `PipeHost.add` gave; this object's from now on.
        sharing: how much memory, for pictures of each size: within a factor of four they share their slots.
        welcome_s: seconds to wait for the parent's first word.

    Attributes:
        number: what the parent calls this flow; never used again.
        fault: why nothing can be lent or borrowed any more; "": it can.

    Raises:
        SharingError: the parent says nothing.
    """

    def __init__(
        self, side: socket.socket, sharing: Sharing | None = None, *, welcome_s: float = WELCOME_S
    ) -> None:
        self._sharing = msgspec.structs.replace(sharing or Sharing(), above_bytes=1)
        self._side = Side(side)
        self._attached = Attached(self._release)
        self._pools: dict[int, Pools] = {}
        self._known: dict[bytes, tuple[Pool, int]] = {}  # with a descriptor, to hand on
        self._mine: dict[bytes, Pools] = {}
        self._mapped: set[bytes] = set()
        self._making = threading.Lock()
        self._granting = threading.Lock()
        self._hearing = threading.Lock()
        self._claims: dict[weakref.ref[Slot], Place] = {}
        self._unclaimed: deque[Place] = deque()  # comes from finalizers
        self._in_vain: set[Pools] = set()
        self._heard_ns = 0
        self.fault = ""
        self.number = self._welcome(welcome_s)

    # For who sends.

    def array(self, shape: int | Sequence[int], dtype: DTypeLike, *, wait: bool = False) -> NDArray[Any]:
        """An array to be filled and given as data, which is then sent without a copy.

        What it holds at first is anything. Sent, it cannot be written to any more. An ordinary one where
        there is no slot; `wait` for one as `lend` does.

        Raises:
            TypeError: an array of that kind cannot be sent.
        """
        lengths = shape if isinstance(shape, Sequence) else (shape,)
        size = math.prod(lengths) * np.dtype(dtype).itemsize
        array = self._slot(size, lambda pools: pools.array(shape, dtype), wait=wait) if size else None
        return np.empty(shape, dtype) if array is None else array

    def lend(self, data: memoryview, *, wait: bool = False) -> Lent | None:
        """Have these bytes in a slot. None: there is none for them.

        Args:
            data: contiguous, of an array or whatever else.
            wait: whether to wait for a slot where all are looked at, up to `WAIT_S`; once in vain, not again
                until there was one: a reader that keeps all of them must not slow the writer down for ever.
        """
        lent = self._lying(data)
        if lent is not None:
            return lent
        size = data.nbytes
        slot = self._slot(size, lambda pools: pools.slot(size), wait=wait)
        if slot is None:
            return None
        slot.fill([data.cast("B")])
        return Lent(slot, slot.token(), 0, size)

    def grant(self, lent: Sequence[Lent], taker: int) -> bool:
        """Tell the parent that up to `MOST_GRANTED` tokens are about to be sent to `taker`, in this order.

        False: it cannot be told now, and none of them may be sent.
        """
        places = [one.token[:3] for one in lent]
        with self._granting:
            slots = {one.keeper: one.token[:3] for one in lent if isinstance(one.keeper, Slot)}
            new = {slot: place for slot, place in slots.items() if not slot.sent}
            released = self._take_unclaimed()
            said = Granted(taker=taker, slots=places, claimed=list(new.values()), released=released)
            for slot in new:
                slot.sent = True
            if not self._offer(said):
                for slot in new:
                    slot.sent = False
                self._unclaimed.extend(released)
                return False
            for slot, place in new.items():
                self._claims[weakref.ref(slot, self._unclaim)] = place
        return True

    def pool_of(self, token: Token) -> tuple[Pool, int]:
        """The pool of a token that is lent, and a descriptor of it, which stays this object's."""
        return self._known[token.pool]

    def knows(self, pool: bytes) -> bool:
        """Whether tokens of it may be lent still."""
        return pool in self._known

    # For who receives.

    def add(self, pool: Pool, fd: int | None) -> None:
        """Another flow has told of a pool; the descriptor is this object's from now on.

        Raises:
            SharingError: it cannot be mapped.
        """
        if fd is None:
            raise SharingError("expected a pool's descriptor, got none: this process has as many as it may")
        self._hear()
        with self._making:
            if pool.pool in self._mapped:  # two flows may hand on pictures of a third
                os.close(fd)
                return
            kept = _another(fd)
            try:
                self._attached.add(pool, fd)
            except SharingError:
                os.close(kept)
                raise
            self._mapped.add(pool.pool)
            if pool.pool in self._known:  # its own, which came back
                os.close(kept)
            else:
                self._known[pool.pool] = pool, kept

    def borrow(self, token: Token) -> memoryview:
        """What a token stands for, read-only and in place, until nothing made of it is left.

        Raises:
            WireError: no such pool or slot, or not the payload that the token says; its grant is given back.
        """
        if time.monotonic_ns() - self._heard_ns > HEAR_NS:
            self._hear()
        return self._attached.open(token)

    def arrived(self, giver: int, tokens: int, *, over: bool = False) -> None:
        """So many tokens of `giver` have come so far; `over`: and none comes any more."""
        self._side.send(Arrived(giver=giver, tokens=tokens, over=over))

    # For all.

    def reclaim(self) -> None:
        """Give back what is not used any more, and hear what is free: for who sends nothing for a while."""
        while places := self._take_unclaimed():
            self._side.tell(Released, places)
        self._hear()

    def close(self) -> None:
        """Lend and borrow nothing more. Whoever still looks at something loses the claim to it."""
        for pools in list(self._pools.values()):
            pools.close()
        self._attached.close()
        self._side.close()
        while self._known:
            os.close(self._known.popitem()[1][1])

    def _welcome(self, timeout_s: float) -> int:
        poll = select.poll()
        poll.register(self._side, select.POLLIN)
        poll.poll(timeout_s * 1000)
        for message, _ in self._side.receive():
            if isinstance(message, Welcome):
                return message.peer
            break
        raise SharingError(f"expected the pipe's word for this flow within {timeout_s} s, got none")

    # Slots of our own.

    def _lying(self, data: memoryview) -> Lent | None:
        """Where it lies in a slot that may be handed on: it cannot be written to any more, or from now on."""
        keeper = _keeper(data)
        if isinstance(keeper, Lease):
            token = keeper.token
            if token.pool not in self._known:  # of a hub, say
                return None
        elif keeper is not None and keeper.pool in self._mine and (keeper.sent or keeper.has_all(data.obj)):
            token = keeper.token()
        else:
            return None
        return Lent(keeper, token, _address(data) - keeper.address, data.nbytes)

    def _slot(self, size: int, made_in: Callable[[Pools], T | None], *, wait: bool) -> T | None:
        """What is made in a slot of this size, now or after a while. None: there is none."""
        pools = self._pools_for(size)
        made = made_in(pools)
        if made is None and self._may_come(pools, wait=wait):
            made = made_in(pools)
        if made is not None:
            self._in_vain.discard(pools)
        return made

    def _may_come(self, pools: Pools, *, wait: bool) -> bool:
        """Whether there may be a slot now, where there was none."""
        self.reclaim()
        if pools.full and wait and pools not in self._in_vain:
            self._wait_for(pools)
            if pools.full:
                self._in_vain.add(pools)
        return not pools.full

    def _wait_for(self, pools: Pools) -> None:
        until = time.monotonic() + WAIT_S
        poll = select.poll()
        poll.register(self._side, select.POLLIN)
        while pools.full and (left_s := until - time.monotonic()) > 0:
            poll.poll(min(left_s * 1000, 10))  # another thread may hear what this one waits for
            self.reclaim()

    def _pools_for(self, size: int) -> Pools:
        group = size.bit_length() // 2
        with self._making:
            pools = self._pools.get(group)
            if pools is None:
                pools = self._pools[group] = self._new_pools()
        return pools

    def _new_pools(self) -> Pools:
        def announce(said: Pool, fd: int) -> bool:
            try:
                kept = os.dup(fd)
            except OSError:  # no descriptor is left: what is lent is copied for a while
                return False
            if not self._side.send(Pool(said.pool, said.slots, said.slot_bytes, said.sealed)):
                os.close(kept)
                return False
            self._known[said.pool] = said, kept
            self._mine[said.pool] = pools
            pools.ready(said.pool)
            return True

        pools = Pools(self._sharing, announce, self._side.send)
        return pools

    # What is handed on.

    def _offer(self, said: Granted) -> bool:
        try:
            return self._side.offer(said)
        except OSError:
            return False

    def _unclaim(self, slot: weakref.ref[Slot]) -> None:
        # In any thread, within anything: it is told with the next grant, or when slots are wanting.
        self._unclaimed.append(self._claims.pop(slot))

    def _take_unclaimed(self) -> list[Place]:
        places: list[Place] = []
        with suppress(IndexError):
            while len(places) < MOST_GRANTED:
                places.append(self._unclaimed.popleft())
        return places

    def _release(self, places: list[Place]) -> bool:
        return self._side.tell(Released, places)

    # What the parent says.

    def _hear(self) -> None:
        if not self._hearing.acquire(blocking=False):
            return  # another thread does
        try:
            self._heard_ns = time.monotonic_ns()
            for message, _ in self._side.receive():
                self._heed(message)
        except WireError as error:  # not of whoever calls
            self.fault = f"what the parent says of shared pictures cannot be understood: {error}"
        finally:
            self._hearing.release()
        if self._side.ended:
            self.fault = self.fault or "the parent cut this flow off from shared pictures"

    def _heed(self, message: SideMessage) -> None:
        match message:
            case Freed():
                for place in message.slots:
                    if (pools := self._mine.get(place[0])) is not None:
                        pools.freed(*place)
            case Gone():
                self._attached.gone(message.pool)
                self._mapped.discard(message.pool)
                self._mine.pop(message.pool, None)
                if (known := self._known.pop(message.pool, None)) is not None:
                    os.close(known[1])
            case _:
                raise WireError(f"expected nothing like {type(message).__name__} of the parent")


def _keeper(data: memoryview) -> Slot | Lease | None:
    """The slot or lease that these bytes are a view of."""
    base: object = data.obj
    while isinstance(base, np.ndarray | memoryview):
        base = base.base if isinstance(base, np.ndarray) else base.obj
    return base if isinstance(base, Slot | Lease) else None


def _another(fd: int) -> int:
    """Of the same pool; `fd` is closed where there is none."""
    try:
        return os.dup(fd)
    except OSError as error:
        os.close(fd)
        raise SharingError(f"no descriptor is left for a pool: {error}") from error


def _address(data: memoryview) -> int:
    address: int = np.frombuffer(data, np.uint8).__array_interface__["data"][0]
    return address
