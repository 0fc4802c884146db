"""Groups of sources as the table that an application's YAML file names.

Promises: each `[sourceN]` becomes a row, in order, and says the same: where one of them does not set what
another sets, its cell holds what would hold anyway. What a table cannot hold is told.

Deliberately not here: the table's bytes (`source_table`).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import quote

from sightline.deepstream.comparing.plain import CAMERA_ID, is_source
from sightline.deepstream.document import Entry, Group
from sightline.deepstream.findings import Finding, Severity, What
from sightline.deepstream.keys.app_sources import CSV_COLUMNS
from sightline.deepstream.reading import source_table

_RTSP: Final = "4"
_ENDS_OF_CELLS: Final = frozenset(",\n\r")


def table_of_sources(
    groups: list[Group], name: str, findings: list[Finding]
) -> tuple[list[Group], tuple[Group, ...] | None, tuple[tuple[str, bytes], ...]]:
    """The groups with one that names a table in the place of all sources, the table's rows and its file."""
    sources = [group for group in groups if is_source(group.name)]
    if not sources:
        return groups, None, ()
    file = f"{PurePosixPath(name).stem}_sources.csv"
    rows = tuple(_row(group, number, len(sources), findings) for number, group in enumerate(sources))
    comment = tuple(line for group in sources for line in _comments(group))
    naming = Group(source_table.GROUP, (Entry(source_table.KEY, file),), comment=comment)
    rest = [
        naming if group is sources[0] else group
        for group in groups
        if group is sources[0] or not is_source(group.name)
    ]
    data = source_table.write(rows)
    told = f"the sources stand in the table {file} beside the file, as YAML has them"
    findings.append(Finding(Severity.NOTE, What.REPLACED, told, source_table.GROUP))
    return rest, source_table.read(data), ((file, data),)


def _comments(group: Group) -> tuple[str, ...]:
    return (*group.comment, *(line for entry in group.entries for line in entry.comment))


def _row(group: Group, number: int, count: int, findings: list[Finding]) -> Group:
    entries = [
        _cell(entry, group, findings) for entry in group.entries if _has_column(entry, group, findings)
    ]
    keys = {entry.key for entry in entries}
    camera = group.name.removeprefix(source_table.GROUP)
    if "enable" not in keys:
        entries.insert(0, Entry("enable", "0"))  # as a group without the key is off
    if CAMERA_ID not in keys and (count > 1 or camera != str(number)):
        entries.append(Entry(CAMERA_ID, camera))
    if "rtsp-reconnect-attempts" not in keys and _type(group) == _RTSP:
        entries.append(Entry("rtsp-reconnect-attempts", "-1"))  # which holds in text, and 0 in a table
    return replace(group, entries=tuple(entries), comment=())


def _type(group: Group) -> str | None:
    return next((entry.text for entry in group.entries if entry.key == "type"), None)


def _has_column(entry: Entry, group: Group, findings: list[Finding]) -> bool:
    """Whether its key can be the head of a column."""
    if not _ENDS_OF_CELLS & set(entry.key):
        return True
    findings.append(
        _told(Severity.REFUSED, What.VALUE, entry, group, "is left out: no column has such a name")
    )
    return False


def _cell(entry: Entry, group: Group, findings: list[Finding]) -> Entry:
    text = entry.text or ""
    if not any(column.pattern.fullmatch(entry.key) for column in CSV_COLUMNS):
        told = "is not known to the parser of the table of sources, which passes over it"
        findings.append(_told(Severity.WARNING, What.UNKNOWN, entry, group, told))
    if not _ENDS_OF_CELLS & set(text):
        return replace(entry, comment=())
    told = "has a comma or the end of a line in it, which no cell of the table can hold; it stands encoded"
    findings.append(_told(Severity.REFUSED, What.VALUE, entry, group, told))
    coded = "".join(quote(one) if one in _ENDS_OF_CELLS else one for one in text)
    return replace(entry, value=coded, comment=())


def _told(severity: Severity, what: What, entry: Entry, group: Group, told: str) -> Finding:
    return Finding(
        severity, what, f"[{group.name}] {entry.key}: {told}", group.name, entry.key, entry.line or None
    )
