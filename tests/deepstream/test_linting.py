"""The frame of the linter: groups, duplicates, order, and that nothing makes it raise."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.deepstream.linted import BOTH, REFUSED, WARNING, made, places

from sightline.deepstream.document import ConfigFile, Entry, Form, Group, Mapping, Nothing, Sequence, Value
from sightline.deepstream.findings import Finding, Severity, What, would_load
from sightline.deepstream.judging.linting import lint
from sightline.deepstream.judging.value_checks import mistake_in
from sightline.deepstream.keys.key import Key, Outside, Type
from sightline.deepstream.keys.opening import judged, key_of, tables_of
from sightline.deepstream.kinds import Kind
from sightline.deepstream.reading.loading import loads


def _lint(text: str, form: Form = Form.TXT) -> tuple[Finding, ...]:
    return lint(loads(text.encode(), form))


_SOUND = "gie-unique-id=1\nonnx-file=a\nnet-scale-factor=1\nnum-detected-classes=1\ncluster-mode=2\n"


def test_findings_come_in_the_order_of_the_file() -> None:
    found = _lint(f"[property]\n{_SOUND}\nb=1\na=1\ngpu-id=x\n[z]\n")
    assert [each.line for each in found] == [8, 9, 10, 11]


@pytest.mark.parametrize("form", BOTH)
def test_the_last_of_equal_keys_holds(form: Form) -> None:
    text = "[property]\n" + _SOUND + "network-mode=2\nnetwork-mode=0\n"
    if form is Form.YML:
        text = text.replace("[property]", "property:").replace("\n", "\n  ").replace("=", ": ")
    (finding,) = _lint(text, form)
    assert (finding.severity, finding.what, finding.line) == (WARNING, What.DUPLICATE, 8)
    assert "stands 2 times, and the last one holds" in finding.message


def test_yaml_reads_the_value_that_does_not_hold_as_well() -> None:
    """GLib's getter sees the last value alone; a YAML parser goes through all and stops at a wrong one."""
    twice = "network-mode=9\nnetwork-mode=2\n"
    assert would_load(_lint(f"[property]\n{_SOUND}{twice}"))
    text = f"property:\n{_SOUND}{twice}".replace("\n", "\n  ").replace("=", ": ")
    assert not would_load(_lint(text, Form.YML))


def test_text_reads_groups_of_one_name_as_one() -> None:
    found = _lint(f"[property]\n{_SOUND}[property]\nnetwork-mode=1\nint8-calib-file=a\n")
    assert places(found) == ["duplicate property"]
    assert "read as one" in found[0].message


def test_yaml_reads_the_first_of_two_groups() -> None:
    sound = _SOUND.replace("=", ": ").replace("\n", "\n  ")
    found = _lint(f"property:\n  {sound}\nproperty:\n  network-mode: 9\n", Form.YML)
    assert places(found) == ["duplicate property"]
    assert "the first one holds" in found[0].message


def test_of_a_file_that_is_no_misspelled_one_every_unknown_key_is_told_in_short() -> None:
    many = "".join(f"net-scale-facto{number}=1\n" for number in range(201))
    found = [each for each in _lint(f"[property]\n{_SOUND}{many}") if each.what is What.UNKNOWN]
    assert len(found) == 201
    assert [each.key for each in found if "net-scale-factor" not in each.message.partition("]")[2]] == [
        "net-scale-facto200"
    ]


def test_keys_that_lost_their_indentation_are_told_where_they_belong() -> None:
    sound = _SOUND.replace("=", ": ").replace("\n", "\n  ")
    found = _lint(f"property:\n  {sound}\nclass-attrs-all:\ntopk: 20\n", Form.YML)
    assert places(found) == ["value class-attrs-all", "misplaced topk"]
    assert "indented, below class-attrs-all" in found[1].message
    assert would_load(found)


def test_a_list_where_keys_should_be_ends_the_program() -> None:
    found = _lint("property:\n  - 1\n", Form.YML)
    assert not would_load(found)
    assert [each.severity for each in found if "got a list" in each.message] == [REFUSED]


def test_a_known_kind_is_judged_by_the_reader_that_is_named() -> None:
    file = loads(b"[a]\nb=1\n", Form.TXT)
    assert places(lint(file)) == ["unknown"]
    assert places(lint(file, Kind.NVINFER)) == ["missing property", "unknown a"]


