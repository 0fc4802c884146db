"""How agents, instances and cameras were found: written now and then, never for each message.

Promises: what is told is merged in memory, and written by `write` in one transaction, at most one in
`EVERY_S`; what did not change is not written, and that an agent was seen again not more often than every
`SEEN_S`.
Where the database takes nothing, the newest state waits; its size is bounded by the fleet's.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from sqlalchemy import bindparam, update

from sightline.clock import NS_PER_MS, Clock, ns
from sightline.fleet.inventory import NodeId
from sightline.fleet.store.sessions import Sessions
from sightline.fleet.store.tables import Agent, Camera, DsInstance

EVERY_S: Final = 0.2
"""Who changed something waits for no more than this to see it hold; more often costs more than it tells."""
SEEN_S: Final = 15.0


class AgentSeen(msgspec.Struct, frozen=True, kw_only=True):
    """How a machine is; `last_seen` in UTC ms."""

    connected: bool
    last_seen: int
    observed_generation: int = 0
    verified_generation: int = 0
    deployment: str = ""


class InstanceSeen(msgspec.Struct, frozen=True, kw_only=True):
    """How an instance is; `observed_generation` is of its row, as it runs."""

    status: str
    reason: str = ""
    observed_generation: int = 0


class CameraSeen(msgspec.Struct, frozen=True, kw_only=True):
    """How a camera is; `observed_generation` is of its row, as it runs."""

    status: str
    observed_generation: int = 0


class Observed:
    """Of one database. Any thread may use it."""

    def __init__(self, sessions: Sessions, clock: Clock) -> None:
        self._sessions, self._clock = sessions, clock
        self._lock = threading.Lock()
        self._waiting: dict[tuple[Any, str], msgspec.Struct] = {}
        self._written: dict[tuple[Any, str], msgspec.Struct] = {}
        self._written_ns: int | None = None

    def observe(
        self,
        agents: Mapping[NodeId, AgentSeen] | None = None,
        instances: Mapping[str, InstanceSeen] | None = None,
        cameras: Mapping[str, CameraSeen] | None = None,
    ) -> None:
        """Take these; the newest of each is kept. Writes where `EVERY_S` went by since the last time."""
        with self._lock:
            for node_id, agent in (agents or {}).items():
                self._take((Agent, str(node_id)), agent)
            for name, instance in (instances or {}).items():
                self._take((DsInstance, name), instance)
            for camera_id, camera in (cameras or {}).items():
                self._take((Camera, camera_id), camera)
        self.write()

    @property
    def waiting(self) -> int:
        """How many rows are to be written."""
        return len(self._waiting)

    def write(self, *, now: bool = False) -> bool:
        """Write what waits, where it is time or `now`; whether anything was. Call it about as often.

        Raises StoreError; what waits is kept.
        """
        with self._lock:
            taken = dict(self._waiting)
            if not taken or not (now or self._is_due()):
                return False
            self._written_ns = self._clock.monotonic_ns()
            self._waiting = {}
        try:
            self._write(taken)
        except BaseException:
            with self._lock:
                self._waiting = taken | self._waiting
            raise
        with self._lock:
            self._written |= taken
        return True

    def forget(self, table: type[Agent | DsInstance | Camera], name: str) -> None:
        """A new row has the name of one that was deleted, perhaps: write what comes, as before or not."""
        with self._lock:
            self._written.pop((table, name), None)

    def _is_due(self) -> bool:
        return self._written_ns is None or self._clock.monotonic_ns() - self._written_ns >= ns(EVERY_S)

    def _take(self, key: tuple[Any, str], seen: msgspec.Struct) -> None:
        before = self._waiting.get(key, self._written.get(key))
        if before is None or _differs(before, seen):
            self._waiting[key] = seen

    def _write(self, taken: Mapping[tuple[Any, str], msgspec.Struct]) -> None:
        with self._sessions.writing() as session:
            for table, name in ((Agent, "node_id"), (DsInstance, "instance_name"), (Camera, "camera_id")):
                rows = [{"of": key, **msgspec.structs.asdict(seen)} for (of, key), seen in taken.items()
                        if of is table]  # fmt: skip
                if rows:
                    values: dict[str, Any] = {field: bindparam(field) for field in rows[0] if field != "of"}
                    column = getattr(table, name)
                    query = update(table).where(column == bindparam("of")).values(values)
                    session.connection().execute(query, rows)


def _differs(before: msgspec.Struct, seen: msgspec.Struct) -> bool:
    if not isinstance(before, AgentSeen) or not isinstance(seen, AgentSeen):
        return before != seen
    if seen.last_seen - before.last_seen >= ns(SEEN_S) // NS_PER_MS:
        return True
    return msgspec.structs.replace(seen, last_seen=before.last_seen) != before
