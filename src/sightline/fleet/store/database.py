"""The fleet's database, whole: one file of SQLite, its key beside it, one coordinator that uses it.

Promises: what a method did is on disk when it returns, or nothing of it is there; passwords are sealed in the
file and come out for documents alone; the tables are brought to this version's when it is opened. Where the
disk is full, what is refused raises StoreError, and the next call works once there is room.

Deliberately not here: deciding anything.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path
from typing import Final, Self

from sightline.clock import SYSTEM_CLOCK, Clock
from sightline.errors import StoreError
from sightline.fleet.deciding.coordinator.actions import Memory, Save
from sightline.fleet.documents.sources import CameraSource, Sources
from sightline.fleet.inventory import Inventory
from sightline.fleet.store.agents import Agents
from sightline.fleet.store.audit import AuditBook
from sightline.fleet.store.auditing import Auditing
from sightline.fleet.store.cameras import Cameras
from sightline.fleet.store.copying import copy_database
from sightline.fleet.store.draft import Draft
from sightline.fleet.store.events import Events
from sightline.fleet.store.instances import Instances
from sightline.fleet.store.lock_file import LockFile
from sightline.fleet.store.migrating import migrate
from sightline.fleet.store.observing import Observed
from sightline.fleet.store.putting_back import Shelves
from sightline.fleet.store.remembering import Remembering
from sightline.fleet.store.revisions import Expected, Revisions, RowChange
from sightline.fleet.store.sealing import check_key, seal_anew
from sightline.fleet.store.sessions import Sessions
from sightline.fleet.store.settings import Settings
from sightline.fleet.store.tables import Agent, Camera, DsInstance
from sightline.fleet.store.tokens import Tokens
from sightline.fleet.store.undoing import Undoing, Undone
from sightline.fleet.store.user_sessions import UserSessions
from sightline.fleet.store.user_tokens import UserTokenRows
from sightline.fleet.store.users import Users
from sightline.fleet.store.vault import Vault

KEY_SUFFIX: Final = ".key"


class Database:
    """Any thread may use it.

    Args:
        path: the file; made where there is none, in a folder that is there.
        vault: what seals its passwords; by default that of the file beside it, `PATH.key`.
        clock: what tells when something happened.

    Attributes:
        cameras, agents, instances: the rows of users.
        events, tokens, settings: of the coordinator.
        users, user_sessions, user_tokens: who may ask (`entrance`).
        audit: who did what.
        observed: how everything was found.

    Raises:
        StoreError: another coordinator uses it, it is of a newer version, its key is another one, or it
            cannot be read or written.
    """

    def __init__(
        self, path: str | os.PathLike[str], vault: Vault | None = None, *, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        self.path = Path(path).absolute()
        self._lock = LockFile(self.path)
        try:
            self._open(vault, clock)
        except BaseException:
            self._lock.release()
            raise

    def _open(self, vault: Vault | None, clock: Clock) -> None:
        is_new = not self.path.exists()
        if is_new:
            _make_private(self.path)
        self.vault = vault or Vault.at(self.path.with_name(self.path.name + KEY_SUFFIX))
        self.upgraded_from_copy = migrate(self.path)
        self._sessions = Sessions(self.path)
        try:
            check_key(self._sessions, self.vault)
        except BaseException:
            self._sessions.close()
            raise
        auditing = Auditing(self.vault, clock)
        self._sessions.audit_by(auditing)
        self.audit = AuditBook(self._sessions, self.vault, auditing)
        self.observed = Observed(self._sessions, clock)
        forget = self.observed.forget
        self.cameras = Cameras(self._sessions, self.vault, partial(forget, Camera))
        self.agents = Agents(self._sessions, self.vault, partial(forget, Agent))
        self.instances = Instances(self._sessions, self.vault, partial(forget, DsInstance))
        self.events = Events(self._sessions, clock)
        self.tokens = Tokens(self._sessions, self.agents, clock)
        self.settings = Settings(self._sessions)
        self.users = Users(self._sessions, clock)
        self.user_sessions = UserSessions(self._sessions, clock)
        self.user_tokens = UserTokenRows(self._sessions, clock)
        self._revisions = Revisions(self._sessions, self.vault, clock)
        shelves: Shelves = {"camera": self.cameras, "instance": self.instances, "agent": self.agents}
        self._undoing = Undoing(self._sessions, self.vault, self.audit, shelves, self._revisions)
        self._remembering = Remembering(self._sessions, self.agents)

    def __repr__(self) -> str:
        return f"Database({str(self.path)!r})"

    @property
    def sessions(self) -> Sessions:
        """Transactions, for imports."""
        return self._sessions

    def memory(self) -> Memory:
        """What the coordinator's machine begins with."""
        inventory, _ = self.applied()
        return self._remembering.memory(inventory)

    def save(self, save: Save) -> None:
        """Keep what the machine wants kept, in one transaction."""
        self._remembering.save(save)

    def inventory(self) -> Inventory:
        """What users want now: what `apply` would apply."""
        return self.draft()[0]

    def draft(self) -> tuple[Inventory, str]:
        """The same, and its mark: another one after any change."""
        return self._revisions.draft()

    def apply(
        self, cameras: Collection[str] | None = None, expected: Expected | None = None
    ) -> tuple[Inventory, Sources]:
        """What users want now becomes the newest revision; the same again stays the same revision.
        `cameras`: of these alone, whatever else they want. Raises DraftChanged where it is not as `expected`.
        """
        return self._revisions.apply(cameras, expected)

    def apply_row(self, change: RowChange, *, dry_run: bool = False) -> tuple[Inventory, Sources]:
        """Change a row, and have it hold at once, and it alone: what else is in the draft stays draft.
        `dry_run`: nothing is changed; what would be applied is given.
        """
        return self._revisions.apply_row(change, dry_run=dry_run)

    def applied(self) -> tuple[Inventory, Sources]:
        """The newest revision; number 0 and empty where nothing was applied yet."""
        return self._revisions.applied()

    def undo(
        self,
        entry: int | None = None,
        *,
        dry_run: bool = False,
        look: Callable[[Inventory], None] | None = None,
    ) -> Undone:
        """Take back this act, or the last one that can be: see `Undoing`."""
        return self._undoing.undo(entry, dry_run=dry_run, look=look)

    def camera_source(self, key: int | str) -> CameraSource:
        """A camera of the draft as it is opened, its login in the clear."""
        with self._sessions.reading() as session:
            _, source = Draft(self.vault).row(session, self.cameras.find(session, key))
            made: CameraSource = source
            return made

    def backup(self, path: str | os.PathLike[str]) -> None:
        """Make a copy of one moment, while others go on; its passwords need the same key file."""
        to = Path(path).absolute()
        if to == self.path:
            raise StoreError(f"expected another file for the copy than the database itself, {to}")
        copy_database(self.path, to)

    def rotate(self) -> None:
        """Seal everything anew by a new key, and forget the old one. Copies made before need the old file."""
        self.vault.begin_rotation()
        with self._sessions.writing() as session:
            seal_anew(session, self.vault)
        self.vault.end_rotation()

    def close(self) -> None:
        """Write what waits and let go. Again is allowed."""
        if not self._sessions.closed:
            try:
                self.observed.write(now=True)
            finally:
                self._sessions.close()
                self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()


def _make_private(path: Path) -> None:
    """For its owner alone: SQLite gives its log and its index the same rights."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise StoreError(f"cannot make the database {path}: {error.strerror}") from None
