"""The site file: what to look at, with which models, and where results go.

`load_site(path)` reads one. It promises a `Site` that is right in itself, or a `SiteError` with every
mistake: file, line and column, what was expected, what came and the nearest right word. `RunningSite` runs
one in this process, `SupervisedSite` in processes that it looks after.
"""

from typing import TYPE_CHECKING

from sightline.later import import_later

if TYPE_CHECKING:
    from sightline.site.frame_queue_loop import save_frame_loop
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
    "save_frame_loop",
]

import_later(
    __name__,
    {
        "sightline.site.frame_queue_loop": "save_frame_loop",
        "sightline.site.mistakes": "Mistake SiteError",
        "sightline.site.model": "Camera Site Worker",
        "sightline.site.reading": "load_site parse_site",
        "sightline.site.running": "RunningSite",
        "sightline.site.status": "CameraView ProcessView SiteStatus StreamView",
        "sightline.site.supervised_site": "SupervisedSite",
    },
)
