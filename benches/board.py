"""Numbers that the processes of one turn share: who is ready, the pace asked for, what was counted.

A file in memory, mapped by all of them; each number has one writer. It runs wherever a peer runs, so on
Python 3.9 too. The hands that write are here as well: `Feed` numbers and stamps what a
writer sends, `Tally` counts what a reader gets, `Calls` times calls. A contender's cost of being counted is
therefore the same for all: some 0.3 us a message.
"""

from __future__ import annotations

import math
import mmap
import struct
import time
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

MOST_READERS = 8
RING = 1 << 16
SMALL = "small"
DICT = "dict"
PICTURE = "picture"
PICTURE_4K = "picture-4k"
SMALL_BYTES = 100
SHAPES = {PICTURE: (1080, 1920, 3), PICTURE_4K: (2160, 3840, 3)}

_GO, _GAP_NS, _LATENCIES = 0, 1, 2
_READY, _COUNT, _LOST, _TWICE = (8 + part * MOST_READERS for part in range(4))
_RING = 8 + 4 * MOST_READERS
_STAMP = struct.Struct("<qq")  # time of sending, number
_PAD = bytes(SMALL_BYTES - _STAMP.size)
_EVERY = 16  # of small messages one is timed, unless there is a pace
_WORD = np.dtype(np.uint64)
_PICTURES = 8  # more than the processor's cache holds, and than any contender has on its way


def size_bytes(size: str) -> int:
    """Of a message of that size; a dict's is about that of its pickle."""
    return math.prod(SHAPES[size]) if size in SHAPES else SMALL_BYTES


class Board:
    """The file at `path`, which `create` makes."""

    def __init__(self, path: Path) -> None:
        with path.open("r+b") as file:
            self._at = memoryview(mmap.mmap(file.fileno(), 0)).cast("q")

    @classmethod
    def create(cls, path: Path) -> Board:
        path.write_bytes(bytes(8 * (_RING + RING)))
        return cls(path)

    def go(self, gap_ns: int) -> None:
        """From now on at that pace: ns between two of them, 0 for as fast as it goes."""
        self._at[_GAP_NS] = gap_ns
        self._at[_GO] = 1

    @property
    def gap_ns(self) -> int:
        return self._at[_GAP_NS]

    def wait_for_go(self) -> None:
        while not self._at[_GO]:
            time.sleep(0.001)

    def ready(self, place: int) -> None:
        self._at[_READY + place] = 1

    def is_ready(self, place: int) -> bool:
        return self._at[_READY + place] == 1

    def count(self, reader: int, messages: int, lost: int, twice: int) -> None:
        self._at[_COUNT + reader], self._at[_LOST + reader] = messages, lost
        self._at[_TWICE + reader] = twice

    def counted(self, reader: int) -> tuple[int, int, int]:
        """Messages that came, that are missing between them, and that came again or late."""
        return self._at[_COUNT + reader], self._at[_LOST + reader], self._at[_TWICE + reader]

    def took(self, ns: int) -> None:
        taken = self._at[_LATENCIES]
        self._at[_RING + taken % RING] = ns
        self._at[_LATENCIES] = taken + 1

    @property
    def timed(self) -> int:
        """How many latencies have been written so far."""
        return self._at[_LATENCIES]

    def latencies(self, begin: int, end: int) -> list[int]:
        """Those from `begin` to `end`, the last `RING` of them."""
        return [self._at[_RING + number % RING] for number in range(max(begin, end - RING), end)]


class Feed:
    """What the writer sends: each with its number and the time: bytes, a dict, or a picture as an array.

    `stamp` is for who makes a picture, or a small message, in a place of its own."""

    def __init__(self, board: Board, size: str) -> None:
        self._board = board
        self._number = 0
        self._due_ns = 0
        self._pictures = list(_pictures(size))
        self.next = {SMALL: self._next_small, DICT: self._next_dict}.get(size, self._next_picture)

    def delay_s(self) -> float:
        """How long to wait before the next one, 0 for not at all."""
        gap_ns = self._board.gap_ns
        if not gap_ns:
            return 0.0
        now_ns = time.monotonic_ns()
        due_ns = max(self._due_ns or now_ns, now_ns - gap_ns)
        self._due_ns = due_ns + gap_ns
        return max(due_ns - now_ns, 0) / 1e9

    def wait(self) -> None:
        delay_s = self.delay_s()
        if delay_s:
            time.sleep(delay_s)

    def many(self, most: int) -> list[Any]:
        """So many at once, or one where a pace is asked for."""
        return [self.next() for _ in range(1 if self._board.gap_ns else most)]

    def _next_small(self) -> Any:
        self._number = number = self._number + 1
        return _STAMP.pack(time.monotonic_ns(), number) + _PAD

    def _next_dict(self) -> Any:
        self._number = number = self._number + 1
        return {
            "number": number,
            "at_ns": time.monotonic_ns(),
            "camera": "camera-0001",
            "label": "person",
            "box": [1, 2, 3, 4],
            "score": 0.5,
        }

    def _next_picture(self) -> Any:
        picture = self._pictures[(self._number + 1) % _PICTURES]
        self.stamp(picture)
        return picture

    def stamp(self, place: Any) -> None:
        """Writes the next number and the time at both ends."""
        self._number = number = self._number + 1
        stamp = time.monotonic_ns(), number
        _STAMP.pack_into(place, 0, *stamp)
        _STAMP.pack_into(place, place.nbytes - _STAMP.size, *stamp)


