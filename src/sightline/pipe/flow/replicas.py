"""Copies of one routine that share its inlet and its outlets.

Each has a seat at the common table. It takes a message (or a batch) with a ticket and hands in what came of
it; where order is kept, that leaves when all that was taken before has left. One that is slow holds up the
others only when they are far ahead; one that failed takes nothing, and the others go on without it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from sightline.pipe.counts.accounts import WAITING
from sightline.pipe.flow.order import Order
from sightline.pipe.message import Message
from sightline.pipe.settings import RoutineSettings
from sightline.pipe.wires.delivery import Delivery
from sightline.pipe.wires.inlet import Inlet

AHEAD: Final = 4
"""Tickets that may be open for each replica."""


class Table:
    """What the replicas of a routine have in common.

    Args:
        inlet: where their messages come from.
        delivery: where what they give goes.
        settings: theirs.
        given: how many messages the routine gave before, in other processes.
    """

    def __init__(self, inlet: Inlet, delivery: Delivery, settings: RoutineSettings, given: int = 0) -> None:
        self.seats = [Seat(self, settings.batch_size) for _ in range(settings.replicas)]
        self._inlet = inlet
        self._delivery = delivery
        self._order: Order[Message] = Order(kept=settings.ordered, most=AHEAD * settings.replicas)
        self._lock = threading.Lock()
        self._rings: list[Callable[[], None]] = []
        self._given, self._closed = given, 0
        self._ended = False
        inlet.on_items = self._ring
        delivery.listen(self._ring)

    @property
    def waiting(self) -> int:
        """Results that wait for others."""
        return self._order.waiting

    def listen(self, ring: Callable[[], None]) -> None:
        self._rings.append(ring)

    def take(self, most: int, ticket: int | None) -> tuple[list[Message], int | None]:
        """Messages, and the ticket to hand their results in with: `ticket`, for more to go with it."""
        with self._lock:
            if ticket is None and self._order.full:
                return [], None
            taken = self._inlet.take_many(most)
            return taken, self._order.draw() if taken and ticket is None else ticket

    def hand_in(self, ticket: int, messages: list[Message]) -> None:
        with self._lock:
            was_full = self._order.full
            self._delivery.pack(messages)
            leaving = self._order.hand_in(ticket, messages)
            self._delivery.words[WAITING] = self._order.waiting
            for message in leaving:
                message.number = self._given
                self._given += 1
            if leaving:
                self._delivery.give(leaving)
        if was_full or self._inlet.finished:
            self._ring()

    def ready(self) -> bool:
        with self._lock:
            return not self._delivery.blocked or self._delivery.retry()

    @property
    def finished(self) -> bool:
        with self._lock:  # of what was taken the ticket is drawn only after that
            return self._inlet.finished and not self._order.open

    def end(self) -> None:
        """The first that comes to the end tells it."""
        with self._lock:
            if not self._ended:
                self._ended = True
                self._delivery.ended()

    def close(self, reason: str) -> None:
        """The last that goes closes the inlet."""
        with self._lock:
            self._closed += 1
            if self._closed == len(self.seats):
                self._inlet.close()
                self._delivery.drop(reason)
                self._delivery.ended()

    def _ring(self) -> None:
        for ring in self._rings:
            ring()


class Seat:
    """A `Desk` for one replica, which takes `size` messages at a time at most."""

    def __init__(self, table: Table, size: int) -> None:
        self._table = table
        self._size = size
        self._ticket: int | None = None
        self._is_closed = False

    def listen(self, ring: Callable[[], None]) -> None:
        self._table.listen(ring)

    def take(self, most: int) -> list[Message]:
        taken, self._ticket = self._table.take(min(most, self._size), self._ticket)
        return taken

    pack = None  # what it gives is given at once: a ticket is for one message, or for a batch

    def give(self, messages: list[Message]) -> None:
        if self._ticket is not None:
            ticket, self._ticket = self._ticket, None
            self._table.hand_in(ticket, messages)

    def ready(self) -> bool:
        return self._table.ready()

    @property
    def finished(self) -> bool:
        return self._table.finished

    def end(self) -> None:
        self._table.end()

    def close(self, reason: str) -> None:
        if not self._is_closed:
            self._is_closed = True
            self._table.close(reason)
