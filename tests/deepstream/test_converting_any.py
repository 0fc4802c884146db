"""Whatever stands in a file of whatever kind: in the other form it means the same, or that is told."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.deepstream.comparing.converting import Converted, convert, write
from sightline.deepstream.comparing.differing import diff, same
from sightline.deepstream.document import ConfigFile, Form
from sightline.deepstream.findings import Finding, Severity, What, would_load
from sightline.deepstream.keys.opening import judged, tables_of
from sightline.deepstream.kinds import Kind, kind_of
from sightline.deepstream.reading.loading import loads
from sightline.deepstream.refusal import Refused

OTHER = {Form.TXT: Form.YML, Form.YML: Form.TXT}
NUMBERS = [
    "0",
    "1",
    "007",
    "0x10",
    "0o7",
    "1e3",
    "1.0",
    "-0",
    ".inf",
    "nan",
    "3;",
    "0;1;",
    "1;2:3",
    "99999999999",
    "1_000",
    "12:30",
    "2001-01-01",
]
MARKS = [
    "",
    " ",
    "~",
    "null",
    "true",
    "yes",
    "a: b",
    "a #b",
    "a;b;",
    "a\\;b",
    "'q'",
    '"q"',
    "[1, 2]",
    "{a: b}",
]
WORDS = [
    "- x",
    "&x",
    "*x",
    "!x",
    "|",
    ">",
    "%x",
    "@x",
    "`",
    "\\s",
    "\\n",
    "\\",
    "---",
    "...",
    "?x",
    "<<",
    "\ufeff",
]
ANY = st.text(st.characters(codec="utf-8", exclude_characters="\n\r\0"), max_size=12)
VALUES = st.sampled_from(NUMBERS + MARKS + WORDS) | ANY
STRANGE = st.sampled_from(["enable", "nobodys", "a.b", "x y", "uri"])


@st.composite
def groups(draw: st.DrawFn) -> list[tuple[str, list[tuple[str, str]]]]:
    """Groups of one kind, with keys of theirs and strange ones; some of them twice."""
    tables = tables_of(draw(st.sampled_from(judged())))
    made = []
    for table in draw(st.lists(st.sampled_from(tables), min_size=1, max_size=4)):
        own = st.sampled_from([key.name for key in table.keys]) if table.keys else STRANGE
        entries = draw(st.lists(st.tuples(own | STRANGE, VALUES), max_size=5))
        number = str(draw(st.integers(0, 2)))
        named = [(key.replace("{N}", number).replace("{NAME}", "n"), value) for key, value in entries]
        made.append((table.name.replace("{N}", number), named))
    return made


def written(groups: list[tuple[str, list[tuple[str, str]]]], form: Form) -> bytes:
    head, line = ("[{}]\n", "{}={}\n") if form is Form.TXT else ("{}:\n", "  {}: {}\n")
    parts = (
        head.format(name) + "".join(line.format(*entry) for entry in entries) for name, entries in groups
    )
    return "".join(parts).encode()


def again(made: Converted) -> Converted:
    return replace(made, groups=loads(write(made), made.form).groups)


def is_told(name: str | None, key: str | None, findings: tuple[Finding, ...]) -> bool:
    """Whether there is a word of a key, of its group, or of a key in it that has an heir."""
    told = [finding for finding in findings if finding.severity is not Severity.NOTE]
    places = {(finding.group, finding.key) for finding in told}
    unknown = {finding.group for finding in told if finding.what is What.UNKNOWN}
    return {(name, key), (name, None), (None, None)} & places != set() or name in unknown


def untold(file: ConfigFile, made: Converted, findings: tuple[Finding, ...]) -> list[str]:
    found = (each for each in diff(file, made) if each.counts)
    return [each.message for each in found if not is_told(each.group, each.key, findings)]


@pytest.mark.parametrize("form", [Form.TXT, Form.YML])
@given(groups=groups())
def test_it_means_the_same_there_and_back_or_that_is_told(
    form: Form, groups: list[tuple[str, list[tuple[str, str]]]]
) -> None:
    try:
        file = loads(written(groups, form), form)
    except Refused:
        return
    assert same(diff(file, file))
    made = convert(file, OTHER[form])
    there = again(made)
    if not would_load(made.findings) or kind_of(there) is not kind_of(file):
        return  # too short to tell what it is
    assert untold(file, there, made.findings) == []
    back = convert(there, form)
    if would_load(back.findings) and kind_of(back) is kind_of(file):
        assert untold(file, again(back), made.findings + back.findings) == []


@pytest.mark.parametrize("form", [Form.TXT, Form.YML])
@given(one=groups(), other=groups())
def test_a_difference_is_one_from_either_side(
    form: Form, one: list[tuple[str, list[tuple[str, str]]]], other: list[tuple[str, list[tuple[str, str]]]]
) -> None:
    try:
        first, second = loads(written(one, form), form), loads(written(other, form), form)
    except Refused:
        return
    there, back = diff(first, second), diff(second, first)
    assert {(each.group, each.key, each.counts) for each in there} == {
        (each.group, each.key, each.counts) for each in back
    }


def test_kinds_that_are_drawn_are_all_there_are() -> None:
    assert {Kind.APP, Kind.NVINFER, Kind.PREPROCESS, Kind.ANALYTICS, Kind.MSGCONV} <= set(judged())
