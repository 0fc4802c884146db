"""All that is known of all feeds at one moment: as sheets, as a few words, and for programs. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from sightline.errors import WireError
from sightline.top import pipes, places
from sightline.top.looks import Looks
from sightline.top.sheet import Row, Sheet, printable, together

NOTHING: Final = "nothing of yours runs here: begin `sightline up SITE`, or name an address"
NO_ANSWER: Final = "no answer as yet"
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


@dataclass(frozen=True, slots=True, eq=False)
class Account:
    """What one feed told last, made into rows; equal to itself alone."""

    looks: Looks
    sheets: tuple[Sheet, ...]
    summary: str

    @classmethod
    def of(cls, looks: Looks) -> Self:
        """Raises WireError: it tells of what cannot be."""
        try:
            sheets = tuple(make(looks) for make in SHEETS)
            return cls(looks, sheets, _summary(looks, sheets))
        except (ValueError, ArithmeticError) as error:
            raise WireError(f"what it tells cannot be shown: {error}") from None


@dataclass(frozen=True, slots=True)
class Seen:
    """One feed.

    Attributes:
        account: of it, if it ever answered.
        age_s: of that, where there is a fault.
        fault: why it does not answer now; empty: it does.
    """

    account: Account | None = None
    age_s: int = 0
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Picture:
    """All feeds by name."""

    seen: Mapping[str, Seen]

    @property
    def sheets(self) -> tuple[Sheet, ...]:
        """Cameras, routines, wires, channels, processes; with where they are, if several told of any."""
        told = {feed: seen.account for feed, seen in self.seen.items() if seen.account is not None}
        if not told:
            return _EMPTY
        names = {feed: self._name(feed) for feed in told} if len(told) > 1 else {}
        kinds = zip(*(account.sheets for account in told.values()), strict=True)
        return tuple(together(sheets, names) for sheets in kinds)

    @property
    def faults(self) -> list[str]:
        """Feeds that do not answer, and what the others could not tell."""
        return [*self._faults()]

    @property
    def summary(self) -> list[str]:
        """A line a feed that answers."""
        return [seen.account.summary for seen in self.seen.values() if seen.account and not seen.fault]

    @property
    def nothing(self) -> str:
        """What there is to say where there is nothing else."""
        return NO_ANSWER if self.seen else NOTHING

    @property
    def facts(self) -> dict[str, Any]:
        """For programs: by feed, its rows by their kind, and what is wrong with it."""
        return {printable(name): _facts(seen) for name, seen in self.seen.items()}

    def lines(self) -> list[str]:
        """For a log: what is wrong, and a line for each row."""
        rows = [_line(sheet, row) for sheet in self.sheets for row in sheet.rows]
        return [*self.faults, *rows] or [self.nothing]

    def _name(self, feed: str) -> str:
        """What it calls itself; with what we call it where that is not known, or not enough."""
        named = [seen.account.looks.now.name if seen.account else None for seen in self.seen.values()]
        account = self.seen[feed].account
        if account is None or account.looks.now.name == feed:
            return printable(feed)
        name = account.looks.now.name
        return printable(name if named.count(name) == 1 else f"{name} ({feed})")

    def _faults(self) -> Iterator[str]:
        for feed, seen in self.seen.items():
            name = self._name(feed)
            if seen.fault:
                age = f", what is told is {seen.age_s} s old" if seen.account else ""
                yield printable(f"{name}: {seen.fault}{age}")
            elif seen.account is not None and seen.account.looks.now.trouble:
                yield printable(f"{name}: {seen.account.looks.now.trouble}")


def _summary(looks: Looks, sheets: tuple[Sheet, ...]) -> str:
    cameras, *_, processes = sheets
    live = sum(row.values[1] == "live" for row in cameras.rows)
    told = [f"{live} of {len(cameras.rows)} streams live"] if cameras.rows else []
    states = Counter(stats.state.value for stats in looks.now.pipes.values())
    told += [f"{count} {'pipe' if count == 1 else 'pipes'} {state}" for state, count in states.items()]
    if looks.now.hub is not None:
        clients = len(looks.now.hub.clients)
        told += [
            f"hub up {looks.now.hub.uptime_s:,.0f} s",
            f"{clients} {'client' if clients == 1 else 'clients'}",
        ]
    told += [_sum(processes, "CPU {:,.0f} %", 3), _sum(processes, "{:,.0f} MB", 4)]
    return printable(f"{looks.now.name}: {', '.join(filter(None, told))}")


def _sum(sheet: Sheet, form: str, column: int) -> str:
    """Empty where nothing is known."""
    known = [value for row in sheet.rows if isinstance(value := row.values[column], int | float)]
    return form.format(sum(known)) if known else ""


def _facts(seen: Seen) -> dict[str, Any]:
    sheets = seen.account.sheets if seen.account else _EMPTY
    told = {sheet.title.lower(): sheet.records() for sheet in sheets}
    return {
        "name": printable(seen.account.looks.now.name) if seen.account else None,
        "fault": printable(seen.fault),
        **told,
    }


def _line(sheet: Sheet, row: Row) -> str:
    first, *others = zip(sheet.columns, sheet.texts(row), strict=True)
    told = ", ".join(f"{column.title} {text}" for column, text in others if text)
    return f"{first[0].title} {first[1]}: {told}"
