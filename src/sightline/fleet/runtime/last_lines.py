"""The last lines that an instance wrote: bounded, without secrets, and what of them says why it ended."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final

from sightline.log import redact

MOST_LINES: Final = 1000
MOST_CHARACTERS: Final = 2000
_LOOKED_AT: Final = 20
_MOST_REASON: Final = 300


class LastLines:
    """Those of one life. Any thread may add and look."""

    def __init__(self, most: int = MOST_LINES) -> None:
        self._lock = threading.Lock()
        self._lines: deque[str] = deque(maxlen=most)

    def add(self, line: str) -> None:
        with self._lock:
            self._lines.append(shown(line))

    def last(self, count: int) -> list[str]:
        with self._lock:
            return list(self._lines)[-count:] if count > 0 else []


def shown(line: str) -> str:
    """As others may see it: cut before it is redacted, as no pattern is to look at a megabyte."""
    return redact(line[:MOST_CHARACTERS].rstrip())


def last_words(lines: Sequence[str]) -> str:
    """Of its last lines the last that tells of an error; else the last."""
    said = [line.strip() for line in lines[-_LOOKED_AT:] if line.strip()]
    return (_last(line for line in said if "error" in line.lower()) or _last(said))[:_MOST_REASON]


def _last(lines: Iterable[str]) -> str:
    return next(reversed(list(lines)), "")
