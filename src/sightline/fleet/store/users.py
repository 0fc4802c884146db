"""Users: who may ask, with which role. Passwords come and go as their hashes.

Promises: once there was an admin who may log in there always is one; when a password or a role changes, or
somebody is disabled, all their sessions end in the same transaction; nothing that is shown has a hash in it.

Deliberately not here: hashing, and who may change whom.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final, NamedTuple, TypeAlias

from pydantic import AfterValidator, Field
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from sightline.clock import NS_PER_MS, Clock
from sightline.errors import FleetError
from sightline.fleet.people.principal import Role
from sightline.fleet.store.refusals import Conflict, Missing, Mistake, Refused
from sightline.fleet.store.row import Row
from sightline.fleet.store.sessions import Sessions, pairs
from sightline.fleet.store.tables import User, UserSession, UserToken
from sightline.fleet.store.times import moment

IDLE_S: Final = 12 * 3600
"""A session that nobody used for so long is none."""
MOST_USERS: Final = 10_000
LONGEST_NAME: Final = 64
_NAME: Final = re.compile(r"\w[\w.@+-]*")
_NOT_NAMES: Final = frozenset({"root", "nobody", "me"})
"""Who knows the coordinator's own token is "root"; "me" stands in addresses."""


def _named(text: str) -> str:
    name = folded(text)
    if not 0 < len(name) <= LONGEST_NAME or not _NAME.fullmatch(name) or name in _NOT_NAMES:
        raise ValueError(f"expected up to {LONGEST_NAME} letters, digits and . _ @ + -, and not `root`")
    return name


def folded(text: str) -> str:
    """One spelling of those that look alike: what is compared. Longer than any name it is cut off."""
    storable = text[: 2 * LONGEST_NAME].encode("utf-8", "replace").decode()  # halves of pairs come in JSON
    return unicodedata.normalize("NFKC", storable).casefold()


UserName: TypeAlias = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME), AfterValidator(_named)]


class UserOut(Row):
    """A user as it may be shown."""

    name: str
    role: Role
    disabled: bool
    has_password: bool = Field(description="without one there is no login, but tokens hold")
    created_at: datetime
    login_at: datetime | None = Field(description="the last login with a browser")
    sessions: int = Field(description="browsers that are logged in")
    tokens: int = Field(description="that hold")
    generation: int


class Known(NamedTuple):
    """A user as whoever lets people in needs it: as of a generation, another one since a change of it."""

    id: int
    name: str
    role: Role
    password: str | None
    disabled: bool
    generation: int


