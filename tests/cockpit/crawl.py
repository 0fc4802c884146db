"""All pages that lead on from one: what a visitor can come to by links."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from tests.cockpit.visitor import Visitor

_LINKS = "links => links.map(link => link.getAttribute('href'))"


def pages_from(visitor: Visitor, start: str = "/", *, most: int = 60) -> Iterator[str]:
    """The address of each page, once it is shown; of those with the same path, one.

    Files are no pages, and links to other servers a fault.
    """
    seen: set[str] = set()
    waiting = [start]
    while waiting and len(seen) < most:
        address = waiting.pop(0)
        path = urlsplit(address).path
        if path in seen or path.endswith(".csv"):
            continue
        seen.add(path)
        visitor.go(address)
        links = visitor.page.locator("a[href]").evaluate_all(_LINKS)
        yield address
        there = [link for link in links if not link.startswith("#")]
        foreign = [link for link in there if not link.startswith(("/", "?")) or link.startswith("//")]
        assert foreign == [], (address, foreign)
        waiting += [link for link in there if link.startswith("/")]
