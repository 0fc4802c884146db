"""A file of nvinfer as a model of a site.

Promises: a detector or classifier in an ONNX file becomes the model `onnx` with the same threshold, the same
preparation of pictures and the same names; what cannot be said there is told.

Deliberately not here: whether the ONNX file is there, and what heads it has; Sightline finds that out itself.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Final

from sightline.deepstream.comparing.meaning import Meant
from sightline.deepstream.importing.taken import Taking

STAND_IN: Final = {"kind": "motion"}
_PROPERTY: Final = "property"
_ALL: Final = "class-attrs-all"
_DETECTOR, _CLASSIFIER, _NMS = 0, 1, 2
_LABELS_BYTES: Final = 1 << 20
# What stands for a model that nobody but TensorRT can run.
_OTHER_MODELS: Final = (
    "model-file",
    "uff-file",
    "tlt-encoded-model",
    "model-engine-file",
    "custom-network-config",
)
_CUSTOM: Final = (
    "custom-lib-path",
    "parse-bbox-func-name",
    "parse-bbox-instance-mask-func-name",
    "parse-classifier-func-name",
    "engine-create-func-name",
)


def model_of(taking: Taking) -> dict[str, Any] | None:
    """The model; None where it has none that could be run here, which is told."""
    kind = taking.number(_PROPERTY, "network-type") or _DETECTOR
    onnx = taking.text(_PROPERTY, "onnx-file")
    _tell_of_others(taking)
    if onnx is None or kind not in {_DETECTOR, _CLASSIFIER}:
        why = "there is no onnx-file" if onnx is None else f"networks of type {kind:g} have no counterpart"
        taking.warn(f"{why}: motion stands in its place", _PROPERTY, "network-type")
        return None
    model: dict[str, Any] = {"kind": "onnx", "path": taking.site_path(onnx).replace("$", "$$")}
    model |= {"head": "classifier"} if kind == _CLASSIFIER else {}
    labels = _labels(taking)
    return model | labels | _classes(taking, labels) | _scores(taking, kind) | _preparation(taking)


def _tell_of_others(taking: Taking) -> None:
    for key in _OTHER_MODELS:
        if name := taking.text(_PROPERTY, key):
            taking.warn(f"{key}: {Path(name).name} runs on TensorRT alone, and is not used", _PROPERTY, key)
    for key in _CUSTOM:
        if name := taking.text(_PROPERTY, key):
            told = f"{key}: {Path(name).name} is not used; Sightline reads the outputs of the heads it knows"
            taking.warn(told, _PROPERTY, key)


def _labels(taking: Taking) -> dict[str, Any]:
    """The file of labels where that has one a line, else the labels."""
    named = taking.text(_PROPERTY, "labelfile-path")
    if named is None:
        return {}
    text = _text(taking.path.parent / named)
    if text is None:
        taking.note(f"labelfile-path: {named} cannot be read now", _PROPERTY, "labelfile-path")
    elif ";" in text:
        return {
            "labels": [label.strip().replace("$", "$$") for label in text.strip().split(";") if label.strip()]
        }
    return {"labels": taking.site_path(named).replace("$", "$$")}


def _text(path: Path) -> str | None:
    try:
        return path.read_text("utf-8") if path.is_file() and path.stat().st_size <= _LABELS_BYTES else None
    except (OSError, UnicodeDecodeError):
        return None


def _classes(taking: Taking, labels: dict[str, Any]) -> dict[str, Any]:
    """All but those that are filtered out, where their names are known."""
    out = taking.value(_PROPERTY, "filter-out-class-ids")
    if not isinstance(out, tuple):
        return {}
    names = _names(taking, labels)
    kept = [name for number, name in enumerate(names) if number not in out]
    if not names or not kept:
        taking.warn(f"filter-out-class-ids: {out} needs labels to become classes", _PROPERTY)
        return {}
    return {"classes": kept}


def _names(taking: Taking, labels: dict[str, Any]) -> list[str]:
    if isinstance(labels.get("labels"), list):
        return list(labels["labels"])
    named = taking.text(_PROPERTY, "labelfile-path")
    text = _text(taking.path.parent / named) if named else None
    return [line.strip().replace("$", "$$") for line in (text or "").rstrip().splitlines()]


def _scores(taking: Taking, kind: float) -> dict[str, Any]:
    if kind == _CLASSIFIER:
        return _share(taking, "threshold", taking.number(_PROPERTY, "classifier-threshold") or 0.0)
    before, after = (
        taking.number(_ALL, "pre-cluster-threshold"),
        taking.number(_ALL, "post-cluster-threshold"),
    )
    told = _share(taking, "threshold", max(0.2 if before is None else before, after or 0.0))
    return told | _clustered(taking)


def _clustered(taking: Taking) -> dict[str, Any]:
    mode, iou = taking.number(_PROPERTY, "cluster-mode"), taking.number(_ALL, "nms-iou-threshold")
    if mode == _NMS:
        return _share(taking, "nms", 0.3 if iou is None else iou) if iou != 0 else {}
    if mode != 4:
        told = f"cluster-mode {mode or 0:g} has no counterpart: boxes of one thing are told apart by NMS"
        taking.warn(told, _PROPERTY, "cluster-mode")
    return {}


def _share(taking: Taking, key: str, value: float) -> dict[str, Any]:
    if 0 <= value <= 1:
        return {key: value}
    taking.warn(f"a {key} of {value:g} is none from 0 to 1, and left out", _ALL)
    return {}


def _preparation(taking: Taking) -> dict[str, Any]:
    """How pictures are prepared: `net-scale-factor * (x - offset)` there, `(x / 255 - mean) / std` here."""
    told: dict[str, Any] = {**_size(taking)}
    keeps = taking.number(_PROPERTY, "maintain-aspect-ratio")
    told["fit"] = "letterbox" if keeps else "stretch"
    if keeps and not taking.number(_PROPERTY, "symmetric-padding"):
        taking.note("symmetric-padding is off there; here the picture lies in the middle", _PROPERTY)
    colours = taking.number(_PROPERTY, "model-color-format") or 0
    if colours:
        form = "BGR" if colours == 1 else "GRAY"
        taking.warn(
            f"model-color-format is {form}; models are given RGB here", _PROPERTY, "model-color-format"
        )
    return told | _scaled(taking, is_reversed=colours == 1)


def _size(taking: Taking) -> dict[str, Any]:
    dims = taking.value(_PROPERTY, "infer-dims")
    if not isinstance(dims, tuple) or len(dims) != 3:
        return {}
    last = taking.number(_PROPERTY, "network-input-order")
    height, width = (dims[0], dims[1]) if last else (dims[1], dims[2])
    return {"size": f"{width}x{height}"} if _are_sizes(width, height) else {}


def _are_sizes(*sides: Meant) -> bool:
    return all(isinstance(side, int) and 2 <= side <= 16384 for side in sides)


def _scaled(taking: Taking, *, is_reversed: bool) -> dict[str, Any]:
    scale = taking.number(_PROPERTY, "net-scale-factor")
    scale = 1.0 if scale is None else scale
    offsets = _offsets(taking)
    if scale <= 0:
        taking.warn(f"net-scale-factor {scale:g} cannot be said here", _PROPERTY, "net-scale-factor")
        return {}
    told: dict[str, Any] = {}
    if any(offsets):
        told["mean"] = [round(offset / 255, 6) for offset in (offsets[::-1] if is_reversed else offsets)]
    if not math.isclose(scale * 255, 1, rel_tol=1e-4):
        told["std"] = [_rounded(1 / (255 * scale))] * 3
    return told


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")


def _offsets(taking: Taking) -> list[float]:
    offsets = taking.value(_PROPERTY, "offsets")
    if isinstance(offsets, tuple):
        numbers = [float(offset) for offset in offsets if isinstance(offset, int | float)]
        if len(numbers) == 3:
            return numbers
        taking.warn(f"offsets: expected three, got {len(numbers)}", _PROPERTY, "offsets")
    return [0.0, 0.0, 0.0]
