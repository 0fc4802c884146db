"""The mux, and the sizes of batches that the number of sources sets.

Facts from deepstream_streammux.c (which mux is told what), the end of `parse_config_file` (a list of sources
beats batch-size) and `create_pipeline` (nvmultiurisrcbin beats it again).

Deliberately not here: whether a size is a good one.
"""

from __future__ import annotations

from collections.abc import Iterator

from sightline.deepstream.document import ConfigFile
from sightline.deepstream.findings import Finding, Severity, What
from sightline.deepstream.judging.rules.app_reading import App
from sightline.deepstream.judging.rules.opening import Rule
from sightline.deepstream.reading.sources import CSI, LIST, RTSP, V4L2

_MUX = "streammux"
# What the new mux (USE_NEW_NVSTREAMMUX=yes) is not told.
_OLD = (
    "width",
    "height",
    "live-source",
    "batched-push-timeout",
    "enable-padding",
    "buffer-pool-size",
    "nvbuf-memory-type",
    "compute-hw",
    "gpu-id",
    "sort-batch",
    "cache-buffer",
    "cache-buffer-timeout",
    "sync-inputs-ntp",
    "async-process",
)
_LEAST_BUFFERS = 4


def size(file: ConfigFile) -> Iterator[Finding]:
    app = App(file)
    if not app.pictures and not app.multi:
        return
    width, height = app.number(_MUX, "width"), app.number(_MUX, "height")
    if (width == 0) != (height == 0):
        key, other = ("width", "height") if width else ("height", "width")
        yield app.without_effect(_MUX, key, f"without effect: {other} is not set, and one alone is not taken")
    elif not width and not app.is_set(_MUX, "config-file-path"):
        told = "width and height are not set: the old mux does not start without them, the new one has none"
        yield app.finding(Severity.WARNING, What.MISSING, _MUX, None, told)


def buffers(file: ConfigFile) -> Iterator[Finding]:
    app = App(file)
    pool = app.number(_MUX, "buffer-pool-size", _LEAST_BUFFERS)
    if pool < _LEAST_BUFFERS:
        told = f"{pool} is less than {_LEAST_BUFFERS} and not set; the mux's own {_LEAST_BUFFERS} holds"
        yield app.replaced(_MUX, "buffer-pool-size", told)


def two_muxes(file: ConfigFile) -> Iterator[Finding]:
    app = App(file)
    old = [key for key in _OLD if app.is_set(_MUX, key)]
    if app.is_set(_MUX, "config-file-path") and old:
        told = f"is for the new mux, and {', '.join(old)} for the old one: USE_NEW_NVSTREAMMUX says which"
        yield app.without_effect(_MUX, "config-file-path", told + " are without effect")


def batches(file: ConfigFile) -> Iterator[Finding]:
    app = App(file)
    if app.multi:
        yield from _by_multi(app)
    elif app.listed:
        yield from _by_list(app)
    elif app.pictures and app.number(_MUX, "batch-size") not in {app.pictures, 0}:
        told = f"{app.number(_MUX, 'batch-size')}, and {app.pictures} sources come in"
        yield app.finding(Severity.NOTE, What.VALUE, _MUX, "batch-size", told)
    elif app.pictures > 1 and app.has(_MUX) and not app.number(_MUX, "batch-size"):
        yield app.real_default(_MUX, "batch-size", f"is the mux's own 1, and {app.pictures} sources come in")


def _by_multi(app: App) -> Iterator[Finding]:
    most = app.number(LIST, "max-batch-size")
    told = f"max-batch-size of [{LIST}], {most}, is taken instead"
    yield from _beaten(app, (_MUX, "primary-gie"), most, told)
    told = f"sgie-batch-size of [{LIST}], {app.number(LIST, 'sgie-batch-size')}, is taken instead"
    sizes = app.number(LIST, "sgie-batch-size")
    yield from _beaten(app, app.groups("secondary-gie"), sizes, told)
    if app.is_set(_MUX, "async-process"):
        yield app.without_effect(_MUX, "async-process", "without effect: nvmultiurisrcbin is not told")


def _by_list(app: App) -> Iterator[Finding]:
    count = len(app.sources)
    told = f"the number of sources of [{LIST}], {count}, is taken instead"
    yield from _beaten(app, (_MUX, "primary-gie"), count, told)
    size = app.number(LIST, "sgie-batch-size")
    if size:
        told = f"sgie-batch-size of [{LIST}], {size}, is taken instead"
        yield from _beaten(app, app.groups("secondary-gie"), size, told)


def _beaten(app: App, groups: tuple[str, ...], size: int, told: str) -> Iterator[Finding]:
    for group in groups:
        if app.is_set(group, "batch-size") and app.number(group, "batch-size") != size:
            yield app.replaced(group, "batch-size", told)


def live(file: ConfigFile) -> Iterator[Finding]:
    app = App(file)
    kinds = {source.type for source in app.sources if source.enabled}
    if app.has(_MUX) and kinds & {RTSP, V4L2, CSI} and not app.number(_MUX, "live-source"):
        told = "is 0 though cameras come in: the old mux waits for full batches and may fall behind"
        yield app.real_default(_MUX, "live-source", told)


def not_handed_on(file: ConfigFile) -> Iterator[Finding]:
    yield from App(file).unused(_MUX, ("interpolation-method",), "without effect: no element is told")


RULES: tuple[Rule, ...] = (size, buffers, two_muxes, batches, live, not_handed_on)
