"""One group as rules ask it: what a key is set to, and a finding about it.

Deliberately not here: values that cannot be read; `value_checks` tells of them, and here they count as not
set.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sightline.deepstream.document import ConfigFile, Entry, Form
from sightline.deepstream.findings import Finding, Severity, What
from sightline.deepstream.judging.sections import Section, sections
from sightline.deepstream.kinds import Kind
from sightline.deepstream.reading.values import read
from sightline.deepstream.refusal import ValueRefused


@dataclass(frozen=True, slots=True)
class Settings:
    section: Section
    form: Form

    @property
    def name(self) -> str:
        return self.section.name

    def has(self, key: str) -> bool:
        return self.section.entry(key) is not None

    def names(self) -> list[str]:
        return [entry.key for entry in self.section.entries]

    def value(self, key: str, default: Any = None) -> Any:
        """What DeepStream has of a key; `default` where it is not set or cannot be read."""
        entry = self.section.entry(key)
        row = self.section.table.find(key, self.form) if entry else None
        if entry is None or row is None or self.form not in row.forms:
            return default
        try:
            return read(row, entry, self.form)
        except ValueRefused:
            return default

    def on(self, key: str, default: bool = False) -> bool:
        """A switch: a boolean of text, a number of YAML."""
        return bool(self.value(key, default))

    def tell(self, severity: Severity, what: What, key: str | None, told: str) -> Finding:
        entry: Entry | None = self.section.entry(key) if key else None
        line = entry.line if entry else self.section.line
        place = f"[{self.name}] {key}: " if key else f"[{self.name}]: "
        at = line if entry or not key else None
        return Finding(severity, what, place + told, self.name, key, at or None)


def settings(file: ConfigFile, kind: Kind, group: str | None = None) -> Iterator[Settings]:
    """Each group of the file that its kind knows; only those of the name `group` where that is given."""
    for section in sections(file, kind):
        if group is None or section.name == group:
            yield Settings(section, file.form)


def only(file: ConfigFile, kind: Kind, group: str) -> Settings | None:
    """The group of this name; None where there is none."""
    return next(settings(file, kind, group), None)
