"""A file in the other form, with the same meaning.

Promises: `convert` gives a file that DeepStream's parser of the other form reads to the same settings, with
the comments, and with a finding for whatever that parser cannot have: REFUSED where it would not load the
file or would lack something that matters, WARNING where it passes over what was written. Nothing is left out
silently. The sources of an application stand in groups in text and in a table beside the file in YAML: that
table is in `beside`, as are the files that it names where `with_named` asks for them.

Deliberately not here: writing to disk.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from sightline.deepstream.comparing.meaning import is_unread, shown, table_for
from sightline.deepstream.comparing.plain import Plain, Tabled, is_source, plain
from sightline.deepstream.comparing.preprocess_groups import as_list
from sightline.deepstream.comparing.rewriting import Rewriting
from sightline.deepstream.comparing.source_list import LIST
from sightline.deepstream.comparing.table_sources import table_of_sources
from sightline.deepstream.comparing.twin_files import Named, follow, named_files, twin
from sightline.deepstream.document import ConfigFile, Entry, Form, Group, Nothing
from sightline.deepstream.findings import Finding, Severity, What
from sightline.deepstream.judging.linting import in_order_of_files
from sightline.deepstream.kinds import Kind, kind_of
from sightline.deepstream.reading import keyfile, yamlfile
from sightline.deepstream.reading.source_table import GROUP
from sightline.deepstream.refusal import Refused
from sightline.log import redact

# Files that are read in one form alone, by what, and None where that is the one that they are in.
_ONE_FORM: Final[dict[Kind, tuple[Form | None, str]]] = {
    Kind.TEST_APP: (Form.YML, "the test programs read YAML alone"),
    Kind.TRACKER: (None, "trackers read YAML alone, and deepstream-test2 its [tracker] in text"),
    Kind.BROKER: (Form.TXT, "the libraries of the brokers read text files alone"),
}


@dataclass(frozen=True, slots=True)
class Companion:
    """A file that belongs beside the converted one; its name is relative to that one's folder."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Converted(Tabled):
    """A converted file.

    Attributes:
        findings: what was resolved, and what the parser of its form does not take.
        beside: files that it needs, or that were converted with it.
    """

    findings: tuple[Finding, ...] = field(default=(), compare=False)
    beside: tuple[Companion, ...] = field(default=(), compare=False)


def write(file: ConfigFile) -> bytes:
    """The text of a file of either form. Raises Refused for what its form cannot say."""
    return keyfile.write(file) if file.form is Form.TXT else yamlfile.write(file)


def convert(file: ConfigFile, to: Form, *, with_named: bool = False, name: str | None = None) -> Converted:
    """The file in the form `to`.

    Args:
        file: in the other form; one that is in that form already stays as it is.
        to: the form that is wanted.
        with_named: whether files of DeepStream that it names are converted too, and named so.
        name: of the file that it will be; the table of its sources is named after it.
    """
    if file.form is to:
        told = Finding(Severity.NOTE, What.DEFAULT, f"is a file of the form {to} already")
        return Converted(to, file.groups, file.path, file.tail, findings=(told,))
    return _Conversion(file, to, name or _name(file, to), with_named=with_named).run()


def _name(file: ConfigFile, to: Form) -> str:
    return f"{file.path.stem if file.path else 'config'}.{to}"


