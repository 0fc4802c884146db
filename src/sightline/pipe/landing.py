"""Where an edge between two flows ends: what a trunk brings goes from there into a routine's inlet.

It is there for one trunk. What the inlet does not take yet waits here, within what its writer was told that
there is room for.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence

import msgspec

from sightline.overflow import Overflow
from sightline.pipe.accounts import ARRIVED, begin_trunk, end_trunk
from sightline.pipe.credit import Window
from sightline.pipe.inlet import Inlet
from sightline.pipe.message import Message
from sightline.pipe.settings import WireSettings
from sightline.pipe.transmitters import Change, DataTransmitter, as_it_is, changes_alike


class EdgeStats(msgspec.Struct, frozen=True, kw_only=True):
    """The counts at the end of an edge, since its trunk was made: arrived = taken + waiting + unreadable."""

    arrived: int
    taken: int
    waiting: int
    unreadable: int


class Landing:
    """Where the messages of one edge go in, while one trunk brings them; `trunk` is its number.

    Attributes:
        source: the routine that they are of.
        made_of: what makes their data of what came.
    """

    def __init__(
        self,
        inlet: Inlet,
        source: str,
        settings: WireSettings,
        trunk: int,
        transmitter: DataTransmitter | None = None,
    ) -> None:
        self.source = source
        self.made_of = _receives(transmitter)
        self._transmitter = transmitter
        self._next: deque[Change] = deque()
        self._closed = False
        self._inlet = inlet
        self._words = words = inlet.words(source)
        begin_trunk(words, trunk, words[ARRIVED])
        self._trunk = trunk
        self._window = Window(settings.capacity, waits=settings.rule is Overflow.BLOCK)
        self._lock = threading.Lock()
        self._waiting: deque[Message] = deque()
        self._ended = False
        self._unreadable = 0

    def land(self, messages: Sequence[Message], unreadable: int) -> None:
        """These came, and so many more of which nothing can be made."""
        with self._lock:
            self._window.arrived += len(messages) + unreadable
            self._window.taken += unreadable
            self._unreadable += unreadable
            self._words[ARRIVED] += len(messages) + unreadable
            if unreadable:
                self._inlet.spoilt(self.source, unreadable)
            self._waiting.extend(messages)
            self._pour()

    def end(self) -> None:
        """Nothing comes behind."""
        with self._lock:
            self._ended = True
            self._pour()

    def relink(self, settings: WireSettings, transmitter: DataTransmitter | None) -> None:
        """Be so from now on; for the data see `change`."""
        with self._lock:
            self._window.change(settings.capacity, waits=settings.rule is Overflow.BLOCK)
            if not self._next and changes_alike(self._transmitter, transmitter):
                self.made_of = _receives(transmitter)
            else:
                self._next.append(_receives(transmitter))
            self._transmitter = transmitter

    def change(self, times: int) -> None:
        """What comes now was changed by a transmitter that it was told of; the last of so many."""
        with self._lock:
            for _ in range(min(times, len(self._next))):
                self.made_of = self._next.popleft()

    def close(self) -> None:
        """Nothing comes any more."""
        with self._lock:
            self._closed = True
            self._pour()

    @property
    def over(self) -> bool:
        """Whether nothing comes any more, and nothing waits."""
        return self._closed and not self._waiting

    def leave(self) -> None:
        """Its trunk brings nothing more."""
        end_trunk(self._words, self._trunk)

    def due(self, *, gladly: bool) -> bool:
        """Whether the writer's end is to be told of room; see `Window.due`."""
        with self._lock:
            self._pour()
            return self._window.due(self._inlet.room(self.source), gladly=gladly)

    def said(self) -> tuple[int, int]:
        """What it is told: limit, arrived."""
        return self._window.limit, self._window.arrived

    def stats(self) -> EdgeStats:
        with self._lock:
            window = self._window
            return EdgeStats(
                arrived=window.arrived,
                taken=window.taken - self._unreadable,
                waiting=len(self._waiting),
                unreadable=self._unreadable,
            )

    def _pour(self) -> None:
        if self._waiting:
            taken = self._inlet.put_many(tuple(self._waiting), self.source)
            self._window.taken += taken
            for _ in range(taken):
                self._waiting.popleft()
        if self._ended and not self._waiting:
            self._ended = False
            self._inlet.ended(self.source)


def _receives(transmitter: DataTransmitter | None) -> Change:
    return as_it_is if transmitter is None else transmitter.receive()
