"""A revision as it is kept: what was wanted at a moment, and all that it is made of. Pure.

Deliberately not here: which one holds (`revisions`).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

import msgspec

from sightline.errors import StoreError
from sightline.fleet.documents.sources import CameraSource, InstanceSource, Sources
from sightline.fleet.inventory import CameraSpec, Inventory
from sightline.fleet.messages.parts import RunOptions

T = TypeVar("T")


class Snapshot(msgspec.Struct, frozen=True):
    """What is kept of a revision."""

    inventory: Inventory
    sources: Sources

    def of(self, revision: int) -> Snapshot:
        """The same as that revision."""
        replace = msgspec.structs.replace
        return Snapshot(replace(self.inventory, revision=revision), replace(self.sources, revision=revision))

    def with_cameras(self, other: Snapshot, names: frozenset[str]) -> Snapshot:
        """The same, but for cameras of these names: those are as in the other one, or not there."""
        replace = msgspec.structs.replace
        specs = _mixed(self.inventory.cameras, other.inventory.cameras, names)
        sources = _mixed(self.sources.cameras, other.sources.cameras, names)
        return Snapshot(replace(self.inventory, cameras=specs), replace(self.sources, cameras=sources))

    def differing(self, other: Snapshot) -> list[str]:
        """What is another in the other one, or there alone: `camera gate`, by name."""
        return [
            f"{kind} {name}"
            for kind, of in (("instance", "instances"), ("camera", "cameras"))
            for name in sorted(
                {
                    *_others(getattr(self.inventory, of), getattr(other.inventory, of)),
                    *_others(getattr(self.sources, of), getattr(other.sources, of)),
                }
            )
        ]

    def with_row(self, spec: Any, source: Any) -> Snapshot:
        """The same with this camera or instance in it, as it is here."""
        replace = msgspec.structs.replace
        of, name = ("cameras", spec.camera_id) if isinstance(spec, CameraSpec) else ("instances", spec.name)
        specs = {**getattr(self.inventory, of), name: spec}
        sources = {**getattr(self.sources, of), name: source}
        return Snapshot(replace(self.inventory, **{of: specs}), replace(self.sources, **{of: sources}))

    def after(self, last: Snapshot) -> Snapshot:
        """The same, its specs saying since when they are made as they are, so far as `last` knows."""
        replace = msgspec.structs.replace
        made = {of: dict(self._after(last, of)) for of in ("cameras", "instances")}
        return Snapshot(replace(self.inventory, **made), self.sources)

    def _after(self, last: Snapshot, of: str) -> Iterator[tuple[str, Any]]:
        sources, old = getattr(self.sources, of), getattr(last.inventory, of)
        old_sources = getattr(last.sources, of)
        for name, spec in getattr(self.inventory, of).items():
            is_same = name in old and _is_same(sources[name], old_sources[name])
            yield name, _since(spec, old[name]) if is_same else _new(spec)


def packed(snapshot: Snapshot) -> bytes:
    """As it is sealed."""
    return zlib.compress(msgspec.json.encode(snapshot, enc_hook=_plain), 1)


def unpacked(data: bytes, number: int) -> Snapshot:
    """That of revision `number`. Raises StoreError."""
    try:
        return msgspec.json.decode(zlib.decompress(data), type=Snapshot, dec_hook=_made)
    except (zlib.error, msgspec.MsgspecError) as error:
        raise StoreError(f"revision {number} in the database is damaged: {error}") from None


def _since(spec: Any, old: Any) -> Any:
    made = old.made or old.generation
    if spec.generation == made:
        return _new(spec)
    return old if spec == old else msgspec.structs.replace(spec, made=made)


def _new(spec: Any) -> Any:
    return msgspec.structs.replace(spec, made=0) if spec.made else spec


def _is_same(source: CameraSource | InstanceSource, old: CameraSource | InstanceSource) -> bool:
    """Whether the same is made of both: the number of a row is no part of that."""
    if isinstance(source, CameraSource) or isinstance(old, CameraSource) or source == old:
        return source == old
    run = old.run.model_copy(update={"generation": source.run.generation})
    return source == msgspec.structs.replace(old, run=run)


def _mixed(old: Mapping[str, T], new: Mapping[str, T], names: frozenset[str]) -> dict[str, T]:
    kept = {name: value for name, value in old.items() if name not in names}
    return kept | {name: new[name] for name in sorted(names) if name in new}


def _others(one: Mapping[str, Any], two: Mapping[str, Any]) -> Iterator[str]:
    return (name for name in one.keys() | two.keys() if one.get(name) != two.get(name))


def _plain(value: Any) -> Any:
    if isinstance(value, RunOptions):
        return value.model_dump(mode="json")
    raise TypeError(type(value).__name__)


def _made(of: type, value: Any) -> Any:
    if of is RunOptions:
        return RunOptions.model_validate(value)
    raise TypeError(of.__name__)
