"""The CSV file of sources that deepstream-app's YAML names.

Facts from deepstream_app_config_parser_yaml.cpp and deepstream_source_yaml.cpp: cells are split at commas,
each is read by `std::stoi` or its like, and nothing catches what these throw.

Deliberately not here: what a type of source needs (`app_sources`).
"""

from __future__ import annotations

from collections.abc import Iterator

from sightline.deepstream.document import ConfigFile, Form, Group
from sightline.deepstream.findings import Finding, Severity, What
from sightline.deepstream.judging.rules.app_reading import App
from sightline.deepstream.judging.rules.opening import Rule
from sightline.deepstream.judging.value_checks import mistake_in
from sightline.deepstream.keys.app_sources import CSV_COLUMNS, SOURCE
from sightline.deepstream.reading import source_table
from sightline.deepstream.reading.values import leading_integer, read
from sightline.deepstream.refusal import Refused, ValueRefused
from sightline.kinds import nearest

_KEY = source_table.KEY


def table(file: ConfigFile) -> Iterator[Finding]:
    app = App(file)
    if app.text or not app.word(source_table.GROUP, _KEY):
        return
    try:
        rows = source_table.sources_of(file)
    except Refused as error:
        yield app.refused(source_table.GROUP, _KEY, f"{error}; DeepStream ends at such a line")
        return
    if rows is None:
        told = "not found here; DeepStream goes on without a source where it does not find it"
        yield app.finding(Severity.WARNING, What.MISSING, source_table.GROUP, _KEY, told)
        return
    for row in rows[:1]:
        yield from _columns(app, row)
    for row in rows:
        yield from _cells(app, row)


def _columns(app: App, row: Group) -> Iterator[Finding]:
    known = [key.name for key in CSV_COLUMNS]
    for entry in row.entries:
        if entry.key not in known:
            told = f"its column {entry.key!r} is unknown and passed over{nearest(entry.key, known)}"
            yield app.finding(Severity.WARNING, What.UNKNOWN, source_table.GROUP, _KEY, told)
    if "enable" not in {entry.key for entry in row.entries}:
        told = "it has no column 'enable', and every source is off"
        yield app.finding(Severity.WARNING, What.MISSING, source_table.GROUP, _KEY, told)


def _cells(app: App, row: Group) -> Iterator[Finding]:
    for entry in row.entries:
        key = SOURCE.find(entry.key)
        if key is None or Form.YML not in key.forms:
            continue
        place = f"line {row.line} of the table, {entry.key}"
        try:
            mistake = mistake_in(key, read(key, entry, Form.YML))
        except ValueRefused as error:
            yield app.refused(source_table.GROUP, _KEY, f"{place}: {error}; DeepStream ends there")
            continue
        if mistake and _on(row):
            severity = Severity.REFUSED if entry.key == "type" else Severity.WARNING
            yield app.finding(severity, What.VALUE, source_table.GROUP, _KEY, f"{place}: {mistake}")
    yield from _reconnecting(app, row)


def _on(row: Group) -> bool:
    return _number(row, "enable") != 0


def _number(row: Group, column: str) -> int:
    """0 where there is no such column, or no number in it."""
    text = next((entry.text or "" for entry in row.entries if entry.key == column), "0")
    try:
        return leading_integer(text)
    except ValueRefused:
        return 0


def _reconnecting(app: App, row: Group) -> Iterator[Finding]:
    has_attempts = "rtsp-reconnect-attempts" in {entry.key for entry in row.entries}
    if _on(row) and _number(row, "rtsp-reconnect-interval-sec") and not has_attempts:
        told = (
            "rtsp-reconnect-attempts is 0 where it has no column: a source is given up at its first failure"
        )
        place = f"line {row.line} of the table"
        yield app.finding(Severity.NOTE, What.DEFAULT, source_table.GROUP, _KEY, f"{place}: {told}")


RULES: tuple[Rule, ...] = (table,)
