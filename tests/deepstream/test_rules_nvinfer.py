"""nvinfer's files: each thing that is found, in the forms that it is found in."""

import pytest
from tests.deepstream.linted import BOTH, NOTE, REFUSED, TXT, WARNING, YML, Case, check, made, places

from sightline.deepstream.document import Form
from sightline.deepstream.findings import What, would_load
from sightline.deepstream.judging.linting import lint
from sightline.deepstream.keys.key import Type
from sightline.deepstream.keys.nvinfer import TABLES
from sightline.deepstream.kinds import Kind

_CLASS_ROWS = TABLES[1].keys
_NOT_KNOWN = {"class-attrs-all/threshold": TXT}
_ASYNCHRONOUS: dict[str, str | None] = {"property/classifier-async-mode": "1"}
_CLASSES: dict[str, str | None] = {"property/num-detected-classes": "2"}
_SECONDARY: dict[str, str | None] = {"property/process-mode": "2", "property/operate-on-gie-id": "1"}
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

PARSING = [
    Case({"property/nonsense": "1"}, WARNING, What.UNKNOWN, "property/nonsense", "no key 'nonsense'"),
    Case(
        {"property/batchsize": "4"}, WARNING, What.UNKNOWN, "property/batchsize", 'did you mean "batch-size"?'
    ),
    Case(
        {"property/num-detected-classes": "-1"},
        REFUSED,
        What.VALUE,
        "property/num-detected-classes",
        "no room for 4294967295 classes",
        TXT,
    ),
    Case(
        {**_CLASSIFIER, "property/num-detected-classes": "-1"},
        WARNING,
        What.INAPPLICABLE,
        "property/num-detected-classes",
        "has no effect with network-type 1",
        TXT,
    ),
    Case(
        {"property/num-detected-classes": "-1"},
        REFUSED,
        What.VALUE,
        "property/num-detected-classes",
        "got '-1'",
        YML,
        also=("default property/num-detected-classes",),
    ),
    Case(
        {"property/scaling-compute-hw": "2"},
        WARNING,
        What.VALUE,
        "property/scaling-compute-hw",
        "on Jetson alone; elsewhere the file is refused",
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


@pytest.mark.parametrize("case", PARSING + OLD + ELEMENT, ids=lambda case: f"{case.at}-{case.says}")
def test_one_change_is_one_finding(case: Case) -> None:
    check(Kind.NVINFER, case)


@pytest.mark.parametrize("form", BOTH)
@pytest.mark.parametrize(
    "place",
    [
        *(f"class-attrs-all/{row.name}" for row in _CLASS_ROWS if row.type in {Type.INTEGER, Type.NUMBER}),
        "property/num-detected-classes",
        "property/classifier-threshold",
        "property/segmentation-threshold",
        "property/interval",
        *(f"property/input-object-{end}-{side}" for end in ("min", "max") for side in ("width", "height")),
    ],
)
def test_these_are_not_below_zero(form: Form, place: str) -> None:
    if form in _NOT_KNOWN.get(place, BOTH):
        assert not would_load(lint(made(Kind.NVINFER, form, {place: "-1"})))
        assert f"value {place}" not in places(lint(made(Kind.NVINFER, form, {place: "0"})))


@pytest.mark.parametrize("key", [row.name for row in TABLES[0].keys if row.in_yaml is Type.UNSIGNED])
def test_yaml_has_no_sign_where_text_has_one(key: str) -> None:
    assert not would_load(lint(made(Kind.NVINFER, Form.YML, {f"property/{key}": "-1"})))


@pytest.mark.parametrize("form", BOTH)
@pytest.mark.parametrize("key", [row.name for row in TABLES[0].keys if row.choices])
def test_each_choice_is_taken_and_no_other(form: Form, key: str) -> None:
    row = TABLES[0].find(key)
    assert row is not None
    for number in range(-1, 102):
        found = lint(made(Kind.NVINFER, form, {f"property/{key}": str(number)}))
        refused = [
            each for each in found if (each.key, each.what) == (key, What.VALUE) and "one of" in each.message
        ]
        assert bool(refused) is (
            number not in row.choices and not (number < 0 and row.type_in(form) is Type.UNSIGNED)
        )


@pytest.mark.parametrize("form", BOTH)
def test_nothing_is_found_in_sound_files(form: Form) -> None:
    changes: list[dict[str, str | None]] = [
        {},
        _CLASSES,
        _SECONDARY,
        _INSTANCES,
        _CLASSIFIER,
        _CLASSIFIER | _SECONDARY | _ASYNCHRONOUS,
        {"class-attrs-3/topk": "4"},
    ]
    for change in changes:
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
