"""The wires that lead from a routine.

What a wire does not take waits here, in order, and is offered again when the wire has room; meanwhile the
routine gives nothing more. What it never will take is counted as lost. The runner's thread calls it; wires
may be added and taken away by any other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from sightline.errors import Closed
from sightline.overflow import BufferStats
from sightline.pipe.message import Message
from sightline.pipe.outlet import Outlet


class Delivery:
    """The outlets of one routine, each named after the routine at its other end.

    Attributes:
        lost: messages that a wire did not take and never will, by reason; once for each such wire.
    """

    def __init__(self, outlets: Mapping[str, Outlet]) -> None:
        self._outlets = dict(outlets)
        self._unsent: dict[str, list[Message]] = {}
        self._on_room: Callable[[], None] = lambda: None
        self.lost: Counter[str] = Counter()

    def listen(self, on_room: Callable[[], None]) -> None:
        """Call `on_room` when a wire may have room again."""
        self._on_room = on_room
        for outlet in self._outlets.values():
            outlet.listen(on_room)

    def link(self, destination: str, outlet: Outlet) -> None:
        """Send there too from now on; in the place of the wire that led there, if any."""
        outlet.listen(self._on_room)
        # A new dict, as the runner may be walking through the old one.
        self._outlets = {**self._outlets, destination: outlet}
        self._on_room()

    def unlink(self, destination: str) -> None:
        """Send nothing there any more; what it did not take yet is lost."""
        self._outlets = {name: outlet for name, outlet in self._outlets.items() if name != destination}
        self._on_room()

    def give(self, messages: list[Message]) -> None:
        """Send messages along all wires."""
        for destination, outlet in self._outlets.items():
            if destination in self._unsent:
                self._unsent[destination] += messages
            else:
                self._offer(destination, outlet, messages)

    def retry(self) -> bool:
        """Offer again what waits. Whether nothing does any more."""
        for destination, messages in list(self._unsent.items()):
            del self._unsent[destination]
            outlet = self._outlets.get(destination)
            if outlet is None:
                self.lost["unlinked"] += len(messages)
            else:
                self._offer(destination, outlet, messages)
        return not self._unsent

    @property
    def blocked(self) -> bool:
        """Whether something waits for room."""
        return bool(self._unsent)

    @property
    def unsent(self) -> int:
        return sum(len(messages) for messages in list(self._unsent.values()))

    def ended(self) -> None:
        """Say along all wires that nothing more comes."""
        for outlet in self._outlets.values():
            outlet.ended()

    def drop(self, reason: str) -> None:
        """Give up what waits."""
        if self._unsent:
            self.lost[reason] += self.unsent
            self._unsent.clear()

    def stats(self) -> dict[str, BufferStats]:
        return {destination: outlet.stats() for destination, outlet in self._outlets.items()}

    def _offer(self, destination: str, outlet: Outlet, messages: list[Message]) -> None:
        try:
            taken = outlet.put_many(messages)
        except Closed:
            self.lost["closed"] += len(messages)
            return
        if taken < len(messages):
            self._unsent[destination] = messages[taken:]
