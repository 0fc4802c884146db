"""The file of deepstream-app for one pipeline.

Promises: groups in the order of NVIDIA's samples, always the same; ids, classes and files agree with those
in the files that it names; every name of a file of the set is relative, in the same folder. `gie-unique-id`
and `operate-on-gie-id` stand here as well as in nvinfer's file, because the application wires the models by
its own.

`operate-on-class-ids` is nvinfer's alone: what the application hands on it cuts to 126 letters, which is less
than the eighty classes of COCO have.

`live-source` is 1 where a source is RTSP, and then the pipeline survives the end of a stream
(`drop-pipeline-eos`). Batches are as large as there are cameras, unless the document has a number.

Deliberately not here: batch sizes of models. They are nvinfer's, in its own file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sightline.deepstream.document import ConfigFile, Group
from sightline.deepstream.generating import display, messaging
from sightline.deepstream.generating.pipelines import Pipeline
from sightline.deepstream.generating.rows import Row, group
from sightline.deepstream.generating.sources import is_live, source_groups
from sightline.deepstream.models.align import FACE_align_config


def application(pipeline: Pipeline) -> ConfigFile:
    first, *others = _groups(pipeline)
    told = " written by Sightline, which overwrites it: change the document instead"
    return ConfigFile(pipeline.app_form, (replace(first, comment=(told,)), *others))


def _groups(pipeline: Pipeline) -> Iterator[Group]:
    yield display.application(pipeline)
    yield display.tiled(pipeline)
    yield from source_groups(pipeline)
    yield _muxer(pipeline)
    yield display.shown(pipeline)
    for number, stream in enumerate(messaging.streams(pipeline), 1):
        yield messaging.sink(pipeline, number, stream)
    yield display.drawing(pipeline)
    yield _primary(pipeline)
    yield _tracker(pipeline)
    yield _secondary(pipeline)
    if pipeline.align is not None:
        yield _aligning(pipeline, pipeline.align)


def _muxer(pipeline: Pipeline) -> Group:
    app, sources = pipeline.config.appconfig, pipeline.config.sourceconfig.sources
    live = int(any(map(is_live, sources)))
    pool = app.streammux_buffer_pool
    rows: list[Row] = [
        ("gpu-id", pipeline.primary.gpu_id),
        ("live-source", live),
        *([] if pool is None else [("buffer-pool-size", pool)]),
        ("batch-size", app.streammux_batch_size or len(sources)),
        ("batched-push-timeout", pipeline.layout.push_timeout_us),
        ("width", app.streammux_output_width),
        ("height", app.streammux_output_height),
        ("enable-padding", 0),
        ("nvbuf-memory-type", app.streammux_nvbuf_memory_type.value),
        ("drop-pipeline-eos", live),
    ]
    return group(pipeline.app_form, "streammux", rows)


def _primary(pipeline: Pipeline) -> Group:
    model = pipeline.primary
    rows: list[Row] = [
        ("enable", 1),
        ("gpu-id", model.gpu_id),
        ("gie-unique-id", model.gie_unique_id),
        ("nvbuf-memory-type", pipeline.config.appconfig.streammux_nvbuf_memory_type.value),
        ("config-file", pipeline.name("pgie")),
    ]
    return group(pipeline.app_form, "primary-gie", rows)


def _tracker(pipeline: Pipeline) -> Group:
    layout = pipeline.layout
    rows: list[Row] = [
        ("enable", 1),
        ("tracker-width", layout.tracker_width),
        ("tracker-height", layout.tracker_height),
        ("ll-lib-file", str(layout.tracker_library)),
        ("ll-config-file", str(layout.tracker_config)),
        ("gpu-id", pipeline.primary.gpu_id),
        ("display-tracking-id", 1),
    ]
    return group(pipeline.app_form, "tracker", rows)


def _secondary(pipeline: Pipeline) -> Group:
    model = pipeline.secondary
    rows: list[Row] = [
        ("enable", 1),
        ("gpu-id", model.gpu_id),
        ("gie-unique-id", model.gie_unique_id),
        ("operate-on-gie-id", model.operate_on_gie_id),
        ("input-tensor-meta", int(pipeline.align is not None)),
        ("config-file", pipeline.name("sgie")),
    ]
    return group(pipeline.app_form, "secondary-gie0", rows)


def _aligning(pipeline: Pipeline, align: FACE_align_config) -> Group:
    rows: list[Row] = [
        ("enable", 1),
        ("operate-on-gie-id", align.operate_on_gie_id),
        ("config-file", pipeline.name("align")),
    ]
    return group(pipeline.app_form, "secondary-pre-process0", rows)
