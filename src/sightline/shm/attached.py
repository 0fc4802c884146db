"""A reader's end of shared memory: the pools that it mapped, and what it looks at in them.

Each token that the host sends is a lease. `open` gives the payload in place; the lease ends, and the host is
told so, when the last array or view that was made of it is gone. Each pool is mapped once, read-only, for as
long as a token of it may come or a view lives. Nothing is copied, and no lease is ended that is used.

Everything may be called from any thread. A child made by `fork` has no lease of its own: what its parent
looked at may change under it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from sightline.errors import Closed, SharingError, WireError
from sightline.shm.exporter import Exporter
from sightline.shm.line import Line
from sightline.shm.messages import Pool
from sightline.shm.segment import Mapping
from sightline.shm.token import Token, check_of

Place: TypeAlias = tuple[bytes, int, int]
"""Pool, slot, generation."""


class Lease(Exporter):
    """Under the arrays of one token."""

    __slots__ = ("_ended", "token")

    def __init__(
        self, memory: memoryview, address: int, token: Token, ended: Callable[[Place], object]
    ) -> None:
        super().__init__(memory, address)
        self.token, self._ended = token, ended

    def __del__(self) -> None:
        self._ended(self.token[:3])


class Attached:
    """The pools of one host.

    Args:
        release: tells the host of leases that ended. False: it never will be told, as its side socket is
            gone, and all leases with that.
        on_idle: called when the last lease ended; another may have begun since. Both are called in any thread
            and, by `__del__`, within any lock, be it one of their own: they must not wait for one, nor call
            anything of this object.

    Attributes:
        leases: how many are open.
    """

    def __init__(
        self, release: Callable[[list[Place]], bool], *, on_idle: Callable[[], object] | None = None
    ) -> None:
        self.on_idle = on_idle
        self._release = release
        self._line = Line()
        self._mapped: dict[bytes, tuple[Pool, Mapping]] = {}
        self.leases = 0
        self._closed = False

    def add(self, pool: Pool, fd: int) -> None:
        """Maps a pool. The descriptor is this object's from now on, come what may.

        Raises:
            SharingError: its memory is not what was said, the pool is there already, or this was closed.
        """
        mapping = Mapping(fd, pool.slots * pool.slot_bytes, sealed=pool.sealed)
        with self._line:
            if self._closed or pool.pool in self._mapped:
                raise SharingError(f"expected a new pool, before the end, got {pool.pool.hex()}")
            self._mapped[pool.pool] = pool, mapping

    def open(self, token: Token) -> memoryview:
        """The payload, read-only and in place; the lease ends when nothing made of it is left.

        Raises:
            WireError: no such pool or slot, or not the payload that the token says; the lease is given back.
            Closed: it came after `close`: the host may have ended its lease already.
        """
        with self._line:  # both at once: whoever closes this and then sees no lease may end the side socket
            if self._closed:
                raise Closed("the side socket ended, and all leases with it")
            try:
                place = self._memory(token)
            except WireError:  # a lease all the same: one that is not given back counts against us for ever
                self._release([token[:3]])
                raise
            self.leases += 1
        view = Lease(*place, token, self._ended).as_array().data
        if check_of(view) != token.check:
            raise WireError(f"expected a payload whose ends have the check {token.check:#x}, in {token}")
        return view

    def gone(self, pool: bytes) -> None:
        """No token of it comes any more; what is looked at stays."""
        with self._line:
            self._mapped.pop(pool, None)

    def close(self) -> None:
        """No token comes any more, and no pool. What is looked at stays."""
        with self._line:
            self._closed = True
            self._mapped.clear()

    def _memory(self, token: Token) -> tuple[memoryview, int]:
        """And its address."""
        pool, mapping = self._mapped.get(token.pool, (None, None))
        if pool is None or mapping is None:
            raise WireError(f"expected a token of a pool that is here, got {token}")
        if token.slot >= pool.slots or not 0 < token.size <= pool.slot_bytes:
            raise WireError(f"expected {pool.slots} slots of {pool.slot_bytes} bytes, got {token}")
        at = token.slot * pool.slot_bytes
        return mapping.memory[at : at + token.size], mapping.address + at

    def _ended(self, place: Place) -> None:
        self._line.put(self._on_ended, place)

    def _on_ended(self, place: Place) -> None:
        self.leases -= 1
        self._release([place])
        if not self.leases and self.on_idle is not None:
            self.on_idle()
