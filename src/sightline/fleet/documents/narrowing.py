"""A worker's document for the cameras that its instance has now.

A worker that names no cameras looks at all of the instance's. One that names some looks at those of them that
are there, for cameras move: a site that names another would be refused as a whole. Whoever has none left is
left out.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sightline.errors import ConfigError

Json = dict[str, Any]


def narrowed(site: Json, there: Collection[str]) -> Json:
    """`site`, its workers and its frame queue looking at cameras that are `there` alone.

    Raises:
        ConfigError: nobody looks at any of them.
    """
    rest = {key: value for key, value in site.items() if key not in {"workers", "frame_queue"}}
    workers, queue = site.get("workers"), site.get("frame_queue")
    if isinstance(workers, dict):
        seeing = {name: _part(worker, there) for name, worker in workers.items()}
        workers = {name: worker for name, worker in seeing.items() if worker is not None}
    if queue is not None:
        queue = _part(queue, there)
    if not workers and not queue:
        raise ConfigError("expected a worker that looks at a camera of the instance, none does")
    parts = {"workers": workers, "frame_queue": queue}
    return {**rest, **{key: value for key, value in parts.items() if value}}


def _part(part: Any, there: Collection[str]) -> Any:
    """None where it names cameras and none is there."""
    if not isinstance(part, dict):
        return part
    made = dict(part)
    if isinstance(named := part.get("cameras"), list):
        made["cameras"] = [name for name in named if name in there]
        if not made["cameras"]:
            return None
    if isinstance(groups := part.get("groups"), dict):
        made["groups"] = {name: [one for one in of if one in there] for name, of in groups.items()}
    return made
