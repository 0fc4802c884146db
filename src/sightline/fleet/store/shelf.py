"""What can be done with the rows of one of the three tables, whichever it is.

Promises: a name stands once; `generation` rises with a change that is one and with no other, also from a row
that was deleted to the next of its name; who names the generation that he expects changes nothing where it is
another; what is refused changes nothing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Final, Generic, TypeVar

from pydantic import BaseModel
from sqlalchemy import Select, delete, func, or_, select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import InstrumentedAttribute, Session, object_session

from sightline.fleet.store.refusals import Conflict, Missing, Mistake, Refused
from sightline.fleet.store.row import Page
from sightline.fleet.store.sessions import Sessions
from sightline.fleet.store.tables import Agent, Camera, DsInstance, Retired
from sightline.fleet.store.vault import Vault

RowT = TypeVar("RowT", Camera, Agent, DsInstance)
OutT = TypeVar("OutT", bound=BaseModel)
MOST: Final = 1000
ALONE: Final = {"synchronize_session": False}
"""Of a statement that no row of this session is concerned by: else all of them are looked at, each time."""


class Shelf(ABC, Generic[RowT, OutT]):
    """The rows of one table. Any thread may use it.

    A row is named by its number or its name. All methods raise StoreError where the database fails; those
    that name a row raise Missing, those that change one Conflict and Refused as well.
    """

    what: ClassVar[str]
    sorts: ClassVar[tuple[str, ...]]
    table: type[RowT]

    def __init__(self, sessions: Sessions, vault: Vault, added: Callable[[str], None]) -> None:
        self._sessions = sessions
        self._vault = vault
        self._added = added  # told of each new row, by the name by which it is observed

    def get(self, key: int | str) -> OutT:
        with self._sessions.reading() as session:
            return self._out(session, [self.find(session, key)])[0]

    def add(self, values: BaseModel | Mapping[str, Any]) -> OutT:
        """A new row."""
        with self._sessions.writing() as session:
            return self._out(session, [self.add_in(session, _given(values))])[0]

    def replace(
        self, key: int | str, values: BaseModel | Mapping[str, Any], expected: int | None = None
    ) -> OutT:
        """Make the row what `values` say: what they leave out becomes as in a new one, but for a password."""
        with self._sessions.writing() as session:
            row = self._expected(self.find(session, key), expected)
            self._set(session, row, self._whole(row, _given(values)))
            return self._out(session, [row])[0]

    def change(
        self, key: int | str, values: BaseModel | Mapping[str, Any], expected: int | None = None
    ) -> OutT:
        """Make what `values` name as they say; what they leave out stays."""
        with self._sessions.writing() as session:
            row = self._expected(self.find(session, key), expected)
            self._set(session, row, self._merged(row, _given(values)))
            return self._out(session, [row])[0]

    def remove(self, key: int | str, expected: int | None = None) -> OutT:
        """Delete it; as it was."""
        with self._sessions.writing() as session:
            row = self._expected(self.find(session, key), expected)
            gone = self._out(session, [row])[0]
            self.remove_in(session, [row])
            return gone

    def find(self, session: Session, key: int | str) -> RowT:
        """The row itself."""
        by_id = key if isinstance(key, int) else None
        row = None
        if by_id is None:
            row = session.scalars(select(self.table).where(self._is_named(str(key)))).first()
            by_id = int(key) if row is None and str(key).isdecimal() and len(str(key)) < 19 else None
        if by_id is not None and 0 < by_id < 2**63:
            row = session.get(self.table, by_id)
        if row is None:
            raise Missing(self.what, key)
        return row

    def add_in(self, session: Session, values: Mapping[str, Any]) -> RowT:
        """A new row, within a transaction."""
        row = self.table()
        self._fill(session, row, values)
        row.generation = self._retired(session, row) + 1
        session.add(row)
        try:
            session.flush()
        except IntegrityError:
            raise Conflict(f"there is a{'n' * (self.what[0] in 'aei')} {self.what} "
                           f"{self._name_of(row)!r} already") from None  # fmt: skip
        self._added(self._observed_as(row))
        return row

    def put_back(self, session: Session, row: RowT) -> None:
        """One that was deleted, as it was, of a generation that it never had, within a transaction. Raises
        IntegrityError: its name is taken.
        """
        row.generation = self._retired(session, row) + 1
        session.add(row)
        session.flush()
        self._added(self._observed_as(row))

    def merge_in(self, session: Session, row: RowT, values: Mapping[str, Any]) -> bool:
        """Make what `values` name as they say, within a transaction; whether it was another."""
        return self._set(session, row, self._merged(row, values))

    def shown_in(self, session: Session, row: RowT) -> OutT:
        """A row as it may be shown, within a transaction."""
        return self._out(session, [row])[0]

    def clear(self, row: RowT) -> dict[str, Any]:  # noqa: ARG002 - of those that have any
        """What is hidden of a row, and all that was said of it beside; empty: nothing is hidden."""
        return {}

    def remove_in(self, session: Session, rows: Sequence[RowT]) -> None:
        """Delete rows, within a transaction."""
        self._retire(session, rows)
        for row in rows:
            self._free(session, row)
            number = row.id
            session.expunge(row)
            session.execute(delete(self.table).where(self.table.id == number), execution_options=ALONE)

    def _retire(self, session: Session, rows: Sequence[RowT]) -> None:
        kind = self.table.__tablename__
        gone = [{"kind": kind, "name": self._name_of(row), "generation": row.generation} for row in rows]
        if gone:
            keep = insert(Retired)
            newest = func.max(Retired.generation, keep.excluded.generation)
            keep = keep.on_conflict_do_update(index_elements=["kind", "name"], set_={"generation": newest})
            session.connection().execute(keep, gone)

    def _retired(self, session: Session, row: RowT) -> int:
        """The last generation of its name; 0: there was none."""
        known = Retired.kind == self.table.__tablename__, Retired.name == self._name_of(row)
        return session.scalar(select(Retired.generation).where(*known)) or 0

    def _page(self, session: Session, query: Select[RowT], offset: int, limit: int, sort: str) -> Page[OutT]:
        total = session.scalar(select(func.count()).select_from(query.order_by(None).subquery())) or 0
        rows: Sequence[Any] = session.scalars(
            query.order_by(*self._order(sort)).offset(offset).limit(min(limit, MOST))
        ).all()
        return Page(items=self._out(session, rows), total=total)

    def _order(self, sort: str) -> list[Any]:
        """By a column that may be asked for; of those that are equal in it the older row comes first."""
        name = sort.removeprefix("-")
        if name not in self.sorts:
            raise Refused(
                [Mistake("sort", f"expected one of {', '.join(self.sorts)}, with - before it or not")]
            )
        column = getattr(self.table, name)
        return [column.desc() if sort.startswith("-") else column, self.table.id]

    def _set(self, session: Session, row: RowT, values: Mapping[str, Any]) -> bool:
        if not self._fill(session, row, values):
            return False
        row.generation += 1
        try:
            session.flush()
        except IntegrityError:
            raise Conflict(f"the name is taken by another {self.what}") from None
        return True

    def _expected(self, row: RowT, expected: int | None) -> RowT:
        if expected is not None and row.generation != expected:
            raise Conflict(
                f"the {self.what} {self._name_of(row)!r} is of generation {row.generation}, "
                f"and the change was meant for {expected}: read it again",
                generation=row.generation,
            )
        return row

    @abstractmethod
    def _is_named(self, name: str) -> Any:
        """What holds for the row of this name."""

    @abstractmethod
    def _name_of(self, row: RowT) -> str: ...

    def _observed_as(self, row: RowT) -> str:
        return self._name_of(row)

    @abstractmethod
    def _whole(self, row: RowT, /, values: Mapping[str, Any]) -> dict[str, Any]:
        """What the row is to be, where nothing else of it stays."""

    @abstractmethod
    def _merged(self, row: RowT, /, values: Mapping[str, Any]) -> dict[str, Any]:
        """What the row is to be, where all that is not named stays."""

    @abstractmethod
    def _fill(self, session: Session, row: RowT, /, values: Mapping[str, Any]) -> bool:
        """Judge the values, and write them into the row; whether they are others than before."""

    @abstractmethod
    def _free(self, session: Session, row: RowT) -> None:
        """Let go what hangs on a row that is to be deleted."""

    @abstractmethod
    def _out(self, session: Session, rows: Sequence[RowT]) -> list[OutT]: ...


def _given(values: BaseModel | Mapping[str, Any]) -> dict[str, Any]:
    return values.model_dump(exclude_unset=True) if isinstance(values, BaseModel) else dict(values)


def is_new(row: Camera | Agent | DsInstance) -> bool:
    """Whether it was never in the database."""
    return object_session(row) is None


def has_text(text: str, *columns: InstrumentedAttribute[Any]) -> Any:
    """Rows in one of whose columns this text stands, in whichever case."""
    return or_(*(func.instr(func.lower(func.coalesce(column, "")), text.lower()) > 0 for column in columns))


def has_label(column: InstrumentedAttribute[Any], label: str) -> Any:
    """Rows with a label: `room=a`, or `room` whatever it is."""
    key, equals, value = label.partition("=")
    each = func.json_each(func.coalesce(column, "{}")).table_valued("key", "value")
    wanted = [each.c.key == key, *([each.c.value == value] if equals else [])]
    return select(1).select_from(each).where(*wanted).exists()
