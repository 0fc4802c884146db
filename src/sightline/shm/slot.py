"""One slot of a writer's pool.

A `Slot` lives as long as anything refers to it: a message that is not acknowledged, an array that is filled
in place, a view of its payload. It is filled again only when it is gone, and the host has freed it or never
had it. It does not know how a token travels.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from sightline.arrays import Buffer
from sightline.shm.exporter import Exporter
from sightline.shm.token import Token, check_of


class Owner(Protocol):
    """Whose slots they are. What it is told may come in any thread and within any lock."""

    def issued(self, slot: Slot) -> None: ...
    def let_go(self, pool: bytes, number: int, *, sent: bool) -> None: ...


class Slot(Exporter):
    """Room for one payload, and then the payload.

    Attributes:
        pool, number, generation: as in its token.
        taken: whether somebody got it from `Pools.slot_of` to send it; who could not after all may unset it.
        sent: set this before its token goes to the host. The slot is then filled again only after `Freed`.
    """

    __slots__ = (
        "_layout",
        "_owner",
        "_token",
        "_views",
        "generation",
        "number",
        "pool",
        "sent",
        "taken",
    )

    def __init__(
        self, owner: Owner, pool: bytes, number: int, generation: int, place: tuple[memoryview, int]
    ) -> None:
        super().__init__(*place)
        self.pool, self.number, self.generation = pool, number, generation
        self.taken = self.sent = False
        self._owner = owner
        self._token: Token | None = None
        self._layout: tuple[tuple[int, ...], np.dtype[Any], int] | None = None
        self._views: list[weakref.ref[NDArray[Any]]] = []

    def __del__(self) -> None:
        self._owner.let_go(self.pool, self.number, sent=self.sent)

    def fill(self, pieces: Sequence[Buffer]) -> None:
        """Copies the payload in; other threads run meanwhile.

        Raises:
            ValueError: it is not as large as was asked for.
        """
        if (size := sum(map(len, pieces))) != self.size:
            raise ValueError(f"expected a payload of {self.size} bytes, got {size}")
        memory, at = self.as_array(), 0
        for piece in filter(len, pieces):
            memory[at : at + len(piece)] = np.frombuffer(piece, np.uint8)
            at += len(piece)

    def lay_out(self, head: bytes, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
        """The array behind `head`, to be filled in place; what it holds at first is anything."""
        memory = self.as_array()
        self._memory[: len(head)] = head
        array: NDArray[Any] = np.ndarray(shape, dtype, memory, len(head))
        self._layout = (shape, dtype, len(head))
        self._views = [weakref.ref(memory), weakref.ref(array)]
        return array

    def has_whole(self, array: NDArray[Any]) -> bool:
        """Whether `array` is all that was laid out; `token` freezes it too then."""
        layout = array.shape, array.dtype
        return self._layout is not None and layout == self._layout[:2] and self.has_all(array)

    def has_all(self, array: object) -> bool:
        """The same, in whatever shape."""
        if self._layout is None or type(array) is not np.ndarray or not array.flags.c_contiguous:
            return False
        shape, dtype, offset = self._layout
        if array.nbytes != math.prod(shape) * dtype.itemsize or _address(array) != self.address + offset:
            return False
        if not any(view() is array for view in self._views):
            self._views.append(weakref.ref(array))
        return True

    @property
    def payload(self) -> memoryview:
        """All of it, to read; keeps the slot."""
        return self.as_array().data.toreadonly()

    def token(self) -> Token:
        """What is handed on. For whoever puts the payload to ask for first: from then on it does not change.

        Its array cannot be written to any more, and numpy refuses to change that. Views of it that somebody
        took before can; who writes through one changes a picture that others look at.
        """
        if self._token is None:
            for view in self._views:
                if (array := view()) is not None:
                    array.flags.writeable = False
            self._token = Token(self.pool, self.number, self.generation, self.size, check_of(self._memory))
            self._owner.issued(self)
        return self._token


def slot_under(array: NDArray[Any]) -> Slot | None:
    """The slot whose memory `array` is a view of."""
    base: object = array
    while isinstance(base, np.ndarray):
        base = base.base
    return base if isinstance(base, Slot) else None


def _address(array: NDArray[Any]) -> int:
    address: int = array.__array_interface__["data"][0]
    return address
