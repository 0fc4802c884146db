"""Drawing, tiling, messages from the cloud, and groups that are switched otherwise than they look.

Facts from deepstream_osd_bin.c, `create_pipeline` and `process_meta` of deepstream_app.c,
deepstream_c2d_msg.c, and from how each parser asks for `enable`.

Deliberately not here: sinks (`app_sinks`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from sightline.deepstream.document import ConfigFile
from sightline.deepstream.findings import Finding, Severity, What
from sightline.deepstream.judging.rules.app_reading import App
from sightline.deepstream.judging.rules.opening import Rule
from sightline.deepstream.keys.opening import table_of
from sightline.deepstream.kinds import Kind
from sightline.deepstream.reading import keyfile_values
from sightline.deepstream.reading.values import leading_integer
from sightline.deepstream.refusal import ValueRefused

_OSD = "osd"
_DEWARPER = "dewarper"
_TILED = "tiled-display"
_COLORS = ("text-color", "text-bg-color", "clock-color")
_CLOCK = ("clock-x-offset", "clock-y-offset", "clock-text-size", "clock-color")


def tiles(file: ConfigFile) -> Iterator[Finding]:
    """Rows and columns that do not hold all sources are made to."""
    app = App(file)
    rows, columns = app.number(_TILED, "rows"), app.number(_TILED, "columns")
    count = app.pictures or int(app.multi)
    if app.on(_TILED) and min(rows, columns) >= 0 and rows * columns < count:
        columns = columns or int(math.sqrt(count) + 0.5)
        made = f"{math.ceil(count / columns)} rows and {columns} columns are taken instead"
        key = "rows" if app.is_set(_TILED, "rows") else "columns"
        if app.is_set(_TILED, key):
            yield app.replaced(_TILED, key, f"too few tiles for {count} sources; {made}")


def clock(file: ConfigFile) -> Iterator[Finding]:
    app = App(file)
    if app.on(_OSD) and not app.number(_OSD, "show-clock"):
        yield from (_noted(app, key) for key in _CLOCK if app.is_set(_OSD, key))
    if app.on(_OSD) and app.number(_OSD, "process-mode", 1) != 2:
        yield from app.unused(_OSD, ("hw-blend-color-attr",), "without effect: process-mode is not 2")


def _noted(app: App, key: str) -> Finding:
    return app.finding(Severity.NOTE, What.INAPPLICABLE, _OSD, key, "without effect: show-clock is 0")


def colors(file: ConfigFile) -> Iterator[Finding]:
    """YAML's parser reads the parts of these colours as whole numbers."""
    app = App(file)
    for key in _COLORS if not app.text else ():
        parts = app.value(_OSD, key)
        if not isinstance(parts, tuple) or len(parts) != 4:
            continue
        whole = _whole(app.written(_OSD, key))
        if whole is None:
            told = "the YAML parser takes whole numbers, and DeepStream ends where a part begins with none"
            yield app.refused(_OSD, key, told)
        elif whole != parts:
            told = f"the YAML parser takes whole numbers: {';'.join(map(str, whole))} is taken"
            yield app.replaced(_OSD, key, told)


def _whole(text: str) -> tuple[int, ...] | None:
    try:
        return tuple(map(leading_integer, text.split(";")))
    except ValueRefused:
        return None


def texts(file: ConfigFile) -> Iterator[Finding]:
    app = App(file)
    if app.on(_OSD) and app.number(_OSD, "display-text", 1):
        for key, is_so in (("text-size", "is 0"), ("text-color", "is 0;0;0;0, which nobody sees,")):
            if not app.is_set(_OSD, key):
                yield app.real_default(_OSD, key, f"{is_so} where it is not set")


def consumers(file: ConfigFile) -> Iterator[Finding]:
    app = App(file)
    for group in app.groups("message-consumer"):
        listed = app.is_set(group, "subscribe-topic-list")
        if listed and not app.words(group, "subscribe-topic-list"):
            yield app.refused(group, "subscribe-topic-list", "must have a topic, or the file is refused")
        for key in ("proto-lib", "conn-str", "subscribe-topic-list"):
            if app.on(group) and not app.is_set(group, key):
                yield app.refused(group, key, "must be set, or no pipeline is made", What.MISSING)


def converter(file: ConfigFile) -> Iterator[Finding]:
    app = App(file)
    if app.on("message-converter") and not app.analysed:
        told = "without effect: there is nothing before it that finds objects"
        yield app.without_effect("message-converter", None, told)


def pictures(file: ConfigFile) -> Iterator[Finding]:
    app = App(file)
    if app.on("img-save"):
        told = "without effect in deepstream-app: deepstream-transfer-learning-app alone keeps pictures"
        yield app.without_effect("img-save", None, told)


def switches(file: ConfigFile) -> Iterator[Finding]:
    """Groups that are off because `enable` is missing, or because text's reader cannot read it."""
    app = App(file)
    for name in file.names:
        table = table_of(Kind.APP, name)
        if table is None or not app.has(name) or not table.find("enable") or name == "source-attr-all":
            continue
        entry = file.entry(name, "enable")
        if entry is None:
            told = "is 0 where it is not set: the group is off"
            yield app.finding(Severity.WARNING, What.DEFAULT, name, "enable", told)
        elif table.switched and app.text and not _readable(entry.text or ""):
            told = f"expected a number, got {entry.text!r}: the group is off, and nothing is said"
            yield app.finding(Severity.WARNING, What.VALUE, name, "enable", told)


def _readable(text: str) -> bool:
    try:
        keyfile_values.integer(text)
    except ValueRefused:
        return False
    return True


def one_gpu(file: ConfigFile) -> Iterator[Finding]:
    """With global-gpu-id the YAML parser asks every sink for its `enable`, and ends where there is none."""
    app = App(file)
    if app.text or app.number("application", "global-gpu-id", -1) < 0:
        return
    for sink in app.groups("sink"):
        if not app.is_set(sink, "enable"):
            told = "must be set beside global-gpu-id, or DeepStream ends"
            yield app.refused(sink, "enable", told, What.MISSING)


def letters(file: ConfigFile) -> Iterator[Finding]:
    """Text's parser takes a group of one letter for a dewarper."""
    for name in file.names if App(file).text else ():
        if _as_a_dewarper(name):
            told = f"the parser takes [{name}] for a dewarper without a number and refuses the file"
            line = file.named(name)[0].line
            yield Finding(Severity.REFUSED, What.UNKNOWN, told, name, line=line or None)


def _as_a_dewarper(name: str) -> bool:
    """It compares all letters but the last, and then wants a number."""
    compared = name[:-1]
    numbered = compared == _DEWARPER and name[-1].isdigit()
    return len(compared) <= len(_DEWARPER) and _DEWARPER.startswith(compared) and not numbered


RULES: tuple[Rule, ...] = (
    tiles,
    clock,
    colors,
    texts,
    consumers,
    converter,
    pictures,
    switches,
    one_gpu,
    letters,
)
