"""The machines of the fleet: what their agents say of them, and what users say over that."""

from __future__ import annotations

import uuid
from collections.abc import Container, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import Select, and_, delete, func, or_, select, update
from sqlalchemy.orm import Session

from sightline.fleet.inventory import AgentSpec, NodeId
from sightline.fleet.messages.topics import AgentInfo
from sightline.fleet.store.agent_rows import AgentChange, AgentIn, AgentOut
from sightline.fleet.store.refusals import Mistake, Refused
from sightline.fleet.store.row import Page, plain
from sightline.fleet.store.sessions import pairs
from sightline.fleet.store.shelf import Shelf, has_label, has_text, is_new
from sightline.fleet.store.tables import Agent, Camera, DsInstance, Placed, Share
from sightline.fleet.store.worded import read

_SET: Final = {"labels": "set_labels", "capacity": "set_capacity"}
_CHANGED: Final = ("agent_name", "description", "set_labels", "set_capacity", "drained", "revoked")


class Agents(Shelf[Agent, AgentOut]):
    """Machines, named by number, by `agent_name` or by `node_id`."""

    what = "agent"
    sorts = ("id", "agent_name", "generation", "hostname", "connected", "last_seen")
    table = Agent

    def page(
        self,
        *,
        offset: int = 0,
        limit: int = 100,
        sort: str = "id",
        name: str | None = None,
        text: str | None = None,
        instance: str | None = None,
        label: str | None = None,
        state: str | None = None,
    ) -> Page[AgentOut]:
        """Those for which all that is given holds; see `Cameras.page`. `instance`: that is to run there.
        `state`: see `AgentOut`.
        """
        wanted: dict[str, Any] = {
            "name": lambda: Agent.agent_name == name,
            "text": lambda: has_text(
                text or "",
                Agent.agent_name,
                Agent.hostname,
                Agent.node_id,
                Agent.ip_address,
                Agent.description,
            ),
            "instance": lambda: _with_instance(instance or ""),
            "label": lambda: or_(
                has_label(Agent.set_labels, label or ""), has_label(Agent.labels, label or "")
            ),
            "state": lambda: _STATES.get(state or "", Agent.id < 0),
        }
        given = {"name": name, "text": text, "instance": instance, "label": label, "state": state}
        where = [wanted[key]() for key, value in given.items() if value is not None]
        with self._sessions.reading() as session:
            return self._page(session, select(Agent).where(*where), offset, limit, sort)

    def names(self) -> dict[str, str]:
        """Of all of them, by node_id."""
        with self._sessions.reading() as session:
            return pairs(session, select(Agent.node_id, Agent.agent_name))

    def spec(self, key: int | str | NodeId) -> AgentSpec | None:
        """A machine as the coordinator is to see it; None: it is not in, or was sent away."""
        with self._sessions.reading() as session:
            return spec_of(self.find(session, str(key) if isinstance(key, UUID) else key))

    def key_of(self, node_id: NodeId) -> str | None:
        """The public keys by which it was let in, "" before that; None: unknown here, or sent away."""
        with self._sessions.reading() as session:
            found = session.execute(
                select(Agent.key, Agent.revoked).where(Agent.node_id == str(node_id))
            ).first()
            return None if found is None or found.revoked else str(found.key)

    def keys(self) -> dict[NodeId, str]:
        """Of all that were let in and not sent away."""
        with self._sessions.reading() as session:
            found = session.execute(select(Agent.node_id, Agent.key).where(Agent.key != "", ~Agent.revoked))
            return {UUID(node_id): key for node_id, key in found}

    def greeted(self, info: AgentInfo) -> AgentInfo:
        """Keep what an agent said of itself; the same with what users set over it. It must be known here:
        raises Missing.
        """
        with self._sessions.writing() as session:
            row = self.find(session, str(info.node_id))
            self.greeted_in(row, info)
            over = {"labels": _labels(row), "capacity": _capacity(row)}
            return info.model_copy(update=over)

    def greeted_in(self, row: Agent, info: AgentInfo) -> None:
        """What it said, into its row."""
        row.hostname, row.ip_address = info.hostname, str(info.ip_address)
        row.capacity, row.gpulist = info.capacity, list(info.gpulist or ())
        row.labels, row.runtimes = dict(info.labels), list(info.runtimes)
        row.agent_version = info.agent_version
        row.description = row.description or info.description or ""

    def rows_for(self, session: Session, hostnames: Mapping[NodeId, str]) -> dict[NodeId, Agent]:
        """Their rows; where there is none a new one that is not kept yet, under a name that is free."""
        numbers, names = [*map(str, hostnames)], [*{*map(_name, hostnames.values())}]
        rows = {row.node_id: row for row in _where(session, select(Agent), Agent.node_id, numbers)}
        taken = {*_where(session, select(Agent.agent_name), Agent.agent_name, names)}
        found = {}
        for node_id, hostname in hostnames.items():
            row = rows.get(str(node_id)) or _new(hostname, node_id, taken)
            taken.add(row.agent_name)
            found[node_id] = row
        return found

    def shown(self, session: Session, rows: Sequence[Agent]) -> list[AgentOut]:
        """As they may be shown, within a transaction."""
        return self._out(session, rows)

    def keep(self, session: Session, row: Agent) -> None:
        """One of `rows_for` is kept from here on, if it was not."""
        if is_new(row):
            session.add(row)
            self._added(row.node_id)

    def merge_in(self, session: Session, row: Agent, values: Mapping[str, Any]) -> bool:
        """As of the others; what its agent alone says of itself stays as that said it."""
        node_id = values.get("node_id")
        if node_id and str(node_id) != row.node_id:
            raise Refused([Mistake("node_id", f"an agent keeps its number, this one's is {row.node_id}")])
        own = AgentIn.model_fields.keys() - AgentChange.model_fields.keys()
        return super().merge_in(session, row, {key: each for key, each in values.items() if key not in own})

    def _is_named(self, name: str) -> Any:
        return or_(Agent.agent_name == name, Agent.node_id == name)

    def _name_of(self, row: Agent) -> str:
        return row.agent_name

    def _observed_as(self, row: Agent) -> str:
        return row.node_id

    def _whole(self, _row: Agent, values: Mapping[str, Any]) -> dict[str, Any]:
        nothing: dict[str, Any] = {"description": "", "labels": {}, "capacity": None, "drained": False}
        return {**nothing, **{key: value for key, value in values.items() if key in AgentChange.model_fields}}

    def _merged(self, _row: Agent, values: Mapping[str, Any]) -> dict[str, Any]:
        return dict(values)

    def _fill(self, _session: Session, row: Agent, values: Mapping[str, Any]) -> bool:
        if is_new(row):
            self._begin(row, read(AgentIn, values))
            return True
        given = plain(read(AgentChange, values), exclude_unset=True)
        given = {_SET.get(name, name): value for name, value in given.items()}
        new = {name: value for name, value in given.items() if value is not None or name in _SET.values()}
        changed = {name: value for name, value in new.items() if getattr(row, name) != value}
        changed = {name: value for name, value in changed.items() if value or getattr(row, name)}
        for name, value in changed.items():
            setattr(row, name, value)
        return bool(changed)

    def _begin(self, row: Agent, agent: AgentIn) -> None:
        row.agent_name, row.hostname, row.ip_address = agent.agent_name, agent.hostname, agent.ip_address
        row.node_id = str(agent.node_id or uuid.uuid4())
        row.description, row.drained = agent.description, agent.drained
        row.set_labels, row.set_capacity = dict(agent.labels), agent.capacity

    def _free(self, session: Session, row: Agent) -> None:
        """Its instances and cameras stay, and are put on no machine."""
        tables: tuple[type[DsInstance | Camera], ...] = (DsInstance, Camera)
        for table in tables:
            free = update(table).where(table.agent_id == row.id)
            session.execute(free.values(agent_id=None, generation=table.generation + 1))
        gone = (Placed.kind == "instance") & (Placed.target == row.node_id)
        session.execute(delete(Placed).where(gone))

    def _out(self, session: Session, rows: Sequence[Agent]) -> list[AgentOut]:
        nodes = [row.node_id for row in rows]
        sent = select(Share.node_id, Share.generation).where(Share.node_id.in_(nodes))
        shares = pairs(session, sent)
        at = select(Placed.target, func.count()).where(Placed.kind == "instance", Placed.target.in_(nodes))
        counts = pairs(session, at.group_by(Placed.target))
        return [
            AgentOut(
                **{name: getattr(row, name) for name in _OUT},
                state=_state(row),
                labels=_labels(row),
                set_labels=row.set_labels or {},
                capacity=_capacity(row),
                enrolled=row.key != "",
                config_generation=shares.get(row.node_id, 0),
                last_seen=None
                if row.last_seen is None
                else datetime.fromtimestamp(row.last_seen / 1000, UTC),
                instance_count=counts.get(row.node_id, 0),
            )
            for row in rows
        ]


