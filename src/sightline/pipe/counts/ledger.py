"""What a flow counts, in memory that its parent has too.

So the parent reads it without a question to a process that may be busy, stopped or hung, and what was counted
outlives its process: the next one of the flow counts on from there. An *account* is a row of numbers (signed,
of 64 bits) with a key, made once and there for good. It promises: each number is read as it was at some
moment. It does not promise that several were so at the same moment.
"""

from __future__ import annotations

import mmap
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from typing import Final, Self, TypeAlias

import msgspec

from sightline.errors import ConfigError, SharingError

LEDGER_BYTES: Final = 8 * 1024 * 1024
"""Enough for some 16,000 wires; what is not used takes no memory."""
_WORD_BYTES: Final = 8
_HEAD_WORDS: Final = 2
"""Before each account: how many words it has, and how many bytes its key."""

Key: TypeAlias = tuple[str, ...]
_key: Final = msgspec.json.Decoder(Key).decode


def private(words: int) -> memoryview:
    """An account that no other process sees, and is in no ledger."""
    return memoryview(bytearray(words * _WORD_BYTES)).cast("q")


class Ledger:
    """One flow's, at either end.

    Args:
        fd: the memory, as `made` has it; this object's from now on.
    """

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._words = memoryview(mmap.mmap(fd, LEDGER_BYTES)).cast("q")
        self._read = 1
        self._accounts: dict[Key, memoryview] = {}

    @classmethod
    def made(cls) -> Self:
        """An empty one. Raises SharingError."""
        try:
            fd = _unnamed()
            os.ftruncate(fd, LEDGER_BYTES)
            return cls(fd)
        except OSError as error:
            raise SharingError(f"no memory for a flow's counts: {error}") from error

    def account(self, *key: str, words: int) -> memoryview:
        """That of this key; of so many words, all 0, where there was none. For the flow's end, in one thread.

        Raises:
            ConfigError: there is no room for another.
        """
        if key not in self.accounts():
            self._add(key, words)
        return self.accounts()[key]

    def accounts(self) -> Mapping[Key, memoryview]:
        """All there are."""
        words = self._words
        while self._read < words[0]:
            size, key_bytes = words[self._read], words[self._read + 1]
            first = self._read + _HEAD_WORDS + _padded(key_bytes)
            text = words[self._read + _HEAD_WORDS : first].tobytes()[:key_bytes]
            self._accounts[_key(text)] = words[first : first + size]
            self._read = first + size
        return self._accounts

    def close(self) -> None:
        """Give the memory back; what stood in it can still be read. Again is allowed."""
        if self.fd >= 0:
            self._accounts = {key: _copied(words) for key, words in self.accounts().items()}
            self._words = private(1)
            os.close(self.fd)
            self.fd = -1

    def _add(self, key: Key, size: int) -> None:
        text = msgspec.json.encode(key)
        start = max(1, self._words[0])
        first = start + _HEAD_WORDS + _padded(len(text))
        end = first + size
        if end > len(self._words):
            raise ConfigError(f"no room for the counts of {' > '.join(key)}: {start} words are in use")
        self._words[start], self._words[start + 1] = size, len(text)
        padded = memoryview(text.ljust(_padded(len(text)) * _WORD_BYTES)).cast("q")
        self._words[start + _HEAD_WORDS : first] = padded
        self._words[0] = end  # whoever reads sees it whole, or not at all


def _padded(size: int) -> int:
    """How many words so many bytes take."""
    return -(-size // _WORD_BYTES)


def _copied(words: memoryview) -> memoryview:
    return memoryview(bytearray(words)).cast("q")


def _unnamed() -> int:
    """A file that is in no folder: gone with its last user."""
    with suppress(AttributeError, OSError):  # not everywhere, and not where it is forbidden
        return os.memfd_create("sightline-ledger")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
