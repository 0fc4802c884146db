"""A file's groups with their tables, lists of groups taken apart.

Promises: what each group's parser goes through, in order. Where YAML has a list of mappings under one name
(nvdspreprocess's `group`), each of them is a section.

Deliberately not here: groups that nobody knows (`unknown`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from sightline.deepstream.document import ConfigFile, Entry, Form, Group, Mapping, Sequence
from sightline.deepstream.keys.key import GroupTable
from sightline.deepstream.keys.opening import table_of
from sightline.deepstream.kinds import Kind


@dataclass(frozen=True)
class Section:
    """A group that the parser of its kind knows.

    Attributes:
        name: as written; with `[0]` and so on behind it for one of a list.
        written: all entries, equal keys too.
    """

    name: str
    table: GroupTable
    written: tuple[Entry, ...]
    line: int

    @cached_property
    def _held(self) -> dict[str, Entry]:
        return {entry.key: entry for entry in self.written}

    @property
    def entries(self) -> tuple[Entry, ...]:
        """What holds of equal keys."""
        return tuple(self._held.values())

    def entry(self, key: str) -> Entry | None:
        return self._held.get(key)

    def text(self, key: str) -> str | None:
        entry = self.entry(key)
        return entry.text if entry else None


def sections(file: ConfigFile, kind: Kind) -> tuple[Section, ...]:
    return file.once(_all, kind)


def _all(file: ConfigFile, kind: Kind) -> tuple[Section, ...]:
    return tuple(_sections(file, kind))


def _sections(file: ConfigFile, kind: Kind) -> Iterator[Section]:
    for name in file.names:
        table = table_of(kind, name)
        if table:
            yield from _of(file, table, name)


def _of(file: ConfigFile, table: GroupTable, name: str) -> Iterator[Section]:
    groups = file.named(name)
    if table.listed and file.form is Form.YML:
        yield from _listed(groups[0], table)
    else:
        read = groups if file.form is Form.TXT else groups[:1]
        yield Section(name, table, tuple(e for group in read for e in group.entries), groups[0].line)


def _listed(group: Group, table: GroupTable) -> Iterator[Section]:
    items = group.value.items if isinstance(group.value, Sequence) else ()
    for number, item in enumerate(items):
        entries = item.entries if isinstance(item, Mapping) else ()
        line = entries[0].line if entries else group.line
        yield Section(f"{group.name}[{number}]", table, entries, line)
