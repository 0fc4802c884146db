"""Entries of the audit: what was done in words, and what became of each thing side by side."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from sightline.fleet.store.audit import ChangeOut

MOST_LETTERS: Final = 2000
"""Of a value; the rest of it is no more than said to be there."""
_OF_REVISION: Final = ("differing", "differing_count")
_ACTS: Final = {
    "update_config": "apply",
    "import_a_table": "import a table",
    "import_a_site": "import a site",
}


class Side(NamedTuple):
    """A field, before and after; None: there was nothing."""

    field: str
    before: str | None
    after: str | None


class ChangeView(NamedTuple):
    """What became of one thing. `what`: made, changed, removed, or asked for where no row of it changed.

    `differing`: of a revision, the rows that are not in it as in the one before, and `more` of them.
    """

    kind: str
    name: str
    what: str
    sides: tuple[Side, ...]
    differing: tuple[str, ...] = ()
    more: int = 0


def act_words(act: str) -> str:
    """`change_camera` as people say it."""
    return _ACTS.get(act) or act.removeprefix("page_").replace("_", " ")


def change_views(changes: Iterable[ChangeOut]) -> list[ChangeView]:
    """All of an entry."""
    return [_view(one) for one in changes]


def _view(one: ChangeOut) -> ChangeView:
    before, after = dict(one.before or {}), dict(one.after or {})
    if one.kind != "revision":
        return ChangeView(one.kind, one.name, _what(one), tuple(_sides(before, after)))
    found = after.pop("differing", None)
    names = tuple(map(str, found)) if isinstance(found, list) else ()
    count = after.pop("differing_count", None)
    for name in _OF_REVISION:
        before.pop(name, None)
    more = count - len(names) if isinstance(count, int) else 0
    return ChangeView(one.kind, one.name, "applied", tuple(_sides(before, after)), names, max(0, more))


def _what(one: ChangeOut) -> str:
    if one.before is None:
        return "asked for" if one.after is None else "made"
    return "removed" if one.after is None else "changed"


def _sides(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Side]:
    for field in sorted({*before, *after}):
        was, now = before.get(field), after.get(field)
        if was != now:
            yield Side(field, _shown(was), _shown(now))


def _shown(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        text = value
    else:
        text = json.dumps(value, ensure_ascii=False, indent=1 if isinstance(value, dict | list) else None)
    if text is None or len(text) <= MOST_LETTERS:
        return text
    return f"{text[:MOST_LETTERS]}… and {len(text) - MOST_LETTERS:,} letters more"
