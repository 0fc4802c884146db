"""Entries of the audit: what was done in words, and what became of each thing side by side."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from sightline.fleet.store.audit import ChangeOut

MOST_LETTERS: Final = 2000
"""Of a value; the rest of it is no more than said to be there."""


class Side(NamedTuple):
    """A field, before and after; None: there was nothing."""

    field: str
    before: str | None
    after: str | None


class ChangeView(NamedTuple):
    """What became of one thing. `what`: made, changed, removed, or asked for where no row of it changed."""

    kind: str
    name: str
    what: str
    sides: tuple[Side, ...]


def act_words(act: str) -> str:
    """`change_camera` as people say it."""
    return act.removeprefix("page_").replace("_", " ")


def change_views(changes: Iterable[ChangeOut]) -> list[ChangeView]:
    """All of an entry."""
    return [
        ChangeView(one.kind, one.name, _what(one), tuple(_sides(one.before or {}, one.after or {})))
        for one in changes
    ]


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
