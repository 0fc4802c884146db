"""What is answered only when others have heard of something.

A client answers each PING in its turn: its PONG says that it has read all that was sent to it before. So a
reader is told that it reads only when those who write know it, and nothing that they send from then on is
thought to be unwanted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

from sightline.clock import NS_PER_S

if TYPE_CHECKING:
    from sightline.hub.broker.connection import Connection
    from sightline.hub.broker.timers import Timers

HEAR_NS: Final = NS_PER_S
"""How long is waited at most: one who does not listen holds up nobody for longer."""


class Hearing:
    """Calls `done`, once: when all these connections have answered what they were pinged, or are gone."""

    def __init__(
        self, connections: Iterable[Connection], timers: Timers, now_ns: int, done: Callable[[], None]
    ) -> None:
        self._left = set(connections)
        self._done = done
        self._timer = timers.at(now_ns + HEAR_NS, lambda _now_ns: self._finish())
        for connection in self._left:
            connection.hearings[self] = connection.pings

    def heard(self, connection: Connection) -> None:
        del connection.hearings[self]
        self._left.remove(connection)
        if not self._left:
            self._timer.cancel()
            self._done()

    def _finish(self) -> None:
        for connection in tuple(self._left):
            self.heard(connection)
