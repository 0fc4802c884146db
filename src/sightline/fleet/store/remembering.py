"""What the coordinator's machine remembers: `Memory` out of the tables, `Save` into them.

Promises: a `Save` is one transaction, and costs as much as it changes, not as much as the fleet is large.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import delete, select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.orm import Session

from sightline.fleet.deciding.coordinator.actions import Memory, NodeShare, Save
from sightline.fleet.inventory import AgentSpec, Inventory, NodeId, Placement
from sightline.fleet.store.agents import Agents, spec_of
from sightline.fleet.store.sessions import Sessions, pairs
from sightline.fleet.store.tables import Agent, Placed, Setting, Share, Term

SENT: Final = "shares were saved"
"""The setting that says so: a coordinator that finds it cannot know that nothing runs."""
_MANY: Final = 500


class Remembering:
    """Of one database. `save` is for one thread at a time."""

    def __init__(self, sessions: Sessions, agents: Agents) -> None:
        self._sessions = sessions
        self._agents = agents

    def memory(self, inventory: Inventory) -> Memory:
        """What was saved; `inventory` is what was applied last."""
        with self._sessions.reading() as session:
            specs = filter(None, map(spec_of, session.scalars(select(Agent).where(Agent.spec.is_not(None)))))
            shares = session.scalars(select(Share.share))
            return Memory(
                inventory=inventory,
                agents={spec.node_id: spec for spec in specs},
                shares={share.node_id: share for share in map(_share, shares)},
                placement=_placement(session),
                terms=pairs(session, select(Term.camera_id, Term.term)),
                fresh=session.get(Setting, SENT) is None,
            )

    def save(self, save: Save) -> None:
        """Keep it; on disk when this returns."""
        with self._sessions.writing() as session:
            self._save_agents(session, save.agents)
            _save_shares(session, save.shares)
            if save.placement is not None:
                _save_placement(session, save.placement)
            if save.terms:
                rows = [{"camera_id": camera_id, "term": term} for camera_id, term in save.terms.items()]
                _put(session, Term, rows, "term")

    def _save_agents(self, session: Session, specs: Mapping[NodeId, AgentSpec]) -> None:
        rows = self._agents.rows_for(session, {node_id: spec.hostname for node_id, spec in specs.items()})
        for node_id, spec in specs.items():
            rows[node_id].spec = msgspec.to_builtins(spec)
            rows[node_id].hostname = spec.hostname
            self._agents.keep(session, rows[node_id])


def _save_shares(session: Session, shares: Mapping[NodeId, NodeShare | None]) -> None:
    if not shares:
        return
    gone = [str(node_id) for node_id, share in shares.items() if share is None]
    session.execute(delete(Share).where(Share.node_id.in_(gone)))
    rows = [
        {"node_id": str(node_id), "generation": share.generation, "share": msgspec.json.encode(share)}
        for node_id, share in shares.items()
        if share is not None
    ]
    _put(session, Share, rows, "generation", "share")
    _put(session, Setting, [{"name": SENT, "value": "yes"}], "value")


def _save_placement(session: Session, placement: Placement) -> None:
    new = {("camera", name): target for name, target in placement.cameras.items()}
    new |= {("instance", name): str(node_id) for name, node_id in placement.instances.items()}
    rows = session.execute(select(Placed.kind, Placed.name, Placed.target))
    old = {(kind, name): target for kind, name, target in rows}
    for kind, name in old.keys() - new.keys():
        session.execute(delete(Placed).where(Placed.kind == kind, Placed.name == name))
    changed = [
        {"kind": key[0], "name": key[1], "target": target}
        for key, target in new.items()
        if old.get(key) != target
    ]
    _put(session, Placed, changed, "target")


def _put(session: Session, table: Any, rows: list[dict[str, Any]], *columns: str) -> None:
    """Rows in the place of those with their keys, or new."""
    if not rows:
        return
    made = insert(table.__table__)
    made = made.on_conflict_do_update(
        index_elements=list(table.__table__.primary_key.columns),
        set_={column: getattr(made.excluded, column) for column in columns},
    )
    connection = session.connection()
    for begin in range(0, len(rows), _MANY):
        connection.execute(made, rows[begin : begin + _MANY])


def _share(data: bytes) -> NodeShare:
    return msgspec.json.decode(data, type=NodeShare)


def _placement(session: Session) -> Placement:
    rows = list(session.execute(select(Placed.kind, Placed.name, Placed.target)))
    return Placement(
        cameras={name: target for kind, name, target in rows if kind == "camera"},
        instances={name: UUID(target) for kind, name, target in rows if kind == "instance"},
    )
