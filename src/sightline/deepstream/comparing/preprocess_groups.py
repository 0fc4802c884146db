"""nvdspreprocess's groups: `[group-0]`, `[group-1]` in text, and one list called `group` in YAML.

Promises: `with_parts` numbers them from 0 in the order in which they count, in either form; `as_list` makes
YAML's list of them.

Deliberately not here: what their keys mean.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from sightline.deepstream.document import ConfigFile, Group, Mapping, Sequence

LISTED: Final = "group"
_PART: Final = re.compile(r"group-(\d+)")


def is_part(name: str) -> bool:
    return _PART.fullmatch(name) is not None


def with_parts(file: ConfigFile) -> ConfigFile:
    """The file with a group for each, those of text by their numbers and those of YAML by their places."""
    groups = [part for group in file.groups for part in _parts(group)]
    names = sorted({group.name for group in groups if is_part(group.name)}, key=_number)
    numbered = {name: f"group-{number}" for number, name in enumerate(names)}
    return replace(
        file, groups=tuple(replace(group, name=numbered.get(group.name, group.name)) for group in groups)
    )


def _parts(group: Group) -> Iterator[Group]:
    if group.name != LISTED or not isinstance(group.value, Sequence):
        yield group
        return
    for number, item in enumerate(group.value.items):
        entries = item.entries if isinstance(item, Mapping) else ()
        comment = group.comment if number == 0 else ()
        line = entries[0].line if entries else group.line
        value = None if isinstance(item, Mapping) else item
        yield Group(f"{LISTED}-{number}", entries, line, value, comment)


def _number(name: str) -> int:
    return int(name.removeprefix(f"{LISTED}-"))


def as_list(groups: list[Group]) -> list[Group]:
    """The groups with a list in the place of the first of them."""
    parts = sorted((group for group in groups if is_part(group.name)), key=lambda group: _number(group.name))
    if not parts:
        return groups
    items = Sequence(tuple(Mapping(group.entries) for group in parts))
    comment = tuple(line for group in parts for line in group.comment)
    first = next(group for group in groups if is_part(group.name))
    listed = Group(LISTED, (), 0, items, comment)
    return [
        listed if group is first else group for group in groups if group is first or not is_part(group.name)
    ]
