"""Figures by name as a table that fits its terminal.

A name is what people look for, so it is whole, folded where it is very long. Of the figures come as many as
have room, the first ones first; what has none is told in the last column, each by its name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from sightline.cli.terminal import visible

_NAME: Final = 32
_LAST: Final = 20
_FRAME: Final = 3  # of a column: a line, and a space on either side


class Row(NamedTuple):
    """`state` may have a colour; `last` is what else is to be said; `reason`, in red, what is wrong, or in
    `reason_style` what is not.
    """

    name: str
    figures: Sequence[str]
    last: str
    state: Text | None = None
    reason: str = ""
    reason_style: str = "red"


class Figures:
    """What `rich` prints. `rows` are all with a state or all without.

    Args:
        of: what it is that has a name: `camera`.
        heads: of the figures, the most important first.
        last: head of the last column.
        rows: one for each name.
        title: above the table.
    """

    def __init__(
        self, of: str, heads: Sequence[str], last: str, rows: Sequence[Row], title: str | None = None
    ) -> None:
        self._of, self._heads, self._last, self._title = of, heads, last, title
        self._rows = [row._replace(name=visible(row.name), reason=visible(row.reason)) for row in rows]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        name = min(_NAME, _widest([self._of, *(row.name for row in self._rows)]))
        states = [row.state.plain for row in self._rows if row.state]
        taken = name + (_FRAME + _widest(["state", *states]) if states else 0) + _LAST + 2 * _FRAME + 1
        shown = self._fitting(options.max_width - taken)
        lasts = [self._rest(row, shown) for row in self._rows]
        table = Table(expand=any(lasts), header_style="bold", title=self._title, title_justify="left")
        table.add_column(self._of, width=name, overflow="fold")
        if states:
            table.add_column("state", no_wrap=True)
        for head in self._heads[:shown]:
            table.add_column(head, justify="right", no_wrap=True)
        if any(lasts):
            table.add_column(self._last if shown == len(self._heads) else "else", overflow="fold", ratio=1)
        for row, last in zip(self._rows, lasts, strict=True):
            state = [row.state] if row.state else []
            table.add_row(Text(row.name), *state, *row.figures[:shown], *([last] if any(lasts) else []))
        yield table

    def _fitting(self, room: int) -> int:
        """How many of the figures."""
        for number, head in enumerate(self._heads):
            room -= _FRAME + _widest([head, *(row.figures[number] for row in self._rows)])
            if room < 0:
                return number
        return len(self._heads)

    def _rest(self, row: Row, shown: int) -> Text:
        figures = zip(self._heads[shown:], row.figures[shown:], strict=True)
        without_room = ", ".join(f"{head} {figure}" for head, figure in figures if figure)
        last = f"{self._last}: {row.last}" if without_room and row.last else row.last
        said = Text("; ".join(filter(None, (without_room, last))))
        return Text("\n").join(line for line in (said, Text(row.reason, style=row.reason_style)) if line)


def _widest(texts: Sequence[str]) -> int:
    return max(map(cell_len, texts))
