"""A look at a fleet: of each topic a mark, which is another one after any change of it.

It promises: a few questions to the database, however many look; of figures that change all the time (when an
agent was heard) nothing.

Deliberately not here: what changed. Who hears that a topic did asks for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Integer, Select, cast, func, select
from sqlalchemy.orm import Session

from sightline.fleet.coordinator.service import CoordinatorService
from sightline.fleet.store.tables import (
    Agent,
    Audit,
    Camera,
    DsInstance,
    EnrolmentToken,
    Event,
    User,
    UserSession,
    UserToken,
)


def look(service: CoordinatorService) -> Mapping[str, object]:
    """The marks of now. Raises StoreError: the database cannot be read."""
    with service.database.sessions.reading() as session:
        rows = {
            "cameras": _sums(session, Camera, Camera.status),
            "instances": _sums(session, DsInstance, DsInstance.status, DsInstance.reason),
            "agents": _sums(session, Agent, Agent.connected, Agent.verified_generation, Agent.deployment),
            "events": session.scalar(select(func.max(Event.id))),
            "audit": session.scalar(select(func.max(Audit.id))),
            "users": _users(session),
            "tokens": _tokens(session),
        }
    wanted = [_wanted(rows[name]) for name in ("cameras", "instances")]
    picture = (service.picture, service.connected, service.fault, service.mistakes(), service.revision)
    return {**rows, "status": (*picture, wanted)}


def _sums(session: Session, table: Any, *by: Any) -> Any:
    """Rows by how they are: how many, sums, and which they are in which generations (a few bytes each; a sum
    alone would not show that some change places).
    """
    each = func.printf("%d %d %d", table.id, table.generation, table.observed_generation)
    query = select(*by, func.count(), func.sum(table.generation), func.sum(table.id), func.group_concat(each))
    return _found(session, query.group_by(*by).order_by(*by))


def _wanted(sums: Any) -> tuple[int, int, int]:
    """What users want of them, however they are: sums, which any one change makes others. Several at once may
    leave them as they were, by a rare chance; of the rows that is news all the same.
    """
    counts, generations, numbers = zip(*(row[-4:-1] for row in sums), strict=True) if sums else ((), (), ())
    return sum(counts), sum(generations), sum(numbers)


def _users(session: Session) -> Any:
    users = select(func.count(), func.sum(User.generation), func.sum(User.id), func.max(User.login_at))
    held = select(func.count(), func.sum(cast(UserToken.revoked, Integer)), func.max(UserToken.used_at))
    logins = select(func.count()).select_from(UserSession)
    return _found(session, users), _found(session, held), _found(session, logins)


def _tokens(session: Session) -> Any:
    revoked, uses = cast(EnrolmentToken.revoked, Integer), EnrolmentToken.uses_left
    created = func.max(EnrolmentToken.created_at)
    return _found(session, select(func.count(), func.sum(revoked), func.sum(uses), created))


def _found(session: Session, query: Select[*tuple[Any, ...]]) -> tuple[tuple[Any, ...], ...]:
    return tuple(map(tuple, session.execute(query)))
