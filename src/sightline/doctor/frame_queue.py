"""Whether the store and the queue of a site's frame queue are there, and set as they should be."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from sightline.doctor.finding import Finding, note, ok, problem
from sightline.errors import MissingExtra, SightlineError
from sightline.framequeue import open_queue, open_store
from sightline.log import redact
from sightline.site import Site
from sightline.site.frame_queue import FrameQueue
from sightline.site.frame_queue_places import EVERYBODY, queue_of_group, store_with

_AREA: Final = "frame queue"
_ASK_S: Final = 3.0
"""How long a server that is away is waited for."""
_FILES: Final = ("folder", "sqlite")
_WAITS: Final = {
    "redis": "timeout_s",
    "rediss": "timeout_s",
    "unix": "timeout_s",
    "hub": "reach_s",
    "amqp": "reach_s",
}


def look_at_frame_queue(site: Site) -> Iterator[Finding]:
    """Findings on the frame queue of `site`: servers are asked, and files that are not there are not made."""
    if site.frame_queue is not None:
        yield from _of_store(site.frame_queue)
        for group in (EVERYBODY, *site.frame_queue.groups):
            yield _of_queue(queue_of_group(site.frame_queue.queue, group), f"queue {group}".strip())


def _of_store(settings: FrameQueue) -> Iterator[Finding]:
    budget = None if settings.budget_mb is None else settings.budget_mb << 20
    url = store_with(settings.store, budget)
    if (made := _to_be_made(url)) is not None:
        yield ok(_AREA, "store", made)
        return
    try:
        with open_store(_impatient(url)) as store:
            usage, advice = store.usage(), store.check()
    except SightlineError as error:
        yield _away("store", error)
        return
    yield ok(_AREA, "store", f"{usage.total.frames} pictures in {redact(settings.store)}")
    for one in advice:
        yield note(_AREA, "store", one.text, one.line.replace("\n", "; "))


def _of_queue(url: str, name: str) -> Finding:
    if (made := _to_be_made(url)) is not None:
        return ok(_AREA, name, made)
    try:
        with open_queue(_impatient(url)) as queue:
            depth = queue.depth()
    except SightlineError as error:
        return _away(name, error)
    told = f"{depth.ready} keys wait in {redact(url)}"
    if depth.dead:
        return note(
            _AREA, name, f"{told}, {depth.dead} are dead letters", "sightline framequeue dead list -h"
        )
    return ok(_AREA, name, told)


def _away(name: str, error: SightlineError) -> Finding:
    do = "install it" if isinstance(error, MissingExtra) else "begin the server, or mend the address"
    return problem(_AREA, name, redact(str(error)), do)


def _to_be_made(url: str) -> str | None:
    scheme, _, rest = url.partition(":")
    if scheme not in _FILES:
        return None
    path = Path(unquote(rest.partition("?")[0].removeprefix("//")))
    return None if path.exists() else f"will be made: {path}"


def _impatient(url: str) -> str:
    """The same, but for how long a server is waited for, where nothing is said of that."""
    scheme = url.partition(":")[0].removeprefix("celery+")
    name = _WAITS.get("amqp" if scheme == "amqps" else scheme)
    if name is None or f"{name}=" in url:
        return url
    return f"{url}{'&' if '?' in url else '?'}{name}={_ASK_S:g}"
