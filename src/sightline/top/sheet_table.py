"""A sheet as a table of Textual: it keeps its cursor and its order while its rows come and go."""

from __future__ import annotations

from typing import Any, Final

from rich.text import Text
from textual.coordinate import Coordinate
from textual.widgets import DataTable

from sightline.top.sheet import Column, Order, Row, Sheet

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
        before, at = self._sheet, self.row
        self._sheet = sheet = sheet.arranged(self._order)
        anew = self._show_headings(sheet.columns)
        if anew or before is None or _keys(before) != _keys(sheet):
            self._fill(sheet, at)
        else:
            self._change(sheet)

    def sort_by(self, column: int) -> None:
        """By this one, the most first; by the same again: the least first."""
        falling = not (self._order.column == column and self._order.falling)
        self._order = Order(column, falling, self._order.words)

    def sort_by_next(self) -> None:
        """By the next column, and behind the last one by none."""
        columns = len(self._sheet.columns) if self._sheet else 0
        at = 0 if self._order.column is None else self._order.column + 1
        self._order = Order(at if at < columns else None, True, self._order.words)

    def reverse(self) -> None:
        """The other way round."""
        self._order = Order(self._order.column, not self._order.falling, self._order.words)

    def filter(self, words: str) -> None:
        """Only rows that have all of these."""
        self._order = Order(self._order.column, self._order.falling, words)

    def _show_headings(self, columns: tuple[Column, ...]) -> bool:
        """Whether these are others than before: then there are no rows as yet."""
        headings = [self._heading(number, column) for number, column in enumerate(columns)]
        if headings == self._headings:
            return False
        self._headings = headings
        self.clear(columns=True)
        for heading in headings:
            self.add_column(heading)
        return True

    def _heading(self, number: int, column: Column) -> Text:
        arrow = "" if number != self._order.column else " ▼" if self._order.falling else " ▲"
        return Text(f"{column.title}{arrow}", justify=_side(column))

    def _fill(self, sheet: Sheet, at: Row | None) -> None:
        self.clear()
        for row in sheet.rows:
            self.add_row(*_cells(sheet, row))
        keys = _keys(sheet)
        if at is not None and at.key in keys:
            self.move_cursor(row=keys.index(at.key))

    def _change(self, sheet: Sheet) -> None:
        for number, row in enumerate(sheet.rows):
            for column, cell in enumerate(_cells(sheet, row)):
                where = Coordinate(number, column)
                if self.get_cell_at(where) != cell:
                    self.update_cell_at(where, cell, update_width=True)


def _keys(sheet: Sheet) -> list[tuple[str, ...]]:
    return [row.key for row in sheet.rows]


def _cells(sheet: Sheet, row: Row) -> list[Text]:
    texts = zip(sheet.texts(row), row.values, sheet.columns, strict=True)
    return [Text(text, _style(column, value), justify=_side(column)) for text, value, column in texts]


def _side(column: Column) -> Any:
    return "left" if column.digits is None else "right"


def _style(column: Column, value: object) -> str:
    if column.name == "lost_per_s":
        return "red" if value else ""
    return _COLOURS.get(str(value).partition(",")[0], "red") if column.name == "state" else ""
