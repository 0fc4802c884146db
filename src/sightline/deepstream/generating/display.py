"""What can be seen of a pipeline: the groups that debug mode turns on, and the fake sink where it is off.

Promises: colours are whole numbers, because DeepStream's YAML reader cuts 0.3 to 0. The port by which the
encoded stream reaches the RTSP server is the RTSP port's number (that one is TCP, this one UDP), so that two
instances on one machine meet only where their RTSP ports do.

Deliberately not here: when debug mode is on (`choices`).
"""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil, isqrt
from pathlib import PurePath
from typing import Final

from sightline.deepstream.document import Group
from sightline.deepstream.generating.choices import Debug
from sightline.deepstream.generating.pipelines import Pipeline
from sightline.deepstream.generating.rows import Row, group
from sightline.errors import ConfigError

PERF_SECONDS: Final = 5
_FAKE: Final = 1
_FILE: Final = 3
_RTSP: Final = 4
_MP4: Final = 1
_H264: Final = 1
_BITRATE: Final = 4_000_000


def application(pipeline: Pipeline) -> Group:
    measure = int(pipeline.debug is not None)
    rows: list[Row] = [
        ("enable-perf-measurement", measure),
        ("perf-measurement-interval-sec", PERF_SECONDS),
    ]
    return group(pipeline.app_form, "application", rows)


def tiled(pipeline: Pipeline) -> Group:
    """All cameras in one picture, in a grid that is as near to a square as they fill."""
    count = len(pipeline.config.sourceconfig.sources)
    columns = isqrt(count - 1) + 1
    app = pipeline.config.appconfig
    settings: list[Row] = [
        ("enable", int(pipeline.debug is not None)),
        ("rows", ceil(count / columns)),
        ("columns", columns),
        ("width", min(app.streammux_output_width, 1920)),
        ("height", min(app.streammux_output_height, 1080)),
        ("gpu-id", pipeline.primary.gpu_id),
        ("nvbuf-memory-type", app.streammux_nvbuf_memory_type.value),
    ]
    return group(pipeline.app_form, "tiled-display", settings)


def drawing(pipeline: Pipeline) -> Group:
    rows: list[Row] = [("enable", int(pipeline.debug is not None)), ("gpu-id", pipeline.primary.gpu_id)]
    if pipeline.debug is not None:
        rows += _drawn()
    memory = pipeline.config.appconfig.streammux_nvbuf_memory_type.value
    return group(pipeline.app_form, "osd", [*rows, ("nvbuf-memory-type", memory)])


def shown(pipeline: Pipeline) -> Group:
    """The first sink, which takes the pictures."""
    return group(pipeline.app_form, "sink0", _sink(pipeline))


def named_for(path: PurePath, pipeline: Pipeline) -> PurePath:
    """A file name of this pipeline's own: both would write into one."""
    if path.suffix != ".mp4" or not path.stem:
        raise ConfigError(f"debug: expected the name of an .mp4 file, got {str(path)!r}")
    return path.with_name(f"{path.stem}-{pipeline.word}{path.suffix}")


def _drawn() -> list[Row]:
    return [
        ("process-mode", 1),
        ("border-width", 2),
        ("text-size", 15),
        ("text-color", "1;1;1;1"),
        ("text-bg-color", "0;0;0;1"),
        ("font", "Serif"),
        ("show-clock", 1),
        ("clock-x-offset", 20),
        ("clock-y-offset", 20),
        ("clock-text-size", 15),
        ("clock-color", "1;0;0;1"),
        ("display-text", 1),
        ("display-bbox", 1),
    ]


def _sink(pipeline: Pipeline) -> Iterator[Row]:
    yield "enable", 1
    if pipeline.debug is None:
        yield "type", _FAKE
    else:
        yield from _encoded(pipeline, pipeline.debug)
    yield "sync", 0
    yield "source-id", 0
    yield "gpu-id", pipeline.primary.gpu_id


def _encoded(pipeline: Pipeline, debug: Debug) -> Iterator[Row]:
    yield "type", _RTSP if debug.file is None else _FILE
    if debug.file is not None:
        yield "container", _MP4
    yield "codec", _H264
    yield "enc-type", 0
    yield "bitrate", _BITRATE
    yield "iframeinterval", 30
    if debug.file is not None:
        yield "output-file", str(named_for(debug.file, pipeline))
    else:
        port = (debug.rtsp_port or 0) + pipeline.number
        yield "rtsp-port", port
        yield "udp-port", port
