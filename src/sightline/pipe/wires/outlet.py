"""Where a routine puts what it gave: the beginning of one wire.

`Outlet` is what a runner needs of one; `LocalOutlet` is the one within a flow, which puts the very object
into the other routine's inlet. Nobody waits in an outlet: what it did not take stays with the runner, which
is told when there is room.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Protocol

from sightline.pipe.message import Message
from sightline.pipe.wires.inlet import Inlet


class Outlet(Protocol):
    """The beginning of one wire. Only the runner of its source calls it, from one thread at a time."""

    def listen(self, on_room: Callable[[], None]) -> None:
        """Call `on_room`, from any thread, whenever something that was not taken may be taken now."""

    def pack(self, messages: Sequence[Message]) -> None:
        """Where it is bytes that leave: have them say what data is now, as that may be changed soon."""

    def put_many(self, messages: Sequence[Message]) -> int:
        """Offer messages, in order. How many it took; the caller keeps the others, and offers them again.

        A live wire takes all and drops by its rule. Called with several where they are there at once.

        Raises:
            Closed: this wire takes nothing more, ever; the caller counts what it did not take as dropped.
        """

    def ended(self) -> None:
        """The source has given its last; told behind all that was put."""


class LocalOutlet:
    """An `Outlet` into an inlet of the same process."""

    def __init__(self, inlet: Inlet, source: str) -> None:
        self.inlet = inlet
        self.source = source

    def listen(self, on_room: Callable[[], None]) -> None:
        self.inlet.on_room[self.source] = on_room

    def pack(self, messages: Sequence[Message]) -> None:
        """The object itself is what leaves."""

    def put_many(self, messages: Sequence[Message]) -> int:
        if self.inlet.crowded(self.source):
            # Threads of a process take turns of 5 ms: without a word a quick source would fill all of its own
            # with what is dropped, and its reader would see a message every 5 ms.
            time.sleep(0)
        return self.inlet.put_many(messages, self.source)

    def ended(self) -> None:
        self.inlet.ended(self.source)
