"""Counters that all processes of the soak see, and that outlive those that are killed.

They lie in memory without a name that is mapped before the first fork. Each row belongs to a seat: to
whichever process has that part at the moment. A kill cannot tear a number.
"""

from __future__ import annotations

import mmap
from enum import IntEnum
from typing import Final

_ROWS: Final = 16


class Column(IntEnum):
    """What is counted of each seat.

    `WORKS`: the pid of the process that has got so far as to do its part. `RESTED`: which rest it took part
    in last. `AGAIN`: pictures looked at a second time, before they were let go; `LATE`: after the lease ran
    out. `WRONG`: torn ones, or such as came in a wrong order.
    """

    WORKS = 0
    RESTED = 1
    PUT = 2
    PUT_SHARED = 3
    SEEN = 4
    SEEN_SHARED = 5
    AGAIN = 6
    LATE = 7
    WRONG = 8


class Slate:
    """Zeros at first."""

    def __init__(self) -> None:
        memory = mmap.mmap(-1, 8 * _ROWS * len(Column))  # shared with those who are forked
        self._at = memoryview(memory).cast("q", (_ROWS, len(Column)))
        self.resting = Row(self, _ROWS - 1)

    def row(self, number: int) -> Row:
        return Row(self, number)

    def total(self, column: Column) -> int:
        return sum(self._at[row, column] for row in range(_ROWS - 1))

    def get(self, row: int, column: Column) -> int:
        return self._at[row, column]

    def set(self, row: int, column: Column, number: int) -> None:
        self._at[row, column] = number


class Row:
    """Of one seat."""

    def __init__(self, slate: Slate, number: int) -> None:
        self._slate, self._number = slate, number

    def __getitem__(self, column: Column) -> int:
        return self._slate.get(self._number, column)

    def __setitem__(self, column: Column, number: int) -> None:
        self._slate.set(self._number, column, number)
