"""nvdspreprocess's files: each thing that is found, in the forms that it is found in."""

import pytest
from tests.deepstream.linted import BOTH, NOTE, REFUSED, TXT, WARNING, YML, Case, check, made, places

from sightline.deepstream.document import Form
from sightline.deepstream.findings import Severity, What, would_load
from sightline.deepstream.judging.linting import lint
from sightline.deepstream.keys.preprocess import REQUIRED
from sightline.deepstream.kinds import Kind, kind_of
from sightline.deepstream.reading.loading import loads

_OBJECTS = {
    "property/process-on-frame": "0",
    "group-0/process-on-roi": None,
    "group-0/roi-params-src-0": None,
    "group-0/process-on-all-objects": "0",
}
_ALL_OBJECTS = {
    "property/process-on-frame": "0",
    "group-0": None,
    "group-0/src-ids": "0",
    "group-0/process-on-all-objects": "1",
    "group-0/roi-params-src-0": "0;0;100;100",
}

CASES = [
    Case(
        {"property/scaling-pool-compute-hw": "2"},
        WARNING,
        What.VALUE,
        "property/scaling-pool-compute-hw",
        "on Jetson alone; elsewhere the file is refused",
    ),
    Case(
        {"property/network-color-format": "3"},
        REFUSED,
        What.VALUE,
        "property/network-color-format",
        "2 (GRAY), got 3",
    ),
    Case(
        {"property/tensor-data-type": "9"},
        REFUSED,
        What.VALUE,
        "property/tensor-data-type",
        "7 (FP16), got 9",
    ),
    Case(
        {"property/scaling-pool-memory-type": "6"},
        REFUSED,
        What.VALUE,
        "property/scaling-pool-memory-type",
        "got 6",
    ),
    Case(
        {"property/processing-width": "320"},
        REFUSED,
        What.VALUE,
        "property/processing-width",
        "expected 640, as network-input-shape has, got 320",
    ),
    Case(
        {"property/network-input-order": "1"},
        REFUSED,
        What.VALUE,
        "property/processing-height",
        "expected 3",
        also=("value property/processing-width",),
    ),
    Case(
        {"property/network-input-shape": "8;3;480"},
        REFUSED,
        What.VALUE,
        "property/network-input-shape",
        "4 numbers with the batch first, got 3",
    ),
    Case(
        {"property/symmetric-padding": "1"},
        WARNING,
        What.INAPPLICABLE,
        "property/symmetric-padding",
        "without maintain-aspect-ratio",
    ),
    Case(
        {"property/target-unique-ids": None},
        NOTE,
        What.DEFAULT,
        "property/target-unique-ids",
        "no nvinfer takes",
    ),
    Case({"property/nonsense": "1"}, WARNING, What.UNKNOWN, "property/nonsense", "no key 'nonsense'"),
    Case({"group-0/nonsense": "1"}, WARNING, What.UNKNOWN, "group-0/nonsense", "no key 'nonsense'", TXT),
    Case({"group-0/nonsense": "1"}, REFUSED, What.UNKNOWN, "group-0/nonsense", "no key 'nonsense'", YML),
    Case({"nonsense/a": "1"}, WARNING, What.UNKNOWN, "nonsense", "passes over it", TXT),
    Case({"nonsense/a": "1"}, REFUSED, What.UNKNOWN, "nonsense", "stops at it", YML),
    Case(
        {"group-0/process-on-roi": "true"},
        REFUSED,
        What.VALUE,
        "group-0/process-on-roi",
        "'true'",
        YML,
        also=("inapplicable group[0]/roi-params-src-0",),
    ),
    Case(
        {"group-0/roi-params-src-0": None},
        REFUSED,
        What.MISSING,
        "group-0",
        "roi-params-src-0 (or the number",
    ),
    Case(
        {"group-0/roi-params-src-0": "0;0;100"},
        REFUSED,
        What.VALUE,
        "group-0/roi-params-src-0",
        "got 3 numbers",
    ),
    Case(
        {"group-0/process-on-roi": "0"},
        WARNING,
        What.INAPPLICABLE,
        "group-0/roi-params-src-0",
        "process-on-roi says otherwise",
    ),
    Case(_OBJECTS, REFUSED, What.MISSING, "group-0", "roi-params-src-0 (or the number"),
    Case(
        _ALL_OBJECTS,
        WARNING,
        What.INAPPLICABLE,
        "group-0/roi-params-src-0",
        "process-on-all-objects says otherwise",
    ),
    Case(
        {"group-0/input-object-min-width": "-5"},
        REFUSED,
        What.VALUE,
        "group-0/input-object-min-width",
        "0 or more",
        TXT,
    ),
    Case(
        {"group-0/input-object-min-width": "-5"},
        WARNING,
        What.VALUE,
        "group-0/input-object-min-width",
        "0 or more",
        YML,
    ),
    Case({"group-0/roi-color": "1;0;0"}, REFUSED, What.VALUE, "group-0/roi-color", "4 values, got 3"),
    Case(
        {"group-1/src-ids": "1;2", "group-1/process-on-roi": "0"},
        WARNING,
        What.DUPLICATE,
        "group-1/src-ids",
        "source 1 is [group",
    ),
    Case({"group-0": None}, WARNING, What.MISSING, "", "no group of sources"),
    Case(
        {"property/custom-lib-path": "/lib/gst-plugins/libcustom2d_preprocess.so"},
        REFUSED,
        What.MISSING,
        "user-configs",
        "pixel-normalization-factor must be in [user-configs]",
    ),
    Case(
        {"property/custom-lib-path": "../my-app/libcustom2d_preprocess.so"},
        NOTE,
        What.MISSING,
        "user-configs",
        "pixel-normalization-factor should be in [user-configs]",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.at}-{case.says}")
def test_one_change_is_one_finding(case: Case) -> None:
    check(Kind.PREPROCESS, case)


@pytest.mark.parametrize("form", BOTH)
@pytest.mark.parametrize("key", REQUIRED)
def test_what_must_be_set_is_missed(form: Form, key: str) -> None:
    found = lint(made(Kind.PREPROCESS, form, {f"property/{key}": None}))
    assert f"missing property/{key}" in places(found)
    assert not would_load(found)


@pytest.mark.parametrize("form", BOTH)
def test_nothing_is_found_in_sound_files(form: Form) -> None:
    user = {"user-configs/anything": "1", "property/custom-lib-path": "libcustom2d_preprocess.so"}
    factor = {"user-configs/pixel-normalization-factor": "0.003"}
    for change in ({}, {**user, **factor}, {"group-1/src-ids": "2", "group-1/process-on-roi": "0"}):
        file = made(Kind.PREPROCESS, form, change)
        assert (kind_of(file), lint(file)) == (Kind.PREPROCESS, ())


@pytest.mark.parametrize("form", BOTH)
def test_regions_above_their_switch_are_not_read(form: Form) -> None:
    change = {
        "group-0": None,
        "group-1/src-ids": "2",
        "group-1/roi-params-src-2": "0;0;9;9",
        "group-1/process-on-roi": "1",
    }
    found = lint(made(Kind.PREPROCESS, form, change))
    assert [each.what for each in found] == [What.MISSING, What.INAPPLICABLE]
    assert "stands below it" in found[1].message


@pytest.mark.parametrize("form", BOTH)
def test_regions_above_their_sources_reach_into_nothing(form: Form) -> None:
    change = {
        "group-0": None,
        "group-1/process-on-roi": "1",
        "group-1/roi-params-src-0": "0;0;9;9",
        "group-1/src-ids": "0",
    }
    found = lint(made(Kind.PREPROCESS, form, change))
    assert ["expected src-ids above it" in each.message for each in found] == [True]


def test_a_group_above_the_properties_does_not_know_them() -> None:
    below = made(Kind.PREPROCESS, Form.TXT, _OBJECTS | {"group-0/process-on-all-objects": "1"})
    above = type(below)(below.form, tuple(reversed(below.groups)))
    assert lint(below) == ()
    assert [(each.severity, each.what) for each in lint(above)] == [(Severity.WARNING, What.REPLACED)]


def test_yaml_has_its_groups_in_a_list() -> None:
    text = "property:\n  tensor-name: a\ngroup-0:\n  src-ids: 0\n"
    assert "unknown group-0" in places(lint(loads(text.encode(), Form.YML), Kind.PREPROCESS))
    text = "[property]\ntensor-name=a\n[group]\nsrc-ids=0\n"
    assert "unknown group" in places(lint(loads(text.encode(), Form.TXT), Kind.PREPROCESS))


def test_yaml_refuses_keys_where_the_list_of_groups_should_be() -> None:
    found = lint(loads(b"property:\n  tensor-name: a\ngroup:\n  src-ids: 0\n", Form.YML))
    assert [each.severity for each in found if each.group == "group"] == [Severity.REFUSED]