class LastAdmin(FleetError):
    """Nobody could decide any more who may do what."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is the last admin who may log in: make another one first")


class Users:
    """Of one database. Any thread may use it."""

    def __init__(self, sessions: Sessions, clock: Clock) -> None:
        self._sessions, self._clock = sessions, clock

    def is_any(self) -> bool:
        """Whether there is one."""
        with self._sessions.reading() as session:
            return session.scalar(select(User.id).limit(1)) is not None

    def list(self) -> list[UserOut]:
        """All, by name."""
        with self._sessions.reading() as session:
            held = self._held(session)
            return [_out(row, *held) for row in session.scalars(select(User).order_by(User.name))]

    def get(self, name: str) -> UserOut:
        """Raises Missing."""
        with self._sessions.reading() as session:
            return self._out(session, user_row(session, name))

    def known(self, name: str) -> Known | None:
        """For a login."""
        with self._sessions.reading() as session:
            row = _found(session, name)
            return None if row is None else known(row)

    def add(self, name: str, role: Role, password: str | None) -> UserOut:
        """One more; `password` is a hash. Raises Conflict, Refused."""
        with self._sessions.writing() as session:
            if (session.scalar(select(func.count()).select_from(User)) or 0) >= MOST_USERS:
                raise FleetError(f"expected at most {MOST_USERS} users")
            return self._out(session, self.add_in(session, name, role, password))

    def add_in(self, session: Session, name: str, role: Role, password: str | None) -> User:
        """The same within a transaction."""
        named = checked_name(name)
        if _found(session, named) is not None:
            raise Conflict(f"there is a user {named!r} already")
        row = User(
            name=named,
            role=role.value,
            password=password,
            disabled=False,
            created_at=self._clock.utc_ns() // NS_PER_MS,
            generation=1,
        )
        session.add(row)
        session.flush()
        return row

    def change(
        self,
        name: str,
        *,
        role: Role | None = None,
        disabled: bool | None = None,
        password: str | None = None,
        generation: int | None = None,
    ) -> UserOut:
        """These of it; `password` is a hash. Their sessions end if anything changed. Raises Missing,
        LastAdmin, and Conflict where it is not of the generation that was said.
        """
        wished = {"role": None if role is None else role.value, "disabled": disabled, "password": password}
        with self._sessions.writing() as session:
            row = user_row(session, name)
            if generation not in {None, row.generation}:
                raise Conflict(f"the user {row.name!r} was changed since", generation=row.generation)
            was_able = _is_able(row)
            if _change(row, wished):
                row.generation += 1
                _check_admins(session, row, was_able)
                session.execute(delete(UserSession).where(UserSession.user_id == row.id))
            return self._out(session, row)

    def change_own(self, user: Known, password: str) -> Known | None:
        """Another hash; all sessions end. None: the user was changed since it was known so, and this is not
        done.
        """
        with self._sessions.writing() as session:
            row = unchanged(session, user)
            if row is None:
                return None
            row.password = password
            row.generation += 1
            session.execute(delete(UserSession).where(UserSession.user_id == row.id))
            return known(row)

    def rehash(self, user_id: int, old: str, new: str) -> None:
        """The same password, hashed anew; nobody is logged out. Where it was changed meanwhile it stays."""
        with self._sessions.writing() as session:
            row = session.get(User, user_id)
            if row is not None and row.password == old:
                row.password = new

    def remove(self, name: str) -> None:
        """It, and its sessions and tokens. Raises Missing, LastAdmin."""
        with self._sessions.writing() as session:
            row = user_row(session, name)
            session.delete(row)
            _check_admins(session, row, _is_able(row))

    def _out(self, session: Session, row: User) -> UserOut:
        return _out(row, *self._held(session, row.id))

    def _held(self, session: Session, user_id: int | None = None) -> tuple[dict[int, int], dict[int, int]]:
        """How many sessions and tokens that hold each has, or one alone."""
        now = self._clock.utc_ns() // NS_PER_MS
        conditions: tuple[tuple[Any, Any], ...] = (
            (UserSession.user_id, (UserSession.expires_at > now, UserSession.seen_at > now - IDLE_S * 1000)),
            (UserToken.user_id, (UserToken.expires_at > now, UserToken.revoked.is_(False))),
        )
        sessions, tokens = (
            pairs(session, select(owner, func.count()).where(*those, *one).group_by(owner))
            for owner, those in conditions
            for one in [() if user_id is None else (owner == user_id,)]
        )
        return sessions, tokens


def _out(row: User, sessions: Mapping[int, int], tokens: Mapping[int, int]) -> UserOut:
    return UserOut(
        name=row.name,
        role=Role(row.role),
        disabled=row.disabled,
        has_password=row.password is not None,
        created_at=moment(row.created_at),
        login_at=None if row.login_at is None else moment(row.login_at),
        sessions=sessions.get(row.id, 0),
        tokens=tokens.get(row.id, 0),
        generation=row.generation,
    )


def known(row: User) -> Known:
    """As whoever lets people in needs it."""
    return Known(row.id, row.name, Role(row.role), row.password, row.disabled, row.generation)


def unchanged(session: Session, user: Known) -> User | None:
    """Its row, where it may log in and is of the same generation; a hash made anew is no change."""
    row = session.get(User, user.id)
    return None if row is None or row.disabled or row.generation != user.generation else row


def checked_name(name: str) -> str:
    """As it is kept. Raises Refused."""
    try:
        return _named(name)
    except ValueError as error:
        raise Refused([Mistake("name", str(error))]) from None


def _found(session: Session, name: str) -> User | None:
    return session.scalar(select(User).where(User.name == folded(name)))


def user_row(session: Session, name: str) -> User:
    """Raises Missing."""
    row = _found(session, name)
    if row is None:
        raise Missing("user", name)
    return row


def _change(row: User, wished: dict[str, Any]) -> bool:
    changed = {key: value for key, value in wished.items() if value not in {None, getattr(row, key)}}
    for key, value in changed.items():
        setattr(row, key, value)
    return bool(changed)


def _is_able(row: User) -> bool:
    return row.role == Role.ADMIN.value and not row.disabled and row.password is not None


def _check_admins(session: Session, changed: User, was_able: bool) -> None:
    session.flush()
    able = (User.role == Role.ADMIN.value, User.disabled.is_(False), User.password.is_not(None))
    if was_able and session.scalar(select(User.id).where(*able).limit(1)) is None:
        raise LastAdmin(changed.name)
