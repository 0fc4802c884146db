"""The first user of a fleet: an admin, let in by a code that only who began the coordinator has seen.

Promises: a code holds for an hour and once, the newest alone, and not once there is a user; of two that come
with it at once one becomes the admin. Its hash alone is kept.
"""

from __future__ import annotations

from typing import Final

import msgspec
from sqlalchemy import select

from sightline.clock import NS_PER_MS, Clock
from sightline.fleet.entrance.refusals import WrongLogin
from sightline.fleet.entrance.secret_texts import digest, made, same
from sightline.fleet.people.principal import Role
from sightline.fleet.store.database import Database
from sightline.fleet.store.tables import Setting, User
from sightline.fleet.store.users import Known, known

HOLDS_S: Final = 3600
_SETTING: Final = "first_code"


class _Kept(msgspec.Struct, frozen=True):
    digest: str
    expires_at: int  # UTC ms


class First:
    """Of one database. Any thread may use it."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    def code(self) -> str:
        """A new one, in the place of the one before."""
        code = made()
        kept = _Kept(digest(code), self._now_ms() + HOLDS_S * 1000)
        self._database.settings.put(_SETTING, msgspec.json.encode(kept).decode())
        return code

    def check(self, code: str) -> None:
        """Raises WrongLogin: it is none, or not any more."""
        if self._database.users.is_any() or not self._holds(self._database.settings.get(_SETTING), code):
            raise WrongLogin("this link was used, is too old, or")

    def add(self, code: str, name: str, password: str) -> Known:
        """The first user; `password` is a hash. Raises WrongLogin, Refused."""
        with self._database.sessions.writing() as session:
            kept = session.get(Setting, _SETTING)
            there = session.scalar(select(User.id).limit(1))
            if there is not None or kept is None or not self._holds(kept.value, code):
                raise WrongLogin("this link was used, is too old, or")
            session.delete(kept)
            return known(self._database.users.add_in(session, name, Role.ADMIN, password))

    def _holds(self, kept: str | None, code: str) -> bool:
        if kept is None:
            return False
        said = msgspec.json.decode(kept, type=_Kept)
        return same(said.digest, digest(code)) and self._now_ms() < said.expires_at

    def _now_ms(self) -> int:
        return self._clock.utc_ns() // NS_PER_MS
