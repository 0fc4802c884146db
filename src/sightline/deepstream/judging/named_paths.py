"""Files that a configuration names: where they would be, and which are not there.

Promises: a name is looked for where DeepStream looks, beside the file that has it. One that is missing is a
warning, because the machine that runs DeepStream may have it.

Deliberately not here: what is in them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from sightline.deepstream.document import ConfigFile, Entry
from sightline.deepstream.findings import Finding, Severity, What
from sightline.deepstream.judging.passed_over import passed_over
from sightline.deepstream.judging.rules.opening import unread
from sightline.deepstream.judging.sections import Section, sections
from sightline.deepstream.keys.key import Key, Type
from sightline.deepstream.kinds import Kind
from sightline.deepstream.reading.values import read
from sightline.deepstream.refusal import ValueRefused

_MADE = "model-engine-file"
_NEEDED = frozenset({"config-file", "labelfile-path", "custom-lib-path", "ll-lib-file"})
_OTHERS = (".csv", ".json")  # tables of sensors and the like, which no parser of ours reads


class NamedPath(NamedTuple):
    """A key whose value is a file.

    Attributes:
        path: where it is, or would be.
        configuration: it is a configuration of DeepStream's, by its key and the end of its name.
    """

    group: str
    entry: Entry
    path: Path
    configuration: bool


def named_paths(file: ConfigFile, kind: Kind) -> Iterator[NamedPath]:
    """Every file that the groups name which are read; none where the file itself has no place."""
    if file.path is None:
        return
    reasons = unread(file, kind)
    for section in sections(file, kind):
        if section.name not in reasons and not passed_over(file, section.table, section.name):
            yield from _of_section(section, file, file.path.parent)


def _of_section(section: Section, file: ConfigFile, folder: Path) -> Iterator[NamedPath]:
    for entry in section.entries:
        row = section.table.find(entry.key, file.form)
        text = _path_text(row, entry, file) if row and file.form in row.forms else ""
        if text:
            path = folder / text
            configuration = "config" in entry.key and path.suffix not in _OTHERS
            yield NamedPath(section.name, entry, path, configuration)


def _path_text(row: Key, entry: Entry, file: ConfigFile) -> str:
    if row.type is not Type.PATH or entry.text is None:
        return ""
    try:
        text: str = read(row, entry, file.form)
    except ValueRefused:
        return ""
    return "" if "\0" in text else text.removeprefix("file://")


def missing(named: NamedPath) -> Finding | None:
    """That it is not there; None where it is."""
    try:
        if named.path.exists():
            return None
    except OSError:
        pass  # a name that no file system takes is of no file
    told = f"[{named.group}] {named.entry.key}: not found here: {named.path}"
    if named.entry.key == _MADE:
        told += (
            "; DeepStream builds the engine of the model that is named beside it, and that takes its time; "
        )
        told += "without one it does not start"
    elif named.entry.key in _NEEDED and not named.group.startswith("message-consumer"):
        told += "; DeepStream does not start without it"
    line = named.entry.line or None
    return Finding(Severity.WARNING, What.MISSING, told, named.group, named.entry.key, line)
