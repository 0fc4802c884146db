"""How many messages may be under way on an edge: the account at its two ends. Pure.

The reader's end says up to which message, counted from the edge's first, the writer may send (`limit`), and
how many have come (`arrived`). Both only grow, so what is said twice or late does no harm, and only the
latest counts. It promises: never more than the wire's capacity are between the writer and the inlet, and
where the inlet is emptied the writer gets on.
"""

from __future__ import annotations


class Credit:
    """The writer's end.

    Attributes:
        sent, arrived: messages so far.
    """

    __slots__ = ("_limit", "arrived", "sent")

    def __init__(self) -> None:
        self._limit = self.sent = self.arrived = 0

    @property
    def left(self) -> int:
        """How many may be sent now."""
        return self._limit - self.sent

    @property
    def under_way(self) -> int:
        return self.sent - self.arrived

    def told(self, limit: int, arrived: int) -> None:
        """The reader said this. Nothing that takes back what it said before, or that cannot be, counts."""
        self._limit = max(self._limit, limit)
        self.arrived = max(self.arrived, min(arrived, self.sent))


class Window:
    """The reader's end.

    Args:
        capacity: of the wire.
        waits: whether the writer is to wait for room in the inlet; else the inlet takes all at once.

    Attributes:
        limit: that was said last.
        arrived, taken: messages so far; `taken` by the inlet.
    """

    __slots__ = ("_capacity", "_waits", "arrived", "limit", "taken")

    def __init__(self, capacity: int, *, waits: bool) -> None:
        self._capacity, self._waits = capacity, waits
        self.limit = self.arrived = self.taken = 0

    def change(self, capacity: int, *, waits: bool) -> None:
        """It is another wire from now on; what was said stays said."""
        self._capacity, self._waits = capacity, waits

    def due(self, room: int, *, gladly: bool = False) -> bool:
        """Raise `limit` by what there is room for. Whether it is worth telling.

        Args:
            room: of the inlet, now.
            gladly: something is told anyway, so that one more is worth it.
        """
        limit = self._capacity + self.taken
        if self._waits:
            limit = min(limit, self.taken + room)
        # Not one by one: each time is a message for the writer, and wakes it.
        least = 1 if gladly else max(1, self._capacity // 2)
        if limit - self.limit < least:
            return False
        self.limit = limit
        return True
