"""Each value against its row: readable, one of the choices, in range, as many as there must be.

Promises: severity is what DeepStream does with such a value; the message has the value, the range and what
the numbers mean.

Deliberately not here: what depends on a second key (`rules`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from sightline.deepstream.document import Entry, Form
from sightline.deepstream.findings import Finding, Severity, What
from sightline.deepstream.judging.sections import Section
from sightline.deepstream.keys.key import Key, Outside
from sightline.deepstream.reading.values import read
from sightline.deepstream.refusal import ValueRefused

_SEVERITY = {
    Outside.REFUSED: Severity.REFUSED,
    Outside.TAKEN: Severity.WARNING,
    Outside.REPLACED: Severity.WARNING,
}


def values(found: Iterable[Section], form: Form) -> Iterator[Finding]:
    for section in found:
        for entry in section.entries if form is Form.TXT else section.written:
            row = section.table.find(entry.key, form)
            if row and form in row.forms:
                yield from _one(section, row, entry, form)


def _one(section: Section, row: Key, entry: Entry, form: Form) -> Iterator[Finding]:
    if row.yields_to and section.entry(row.yields_to):
        told = f"is passed over beside {row.yields_to!r}"
        yield _finding(Severity.WARNING, What.INAPPLICABLE, section.name, entry, told)
        return
    if row.heir:
        told = f"is deprecated; its heir is {row.heir!r}"
        yield _finding(Severity.WARNING, What.DEPRECATED, section.name, entry, told)
    yield from _value(section.name, row, entry, form)


def _value(group: str, row: Key, entry: Entry, form: Form) -> Iterator[Finding]:
    try:
        value = read(row, entry, form)
    except ValueRefused as error:
        yield _wrong(group, row, entry, row.unreadable, str(error))
        return
    if mistake := mistake_in(row, value):
        yield _wrong(group, row, entry, row.outside, mistake)


def mistake_in(row: Key, value: Any) -> str | None:
    """What is wrong with a value that could be read; None where it is right."""
    if row.count is not None and len(value) != row.count:
        return f"expected {row.count} values, got {len(value)}"
    for each in value if isinstance(value, list | tuple) else (value,):
        if row.choices and each not in row.choices:
            return f"expected one of {_meanings(row)}, got {_shown(each)}"
        if not _fits(row, each):
            return f"expected {_range(row)}, got {_shown(each)}"
    return None


def _fits(row: Key, value: Any) -> bool:
    if isinstance(value, str):
        return True
    # Written as C compares: what is no number is neither below nor above.
    return not ((row.low is not None and value < row.low) or (row.high is not None and value > row.high))


def _meanings(row: Key) -> str:
    return ", ".join(f"{number} ({meaning})" for number, meaning in row.choices.items())


def _range(row: Key) -> str:
    if row.high is None:
        return f"{row.low:g} or more"
    return f"at most {row.high:g}" if row.low is None else f"{row.low:g} to {row.high:g}"


def _shown(value: Any) -> str:
    return repr(value) if len(repr(value)) <= 60 else repr(value)[:57] + "..."


def _wrong(group: str, row: Key, entry: Entry, becomes: Outside, mistake: str) -> Finding:
    if becomes is Outside.REPLACED:
        told = f"{mistake}; {row.instead or row.default or 'the default'} is taken instead"
        return _finding(Severity.WARNING, What.REPLACED, group, entry, told)
    return _finding(_SEVERITY[becomes], What.VALUE, group, entry, mistake)


def _finding(severity: Severity, what: What, group: str, entry: Entry, told: str) -> Finding:
    return Finding(severity, what, f"[{group}] {entry.key}: {told}", group, entry.key, entry.line or None)
