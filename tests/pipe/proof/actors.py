"""Routines that do what a plan says, and write down what came to them, in this process or in another."""

from __future__ import annotations

import time
from collections import defaultdict
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

import msgspec
from tests.pipe.proof.plans import Item, Kind, Part, given, passed

from sightline.pipe.handlers import events
from sightline.pipe.routine import Routine
from sightline.pipe.several import Several

SLOW_S: Final = 0.001
NOTE: Final = "note"


class Failed(Exception):
    """As planned."""


class Journal(Protocol):
    """What came to one routine in all of its lives, in order; for a source, what it was called for."""

    def add(self, items: list[Item]) -> None: ...

    def items(self) -> list[Item]: ...


_KEPT: Final[defaultdict[str, list[Item]]] = defaultdict(list)


class InMemory(NamedTuple):
    """A journal that copies share, of one process."""

    key: str

    def add(self, items: list[Item]) -> None:
        _KEPT[self.key].extend(items)

    def items(self) -> list[Item]:
        return _KEPT[self.key]


class InFile(NamedTuple):
    """A journal that outlives its process."""

    path: str

    def add(self, items: list[Item]) -> None:
        with Path(self.path).open("ab", buffering=0) as file:
            file.write(b"".join(msgspec.json.encode(item) + b"\n" for item in items))

    def items(self) -> list[Item]:
        path = Path(self.path)
        lines = path.read_bytes().splitlines() if path.exists() else []
        return [tuple(msgspec.json.decode(line)) for line in lines]


class Actor(Routine):
    """One part of a plan; `many`: how many items it gives, where it is a source."""

    def __init__(self, part: Part, journal: Journal, many: int) -> None:
        super().__init__(part.name)
        self.settings = part.settings
        self.kind = part.kind
        self.journal = journal
        self.many = many
        self.next = 0
        self.notes: list[int] = []

    def setup(self) -> None:
        self.next = len(self.journal.items())

    def main_logic(self, data: Any = None) -> Any:
        if self.kind is Kind.SLOW:
            time.sleep(SLOW_S)
        gives = self._first() if data is None else self._next(data)
        if not gives and self.kind is Kind.FAILING:
            raise Failed
        if self.kind is Kind.SEVERAL:
            return Several((item,) for item in gives)
        return tuple(gives) or None

    def _first(self) -> list[Item]:
        number = self.next
        if number >= self.many:
            raise StopIteration
        self.next += 1
        self.journal.add([(self.name, number)])
        return given(self.kind, self.name, number)

    def _next(self, data: Any) -> list[Item]:
        items = [item for bundle in data for item in bundle] if self.kind is Kind.BATCHES else list(data)
        self.journal.add(items)
        if self.kind in {Kind.COPIES, Kind.LOOSE}:  # not as quick for each, or they never overtake each other
            time.sleep(SLOW_S * (items[0][1] % 3))
        return passed(self.kind, self.name, items)

    @events(NOTE)
    def note(self, number: int) -> None:
        self.notes.append(number)


class AsyncActor(Actor):
    """The same as a coroutine."""

    async def main_logic(self, data: Any = None) -> Any:
        try:
            return Actor.main_logic(self, data)
        except StopIteration:
            raise StopAsyncIteration from None


def actor_of(part: Part, journal: Journal, many: int) -> Actor:
    kind = AsyncActor if part.kind is Kind.ASYNC else Actor
    return kind(part, journal, many)
