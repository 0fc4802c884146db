"""Pipes drawn at random, and what has to come to whom in them. Pure.

What is sent is a bundle, which is a tuple of items; an item is the name of its source, its number there, and
the names of all that handed it on. Which items a routine lets go on follows from the item alone, so that what
comes to each routine is known before anything runs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from enum import StrEnum
from itertools import pairwise
from typing import Any, Final, NamedTuple, TypeAlias
from zlib import crc32

from hypothesis import strategies as st

from sightline.overflow import Overflow
from sightline.pipe.settings import LIVE_RULES, Policy, RoutineSettings, WireSettings

Item: TypeAlias = tuple[Any, ...]
FLOWS: Final = ("a", "b", "c")


class Kind(StrEnum):
    """What a routine does with the items that come to it."""

    PLAIN = "plain"
    ASYNC = "async"
    CHOOSY = "choosy"
    """It lets two of three go on; where none of a bundle does, it gives None."""
    FAILING = "failing"
    """The same, and raises in the place of None."""
    SEVERAL = "several"
    """It makes two of each, and sends all of them by themselves."""
    SLOW = "slow"
    BATCHES = "batches"
    COPIES = "copies"
    """Three of it work side by side, and keep the order."""
    LOOSE = "loose"
    """As many, and they do not."""


SOURCES: Final = (Kind.PLAIN, Kind.ASYNC, Kind.CHOOSY, Kind.FAILING, Kind.SLOW)
SETTINGS: Final = {
    Kind.BATCHES: RoutineSettings(batch_size=5, max_wait_s=0.002),
    Kind.COPIES: RoutineSettings(replicas=3),
    Kind.LOOSE: RoutineSettings(replicas=3, ordered=False),
}


class Part(NamedTuple):
    """A routine."""

    name: str
    flow: str
    kind: Kind

    @property
    def settings(self) -> RoutineSettings:
        return SETTINGS.get(self.kind, RoutineSettings())


class Way(NamedTuple):
    """A wire, from name to name."""

    source: str
    destination: str
    settings: WireSettings

    @property
    def ends(self) -> tuple[str, str]:
        return self.source, self.destination

    @property
    def lossless(self) -> bool:
        return self.settings.rule is Overflow.BLOCK


class Plan(NamedTuple):
    """A pipe. Its parts stand in an order in which all wires lead forward; each source gives `many` items."""

    parts: tuple[Part, ...]
    ways: tuple[Way, ...]
    many: int

    def into(self, name: str) -> list[Way]:
        return [way for way in self.ways if way.destination == name]

    def out_of(self, name: str) -> list[Way]:
        return [way for way in self.ways if way.source == name]

    def is_source(self, name: str) -> bool:
        return not self.into(name)

    def flow_of(self, name: str) -> str:
        return next(part.flow for part in self.parts if part.name == name)

    def crosses(self, way: Way) -> bool:
        return self.flow_of(way.source) != self.flow_of(way.destination)


def passed(kind: Kind, name: str, items: Iterable[Item]) -> list[Item]:
    """What goes on of these."""
    if kind is Kind.SEVERAL:
        return [(*item, f"{name}{tag}") for item in items for tag in "xy"]
    choosy = kind in {Kind.CHOOSY, Kind.FAILING}
    return [(*item, name) for item in items if not choosy or crc32(repr((name, item)).encode()) % 3]


def given(kind: Kind, name: str, number: int) -> list[Item]:
    """What a source gives as its `number`th."""
    return [item[:-1] for item in passed(kind, name, [(name, number)])]


def may_come(plan: Plan) -> dict[str, set[Item]]:
    """All that would come to each routine if nothing were ever dropped."""
    gives: dict[str, list[Item]] = {}
    comes: dict[str, set[Item]] = {}
    for name, _, kind in plan.parts:
        if plan.is_source(name):
            gives[name] = [item for number in range(plan.many) for item in given(kind, name, number)]
            continue
        comes[name] = {item for way in plan.into(name) for item in gives[way.source]}
        gives[name] = passed(kind, name, comes[name])
    return comes


def must_come(plan: Plan, harmed: Collection[tuple[str, str]] = ()) -> dict[str, set[Item]]:
    """What comes to each routine along lossless wires alone, of which none was ever `harmed`."""
    safe = {way.ends for way in plan.ways if way.lossless} - set(harmed)

    def is_safe(item: Item, name: str) -> bool:
        stops = [item[0], *(stop.rstrip("xy") for stop in item[2:]), name]
        return all(hop in safe for hop in pairwise(stops))

    return {name: {item for item in comes if is_safe(item, name)} for name, comes in may_come(plan).items()}


def misordered(plan: Plan, name: str, got: Iterable[Item]) -> Iterator[str]:
    """Where the order in which items came breaks what is promised: along one way numbers rise."""
    kinds = {part.name: part.kind for part in plan.parts}
    if SETTINGS.get(kinds[name], RoutineSettings()).replicas > 1:
        return  # nobody says in which order replicas are called
    last: dict[Item, int] = {}
    for item in got:
        way = (item[0], *item[2:])
        if any(kinds[stop.rstrip("xy")] is Kind.LOOSE for stop in item[2:]):
            continue
        if item[1] <= last.get(way, -1):
            yield f"{name} got {item} after number {last[way]} of the same way"
        last[way] = item[1]


# Drawing them.

RULES: Final = st.sampled_from(LIVE_RULES)
CAPACITIES: Final = st.integers(1, 6)
LOSSLESS: Final = st.builds(
    WireSettings, policy=st.sampled_from([Policy.LOSSLESS, Policy.RECORD]), capacity=CAPACITIES
)
LIVE: Final = st.builds(WireSettings, policy=st.just(Policy.LIVE), capacity=CAPACITIES, overflow=RULES)
WIRES: Final = st.one_of(LOSSLESS, LOSSLESS, LIVE)


@st.composite
def plans(draw: st.DrawFn, wires: st.SearchStrategy[WireSettings] = WIRES, most: int = 7) -> Plan:
    """2 to `most` routines in up to three flows. Each has a wire; diamonds, fan-in and fan-out come often."""
    count = draw(st.integers(2, most))
    heard = [set[int](), *(draw(st.sets(st.integers(0, n - 1), max_size=3)) for n in range(1, count))]
    for number in range(count):
        if not heard[number] and not any(number in others for others in heard):
            hearer = min(number + 1, count - 1)
            heard[hearer].add(hearer - 1)
    parts = tuple(
        Part(
            f"r{n}", draw(st.sampled_from(FLOWS)), draw(st.sampled_from(list(Kind) if heard[n] else SOURCES))
        )
        for n in range(count)
    )
    ways = tuple(Way(f"r{one}", f"r{n}", draw(wires)) for n in range(count) for one in sorted(heard[n]))
    return Plan(parts, ways, draw(st.integers(1, 40)))
