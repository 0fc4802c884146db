"""A sheet as a table of Textual: it keeps its cursor and its order while its rows come and go.

It shows the first `MOST_ROWS` of them in that order: who tells of more cannot hold up the screen. What was
learnt of Textual: a cell that is updated with `update_width` has its whole column measured once it is
narrower than that; so columns here only grow.
"""

from __future__ import annotations

from typing import Any, Final

from rich.cells import cell_len
from rich.text import Text
from textual.coordinate import Coordinate
from textual.widgets import DataTable

from sightline.top.sheet import Column, Order, Row, Sheet

MOST_ROWS: Final = 1000
_MOST_NAME: Final = 32
_COLOURS: Final = {
    **dict.fromkeys(("live", "running"), "green"),
    **dict.fromkeys(("done", "ended", "stopped", "idle"), "dim"),
    **dict.fromkeys(("connecting", "starting", "stalled", "stopping", "waiting"), "yellow"),
    **dict.fromkeys(("setting up", "cleaning up"), "yellow"),
}


class SheetTable(DataTable[Text]):
    """A table of one sheet, as it was arranged last."""

    def __init__(self) -> None:
        super().__init__(cursor_type="row")
        self._order = Order()
        self._sheet: Sheet | None = None
        self._headings: list[Text] = []

    @property
    def row(self) -> Row | None:
        """That of the cursor."""
        rows = self._sheet.rows if self._sheet else ()
        return rows[self.cursor_row] if self.cursor_row < len(rows) else None

    def show(self, sheet: Sheet) -> None:
        """Have these rows, in the order that was asked for; the cursor stays at the row where it is."""
        at = self.row
        arranged = sheet.arranged(self._order)
        self._sheet = sheet = arranged._replace(rows=arranged.rows[:MOST_ROWS])
        self._show_headings(sheet.columns)
        self._make_room(len(sheet.rows))
        for number, row in enumerate(sheet.rows):
            if number < self.row_count:
                self._change(number, _cells(sheet, row))
            else:
                self.add_row(*_cells(sheet, row))
        self._follow(at)

    def sort_by(self, number: int) -> None:
        """By this column, the most first; by the same again: the least first."""
        column = self._names[number]
        falling = not (self._order.column == column and self._order.falling)
        self._order = Order(column, falling, self._order.words)

    def sort_by_next(self) -> None:
        """By the next column, and behind the last one by none."""
        names = [*self._names, ""]
        at = names.index(self._order.column) if self._order.column in names else -1
        self._order = Order(names[(at + 1) % len(names)], True, self._order.words)

    def reverse(self) -> None:
        """The other way round."""
        self._order = Order(self._order.column, not self._order.falling, self._order.words)

    def filter(self, words: str) -> None:
        """Only rows that have all of these."""
        self._order = Order(self._order.column, self._order.falling, words)

    @property
    def _names(self) -> list[str]:
        return [column.name for column in self._sheet.columns] if self._sheet else []

    def _show_headings(self, columns: tuple[Column, ...]) -> None:
        """Where these are others than before there are no rows as yet."""
        headings = [self._heading(column) for column in columns]
        if headings != self._headings:
            self._headings = headings
            self.clear(columns=True)
            self.add_columns(*headings)

    def _heading(self, column: Column) -> Text:
        arrow = "" if column.name != self._order.column else " ▼" if self._order.falling else " ▲"
        return Text(f"{column.title}{arrow}", justify=_side(column))

    def _make_room(self, rows: int) -> None:
        """No more than these; one that is removed costs as much as there are."""
        if 2 * rows < self.row_count:
            self.clear()
        while self.row_count > rows:
            self.remove_row(self.ordered_rows[-1].key)

    def _change(self, number: int, cells: list[Text]) -> None:
        for column, (cell, heading) in enumerate(zip(cells, self.ordered_columns, strict=True)):
            where = Coordinate(number, column)
            before = self.get_cell_at(where)
            if (before.plain, before.style) != (cell.plain, cell.style):
                grows = cell_len(cell.plain) > heading.content_width
                self.update_cell_at(where, cell, update_width=grows)

    def _follow(self, before: Row | None) -> None:
        keys = [row.key for row in self._sheet.rows] if self._sheet else []
        if before is not None and before.key in keys and keys.index(before.key) != self.cursor_row:
            self.move_cursor(row=keys.index(before.key))


def _cells(sheet: Sheet, row: Row) -> list[Text]:
    texts = zip(sheet.texts(row), row.values, sheet.columns, strict=True)
    return [
        Text(_short(text, column), _style(column, value), justify=_side(column))
        for text, value, column in texts
    ]


def _short(text: str, column: Column) -> str:
    """A name leaves room for what there is to say of it; the note has all of it."""
    return text if column.name == "why" or len(text) <= _MOST_NAME else f"{text[: _MOST_NAME - 1]}…"


def _side(column: Column) -> Any:
    return "left" if column.digits is None else "right"


def _style(column: Column, value: object) -> str:
    if column.name == "lost_per_s":
        return "red" if value else ""
    return _COLOURS.get(str(value).partition(",")[0], "red") if column.name == "state" else ""
