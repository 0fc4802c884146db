"""A file without what differs in writing alone: each group and each key once, no old keys, sources as groups.

Promises: `plain` keeps the order, the comments and the lines. Of duplicates the one that DeepStream reads
is left; old keys are their heirs; an application's sources are groups `source0`, `source1`... wherever they
stood, in `[source-list]` or in a table of their own, each with the number that is its `camera-id`;
nvdspreprocess's groups are `group-0`, `group-1`... in YAML too; a `source0:` of YAML, which nobody reads, is
not there. All of it is told.

Deliberately not here: what values are (`meaning`), the other form (`converting`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import starmap
from typing import Final

from sightline.deepstream.comparing.heirs import with_heirs
from sightline.deepstream.comparing.preprocess_groups import with_parts
from sightline.deepstream.comparing.source_list import without_source_list
from sightline.deepstream.document import ConfigFile, Entry, Form, Group
from sightline.deepstream.findings import Finding, Severity, What
from sightline.deepstream.judging.capping import MOST, more
from sightline.deepstream.kinds import Kind
from sightline.deepstream.reading import source_table
from sightline.deepstream.refusal import Refused
from sightline.log import redact

_SOURCE: Final = re.compile(r"source(\d+)")
CAMERA_ID: Final = "camera-id"


@dataclass(frozen=True, slots=True)
class Tabled(ConfigFile):
    """A file that comes with the table of its sources.

    Attributes:
        rows: the sources, so that nobody need read the table; None where it is to be read.
    """

    rows: tuple[Group, ...] | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Plain:
    """A file without duplicates, old keys and lists of sources, and what was done for that.

    Attributes:
        table_missing: whether its sources stand in a table that could not be read.
    """

    file: ConfigFile
    notes: tuple[Finding, ...]
    table_missing: bool = False

    def sources(self) -> tuple[Group, ...]:
        return tuple(group for group in self.file.groups if is_source(group.name))


def is_source(name: str) -> bool:
    return _SOURCE.fullmatch(name) is not None


def plain(file: ConfigFile, kind: Kind) -> Plain:
    """The file without what differs in writing alone; `kind` is what reads it."""
    rows = file.rows if isinstance(file, Tabled) else None
    notes = list(_duplicates(file))
    file = _once(file)
    file, gone = with_heirs(file, kind)
    notes += [_old(entry) for entry in gone]
    missing = False
    if kind is Kind.APP:
        notes += _unread_sources(file)
        file = _without_unread_sources(file)
        file, told = without_source_list(file)
        notes += told
        file, missing = _with_rows(file, rows, notes)
        file = _numbered(file)
    if kind is Kind.PREPROCESS:
        file = with_parts(file)
    return Plain(file, tuple(notes), missing)


def _once(file: ConfigFile) -> ConfigFile:
    return replace(file, groups=tuple(_merged(file, name) for name in file.names))


def _merged(file: ConfigFile, name: str) -> Group:
    groups = file.named(name)
    comments = tuple(line for group in groups for line in group.comment)
    return replace(groups[0], entries=tuple(_kept(file, name)), comment=comments)


def _kept(file: ConfigFile, name: str) -> Iterator[Entry]:
    """The entry that holds of each key, with the comments of all of them."""
    said: dict[str, list[str]] = {}
    for entry in (entry for group in file.named(name) for entry in group.entries if entry.comment):
        said.setdefault(entry.key, []).extend(entry.comment)
    for held in file.entries(name):
        yield replace(held, comment=tuple(said.get(held.key, ())))


def _duplicates(file: ConfigFile) -> Iterator[Finding]:
    """The first of those that are left out, and how many more there are."""
    left = tuple(_not_held(file))
    yield from starmap(_left_out, left[:MOST])
    if len(left) > MOST:
        yield more(_left_out(*left[-1]), len(left) - MOST)


def _not_held(file: ConfigFile) -> Iterator[tuple[str, Entry, Entry | None]]:
    for name in file.names:
        held = {entry.key: entry for entry in file.entries(name)}
        for group in file.named(name):
            for entry in group.entries:
                if held.get(entry.key) is not entry:
                    yield name, entry, held.get(entry.key)


def _left_out(group: str, entry: Entry, held: Entry | None) -> Finding:
    by = f"the one in line {held.line} holds" if held else "the first group of that name holds"
    told = f"[{group}] {entry.key} = {entry.text!r} is left out: it stands more than once, and {by}"
    return Finding(Severity.NOTE, What.DUPLICATE, redact(told), group, entry.key, entry.line or None)


def _old(entry: Entry) -> Finding:
    told = f"{entry.key} was given up; what took its place says the same"
    return Finding(Severity.NOTE, What.DEPRECATED, told, key=entry.key, line=entry.line or None)


def _unread_sources(file: ConfigFile) -> Iterator[Finding]:
    """YAML's reader of applications knows a table of sources and nothing else."""
    for group in file.groups if file.form is Form.YML else ():
        if is_source(group.name):
            told = f"[{group.name}] is left out: in YAML nobody reads it, for sources stand in a table there"
            yield Finding(Severity.WARNING, What.UNKNOWN, told, group.name, line=group.line or None)


def _without_unread_sources(file: ConfigFile) -> ConfigFile:
    if file.form is Form.TXT:
        return file
    return replace(file, groups=tuple(group for group in file.groups if not is_source(group.name)))


def _with_rows(
    file: ConfigFile, rows: tuple[Group, ...] | None, notes: list[Finding]
) -> tuple[ConfigFile, bool]:
    """Rows of a table in the place of the group that names it."""
    named = file.entry(source_table.GROUP, source_table.KEY) if file.form is Form.YML else None
    if named is None:
        return file, False
    try:
        rows = source_table.sources_of(file) if rows is None else rows
        why = "it is not there, or not to be read"
    except Refused as error:
        rows, why = None, str(error)
    if rows is None:
        told = f"its sources stand in the table {named.text}: {why}"
        notes.append(
            Finding(Severity.REFUSED, What.MISSING, told, source_table.GROUP, named.key, named.line or None)
        )
        return file, True
    groups = [
        each for group in file.groups for each in (rows if group.name == source_table.GROUP else (group,))
    ]
    return replace(file, groups=tuple(groups)), False


def _numbered(file: ConfigFile) -> ConfigFile:
    """Each source under the number that is its `camera-id`, where these are as many as there are sources."""
    numbers = [_number(group) for group in file.groups if is_source(group.name)]
    if None in numbers or len(set(numbers)) < len(numbers):
        return file
    return replace(file, groups=tuple(_renamed(group) for group in file.groups))


def _number(group: Group) -> str | None:
    said = next((entry.text for entry in group.entries if entry.key == CAMERA_ID), None)
    if said is None:
        return str(int(group.name.removeprefix("source")))
    return str(int(said)) if re.fullmatch(r"\d{1,9}", said.strip()) else None


def _renamed(group: Group) -> Group:
    if not is_source(group.name):
        return group
    entries = tuple(entry for entry in group.entries if entry.key != CAMERA_ID)
    return replace(group, name=f"source{_number(group)}", entries=entries)
