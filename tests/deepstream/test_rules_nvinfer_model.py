"""nvinfer's model, its input and its output: each thing that is found, in the forms that it is found in."""

import pytest
from tests.deepstream.linted import BOTH, NOTE, REFUSED, TXT, WARNING, Case, check, made

from sightline.deepstream.document import Form
from sightline.deepstream.findings import What
from sightline.deepstream.judging.linting import lint
from sightline.deepstream.kinds import Kind

_CLASSIFIER: dict[str, str | None] = {
    "property/network-type": "1",
    "property/num-detected-classes": None,
    "property/cluster-mode": None,
}
_INSTANCES: dict[str, str | None] = {
    "property/network-type": "3",
    "property/cluster-mode": "4",
    "property/custom-lib-path": "lib.so",
    "property/parse-bbox-instance-mask-func-name": "Parse",
}

INPUT = [
    Case(
        {"property/infer-dims": "640;640;3"}, REFUSED, What.VALUE, "property/infer-dims", "the order is c;h;w"
    ),
    Case(
        {"property/infer-dims": "1;640;640"},
        REFUSED,
        What.VALUE,
        "property/infer-dims",
        "expected 3 channels",
    ),
    Case(
        {"property/infer-dims": "3;640;640", "property/model-color-format": "2"},
        REFUSED,
        What.VALUE,
        "property/infer-dims",
        "expected 1 channels",
    ),
    Case(
        {"property/infer-dims": "3;0;640"}, WARNING, What.REPLACED, "property/infer-dims", "the model's own"
    ),
    Case({"property/infer-dims": "3;-1;640"}, WARNING, What.VALUE, "property/infer-dims", "a very large one"),
    Case(
        {"property/offsets": "1;2"},
        REFUSED,
        What.VALUE,
        "property/offsets",
        "3 numbers, one for each channel, got 2",
    ),
    Case(
        {"property/offsets": "1;2;3;4;5"}, REFUSED, What.VALUE, "property/offsets", "at most 4 numbers, got 5"
    ),
    Case(
        {"property/offsets": "1;2;3", "property/mean-file": "mean.ppm"},
        WARNING,
        What.INAPPLICABLE,
        "property/offsets",
        "beside mean-file",
    ),
    Case(
        {"property/net-scale-factor": "0"}, WARNING, What.REPLACED, "property/net-scale-factor", "1 is taken"
    ),
    Case({"property/net-scale-factor": None}, NOTE, What.DEFAULT, "property/net-scale-factor", "0 to 255"),
    Case(
        {"property/symmetric-padding": "1"},
        WARNING,
        What.INAPPLICABLE,
        "property/symmetric-padding",
        "without maintain-aspect-ratio",
    ),
    Case(
        {"property/input-tensor-from-meta": "1"},
        WARNING,
        What.INAPPLICABLE,
        "property/net-scale-factor",
        "beside input-tensor-from-meta",
    ),
]

MODEL = [
    Case({"property/onnx-file": None}, WARNING, What.MISSING, "property", "expected one of onnx-file"),
    Case(
        {"property/parse-bbox-func-name": "P"},
        WARNING,
        What.INAPPLICABLE,
        "property/parse-bbox-func-name",
        "without custom-lib-path",
    ),
    Case(
        {"property/uff-file": "a.uff"},
        WARNING,
        What.INAPPLICABLE,
        "property/uff-file",
        "neither UFF nor Caffe",
    ),
    Case(
        {"property/tlt-model-key": "k"},
        WARNING,
        What.INAPPLICABLE,
        "property/tlt-model-key",
        "without tlt-encoded-model",
    ),
    Case(
        {"property/use-dla-core": "1"},
        WARNING,
        What.INAPPLICABLE,
        "property/use-dla-core",
        "without enable-dla",
    ),
    Case(
        {"property/network-mode": "1"},
        WARNING,
        What.REPLACED,
        "property/network-mode",
        "needs int8-calib-file",
    ),
    Case(
        {"property/int8-calib-file": "c"},
        NOTE,
        What.INAPPLICABLE,
        "property/int8-calib-file",
        "network-mode 0",
    ),
    Case({"property/workspace-size": "9"}, WARNING, What.INAPPLICABLE, "property/workspace-size", "any more"),
    Case(
        {"property/workspace-size": "9", "property/custom-lib-path": "parser.so"},
        WARNING,
        What.INAPPLICABLE,
        "property/workspace-size",
        "unless custom-lib-path has NvDsInferCudaEngineGet",
    ),
    Case(
        {"property/force-implicit-batch-dim": "1"},
        WARNING,
        What.INAPPLICABLE,
        "property/force-implicit-batch-dim",
        "neither network-mode",
    ),
    Case(
        {"property/output-io-formats": "out:fp32"},
        WARNING,
        What.VALUE,
        "property/output-io-formats",
        "layer:type:format",
    ),
]

