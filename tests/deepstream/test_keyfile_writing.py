"""Writing key files: what comes out reads to the same, or it is refused."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.deepstream.document import ConfigFile, Entry, Form, Group, Nothing
from sightline.deepstream.reading.keyfile import parse, write
from sightline.deepstream.reading.keyfile_values import escape, string, strings
from sightline.deepstream.refusal import Refused, ValueRefused

# Mostly what a key file can say, and enough of what it cannot.
NAMES = st.text(st.sampled_from("ab-1 é"), min_size=1, max_size=4) | st.text(max_size=4)
VALUES = st.text(st.sampled_from("ab1;= \\#é\r"), max_size=6) | st.text(max_size=6)
COMMENTS = st.lists(st.text(st.sampled_from("a #[]=\r"), max_size=5), max_size=2).map(tuple)
ENTRIES = st.builds(Entry, NAMES, VALUES, comment=COMMENTS)
GROUPS = st.builds(Group, NAMES, st.lists(ENTRIES, max_size=3).map(tuple), comment=COMMENTS)
FILES = st.builds(ConfigFile, st.just(Form.TXT), st.lists(GROUPS, max_size=3).map(tuple), tail=COMMENTS)


def one(key: str, value: Any, group: str = "a") -> ConfigFile:
    return ConfigFile(Form.TXT, (Group(group, (Entry(key, value),)),))


@given(FILES)
def test_what_is_written_reads_to_the_same(file: ConfigFile) -> None:
    try:
        written = write(file)
    except Refused:
        return
    assert parse(written) == file


def test_a_file_is_written_as_a_person_would() -> None:
    entries = (Entry("enable", "1", comment=(" on", "")), Entry("uri", "file:///a b"))
    file = ConfigFile(
        Form.TXT, (Group("source0", entries, comment=(" first",)), Group("sink0")), tail=(" end",)
    )
    text = b"# first\n[source0]\n# on\n#\nenable=1\nuri=file:///a b\n\n[sink0]\n\n# end\n"
    assert write(file) == text
    assert write(parse(text)) == text


def test_a_carriage_return_at_the_end_of_a_value_stays() -> None:
    assert parse(write(one("k", "v\r"))) == one("k", "v\r")


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        (one("k", "1\n2"), "group 'a', key 'k': expected one line"),
        (one("k", " 1"), "group 'a', key 'k': expected what a key file can say"),
        (one("k", "\f1"), "expected what"),
        (one("k", "1\0"), "expected what"),
        (one("k=j", "1"), "expected what"),
        (one("#k", "1"), "expected what"),
        (one("\tk", "1"), "expected what"),
        (one("k ", "1"), "expected what"),
        (one("k[de]", "1"), "expected what"),
        (one("", "1"), r"expected \[group\], key=value"),
        (one("[k]", "1"), "group 'a', key '\\[k\\]': "),
        (one("k[", "1"), "got the key"),
        (one("k\nj", "1"), "expected one line"),
        (one("Encoding", "latin1"), "expected UTF-8"),
        (one("k", Nothing()), "expected a text, got Nothing"),
        (one("k", "1", group=""), "group '': expected a group's name"),
        (one("k", "1", group="a]"), "expected"),
        (one("k", "1", group="a\n"), "expected one line"),
        (replace(one("k", "1"), tail=("a\nb",)), "the end: expected one line"),
        (replace(one("k", "1"), form=Form.YML), "expected a file of the form txt"),
        (ConfigFile(Form.TXT, (Group("a", value=Nothing()),)), "expected keys with values"),
    ],
)
def test_what_a_key_file_cannot_say_is_refused(file: ConfigFile, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        write(file)


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_an_escaped_text_is_read_as_it_was(text: str) -> None:
    assert string(escape(text)) == text
    assert "\n" not in escape(text)


@given(st.lists(st.text(st.sampled_from("a; \\\n\r\té"), min_size=1), min_size=1))
def test_escaped_words_are_read_as_they_were(words: list[str]) -> None:
    assert strings(";".join(escape(word, in_list=True) for word in words)) == tuple(words)


def test_spaces_at_the_start_are_escaped_and_others_stay() -> None:
    assert escape(" \ta b ") == r"\s\ta b "
    assert escape("\n a") == r"\n\sa"
    assert escape("a; b", in_list=True) == r"a\;\sb"
    assert escape("a; b") == "a; b"


@pytest.mark.parametrize("text", ["a\0", "\udcff"])
def test_what_has_no_raw_value_is_refused(text: str) -> None:
    with pytest.raises(ValueRefused, match="expected"):
        escape(text)
