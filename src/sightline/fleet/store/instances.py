"""The instances of the fleet."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.orm import Session

from sightline.fleet.store.cameras import links
from sightline.fleet.store.hiding import restored
from sightline.fleet.store.instance_rows import APP_FIELDS, DsInstanceIn, DsInstanceOut
from sightline.fleet.store.linked import over, placed
from sightline.fleet.store.refusals import Mistake, Refused
from sightline.fleet.store.row import Page, plain
from sightline.fleet.store.sessions import pairs
from sightline.fleet.store.shelf import Shelf, has_label, has_text, is_new
from sightline.fleet.store.tables import Agent, Camera, DsInstance, Placed
from sightline.fleet.store.vault import Vault
from sightline.fleet.store.worded import read

_LINKS: Final = ("agent_id",)
_PLAIN: Final = (
    *APP_FIELDS,
    *("instance_name", "kind", "run", "pool", "capacity", "gpus", "labels", "exclusive", "debug", "enabled"),
    *("origin", "agent_id"),
)


class Instances(Shelf[DsInstance, DsInstanceOut]):
    """Instances, named by number or by `instance_name`."""

    what = "instance"
    sorts = ("id", "instance_name", "generation", "status", "pool", "kind")
    table = DsInstance

    def page(
        self,
        *,
        offset: int = 0,
        limit: int = 100,
        sort: str = "id",
        name: str | None = None,
        text: str | None = None,
        agent: str | None = None,
        label: str | None = None,
        state: str | None = None,
        enabled: bool | None = None,
        kind: str | None = None,
        pool: str | None = None,
    ) -> Page[DsInstanceOut]:
        """Those for which all that is given holds; see `Cameras.page`. `kind`: deepstream or worker."""
        wanted: dict[str, Any] = {
            "name": lambda: DsInstance.instance_name == name,
            "text": lambda: has_text(text or "", DsInstance.instance_name, DsInstance.reason),
            "agent": lambda: _on_agent(agent or ""),
            "label": lambda: has_label(DsInstance.labels, label or ""),
            "state": lambda: DsInstance.status == state,
            "enabled": lambda: DsInstance.enabled == enabled,
            "kind": lambda: DsInstance.kind == kind,
            "pool": lambda: DsInstance.pool == pool,
        }
        given = {"name": name, "text": text, "agent": agent, "label": label, "state": state,
                 "enabled": enabled, "kind": kind, "pool": pool}  # fmt: skip
        where = [wanted[key]() for key, value in given.items() if value is not None]
        with self._sessions.reading() as session:
            return self._page(session, select(DsInstance).where(*where), offset, limit, sort)

    def clear(self, row: DsInstance) -> dict[str, Any]:
        """All that was said of an instance, what is hidden of its configuration in the clear."""
        values: dict[str, Any] = {name: getattr(row, name) for name in _PLAIN}
        return {**values, "config": clear_config(self._vault, row)}

    def _is_named(self, name: str) -> Any:
        return DsInstance.instance_name == name

    def _name_of(self, row: DsInstance) -> str:
        return row.instance_name

    def _whole(self, row: DsInstance, values: Mapping[str, Any]) -> dict[str, Any]:
        kept = {"origin": row.origin, "instance_name": row.instance_name, "kind": row.kind}
        return self._restored(row, {**kept, **values})

    def _merged(self, row: DsInstance, values: Mapping[str, Any]) -> dict[str, Any]:
        return self._restored(row, over(values, self.clear(row), _LINKS))

    def _restored(self, row: DsInstance, values: dict[str, Any]) -> dict[str, Any]:
        if "config" in values:
            was = clear_config(self._vault, row)
            values["config"] = restored(values["config"], was, row.config)
        return values

    def _fill(self, session: Session, row: DsInstance, values: Mapping[str, Any]) -> bool:
        instance = read(DsInstanceIn, values)
        new = plain(instance)
        new["run"]["runtime"] = new["run"]["runtime"] or _RUNTIMES[instance.kind]
        mistakes: list[Mistake] = []
        for name in ("instance_name", "kind"):
            if not is_new(row) and getattr(row, name) != new[name]:
                told = f"an instance keeps its {name}, this one's is {getattr(row, name)}"
                mistakes.append(Mistake(name, told))
        links(session).resolve(new, mistakes, _LINKS)
        if mistakes:
            raise Refused(mistakes)
        if not is_new(row) and new == {**self.clear(row), "origin": instance.origin}:
            row.origin = instance.origin  # who brought it is no part of what it is
            return False
        self._write(row, new, instance.shown_config())
        return True

    def _write(self, row: DsInstance, new: dict[str, Any], seen: dict[str, Any]) -> None:
        for name in _PLAIN:
            setattr(row, name, new[name])
        row.config = seen
        row.hidden = None if seen == new["config"] else self._vault.seal(json.dumps(new["config"]))

    def _free(self, session: Session, row: DsInstance) -> None:
        """Its cameras stay, and are on none."""
        free = update(Camera).where(Camera.dsInstance_id == row.id)
        session.execute(free.values(dsInstance_id=None, generation=Camera.generation + 1))
        gone = or_(
            (Placed.kind == "camera") & (Placed.target == row.instance_name),
            (Placed.kind == "instance") & (Placed.name == row.instance_name),
        )
        session.execute(delete(Placed).where(gone))

    def _out(self, session: Session, rows: Sequence[DsInstance]) -> list[DsInstanceOut]:
        names = [row.instance_name for row in rows]
        at = placed(session, "instance", names)
        ids = {row.agent_id for row in rows if row.agent_id is not None}
        named = select(Agent.id, Agent.agent_name).where(Agent.id.in_(ids))
        agents = pairs(session, named)
        on = select(Placed.target, func.count()).where(Placed.kind == "camera", Placed.target.in_(names))
        counts = pairs(session, on.group_by(Placed.target))
        return [
            DsInstanceOut(
                **{name: getattr(row, name) for name in _OUT},
                agent_name=agents.get(row.agent_id or 0),
                placed_node=at.get(row.instance_name),
                camera_count=counts.get(row.instance_name, 0),
            )
            for row in rows
        ]


_RUNTIMES: Final = {"deepstream": "docker", "worker": "process"}
_OUT: Final = (*_PLAIN, "id", "config", "status", "reason", "generation", "observed_generation")


def clear_config(vault: Vault, row: DsInstance) -> dict[str, Any]:
    """The configuration of an instance, in the clear."""
    if row.hidden is None:
        return row.config
    config: dict[str, Any] = json.loads(vault.open(row.hidden))
    return config


def _on_agent(agent: str) -> Any:
    """Instances on this machine: where the coordinator has them, or where they were put."""
    one = or_(Agent.agent_name == agent, Agent.node_id == agent)
    node = select(Agent.node_id).where(one)
    there = select(Placed.name).where(Placed.kind == "instance", Placed.target.in_(node))
    return or_(DsInstance.agent_id.in_(select(Agent.id).where(one)), DsInstance.instance_name.in_(there))
