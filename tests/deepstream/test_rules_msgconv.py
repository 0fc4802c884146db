"""nvmsgconv's files: each thing that is found, in the forms that it is found in."""

import pytest
from tests.deepstream.linted import BOTH, NOTE, REFUSED, TXT, WARNING, YML, Case, check, made, places

from sightline.deepstream.document import Form
from sightline.deepstream.findings import What, would_load
from sightline.deepstream.judging.linting import lint
from sightline.deepstream.kinds import Kind, kind_of
from sightline.deepstream.reading.loading import loads

CASES = [
    Case({"sensor0/location": "1;2"}, REFUSED, What.VALUE, "sensor0/location", "3 values, got 2"),
    Case({"sensor0/location": "1;2;x"}, REFUSED, What.VALUE, "sensor0/location", "x"),
    Case({"sensor0/location": "1;2;3;"}, REFUSED, What.VALUE, "sensor0/location", "''", YML),
    Case({"sensor0/name": "a"}, WARNING, What.MISPLACED, "sensor0/name", "belongs in [place"),
    Case({"sensor0/nonsense": "a"}, WARNING, What.UNKNOWN, "sensor0/nonsense", "no key 'nonsense'"),
    Case({"sensor0/enable": None}, NOTE, What.DEFAULT, "sensor0/enable", "passed over"),
    Case({"sensor0/enable": "true"}, REFUSED, What.VALUE, "sensor0/enable", "true", YML),
    Case({"sensor-a/enable": "1"}, REFUSED, What.UNKNOWN, "sensor-a", "expected a number behind 'sensor'"),
    Case(
        {"sensor00/enable": "1"},
        REFUSED,
        What.DUPLICATE,
        "sensor00",
        "sensor 0 is there already, in [sensor0]",
    ),
    Case(
        {"sensor00/enable": "0"},
        REFUSED,
        What.DUPLICATE,
        "sensor00",
        "sensor 0 is there already, in [sensor0]",
    ),
    Case({"camera0/enable": "1"}, WARNING, What.UNKNOWN, "camera0", "passes over it"),
    Case(
        {"ds3d::datamap/lidar_data_key": "a"},
        WARNING,
        What.UNKNOWN,
        "ds3d::datamap",
        "only the other format",
        TXT,
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.at}-{case.says}")
def test_one_change_is_one_finding(case: Case) -> None:
    check(Kind.MSGCONV, case)


@pytest.mark.parametrize("form", BOTH)
def test_nothing_is_found_in_sound_files(form: Form) -> None:
    change = {
        "place0/enable": "1",
        "place0/place-sub-field1": "lane",
        "analytics0/enable": "1",
        "analytics0/version": "1.0",
        "sensor1/enable": "0",
    }
    file = made(Kind.MSGCONV, form, change)
    assert (kind_of(file), lint(file)) == (Kind.MSGCONV, ())


@pytest.mark.parametrize("form", BOTH)
def test_a_group_that_is_off_may_hold_anything(form: Form) -> None:
    assert (
        lint(made(Kind.MSGCONV, form, {"sensor0/enable": "0", "sensor0/location": "x", "sensor0/odd": "1"}))
        == ()
    )


def test_a_word_for_enable_is_a_no_to_text() -> None:
    assert lint(made(Kind.MSGCONV, Form.TXT, {"sensor0/enable": "on", "sensor0/location": "x"})) == ()


def test_yaml_refuses_the_second_of_two_equal_groups() -> None:
    text = "sensor0:\n  enable: 1\nsensor0:\n  enable: 1\n"
    found = lint(loads(text.encode(), Form.YML))
    assert places(found) == ["duplicate sensor0", "duplicate sensor0"]
    assert not would_load(found)
    assert would_load(lint(loads(b"[sensor0]\nenable=1\n[sensor0]\nenable=1\n", Form.TXT)))
