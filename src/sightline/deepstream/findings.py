"""What a linter has to say of a file, in lines that a person and a program can read."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import msgspec


class Severity(StrEnum):
    REFUSED = "refused"  # DeepStream would not load it
    WARNING = "warning"  # it loads, and does not do what was written
    NOTE = "note"  # it loads and does it; what one may not know


class What(StrEnum):
    """Kinds of findings."""

    SYNTAX = "syntax"
    UNKNOWN = "unknown"  # no such key or group: DeepStream says so, or ignores it
    MISPLACED = "misplaced"  # a key of another group or another kind of file
    INAPPLICABLE = "inapplicable"  # read, and without effect beside the other settings
    REPLACED = "replaced"  # silently taken for something else
    DEPRECATED = "deprecated"  # still read; another key is its heir
    DUPLICATE = "duplicate"  # stands twice; one of them holds
    VALUE = "value"  # not a number, not one of the choices, out of range
    MISSING = "missing"  # a key, a group or a file that must be there
    DEFAULT = "default"  # not set, and the real default may surprise


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to know about a file.

    Attributes:
        line: where it is, from 1; None where it concerns what is not there.
        file: the file that it is in, where that is not the one that was asked about but one that it names.
    """

    severity: Severity
    what: What
    message: str
    group: str | None = None
    key: str | None = None
    line: int | None = None
    file: str | None = None

    def to_json(self) -> bytes:
        return msgspec.json.encode(self)


def would_load(findings: tuple[Finding, ...]) -> bool:
    return all(finding.severity is not Severity.REFUSED for finding in findings)
