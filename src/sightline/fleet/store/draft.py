"""What users want now, as the deciding parts and the documents see it.

Promises: where nothing changed since it was asked last, it costs a sum that the database makes, and is the
very same; else as much as changed, besides one look at all generations. A row that did not change gives the
very same values, so that what was not changed is compared at no cost.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from sightline.fleet.documents.sources import CameraSource, InstanceSource, Sources
from sightline.fleet.inventory import CameraSpec, InstanceSpec, Inventory
from sightline.fleet.messages.parts import RunOptions
from sightline.fleet.store.cameras import clear_parts
from sightline.fleet.store.instance_rows import APP_FIELDS
from sightline.fleet.store.instances import clear_config
from sightline.fleet.store.sessions import pairs
from sightline.fleet.store.tables import Agent, Camera, DsInstance
from sightline.fleet.store.vault import Vault

_AT_ONCE: Final = 500


class _Made(NamedTuple):
    generation: int
    spec: Any
    source: Any


_Sums: TypeAlias = tuple[tuple[int, ...], tuple[int, ...]]


def _sums(session: Session, table: type[Camera | DsInstance]) -> tuple[int, ...]:
    """Another one after any change: a number is given once, and a generation never falls. So with the same
    highest number nothing came, then with as many nothing went, and then the same sum is of the same rows.
    """
    row = session.execute(select(func.max(table.id), func.count(), func.sum(table.generation))).one()
    return tuple(value or 0 for value in row)


class Draft:
    """Of one database; for one thread at a time."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._made: dict[type[Camera | DsInstance], dict[int, _Made]] = {Camera: {}, DsInstance: {}}
        self._last: tuple[_Sums, tuple[Inventory, Sources]] | None = None

    def read(self, session: Session) -> tuple[Inventory, Sources]:
        """What is wanted, of revision 0."""
        sums = _sums(session, DsInstance), _sums(session, Camera)
        if self._last is None or self._last[0] != sums:
            self._last = sums, self._read_all(session)
        return self._last[1]

    def mark(self, session: Session, revision: int) -> str:
        """Another one after any change of what is wanted, or of what is applied (`revision`)."""
        said = repr((_sums(session, DsInstance), _sums(session, Camera), revision))
        return hashlib.sha256(said.encode()).hexdigest()[:32]

    def row(self, session: Session, row: Camera | DsInstance) -> tuple[Any, Any]:
        """Of one row, what is decided by and what documents are made of; it is not kept, as the transaction
        may come to nothing.
        """
        _, spec, source = self._make(session, type(row), [row.id])[row.id]
        return spec, source

    def _read_all(self, session: Session) -> tuple[Inventory, Sources]:
        instances = list(self._read(session, DsInstance))
        cameras = list(self._read(session, Camera))
        return (
            Inventory(
                cameras={made.spec.camera_id: made.spec for made in cameras},
                instances={made.spec.name: made.spec for made in instances},
            ),
            Sources(
                cameras={made.source.camera_id: made.source for made in cameras},
                instances={made.source.name: made.source for made in instances},
            ),
        )

    def _read(self, session: Session, table: type[Camera | DsInstance]) -> Iterator[_Made]:
        """A name keeps its number and a number its name for good, so number and generation say it all."""
        generations = select(table.id, table.generation).order_by(table.id)
        there = pairs(session, generations)
        known = self._made[table]
        others = [number for number, generation in there.items()
                  if number not in known or known[number].generation != generation]  # fmt: skip
        for begin in range(0, len(others), _AT_ONCE):
            known.update(self._make(session, table, others[begin : begin + _AT_ONCE]))
        for number in known.keys() - there.keys():
            del known[number]
        return (known[number] for number in there)

    def _make(self, session: Session, table: Any, numbers: Sequence[int]) -> dict[int, _Made]:
        nodes = {i: UUID(n) for i, n in session.execute(select(Agent.id, Agent.node_id))}
        rows = session.scalars(select(table).where(table.id.in_(numbers)))
        if table is DsInstance:
            return {row.id: _instance(row, nodes, clear_config(self._vault, row)) for row in rows}
        names = pairs(session, select(DsInstance.id, DsInstance.instance_name))
        return {row.id: _camera(row, nodes, names, clear_parts(self._vault, row)) for row in rows}


def _camera(
    row: Camera, nodes: Mapping[int, UUID], names: Mapping[int, str], clear: Mapping[str, Any]
) -> _Made:
    spec = CameraSpec(
        camera_id=row.camera_id,
        generation=row.generation,
        instance=names.get(row.dsInstance_id or 0),
        pool=row.pool,
        node=nodes.get(row.agent_id or 0),
        labels=row.labels,
        enabled=row.enabled,
    )
    source = CameraSource(
        camera_id=row.camera_id,
        address=clear["address"],
        username=row.username,
        password=clear["password"],
        encode_type=row.encodeType,
        type=row.type,
        width=row.width,
        height=row.height,
        settings=clear["settings"],
    )
    return _Made(row.generation, spec, source)


def _instance(row: DsInstance, nodes: Mapping[int, UUID], config: dict[str, Any]) -> _Made:
    spec = InstanceSpec(
        name=row.instance_name,
        generation=row.generation,
        kind=row.kind,
        runtime=row.run["runtime"],
        pool=row.pool,
        node=nodes.get(row.agent_id or 0),
        exclusive=row.exclusive,
        gpus=row.gpus,
        labels=row.labels,
        capacity=row.capacity,
        enabled=row.enabled,
    )
    limits = {**row.run["limits"], "gpus": row.gpus}
    run = {**row.run, "limits": limits, "generation": row.generation, "exclusive": row.exclusive}
    source = InstanceSource(
        name=row.instance_name,
        kind=row.kind,
        config=_whole(row, config),
        run=RunOptions.model_validate(run),
        debug=row.debug,
    )
    return _Made(row.generation, spec, source)


def _whole(row: DsInstance, config: dict[str, Any]) -> dict[str, Any]:
    """As `DsInstanceIn.whole_config` has it."""
    if row.kind == "worker":
        return config
    app = {name: value for name in APP_FIELDS if (value := getattr(row, name)) is not None}
    return {**config, "appconfig": {**(config.get("appconfig") or {}), **app}}
