"""Where a command finds the frame queue: an option, the site file, the environment, or the user's data."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple
from urllib.parse import quote

import typer

from sightline.errors import ConfigError

if TYPE_CHECKING:
    from sightline.site.frame_queue import FrameQueue
    from sightline.site.frame_queue_places import Places
    from sightline.site.model import Site

STORE: Final = "SIGHTLINE_FRAMEQUEUE_STORE"
QUEUE: Final = "SIGHTLINE_FRAMEQUEUE_QUEUE"

SiteFile = Annotated[
    Path | None,
    typer.Option(
        "--site", metavar="SITE", help="Take what is not said here from its frame_queue.", show_default=False
    ),
]
Store = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help=f"Where pictures lie: folder:PATH, redis://host/0; else {STORE}, else a folder of yours.",
        show_default=False,
    ),
]
Queue = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help=f"What keys go over: sqlite:PATH, amqp://host/, hub://host; else {QUEUE}, else a file of yours.",
        show_default=False,
    ),
]
Group = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME", help="Groups of cameras of the site; may be repeated.", show_default=False),
]
AsJson = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]
MetricsPort = Annotated[
    int | None,
    typer.Option(min=0, max=65535, help="Serve figures for Prometheus on this machine.", show_default=False),
]


class Where(NamedTuple):
    """The URLs of a store and of a queue."""

    store: str
    queue: str

    @property
    def shown(self) -> str:
        """A line without what is secret."""
        from sightline.log import redact

        return f"pictures: {redact(self.store)}, keys: {redact(self.queue)}"


def data_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """The user's own, as the XDG Base Directory Specification has it."""
    said = Path(environ.get("XDG_DATA_HOME", ""))
    return (said if said.is_absolute() else Path.home() / ".local" / "share") / "sightline"


def where(
    store: str | None,
    queue: str | None,
    settings: FrameQueue | None,
    environ: Mapping[str, str] = os.environ,
) -> Where:
    """What counts: an option, the site, the environment, else files of the user's own."""
    own = quote(str(data_folder(environ) / "frames"))
    return Where(
        store or (settings and settings.store) or environ.get(STORE) or f"folder:{own}",
        queue or (settings and settings.queue) or environ.get(QUEUE) or f"sqlite:{own}/keys.db",
    )


def load(site: Path | None) -> tuple[Site | None, FrameQueue | None]:
    """The site of a file, and its frame queue.

    Raises:
        SiteError: it is wrong.
        ConfigError: it has no frame queue.
    """
    if site is None:
        return None, None
    from sightline.cli.up import load_with_models

    loaded = load_with_models(site)
    if loaded.frame_queue is None:
        raise ConfigError(f"{site}: expected a frame_queue, such as frame_queue: {{rate: 1}}, got none")
    return loaded, loaded.frame_queue


def opened(
    place: Where,
    settings: FrameQueue | None,
    groups: Collection[str] | None = None,
) -> Places:
    """The store and its queues, to be closed. Raises SightlineError: they cannot be had."""
    from sightline.site.frame_queue_places import Places

    if groups and settings is None:
        raise typer.BadParameter("expected --site with groups, which are a site's", param_hint="--group")
    most_mb = None if settings is None else settings.budget_mb
    return Places(
        place.store,
        place.queue,
        settings.groups if settings else {},
        only=groups or None,
        budget_bytes=None if most_mb is None else most_mb << 20,
    )


class Told:
    """Lines that tell how it is doing; at the end no more of them than what was not told yet."""

    def __init__(self, read: Callable[[], Iterable[str]]) -> None:
        self._read = read
        self._last: list[str] = []

    def lines(self) -> list[str]:
        """Those of now."""
        self._last = list(self._read())
        return self._last

    def rest(self) -> list[str]:
        """Those of now that are others than they were told last."""
        return [line for line in self._read() if line not in self._last]
