"""What the sinks of an application's file come to: made or not, and keys without effect.

Facts from deepstream_sink_bin.c, and from `create_pipeline` and `add_and_link_broker_sink` of
deepstream_app.c, which decide what a sink is linked to.

Deliberately not here: the files of converters and brokers.
"""

from __future__ import annotations

from collections.abc import Iterator

from sightline.deepstream.document import ConfigFile
from sightline.deepstream.findings import Finding, Severity, What
from sightline.deepstream.judging.rules.app_reading import App
from sightline.deepstream.judging.rules.opening import Rule
from sightline.deepstream.keys.app_sinks import SINK_TYPES

FAKE, WINDOW, FILE, RTSP, DRM, BROKER = range(1, 7)
_TILED = "tiled-display"
_MOST = 1024
_ENCODED = frozenset({FILE, RTSP})
_MESSAGES = (
    "msg-conv-config",
    "msg-conv-payload-type",
    "msg-conv-msg2p-lib",
    "msg-conv-comp-id",
    "debug-payload-dir",
    "multiple-payloads",
    "msg-conv-msg2p-new-api",
    "msg-conv-frame-interval",
    "msg-conv-dummy-payload",
    "msg-conv-embedding-filter",
)
_BROKER = (
    "msg-broker-proto-lib",
    "msg-broker-conn-str",
    "topic",
    "msg-broker-config",
    "msg-broker-comp-id",
    "disable-msgconv",
    "new-api",
    "sleep-time",
)
_ENCODER = ("codec", "enc-type", "bitrate", "profile", "iframeinterval", "compute-hw")
# The types of sink that a key says anything to.
_FOR: dict[str, frozenset[int]] = {
    "qos": frozenset({FAKE, WINDOW, DRM}),
    "width": frozenset({WINDOW}),
    "height": frozenset({WINDOW}),
    "nvbuf-memory-type": frozenset({WINDOW}),
    **dict.fromkeys(_ENCODER, _ENCODED),
    **dict.fromkeys(
        ("container", "output-file", "sw-preset", "copy-meta", "output-io-mode"), frozenset({FILE})
    ),
    **dict.fromkeys(("rtsp-port", "udp-port", "udp-buffer-size"), frozenset({RTSP})),
    **dict.fromkeys(("color-range", "conn-id", "plane-id", "set-mode"), frozenset({DRM})),
    **dict.fromkeys((*_MESSAGES, *_BROKER), frozenset({BROKER})),
}
_BY_HARDWARE = ("profile", "iframeinterval", "output-io-mode")
_MPEG4 = 3


def _sinks(app: App) -> tuple[str, ...]:
    return app.groups_on("sink")


def types(file: ConfigFile) -> Iterator[Finding]:
    app = App(file)
    for sink in _sinks(app):
        if not app.is_set(sink, "type"):
            told = f"must be set: one of {', '.join(f'{n} ({what})' for n, what in SINK_TYPES.items())}"
            yield app.refused(sink, "type", told, What.MISSING)
        elif app.number(sink, "type") == DRM:
            told = "5 is there on Jetson alone; elsewhere no pipeline is made"
            yield app.finding(Severity.WARNING, What.VALUE, sink, "type", told)


def as_many(file: ConfigFile) -> Iterator[Finding]:
    app = App(file)
    if len(_sinks(app)) > _MOST:
        told = f"expected at most {_MOST} sinks, got {len(_sinks(app))}"
        yield Finding(Severity.REFUSED, What.VALUE, told)


def none_at_all(file: ConfigFile) -> Iterator[Finding]:
    app = App(file)
    if app.pictures and not _sinks(app):
        told = "no sink is on: with tiling a fake one is put in, and without it nothing leaves the demuxer"
        yield Finding(Severity.NOTE, What.DEFAULT, told)


def encoders(file: ConfigFile) -> Iterator[Finding]:
    app = App(file)
    for sink in _sinks(app):
        kind = app.number(sink, "type")
        if kind in _ENCODED:
            yield from _encoder(app, sink, kind)


