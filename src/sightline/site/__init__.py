"""The site file: what to look at, with which models, and where results go.

`load_site(path)` reads one. It promises a `Site` that is right in itself, or a `SiteError` with every
mistake: file, line and column, what was expected, what came and the nearest right word. `RunningSite` runs
one in this process, `SupervisedSite` in processes that it looks after.

What is named here is imported when it is used: the processes of a site, which are modules of this package,
begin twice as fast without what reads site files.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from sightline.site.mistakes import Mistake, SiteError
    from sightline.site.model import Camera, Site, Worker
    from sightline.site.reading import load_site, parse_site
    from sightline.site.running import RunningSite
    from sightline.site.status import CameraView, ProcessView, SiteStatus, StreamView
    from sightline.site.supervised_site import SupervisedSite

__all__ = [
    "Camera",
    "CameraView",
    "Mistake",
    "ProcessView",
    "RunningSite",
    "Site",
    "SiteError",
    "SiteStatus",
    "StreamView",
    "SupervisedSite",
    "Worker",
    "load_site",
    "parse_site",
]

_HOMES: Final = {
    "mistakes": ("Mistake", "SiteError"),
    "model": ("Camera", "Site", "Worker"),
    "reading": ("load_site", "parse_site"),
    "running": ("RunningSite",),
    "status": ("CameraView", "ProcessView", "SiteStatus", "StreamView"),
    "supervised_site": ("SupervisedSite",),
}


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *__all__]
