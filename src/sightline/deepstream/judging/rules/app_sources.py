"""What the sources of an application's file come to: names, types, numbers, and keys without effect.

Facts from deepstream_app_config_parser.c and _yaml.cpp, `parse_source`, and deepstream_source_bin.c, whose
functions say which key reaches which element.

Deliberately not here: source lists (`app_source_lists`), the CSV file (`app_source_tables`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from sightline.deepstream.document import ConfigFile
from sightline.deepstream.findings import Finding, Severity, What
from sightline.deepstream.judging.rules.app_reading import App
from sightline.deepstream.judging.rules.opening import Rule
from sightline.deepstream.keys.app_sources import MAX_SOURCES, SOURCE_TYPES
from sightline.deepstream.reading import source_table
from sightline.deepstream.reading.sources import CSI, RTSP, SEVERAL, URI, V4L2, Source, group_number
from sightline.deepstream.reading.values import leading_integer
from sightline.deepstream.refusal import Refused, ValueRefused

_WITH_URI = frozenset({URI, SEVERAL, RTSP, 6, 7})
_CAMERAS = frozenset({V4L2, CSI})
_DECODED = frozenset({URI, SEVERAL, RTSP})

# The types of source that a key says anything to.
_FOR: dict[str, frozenset[int]] = {
    **dict.fromkeys(("camera-width", "camera-height", "camera-fps-n", "camera-fps-d"), _CAMERAS),
    "camera-csi-sensor-id": frozenset({CSI}),
    "camera-v4l2-dev-node": frozenset({V4L2}),
    "uri": _WITH_URI,
    "num-sources": frozenset({SEVERAL}),
    "alsa-device": frozenset({8}),
    **dict.fromkeys(("latency", "udp-buffer-size"), _DECODED | {7}),
    **dict.fromkeys(
        ("drop-frame-interval", "num-extra-surfaces", "intra-decode-enable", "cudadec-memtype"), _DECODED
    ),
    "low-latency-decode": _DECODED,
    "video-format": _DECODED | _CAMERAS,
    **dict.fromkeys(
        (
            "select-rtp-protocol",
            "set-rtp-protocol",
            "rtsp-reconnect-interval-sec",
            "rtsp-reconnect-attempts",
            "smart-record",
            "smart-rec-dir-path",
            "smart-rec-file-prefix",
            "smart-rec-cache",
            "smart-rec-video-cache",
            "smart-rec-container",
            "smart-rec-start-time",
            "smart-rec-default-duration",
            "smart-rec-duration",
            "smart-rec-interval",
        ),
        frozenset({RTSP}),
    ),
}
ONLY_MULTI = (
    "drop-on-latency",
    "leaky",
    "max-size-buffers",
    "buffer-mode",
    "init-rtsp-reconnect-interval-sec",
    "simulate-fps-interval-ms",
    "sensorID-padID-mapping",
)


def names(file: ConfigFile) -> Iterator[Finding]:
    app = App(file)
    for name in file.names if app.text else ():
        listed = not name.startswith("source") or name in {"source-list", "source-attr-all"}
        if not listed and group_number(name) is None:
            told = "what begins with source must be [sourceN] with a number; the file is refused"
            yield app.refused(name, None, told, What.UNKNOWN)


def doubles(file: ConfigFile) -> Iterator[Finding]:
    """Two groups of one number, as `[source1]` and `[source01]`, where both are on."""
    app = App(file)
    groups = [name for name in app.groups("source") if group_number(name) is not None and app.on(name)]
    last = {group_number(name): name for name in groups}
    for number, count in Counter(map(group_number, groups)).items():
        if count > 1:
            yield app.refused(last[number], None, f"{count} groups are source {number}", What.DUPLICATE)


def numbers(file: ConfigFile) -> Iterator[Finding]:
    app = App(file)
    if app.has("source") and not app.text and not app.is_set("source", "csv-file-path"):
        yield app.refused("source", "csv-file-path", "must be set where [source] is there", What.MISSING)
    elif app.pictures > MAX_SOURCES:
        told = f"expected at most {MAX_SOURCES} sources, got more"
        yield Finding(Severity.REFUSED, What.VALUE, told)
    elif not app.pictures and not app.multi and not _unread_table(app):
        told = "no source is on: nothing comes in. Only a file that overrides another (-o) is right so"
        yield Finding(Severity.WARNING, What.MISSING, told)


def _unread_table(app: App) -> bool:
    """Whether the sources stand in a table that is not here, or is wrong; both are told."""
    try:
        return app.is_set("source", "csv-file-path") and source_table.sources_of(app.file) is None
    except Refused:
        return True


def types(file: ConfigFile) -> Iterator[Finding]:
    app = App(file)
    for source in () if app.listed else app.sources:
        if source.enabled and source.group != "source-list":
            yield from _type(app, source)


def _type(app: App, source: Source) -> Iterator[Finding]:
    place = _place(source)
    if "type" not in source.keys:
        told = f"must be set: one of {', '.join(f'{n} ({what})' for n, what in SOURCE_TYPES.items())}"
        yield _refused(app, source, "type", told)
    if source.type in _WITH_URI and not source.keys.get("uri"):
        yield _refused(app, source, "uri", f"{place} must be set for type {source.type}")
    if source.type == SEVERAL and _formats(source.keys.get("uri", "")):
        told = "type 3 reads the URI as printf's format: every % must be part of a %d, and %% is one %"
        yield _warned(app, source, "uri", What.VALUE, told)
    if source.type == V4L2 and not _size(source):
        told = "a V4L2 camera needs camera-width, -height, -fps-n and -fps-d: what is not set is 0"
        yield _warned(app, source, "type", What.MISSING, told)
    if source.type == CSI:
        told = "a CSI camera is there on Jetson alone; elsewhere a test picture stands in for it"
        yield app.finding(Severity.NOTE, What.VALUE, source.group, _key(app, source, "type"), told)


def _formats(uri: str) -> bool:
    """Whether printf would find more in it than `%d` and `%%`."""
    return "%" in uri.replace("%%", "").replace("%d", "")


def _size(source: Source) -> bool:
    keys = ("camera-width", "camera-height", "camera-fps-n", "camera-fps-d")
    return all(source.keys.get(key, "0").strip() not in {"", "0"} for key in keys)


def inapplicable(file: ConfigFile) -> Iterator[Finding]:
    app = App(file)
    for source in app.sources if app.text and not app.listed else ():
        if source.enabled:
            yield from _inapplicable(app, source)


def _inapplicable(app: App, source: Source) -> Iterator[Finding]:
    group = source.group
    for key in source.keys:
        if source.type is not None and source.type not in _FOR.get(key, {source.type}):
            told = f"without effect on type {source.type} ({SOURCE_TYPES.get(source.type, 'unknown')})"
            yield app.without_effect(group, key, told)
    yield from app.unused(group, ONLY_MULTI, "without effect: nvmultiurisrcbin alone has it")
    yield from app.unused(group, ("num-decode-surfaces",), "without effect: nvv4l2decoder does not have it")
    yield from _recording(app, group)
    yield from _reconnecting(app, group)


def _recording(app: App, group: str) -> Iterator[Finding]:
    if app.number(group, "type") != RTSP:
        return
    recorded = [key for key in _FOR if key.startswith("smart-rec-") and app.is_set(group, key)]
    if not app.number(group, "smart-record"):
        yield from app.unused(group, tuple(recorded), "without effect: smart-record is 0")
    elif app.number(group, "smart-record") != 2:
        told = "without effect: smart-record 2 alone records by itself"
        yield from app.unused(
            group, ("smart-rec-interval", "smart-rec-start-time", "smart-rec-duration"), told
        )


def _reconnecting(app: App, group: str) -> Iterator[Finding]:
    if app.number(group, "type") == RTSP and not app.number(group, "rtsp-reconnect-interval-sec"):
        told = "without effect: rtsp-reconnect-interval-sec is 0, and nothing is tried again"
        yield from app.unused(group, ("rtsp-reconnect-attempts",), told)


def counts(file: ConfigFile) -> Iterator[Finding]:
    app = App(file)
    for group in app.groups("source"):
        on = group_number(group) is not None and app.on(group)
        if on and app.is_set(group, "num-sources") and app.number(group, "num-sources", 1) == 0:
            yield app.replaced(group, "num-sources", "0 is taken as 1")


def unreadable(file: ConfigFile) -> Iterator[Finding]:
    """A key whose parser looks in a group that does not exist, and gives up."""
    app = App(file)
    for group in app.groups("source"):
        read = group == "source-attr-all" or app.on(group)
        if group != "source-list" and read and app.is_set(group, "extract-sei-type5-data"):
            told = "the parser looks for this key in a group [source], does not find it, and refuses the file"
            yield app.refused(group, "extract-sei-type5-data", told)


def dewarpers(file: ConfigFile) -> Iterator[Finding]:
    app = App(file)
    ahead = _too_many_dewarpers(app) if app.text else frozenset()
    for name in app.groups("dewarper") if app.text else ():
        number = name.removeprefix("dewarper")
        if len(number) > 1:
            told = "not read: the parser compares too many letters of names with two digits"
            yield app.without_effect(name, None, told)
        elif number and name in ahead:
            told = "no more dewarpers may be on than sources above them; the file is refused"
            yield app.refused(name, None, told)


def dewarpers_of_yaml(file: ConfigFile) -> Iterator[Finding]:
    """What follows `dewarper` is read by `std::stoi`, which throws, and is the place of its source."""
    app = App(file)
    for name in () if app.text else file.names:
        if name.startswith("dewarper") and not 0 <= _place_of(name) < MAX_SOURCES:
            told = (
                f"what begins with dewarper must end in the number of a source; DeepStream ends at {name!r}"
            )
            yield app.refused(name, None, told, What.UNKNOWN)


def _place_of(name: str) -> int:
    try:
        return leading_integer(name.removeprefix("dewarper"))
    except ValueRefused:
        return -1


def _too_many_dewarpers(app: App) -> frozenset[str]:
    """Those above which, with themselves, more dewarpers are on than sources."""
    sources, dewarpers, found = len(app.sources) if app.listed else 0, 0, []
    for name in filter(app.on, app.file.names):
        sources += not app.listed and group_number(name) is not None
        dewarpers += name.startswith("dewarper")
        if name.startswith("dewarper") and dewarpers > sources:
            found.append(name)
    return frozenset(found)


def _place(source: Source) -> str:
    return f"the source in line {source.line}" if source.group == "source" else source.group


def _key(app: App, source: Source, key: str) -> str | None:
    return key if app.is_set(source.group, key) else None


def _refused(app: App, source: Source, key: str, told: str) -> Finding:
    return Finding(
        Severity.REFUSED,
        What.MISSING,
        f"[{source.group}] {key}: {told}, or no pipeline is made",
        source.group,
        key,
        app.line(source.group, key),
    )


def _warned(app: App, source: Source, key: str, what: What, told: str) -> Finding:
    return app.finding(Severity.WARNING, what, source.group, key, told)


RULES: tuple[Rule, ...] = (
    names,
    doubles,
    numbers,
    types,
    inapplicable,
    counts,
    unreadable,
    dewarpers,
    dewarpers_of_yaml,
)
