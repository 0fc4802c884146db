"""The site file: what to look at, with which models, and where results go.

`load_site(path)` reads one. It promises a `Site` that is right in itself, or a `SiteError` with every
mistake: file, line and column, what was expected, what came and the nearest right word. `RunningSite` runs
one in this process.
"""

from sightline.site.mistakes import Mistake, SiteError
from sightline.site.model import Camera, Site, Worker
from sightline.site.reading import load_site, parse_site
from sightline.site.running import RunningSite
from sightline.site.status import CameraView, SiteStatus, StreamView

__all__ = [
    "Camera",
    "CameraView",
    "Mistake",
    "RunningSite",
    "Site",
    "SiteError",
    "SiteStatus",
    "StreamView",
    "Worker",
    "load_site",
    "parse_site",
]
