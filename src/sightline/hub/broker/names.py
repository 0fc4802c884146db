"""Names of channels, clients and groups, and the globs that pick channels.

A name is any text of printable characters within a bound of UTF-8 bytes; no character in it is special.
In a glob `*` stands for any run of characters, and nothing else is special. No regular expression is ever
made of what a stranger sends: a match takes time in proportion to the lengths.
"""

from __future__ import annotations

from typing import Final

from sightline.hub.broker.refusal import Refusal
from sightline.hub.wire.control import Code

HUB_NAME: Final = "sightline.hub"
"""The hub's own, for what it publishes itself; no client may have it."""


def checked_name(name: str, most_bytes: int, what: str = "name") -> str:
    """`name` itself. Raises Refusal where it is empty, too long, or has a character that cannot be shown."""
    if not name or not name.isprintable() or len(name.encode()) > most_bytes:
        raise Refusal(
            Code.WRONG, f"expected a {what} of 1 to {most_bytes} bytes of printable text, got {name[:80]!r}"
        )
    return name


class Glob:
    """What picks names. `*`: any run of characters."""

    __slots__ = ("_first", "_last", "_least", "_middle")

    def __init__(self, text: str) -> None:
        first, *rest = text.split("*")
        self._first = first
        self._last = rest.pop() if rest else None
        self._middle = tuple(part for part in rest if part)
        self._least = len(text) - text.count("*")

    def matches(self, name: str) -> bool:
        if self._last is None:
            return name == self._first
        if len(name) < self._least or not (name.startswith(self._first) and name.endswith(self._last)):
            return False
        at, end = len(self._first), len(name) - len(self._last)
        # The leftmost place of each part leaves the most room for the next ones: no going back is needed.
        for part in self._middle:
            at = name.find(part, at, end)
            if at < 0:
                return False
            at += len(part)
        return True
