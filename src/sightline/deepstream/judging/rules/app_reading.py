"""An application's file as deepstream-app has it after its parsers, for rules that look at several groups.

Promises: numbers and texts as the reader of the form has them; a value that cannot be read counts as not set,
because it is told elsewhere. A group is on where DeepStream would make its element.

Deliberately not here: any judgement.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from sightline.deepstream.document import ConfigFile, Form
from sightline.deepstream.findings import Finding, Severity, What
from sightline.deepstream.keys.key import Key
from sightline.deepstream.keys.opening import table_of
from sightline.deepstream.kinds import Kind
from sightline.deepstream.reading.sources import Source, number_of_pictures, sources_of
from sightline.deepstream.reading.values import read
from sightline.deepstream.refusal import ValueRefused


@dataclass(frozen=True)
class App:
    """What the rules ask a file."""

    file: ConfigFile

    @property
    def text(self) -> bool:
        return self.file.form is Form.TXT

    def has(self, group: str) -> bool:
        """Whether the file has the group, and the parser of its form knows it."""
        table = table_of(Kind.APP, group)
        return bool(self.file.named(group)) and table is not None and self.file.form in table.forms

    def _row(self, group: str, key: str) -> Key | None:
        """The key's, where the parser of this form knows it."""
        table = table_of(Kind.APP, group)
        row = table.find(key, self.file.form) if table else None
        return row if row and self.file.form in row.forms else None

    def is_set(self, group: str, key: str) -> bool:
        return self.file.entry(group, key) is not None and self._row(group, key) is not None

    def value(self, group: str, key: str) -> object:
        entry = self.file.entry(group, key)
        row = self._row(group, key) if entry else None
        if row is None or entry is None:
            return None
        try:
            return read(row, entry, self.file.form)
        except ValueRefused:
            return None

    def number(self, group: str, key: str, default: int = 0) -> int:
        found = self.value(group, key)
        return int(found) if isinstance(found, int | float) else default

    def written(self, group: str, key: str) -> str:
        """The text of a key; empty where it is not set."""
        entry = self.file.entry(group, key)
        return (entry.text if entry else None) or ""

    def word(self, group: str, key: str) -> str | None:
        found = self.value(group, key)
        return found if isinstance(found, str) else None

    def words(self, group: str, key: str) -> tuple[str, ...]:
        found = self.value(group, key)
        return tuple(map(str, found)) if isinstance(found, tuple) else ()

    def on(self, group: str) -> bool:
        return group in self.file.once(_on)

    def groups(self, prefix: str) -> tuple[str, ...]:
        """The groups that begin so, in order: the parsers look at no more than that."""
        return self.file.once(_groups, prefix)

    def groups_on(self, prefix: str) -> tuple[str, ...]:
        return self.file.once(_groups_on, prefix)

    @property
    def sources(self) -> tuple[Source, ...]:
        """All of them, or one more than there may be."""
        return self.file.once(sources_of)

    @cached_property
    def pictures(self) -> int:
        """The inputs of the mux."""
        return number_of_pictures(self.sources)

    @property
    def listed(self) -> bool:
        """Whether the sources are a list's."""
        return self.text and self.has("source-list")

    @property
    def multi(self) -> bool:
        """Whether nvmultiurisrcbin reads the sources."""
        return self.listed and self.number("source-list", "use-nvmultiurisrcbin") != 0

    @property
    def analysed(self) -> bool:
        """Whether anything stands between the mux and the sinks that messages could be made of."""
        return any(map(self.on, _ANALYSING))

    def line(self, group: str, key: str | None = None) -> int | None:
        entry = self.file.entry(group, key) if key else None
        if entry is not None:
            return entry.line or None
        groups = self.file.named(group)
        return (groups[0].line or None) if groups else None

    def finding(self, severity: Severity, what: What, group: str, key: str | None, told: str) -> Finding:
        place = f"[{group}] {key}: " if key else f"[{group}]: "
        return Finding(severity, what, place + told, group, key, self.line(group, key))

    def refused(self, group: str, key: str | None, told: str, what: What = What.VALUE) -> Finding:
        return self.finding(Severity.REFUSED, what, group, key, told)

    def without_effect(self, group: str, key: str | None, told: str) -> Finding:
        return self.finding(Severity.WARNING, What.INAPPLICABLE, group, key, told)

    def replaced(self, group: str, key: str, told: str) -> Finding:
        return self.finding(Severity.WARNING, What.REPLACED, group, key, told)

    def real_default(self, group: str, key: str, told: str) -> Finding:
        return self.finding(Severity.NOTE, What.DEFAULT, group, key, told)

    def unused(self, group: str, keys: tuple[str, ...], told: str) -> Iterator[Finding]:
        """One finding for each of the keys that is set."""
        for key in keys:
            if self.is_set(group, key):
                yield self.without_effect(group, key, told)


def _on(file: ConfigFile) -> frozenset[str]:
    app = App(file)
    return frozenset(name for name in file.names if app.number(name, "enable") != 0 and app.has(name))


def _groups(file: ConfigFile, prefix: str) -> tuple[str, ...]:
    app = App(file)
    return tuple(name for name in file.names if name.startswith(prefix) and app.has(name))


def _groups_on(file: ConfigFile, prefix: str) -> tuple[str, ...]:
    app = App(file)
    return tuple(name for name in app.groups(prefix) if app.on(name))


_ANALYSING = (
    "pre-process",
    "primary-gie",
    "replay",
    "tracker",
    "nvds-analytics",
    "segvisual",
    "visionencoder",
    "text-embedder",
)
