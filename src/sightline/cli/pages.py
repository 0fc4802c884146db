"""A fleet's pages for commands that serve them, and what they say of the first login."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, TYPE_CHECKING
from urllib.parse import quote, urlsplit

if TYPE_CHECKING:
    from sightline.fleet.api.app import PageParts
    from sightline.fleet.entrance.entrance import Entrance
    from sightline.pages.guarded import App


def fleet_pages(parts: PageParts) -> App:
    """Those of `sightline.cockpit`, which only who serves them takes in."""
    from sightline.cockpit.app import cockpit_app

    return cockpit_app(parts)


def first_login(entrance: Entrance, url: str, said_on: IO[str]) -> Iterator[str]:
    """How to become the first admin, where there is none: by a link that is for a terminal alone, as whoever
    reads it may use it; a file or a journal keeps what it is told. `said_on`: where these lines are written.
    """
    if not entrance.needs_first:
        yield f"page: {_of_people(url)}"
    elif said_on.isatty():
        link = f"{_of_people(url)}/first?code={quote(entrance.first_code())}"
        yield f"page, and its first user, by this link within the hour: {link}"
    else:
        yield f"page: {_of_people(url)}, with no user yet: sightline fleet users add NAME --role admin"


def _of_people(url: str) -> str:
    """An address that every machine has is this one's name for a browser."""
    import socket

    parts = urlsplit(url)
    if parts.hostname not in {"0.0.0.0", "::"}:  # noqa: S104 - it is asked about
        return url.removesuffix("/")
    return f"{parts.scheme}://{socket.gethostname()}:{parts.port}"
