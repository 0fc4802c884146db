"""What a child shows to its supervisor in memory that both have: its progress, and its stacks.

A *lane* is one thing that works in a child, a thread mostly: how much it has done, and since when it has not
done more. To tell that costs two writes to memory; nobody is woken, and what is held up cannot hold it back.
Behind the lanes stands the text that `faulthandler` writes, also when the process dies of a fault.

The supervisor makes a board for each process. It takes what it reads for what a child says, and no more.
"""

from __future__ import annotations

import mmap
import os
import tempfile
from contextlib import suppress
from time import monotonic_ns
from typing import Final, Self

from sightline.errors import ConfigError

BOARD_BYTES: Final = 1024 * 1024
"""Of a lane, 64; what is not used takes no memory."""
MOST_LANES: Final = BOARD_BYTES // 64 - 1
NAME_BYTES: Final = 48
MOST_TEXT_BYTES: Final = 256 * 1024
_WORDS: Final = 8
"""Of 8 bytes each: a lane is 64 bytes, of which two words are numbers and the rest its name."""


class Lane:
    """One thing that works, told by whoever does it."""

    __slots__ = ("_words",)

    def __init__(self, words: memoryview) -> None:
        self._words = words

    def progress(self, done: int) -> None:
        """It is at work, has done so much so far (0 or more), and will do more before its time is up."""
        self._words[0] = done
        self._words[1] = monotonic_ns()

    def count(self, done: int) -> None:
        """It has done so much so far. Whether it does more is nobody's business."""
        self._words[0] = done

    def idle(self) -> None:
        """It waits for work. Until it tells progress again nothing is expected of it."""
        self._words[1] = 0


class Board:
    """The memory, at either end."""

    def __init__(self, fd: int) -> None:
        """The one behind this descriptor, which is closed with it."""
        self.fd = fd
        self._memory = mmap.mmap(fd, BOARD_BYTES)
        self._words = memoryview(self._memory).cast("Q")

    @classmethod
    def made(cls) -> Self:
        """A new one. Raises OSError."""
        fd = _unnamed()
        try:
            os.ftruncate(fd, BOARD_BYTES)
            # Both ends have one position in it, from which `faulthandler` writes on.
            os.lseek(fd, BOARD_BYTES, os.SEEK_SET)
            return cls(fd)
        except OSError:
            os.close(fd)
            raise

    def lane(self, name: str) -> Lane:
        """A new lane. For the child, in one thread at a time. Raises ConfigError: there are too many."""
        number = self._words[0]
        if number == MOST_LANES:
            raise ConfigError(f"expected {MOST_LANES} lanes at most in one process, got {name!r} too")
        start = (number + 1) * _WORDS
        text = name.encode()[:NAME_BYTES]
        at = start * 8 + 16
        self._memory[at : at + len(text)] = text
        self._words[0] = number + 1
        return Lane(self._words[start : start + 2])

    def writes_stacks(self) -> None:
        """The child says: whoever sends it the signal will find all stacks in the text."""
        self._words[1] = 1

    @property
    def has_stacks(self) -> bool:
        return bool(self._words[1])

    def slowest(self) -> tuple[int, str] | None:
        """When that lane last told progress which has not for the longest time, and its name.

        None: none is at work. The time is monotonic, in nanoseconds.
        """
        at_work = [(told_ns, start) for start in self._lanes() if (told_ns := self._words[start + 1])]
        if not at_work:
            return None
        told_ns, start = min(at_work)
        return told_ns, self._name(start)

    def done(self) -> dict[str, int]:
        """How much each lane has done, by its name."""
        return {self._name(start): self._words[start] for start in self._lanes()}

    def take_text(self) -> str:
        """What was written behind the lanes since the last time."""
        text = os.pread(self.fd, MOST_TEXT_BYTES, BOARD_BYTES)
        if text:
            os.lseek(self.fd, BOARD_BYTES, os.SEEK_SET)
            os.ftruncate(self.fd, BOARD_BYTES)
        return text.decode(errors="replace")

    def _lanes(self) -> range:
        """Where each begins."""
        return range(_WORDS, (min(self._words[0], MOST_LANES) + 1) * _WORDS, _WORDS)

    def _name(self, start: int) -> str:
        name = self._memory[start * 8 + 16 : (start + _WORDS) * 8]
        return name.rstrip(b"\0").decode(errors="replace")

    def close(self) -> None:
        """Again is allowed. Not while a lane is in use."""
        if self.fd >= 0:
            self._words.release()
            self._memory.close()
            os.close(self.fd)
            self.fd = -1


def _unnamed() -> int:
    """A file that is in no folder: gone with its last user."""
    with suppress(AttributeError, OSError):  # not everywhere, and not where it is forbidden
        return os.memfd_create("sightline-board")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
