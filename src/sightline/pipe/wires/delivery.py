"""The wires that lead from a routine.

What a wire does not take waits here, in order, and is offered again when the wire has room; meanwhile the
routine gives nothing more. What it never will take is counted as lost. The runner's thread calls it; wires
may be added and taken away by any other.

To other flows goes data as it was when it was given: their wires come first, as whoever reads within the flow
may change it at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sightline.errors import Closed
from sightline.pipe.counts.accounts import LOST, ROUTINE_WORDS, UNSENT, Drops
from sightline.pipe.counts.ledger import private
from sightline.pipe.message import Message
from sightline.pipe.wires.outlet import LocalOutlet, Outlet


class Delivery:
    """The outlets of one routine, each named after the routine at its other end.

    Args:
        outlets: those that there are.
        words: the account that the counts of the routine stand in; None: one of its own.

    Attributes:
        outlets: those that there are, by the routine at their other end; those to other flows first.
        far: these alone.
    """

    def __init__(self, outlets: Mapping[str, Outlet], words: memoryview | None = None) -> None:
        self.words = words = private(ROUTINE_WORDS) if words is None else words
        self._lost = Drops(words, LOST)
        self._set(outlets)
        self._unsent: dict[str, list[Message]] = {}
        self._on_room: Callable[[], None] = lambda: None
        self._ended = False

    def listen(self, on_room: Callable[[], None]) -> None:
        """Call `on_room` when a wire may have room again."""
        self._on_room = on_room
        for outlet in self.outlets.values():
            outlet.listen(on_room)

    def link(self, destination: str, outlet: Outlet) -> None:
        """Send there too from now on; in the place of the wire that led there, if any."""
        outlet.listen(self._on_room)
        self._set({**self.outlets, destination: outlet})
        if self._ended:
            outlet.ended()
        self._on_room()

    def unlink(self, destination: str) -> None:
        """Send nothing there any more; what it did not take yet is lost."""
        self._set({name: outlet for name, outlet in self.outlets.items() if name != destination})
        self._on_room()

    def pack(self, messages: list[Message]) -> None:
        """Have other flows get these as they are now, whenever they are given."""
        for outlet in self.far:
            outlet.pack(messages)

    def give(self, messages: list[Message]) -> None:
        """Send messages along all wires."""
        for destination, outlet in self.outlets.items():
            if destination in self._unsent:
                outlet.pack(messages)
                self._unsent[destination] += messages
            else:
                self._offer(destination, outlet, messages)
        if self._unsent:
            self._note()
        if self._near and self.far:
            self._let_go(messages)

    def retry(self) -> bool:
        """Offer again what waits. Whether nothing does any more."""
        for destination, messages in list(self._unsent.items()):
            del self._unsent[destination]
            self._note()  # if the process ends now, what the wire counts is not counted here too
            outlet = self.outlets.get(destination)
            if outlet is None:
                self._lost.add("unlinked", len(messages))
            else:
                self._offer(destination, outlet, messages)
            self._let_go(messages)
        self._note()
        return not self._unsent

    @property
    def blocked(self) -> bool:
        """Whether something waits for room."""
        return bool(self._unsent)

    @property
    def unsent(self) -> int:
        return sum(len(messages) for messages in list(self._unsent.values()))

    def ended(self) -> None:
        """Say along all wires that nothing more comes, and along those that are still to be."""
        if self._ended:
            return
        self._ended = True
        for outlet in self.outlets.values():
            outlet.ended()

    def drop(self, reason: str) -> None:
        """Give up what waits."""
        if self._unsent:
            self._lost.add(reason, self.unsent)
            self._unsent.clear()
            self._note()

    def _set(self, outlets: Mapping[str, Outlet]) -> None:
        # New ones, as the runner may be walking through the old.
        self.outlets = dict(sorted(outlets.items(), key=lambda named: _is_near(named[1])))
        self.far = [outlet for outlet in outlets.values() if not _is_near(outlet)]
        self._near = len(self.far) < len(outlets)

    def _let_go(self, messages: list[Message]) -> None:
        """Of what only readers within the flow have yet, the bytes for others are of no use any more."""
        waiting = {id(message) for unsent in self._unsent.values() for message in unsent}
        for message in messages:
            if id(message) not in waiting:
                message.packed = None

    def _note(self) -> None:
        self.words[UNSENT] = self.unsent

    def _lost_to(self, destination: str, closed: Outlet, messages: list[Message]) -> None:
        """That outlet was closed; there may be another in its place by now."""
        now = self.outlets.get(destination)
        if now is None or now is closed:
            self._lost.add("closed", len(messages))
        else:
            self._offer(destination, now, messages)

    def _offer(self, destination: str, outlet: Outlet, messages: list[Message]) -> None:
        try:
            taken = outlet.put_many(messages)
        except Closed:
            self._lost_to(destination, outlet, messages)
            return
        if taken < len(messages):
            self._unsent[destination] = unsent = messages[taken:]
            outlet.pack(unsent)


def _is_near(outlet: Outlet) -> bool:
    return isinstance(outlet, LocalOutlet)