OUTPUT = [
    Case(
        {"property/cluster-mode": None},
        NOTE,
        What.DEFAULT,
        "property/cluster-mode",
        "NMS with topk 20 and IoU 0.5",
    ),
    Case({"property/cluster-mode": "0"}, WARNING, What.REPLACED, "property/cluster-mode", "NMS with topk 20"),
    Case(
        {"property/cluster-mode": None, "class-attrs-all/topk": "5"},
        WARNING,
        What.REPLACED,
        "class-attrs-all/topk",
        "5 is overwritten with 20",
        also=("default property/cluster-mode",),
    ),
    Case(
        {"property/cluster-mode": None, "class-attrs-all/eps": "0.2"},
        WARNING,
        What.INAPPLICABLE,
        "class-attrs-all/eps",
        "without OpenCV",
        also=("default property/cluster-mode",),
    ),
    Case(
        {"property/num-detected-classes": None},
        WARNING,
        What.DEFAULT,
        "property/num-detected-classes",
        "nothing that the network finds",
    ),
    Case(
        {"property/segmentation-threshold": "0.4"},
        WARNING,
        What.INAPPLICABLE,
        "property/segmentation-threshold",
        "network-type 0 (detector)",
    ),
    Case(
        {**_CLASSIFIER, "property/cluster-mode": "2"},
        WARNING,
        What.INAPPLICABLE,
        "property/cluster-mode",
        "network-type 1 (classifier)",
    ),
    Case(
        {"property/output-instance-mask": "1"},
        REFUSED,
        What.VALUE,
        "property/output-instance-mask",
        "needs cluster-mode 4 (none), got 2 (NMS)",
    ),
    Case(
        {**_INSTANCES, "property/cluster-mode": "2"},
        REFUSED,
        What.VALUE,
        "property/network-type",
        "needs cluster-mode 4",
    ),
    Case(
        {**_INSTANCES, "property/custom-lib-path": ""},
        REFUSED,
        What.MISSING,
        "property/custom-lib-path",
        "must be there",
        TXT,
        also=("inapplicable property/parse-bbox-instance-mask-func-name",),
    ),
    Case(
        {"class-attrs-all/group-threshold": "1"},
        WARNING,
        What.INAPPLICABLE,
        "class-attrs-all/group-threshold",
        "cluster-mode 2 (NMS)",
    ),
    Case(
        {"class-attrs-all/nms-iou-threshold": "1.5"},
        REFUSED,
        What.VALUE,
        "class-attrs-all/nms-iou-threshold",
        "0 to 1, got 1.5",
    ),
    Case({"class-attrs-all/topk": "-1"}, REFUSED, What.VALUE, "class-attrs-all/topk", "0 or more, got -1"),
    Case(
        {"class-attrs-all/border-color": "1;0;0"},
        REFUSED,
        What.VALUE,
        "class-attrs-all/border-color",
        "4 values, got 3",
    ),
    Case(
        {"class-attrs-4/topk": "1"},
        REFUSED,
        What.VALUE,
        "class-attrs-4",
        "below num-detected-classes, which is 4",
    ),
    Case({"class-attrs--1/topk": "1"}, REFUSED, What.UNKNOWN, "class-attrs--1", "the number of a class"),
    Case({"class-attrs-al/topk": "1"}, REFUSED, What.UNKNOWN, "class-attrs-al", "expected class-attrs-all"),
    Case({"class-attrs-1x/topk": "1"}, WARNING, What.REPLACED, "class-attrs-1x", "is read as class 1"),
    Case(
        {**_CLASSIFIER, "class-attrs-all/nonsense": "x"},
        WARNING,
        What.INAPPLICABLE,
        "class-attrs-all",
        "network-type 1 (classifier)",
    ),
    Case(
        {"property/cluster-mode": "1", "class-attrs-all/eps": "0.2"},
        WARNING,
        What.DEFAULT,
        "class-attrs-all/minBoxes",
        "nothing is clustered",
    ),
]


@pytest.mark.parametrize("case", INPUT + MODEL + OUTPUT, ids=lambda case: f"{case.at}-{case.says}")
def test_one_change_is_one_finding(case: Case) -> None:
    check(Kind.NVINFER, case)


@pytest.mark.parametrize("form", BOTH)
@pytest.mark.parametrize(
    "builder",
    [
        {"property/custom-lib-path": "yolo.so", "property/engine-create-func-name": "Create"},
        {"property/tlt-encoded-model": "a.etlt", "property/tlt-model-key": "key"},
    ],
)
def test_a_function_that_builds_the_engine_is_handed_all(form: Form, builder: dict[str, str]) -> None:
    handed = {"property/workspace-size": "2000", "property/uff-input-blob-name": "input_1"}
    assert lint(made(Kind.NVINFER, form, handed | builder)) == ()


@pytest.mark.parametrize(
    ("key", "before", "after"), [("output-blob-names", "a;", ""), ("output-io-formats", "", ":fp32:chw")]
)
@pytest.mark.parametrize(("length", "found"), [(63, []), (64, [What.REPLACED])])
def test_words_that_yaml_cuts_are_told(
    key: str, before: str, after: str, length: int, found: list[What]
) -> None:
    change = {f"property/{key}": before + "b" * (length - len(after)) + after}
    assert lint(made(Kind.NVINFER, Form.TXT, change), Kind.NVINFER) == ()
    told = lint(made(Kind.NVINFER, Form.YML, change), Kind.NVINFER)
    assert [each.what for each in told] == found
