"""Rows that name others: by number or by name, whichever a user has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from sightline.fleet.store.refusals import Mistake
from sightline.fleet.store.sessions import pairs
from sightline.fleet.store.tables import Agent, DsInstance, Placed

LINKS = {"dsInstance_id": "instance_name", "agent_id": "agent_name"}


class Linked:
    """Finds the number of what is named, each once a transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._found: dict[tuple[str, object], int] = {}

    def resolve(self, values: dict[str, Any], mistakes: list[Mistake], links: Iterable[str]) -> None:
        """Numbers in the place of names in `values`; what there is not is a mistake."""
        for number in links:
            name = LINKS[number]
            named, told = values.pop(name, None), values.get(number)
            found = self._number(number, told if named is None else named)
            if found is None and (named is not None or told is not None):
                where, came = (number, told) if named is None else (name, named)
                mistakes.append(Mistake(where, f"there is no {_WHAT[number]} {str(came)[:100]!r}"))
            elif None not in {named, told} and found != told:
                mistakes.append(
                    Mistake(name, f"expected the one whose {number} is {told}, or one of the two")
                )
            values[number] = found

    def _number(self, link: str, key: object) -> int | None:
        if key is None:
            return None
        if (link, key) not in self._found:
            found = self._session.scalar(_query(link, key))
            if found is None:  # it may be made yet
                return None
            self._found[link, key] = found
        return self._found[link, key]


_WHAT = {"dsInstance_id": "instance", "agent_id": "agent"}


def _query(link: str, key: object) -> Any:
    if link == "dsInstance_id":
        where = DsInstance.id == key if isinstance(key, int) else DsInstance.instance_name == key
        return select(DsInstance.id).where(where)
    if isinstance(key, int):
        return select(Agent.id).where(Agent.id == key)
    return select(Agent.id).where(or_(Agent.agent_name == key, Agent.node_id == key))


def over(values: Mapping[str, Any], was: Mapping[str, Any], links: Iterable[str]) -> dict[str, Any]:
    """`values` over what was: a name said anew replaces the number that was there."""
    merged = {**was, **values}
    for number in links:
        if LINKS[number] in values and number not in values:
            merged[number] = None
        elif number in values and values[number] is None:
            merged.setdefault(LINKS[number], None)
    return merged


def placed(session: Session, kind: str, names: Iterable[str]) -> dict[str, str]:
    """Where the coordinator has these now."""
    named = Placed.name.in_(list(names))
    return pairs(session, select(Placed.name, Placed.target).where(Placed.kind == kind, named))
