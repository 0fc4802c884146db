"""Users as those change them who may: with passwords as they are typed."""

from __future__ import annotations

from sightline.fleet.entrance.hashing import Hashing
from sightline.fleet.people.principal import Role
from sightline.fleet.store.database import Database
from sightline.fleet.store.users import UserOut, checked_name


class Users:
    """Of one database. Any thread may use it; each change is on disk when it returns, and ends the sessions
    of whom it is of.
    """

    def __init__(self, database: Database, hashing: Hashing) -> None:
        self._rows, self._hashing = database.users, hashing

    def list(self) -> list[UserOut]:
        """All, by name."""
        return self._rows.list()

    def get(self, name: str) -> UserOut:
        """Raises Missing."""
        return self._rows.get(name)

    def add(self, name: str, role: Role, password: str | None = None) -> UserOut:
        """One more; without a password there is no login. Raises Conflict, Refused, ConfigError."""
        named = checked_name(name)
        return self._rows.add(named, role, None if password is None else self._hashing.hashed(password))

    def change(
        self,
        name: str,
        *,
        role: Role | None = None,
        disabled: bool | None = None,
        generation: int | None = None,
    ) -> UserOut:
        """What they may. Raises Missing, Conflict, LastAdmin."""
        return self._rows.change(name, role=role, disabled=disabled, generation=generation)

    def set_password(self, name: str, password: str) -> UserOut:
        """Another one. Raises Missing, ConfigError."""
        return self._rows.change(name, password=self._hashing.hashed(password))

    def remove(self, name: str) -> None:
        """It, and its tokens. Raises Missing, LastAdmin."""
        self._rows.remove(name)
