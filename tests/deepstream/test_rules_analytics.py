"""nvdsanalytics's files: each thing that is found, in the forms that it is found in."""

import pytest
from tests.deepstream.linted import BOTH, NOTE, REFUSED, TXT, WARNING, YML, Case, check, made

from sightline.deepstream.document import Form
from sightline.deepstream.findings import What, would_load
from sightline.deepstream.judging.linting import lint
from sightline.deepstream.kinds import Kind, kind_of
from sightline.deepstream.reading.loading import loads

_ROI = "roi-filtering-stream-0"
_LINE = "line-crossing-stream-0"
_DIRECTION = "direction-detection-stream-0"
_CROWD = "overcrowding-stream-1"


def _on(group: str, **keys: str) -> dict[str, str | None]:
    return {
        f"{group}/enable": "1",
        **{f"{group}/{key.replace('_', '-')}": value for key, value in keys.items()},
    }


CASES = [
    Case(
        {"property/config-width": None}, REFUSED, What.MISSING, "property/config-width", "must be there", TXT
    ),
    Case(
        {"property/config-width": None}, NOTE, What.DEFAULT, "property/config-width", "1920 is assumed", YML
    ),
    Case({"property/config-height": "0"}, WARNING, What.VALUE, "property/config-height", "divided by it"),
    Case({"property/enable": "maybe"}, REFUSED, What.VALUE, "property/enable", "'maybe'"),
    Case({"property/osd-mode": "3"}, REFUSED, What.VALUE, "property/osd-mode", "0 (nothing drawn)", TXT),
    Case({"property/osd-mode": "3"}, WARNING, What.REPLACED, "property/osd-mode", "2 is taken instead", YML),
    Case(
        {"property/obj-cnt-win-in-ms": "0"},
        REFUSED,
        What.VALUE,
        "property/obj-cnt-win-in-ms",
        "1 to 1e+09",
        TXT,
    ),
    Case(
        {"property/obj-cnt-win-in-ms": "0"},
        WARNING,
        What.VALUE,
        "property/obj-cnt-win-in-ms",
        "1 to 1e+09",
        YML,
    ),
    Case({f"{_ROI}/nonsense": "1"}, WARNING, What.UNKNOWN, f"{_ROI}/nonsense", "no key"),
    Case(
        {f"{_ROI}/extended": "1"},
        WARNING,
        What.MISPLACED,
        f"{_ROI}/extended",
        "belongs in [line-crossing-stream-",
    ),
    Case({f"{_ROI}/enable": None}, NOTE, What.DEFAULT, f"{_ROI}/enable", "does nothing"),
    Case({f"{_ROI}/roi-RF": None}, REFUSED, What.MISSING, _ROI, "expected a roi-NAME", TXT),
    Case({f"{_ROI}/roi-RF": None}, WARNING, What.MISSING, _ROI, "the parser stops here", YML),
    Case({f"{_ROI}/roi-RF": "0;0;9"}, WARNING, What.VALUE, f"{_ROI}/roi-RF", "x;y for each corner, got 3"),
    Case({f"{_ROI}/roi-RF": "0;0;9;9"}, WARNING, What.VALUE, f"{_ROI}/roi-RF", "three corners or more"),
    Case({f"{_ROI}/roi-RF": "0;0;9;0;-9;9"}, REFUSED, What.VALUE, f"{_ROI}/roi-RF", "0 or more, got -9", TXT),
    Case(
        {f"{_ROI}/roi-RF": "0;0;9;0;-9;9"},
        WARNING,
        What.VALUE,
        f"{_ROI}/roi-RF",
        "the parser stops here",
        YML,
    ),
    Case({f"{_ROI}/roi-RF": "0;0;9;0;9;9;"}, REFUSED, What.VALUE, f"{_ROI}/roi-RF", "''", YML),
    Case({f"{_ROI}/class-id": "car"}, REFUSED, What.VALUE, f"{_ROI}/class-id", "'car'"),
    Case(
        _on(_LINE, line_crossing_A="0;0;9;9"),
        WARNING,
        What.VALUE,
        f"{_LINE}/line-crossing-A",
        "8 numbers, got 4",
    ),
    Case(
        _on(_LINE, line_crossing_A="5;5;5;5;0;0;9;9"),
        WARNING,
        What.VALUE,
        f"{_LINE}/line-crossing-A",
        "no length",
    ),
    Case(
        _on(_LINE, line_crossing_A="1;2;5;5;0;0;9;9", mode="hard"),
        WARNING,
        What.REPLACED,
        f"{_LINE}/mode",
        "loose is taken instead",
    ),
    Case(
        _on(_DIRECTION, direction_A="1;2;5;5", mode="hard"),
        WARNING,
        What.REPLACED,
        f"{_DIRECTION}/mode",
        "balanced is taken instead",
    ),
    Case(
        _on(_DIRECTION, direction_A="1;2;5;5;6"),
        WARNING,
        What.VALUE,
        f"{_DIRECTION}/direction-A",
        "the first 4 are taken",
        TXT,
    ),
    Case(
        _on(_DIRECTION, direction_A="1;2;5"),
        WARNING,
        What.VALUE,
        f"{_DIRECTION}/direction-A",
        "reads beyond their end",
        TXT,
    ),
    Case(
        _on(_DIRECTION, direction_A="1;2;5"),
        WARNING,
        What.VALUE,
        f"{_DIRECTION}/direction-A",
        "the parser stops here",
        YML,
    ),
    Case(
        _on(_CROWD, roi_A="1;2;5;5;6;6", time_threshold="-1"),
        REFUSED,
        What.VALUE,
        f"{_CROWD}/time-threshold",
        "-1",
    ),
    Case(
        _on("overcrowding-stream-x", roi_A="1;2;5;5;6;6"),
        WARNING,
        What.REPLACED,
        "overcrowding-stream-x",
        "is read as 0",
    ),
    Case({"lines-0/enable": "1"}, WARNING, What.UNKNOWN, "lines-0", "passes over it"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.at}-{case.says}")
def test_one_change_is_one_finding(case: Case) -> None:
    check(Kind.ANALYTICS, case)


@pytest.mark.parametrize("form", BOTH)
def test_nothing_is_found_in_sound_files(form: Form) -> None:
    change = {
        **_on(_LINE, line_crossing_Exit="1;2;5;5;0;0;9;9", mode="strict", class_id="-1", extended="0"),
        **_on(_DIRECTION, direction_South="1;2;5;5"),
        **_on(_CROWD, roi_OC="1;2;5;5;6;6", object_threshold="3", time_threshold="500"),
    }
    file = made(Kind.ANALYTICS, form, change)
    assert (kind_of(file), lint(file)) == (Kind.ANALYTICS, ())


def test_a_semicolon_at_the_end_is_a_matter_of_the_form() -> None:
    change = _on(_DIRECTION, direction_South="1;2;5;5;")
    assert lint(made(Kind.ANALYTICS, Form.TXT, change)) == ()
    assert not would_load(lint(made(Kind.ANALYTICS, Form.YML, change)))


def test_yaml_with_an_empty_property_group_is_refused() -> None:
    assert not would_load(
        lint(loads(b"property:\nroi-filtering-stream-0:\n  roi-A: 0;0;1;1;2;2\n", Form.YML))
    )
