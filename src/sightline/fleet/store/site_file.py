"""A site file into the fleet, and the fleet's workers as a site file.

Promises: what is exported loads again (`sightline.site.load_site`) and means the same; passwords, and what
else is secret, stand there as variables of the environment. Of instances of DeepStream a site file knows
nothing.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from ruamel.yaml import YAML
from sqlalchemy import select
from sqlalchemy.orm import Session

from sightline.errors import FleetError
from sightline.fleet.store.database import Database
from sightline.fleet.store.importing import Imported, import_rows
from sightline.fleet.store.linked import placed
from sightline.fleet.store.site_rows import SiteRows, read_site_rows
from sightline.fleet.store.tables import Camera, DsInstance

_APART: Final = frozenset({"workers", "frame_queue"})
Json = dict[str, Any]


def import_site(
    database: Database,
    path: str | os.PathLike[str],
    *,
    origin: str | None = None,
    environ: Mapping[str, str] = os.environ,
    prune: bool = False,
    adopt: bool = False,
    dry_run: bool = False,
    look: Callable[[Session], None] | None = None,
) -> Imported:
    """Bring a site file in; `origin` is its name if left out. See `import_rows`; raises SiteError too."""
    rows = read_site_rows(path, environ)
    origin = f"site:{Path(path).name}" if origin is None else origin
    how = {"prune": prune, "adopt": adopt, "dry_run": dry_run}
    return import_site_rows(database, rows, origin, look=look, **how)


def import_site_rows(
    database: Database,
    rows: SiteRows,
    origin: str,
    *,
    prune: bool = False,
    adopt: bool = False,
    dry_run: bool = False,
    look: Callable[[Session], None] | None = None,
) -> Imported:
    """The same where the file was read elsewhere."""
    return import_rows(
        database,
        origin,
        instances=rows.instances,
        cameras=rows.cameras,
        prune=prune,
        adopt=adopt,
        dry_run=dry_run,
        look=look,
    )


class Exported(NamedTuple):
    """A site file.

    Attributes:
        text: of the file.
        variables: that have to be set in the environment, and what each is.
        left_out: what of the instances a site file cannot say, such as a worker without cameras.
    """

    text: str
    variables: dict[str, str]
    left_out: tuple[str, ...]


def export_site(database: Database, instances: Collection[str] | None = None) -> Exported:
    """The cameras and workers of these instances, or of all workers; then also cameras on no instance.

    Raises:
        FleetError: there is none, or they cannot stand in one file, as they use another bus or topics.
    """
    with database.sessions.reading() as session:
        return _Export(database, session, instances).made()


class _Export:
    """One export within its transaction."""

    def __init__(self, database: Database, session: Session, names: Collection[str] | None) -> None:
        self._database, self._session = database, session
        wanted = [DsInstance.kind == "worker"]
        wanted += [] if names is None else [DsInstance.instance_name.in_(names)]
        self._rows = list(session.scalars(select(DsInstance).where(*wanted).order_by(DsInstance.id)))
        if not self._rows:
            raise FleetError("expected an instance of Sightline's own workers to export, there is none")
        self._cameras = self._on(alone=names is None)
        self._variables: dict[str, str] = {}
        self._left_out: list[str] = []

    def made(self) -> Exported:
        document = self._shared()
        configs = {row.instance_name: self._own(row) for row in self._rows}
        exported = [row for rows in self._cameras.values() for row in rows]
        document["cameras"] = {row.camera_id: self._camera(row) for row in exported}
        document["workers"] = self._workers(configs)
        queues = self._queues(configs)
        document.update(queues)
        if not document["workers"]:
            del document["workers"]
        if not exported or not (document.get("workers") or queues):
            raise FleetError("expected an instance with a camera to export, none has one")
        return Exported(_text(document), self._variables, tuple(self._left_out))

    def _on(self, *, alone: bool) -> dict[str, list[Camera]]:
        """The cameras by instance; by "" those on none, where they are wanted."""
        cameras = list(self._session.scalars(select(Camera).order_by(Camera.id)))
        now = placed(self._session, "camera", [row.camera_id for row in cameras])
        names = {row.id: row.instance_name for row in self._rows}
        others = {*self._session.scalars(select(DsInstance.instance_name))} - {*names.values()}
        on: dict[str, list[Camera]] = {name: [] for name in names.values()}
        for row in cameras:
            by_hand = row.dsInstance_id is not None
            name = names.get(row.dsInstance_id or 0) if by_hand else now.get(row.camera_id, "")
            if name in on or (alone and not by_hand and name not in others):
                on.setdefault(name or "", []).append(row)
        return on

    def _shared(self) -> Json:
        """What stands in a file once, for all of its workers."""
        said = {row.instance_name: self._clear(row, shared=True) for row in self._rows}
        _check_same(said)
        first = self._rows[0]
        made: Json = self._varied(said[first.instance_name], first.config, [], "for all workers")
        return made

    def _own(self, row: DsInstance) -> Json:
        """What is an instance's own: its workers, and what samples."""
        made: Json = self._varied(self._clear(row, shared=False), row.config, [], "of a worker")
        return made

    def _clear(self, row: DsInstance, *, shared: bool) -> Json:
        config = self._database.instances.clear(row)["config"]
        return {key: value for key, value in config.items() if (key in _APART) != shared}

    def _camera(self, row: Camera) -> Json:
        clear = self._database.cameras.clear(row)
        stem = ["camera", row.camera_id]
        made: Json = {
            "url": self._varied(clear["address"], row.address, [*stem, "url"], "a camera's address")
        }
        if row.username is not None:
            made["username"] = _escaped(row.username)
        if clear["password"] is not None:
            made["password"] = self._variable([*stem, "password"], f"the password of camera {row.camera_id}")
        made.update(self._varied(clear["settings"], row.settings, stem, "of a camera"))
        return made if row.enabled else {**made, "enabled": False}

    def _workers(self, configs: Mapping[str, Json]) -> Json:
        workers: Json = {}
        for instance, config in configs.items():
            for name, worker in (config.get("workers") or {}).items():
                seen = self._seen(worker, instance)
                if not seen:
                    self._left_out.append(f"worker {name} of instance {instance}: it has no camera")
                    continue
                free = name if name not in workers else f"{instance}-{name}"[:64]
                workers[free] = _with_cameras(worker, seen, self._count)
        return workers

    def _queues(self, configs: Mapping[str, Json]) -> Json:
        found = [
            (name, config["frame_queue"]) for name, config in configs.items() if config.get("frame_queue")
        ]
        if len(found) > 1:
            told = " and ".join(name for name, _ in found)
            raise FleetError(
                f"expected one frame_queue, the instances {told} have one each: export one of them"
            )
        for instance, queue in found:
            seen = self._seen(queue, instance)
            if seen:
                return {"frame_queue": _with_cameras(_grouped(queue, seen), seen, self._count)}
            self._left_out.append(f"frame_queue of instance {instance}: it has no camera")
        return {}

    @property
    def _count(self) -> int:
        return sum(map(len, self._cameras.values()))

    def _seen(self, part: Json, instance: str) -> list[str]:
        """The cameras that a worker looks at: of those that it names, or of all, those that are there."""
        there = [row.camera_id for row in self._cameras[instance]]
        named = part.get("cameras")
        return [name for name in there if name in named] if isinstance(named, list) else there

    def _varied(self, value: Any, seen: Any, stem: list[str], what: str) -> Any:
        """`value`, with variables for all texts that may not be shown."""
        if isinstance(value, dict):
            by_key = seen if isinstance(seen, dict) else {}
            return {
                key: self._varied(each, by_key.get(key), [*stem, key], what) for key, each in value.items()
            }
        if isinstance(value, list):
            others = seen if isinstance(seen, list) and len(seen) == len(value) else [None] * len(value)
            return [
                self._varied(each, other, [*stem, str(number)], what)
                for number, (each, other) in enumerate(zip(value, others, strict=True))
            ]
        if value == seen:
            return _escaped(value) if isinstance(value, str) else value
        return self._variable(stem, f"{what}: {'.'.join(stem)}")

    def _variable(self, stem: Iterable[str], what: str) -> str:
        name = wanted = re.sub(r"[^A-Z0-9]+", "_", "_".join(stem).upper()).strip("_") or "SECRET"
        if wanted[0].isdigit():
            name = wanted = f"_{wanted}"
        number = 2
        while name in self._variables:
            name, number = f"{wanted}_{number}", number + 1
        self._variables[name] = what
        return f"${{{name}}}"


def _check_same(said: Mapping[str, Json]) -> None:
    (first, expected), *others = said.items()
    for name, other in others:
        differing = sorted(key for key in {*expected, *other} if expected.get(key) != other.get(key))
        if differing:
            raise FleetError(
                f"a site file has one {differing[0]} for all, and the instances {first} and {name} have "
                "another each: export one of them"
            )


def _with_cameras(part: Json, seen: list[str], count: int) -> Json:
    rest = {key: value for key, value in part.items() if key != "cameras"}
    return rest if len(seen) == count else {"cameras": seen, **rest}


def _grouped(queue: Json, seen: list[str]) -> Json:
    if "groups" not in queue:
        return queue
    groups = {name: [one for one in names if one in seen] for name, names in queue["groups"].items()}
    return {**queue, "groups": groups}


def _escaped(text: str) -> str:
    """As a site file has it: a dollar begins a variable there."""
    return text.replace("$", "$$")


def _text(document: Json) -> str:
    yaml = YAML()
    yaml.width = 1 << 20  # a text is not broken into lines
    yaml.default_flow_style = False
    written = io.StringIO()
    yaml.dump(document, written)
    return written.getvalue()
