"""What DeepStream would make of a file: refused, warned of, silently different.

Promises: `lint` never raises and gives its findings in the order of the file; `would_load(findings)` is
whether DeepStream goes on with it. The severity is what the very parser of that kind and form does.
`lint_path` begins with reading the file, and goes on to those that it names; it does not raise either. Of
findings of one sort the first thousand are given, and of files that are named the first hundred.

Deliberately not here: what is right for a kind (`keys`, `rules`), and how values are read (`reading`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path

from sightline.deepstream.document import ConfigFile, Form, Group, Sequence
from sightline.deepstream.findings import Finding, Severity, What
from sightline.deepstream.judging.capping import capped
from sightline.deepstream.judging.named_paths import NamedPath, missing, named_paths
from sightline.deepstream.judging.overriding import beaten, is_element, overridden
from sightline.deepstream.judging.passed_over import passed_over
from sightline.deepstream.judging.rules.opening import rules_of, unread
from sightline.deepstream.judging.sections import Section, sections
from sightline.deepstream.judging.unknown import unknown_groups, unknown_keys
from sightline.deepstream.judging.value_checks import values
from sightline.deepstream.keys.key import GroupTable
from sightline.deepstream.keys.opening import judged, table_of, tables_of
from sightline.deepstream.kinds import Kind, kind_of, looks_like_protobuf
from sightline.deepstream.reading.loading import load
from sightline.deepstream.refusal import Refused

MOST_FILES = 100  # that a file names and those that they name: a file may be named at each of its lines

Maker = tuple[ConfigFile, str]  # the application's file and the group in it that names the other one


def lint(file: ConfigFile, kind: Kind | None = None) -> tuple[Finding, ...]:
    """What is to be known of a file; `kind` where the reader is known and the file does not tell."""
    return capped(_lint(file, kind or kind_of(file)))


def _lint(file: ConfigFile, kind: Kind) -> tuple[Finding, ...]:
    if kind not in judged():
        return (not_judged(kind),)
    found = [finding for check in _CHECKS for finding in check(file, kind)]
    found += _of_groups(file, kind)
    told = [finding for rule in rules_of(kind) for finding in rule(file)]
    return in_order([*_not_refused(found, told), *told])


def _not_refused(found: Iterable[Finding], told: Iterable[Finding]) -> Iterator[Finding]:
    """Without the unknown groups and keys that a rule says DeepStream refuses: they are not passed over."""
    unknown = (Severity.REFUSED, What.UNKNOWN)
    refused = {(each.group, each.key) for each in told if (each.severity, each.what) == unknown}
    return (each for each in found if each.what is not What.UNKNOWN or (each.group, each.key) not in refused)


def in_order(found: Iterable[Finding]) -> tuple[Finding, ...]:
    """By line, those without a line first; each once."""
    return tuple(sorted(dict.fromkeys(found), key=lambda finding: finding.line or 0))


def not_judged(kind: Kind) -> Finding:
    if kind is Kind.NVINFERSERVER:
        told = "this is nvinferserver's file, protobuf's text format; it is not judged"
    else:
        known = ", ".join(judged())
        told = f"no kind of file that is known here (known: {known}); it is not judged"
    return Finding(Severity.NOTE, What.UNKNOWN, told)


def _of_groups(file: ConfigFile, kind: Kind) -> Iterator[Finding]:
    """Keys and values of the groups that are read, and what keeps the others from it."""
    reasons = unread(file, kind)
    found = [each for each in sections(file, kind) if not _is_unread(file, each, reasons)]
    yield from unknown_keys(found, kind, file.form)
    yield from values(found, file.form)
    for group in file.groups:
        if reason := reasons.get(group.name):
            told = f"[{group.name}] is not read: {reason}"
            yield Finding(Severity.WARNING, What.INAPPLICABLE, told, group.name, line=group.line or None)


def _is_unread(file: ConfigFile, section: Section, reasons: Iterable[str]) -> bool:
    return section.name in reasons or passed_over(file, section.table, section.name)


def _duplicates(file: ConfigFile, _: Kind) -> Iterator[Finding]:
    for name in file.names:
        groups = file.named(name) if file.form is Form.TXT else file.named(name)[:1]
        lines_of: dict[str, list[int]] = {}
        for entry in (entry for group in groups for entry in group.entries):
            lines_of.setdefault(entry.key, []).append(entry.line)
        for key, lines in lines_of.items():
            if len(lines) > 1:
                told = f"[{name}] {key} stands {len(lines)} times, and the last one holds"
                yield Finding(Severity.WARNING, What.DUPLICATE, told, name, key, lines[-1] or None)


def _double_groups(file: ConfigFile, _: Kind) -> Iterator[Finding]:
    for name in file.names:
        groups = file.named(name)
        if len(groups) > 1:
            holds = "they are read as one" if file.form is Form.TXT else "the first one holds"
            told = f"[{name}] stands {len(groups)} times; {holds}"
            yield Finding(Severity.WARNING, What.DUPLICATE, told, name, line=groups[-1].line or None)


def _missing_groups(file: ConfigFile, kind: Kind) -> Iterator[Finding]:
    for table in tables_of(kind):
        if table.required and not any(map(table.pattern.fullmatch, file.names)):
            told = f"{kind} must have a group [{table.name}]"
            yield Finding(Severity.REFUSED, What.MISSING, told, table.name)


def _groups_that_are_none(file: ConfigFile, kind: Kind) -> Iterator[Finding]:
    """A key of YAML's top level with the wrong thing below it: yaml-cpp finds no pairs in it, or throws."""
    for group in file.groups if file.form is Form.YML else ():
        table = table_of(kind, group.name)
        if table is None or file.form not in table.forms or _fits(group, table):
            continue
        listed = isinstance(group.value, Sequence) and bool(group.value.items)
        thrown = listed or (table.listed and group.value is None)
        wanted = "a list of groups" if table.listed else "keys and values, indented"
        read = "got a list" if listed else "got keys and values" if thrown else "it is read as an empty group"
        told = f"[{group.name}]: expected {wanted} below it; {read}"
        severity = Severity.REFUSED if thrown else Severity.WARNING
        yield Finding(severity, What.VALUE, told, group.name, line=group.line or None)


