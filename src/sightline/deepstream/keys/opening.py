"""The tables of a kind of file, imported when they are asked for.

Deliberately not here: how a kind is told (`kinds`), what a row means (`key`).
"""

from __future__ import annotations

import re
from functools import cache
from importlib import import_module

from sightline.deepstream.keys.key import GroupTable, Key
from sightline.deepstream.kinds import Kind

_MODULES = {
    Kind.APP: "app",
    Kind.NVINFER: "nvinfer",
    Kind.PREPROCESS: "preprocess",
    Kind.ANALYTICS: "analytics",
    Kind.MSGCONV: "msgconv",
    Kind.BROKER: "broker",
    Kind.TRACKER: "tracker",
    Kind.TEST_APP: "test_app",
}


@cache
def tables_of(kind: Kind) -> tuple[GroupTable, ...]:
    """The groups that a file of this kind may have; none where the kind is not judged."""
    if kind not in _MODULES:
        return ()
    tables: tuple[GroupTable, ...] = import_module(f"sightline.deepstream.keys.{_MODULES[kind]}").TABLES
    return tables


def table_of(kind: Kind, group: str) -> GroupTable | None:
    """The table of the group of this name in a file of this kind."""
    found = _any_of(kind).fullmatch(group)
    return tables_of(kind)[found.lastindex - 1] if found and found.lastindex else None


@cache
def _any_of(kind: Kind) -> re.Pattern[str]:
    """All names of groups at once, the first that fits: files of a million groups are asked about."""
    return re.compile("|".join(f"({table.pattern.pattern})" for table in tables_of(kind)) or "(?!)")


def key_of(kind: Kind, group: str, key: str) -> Key | None:
    """The row of a key."""
    table = table_of(kind, group)
    return table.find(key) if table else None


def judged() -> tuple[Kind, ...]:
    """The kinds that have tables."""
    return tuple(_MODULES)
