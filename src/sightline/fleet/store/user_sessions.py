"""Logins with a browser: begun, found by the hash of their cookie, ended.

Promises: one that was idle for `IDLE_S`, or is `WHOLE_S` old, is none; a user has `MOST` at most, those used
last. Of a cookie nothing is kept but its hash. None begins for who was changed since the password was
looked at: no login gets around the end of all others.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from sightline.clock import NS_PER_MS, Clock
from sightline.fleet.store.sessions import Sessions
from sightline.fleet.store.tables import User, UserSession
from sightline.fleet.store.users import IDLE_S, Known, known, unchanged

WHOLE_S: Final = 7 * 24 * 3600
MOST: Final = 50
SEEN_EVERY_S: Final = 60
"""How exactly it is known when somebody was seen: each time is a transaction."""
_LONGEST: Final = 200


class FoundSession(NamedTuple):
    """A session that holds, and whose. `is_due`: that it was seen is to be written."""

    user: Known
    is_due: bool


class UserSessions:
    """Of one database. Any thread may use it."""

    def __init__(self, sessions: Sessions, clock: Clock) -> None:
        self._sessions, self._clock = sessions, clock

    def begin(self, user: Known, digest: str, address: str, browser: str) -> bool:
        """One more of the user; what is over goes. False: it was changed since it was known so, and nothing
        began.
        """
        with self._sessions.writing() as session:
            row = unchanged(session, user)
            if row is not None:
                self._begin(session, row, digest, address, browser)
            return row is not None

    def _begin(self, session: Session, user: User, digest: str, address: str, browser: str) -> None:
        now = self._now_ms()
        session.execute(
            delete(UserSession).where(
                (UserSession.expires_at <= now) | (UserSession.seen_at <= now - IDLE_S * 1000)
            )
        )
        session.add(
            UserSession(
                digest=digest,
                user_id=user.id,
                created_at=now,
                seen_at=now,
                expires_at=now + WHOLE_S * 1000,
                address=address[:_LONGEST],
                browser=browser[:_LONGEST],
            )
        )
        session.flush()
        newest = (
            select(UserSession.digest)
            .where(UserSession.user_id == user.id)
            .order_by(UserSession.seen_at.desc(), UserSession.created_at.desc())
            .offset(MOST)
        )
        session.execute(delete(UserSession).where(UserSession.digest.in_(session.scalars(newest).all())))
        user.login_at = now

    def find(self, digest: str) -> FoundSession | None:
        """The one of that cookie; None: there is none, it is over, or its user is disabled."""
        now = self._now_ms()
        query = (
            select(UserSession, User)
            .join(User, User.id == UserSession.user_id)
            .where(
                UserSession.digest == digest,
                UserSession.expires_at > now,
                UserSession.seen_at > now - IDLE_S * 1000,
                User.disabled.is_(False),
            )
        )
        with self._sessions.reading() as session:
            found = session.execute(query).first()
            if found is None:
                return None
            row, user = found
            return FoundSession(known(user), row.seen_at + SEEN_EVERY_S * 1000 <= now)

    def seen(self, digest: str) -> None:
        """Now."""
        with self._sessions.writing() as session:
            row = session.get(UserSession, digest)
            if row is not None:
                row.seen_at = self._now_ms()

    def end(self, digest: str) -> None:
        """It holds no more; one that is not there is none."""
        with self._sessions.writing() as session:
            session.execute(delete(UserSession).where(UserSession.digest == digest))

    def came_from(self, user_id: int, address: str) -> bool:
        """Whether the user is logged in from there."""
        with self._sessions.reading() as session:
            query = select(UserSession.digest).where(
                UserSession.user_id == user_id,
                UserSession.address == address[:_LONGEST],
                UserSession.expires_at > self._now_ms(),
            )
            return session.scalar(query.limit(1)) is not None

    def _now_ms(self) -> int:
        return self._clock.utc_ns() // NS_PER_MS
