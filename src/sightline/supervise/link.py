"""What a supervisor hands a child, and what the child says to it.

The one goes by an environment variable, which names descriptors that the child inherits; the other as lines
of JSON along a socket between the two. Of that socket the end alone has a meaning for the child: its
supervisor is no more.
"""

from __future__ import annotations

import signal
from typing import Final, Literal, TypeAlias

import msgspec

from sightline.errors import WireError

VARIABLE: Final = "SIGHTLINE_CHILD"
MOST_LINE_BYTES: Final = 64 * 1024
STACKS_SIGNAL: Final = signal.SIGQUIT
"""As Java and Go have it: all stacks, please."""


class Handover(msgspec.Struct, frozen=True, kw_only=True):
    """The child's descriptors by their numbers, and how often it is to show that it is there."""

    control: int
    board: int
    sockets: dict[str, int]
    beat_s: float


class Word(msgspec.Struct, frozen=True):
    """What a child says: that it is ready, or why it will end."""

    kind: Literal["ready", "failed"]
    text: str


Words: TypeAlias = list[Word]


def line_of(word: Word) -> bytes:
    """Raises WireError where its text is too long."""
    line = msgspec.json.encode(word) + b"\n"
    if len(line) > MOST_LINE_BYTES:
        raise WireError(f"expected a word of {MOST_LINE_BYTES} bytes at most, got {len(line)}")
    return line


def words_of(lines: list[bytes]) -> Words:
    """What is no word of ours is left out: a child tells of nobody but itself."""
    return [word for line in lines if (word := _word(line)) is not None]


class Lines:
    """Lines out of what comes in parts; one that is too long comes in parts itself."""

    def __init__(self) -> None:
        self._begun = b""

    def feed(self, data: bytes) -> list[bytes]:
        *lines, begun = (self._begun + data).split(b"\n")
        if len(begun) >= MOST_LINE_BYTES:
            lines.append(begun)
            begun = b""
        self._begun = begun
        return lines

    def rest(self) -> list[bytes]:
        """What has no end yet, and will have none."""
        begun, self._begun = self._begun, b""
        return [begun] if begun else []


def _word(line: bytes) -> Word | None:
    try:
        return msgspec.json.decode(line, type=Word)
    except msgspec.MsgspecError:
        return None
