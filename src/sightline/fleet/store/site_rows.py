"""A site file as rows: its cameras, and an instance for each group of workers that look at the same ones.

Workers that share a camera, also by way of others, are one instance, named after the first of them: a camera
is on one instance. What samples for a frame queue counts as a worker. Cameras that nobody looks at are
captured all the same, so they are the first instance's. Promises: the site's meaning is kept; paths in it are
whole, as the rows may be used in another folder.

Deliberately not here: the database.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from pydantic import BaseModel, SecretStr

from sightline.fleet.store.camera_rows import OWN_KEYS
from sightline.site.camera import Camera
from sightline.site.document import parse
from sightline.site.model import Site
from sightline.site.reading import load_site

_QUEUE: Final = "frame_queue"
_URLS: Final = frozenset({"url", "detect_url"})
Json = dict[str, Any]


class SiteRows(NamedTuple):
    """What a site file comes to; passwords are in the clear."""

    cameras: list[Json]
    instances: list[Json]

    def __repr__(self) -> str:
        return f"SiteRows({len(self.cameras)} cameras, {len(self.instances)} instances)"


def read_site_rows(path: str | os.PathLike[str], environ: Mapping[str, str] = os.environ) -> SiteRows:
    """Those of the site file at `path`. Raises SiteError, with every mistake in it."""
    site = load_site(path, environ)
    value: Any = parse(Path(path).read_text(encoding="utf-8"), environ).value
    return rows_of(site, {key: each for key, each in value.items() if not key.startswith("x-")})


def rows_of(site: Site, document: Json) -> SiteRows:
    """Those of a site; `document` is what it was read from, its variables filled in."""
    groups = list(_groups(site))
    looked_at = {name for group in groups for name in group.cameras}
    alone = [name for name in site.cameras if name not in looked_at]
    if alone:
        groups[0] = groups[0]._replace(cameras=[*groups[0].cameras, *alone])
    whole = _resolved(document, site)
    on = {name: group.name for group in groups for name in group.cameras}
    return SiteRows(
        [_camera(name, camera, whole["cameras"][name], on[name]) for name, camera in site.cameras.items()],
        [_instance(group, whole) for group in groups],
    )


def rows_as_one(site: Site, document: Json, name: str) -> SiteRows:
    """A site that stays whole: one instance of this name, its workers looking at what the file says.

    Without its frame queue, whose commands are others.
    """
    whole = _resolved(document, site)
    config = {key: value for key, value in whole.items() if key not in {"cameras", _QUEUE}}
    return SiteRows(
        [_camera(each, camera, whole["cameras"][each], name) for each, camera in site.cameras.items()],
        [{"instance_name": name, "kind": "worker", "config": config}],
    )


class _Group(NamedTuple):
    members: list[str]  # workers by name, in the file's order
    cameras: list[str]
    queue: bool

    @property
    def name(self) -> str:
        return self.members[0] if self.members else _QUEUE


def _groups(site: Site) -> Iterator[_Group]:
    """Connected by cameras, in the order of their first worker."""
    groups: list[_Group] = []
    for name, cameras in _looking(site):
        mine = _Group([] if name is None else [name], list(cameras), queue=name is None)
        apart: list[_Group] = []
        for group in groups:
            if set(group.cameras) & set(mine.cameras):
                mine = _joined(group, mine)
            else:
                apart.append(group)
        groups = [*apart, mine]
    order = list(site.workers)
    yield from sorted(
        groups, key=lambda group: order.index(group.members[0]) if group.members else len(order)
    )


def _joined(first: _Group, second: _Group) -> _Group:
    cameras = dict.fromkeys([*first.cameras, *second.cameras])
    return _Group([*first.members, *second.members], list(cameras), first.queue or second.queue)


def _looking(site: Site) -> Iterator[tuple[str | None, tuple[str, ...]]]:
    """Who looks at which cameras, enabled or not; None: the frame queue."""
    for name, worker in site.workers.items():
        yield name, tuple(site.cameras) if worker.cameras is None else worker.cameras
    if site.frame_queue is not None:
        named = site.frame_queue.cameras
        yield None, tuple(site.cameras) if named is None else named


def _camera(name: str, camera: Camera, document: Json, instance: str) -> Json:
    password = camera.password
    return {
        "camera_id": name,
        "address": camera.url,
        "username": camera.username,
        "password": password.get_secret_value() if isinstance(password, SecretStr) else None,
        "settings": {key: value for key, value in document.items() if key not in OWN_KEYS},
        "enabled": camera.enabled,
        "instance_name": instance,
    }


def _instance(group: _Group, whole: Json) -> Json:
    config = {key: value for key, value in whole.items() if key not in {"cameras", "workers", _QUEUE}}
    workers = whole.get("workers") or {}
    made = {name: _seeing(workers[name], group) for name in workers if name in group.members}
    if made:
        config["workers"] = made
    if group.queue:
        config[_QUEUE] = _seeing(whole[_QUEUE], group)
    return {"instance_name": group.name, "kind": "worker", "config": config}


def _seeing(part: Json, group: _Group) -> Json:
    """A worker that looks at all cameras of its instance names none: others may be put there."""
    named = part.get("cameras")
    if not isinstance(named, list) or set(named) >= set(group.cameras):
        return {key: value for key, value in part.items() if key != "cameras"}
    return part


def _resolved(value: Any, model: Any) -> Any:
    """What was read, with whole paths and addresses without a login, as the model has them."""
    if isinstance(model, Path):
        return str(model)
    if isinstance(model, BaseModel) and isinstance(value, dict):
        return {key: _field(key, each, model) for key, each in value.items()}
    if isinstance(model, dict) and isinstance(value, dict):
        return {key: _resolved(each, model.get(key)) for key, each in value.items()}
    if isinstance(model, list | tuple) and isinstance(value, list):
        return [_resolved(*both) for both in zip(value, model, strict=True)]
    return value


def _field(key: str, value: Any, model: BaseModel) -> Any:
    if isinstance(model, Camera) and key in _URLS:
        return getattr(model, key)
    names = {field.alias or name: name for name, field in type(model).model_fields.items()}
    return _resolved(value, getattr(model, names[key])) if key in names else value
