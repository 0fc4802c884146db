"""What an application's lists of sources come to."""

from collections.abc import Mapping

import pytest
from tests.deepstream.app_files import Case, Changes, each, judged

from sightline.deepstream.document import Form
from sightline.deepstream.findings import Severity, What, would_load

REFUSED, WARNING, NOTE = Severity.REFUSED, Severity.WARNING, Severity.NOTE
YML = (Form.YML,)
CAMERA = {"type": "4", "uri": "rtsp://a/b"}
LIST = {"num-source-bins": "1", "list": "rtsp://a/b", "sensor-id-list": "a", "sensor-name-list": "A"}
ALL = {"enable": "1", "type": "4"}
MULTI = {**LIST, "use-nvmultiurisrcbin": "1", "max-batch-size": "1", "sgie-batch-size": "1"}


def listed(
    by: Mapping[str, str | None] | None = None, shared: Mapping[str, str | None] | None = None
) -> Changes:
    return {
        "source0": None,
        "source-list": {**LIST, **(by or {})},
        "source-attr-all": {**ALL, **(shared or {})},
    }


CASES = (
    Case(
        "a list without what all share",
        {"source0": None, "source-list": LIST},
        "source-list",
        None,
        REFUSED,
        What.MISSING,
        "",
        YML,
    ),
    Case(
        "what all share without a list",
        {"source-attr-all": ALL},
        "source-attr-all",
        None,
        WARNING,
        What.INAPPLICABLE,
        "",
        YML,
    ),
    Case(
        "a list that is off",
        listed(shared={"enable": None}),
        "source-attr-all",
        None,
        WARNING,
        What.INAPPLICABLE,
        "",
        YML,
    ),
    Case(
        "a list that is switched off",
        listed(shared={"enable": "0"}),
        "source-attr-all",
        "enable",
        WARNING,
        What.INAPPLICABLE,
        "",
        YML,
    ),
    Case(
        "fewer URIs than said",
        listed({"num-source-bins": "2"}),
        "source-list",
        "list",
        REFUSED,
        What.VALUE,
        "2, got 1",
        YML,
    ),
    Case(
        "no names of the sensors",
        listed({"sensor-name-list": ""}),
        "source-list",
        "sensor-name-list",
        REFUSED,
        What.VALUE,
        "",
        YML,
    ),
    Case(
        "a scheme that no list has",
        listed({"list": "http://a/b"}),
        "source-list",
        "list",
        REFUSED,
        What.VALUE,
        "http://a/b",
        YML,
    ),
    Case(
        "a source beyond the list",
        {**listed(), "source1": {"enable": "1", **CAMERA}},
        "source1",
        None,
        REFUSED,
        What.VALUE,
        "",
        YML,
    ),
    Case(
        "several beside a list",
        {**listed(), "source0": {"enable": "1", "type": "3", "uri": "file:///%d"}},
        "source0",
        "type",
        REFUSED,
        What.VALUE,
        "",
        YML,
    ),
    Case(
        "a port without nvmultiurisrcbin",
        listed({"http-port": "9000"}),
        "source-list",
        "http-port",
        WARNING,
        What.INAPPLICABLE,
        "",
        YML,
    ),
    Case(
        "a smaller batch than the list",
        listed({**MULTI, "max-batch-size": "0"}),
        "source-list",
        "max-batch-size",
        WARNING,
        What.VALUE,
        "",
        YML,
    ),
    Case(
        "attempts that are 0 in a list",
        listed(shared={"rtsp-reconnect-interval-sec": "3"}),
        "source-attr-all",
        "rtsp-reconnect-attempts",
        NOTE,
        What.DEFAULT,
        "",
        YML,
    ),
)


@each(CASES)
def test_lists_of_sources_are_judged(case: Case, form: Form) -> None:
    assert case.shown(form) is (form not in case.quiet)


@pytest.mark.parametrize("changes", [listed(), listed(MULTI)])
def test_what_is_right_is_not_refused(changes: Changes) -> None:
    assert would_load(judged(changes, Form.TXT))


def test_what_only_single_sources_have_is_told_beside_nvmultiurisrcbin() -> None:
    change = listed(MULTI)
    every = {**(change["source-attr-all"] or {}), "intra-decode-enable": "1"}
    told = [each for each in judged({**change, "source-attr-all": every}, Form.TXT) if each.key in every]
    assert [(each.key, each.what) for each in told] == [("intra-decode-enable", What.INAPPLICABLE)]
    assert not any(each.key in every for each in judged({**listed(), "source-attr-all": every}, Form.TXT))


@pytest.mark.parametrize("key", ["list", "sensor-id-list", "sensor-name-list"])
@pytest.mark.parametrize(("many", "refused"), [(1024, False), (1025, True)])
def test_lists_of_more_than_there_may_be_sources_are_refused(key: str, many: int, refused: bool) -> None:
    found = judged(listed({"num-source-bins": "1024", key: "rtsp://a/b;" * many}), Form.TXT)
    assert any(each.key == key and "at most 1024" in each.message for each in found) == refused


def test_a_list_that_is_far_too_long_is_told_in_short() -> None:
    found = judged(listed({"num-source-bins": None, "list": "a;b;" * 100_000}), Form.TXT)
    assert not would_load(found)
    assert len(found) < 10
