"""What rows cannot say of nvmsgconv's files.

Read from deepstream_schema.cpp. Groups are known by what their name begins with, and the number behind it is
what counts: `sensor0` and `sensor00` are the same one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from sightline.deepstream.document import ConfigFile, Form
from sightline.deepstream.findings import Finding, Severity, What
from sightline.deepstream.judging.rules.opening import Rule
from sightline.deepstream.judging.rules.settings import Settings, settings
from sightline.deepstream.kinds import Kind

_NAME = re.compile(r"(sensor|place|analytics)(.*)", re.DOTALL)
_NUMBER = re.compile(r"[ \t\n\v\f\r]*([+-]?[0-9]+)")


def unread(file: ConfigFile) -> dict[str, str]:
    """Groups that are not enabled; that they are not read is what was asked for."""
    return {
        group.name: ""
        for group in settings(file, Kind.MSGCONV)
        if _NAME.fullmatch(group.name) and not group.on("enable") and not _throws(group)
    }


def _throws(group: Settings) -> bool:
    """YAML's `enable` that is no number ends the program; text's is a no."""
    return group.form is Form.YML and group.has("enable") and group.value("enable") is None


def _names(file: ConfigFile) -> Iterator[Finding]:
    for group in settings(file, Kind.MSGCONV):
        found = _NAME.fullmatch(group.name)
        if found and not _NUMBER.match(found[2]):
            told = f"expected a number behind {found[1]!r}"
            yield group.tell(Severity.REFUSED, What.UNKNOWN, None, told)


def _twice(file: ConfigFile) -> Iterator[Finding]:
    """A group is refused whose number an enabled one above it has; whether it is enabled is asked later."""
    seen: dict[tuple[str, int], str] = {}
    for group in settings(file, Kind.MSGCONV):
        found = _NAME.fullmatch(group.name)
        number = _NUMBER.match(found[2]) if found else None
        if not found or not number:
            continue
        same = seen.get((found[1], int(number[1])))
        again = file.form is Form.YML and len(file.named(group.name)) > 1 and group.on("enable")
        if same or again:
            told = f"{found[1]} {int(number[1])} is there already, in [{same or group.name}]"
            yield group.tell(Severity.REFUSED, What.DUPLICATE, None, told)
        elif group.on("enable"):
            seen[found[1], int(number[1])] = group.name


def _not_enabled(file: ConfigFile) -> Iterator[Finding]:
    for group in settings(file, Kind.MSGCONV):
        if _NAME.fullmatch(group.name) and not group.has("enable"):
            told = "not set, so 0: the group is passed over"
            yield group.tell(Severity.NOTE, What.DEFAULT, "enable", told)


RULES: tuple[Rule, ...] = (_names, _twice, _not_enabled)
