"""Tokens of users, for programs: made, found, taken back.

Promises: one that is over, was taken back, or whose user is disabled, is none; one allows what its user may
and no more than it was made for; of its secret nothing is kept but the hash.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, NamedTuple

from pydantic import Field
from sqlalchemy import delete, func, select

from sightline.clock import NS_PER_MS, Clock
from sightline.errors import FleetError
from sightline.fleet.people.principal import Role
from sightline.fleet.store.refusals import Missing
from sightline.fleet.store.row import Row
from sightline.fleet.store.sessions import Sessions
from sightline.fleet.store.tables import User, UserToken
from sightline.fleet.store.times import moment
from sightline.fleet.store.users import Known, known, user_row

MOST: Final = 100
"""That hold, of a user."""
USED_EVERY_S: Final = 60


class UserTokenOut(Row):
    """A token as it may be shown."""

    token_id: str
    user: str
    role: Role = Field(description="what it allows at most; its user may have less by now")
    description: str
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None = Field(description="the last time, to a minute")
    revoked: bool


class FoundToken(NamedTuple):
    """A token that holds: whose, the hash of its secret, what it allows. `is_due`: to be written as used."""

    user: Known
    digest: str
    role: Role
    is_due: bool


class UserTokenRows:
    """Of one database. Any thread may use it."""

    def __init__(self, sessions: Sessions, clock: Clock) -> None:
        self._sessions, self._clock = sessions, clock

    def list(self, user: str | None = None) -> list[UserTokenOut]:
        """All, or those of one user, the newest first. Raises Missing."""
        query = select(UserToken, User).join(User, User.id == UserToken.user_id)
        with self._sessions.reading() as session:
            if user is not None:
                query = query.where(User.id == user_row(session, user).id)
            found = session.execute(query.order_by(UserToken.created_at.desc(), UserToken.token_id))
            return [_out(row, owner) for row, owner in found]

    def add(
        self, user: str, token_id: str, digest: str, *, role: Role, description: str, life_s: float
    ) -> UserTokenOut:
        """One more. Raises Missing, FleetError: they have too many."""
        now = self._now_ms()
        with self._sessions.writing() as session:
            owner = user_row(session, user)
            over = (UserToken.expires_at <= now) | UserToken.revoked.is_(True)
            session.execute(delete(UserToken).where(UserToken.user_id == owner.id, over))
            held = select(func.count()).select_from(UserToken).where(UserToken.user_id == owner.id)
            if (session.scalar(held) or 0) >= MOST:
                raise FleetError(f"expected at most {MOST} tokens of a user: take one back first")
            row = UserToken(
                token_id=token_id,
                user_id=owner.id,
                digest=digest,
                role=min(role, Role(owner.role), key=lambda one: one.rank).value,
                description=description,
                created_at=now,
                expires_at=now + round(life_s * 1000),
                revoked=False,
            )
            session.add(row)
            return _out(row, owner)

    def find(self, token_id: str) -> FoundToken | None:
        """The one that holds."""
        now = self._now_ms()
        query = (
            select(UserToken, User)
            .join(User, User.id == UserToken.user_id)
            .where(
                UserToken.token_id == token_id,
                UserToken.expires_at > now,
                UserToken.revoked.is_(False),
                User.disabled.is_(False),
            )
        )
        with self._sessions.reading() as session:
            found = session.execute(query).first()
            if found is None:
                return None
            row, user = found
            owner = known(user)
            role = min(Role(row.role), owner.role, key=lambda one: one.rank)
            is_due = row.used_at is None or row.used_at + USED_EVERY_S * 1000 <= now
            return FoundToken(owner, row.digest, role, is_due)

    def used(self, token_id: str) -> None:
        """Now."""
        with self._sessions.writing() as session:
            row = session.get(UserToken, token_id)
            if row is not None:
                row.used_at = self._now_ms()

    def revoke(self, token_id: str, user: str | None = None) -> UserTokenOut:
        """It holds no more. Raises Missing: there is none, or it is not that user's."""
        with self._sessions.writing() as session:
            row = session.get(UserToken, token_id)
            owner = None if row is None else session.get(User, row.user_id)
            if row is None or owner is None or (user is not None and user_row(session, user) is not owner):
                raise Missing("token", token_id)
            row.revoked = True
            return _out(row, owner)

    def _now_ms(self) -> int:
        return self._clock.utc_ns() // NS_PER_MS


def _out(row: UserToken, owner: User) -> UserTokenOut:
    return UserTokenOut(
        token_id=row.token_id,
        user=owner.name,
        role=Role(row.role),
        description=row.description,
        created_at=moment(row.created_at),
        expires_at=moment(row.expires_at),
        used_at=None if row.used_at is None else moment(row.used_at),
        revoked=row.revoked,
    )
