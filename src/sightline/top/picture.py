"""All that is known of all feeds at one moment: as sheets, as a few words, and for programs. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sightline.top import pipes, places
from sightline.top.looks import Looks
from sightline.top.sheet import Row, Sheet, printable, together

SHEETS: Final[tuple[Callable[[Looks], Sheet], ...]] = (
    places.cameras,
    pipes.routines,
    pipes.wires,
    places.channels,
    places.processes,
)
_EMPTY: Final = tuple(
    Sheet(title, columns, ())
    for title, columns in (
        ("Cameras", places.CAMERAS),
        ("Routines", pipes.ROUTINES),
        ("Wires", pipes.WIRES),
        ("Channels", places.CHANNELS),
        ("Processes", places.PROCESSES),
    )
)


@dataclass(frozen=True, slots=True)
class Seen:
    """One feed: its last two looks, if it ever answered, and why it does not now.

    Attributes:
        age_s: of the last look.
        fault: empty: it answered.
    """

    looks: Looks | None = None
    age_s: float = 0.0
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Picture:
    """All feeds by name."""

    seen: Mapping[str, Seen]

    @property
    def sheets(self) -> tuple[Sheet, ...]:
        """Cameras, routines, wires, channels, processes; with where they are, if that is in several."""
        told = [seen.looks for seen in self.seen.values() if seen.looks is not None]
        if not told:
            return _EMPTY
        names = {feed: self._name(feed) for feed in self.seen} if len(self.seen) > 1 else {}
        return tuple(together(map(make, told), names) for make in SHEETS)

    @property
    def faults(self) -> list[str]:
        """Feeds that do not answer, and what the others could not tell."""
        return [*self._faults()]

    @property
    def summary(self) -> list[str]:
        """A line a feed that answers."""
        return [
            _summary(seen.looks) for seen in self.seen.values() if seen.looks is not None and not seen.fault
        ]

    @property
    def facts(self) -> dict[str, Any]:
        """For programs: by feed, its rows by their kind, and what is wrong with it."""
        return {printable(name): _facts(seen) for name, seen in self.seen.items()}

    def lines(self) -> list[str]:
        """For a log: what is wrong, and a line for each row."""
        return [*self.faults, *(_line(sheet, row) for sheet in self.sheets for row in sheet.rows)]

    def _name(self, feed: str) -> str:
        """What it calls itself; with what we call it where that is not known, or not enough."""
        named = [seen.looks.now.name if seen.looks else None for seen in self.seen.values()]
        looks = self.seen[feed].looks
        if looks is None or looks.now.name == feed:
            return printable(feed)
        alone = named.count(looks.now.name) == 1
        return printable(looks.now.name if alone else f"{looks.now.name} ({feed})")

    def _faults(self) -> Iterator[str]:
        for feed, seen in self.seen.items():
            name = self._name(feed)
            if seen.fault:
                age = f", what is told is {seen.age_s:.0f} s old" if seen.looks else ""
                yield printable(f"{name}: {seen.fault}{age}")
            elif seen.looks is not None and seen.looks.now.trouble:
                yield printable(f"{name}: {seen.looks.now.trouble}")


def _summary(looks: Looks) -> str:
    cameras, *_, processes = (make(looks) for make in SHEETS)
    live = sum(row.values[1] == "live" for row in cameras.rows)
    told = [f"{live} of {len(cameras.rows)} streams live"] if cameras.rows else []
    if looks.now.pipes:
        told += [f"pipe {name} {stats.state.value}" for name, stats in looks.now.pipes.items()][:3]
    if looks.now.hub is not None:
        told.append(f"hub up {looks.now.hub.uptime_s:,.0f} s, {len(looks.now.hub.clients)} clients")
    told += [_sum(processes, "CPU {:,.0f} %", 3), _sum(processes, "{:,.0f} MB", 4)]
    return printable(f"{looks.now.name}: {', '.join(filter(None, told))}")


def _sum(sheet: Sheet, form: str, column: int) -> str:
    """Empty where nothing is known."""
    known = [value for row in sheet.rows if isinstance(value := row.values[column], int | float)]
    return form.format(sum(known)) if known else ""


def _facts(seen: Seen) -> dict[str, Any]:
    sheets = [make(seen.looks) for make in SHEETS] if seen.looks else _EMPTY
    told = {sheet.title.lower(): sheet.records() for sheet in sheets}
    return {
        "name": printable(seen.looks.now.name) if seen.looks else None,
        "fault": printable(seen.fault),
        **told,
    }


def _line(sheet: Sheet, row: Row) -> str:
    first, *others = zip(sheet.columns, sheet.texts(row), strict=True)
    told = ", ".join(f"{column.title} {text}" for column, text in others if text)
    return f"{first[0].title} {first[1]}: {told}"