_OUT: Final = (
    *("id", "agent_name", "ip_address", "hostname", "node_id", "connected", "gpulist", "set_capacity"),
    *("runtimes", "description", "agent_version", "drained", "revoked", "generation", "observed_generation"),
    *("verified_generation", "deployment"),
)
_AT_ONCE: Final = 500
_STATES: Final = {
    "revoked": Agent.revoked,
    "drained": and_(~Agent.revoked, Agent.drained),
    "new": and_(~Agent.revoked, ~Agent.drained, Agent.spec.is_(None)),
    "connected": and_(~Agent.revoked, ~Agent.drained, Agent.spec.is_not(None), Agent.connected),
    "lost": and_(~Agent.revoked, ~Agent.drained, Agent.spec.is_not(None), ~Agent.connected),
}


def _state(row: Agent) -> str:
    if row.revoked or row.drained:
        return "revoked" if row.revoked else "drained"
    if row.spec is None:
        return "new"
    return "connected" if row.connected else "lost"


def spec_of(row: Agent) -> AgentSpec | None:
    """A row as the coordinator is to see it."""
    if row.spec is None or row.revoked:
        return None
    spec = msgspec.convert(row.spec, AgentSpec, strict=False)
    labels = {**spec.labels, **(row.set_labels or {})}
    capacity = spec.capacity if row.set_capacity is None else row.set_capacity
    return msgspec.structs.replace(spec, labels=labels, capacity=capacity, drained=row.drained)


def _labels(row: Agent) -> dict[str, str]:
    return {**row.labels, **(row.set_labels or {})}


def _capacity(row: Agent) -> int | None:
    return row.capacity if row.set_capacity is None else row.set_capacity


def _where(session: Session, query: Select[Any], column: Any, values: Sequence[str]) -> Iterator[Any]:
    for begin in range(0, len(values), _AT_ONCE):
        yield from session.scalars(query.where(column.in_(values[begin : begin + _AT_ONCE])))


def _name(hostname: str) -> str:
    return hostname[:150].replace("/", "-").strip() or "agent"


def _new(hostname: str, node_id: NodeId, taken: Container[str]) -> Agent:
    name = _name(hostname)
    free = f"{name}-{str(node_id)[:8]}" if name in taken else name
    return Agent(agent_name=free, hostname=hostname, node_id=str(node_id), key="", revoked=False)


def _with_instance(name: str) -> Any:
    there = select(Placed.target).where(Placed.kind == "instance", Placed.name == name)
    by_hand = select(DsInstance.agent_id).where(DsInstance.instance_name == name)
    return or_(Agent.node_id.in_(there), Agent.id.in_(by_hand))
