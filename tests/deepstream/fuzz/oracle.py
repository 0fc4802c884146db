"""Fuzzing a reader of ours against the real one: made-up files, and whether both say the same of each.

To add an oracle: write a context manager that gives an `Oracle`, and put it into `ORACLES` of `__main__`.
Each file is made from a seed of its own, so that one of them can be made again without the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random


@dataclass(frozen=True)
class Oracle:
    """A real reader.

    Attributes:
        name: what `--oracle` says, and the service that must be there.
        make: a made-up file, most of them nearly right.
        disagreement: what the two say, in words, where that is not the same.
    """

    name: str
    make: Callable[[Random], bytes]
    disagreement: Callable[[bytes], str | None]


@dataclass(frozen=True)
class Disagreement:
    """A file that the two readers do not agree on, cut down to the lines that it takes."""

    number: int
    data: bytes
    said: str

    def __str__(self) -> str:
        return f"file {self.number}: {self.data!r}\n  {self.said}"


def made(oracle: Oracle, seed: int, number: int) -> bytes:
    return oracle.make(Random(f"{seed}/{number}"))


def fuzz(oracle: Oracle, files: int, seed: int) -> Iterator[Disagreement]:
    """Makes and judges that many files."""
    for number in range(files):
        data = made(oracle, seed, number)
        if oracle.disagreement(data) is not None:
            data = _cut_down(oracle, data)
            yield Disagreement(number, data, oracle.disagreement(data) or "")


def _cut_down(oracle: Oracle, data: bytes) -> bytes:
    lines = data.splitlines(keepends=True)
    for index in reversed(range(len(lines))):
        shorter = lines[:index] + lines[index + 1 :]
        if oracle.disagreement(b"".join(shorter)) is not None:
            lines = shorter
    return b"".join(lines)
