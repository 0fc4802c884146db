"""What DeepStream would make of a file: refused, warned of, silently different.

Promises: `lint` never raises and gives its findings in the order of the file; `would_load(findings)` is whether
DeepStream goes on with it. `lint_path` reads the file first (a syntax error is a finding) and goes through
those that it names as well.

Deliberately not here: what is right for a kind (`keys`, `rules`) and how values are read (`reading`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from sightline.deepstream.document import ConfigFile, Form
from sightline.deepstream.findings import Finding, Severity, What
from sightline.deepstream.keys.opening import judged, tables_of
from sightline.deepstream.kinds import Kind, kind_of
from sightline.deepstream.rules.opening import rules_of
from sightline.deepstream.unknown import unknown_groups, unknown_keys
from sightline.deepstream.value_checks import values


def lint(file: ConfigFile, kind: Kind | None = None) -> tuple[Finding, ...]:
    """What is to be known of a file; `kind` where the reader is known and the file does not tell."""
    kind = kind or kind_of(file)
    if kind not in judged():
        return (_not_judged(kind),)
    found = [finding for check in _CHECKS for finding in check(file, kind)]
    found += [finding for rule in rules_of(kind) for finding in rule(file)]
    return in_order(found)


def in_order(found: Iterable[Finding]) -> tuple[Finding, ...]:
    """By line, those without a line first; each once."""
    return tuple(sorted(dict.fromkeys(found), key=lambda finding: finding.line or 0))


def _not_judged(kind: Kind) -> Finding:
    if kind is Kind.NVINFERSERVER:
        told = "this is nvinferserver's file, protobuf's text format; it is not judged"
    else:
        known = ", ".join(judged())
        told = f"no kind of file that is known here (known: {known}); it is not judged"
    return Finding(Severity.NOTE, What.UNKNOWN, told)


def _duplicates(file: ConfigFile, kind: Kind) -> Iterator[Finding]:
    for group in file.groups:
        for key in dict.fromkeys(entry.key for entry in group.entries):
            entries = group.all(key)
            if len(entries) > 1:
                held = file.entry(group.name, key)
                line = held.line if held else 0
                yield Finding(
                    Severity.WARNING,
                    What.DUPLICATE,
                    f"[{group.name}] {key} stands {len(entries)} times; the one in line {line} holds",
                    group.name,
                    key,
                    entries[-1].line or None,
                )


def _double_groups(file: ConfigFile, kind: Kind) -> Iterator[Finding]:
    for name in file.names:
        groups = file.named(name)
        if len(groups) > 1:
            holds = "they are read as one" if file.form is Form.TXT else "the first one holds"
            yield Finding(
                Severity.WARNING,
                What.DUPLICATE,
                f"[{name}] stands {len(groups)} times; {holds}",
                name,
                line=groups[-1].line or None,
            )


def _missing_groups(file: ConfigFile, kind: Kind) -> Iterator[Finding]:
    for table in tables_of(kind):
        if table.required and not any(map(table.pattern.fullmatch, file.names)):
            yield Finding(
                Severity.REFUSED, What.MISSING, f"{kind} must have a group [{table.name}]", table.name
            )


_CHECKS: tuple[Callable[[ConfigFile, Kind], Iterable[Finding]], ...] = (
    _missing_groups,
    _double_groups,
    _duplicates,
    unknown_groups,
    unknown_keys,
    values,
)


def lint_path(path: Path) -> tuple[Finding, ...]:
    """What is to be known of the file at `path` and of those that it names."""
    raise NotImplementedError(path)
