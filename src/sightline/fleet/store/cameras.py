"""The cameras of the fleet."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session

from sightline.fleet.store.camera_rows import CameraIn, CameraOut, moved
from sightline.fleet.store.hiding import restored, shown
from sightline.fleet.store.lending import check_lent, with_login
from sightline.fleet.store.linked import Linked, over, placed
from sightline.fleet.store.refusals import Mistake, Refused
from sightline.fleet.store.row import Page, plain
from sightline.fleet.store.sessions import pairs
from sightline.fleet.store.shelf import ALONE, Shelf, has_label, has_text, is_new
from sightline.fleet.store.tables import Agent, Camera, DsInstance, Placed, Term
from sightline.fleet.store.vault import Vault
from sightline.fleet.store.worded import read
from sightline.log import hide_secret

_LINKS: Final = ("dsInstance_id", "agent_id")
_PLAIN: Final = (
    *("camera_id", "ip_address", "username", "encodeType", "type", "width", "height", "labels", "pool"),
    *("enabled", "origin", "dsInstance_id", "agent_id"),
)


class Cameras(Shelf[Camera, CameraOut]):
    """Cameras, named by number or by `camera_id`."""

    what = "camera"
    sorts = ("id", "camera_id", "generation", "status", "pool", "ip_address")
    table = Camera

    def page(
        self,
        *,
        offset: int = 0,
        limit: int = 100,
        sort: str = "id",
        name: str | None = None,
        text: str | None = None,
        instance: str | None = None,
        agent: str | None = None,
        label: str | None = None,
        state: str | None = None,
        enabled: bool | None = None,
        pool: str | None = None,
        placed: bool | None = None,
    ) -> Page[CameraOut]:
        """Those for which all that is given holds, in order of their numbers.

        `text` stands in its name or address, in any case. `instance` and `agent` are those that it is on,
        by hand or not, by name (an agent also by node_id). `label` is `key=value`, or `key` whatever it is;
        `state` its `status`, which of one without a place is that of before; `placed`: it has one now.
        """
        wanted: dict[str, Any] = {
            "name": lambda: Camera.camera_id == name,
            "text": lambda: has_text(text or "", Camera.camera_id, Camera.address, Camera.ip_address),
            "instance": lambda: _on_instances(select(DsInstance.instance_name).where(_named(instance))),
            "agent": lambda: _on_agent(agent or ""),
            "label": lambda: has_label(Camera.labels, label or ""),
            "state": lambda: Camera.status == state,
            "enabled": lambda: Camera.enabled == enabled,
            "pool": lambda: Camera.pool == pool,
            "placed": lambda: _is_placed() if placed else ~_is_placed(),
        }
        given = {"name": name, "text": text, "instance": instance, "agent": agent, "label": label,
                 "state": state, "enabled": enabled, "pool": pool, "placed": placed}  # fmt: skip
        where = [wanted[key]() for key, value in given.items() if value is not None]
        with self._sessions.reading() as session:
            return self._page(session, select(Camera).where(*where), offset, limit, sort)

    def clear(self, row: Camera) -> dict[str, Any]:
        """All that was said of a camera, its password and what is hidden of it in the clear."""
        values: dict[str, Any] = {name: getattr(row, name) for name in _PLAIN}
        return {**values, **clear_parts(self._vault, row)}

    def _is_named(self, name: str) -> Any:
        return Camera.camera_id == name

    def _name_of(self, row: Camera) -> str:
        return row.camera_id

    def _whole(self, row: Camera, values: Mapping[str, Any]) -> dict[str, Any]:
        was, values = self.clear(row), with_login(values)
        kept = {"origin": was["origin"], "camera_id": row.camera_id}
        if not values.get("username"):  # a password is nothing without a user
            kept["password"] = None
        return self._restored(row, was, {**kept, **values})

    def _merged(self, row: Camera, values: Mapping[str, Any]) -> dict[str, Any]:
        was, values = self.clear(row), with_login(values)
        merged = self._restored(row, was, over(values, was, _LINKS))
        if "password" not in values:
            del merged["password"]  # it stays, if it may
        if "address" in values and "ip_address" not in values:
            merged["ip_address"] = ""  # that of the new one
        elif "ip_address" in values and "address" not in values:
            merged["address"] = _moved(row, was, str(values["ip_address"] or ""))
        return merged

    def _restored(self, row: Camera, was: Mapping[str, Any], values: dict[str, Any]) -> dict[str, Any]:
        as_shown = {"address": row.address, "settings": row.settings}
        back = {key: restored(values[key], was[key], as_shown[key]) for key in as_shown if key in values}
        return {**values, **back}

    def _fill(self, session: Session, row: Camera, values: Mapping[str, Any]) -> bool:
        was = None if is_new(row) else self.clear(row)
        stays = was is not None and was["password"] is not None and "password" not in values
        camera = read(CameraIn, {**values, "password": was["password"]} if was and stays else values)
        if was and stays:
            check_lent(camera, was)
        new = plain(camera)
        mistakes: list[Mistake] = []
        if was and row.camera_id != camera.camera_id:
            mistakes.append(Mistake("camera_id", f"a camera keeps its name, this one is {row.camera_id}"))
        links(session).resolve(new, mistakes, _LINKS)
        if mistakes:
            raise Refused(mistakes)
        if was and new == {**was, "origin": camera.origin}:
            row.origin = camera.origin  # who brought it is no part of what it is
            return False
        self._write(row, new)
        return True

    def _write(self, row: Camera, new: dict[str, Any]) -> None:
        for name in _PLAIN:
            setattr(row, name, new[name])
        password = new["password"]
        row.password = None if password is None else self._vault.seal(password)
        whole = {"address": new["address"], "settings": new["settings"]}
        seen = shown(whole, [password or ""])
        row.address, row.settings = seen["address"], seen["settings"]
        row.hidden = None if seen == whole else self._vault.seal(json.dumps(whole))

    def _free(self, session: Session, row: Camera) -> None:
        gone = delete(Placed).where(Placed.kind == "camera", Placed.name == row.camera_id)
        session.execute(gone, execution_options=ALONE)

    def _out(self, session: Session, rows: Sequence[Camera]) -> list[CameraOut]:
        on = placed(session, "camera", [row.camera_id for row in rows])
        at = placed(session, "instance", set(on.values()))
        ids = [row.camera_id for row in rows]
        of = select(Term.camera_id, Term.term).where(Term.camera_id.in_(ids))
        terms = pairs(session, of)
        instances = _names_of(
            session, DsInstance.id, DsInstance.instance_name, (r.dsInstance_id for r in rows)
        )
        agents = _names_of(session, Agent.id, Agent.agent_name, (row.agent_id for row in rows))
        return [
            CameraOut(
                **{name: getattr(row, name) for name in _OUT},
                has_password=row.password is not None,
                instance_name=instances.get(row.dsInstance_id),
                agent_name=agents.get(row.agent_id),
                placed_instance=on.get(row.camera_id),
                placed_node=at.get(on.get(row.camera_id, "")),
                term=terms.get(row.camera_id, 0),
            )
            for row in rows
        ]


_OUT: Final = (*_PLAIN, "id", "address", "settings", "generation", "observed_generation", "status")


def clear_parts(vault: Vault, row: Camera) -> dict[str, Any]:
    """What of a camera is sealed: password, address and settings, in the clear."""
    password = None if row.password is None else vault.open(row.password)
    hide_secret(password or "")
    if row.hidden is not None:
        return {"password": password, **json.loads(vault.open(row.hidden))}
    return {"password": password, "address": row.address, "settings": row.settings}


def _moved(row: Camera, was: Mapping[str, Any], host: str) -> str:
    """Its address at another host. Raises Refused where it hides what is for the host that it is at."""
    address = moved(was["address"], was["ip_address"], host)
    if was["address"] not in {row.address, address}:
        raise Refused([Mistake("address", "missing: what *** hides of the saved one is for its host")])
    return address


def links(session: Session) -> Linked:
    """What this transaction found by name already."""
    made = session.info.get("links")
    if not isinstance(made, Linked):
        made = session.info["links"] = Linked(session)
    return made


def _names_of(session: Session, number: Any, name: Any, wanted: Any) -> dict[int | None, str]:
    ids = {one for one in wanted if one is not None}
    return pairs(session, select(number, name).where(number.in_(ids))) if ids else {}


def _named(instance: str | None) -> Any:
    return DsInstance.instance_name == instance


def _is_placed() -> Any:
    return Camera.camera_id.in_(select(Placed.name).where(Placed.kind == "camera"))


def _on_instances(names: Any) -> Any:
    """Cameras on instances of these names: where the coordinator has them, or where they were put."""
    by_hand = Camera.dsInstance_id.in_(select(DsInstance.id).where(DsInstance.instance_name.in_(names)))
    there = select(Placed.name).where(Placed.kind == "camera", Placed.target.in_(names))
    return or_(by_hand, Camera.camera_id.in_(there))


def _on_agent(agent: str) -> Any:
    its = select(Agent.id).where(or_(Agent.agent_name == agent, Agent.node_id == agent))
    node = select(Agent.node_id).where(or_(Agent.agent_name == agent, Agent.node_id == agent))
    there = select(Placed.name).where(Placed.kind == "instance", Placed.target.in_(node))
    return or_(Camera.agent_id.in_(its), _on_instances(there))
