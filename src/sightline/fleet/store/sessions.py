"""Reading and writing transactions on one database: many readers, one writer at a time.

Promises: a writing transaction is on disk whole when its block ends, or nothing of it is; after a failure the
next one has a connection that is not the failed one's. Where somebody acts (`people.principal`), what the
transaction changed is written down in it (`auditing`).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Select
from sqlalchemy.orm import Session, SessionTransaction

from sightline.errors import Closed, StoreError
from sightline.fleet.people.principal import Acting, acting_now
from sightline.fleet.store.connecting import reading_engine, writing_engine
from sightline.fleet.store.faults import told
from sightline.fleet.store.refusals import Busy
from sightline.fleet.store.touched import traps


class Auditing(Protocol):
    """Who writes down what a transaction changed."""

    def begin(self, session: Session) -> None: ...

    def end(self, session: Session, acting: Acting) -> None: ...


class Sessions:
    """Those of the database at `path`, whose tables are there. Any thread may use it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._writer, self._readers = writing_engine(path, traps()), reading_engine(path)
        self._one = threading.RLock()
        self._thread = threading.local()
        self._closed = False
        self._auditing: Auditing | None = None

    def audit_by(self, auditing: Auditing) -> None:
        """From now on what is changed on somebody's behalf is written down by this."""
        self._auditing = auditing

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session that sees the database as it is at its first question."""
        self._check()
        with told(self.path), Session(self._readers) as session:
            yield session

    def hurry(self, most_s: float) -> None:
        """This thread waits so long at most for another's transaction; then what it was to write is refused
        with `Busy`, and it may try again.
        """
        self._thread.most_s = most_s

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A session whose changes are kept when the block ends, unless it raises."""
        self._check()
        with self._turn():
            try:
                with (
                    told(self.path),
                    Session(self._writer, expire_on_commit=False) as session,
                    session.begin() as transaction,
                    self._audited(session, transaction),
                ):
                    yield session
            except StoreError:
                self._writer.dispose()
                raise

    @contextmanager
    def _audited(self, session: Session, transaction: SessionTransaction) -> Iterator[None]:
        acting = acting_now()
        if self._auditing is None or acting is None:
            yield
            return
        self._auditing.begin(session)
        yield
        if transaction.is_active:  # else it was rolled back: a dry run
            self._auditing.end(session, acting)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._one.acquire(timeout=getattr(self._thread, "most_s", -1)):
            raise Busy(f"the database {self.path}: another change is being written")
        try:
            yield
        finally:
            self._one.release()

    @property
    def closed(self) -> bool:
        return self._closed

    def close(self) -> None:
        """Let go of all connections. Again is allowed."""
        with self._one:
            self._closed = True
            self._writer.dispose()
            self._readers.dispose()

    def _check(self) -> None:
        if self._closed:
            raise Closed("the database was closed")


def pairs(session: Session, query: Select[Any, Any]) -> dict[Any, Any]:
    """What a query of two columns finds, the second by the first."""
    return dict(map(tuple, session.execute(query)))
