"""How nvinfer prepares a network's input: dimensions, colours, scale and offsets.

Read from nvdsinfer_context_impl.cpp (InferPreprocessor, preparePreprocess, initInferenceInfo).
"""

from __future__ import annotations

from collections.abc import Iterable

from sightline.deepstream.findings import Finding, Severity, What
from sightline.deepstream.judging.rules.nvinfer_facts import Facts, of_facts

_MOST_CHANNELS = 4
_VIC = 2
_PREPARING = (
    "net-scale-factor",
    "offsets",
    "mean-file",
    "model-color-format",
    "maintain-aspect-ratio",
    "symmetric-padding",
    "scaling-filter",
    "scaling-compute-hw",
    "interval",
)


def _dimensions(it: Facts) -> Iterable[Finding]:
    dims = it.settings.value("infer-dims")
    if dims is None or len(dims) != 3:
        return
    if min(dims) < 0:
        told = f"expected sizes, got {dims}; a negative one is taken as a very large one"
        yield it.settings.tell(Severity.WARNING, What.VALUE, "infer-dims", told)
    elif min(dims) == 0:
        told = f"expected sizes, got {dims}; the model's own are taken"
        yield it.settings.tell(Severity.WARNING, What.REPLACED, "infer-dims", told)
    elif dims[0] != it.channels and not it.from_meta:
        turned = "; the order is c;h;w for any model" if dims[2] == it.channels else ""
        told = f"expected {it.channels} channels, as model-color-format has, got {dims[0]}{turned}"
        yield it.settings.tell(Severity.REFUSED, What.VALUE, "infer-dims", told)


def _offsets(it: Facts) -> Iterable[Finding]:
    offsets = it.settings.value("offsets")
    if offsets is None:
        return
    if len(offsets) > _MOST_CHANNELS:
        told = f"expected at most {_MOST_CHANNELS} numbers, got {len(offsets)}"
        yield it.settings.tell(Severity.REFUSED, What.VALUE, "offsets", told)
    elif len(offsets) not in {0, it.channels} and not it.from_meta and _scale(it) > 0:
        told = f"expected {it.channels} numbers, one for each channel, got {len(offsets)}"
        yield it.settings.tell(Severity.REFUSED, What.VALUE, "offsets", told)
    if it.settings.value("mean-file"):
        yield from it.idle(["offsets"], "beside mean-file")


def _scale(it: Facts) -> float:
    return float(it.settings.value("net-scale-factor", 1.0))


def _scale_factor(it: Facts) -> Iterable[Finding]:
    if not _scale(it) > 0:
        told = f"expected more than 0, got {_scale(it):g}; 1 is taken instead, and offsets are not subtracted"
        yield it.settings.tell(Severity.WARNING, What.REPLACED, "net-scale-factor", told)
    elif not it.settings.has("net-scale-factor") and not it.from_meta and not it.settings.has("mean-file"):
        told = "not set: pixels go in as they are, 0 to 255"
        yield it.settings.tell(Severity.NOTE, What.DEFAULT, "net-scale-factor", told)


def _from_meta(it: Facts) -> Iterable[Finding]:
    if it.from_meta:
        yield from it.idle(
            _PREPARING, "beside input-tensor-from-meta, where nvdspreprocess prepares the input"
        )


def _padding(it: Facts) -> Iterable[Finding]:
    if not it.from_meta and not it.settings.on("maintain-aspect-ratio"):
        yield from it.idle(["symmetric-padding"], "without maintain-aspect-ratio")


def _hardware(it: Facts) -> Iterable[Finding]:
    if it.settings.value("scaling-compute-hw") == _VIC:
        told = f"{_VIC} (VIC) is there on Jetson alone; elsewhere the file is refused"
        yield it.settings.tell(Severity.WARNING, What.VALUE, "scaling-compute-hw", told)


RULES = tuple(map(of_facts, (_dimensions, _offsets, _scale_factor, _from_meta, _padding, _hardware)))
