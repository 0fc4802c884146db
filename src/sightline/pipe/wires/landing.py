"""Where an edge between two flows ends: what a trunk brings goes from there into a routine's inlet.

It is there for one trunk. What the inlet does not take yet waits here, within what its writer was told that
there is room for.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence

from sightline.errors import WireError
from sightline.overflow import Overflow
from sightline.pipe.counts.accounts import ARRIVED, begin_trunk, end_trunk
from sightline.pipe.message import Message
from sightline.pipe.settings import WireSettings
from sightline.pipe.transmitters import Change, DataTransmitter, as_it_is
from sightline.pipe.wires.credit import Window
from sightline.pipe.wires.inlet import Inlet


class Landing:
    """Where the messages of one edge go in, while one trunk brings them; `trunk` is its number.

    Attributes:
        source: the routine that they are of.
    """

    def __init__(
        self,
        inlet: Inlet,
        source: str,
        settings: WireSettings,
        transmitter: DataTransmitter | None = None,
        *,
        version: int = 0,
        trunk: int,
    ) -> None:
        self.source = source
        self._changes = {version: _receives(transmitter)}
        self._closed = self._parting = False
        self._inlet = inlet
        self._words = words = inlet.words(source)
        begin_trunk(words, trunk, words[ARRIVED])
        self._trunk = trunk
        self._window = Window(settings.capacity, waits=settings.rule is Overflow.BLOCK)
        self._lock = threading.Lock()
        self._waiting: deque[Message] = deque()
        self._ended = False
        self._unlink: Callable[[], None] = _nobody

    def land(self, messages: Sequence[Message], unreadable: int) -> None:
        """These came, and so many more of which nothing can be made."""
        with self._lock:
            self._window.arrived += len(messages) + unreadable
            self._window.taken += unreadable
            self._words[ARRIVED] += len(messages) + unreadable
            if unreadable:
                self._inlet.spoilt(self.source, unreadable)
            if self._waiting:
                self._waiting.extend(messages)
                self._pour()
            else:
                self._waiting.extend(messages[self._put(messages) :])

    def end(self) -> None:
        """Nothing comes behind."""
        with self._lock:
            self._ended = True
            self._pour()

    def relink(self, settings: WireSettings, transmitter: DataTransmitter | None, version: int) -> None:
        """Be so from now on; for the data see `change`."""
        change = _receives(transmitter)
        with self._lock:
            self._window.change(settings.capacity, waits=settings.rule is Overflow.BLOCK)
            self._changes = {**self._changes, version: change}

    def change(self, version: int) -> Change:
        """What makes data of what came of this version, and of no older one any more."""
        if len(self._changes) > 1:
            with self._lock:
                self._changes = {one: change for one, change in self._changes.items() if one >= version}
        return self._changes.get(version, _unknown)

    def close(self) -> None:
        """Nothing comes any more."""
        with self._lock:
            self._closed = True
            self._pour()
        self._unlink_if_over()

    def part(self, unlink: Callable[[], None]) -> None:
        """The wire is taken away: call `unlink` behind the last that comes; no more may."""
        with self._lock:
            self._parting, self._unlink = True, unlink
            self._pour()
        self._unlink_if_over()

    def leave(self) -> None:
        """Its trunk brings nothing more. What waits here goes in: nobody will ask for it."""
        with self._lock:
            self._parting = self._closed = True
            self._pour()
            end_trunk(self._words, self._trunk)
        self._unlink_if_over()

    @property
    def over(self) -> bool:
        """Whether nothing comes any more, and nothing waits."""
        return self._closed and not self._waiting

    def due(self, *, gladly: bool) -> bool:
        """Whether the writer's end is to be told of room; see `Window.due`."""
        with self._lock:
            self._pour()
            return not self._parting and self._window.due(self._inlet.room(self.source), gladly=gladly)

    def said(self) -> tuple[int, int]:
        """What it is told: limit, arrived."""
        return self._window.limit, self._window.arrived

    def _pour(self) -> None:
        if self._waiting:
            for _ in range(self._put(tuple(self._waiting))):
                self._waiting.popleft()
        if self._ended and not self._waiting:
            self._ended = False
            self._inlet.ended(self.source)

    def _put(self, messages: Sequence[Message]) -> int:
        taken = self._inlet.put_many(messages, self.source, all_of_them=self._parting)
        self._window.taken += taken
        return taken

    def _unlink_if_over(self) -> None:
        """Not with the lock held: the inlet tells of room then."""
        if self.over:
            unlink, self._unlink = self._unlink, _nobody
            unlink()


def _nobody() -> None:
    """Told, and not interested."""


def _unknown(_data: object) -> object:
    raise WireError("expected data of a version of its wire that is known here: its writer's end is older")


def _receives(transmitter: DataTransmitter | None) -> Change:
    return as_it_is if transmitter is None else transmitter.receive()
