"""`[source-list]` and `[source-attr-all]`: what must fit together, and what the list makes of the rest.

Facts from `parse_source_list` and `set_source_all_configs` of deepstream_app_config_parser.c, and from
`create_pipeline` of deepstream_app.c for nvmultiurisrcbin.

Deliberately not here: batch sizes (`app_mux`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from sightline.deepstream.document import ConfigFile
from sightline.deepstream.findings import Finding, Severity, What
from sightline.deepstream.judging.rules.app_reading import App
from sightline.deepstream.judging.rules.app_sources import ONLY_MULTI
from sightline.deepstream.judging.rules.opening import Rule
from sightline.deepstream.keys.app_sources import MAX_SOURCES
from sightline.deepstream.reading.sources import ALL, LIST, SEVERAL, group_number

_CAMERA = re.compile(r"(csi|usb):[ \t]*[+-]?\d+")
_LISTS = ("list", "sensor-id-list", "sensor-name-list")
_FOR_MULTI = (
    "stream-name-display",
    "http-ip",
    "http-port",
    "max-batch-size",
    "extract-sei-type5-data",
    "low-latency-mode",
    "sei-uuid",
)

_NOT_FOR_MULTI = (
    "intra-decode-enable",
    "nvbuf-memory-type",
    "video-format",
    "smart-rec-file-prefix",
    "smart-rec-start-time",
    "smart-rec-duration",
    "smart-rec-interval",
)


def together(file: ConfigFile) -> Iterator[Finding]:
    app = App(file)
    if app.listed and not app.has(ALL):
        yield app.refused(LIST, None, f"[{ALL}] must be there too", What.MISSING)
    if app.has(ALL) and not app.listed:
        yield app.without_effect(ALL, None, f"without effect: there is no [{LIST}]")
    if app.listed and app.has(ALL) and not app.number(ALL, "enable"):
        told = "the sources of the list are off: enable must be 1"
        yield app.without_effect(ALL, "enable" if app.is_set(ALL, "enable") else None, told)


def as_many(file: ConfigFile) -> Iterator[Finding]:
    """With num-source-bins the list, the ids and the names must all be as many."""
    app = App(file)
    if app.is_set(LIST, "list") and app.is_set(LIST, "num-source-bins"):
        wanted = app.number(LIST, "num-source-bins")
        for key in _LISTS:
            if app.listed and len(app.words(LIST, key)) != wanted:
                told = f"expected as many as num-source-bins says, {wanted}, got {len(app.words(LIST, key))}"
                yield app.refused(LIST, key, told, What.VALUE if app.is_set(LIST, key) else What.MISSING)


def too_many(file: ConfigFile) -> Iterator[Finding]:
    """The parser gives up at a list that is longer than there may be sources, whether they are on or not."""
    app = App(file)
    for key in _LISTS if app.listed else ():
        count = len(app.words(LIST, key))
        if count > MAX_SOURCES:
            yield app.refused(LIST, key, f"expected at most {MAX_SOURCES}, got {count}")


def schemes(file: ConfigFile) -> Iterator[Finding]:
    app = App(file)
    uris = app.words(LIST, "list") if app.listed and app.has(ALL) else ()
    for uri in uris[:MAX_SOURCES]:  # a longer list is refused
        if not uri.startswith(("file://", "rtsp://")) and not _CAMERA.fullmatch(uri):
            told = f"expected file://, rtsp://, csi:N or usb:N, got {uri[:60]!r}"
            yield app.refused(LIST, "list", told)


def own_groups(file: ConfigFile) -> Iterator[Finding]:
    """A `[sourceN]` beside a list overwrites the N-th entry."""
    app = App(file)
    count = len(app.sources)
    for name in app.groups("source") if app.listed else ():
        number = group_number(name)
        if number is None:
            continue
        if number >= count:
            yield app.refused(name, None, f"the list has {count} sources, and their numbers begin with 0")
        elif app.on(name) and app.number(name, "type") == SEVERAL:
            yield app.refused(name, "type", "type 3 cannot stand beside a list")


def for_multi(file: ConfigFile) -> Iterator[Finding]:
    app = App(file)
    if not app.listed:
        return
    if not app.multi:
        told = "without effect: use-nvmultiurisrcbin is 0"
        yield from app.unused(LIST, _FOR_MULTI, told)
        yield from app.unused(ALL, ONLY_MULTI, told)
        return
    yield from app.unused(ALL, _NOT_FOR_MULTI, "without effect: nvmultiurisrcbin is not told")
    if app.number(LIST, "max-batch-size") < max(app.pictures, 1):
        told = f"{app.number(LIST, 'max-batch-size')} is less than the {app.pictures} sources of the list"
        yield app.finding(Severity.WARNING, What.VALUE, LIST, "max-batch-size", told)


def reconnecting(file: ConfigFile) -> Iterator[Finding]:
    app = App(file)
    tries = app.listed and app.number(ALL, "rtsp-reconnect-interval-sec")
    if tries and not app.is_set(ALL, "rtsp-reconnect-attempts"):
        told = "is 0 here, and not the -1 of a [sourceN]: a source is given up at its first failure"
        yield app.real_default(ALL, "rtsp-reconnect-attempts", told)


RULES: tuple[Rule, ...] = (together, too_many, as_many, schemes, own_groups, for_multi, reconnecting)
