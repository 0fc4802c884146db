"""Groups and keys that the file's reader does not know: misspelled, or known somewhere else.

Promises: one finding each, with the nearest right word, or with the group or the kind of file that the word
belongs to.

Deliberately not here: values (`value_checks`).
"""

from __future__ import annotations

from collections.abc import Iterator

from sightline.deepstream.document import ConfigFile, Entry, Group
from sightline.deepstream.findings import Finding, Severity, What
from sightline.deepstream.keys.key import GroupTable
from sightline.deepstream.keys.opening import judged, table_of, tables_of
from sightline.deepstream.kinds import Kind
from sightline.deepstream.passed_over import passed_over
from sightline.kinds import nearest


def unknown_groups(file: ConfigFile, kind: Kind) -> Iterator[Finding]:
    for group in file.groups:
        table = table_of(kind, group.name)
        if table is not None and file.form not in table.forms:
            yield _unknown_group(kind, group, What.MISPLACED, "; only the other format's reader knows it")
        elif table is None:
            elsewhere = [other for other in judged() if table_of(other, group.name)]
            hint = _files(elsewhere) or nearest(group.name, _group_names(kind))
            yield _unknown_group(kind, group, What.MISPLACED if elsewhere else What.UNKNOWN, hint)


def _unknown_group(kind: Kind, group: Group, what: What, hint: str) -> Finding:
    told = f"{kind} has no group [{group.name}], and passes over it{hint}"
    return Finding(Severity.WARNING, what, told, group.name, line=group.line or None)


def unknown_keys(file: ConfigFile, kind: Kind) -> Iterator[Finding]:
    for name in file.names:
        table = table_of(kind, name)
        if table is None or passed_over(file, table, name):
            continue
        for entry in file.entries(name):
            row = table.find(entry.key)
            if row is None or file.form not in row.forms:
                yield _unknown_key(kind, table, name, entry, table.unknown_in(file.form))


def _unknown_key(kind: Kind, table: GroupTable, group: str, entry: Entry, severity: Severity) -> Finding:
    place = _belongs(kind, table, entry.key)
    known_in_other_form = table.find(entry.key) is not None
    hint = place or nearest(entry.key, _key_names(table))
    if known_in_other_form:
        hint = "; only the other format's reader knows it"
    return Finding(
        severity,
        What.MISPLACED if place else What.UNKNOWN,
        f"{kind} has no key {entry.key!r} in [{group}]" + hint,
        group=group,
        key=entry.key,
        line=entry.line or None,
    )


def _belongs(kind: Kind, table: GroupTable, key: str) -> str:
    """Where a key that this group does not have is known; empty where nowhere."""
    if table.find(key):
        return ""
    if groups := [each.name for each in tables_of(kind) if _plainly_has(each, key)]:
        return "; it belongs in " + " or ".join(f"[{name}]" for name in groups)
    return _files([other for other in judged() if any(_plainly_has(each, key) for each in tables_of(other))])


def _plainly_has(table: GroupTable, key: str) -> bool:
    """Has a row of just this name: a pattern such as `roi-{NAME}` would claim words that nobody meant."""
    return any(row.name == key for row in table.keys)


def _files(kinds: list[Kind]) -> str:
    return f"; it belongs in a file of {' or '.join(kinds)}" if kinds else ""


def _group_names(kind: Kind) -> list[str]:
    return [table.name for table in tables_of(kind)]


def _key_names(table: GroupTable) -> list[str]:
    return [row.name for row in table.keys]
