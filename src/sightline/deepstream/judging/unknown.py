"""Groups and keys that the file's reader does not know: misspelled, or known somewhere else.

Promises: one finding each, with the nearest right word, or with the group or the kind of file that the word
belongs to.

Deliberately not here: values (`value_checks`), and groups that are not read for another reason (`unread`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sightline.deepstream.document import ConfigFile, Entry, Form, Group
from sightline.deepstream.findings import Finding, Severity, What
from sightline.deepstream.judging.rules.opening import unknown_group_of
from sightline.deepstream.judging.sections import Section
from sightline.deepstream.keys.key import GroupTable, Key, folded
from sightline.deepstream.keys.opening import judged, table_of, tables_of
from sightline.deepstream.kinds import Kind
from sightline.kinds import nearest

_HINTS = 200  # unknown groups, and keys, that are looked for elsewhere; with more nothing is misspelled


def unknown_groups(file: ConfigFile, kind: Kind) -> Iterator[Finding]:
    severity = unknown_group_of(kind, file.form)
    unknown = (group for group in file.groups if not _is_known(file.form, kind, group.name))
    for number, group in enumerate(unknown):
        hint = ""
        if number < _HINTS:
            hint = _stray_key(group, kind) or _group_hint(file.form, kind, group.name)
        yield _unknown_group(kind, group, severity, hint)


def _is_known(form: Form, kind: Kind, name: str) -> bool:
    table = table_of(kind, name)
    return table is not None and form in table.forms


def _unknown_group(kind: Kind, group: Group, severity: Severity, hint: str) -> Finding:
    does = "stops at it" if severity is Severity.REFUSED else "passes over it"
    what = What.MISPLACED if hint.startswith("; it belongs") else What.UNKNOWN
    told = f"{kind} has no group [{group.name}] and {does}{hint}"
    return Finding(severity, what, told, group.name, line=group.line or None)


def _stray_key(group: Group, kind: Kind) -> str:
    """YAML's key that lost its indentation stands among the groups."""
    if group.value is None:
        return ""
    groups = _groups_with(group.name, kind)
    return f"; it belongs, indented, below {' or '.join(groups)}" if groups else ""


def _group_hint(form: Form, kind: Kind, name: str) -> str:
    if table_of(kind, name):
        return "; only the other format's reader knows it"
    if right := _group_respelled(form, kind, name):
        return f'; did you mean "{right}"?'
    if elsewhere := [other for other in judged() if table_of(other, name)]:
        return _files(elsewhere)
    meant = next((word for other in judged() if (word := _group_respelled(form, other, name))), None)
    if meant:
        return _files([other for other in judged() if table_of(other, meant)]) + f', as "{meant}"'
    return nearest(name, (table.name for table in tables_of(kind) if form in table.forms))


def _group_respelled(form: Form, kind: Kind, name: str) -> str | None:
    """The group of this kind that was meant, where only letters and separators are others."""
    tidy = name.strip().lower().replace("_", "-")
    plain = (
        table.name
        for table in tables_of(kind)
        if form in table.forms and folded(table.name) == folded(name) and "{" not in table.name
    )
    table = table_of(kind, tidy)
    return next(plain, tidy if table and form in table.forms and tidy != name else None)


def unknown_keys(found: Iterable[Section], kind: Kind, form: Form) -> Iterator[Finding]:
    unknown = ((section, entry) for section in found for entry in _not_known(section, form))
    for number, (section, entry) in enumerate(unknown):
        hint = _key_hint(kind, section.table, entry.key, form) if number < _HINTS else ""
        yield _unknown_key(kind, section, entry, section.table.unknown_in(form), hint)


def _not_known(section: Section, form: Form) -> Iterator[Entry]:
    for entry in section.entries:
        row = section.table.find(entry.key, form)
        if row is None or form not in row.forms:
            yield entry


def _unknown_key(kind: Kind, section: Section, entry: Entry, severity: Severity, hint: str) -> Finding:
    return Finding(
        severity,
        What.MISPLACED if hint.startswith("; it belongs") else What.UNKNOWN,
        f"{kind} has no key {entry.key!r} in [{section.name}]{hint}",
        section.name,
        entry.key,
        entry.line or None,
    )


def _key_hint(kind: Kind, table: GroupTable, key: str, form: Form) -> str:
    if row := table.find(key):
        return _of_the_other_form(row, form)
    if right := table.respelled(key, form):
        return f'; did you mean "{right}"?'
    if groups := _groups_with(key, kind):
        return "; it belongs in " + _named(groups)
    kinds = [other for other in judged() if any(_plainly_has(each, key) for each in tables_of(other))]
    if kinds:
        return _respelled_here(kind, key, form) or _files(kinds)
    return _respelled_here(kind, key, form) or nearest(key, (row.name for row in table.keys))


def _of_the_other_form(row: Key, form: Form) -> str:
    whose = "YAML's" if form is Form.TXT else "text's"
    heir = f", and {row.heir!r} is its heir" if row.heir else ""
    return f"; only {whose} reader knows it{heir}{f' ({row.note})' if row.note else ''}"


def _respelled_here(kind: Kind, key: str, form: Form) -> str:
    """A key of another group of the same file, which has other separators or letters there."""
    right = next((word for each in tables_of(kind) if (word := each.respelled(key, form))), None)
    return f'; it belongs in {_named(_groups_with(right, kind))}, as "{right}"' if right else ""


def _named(groups: list[str]) -> str:
    return " or ".join(f"[{name}]" for name in groups)


def _groups_with(key: str, kind: Kind) -> list[str]:
    """Groups that have such a key; those whose names are patterns only where there are no others."""
    groups = list(dict.fromkeys(table.name for table in tables_of(kind) if _plainly_has(table, key)))
    return [name for name in groups if "{" not in name] or groups


def _plainly_has(table: GroupTable, key: str) -> bool:
    """Has a row of just this name, or of this and a number: `roi-{NAME}` would claim words nobody meant."""
    return any(row.name == key or _is_numbered(row, key) for row in table.keys)


def _is_numbered(row: Key, key: str) -> bool:
    return row.name.endswith(("{N}", "{INDEX}")) and row.pattern.fullmatch(key) is not None


def _files(kinds: list[Kind]) -> str:
    return f"; it belongs in a file of {' or '.join(kinds)}" if kinds else ""