def test_a_finding_is_a_line_of_json() -> None:
    (finding,) = _lint(f"[property]\n{_SOUND}a=1\n")
    said = json.loads(finding.to_json())
    assert (said["severity"], said["what"]) == ("warning", "unknown")
    assert (said["group"], said["key"], said["line"]) == ("property", "a", 7)


@pytest.mark.parametrize(
    ("row", "value", "mistake"),
    [
        (Key(name="a", type=Type.NUMBER, low=0, high=1), 0.5, None),
        (Key(name="a", type=Type.NUMBER, low=0, high=1), 1.5, "expected 0 to 1, got 1.5"),
        (Key(name="a", type=Type.NUMBER, high=1), 1.5, "expected at most 1, got 1.5"),
        (Key(name="a", type=Type.NUMBER, low=0), float("nan"), None),
        (Key(name="a", type=Type.INTEGERS, low=0), (1, -2), "expected 0 or more, got -2"),
        (Key(name="a", type=Type.INTEGERS, count=2), (1,), "expected 2 values, got 1"),
        (Key(name="a", type=Type.STRING, low=0), "word", None),
        (Key(name="a", type=Type.STRINGS, count=1), ("word",), None),
    ],
)
def test_values_are_compared_as_c_compares(row: Key, value: object, mistake: str | None) -> None:
    assert mistake_in(row, value) == mistake


def test_what_becomes_of_an_unreadable_value_is_the_rows() -> None:
    enable = key_of(Kind.MSGCONV, "sensor0", "enable")
    assert enable is not None
    assert (enable.unreadable, enable.instead) == (Outside.REPLACED, "0")


def _filled(name: str) -> str:
    return name.replace("{N}", "0").replace("{NAME}", "0")


_TABLES = [table for kind in judged() for table in tables_of(kind)]
_WORDS = sorted({_filled(row.name) for table in _TABLES for row in table.keys})
_GROUPS = sorted({_filled(table.name) for table in _TABLES})
_TELLING = ["0", "1", "2", "-1", "true", "", "1;2;3", "0;0;1;1;2;2;", "0.5", "9" * 40, "nan", "\\x", "3 # a"]
_SCALARS = st.one_of(
    st.sampled_from(_TELLING),
    st.text(max_size=12).filter(lambda text: "\n" not in text and "\r" not in text),
)


def _trees(inner: st.SearchStrategy[Value]) -> st.SearchStrategy[Value]:
    pairs = st.builds(Entry, st.sampled_from(_WORDS), inner)
    return st.one_of(
        st.lists(inner, max_size=3).map(lambda items: Sequence(tuple(items))),
        st.lists(pairs, max_size=3).map(lambda found: Mapping(tuple(found))),
    )


_VALUES: st.SearchStrategy[Value] = st.recursive(
    st.one_of(_SCALARS, st.just(Nothing())), _trees, max_leaves=6
)


def _files(form: Form) -> st.SearchStrategy[ConfigFile]:
    text = form is Form.TXT
    keys = st.one_of(st.sampled_from(_WORDS), st.text(max_size=8))
    entry = st.builds(Entry, keys, _SCALARS if text else _VALUES, st.integers(0, 99))
    group = st.builds(
        Group,
        st.one_of(st.sampled_from(_GROUPS), st.text(max_size=8)),
        st.lists(entry, max_size=8).map(tuple),
        st.integers(0, 99),
        st.none() if text else st.one_of(st.none(), _VALUES),
    )
    return st.builds(ConfigFile, st.just(form), st.lists(group, max_size=6).map(tuple))


@given(file=st.one_of(_files(Form.TXT), _files(Form.YML)), kind=st.one_of(st.none(), st.sampled_from(Kind)))
def test_no_file_makes_the_linter_raise(file: ConfigFile, kind: Kind | None) -> None:
    found = lint(file, kind)
    assert all(each.message for each in found)
    assert [each.line or 0 for each in found] == sorted(each.line or 0 for each in found)
    assert len(found) == len(set(found))


def test_a_refused_value_stops_the_file() -> None:
    found = lint(made(Kind.NVINFER, Form.TXT, {"property/gpu-id": "x"}))
    assert [each.severity for each in found] == [REFUSED]
    assert not would_load(found)
    assert would_load(tuple(each for each in found if each.severity is not Severity.REFUSED))