def _fits(group: Group, table: GroupTable) -> bool:
    return isinstance(group.value, Sequence) if table.listed else group.value is None


_CHECKS: tuple[Callable[[ConfigFile, Kind], Iterable[Finding]], ...] = (
    _missing_groups,
    _groups_that_are_none,
    _double_groups,
    _duplicates,
    unknown_groups,
)


def lint_path(path: Path) -> tuple[Finding, ...]:
    """What is to be known of the file at `path`, of the files that it names, and of those that they name."""
    return in_order_of_files(_lint_path(path, frozenset(), iter(range(MOST_FILES))))


def in_order_of_files(found: Iterable[Finding]) -> tuple[Finding, ...]:
    """Those of the file itself first, then each named one's."""
    return tuple(sorted(dict.fromkeys(found), key=lambda each: (each.file or "", each.line or 0)))


def _lint_path(
    path: Path, above: frozenset[Path], left: Iterator[int], by: Maker | None = None
) -> Iterator[Finding]:
    """The file's own findings, then those of files that it names, until as many were read as are `left`."""
    try:
        file = load(path)
    except Refused as error:
        yield _unreadable(path, error)
        return
    kind = kind_of(file)
    found = _of_element(file, by) if by and kind is Kind.NVINFER else _lint(file, kind)
    named = tuple(named_paths(file, kind)) if kind in judged() else ()
    gone = {each: finding for each in named if (finding := missing(each))}
    yield from capped(in_order([*found, *_not_told(found, gone.values())]))
    ahead = (each for each in named if each.configuration and each not in gone)
    for each in (each for each in ahead if each.path not in above | {path}):
        if next(left, None) is None:
            yield _not_followed(each)
            return
        maker = (file, each.group) if kind is Kind.APP and is_element(each.group) else None
        for finding in _lint_path(each.path, above | {path}, left, maker):
            yield replace(finding, file=finding.file or str(each.path))


def _not_followed(named: NamedPath) -> Finding:
    group, key = named.group, named.entry.key
    told = f"[{group}] {key}: neither this file nor any below is looked into: {MOST_FILES} were"
    return Finding(Severity.WARNING, What.INAPPLICABLE, told, group, key, named.entry.line or None)


def _of_element(file: ConfigFile, by: Maker) -> tuple[Finding, ...]:
    """An nvinfer file as the application's element has it; it is read before anything in it is beaten."""
    all_read = _lint(file, Kind.NVINFER)
    read = (each for each in all_read if each.severity is Severity.REFUSED and each.what is What.VALUE)
    return in_order([*_lint(overridden(file, *by), Kind.NVINFER), *read, *beaten(file, *by)])


def _not_told(found: Iterable[Finding], gone: Iterable[Finding]) -> Iterator[Finding]:
    """Without files of which a rule has said already that they are not there, and what comes of it."""
    told = {(each.what, each.line, each.key) for each in found}
    return (each for each in gone if (each.what, each.line, each.key) not in told)


def _unreadable(path: Path, error: Refused) -> Finding:
    if looks_like_protobuf(_first_of(path)):
        return not_judged(Kind.NVINFERSERVER)
    return Finding(Severity.REFUSED, What.SYNTAX, error.reason, line=error.line)


def _first_of(path: Path) -> bytes:
    try:
        with path.open("rb") if path.is_file() else BytesIO() as file:
            return file.read(65536)
    except (OSError, ValueError):
        return b""
