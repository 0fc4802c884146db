"""The rules of a kind of file: what a row of a table cannot say.

A rule is a function from a file to what it finds in it. A module of rules lists its own in `RULES`. It may
also have `unread`, a function from a file to the groups that nobody reads in it and why (an empty reason is
not told), and `UNKNOWN_GROUP`, what becomes of a group that is not known, by form.

Deliberately not here: what a single key may be; that is a row's (`keys`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from importlib import import_module
from types import ModuleType

from sightline.deepstream.document import ConfigFile, Form
from sightline.deepstream.findings import Finding, Severity
from sightline.deepstream.kinds import Kind

Rule = Callable[[ConfigFile], Iterable[Finding]]

_MODULES = {
    Kind.APP: "app",
    Kind.NVINFER: "nvinfer",
    Kind.PREPROCESS: "preprocess",
    Kind.ANALYTICS: "analytics",
    Kind.MSGCONV: "msgconv",
    Kind.BROKER: "broker",
    Kind.TRACKER: "tracker",
    Kind.TEST_APP: "test_app",
}


@cache
def _module(kind: Kind) -> ModuleType | None:
    return import_module(f"sightline.deepstream.judging.rules.{_MODULES[kind]}") if kind in _MODULES else None


def rules_of(kind: Kind) -> tuple[Rule, ...]:
    """The rules for files of this kind; none where the kind is not judged."""
    module = _module(kind)
    rules: tuple[Rule, ...] = module.RULES if module else ()
    return rules


def unread(file: ConfigFile, kind: Kind) -> Mapping[str, str]:
    """Groups that are known and not read in this file, each with the reason."""
    judge = getattr(_module(kind), "unread", None)
    groups: Mapping[str, str] = file.once(judge) if judge else {}
    return groups


def unknown_group_of(kind: Kind, form: Form) -> Severity:
    """What DeepStream makes of a group that it does not know."""
    severities: Mapping[Form, Severity] = getattr(_module(kind), "UNKNOWN_GROUP", {})
    return severities.get(form, Severity.WARNING)
