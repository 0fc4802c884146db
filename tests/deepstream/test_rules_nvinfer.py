"""nvinfer's files: each thing that is found, in the forms that it is found in."""

import pytest
from tests.deepstream.linted import BOTH, NOTE, REFUSED, TXT, WARNING, YML, Case, check, made, places

from sightline.deepstream.document import Form
from sightline.deepstream.findings import What, would_load
from sightline.deepstream.kinds import Kind
from sightline.deepstream.linting import lint

_CLASSES = {"property/num-detected-classes": "2"}
_SECONDARY = {"property/process-mode": "2", "property/operate-on-gie-id": "1"}
_CLASSIFIER = {
    "property/network-type": "1",
    "property/num-detected-classes": None,
    "property/cluster-mode": None,
}
_INSTANCES = {
    "property/network-type": "3",
    "property/cluster-mode": "4",
    "property/custom-lib-path": "lib.so",
    "property/parse-bbox-instance-mask-func-name": "Parse",
}

PARSING = [
    Case({"property/nonsense": "1"}, WARNING, What.UNKNOWN, "property/nonsense", "no key 'nonsense'"),
    Case(
        {"property/batchsize": "4"}, WARNING, What.UNKNOWN, "property/batchsize", 'did you mean "batch-size"?'
    ),
    Case({"property/topk": "4"}, WARNING, What.MISPLACED, "property/topk", "belongs in [class-attrs-all]"),
    Case({"property/tensor-name": "a"}, WARNING, What.MISPLACED, "property/tensor-name", "nvdspreprocess"),
    Case({"property/parse-func": "4"}, WARNING, What.UNKNOWN, "property/parse-func", "no key 'parse-func'"),
    Case(
        {"application/perf": "1"},
        WARNING,
        What.MISPLACED,
        "application",
        "belongs in a file of deepstream-app",
    ),
    Case({"nonsense/a": "1"}, WARNING, What.UNKNOWN, "nonsense", "passes over it"),
    Case(
        {"property/network-mode": "7"},
        REFUSED,
        What.VALUE,
        "property/network-mode",
        "expected one of 0 (FP32), 1 (INT8), 2 (FP16), 3 (best), got 7",
    ),
    Case({"property/network-type": "4"}, REFUSED, What.VALUE, "property/network-type", "100 (other), got 4"),
    Case({"property/process-mode": "0"}, REFUSED, What.VALUE, "property/process-mode", "1 (primary, whole"),
    Case({"property/cluster-mode": "5"}, REFUSED, What.VALUE, "property/cluster-mode", "4 (none), got 5"),
    Case({"property/batch-size": "0"}, REFUSED, What.VALUE, "property/batch-size", "1 to 1024, got 0"),
    Case({"property/batch-size": "1025"}, REFUSED, What.VALUE, "property/batch-size", "1 to 1024, got 1025"),
    Case({"property/interval": "-1"}, REFUSED, What.VALUE, "property/interval", "0 or more, got -1"),
    Case({"property/infer-dims": "640;640"}, REFUSED, What.VALUE, "property/infer-dims", "3 values, got 2"),
    Case({"property/infer-dims": "3;6x;640"}, REFUSED, What.VALUE, "property/infer-dims", "6x", TXT),
    Case({"property/infer-dims": "3;640;640;"}, REFUSED, What.VALUE, "property/infer-dims", "''", YML),
    Case({"property/enable-dla": "true"}, REFUSED, What.VALUE, "property/enable-dla", "'true'", YML),
    Case({"property/enable-dla": "yes"}, REFUSED, What.VALUE, "property/enable-dla", "'yes'"),
    Case(
        {"property/maintain-aspect-ratio": "on"},
        REFUSED,
        What.VALUE,
        "property/maintain-aspect-ratio",
        "'on'",
    ),
    Case({"property/gpu-id": "-1"}, REFUSED, What.VALUE, "property/gpu-id", "without a sign", YML),
    Case({"property/gie-unique-id": "0"}, REFUSED, What.VALUE, "property/gie-unique-id", "more than 0"),
    Case({"property/gie-unique-id": "-1"}, WARNING, What.VALUE, "property/gie-unique-id", "4294967295", TXT),
    Case(
        {"property/gie-unique-id": None},
        WARNING,
        What.MISSING,
        "property/gie-unique-id",
        "stops at its start",
    ),
    Case(
        {"property/operate-on-class-ids": "-1", **_SECONDARY},
        REFUSED,
        What.VALUE,
        "property/operate-on-class-ids",
        "0 or more",
    ),
    Case({"property/max-gpu-mem-per": "0"}, WARNING, What.REPLACED, "property/max-gpu-mem-per", "99 for 0"),
    Case({"property/max-gpu-mem-per": "9.5"}, REFUSED, What.VALUE, "property/max-gpu-mem-per", "9.5", TXT),
    Case(
        {"property/custom-network-config": "a", "property/network-mode": "x"},
        REFUSED,
        What.VALUE,
        "property/network-mode",
        "'x'",
    ),
]

