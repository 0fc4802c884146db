"""Who of the clients of a served queue holds what, and whose time is over. Pure.

A client tells now and then that it lives, and which deliveries it has. One of whom nothing was heard for a
lease is gone; what it held goes back. So does what it was sent a lease ago and does not know of: the answer
was lost on the way.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final

from sightline.framequeue.queue import Delivery

Tag = tuple[int, int]


@dataclass(slots=True)
class _Session:
    heard_ns: int
    held: dict[Tag, tuple[Delivery, int]] = field(default_factory=dict)  # with when it was handed over


class Sessions:
    """All clients of one queue, by a word that each chose for itself. Not thread-safe."""

    def __init__(self, lease_ns: int) -> None:
        self._lease_ns: Final = lease_ns
        self._sessions: dict[str, _Session] = {}

    def heard(self, name: str, now_ns: int) -> None:
        """It lives; a new one is let in."""
        self._sessions.setdefault(name, _Session(now_ns)).heard_ns = now_ns

    def hand(self, name: str, deliveries: Collection[Delivery], now_ns: int) -> bool:
        """These are on their way to it. False: it left meanwhile, and they go back."""
        session = self._sessions.get(name)
        if session is not None:
            session.held.update((each.tag, (each, now_ns)) for each in deliveries)
        return session is not None

    def find(self, name: str, tag: Tag) -> Delivery:
        """What it settles; one of which nothing is known here may be of a host before this one."""
        session = self._sessions.get(name)
        found = session.held.get(tag) if session else None
        return found[0] if found else Delivery("", True, 0, tag)

    def settled(self, name: str, tag: Tag) -> None:
        session = self._sessions.get(name)
        if session is not None:
            session.held.pop(tag, None)

    def renew(self, name: str, known: Collection[Tag], now_ns: int) -> list[Delivery]:
        """It lives and has these. Gives what it was sent and does not have."""
        self.heard(name, now_ns)
        held = self._sessions[name].held
        lost = [
            tag for tag, (_, since) in held.items() if tag not in known and since + self._lease_ns <= now_ns
        ]
        return [held.pop(tag)[0] for tag in lost]

    def leave(self, name: str) -> list[Delivery]:
        """It is gone. Gives what it had."""
        session = self._sessions.pop(name, None)
        return [delivery for delivery, _ in session.held.values()] if session else []

    def lapsed(self, now_ns: int) -> list[Delivery]:
        """Those of whom nothing was heard are gone. Gives what they had."""
        over = [
            name for name, session in self._sessions.items() if session.heard_ns + self._lease_ns <= now_ns
        ]
        return [delivery for name in over for delivery in self.leave(name)]
