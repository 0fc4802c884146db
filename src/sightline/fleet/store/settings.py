"""Values of the coordinator's own, by name. No secrets: they are kept as they are."""

from __future__ import annotations

from sightline.fleet.store.sessions import Sessions
from sightline.fleet.store.tables import Setting


class Settings:
    """Of one database. Any thread may use it."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def get(self, name: str) -> str | None:
        with self._sessions.reading() as session:
            found = session.get(Setting, name)
            return None if found is None else found.value

    def put(self, name: str, value: str) -> None:
        with self._sessions.writing() as session:
            session.merge(Setting(name=name, value=value))
