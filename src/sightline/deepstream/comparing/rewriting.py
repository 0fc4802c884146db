"""One value in the other form: as it stands where that says the same there, rewritten where it does not.

Promises: what the parser of the other form makes of the result is what this one's makes of the value, or
there is a finding. So `007` of text is `7` in YAML, which would take it for
octal, `3 # cars` is `3`, `0;1;` is `0;1`, and what text escapes stands plainly.

Deliberately not here: whole files (`converting`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from sightline.deepstream.comparing.meaning import Meant, is_cut, meant, row_of, shown, table_for
from sightline.deepstream.document import ConfigFile, Entry, Form, Group, Mapping, Nothing, Sequence
from sightline.deepstream.findings import Finding, Severity, What
from sightline.deepstream.keys.key import Key
from sightline.deepstream.kinds import Kind
from sightline.deepstream.reading import keyfile, keyfile_values
from sightline.deepstream.reading.values import read
from sightline.deepstream.refusal import Refused, ValueRefused
from sightline.log import redact

_WORDS: Final = {Form.TXT: {"inf": "inf", "-inf": "-inf"}, Form.YML: {"inf": ".inf", "-inf": "-.inf"}}


class Rewriting:
    """Entries of one file, into the other form; `findings` gathers what is to be known of it."""

    def __init__(self, kind: Kind, form: Form, to: Form, findings: list[Finding]) -> None:
        self.kind = kind
        self.form = form
        self.to = to
        self.findings = findings

    def entry(self, entry: Entry, group: str) -> Entry | None:
        """The entry in the other form; None where nothing there can say it."""
        flat = self._flat(entry, group)
        if flat is None:
            return None
        self._tell_if_unknown(flat, group)
        row = row_of(self.kind, group, flat.key, self.form)
        other = row_of(self.kind, group, flat.key, self.to)
        value = meant(flat, row if other else None, self.form)
        try:
            written = next(self._candidates(flat, other if row else None, value), None)
            canonical = self._canonical(value)
        except ValueRefused as error:
            self._tell(What.VALUE, entry, group, f"is left out: {error}", Severity.REFUSED)
            return None
        if written is None:
            written = canonical
            self._tell(
                What.VALUE, flat, group, f"{self.to} has no way to write {shown(flat.value)!r} as it is meant"
            )
        elif row is not None and self._is_unreadable(flat, group):
            self._tell(
                What.VALUE, flat, group, f"{flat.text!r} cannot be read; it is taken over as it stands"
            )
        if self.to is Form.YML and is_cut(self.kind, group, flat.key, value):
            self._tell(What.REPLACED, flat, group, "only the whole parts of a colour are read in YAML")
        return replace(flat, value=written, quoted=False)

    def _flat(self, entry: Entry, group: str) -> Entry | None:
        """With a text as its value."""
        if isinstance(entry.value, str):
            return entry
        if isinstance(entry.value, Nothing):
            row = row_of(self.kind, group, entry.key, self.form)
            return replace(entry, value=str(meant(entry, row, self.form)))
        if isinstance(entry.value, Mapping) or not all(isinstance(item, str) for item in entry.value.items):
            self._tell(
                What.VALUE, entry, group, "is left out: text has no values within values", Severity.REFUSED
            )
            return None
        told = "is a list, which became words with ; between"
        if self.kind is not Kind.TRACKER:  # the tracker's library has lists; all others split words
            told += "; DeepStream's own YAML parsers take no list here"
        self._tell(What.VALUE, entry, group, told)
        return replace(entry, value=";".join(_texts(entry.value)))

    def _candidates(self, entry: Entry, row: Key | None, value: Meant) -> Iterator[str]:
        """Ways to write it that say the same, the most like what stands there first."""
        text = entry.text or ""
        short = text.strip()
        for written in dict.fromkeys((text, short, short.removesuffix(";"), self._canonical(value))):
            is_right = _same(meant(replace(entry, value=written), row, self.to), value)
            if is_right and self._is_sayable(written):
                yield written

    def _is_sayable(self, written: str) -> bool:
        """Whether a line of a key file can hold it."""
        if self.to is Form.TXT:
            try:
                keyfile.write(ConfigFile(Form.TXT, (Group("g", (Entry("k", written),)),)))
            except Refused:
                return False
        return True

    def _canonical(self, value: Meant) -> str:
        if isinstance(value, tuple):
            items = [self._item(item) for item in value]
            ended = self.to is Form.TXT and items[-1:] == [""]
            return ";".join(items) + (";" if ended else "")
        if isinstance(value, str):
            return keyfile_values.escape(value) if self.to is Form.TXT else value
        if isinstance(value, float):
            return _WORDS[self.to].get(repr(value), repr(value))
        return "nan" if value is None else str(value)

    def _item(self, item: Meant) -> str:
        written = self._canonical(item)
        return written.replace(";", "\\;") if self.to is Form.TXT and isinstance(item, str) else written

    def _is_unreadable(self, entry: Entry, group: str) -> bool:
        row = row_of(self.kind, group, entry.key, self.form)
        try:
            if row is not None:
                read(row, entry, self.form)
        except ValueRefused:
            return True
        return False

    def _tell_if_unknown(self, entry: Entry, group: str) -> None:
        """Of a key that the parser of one form knows and that of the other does not."""
        table = table_for(self.kind, group, self.to)
        rows = [row_of(self.kind, group, entry.key, form) for form in (self.form, self.to)]
        if table and self.to in table.forms and rows[0] and not rows[1]:
            told = f"is not known to the parser of {self.to} files"
            self._tell(What.UNKNOWN, entry, group, told, table.unknown_in(self.to))
        elif rows[1] and not rows[0]:
            told = f"is passed over in a {self.form} file, and counts in a {self.to} file"
            self._tell(What.UNKNOWN, entry, group, told)

    def _tell(
        self, what: What, entry: Entry, group: str, told: str, severity: Severity = Severity.WARNING
    ) -> None:
        message = redact(f"[{group}] {entry.key}: {told}")
        self.findings.append(Finding(severity, what, message, group, entry.key, entry.line or None))


def _texts(sequence: Sequence) -> Iterator[str]:
    return (item for item in sequence.items if isinstance(item, str))


def _same(one: Meant, other: Meant) -> bool:
    """Equal, and a text is no number."""
    if isinstance(one, float) and isinstance(other, float) and math.isnan(one):
        return math.isnan(other)
    return isinstance(one, str) == isinstance(other, str) and one == other