OLD = [
    Case(
        {**_CLASSIFIER, "property/is-classifier": "1", "property/network-type": "1"},
        WARNING,
        What.INAPPLICABLE,
        "property/is-classifier",
        "passed over beside 'network-type'",
        TXT,
    ),
    Case(
        {"property/is-classifier": "0"},
        WARNING,
        What.DEPRECATED,
        "property/is-classifier",
        "heir is 'network-type'",
        TXT,
    ),
    Case(
        {"property/is-classifier": "0"},
        WARNING,
        What.UNKNOWN,
        "property/is-classifier",
        "only text's reader knows it, and 'network-type' is its heir",
        YML,
    ),
    Case(
        {"property/enable-dbscan": "1"},
        WARNING,
        What.INAPPLICABLE,
        "property/enable-dbscan",
        "passed over beside 'cluster-mode'",
        TXT,
    ),
    Case(
        {"property/input-dims": "3;640;640;0"},
        WARNING,
        What.DEPRECATED,
        "property/input-dims",
        "heir is 'infer-dims'",
        TXT,
    ),
    Case(
        {"property/input-dims": "3;640", "property/infer-dims": "3;640;640"},
        WARNING,
        What.INAPPLICABLE,
        "property/input-dims",
        "passed over beside 'infer-dims'",
        TXT,
    ),
    Case(
        {"class-attrs-all/threshold": "0.4"},
        WARNING,
        What.DEPRECATED,
        "class-attrs-all/threshold",
        "heir is 'pre-cluster-threshold'",
        TXT,
    ),
    Case(
        {"class-attrs-all/threshold": "0.4"},
        WARNING,
        What.UNKNOWN,
        "class-attrs-all/threshold",
        "only text's reader",
        YML,
    ),
]

ELEMENT = [
    Case(
        {"property/operate-on-class-ids": "0;2"},
        WARNING,
        What.INAPPLICABLE,
        "property/operate-on-class-ids",
        "no effect with process-mode 1 (primary)",
    ),
    Case(
        {"property/input-object-min-width": "32"},
        WARNING,
        What.INAPPLICABLE,
        "property/input-object-min-width",
        "no effect with process-mode 1 (primary)",
    ),
    Case(
        {"property/operate-on-gie-id": "1"},
        WARNING,
        What.INAPPLICABLE,
        "property/operate-on-gie-id",
        "process-mode 1",
    ),
    Case(
        {"property/secondary-reinfer-interval": "5"},
        WARNING,
        What.INAPPLICABLE,
        "property/secondary-reinfer-interval",
        "process-mode 1",
    ),
    Case(
        {"property/interval": "2", **_SECONDARY},
        WARNING,
        What.INAPPLICABLE,
        "property/interval",
        "process-mode 2",
    ),
    Case({"property/process-mode": "2"}, NOTE, What.DEFAULT, "property/operate-on-gie-id", "every detector"),
    Case(
        {"property/classifier-async-mode": "1"},
        WARNING,
        What.REPLACED,
        "property/classifier-async-mode",
        "turned off",
    ),
    Case(
        {"property/tensor-meta-pool-size": "1"},
        WARNING,
        What.REPLACED,
        "property/tensor-meta-pool-size",
        "2 is taken",
    ),
    Case(
        {"property/tensor-meta-pool-size": "4", "property/output-tensor-meta": "1"},
        WARNING,
        What.REPLACED,
        "property/tensor-meta-pool-size",
        "6 is taken",
    ),
]

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


@pytest.mark.parametrize(
    "case", PARSING + OLD + ELEMENT + INPUT + MODEL + OUTPUT, ids=lambda case: f"{case.at}-{case.says}"
)
def test_one_change_is_one_finding(case: Case) -> None:
    check(Kind.NVINFER, case)


@pytest.mark.parametrize("form", BOTH)
def test_nothing_is_found_in_sound_files(form: Form) -> None:
    for change in ({}, _CLASSES, _SECONDARY, _INSTANCES, _CLASSIFIER, {"class-attrs-3/topk": "4"}):
        assert lint(made(Kind.NVINFER, form, change)) == ()


@pytest.mark.parametrize("form", BOTH)
def test_without_its_property_group_it_is_refused(form: Form) -> None:
    found = lint(made(Kind.NVINFER, form, {"property": None, "class-attrs-all/topk": "1"}))
    assert places(found) == ["missing property"]
    assert not would_load(found)


def test_words_behind_a_number_are_passed_over_where_yaml_reads_a_word() -> None:
    """`std::stoi` reads `interval`; `as<unsigned>` reads `batch-size`."""
    assert lint(made(Kind.NVINFER, Form.YML, {"property/interval": "2 frames"})) == ()
    assert places(lint(made(Kind.NVINFER, Form.YML, {"property/batch-size": "2 frames"}))) == [
        "value property/batch-size"
    ]