class _Conversion:
    """One file on its way into the other form."""

    def __init__(self, file: ConfigFile, to: Form, name: str, *, with_named: bool) -> None:
        self.file = file
        self.kind = kind_of(file)
        self.to = to
        self.name = name
        self.with_named = with_named
        self.made: Plain = plain(file, self.kind)
        self.findings = [*self.made.notes]
        self.beside: list[Companion] = []
        self.rows: tuple[Group, ...] | None = None

    def run(self) -> Converted:
        self._tell_of_the_whole()
        groups = [group for each in self.made.file.groups for group in self._group(each)]
        if self.to is Form.YML and self.kind is Kind.APP:
            groups, self.rows, files = table_of_sources(groups, self.name, self.findings)
            self.beside += [Companion(*each) for each in files]
        if self.to is Form.YML and self.kind is Kind.PREPROCESS:
            groups = as_list(groups)
        if self.to is Form.TXT:
            groups = [self._expressible(group) for group in groups if self._has_name(group)]
        groups = self._with_named_files(groups)
        findings = in_order_of_files(self.findings)
        tail = tuple(map(_comment, self.file.tail))
        return Converted(
            self.to,
            tuple(groups),
            tail=tail,
            rows=self.rows,
            findings=findings,
            beside=tuple(self.beside),
        )

    def _tell_of_the_whole(self) -> None:
        form, why = _ONE_FORM.get(self.kind, (self.to, ""))
        if form is not self.to:
            told = f"nothing reads a file of {self.kind} as {self.to}: {why}"
            self.findings.append(Finding(Severity.WARNING, What.MISPLACED, told))

    def _group(self, group: Group) -> Iterator[Group]:
        if group.value is not None and not isinstance(group.value, Nothing):
            told = f"{group.name}: {shown(group.value)} is left out: nothing reads what is in no group"
            self._tell(Severity.WARNING, What.MISPLACED, told, group)
            return
        self._tell_if_not_read(group)
        into = Rewriting(self.kind, self.file.form, self.to, self.findings)
        entries = tuple(
            _commented(made) for entry in group.entries if (made := into.entry(entry, group.name))
        )
        yield replace(group, entries=entries, value=None, comment=tuple(map(_comment, group.comment)))

    def _tell_if_not_read(self, group: Group) -> None:
        """Of a group that only the parser of one form knows."""
        table = table_for(self.kind, group.name, self.to)
        if is_unread(self.kind, group.name, self.file.form) and table and self.to in table.forms:
            told = f"[{group.name}] is passed over in a {self.file.form} file, and counts in a {self.to} file"
            self._tell(Severity.WARNING, What.UNKNOWN, told, group)
        matters = group.name in {LIST, GROUP}
        if table is None or self.to in table.forms or is_source(group.name) or self.kind in _ONE_FORM:
            return
        if group.name == GROUP and self.made.table_missing:
            return  # told already
        if self.file.form not in table.forms and not matters:
            return
        told = f"[{group.name}] is not known to the parser of {self.to} files" + (
            ": there would be no sources" if matters else ", which passes over it"
        )
        self._tell(Severity.REFUSED if matters else Severity.WARNING, What.UNKNOWN, told, group)

    def _has_name(self, group: Group) -> bool:
        return self._is_written(replace(group, entries=(), comment=()), group, None)

    def _expressible(self, group: Group) -> Group:
        """Without what a text file cannot say, such as a key with a `=` in it."""
        kept = tuple(
            entry
            for entry in group.entries
            if self._is_written(replace(group, entries=(entry,)), group, entry)
        )
        return replace(group, entries=kept)

    def _is_written(self, part: Group, group: Group, entry: Entry | None) -> bool:
        try:
            keyfile.write(ConfigFile(Form.TXT, (part,)))
        except Refused as error:
            told = f"is left out: {error.reason}"
            self._tell(Severity.REFUSED, What.VALUE, told, group, entry)
            return False
        return True

    def _with_named_files(self, groups: list[Group]) -> list[Group]:
        for named in list(named_files(ConfigFile(self.to, tuple(groups)), self.kind)):
            found = follow(self.file, named, self.to) if self.with_named else None
            if found is None:
                told = f"names {named.entry.text}, which stays as it is: its own end tells its form"
                group = next(group for group in groups if group.name == named.group)
                self._tell(Severity.NOTE, What.DEFAULT, told, group, named.entry)
            else:
                groups = [self._renamed(group, named) for group in groups]
                self._take(found, twin(named.entry.text or "", self.to))
        return groups

    def _renamed(self, group: Group, named: Named) -> Group:
        value = twin(named.entry.text or "", self.to)
        entries = (
            replace(entry, value=value)
            if group.name == named.group and entry.key == named.entry.key
            else entry
            for entry in group.entries
        )
        return replace(group, entries=tuple(entries))

    def _take(self, found: ConfigFile, name: str) -> None:
        """A file that this one names, converted as well."""
        if name in {companion.name for companion in self.beside}:
            return
        made = convert(found, self.to)
        self.beside.append(Companion(name, write(made)))
        self.findings += [replace(finding, file=finding.file or str(found.path)) for finding in made.findings]

    def _tell(
        self, severity: Severity, what: What, told: str, group: Group, entry: Entry | None = None
    ) -> None:
        place = f"[{group.name}] {entry.key}: " if entry else ""
        line = (entry.line if entry else group.line) or None
        key = entry.key if entry else None
        self.findings.append(Finding(severity, what, redact(f"{place}{told}"), group.name, key, line))


def _commented(entry: Entry) -> Entry:
    return replace(entry, comment=tuple(map(_comment, entry.comment)))


def _comment(line: str) -> str:
    """A comment has one line in either form."""
    return line.replace("\r", "")
