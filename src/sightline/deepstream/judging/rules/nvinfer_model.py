"""Where nvinfer gets its engine from, and how it is built.

Read from nvdsinfer_model_builder.cpp and nvdsinfer_context_impl.cpp. Much of it matters only where the engine
has to be built; a file of an engine that fits is taken as it is.
"""

from __future__ import annotations

from collections.abc import Iterable

from sightline.deepstream.document import Form
from sightline.deepstream.findings import Finding, Severity, What
from sightline.deepstream.judging.rules.nvinfer_facts import Facts, of_facts

_INT8, _BEST = 1, 3
_SOURCES = ("onnx-file", "tlt-encoded-model", "model-engine-file", "custom-lib-path")
_GONE = ("model-file", "proto-file", "uff-file", "uff-input-order", "uff-input-blob-name")
_FUNCTIONS = (
    "engine-create-func-name",
    "parse-bbox-func-name",
    "parse-bbox-instance-mask-func-name",
    "parse-segmentation-func-name",
    "parse-classifier-func-name",
)
_BUILDERS = ("engine-create-func-name", "tlt-encoded-model")  # functions that are handed all of the file
_COMPANIONS = {
    "tlt-model-key": "tlt-encoded-model",
    "use-dla-core": "enable-dla",
    "ip-tensor-file": "overwrite-input-tensor",
    "op-tensor-files": "overwrite-output-tensor",
}
_CUT = ("output-blob-names", "output-io-formats", "classifier-type")
_MOST = 63
_TRIPLES = {
    "output-io-formats": "layer:type:format",
    "layer-device-precision": "layer:precision:device",
}


def _model(it: Facts) -> Iterable[Finding]:
    if not any(it.settings.value(key) for key in _SOURCES):
        told = (
            f"expected one of {', '.join(_SOURCES)}; without any, nvinfer stops at its start"
            " unless the application sets model-engine-file"
        )
        yield it.settings.tell(Severity.WARNING, What.MISSING, None, told)


def _without_library(it: Facts) -> Iterable[Finding]:
    if not it.settings.value("custom-lib-path"):
        yield from it.idle(_FUNCTIONS, "without custom-lib-path")
        if not it.settings.value("tlt-encoded-model"):  # whose library is closed, and is handed them
            yield from it.idle(_GONE, "any more: TensorRT reads neither UFF nor Caffe")


def _companions(it: Facts) -> Iterable[Finding]:
    for key, needed in _COMPANIONS.items():
        if not it.settings.value(needed):
            yield from it.idle([key], f"without {needed}")


def _precision(it: Facts) -> Iterable[Finding]:
    mode, table = it.settings.value("network-mode", 0), it.settings.value("int8-calib-file")
    if mode in {_INT8, _BEST} and not table and not it.settings.value("engine-create-func-name"):
        told = f"{mode} needs int8-calib-file; an engine that has to be built is built for FP16"
        yield it.settings.tell(Severity.WARNING, What.REPLACED, "network-mode", told)
    if mode not in {_INT8, _BEST}:
        told = f"with network-mode {mode}; 1 and 3 use it"
        yield from it.idle(["int8-calib-file"], told, Severity.NOTE)


def _building(it: Facts) -> Iterable[Finding]:
    if not any(it.settings.value(key) for key in _BUILDERS):
        library = it.settings.value("custom-lib-path")
        unless = ", unless custom-lib-path has NvDsInferCudaEngineGet" if library else ""
        yield from it.idle(["workspace-size"], f"any more: nobody gives it to TensorRT{unless}")
    if it.settings.on("force-implicit-batch-dim"):
        told = "an engine that is built so gets neither network-mode nor infer-dims"
        yield it.settings.tell(Severity.WARNING, What.INAPPLICABLE, "force-implicit-batch-dim", told)


def _triples(it: Facts) -> Iterable[Finding]:
    for key, wanted in _TRIPLES.items():
        for word in it.settings.value(key, ()):
            if word.count(":") < 2:
                told = f"expected {wanted}, got {word!r}; an engine that has to be built is not"
                yield it.settings.tell(Severity.WARNING, What.VALUE, key, told)


def _lengths(it: Facts) -> Iterable[Finding]:
    """YAML's parser copies these words into places of a size; what is longer is cut, and nothing is said."""
    for key in _CUT if it.settings.form is Form.YML else ():
        said = it.settings.value(key) or ()
        for word in (said,) if isinstance(said, str) else said:
            if len(word.encode()) > _MOST:
                told = f"the YAML parser keeps {_MOST} bytes of it: {word[:_MOST]!r} is taken instead"
                yield it.settings.tell(Severity.WARNING, What.REPLACED, key, told)


RULES = tuple(
    map(of_facts, (_model, _without_library, _companions, _precision, _building, _triples, _lengths))
)
