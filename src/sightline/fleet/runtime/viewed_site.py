"""A worker's site whose cameras people can look at: a sink `view` beside each worker's own.

Pure. A bus within a process reaches no worker, and has none. What a site says of a `view` itself stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

_KIND = "view"


class ViewBus(NamedTuple):
    """Where those are who show the pictures: the fleet's bus, and what the names of its topics begin with."""

    url: str
    prefix: str

    def __repr__(self) -> str:
        return "ViewBus()"  # the address may hold a password


def view_bus(url: str, prefix: str) -> ViewBus | None:
    """That of a fleet; None: no worker reaches it."""
    return None if url.startswith("memory:") else ViewBus(url, prefix)


def with_view(site: Mapping[str, Any], view: ViewBus | None) -> Mapping[str, Any]:
    """The site, whose workers pass on what is wanted."""
    workers = site.get("workers")
    if view is None or not isinstance(workers, Mapping):
        return site
    sink = {"kind": _KIND, "url": view.url, "prefix": view.prefix}
    return {**site, "workers": {name: _with_sink(worker, sink) for name, worker in workers.items()}}


def _with_sink(worker: Any, sink: Mapping[str, Any]) -> Any:
    sinks = worker.get("sinks", []) if isinstance(worker, Mapping) else None
    if not isinstance(sinks, list) or any(
        isinstance(one, Mapping) and one.get("kind") == _KIND for one in sinks
    ):
        return worker
    return {**worker, "sinks": [*sinks, sink]}
