"""What holds in an application where nothing is said, and surprises: the parser's 0 beats the element's own.

Facts from the parsers of deepstream-app, which begin with zeros; from deepstream_streammux.c,
deepstream_sink_bin.c and deepstream_osd_bin.c, which hand these on whether they were set or not; from
`process_meta` of deepstream_app.c (boxes) and deepstream_perf.c (a pause of 0 between two measurements).

Deliberately not here: defaults that follow from other keys; they are told beside these.
"""

from __future__ import annotations

from collections.abc import Iterator

from sightline.deepstream.document import ConfigFile
from sightline.deepstream.findings import Finding, Severity, What
from sightline.deepstream.judging.rules.app_reading import App
from sightline.deepstream.judging.rules.opening import Rule

_APPLICATION, _MUX, _OSD = "application", "streammux", "osd"
_WINDOW, _FILE, _RTSP, _DRM = 2, 3, 4, 5
_CODECS_OF_HARDWARE = (1, 2)
_OWN_GPU = ("segvisual", "visionencoder", "img-save")


def measuring(file: ConfigFile) -> Iterator[Finding]:
    app = App(file)
    key = "perf-measurement-interval-sec"
    if app.number(_APPLICATION, "enable-perf-measurement") and not app.number(_APPLICATION, key):
        is_so = "is 0" if app.is_set(_APPLICATION, key) else "is 0 where it is not set"
        told = f"{is_so}: the rate is measured and printed without a pause"
        yield app.finding(Severity.WARNING, What.DEFAULT, _APPLICATION, key, told)


def waiting(file: ConfigFile) -> Iterator[Finding]:
    """A mux that makes batches of several pictures waits for the last of them for ever."""
    app = App(file)
    size = app.pictures if app.listed else app.number(_MUX, "batch-size")
    set_here = any(app.is_set(_MUX, key) for key in ("batched-push-timeout", "config-file-path"))
    if app.has(_MUX) and size > 1 and not set_here:
        told = "is -1 where it is not set: the old mux waits for a whole batch, however long"
        yield app.real_default(_MUX, "batched-push-timeout", told)


def boxes(file: ConfigFile) -> Iterator[Finding]:
    app = App(file)
    if app.on(_OSD) and app.number(_OSD, "display-bbox", 1) and not app.is_set(_OSD, "border-width"):
        told = "is 0 where it is not set: boxes have no lines"
        yield app.real_default(_OSD, "border-width", told)


def sinks(file: ConfigFile) -> Iterator[Finding]:
    app = App(file)
    for sink in app.groups_on("sink"):
        kind = app.number(sink, "type")
        if kind in {_WINDOW, _RTSP, _DRM} and not app.is_set(sink, "sync"):
            told = (
                "is 0 where it is not set, and beats the sink's own 1: pictures go out as fast as they come"
            )
            yield app.real_default(sink, "sync", told)
        hardware = app.number(sink, "enc-type") != 1
        encoded = kind in {_FILE, _RTSP} and app.number(sink, "codec", 1) in _CODECS_OF_HARDWARE
        if encoded and hardware and not app.is_set(sink, "iframeinterval"):
            told = "is 0 where it is not set, and beats the encoder's own"
            yield app.real_default(sink, "iframeinterval", told)


def gpus(file: ConfigFile) -> Iterator[Finding]:
    """Groups that `global-gpu-id` does not reach."""
    app = App(file)
    if app.number(_APPLICATION, "global-gpu-id", -1) <= 0:
        return
    for group in _OWN_GPU:
        if app.on(group) and not app.is_set(group, "gpu-id"):
            told = "is 0 where it is not set: global-gpu-id does not reach this group"
            yield app.real_default(group, "gpu-id", told)
    for group in ("pre-process", *app.groups("secondary-pre-process")):
        if app.on(group):
            told = "global-gpu-id does not reach it: gpu-id of the file that it names holds, or 0"
            yield app.finding(Severity.NOTE, What.DEFAULT, group, None, told)


RULES: tuple[Rule, ...] = (measuring, waiting, boxes, sinks, gpus)