def _encoder(app: App, sink: str, kind: int) -> Iterator[Finding]:
    codec, container = app.number(sink, "codec", 1), app.number(sink, "container", 1)
    if codec not in {1, 2, _MPEG4} or (kind == RTSP and codec == _MPEG4):
        yield app.refused(sink, "codec", f"{codec} cannot be encoded for a sink of type {kind}")
    if kind == FILE and container not in {1, 2}:
        yield app.refused(sink, "container", f"expected 1 (MP4) or 2 (MKV), got {container}")
    if kind == FILE and not app.word(sink, "output-file"):
        yield app.refused(sink, "output-file", "must be set, or the sink does not start", What.MISSING)
    if not app.is_set(sink, "bitrate"):
        yield app.real_default(sink, "bitrate", "is 0 where it is not set, and beats the encoder's own")
    yield from _software(app, sink, kind, codec)


def _software(app: App, sink: str, kind: int, codec: int) -> Iterator[Finding]:
    if codec == _MPEG4:
        yield from app.unused(sink, ("enc-type", *_BY_HARDWARE), "without effect: MPEG-4 has its own encoder")
    elif app.number(sink, "enc-type") == 1:
        yield from app.unused(sink, _BY_HARDWARE, "without effect on a software encoder")
    elif kind == FILE:
        told = "without effect: enc-type 0 tries hardware; it holds where there is none"
        yield from app.unused(sink, ("sw-preset",), told)


def inapplicable(file: ConfigFile) -> Iterator[Finding]:
    app = App(file)
    for sink in _sinks(app):
        kind = app.number(sink, "type")
        for entry in app.file.entries(sink):
            if kind in SINK_TYPES and kind not in _FOR.get(entry.key, {kind}):
                told = f"without effect on type {kind} ({SINK_TYPES[kind]})"
                yield app.without_effect(sink, entry.key, told)
        if not app.number(sink, "nvdslogger"):
            yield from app.unused(sink, ("show-fps", "show-latency"), "without effect: nvdslogger is 0")
        if app.number(sink, "disable-msgconv"):
            yield from app.unused(sink, _MESSAGES, "without effect: disable-msgconv is 1")


def linked(file: ConfigFile) -> Iterator[Finding]:
    """Sinks that nothing is linked to, because of tiling or of their source-id."""
    app = App(file)
    tiled = app.number(_TILED, "enable") if app.has(_TILED) else 0
    for sink in _sinks(app):
        single = app.number(sink, "link-to-demux")
        at = app.number(sink, "source-id")
        if single and tiled != 2:
            yield app.without_effect(sink, "link-to-demux", _never("tiled-display's enable is not 2"))
        elif tiled and not single and at:
            yield app.without_effect(sink, "source-id", _never("what is tiled is source 0"))
        elif not tiled and app.pictures and at >= app.pictures and not app.multi:
            yield app.without_effect(sink, "source-id", _never(f"there are {app.pictures} sources, from 0"))
    if tiled == 2 and not any(app.number(sink, "link-to-demux") for sink in _sinks(app)):
        yield app.refused(_TILED, "enable", "2 needs a sink with link-to-demux=1", What.MISSING)


def _never(why: str) -> str:
    return f"the sink is never made: {why}"


def brokers(file: ConfigFile) -> Iterator[Finding]:
    app = App(file)
    for sink in _sinks(app):
        if app.number(sink, "type") != BROKER:
            continue
        if not app.analysed:
            told = "6 needs something before it (pre-process, primary-gie, tracker...); no pipeline is made"
            yield app.refused(sink, "type", told)
        if app.number(sink, "source-id") or app.number(sink, "link-to-demux"):
            told = "a broker must be source 0's; no pipeline is made"
            yield app.refused(sink, "source-id", told)
        if not app.word(sink, "msg-broker-proto-lib"):
            told = "must be set, or the broker does not start"
            yield app.refused(sink, "msg-broker-proto-lib", told, What.MISSING)


def ports(file: ConfigFile) -> Iterator[Finding]:
    app = App(file)
    taken: dict[tuple[str, int], str] = {}
    for sink in _sinks(app):
        for key, default in (("rtsp-port", 8554), ("udp-port", 5000)):
            place = (key, app.number(sink, key, default))
            if app.number(sink, "type") == RTSP and taken.setdefault(place, sink) != sink:
                told = f"{place[1]} is [{taken[place]}]'s already; only one of them is served"
                yield app.finding(Severity.WARNING, What.DUPLICATE, sink, key, told)


RULES: tuple[Rule, ...] = (
    types,
    as_many,
    none_at_all,
    encoders,
    inapplicable,
    linked,
    brokers,
    ports,
)
