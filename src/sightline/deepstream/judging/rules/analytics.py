"""What rows cannot say of nvdsanalytics's files.

Read from nvdsanalytics_property_parser.cpp, nvdsanalytics_property_yaml_parser.cpp and nvds_analytics.cpp. A
mistake in a group of YAML stops its parser and is not told to the element, which then works with the groups
above it; text's stops the element.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from sightline.deepstream.document import ConfigFile, Form
from sightline.deepstream.findings import Finding, Severity, What
from sightline.deepstream.judging.rules.opening import Rule
from sightline.deepstream.judging.rules.settings import Settings, only, settings
from sightline.deepstream.keys.analytics import MODES, STREAM_GROUPS
from sightline.deepstream.kinds import Kind

_MUST = ("config-width", "enable", "config-height")
_SHAPES = {
    "roi-filtering-stream-": "roi-",
    "overcrowding-stream-": "roi-",
    "line-crossing-stream-": "line-crossing-",
    "direction-detection-stream-": "direction-",
}
_NUMBER = re.compile(r"[ \t\n\v\f\r]*[+-]?[0-9]+")


def _required(file: ConfigFile) -> Iterator[Finding]:
    it = only(file, Kind.ANALYTICS, "property")
    if it and file.form is Form.YML and not it.names():
        yield it.tell(Severity.REFUSED, What.MISSING, None, "expected a key at least")
        return
    for key in _MUST if it else ():
        if it and not it.has(key):
            if file.form is Form.TXT:
                yield it.tell(Severity.REFUSED, What.MISSING, key, "must be there")
            else:
                told = f"not set: {_assumed(key)} is assumed"
                yield it.tell(Severity.NOTE, What.DEFAULT, key, told)


def _assumed(key: str) -> int:
    return {"config-width": 1920, "config-height": 1080}.get(key, 1)


def _size(file: ConfigFile) -> Iterator[Finding]:
    it = only(file, Kind.ANALYTICS, "property")
    for key in ("config-width", "config-height"):
        if it and it.value(key) == 0:
            told = "expected more than 0: every point is divided by it"
            yield it.tell(Severity.WARNING, What.VALUE, key, told)


def _kind_of_group(name: str) -> str | None:
    return next((prefix for prefix in STREAM_GROUPS if name.startswith(prefix)), None)


def _streams(file: ConfigFile) -> Iterator[Finding]:
    for group in settings(file, Kind.ANALYTICS):
        if prefix := _kind_of_group(group.name):
            yield from _stream(group, prefix)


def _stream(group: Settings, prefix: str) -> Iterator[Finding]:
    if not _NUMBER.fullmatch(group.name.removeprefix(prefix)):
        read = _NUMBER.match(group.name.removeprefix(prefix))
        told = f"expected the number of a stream behind {prefix!r}; it is read as {read[0] if read else 0}"
        yield group.tell(Severity.WARNING, What.REPLACED, None, told)
    shape = _SHAPES[prefix]
    shapes = [key for key in group.names() if key.startswith(shape)]
    if not shapes:
        yield group.tell(
            _stops(group.form), What.MISSING, None, f"expected a {shape}NAME" + _then(group.form)
        )
    for key in shapes:
        yield from _points(group, prefix, key)
    yield from _mode(group)
    if not group.on("enable"):
        told = "is 0" if group.has("enable") else "not set, so 0"
        yield group.tell(Severity.NOTE, What.DEFAULT, "enable", f"{told}: the group does nothing")


def _stops(form: Form) -> Severity:
    return Severity.REFUSED if form is Form.TXT else Severity.WARNING


def _then(form: Form) -> str:
    return "" if form is Form.TXT else "; the parser stops here, and what stands below is not read"


def _points(group: Settings, prefix: str, key: str) -> Iterator[Finding]:
    points = group.value(key)
    if points is None:
        return
    if group.form is Form.YML and min(points, default=0) < 0:
        told = f"expected 0 or more, got {min(points)}{_then(group.form)}"
        yield group.tell(Severity.WARNING, What.VALUE, key, told)
    wanted = {"line-crossing-stream-": 8, "direction-detection-stream-": 4}.get(prefix)
    if wanted is None:
        yield from _corners(group, key, len(points))
    elif len(points) != wanted:
        yield from _wrong_count(group, key, len(points), wanted)
    elif points[:2] == points[2:4]:
        told = "its direction has no length: it begins where it ends"
        yield group.tell(Severity.WARNING, What.VALUE, key, told)


def _wrong_count(group: Settings, key: str, count: int, wanted: int) -> Iterator[Finding]:
    told = f"expected {wanted} numbers, got {count}"
    if group.form is Form.YML:
        yield group.tell(Severity.WARNING, What.VALUE, key, told + _then(group.form))
    elif count < wanted:
        told += "; text's parser does not count and reads beyond their end"
        yield group.tell(Severity.WARNING, What.VALUE, key, told)
    else:
        yield group.tell(Severity.WARNING, What.VALUE, key, f"{told}; the first {wanted} are taken")


def _corners(group: Settings, key: str, count: int) -> Iterator[Finding]:
    if count % 2:
        told = f"expected x;y for each corner, got {count} numbers"
        if group.form is Form.TXT or group.name.startswith("overcrowding"):
            told += "; the last y is whatever stands behind them"
        else:
            told += _then(group.form)
        yield group.tell(Severity.WARNING, What.VALUE, key, told)
    elif count < 6:
        told = f"expected three corners or more, got {count // 2}: nothing is inside"
        yield group.tell(Severity.WARNING, What.VALUE, key, told)


def _mode(group: Settings) -> Iterator[Finding]:
    mode = group.value("mode")
    row = group.section.table.find("mode")
    if mode is not None and row and mode not in MODES:
        told = f"expected one of {', '.join(MODES)}, got {mode!r}; {row.default} is taken instead"
        yield group.tell(Severity.WARNING, What.REPLACED, "mode", told)


RULES: tuple[Rule, ...] = (_required, _size, _streams)
