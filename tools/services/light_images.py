"""Images that hold nothing: Sightline's programs are seen where they are on this machine.

For tests of what runs many containers: an image with everything in it (`standin_image`) is copied for each of
them where there is no overlay file system. A container of one has to be given `mounts()`, to be read only.
"""

import sys
from pathlib import Path

from tools.services.docker import ROOT, Docker, programs

WORKER = "sightline-worker:light"
STANDIN = "sightline-deepstream-standin:light"
PYTHON = "python:light"
_SEEN = (f"ENV PYTHONPATH={ROOT / 'src'} PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1",)
_MODULES = {
    WORKER: ["-P", "-m", "sightline.fleet.instance"],
    STANDIN: ["-P", "-m", "sightline.deepstream.standin"],
    PYTHON: [],
}


def add_light_images(docker: Docker) -> None:
    """Gives the daemon all three."""
    for name in _MODULES:
        docker.add(name, *changes_of(name))


def changes_of(name: str) -> tuple[str, ...]:
    """What makes one of them, as lines of a Dockerfile."""
    words = ", ".join(f'"{word}"' for word in (sys.executable, *_MODULES[name]))
    return f"ENTRYPOINT [{words}]", *_SEEN


def mounts() -> list[Path]:
    """Where programs, libraries, this Python and the checkout are."""
    return [Path(mount.partition(":")[0]) for mount in programs()]
