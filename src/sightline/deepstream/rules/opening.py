"""The rules of a kind of file: what a row of a table cannot say.

A rule is a function from a file to what it finds in it. A module of rules lists its own in `RULES`.

Deliberately not here: what a single key may be; that is a row's (`keys`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from importlib import import_module

from sightline.deepstream.document import ConfigFile
from sightline.deepstream.findings import Finding
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
def rules_of(kind: Kind) -> tuple[Rule, ...]:
    """The rules for files of this kind; none where the kind is not judged."""
    if kind not in _MODULES:
        return ()
    rules: tuple[Rule, ...] = import_module(f"sightline.deepstream.rules.{_MODULES[kind]}").RULES
    return rules
