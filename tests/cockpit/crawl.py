"""All pages that lead on from one: what a visitor can come to by links."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from urllib.parse import urlsplit

from tests.cockpit.visitor import Visitor

_LINKS = "links => links.map(link => link.getAttribute('href'))"


def pages_from(visitor: Visitor, start: str = "/", *, most: int = 80, alike: int = 2) -> Iterator[str]:
    """The address of each page, once it is shown; of those with the same path, one.

    Files are no pages, and links to other servers a fault.

    Args:
        visitor: goes there.
        start: where they begin.
        most: pages in all.
        alike: of the pages that are of a name, so many of each kind.
    """
    seen: set[str] = set()
    kinds: Counter[tuple[str, ...]] = Counter()
    waiting = [start]
    while waiting and len(seen) < most:
        address = waiting.pop(0)
        path = urlsplit(address).path
        kind = _kind(path)
        if path in seen or path.endswith(".csv") or (len(kind) > 1 and kinds[kind] >= alike):
            continue
        seen.add(path)
        kinds[kind] += 1
        visitor.go(address)
        links = visitor.page.locator("a[href]").evaluate_all(_LINKS)
        yield address
        there = [link for link in links if not link.startswith("#")]
        foreign = [link for link in there if not link.startswith(("/", "?")) or link.startswith("//")]
        assert foreign == [], (address, foreign)
        waiting += [link for link in there if link.startswith("/")]


def _kind(path: str) -> tuple[str, ...]:
    """Of which `/cameras/gate/edit` is one: all names are alike."""
    first, *rest = path.strip("/").split("/")
    return (first, *("" if at == 0 else step for at, step in enumerate(rest)))
