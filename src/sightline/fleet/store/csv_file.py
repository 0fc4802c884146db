"""Cameras, instances and agents as CSV, with a header of the document's names.

Promises: what is exported goes in again and changes nothing; no password comes out, `has_password` stands in
its place, and one may go in by a column `password` (empty: it stays as it is, if the camera does not go to
another host or user). A wrong file is told with
every wrong line and its column, and changes nothing. Cells that a spreadsheet would take for a formula begin
with an apostrophe, which is taken off again.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple, get_args

from pydantic import BaseModel
from sqlalchemy.orm import Session

from sightline.errors import ConfigError
from sightline.fleet.store.database import Database
from sightline.fleet.store.importing import Imported, import_rows
from sightline.fleet.store.instance_rows import APP_FIELDS
from sightline.fleet.store.refusals import Mistake, Refused
from sightline.fleet.store.row import Page
from sightline.kinds import nearest
from sightline.site.mistakes import printable

Kind = Literal["cameras", "instances", "agents"]

MOST_BYTES: Final = 32 << 20
_FORMULA: Final = tuple("=+-@\t\r")
_PAGE: Final = 500
_TRUE: Final = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


class _Table(NamedTuple):
    """How the rows of a table stand in a file.

    `name` is their key; `columns` those that go in and out, `told` those that only come out, `asked` those
    that only go in.
    """

    name: str
    columns: tuple[str, ...]
    told: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()


_TABLES: Final[Mapping[str, _Table]] = {
    "cameras": _Table(
        "camera_id",
        (
            *("camera_id", "ip_address", "username", "encodeType", "type", "width", "height", "address"),
            *("settings", "labels", "pool", "enabled", "instance_name", "agent_name"),
        ),
        told=("id", "agent_id", "dsInstance_id", "has_password", "status"),
        asked=("password",),
    ),
    "instances": _Table(
        "instance_name",
        (
            *("instance_name", "kind", *APP_FIELDS, "config", "run", "pool", "capacity", "gpus", "labels"),
            *("exclusive", "debug", "enabled", "agent_name"),
        ),
        told=("id", "agent_id", "status"),
    ),
    "agents": _Table(
        "agent_name",
        ("agent_name", "ip_address", "hostname", "node_id", "description", "labels", "capacity", "drained"),
        told=("id", "connected", "state"),
    ),
}
_JSON: Final = frozenset({"settings", "labels", "config", "run"})
_BOOL: Final = frozenset({"enabled", "exclusive", "debug", "drained"})
_NUMBER: Final = frozenset({"width", "height", "capacity", "gpus", *APP_FIELDS[4:9]})
_REAL: Final = frozenset(APP_FIELDS[9:])
_NULL: Final = frozenset({"username", "instance_name", "agent_name", *_NUMBER, *_REAL, *APP_FIELDS}) - {
    "gpus"
}
"""An empty cell of these is null; of others, as in a new row."""


def export_csv(database: Database, kind: Kind) -> str:
    """All rows of a table."""
    table = _table(kind)
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\r\n")
    header = (*table.columns, *table.told)
    writer.writerow(header)
    for row in _all(_pages(database, kind)):
        values = _out(kind, row)
        writer.writerow([_guarded(_cell(values[name])) for name in header])
    return written.getvalue()


def import_csv(
    database: Database,
    kind: Kind,
    text: str | bytes,
    *,
    origin: str | None = None,
    prune: bool = False,
    edit: bool = True,
    dry_run: bool = False,
    look: Callable[[Session], None] | None = None,
) -> Imported:
    """Bring the rows of a file in; `origin` is `csv:KIND` if left out. See `import_rows`.

    Rows that are there are changed whoever made them, and stay his, unless `edit` is False.

    Raises:
        Refused: something in it is wrong; all that is, each with its line and column.
    """
    rows = _read(_table(kind), _decoded(text))
    brought = [values for _, values in rows]
    origin = f"csv:{kind}" if origin is None else origin
    how = {"prune": prune, "edit": edit, "dry_run": dry_run, "look": look}
    try:
        return import_rows(database, origin, **{kind: brought}, **how)  # type: ignore[arg-type]
    except Refused as refused:
        lines = {str(values[_table(kind).name]): line for line, values in rows}
        raise Refused(_with_line(one, lines) for one in refused.mistakes) from None


def _table(kind: str) -> _Table:
    if kind not in _TABLES:
        raise ConfigError(f"expected {', '.join(get_args(Kind))}, got {kind[:30]!r}{nearest(kind, _TABLES)}")
    return _TABLES[kind]


def _pages(database: Database, kind: Kind) -> Callable[[int], Page[Any]]:
    shelves: dict[str, Any] = {
        "cameras": database.cameras,
        "instances": database.instances,
        "agents": database.agents,
    }
    return lambda offset: shelves[kind].page(offset=offset, limit=_PAGE)


def _all(page: Callable[[int], Page[Any]]) -> Iterator[BaseModel]:
    offset = 0
    while items := page(offset).items:
        yield from items
        offset += len(items)


def _out(kind: Kind, row: BaseModel) -> dict[str, Any]:
    values = row.model_dump(mode="json")
    if kind == "agents":  # what its agent says is not a user's to bring back
        values["labels"], values["capacity"] = values["set_labels"], values["set_capacity"]
    return values


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)


def _guarded(cell: str) -> str:
    return f"'{cell}" if cell.startswith((*_FORMULA, "'")) else cell


def _unguarded(cell: str) -> str:
    return cell[1:] if cell[:1] == "'" and cell[1:].startswith((*_FORMULA, "'")) else cell


def _decoded(text: str | bytes) -> str:
    if len(text) > MOST_BYTES:
        raise Refused([Mistake("", f"expected a file of at most {MOST_BYTES >> 20} MiB")])
    try:
        text = text.decode("utf-8") if isinstance(text, bytes) else text
    except UnicodeDecodeError as error:
        raise Refused([Mistake("", f"expected text in UTF-8, got another byte at {error.start}")]) from None
    return text.removeprefix("\ufeff")


def _read(table: _Table, text: str) -> list[tuple[int, dict[str, Any]]]:
    """Each row with its line. Raises Refused for all that is wrong."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    reading = _Reading(table)
    try:
        header = _header(table, next(reader, []))
        end = reader.line_num
        for cells in reader:
            line, end = end + 1, reader.line_num
            if cells:
                reading.row(header, cells, line)
    except csv.Error as error:
        reading.mistakes.append(Mistake(f"line {reader.line_num}", f"expected CSV: {error}"))
    if reading.mistakes:
        raise Refused(reading.mistakes)
    return reading.rows