class Tally:
    """Counts what one reader gets, and what is missing. `hit` takes bytes, a dict or an array, `many` a list.

    Of a picture it looks at both ends, or, for `whole`, reads and checks all of it."""

    def __init__(self, board: Board, reader: int, size: str, *, whole: bool = False) -> None:
        self._board, self._reader = board, reader
        self._tail = size_bytes(size) - _STAMP.size
        self._sums = [_sum(picture) for picture in _pictures(size)] if whole else []
        self._next = self._messages = self._lost = self._twice = self._passed_over = 0
        self.hit = {SMALL: self._small, DICT: self._dict}.get(size, self._picture)

    def many(self, messages: Any) -> None:
        hit = self.hit
        for message in messages:
            hit(message)

    def _small(self, message: Any) -> None:
        self._hit(*_STAMP.unpack_from(message))

    def _dict(self, message: Any) -> None:
        self._hit(message["at_ns"], message["number"])

    def _hit(self, at_ns: int, number: int) -> None:
        if number != self._next:
            self._jump(number)
        self._next = number + 1
        self._messages = messages = self._messages + 1
        if not messages & self._passed_over:
            self._passed_over = 0 if self._board.gap_ns else _EVERY - 1
            self._tell(at_ns)

    def _picture(self, picture: Any) -> None:
        stamp = at_ns, number = _STAMP.unpack_from(picture)
        if _STAMP.unpack_from(picture, self._tail) != stamp:
            raise ValueError(f"a picture begins with {stamp} and ends otherwise: it is torn")
        if self._sums and _sum(picture) != self._sums[number % _PICTURES]:
            raise ValueError(f"the picture {number} is not what was sent")
        if number != self._next:
            self._jump(number)
        self._next = number + 1
        self._messages += 1
        self._tell(at_ns)

    def _jump(self, number: int) -> None:
        if not self._messages:
            return
        if number > self._next:
            self._lost += number - self._next
        else:
            self._twice += 1

    def _tell(self, at_ns: int) -> None:
        self._board.count(self._reader, self._messages, self._lost, self._twice)
        if self._reader == 0:
            self._board.took(time.monotonic_ns() - at_ns)


class Calls:
    """Times calls, one after the other. At a pace, a call that is late because of the one before is timed
    from when it was due: otherwise one slow call would hide those that it holds up."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._due_ns = 0
        self._done = 0

    def begin(self) -> int:
        """Waits until it is time; then the time that counts as the call's beginning."""
        gap_ns, now_ns = self._board.gap_ns, time.monotonic_ns()
        if not gap_ns:
            self._due_ns = 0
            return now_ns
        due_ns = self._due_ns or now_ns
        self._due_ns = due_ns + gap_ns
        if due_ns <= now_ns:
            return due_ns
        time.sleep((due_ns - now_ns) / 1e9)
        return time.monotonic_ns()

    def end(self, began_ns: int) -> None:
        self._done += 1
        self._board.took(time.monotonic_ns() - began_ns)
        self._board.count(0, self._done, 0, 0)


def _pictures(size: str) -> Iterator[Any]:
    draw = np.random.default_rng(1)
    for _ in range(_PICTURES if size in SHAPES else 0):
        yield draw.integers(0, 255, SHAPES[size], dtype=np.uint8)


def _sum(picture: Any) -> int:
    """Of all its words but those of the stamps: memory is read once, and hardly more is done."""
    words = np.frombuffer(picture, _WORD)
    ends = sum(int(word) for word in (*words[:2], *words[-2:]))
    return (int(words.sum()) - ends) % 2**64


def percentile(values: list[int], share: float) -> float:
    """Raises ValueError for no values."""
    if not values:
        raise ValueError("expected one value or more, got none")
    return float(sorted(array("q", values))[min(int(share * len(values)), len(values) - 1)])
