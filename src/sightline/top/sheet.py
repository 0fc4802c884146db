"""Rows under named columns: sorted, filtered, and as texts that a terminal may show. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeAlias

from sightline.log import redact
from sightline.top.feed import Target

Value: TypeAlias = str | float | None
_MANY: Final = 100_000
_TOO_MANY: Final = 1e12
_MOST_TEXT: Final = 2000


class Column(NamedTuple):
    """What a column is called by programs and by people; `digits` of its numbers, None for texts and ids."""

    name: str
    title: str
    digits: int | None = None


class Row(NamedTuple):
    """One row.

    Attributes:
        key: what it is of; unique in its sheet.
        values: one of each column; None: unknown, or it has none.
        note: all of what there is to say of it, in words.
        feed: where it is from.
        target: whom an event is for that is sent from here; None: nobody.
    """

    key: tuple[str, ...]
    values: tuple[Value, ...]
    note: str = ""
    feed: str = ""
    target: Target | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """By which column a sheet is sorted (by its name; none: as it is told), and which words its rows have."""

    column: str = ""
    falling: bool = True
    words: str = ""


class Sheet(NamedTuple):
    """Rows of one kind."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]

    def records(self) -> list[dict[str, Value]]:
        """For programs."""
        names = [column.name for column in self.columns]
        return [dict(zip(names, row.values, strict=True)) for row in self.rows]

    def texts(self, row: Row) -> list[str]:
        """What stands in each of its cells."""
        return [shown(value, column) for value, column in zip(row.values, self.columns, strict=True)]

    def arranged(self, order: Order) -> Sheet:
        """The rows that have all words, whatever the case; in order, those without a value at the end."""
        words = order.words.casefold().split()
        rows = [row for row in self.rows if all(word in self._searched(row) for word in words)]
        names = [column.name for column in self.columns]
        if order.column in names:
            at = names.index(order.column)
            known = [row for row in rows if row.values[at] is not None]
            known.sort(key=lambda row: _sortable(row.values[at]), reverse=order.falling)
            rows = known + [row for row in rows if row.values[at] is None]
        return self._replace(rows=tuple(rows))

    def _searched(self, row: Row) -> str:
        """What stands in its cells: its note has words that all notes have."""
        return " ".join(self.texts(row)).casefold()


def printable(text: object) -> str:
    """A text from outside without secrets, and without what a terminal would obey."""
    told = redact(str(text)[: 2 * _MOST_TEXT])[:_MOST_TEXT]  # half a secret is none that is known
    return (
        told
        if told.isprintable()
        else "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in told)
    )


def shown(value: Value, column: Column) -> str:
    """`1,234.5`, `123k` for what is too wide, `>1e12` for what counts nothing, `-` for what is unknown."""
    if value is None:
        return "-" if column.digits is not None else ""
    if column.digits is None or isinstance(value, str):
        return str(value)
    if not value < _TOO_MANY:
        return ">1e12"
    if value >= _MANY:
        return f"{value / 1e6:,.1f}M" if value >= 10 * _MANY else f"{value / 1e3:,.0f}k"
    return f"{value:,.{column.digits}f}"


def reasons(dropped: Mapping[str, int]) -> str:
    """`overflow 12, gap 3`, the most first; empty where nothing was."""
    ordered = sorted(dropped.items(), key=lambda item: -item[1])
    return ", ".join(f"{printable(reason)} {count}" for reason, count in ordered if count)


def together(sheets: Iterable[Sheet], names: Mapping[str, str]) -> Sheet:
    """One of all these of one kind, each row with the name of its feed, where these have names."""
    one, *_ = all_of = list(sheets)
    rows = tuple(row for sheet in all_of for row in sheet.rows)
    if not names:
        return one._replace(rows=rows)
    columns = (Column("feed", "where"), *one.columns)
    return Sheet(
        one.title, columns, tuple(row._replace(values=(names[row.feed], *row.values)) for row in rows)
    )


def _sortable(value: Any) -> Any:
    return value.casefold() if isinstance(value, str) else value
