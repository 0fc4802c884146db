"""The files of Gst-nvinfer and Gst-nvdspreprocess: the document's models, key by key.

Promises: each key stands in the group that its reader looks in (thresholds in `[class-attrs-all]`, sizes of
objects for nvdspreprocess in `[group-0]`, which is the first of a list in YAML); what the document leaves out
is left to NVIDIA's default.

`mot_confidence_threshold` and `face_confidence_threshold` of the application are the least confidence of what
is reported, and go where nvinfer drops what is below after it has clustered: `post-cluster-threshold`. It
does not look at that key in cluster modes 4 (none) and 0 (groupRectangles); there it is
`pre-cluster-threshold`. Where the model has a threshold of its own in that key, the higher one is written.

Deliberately not here: what the fields mean and which values they take (`models`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from sightline.deepstream.comparing.preprocess_groups import as_list
from sightline.deepstream.document import ConfigFile, Entry, Form, Group
from sightline.deepstream.generating.choices import Layout
from sightline.deepstream.generating.pipelines import Pipeline, Primary
from sightline.deepstream.generating.rows import entry
from sightline.deepstream.models.align import FACE_align_config
from sightline.deepstream.models.numbers import ClusterMode
from sightline.deepstream.models.part import Place, Written, text_of

PRE: Final = Place("class-attrs-all", "pre-cluster-threshold")
POST: Final = Place("class-attrs-all", "post-cluster-threshold")
_LOOKS_AFTER: Final = frozenset({ClusterMode.DBSCAN, ClusterMode.NMS, ClusterMode.DBSCAN_NMS})


def primary(pipeline: Pipeline) -> ConfigFile:
    model = pipeline.primary
    place, least = reported_from(model, pipeline.threshold)
    return _file(pipeline, {**_settings(model, pipeline.layout), place: text_of(least)})


def secondary(pipeline: Pipeline) -> ConfigFile:
    return _file(pipeline, _settings(pipeline.secondary, pipeline.layout))


def aligning(pipeline: Pipeline, align: FACE_align_config) -> ConfigFile:
    settings = _settings(align, pipeline.layout)
    if align.src_ids is None:
        every = range(len(pipeline.config.sourceconfig.sources))
        settings[Place("group-0", "src-ids")] = text_of(tuple(every))
    file = _in_order(_file(pipeline, settings), ("property", "user-configs", "group-0"))
    listed = file.groups if file.form is Form.TXT else tuple(as_list(list(file.groups)))
    return replace(file, groups=listed)


def reported_from(model: Primary, threshold: float) -> tuple[Place, float]:
    """Where the application's threshold goes, and what is written there."""
    own: float | None = getattr(model, "post_cluster_threshold", None)
    if model.cluster_mode in _LOOKS_AFTER:
        return POST, max(threshold, own or 0.0)
    return PRE, max(threshold, model.pre_cluster_threshold)


def _settings(part: Written, layout: Layout) -> dict[Place, str]:
    """As `Written.entries` has them, with relative paths as the set needs them."""
    values = ((place, getattr(part, name)) for name, place in part.places().items())
    return {place: _text(value, layout) for place, value in values if value is not None}


def _text(value: object, layout: Layout) -> str:
    """No list ends in `;`: to YAML's readers an empty number would follow."""
    return layout.place(value) if isinstance(value, Path) else text_of(value).removesuffix(";")


def _file(pipeline: Pipeline, settings: dict[Place, str]) -> ConfigFile:
    return ConfigFile(pipeline.form, tuple(_groups(pipeline.form, settings)))


def _groups(form: Form, settings: dict[Place, str]) -> Iterator[Group]:
    rows: dict[str, list[Entry]] = {}
    for place, text in settings.items():
        rows.setdefault(place.group, []).append(entry(form, place.key, text))
    return (Group(name, tuple(entries)) for name, entries in rows.items())


def _in_order(file: ConfigFile, names: tuple[str, ...]) -> ConfigFile:
    """Its reader takes the groups in turn, and `[group-0]` by what `[property]` said."""
    return replace(file, groups=tuple(sorted(file.groups, key=lambda each: names.index(each.name))))
