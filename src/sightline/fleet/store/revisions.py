"""What was applied: the draft of a moment, kept whole: the coordinator goes by it whatever users change.

A revision holds passwords, so it is sealed. The last `KEPT` are kept.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple, TypeAlias

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from sightline.clock import NS_PER_MS, Clock
from sightline.fleet.documents.sources import Sources
from sightline.fleet.inventory import Inventory
from sightline.fleet.store.draft import Draft
from sightline.fleet.store.refusals import DraftChanged
from sightline.fleet.store.sessions import Sessions
from sightline.fleet.store.snapshot import Snapshot, packed, unpacked
from sightline.fleet.store.tables import Camera, DsInstance, Revision
from sightline.fleet.store.vault import Vault
from sightline.log import hide_secret

KEPT: Final = 50
DIFFERING: Final = "differing"
"""What is another in what a transaction applies, for the audit: in the `info` of its session."""
RowChange: TypeAlias = Callable[[Session], Camera | DsInstance]
"""Within a transaction it changes a row, and gives it."""


class Expected(NamedTuple):
    """What is to be applied, as who asks for it read it: the revision that it would be, and its mark, which
    is another after any change; None: whatever it is.
    """

    revision: int | None = None
    mark: str | None = None

    def check(self, revision: int, mark: str) -> None:
        """Raises DraftChanged where it is another."""
        if self.revision not in {None, revision}:
            raise DraftChanged(
                f"expected what is wanted to be revision {self.revision}, got {revision}: nothing is applied"
            )
        if self.mark not in {None, mark}:
            raise DraftChanged(
                "what is wanted was changed since its plan was read, and nothing is applied: read it again"
            )


class _Compared(NamedTuple):
    """A draft, what was applied last, and that draft after it."""

    draft: tuple[Inventory, Sources]
    last: Snapshot
    made: Snapshot


class Revisions:
    """Of one database. Any thread may use it."""

    def __init__(self, sessions: Sessions, vault: Vault, clock: Clock) -> None:
        self._sessions, self._vault, self._clock = sessions, vault, clock
        self._draft = Draft(vault)
        self._lock = threading.Lock()
        self._last: Snapshot | None = None
        self._compared: _Compared | None = None

    def draft(self) -> tuple[Inventory, str]:
        """What would be applied now, with the `revision` that it would have; and its mark, by which `apply`
        knows it again.
        """
        with self._lock, self._sessions.reading() as session:
            last = self._applied(session)
            now = self._wanted(session, last)
            mark = self._draft.mark(session, last.inventory.revision)
            return now.of(_next(now, last)).inventory, mark

    def apply(
        self, cameras: Collection[str] | None = None, expected: Expected | None = None
    ) -> tuple[Inventory, Sources]:
        """The draft becomes the newest revision, or of it these cameras alone, unless that is so already.
        Raises DraftChanged where it is not as `expected`.
        """
        with self._lock:
            made = self._apply(cameras, expected or Expected())
            self._last = made
            return made.inventory, made.sources

    def apply_row(self, change: RowChange, *, dry_run: bool = False) -> tuple[Inventory, Sources]:
        """Change a row, and apply it alone, in one transaction. With `dry_run`: what would be applied then,
        and nothing is changed.
        """
        with self._lock:
            with self._sessions.writing() as session:
                row = change(session)
                last = self._applied(session)
                made = last.of(0).with_row(*self._draft.row(session, row)).after(last)
                if dry_run:
                    session.rollback()
                    return made.of(last.inventory.revision + (made != last.of(0))).inventory, made.sources
                made = self._added(session, made, last)
            self._last = made
            return made.inventory, made.sources

    @contextmanager
    def held(self) -> Iterator[None]:
        """Nobody else applies anything within this: to be entered before a transaction that does."""
        with self._lock:
            yield

    def again(self, session: Session, number: int) -> int | None:
        """What revision `number` was becomes the newest, within a transaction, and `held`; its number. 0 is
        that before the first, where nothing was applied. None: it is not kept any more.
        """
        if number and session.get(Revision, number) is None:
            return None
        last = self._applied(session)
        made = self._read(session, number).of(0).after(last)
        return self._added(session, made, last).inventory.revision

    def kept(self, session: Session, number: int) -> Inventory:
        """One that is there, be it that this transaction alone sees it."""
        return self._read(session, number).inventory

    def applied(self) -> tuple[Inventory, Sources]:
        """The newest revision; of number 0 and empty where nothing was applied yet."""
        with self._lock, self._sessions.reading() as session:
            last = self._applied(session)
            return last.inventory, last.sources

    def _apply(self, cameras: Collection[str] | None, expected: Expected) -> Snapshot:
        with self._sessions.writing() as session:
            last = self._applied(session)
            draft = self._wanted(session, last)
            expected.check(_next(draft, last), self._draft.mark(session, last.inventory.revision))
            now = draft if cameras is None else last.of(0).with_cameras(draft, frozenset(cameras))
            return self._added(session, now, last)

    def _wanted(self, session: Session, last: Snapshot) -> Snapshot:
        """The draft; where nothing changed since, what it was then."""
        draft = self._draft.read(session)
        if self._compared is None or self._compared.draft is not draft or self._compared.last is not last:
            self._compared = _Compared(draft, last, Snapshot(*draft).after(last))
        return self._compared.made

    def _added(self, session: Session, now: Snapshot, last: Snapshot) -> Snapshot:
        """The newest revision, which is this one."""
        if now == last.of(0):
            return last
        row = Revision(
            applied_at=self._clock.utc_ns() // NS_PER_MS,
            cameras=len(now.inventory.cameras),
            instances=len(now.inventory.instances),
            snapshot=self._vault.seal_bytes(packed(now)),
        )
        session.add(row)
        session.flush()
        session.info[DIFFERING] = now.differing(last)
        session.execute(delete(Revision).where(Revision.revision <= row.revision - KEPT))
        return now.of(row.revision)

    def _applied(self, session: Session) -> Snapshot:
        newest = session.scalar(select(func.max(Revision.revision))) or 0
        if self._last is None or self._last.inventory.revision != newest:
            self._last = self._read(session, newest)
        return self._last

    def _read(self, session: Session, number: int) -> Snapshot:
        row = session.get(Revision, number) if number else None
        if row is None:
            return Snapshot(Inventory(), Sources())
        read = unpacked(self._vault.open_bytes(row.snapshot), number)
        for camera in read.sources.cameras.values():
            hide_secret(camera.password or "")
        return read.of(number)


def _next(now: Snapshot, last: Snapshot) -> int:
    """The revision that this would be."""
    return last.inventory.revision + (now != last.of(0))
