"""Live pictures of a fleet of one: its cameras' pass on the bus where the processes of its site meet."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from sightline.site.model import Site
from sightline.site.sink_kinds import ViewSink


class ViewAt(NamedTuple):
    """Where they pass.

    Attributes:
        where: gives the bus; None: the site does not run.
        prefix: before the names of the topics there.
    """

    where: Callable[[], str | None]
    prefix: str


def with_views(site: Site, prefix: str) -> Site:
    """The site, whose workers pass on what is wanted; one that has such a sink itself stays as it is."""
    workers = {
        name: worker
        if any(isinstance(sink, ViewSink) for sink in worker.sinks)
        else worker.model_copy(
            update={"sinks": (*worker.sinks, ViewSink(kind="view", url=None, prefix=prefix))}
        )
        for name, worker in site.workers.items()
    }
    return site.model_copy(update={"workers": workers})