class _Reading:
    """Rows so far, and what is wrong with them."""

    def __init__(self, table: _Table) -> None:
        self._table = table
        self._seen: dict[str, int] = {}
        self.rows: list[tuple[int, dict[str, Any]]] = []
        self.mistakes: list[Mistake] = []

    def row(self, header: Sequence[str], cells: Sequence[str], line: int) -> None:
        if len(cells) != len(header):
            told = f"expected {len(header)} cells, got {len(cells)}"
            self.mistakes.append(Mistake(f"line {line}", told))
            return
        values: dict[str, Any] = {}
        for name, cell in zip(header, cells, strict=True):
            try:
                if name not in self._table.told:
                    _take(values, name, _unguarded(cell))
            except ValueError as error:
                self.mistakes.append(Mistake(f"line {line}, {name}", str(error)))
        self._named(str(values.get(self._table.name) or ""), line)
        self.rows.append((line, values))

    def _named(self, name: str, line: int) -> None:
        where = f"line {line}, {self._table.name}"
        if not name:
            self.mistakes.append(Mistake(where, "missing"))
        elif self._seen.setdefault(name, line) != line:
            self.mistakes.append(Mistake(where, f"it stands in line {self._seen[name]} already"))


def _header(table: _Table, header: Sequence[str]) -> list[str]:
    known = {*table.columns, *table.told, *table.asked}
    names = [name.strip() for name in header]
    wrong = [
        Mistake(f"line 1, column {number}", f"unknown column {printable(name)!r}{nearest(name, known)}")
        for number, name in enumerate(names, 1)
        if name not in known
    ]
    wrong += [Mistake("line 1", f"the column {name} stands there twice")
              for name in dict.fromkeys(names) if names.count(name) > 1]  # fmt: skip
    if table.name not in names:
        wrong.append(Mistake("line 1", f"expected a header with the column {table.name}"))
    if wrong:
        raise Refused(wrong)
    return names


def _take(values: dict[str, Any], name: str, cell: str) -> None:
    if cell == "":
        if name in _NULL:
            values[name] = None
        return
    values[name] = _value(name, cell)


def _value(name: str, cell: str) -> Any:
    if name in _BOOL:
        if cell.lower() not in _TRUE:
            raise ValueError("expected true or false")
        return _TRUE[cell.lower()]
    if name in _NUMBER or name in _REAL:
        try:
            return int(cell) if name in _NUMBER else float(cell)
        except ValueError:
            raise ValueError(f"expected a {'whole ' * (name in _NUMBER)}number") from None
    return _mapping(cell) if name in _JSON else cell


def _mapping(cell: str) -> Any:
    try:
        value = json.loads(cell)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise ValueError('expected a JSON object such as {"key": "value"}')  # noqa: TRY004 - of a cell
    return value


def _with_line(mistake: Mistake, lines: Mapping[str, int]) -> Mistake:
    """`camera NAME, field` of an import as the line in which it stands, and its column."""
    named, _, field = mistake.where.rpartition(", ")
    line = lines.get(named.partition(" ")[2])
    return mistake if line is None else mistake._replace(where=f"line {line}, {field}")
