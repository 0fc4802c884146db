"""Writing YAML: what comes out reads to the same, with our reader, with yaml-cpp and with ruamel.yaml."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from tests.deepstream.fuzz.yaml_cpp import YamlCpp, yaml_cpp
from tests.deepstream.fuzz.yaml_oracle import loaded

from sightline.deepstream.document import ConfigFile, Entry, Form, Group, Mapping, Nothing, Sequence, Value
from sightline.deepstream.reading.yamlfile import parse, write
from sightline.deepstream.refusal import Refused

TEXTS = st.text(st.sampled_from("ab1;:-?# \\'\"\n\té{}[],&*!|>%@`~.<=\x85\ufeff"), max_size=6) | st.text(
    max_size=4
)
WORDS = st.sampled_from(
    ["null", "~", "", "---", "--- a", "...", "<<", "- a", "a: b", "a #b", "12;3", "\udcff"]
)
SCALARS = TEXTS | WORDS
COMMENTS = st.lists(st.text(st.sampled_from("a #[]:-é"), max_size=5), max_size=2).map(tuple)


def entries(values: st.SearchStrategy[Value]) -> st.SearchStrategy[tuple[Entry, ...]]:
    return st.lists(st.builds(Entry, SCALARS, values, comment=COMMENTS), max_size=3).map(tuple)


VALUES: st.SearchStrategy[Value] = st.recursive(
    SCALARS | st.just(Nothing()),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: Sequence(tuple(items))) | entries(inner).map(Mapping)
    ),
    max_leaves=8,
)
VALUED = VALUES.filter(lambda value: not isinstance(value, Mapping))
GROUPS = st.builds(Group, SCALARS, entries(VALUES), comment=COMMENTS) | st.builds(
    Group, SCALARS, value=VALUED, comment=COMMENTS
)
FILES = st.builds(ConfigFile, st.just(Form.YML), st.lists(GROUPS, max_size=3).map(tuple), tail=COMMENTS)


def one(key: str, value: Value) -> ConfigFile:
    return ConfigFile(Form.YML, (Group("a", (Entry(key, value),)),))


def comments(file: ConfigFile) -> list[str]:
    """All of them; which key one in a list goes to is not promised."""
    return [line for group in file.groups for line in _said(group)] + list(file.tail)


def _said(each: Group | Entry | Value) -> Iterator[str]:
    match each:
        case Group() | Entry():
            yield from each.comment
            yield from _said(Mapping(each.entries) if isinstance(each, Group) else each.value)
            if isinstance(each, Group) and each.value is not None:
                yield from _said(each.value)
        case Sequence(inner) | Mapping(inner):
            for item in inner:
                yield from _said(item)


@given(FILES)
def test_what_is_written_reads_to_the_same(file: ConfigFile) -> None:
    again = parse(write(file))
    assert again == file
    assert comments(again) == comments(file)


@pytest.fixture(scope="module")
def theirs() -> Iterator[YamlCpp]:
    with yaml_cpp() as running:
        yield running


@pytest.mark.needs("yaml-cpp")
@given(FILES)
def test_yaml_cpp_reads_it_so(theirs: YamlCpp, file: ConfigFile) -> None:
    assert theirs.load(write(file)) == loaded(write(file))


@given(FILES)
def test_ruamel_reads_it_so(file: ConfigFile) -> None:
    try:
        text = write(file).decode()
    except UnicodeDecodeError:
        return  # bytes that are no UTF-8
    root = YAML(pure=True).compose(text)
    assert [_plain(each) for each in root.value] if root else [_ours(group) for group in file.groups] == []


def _plain(node: Node | tuple[Node, Node]) -> object:
    match node:
        case (key, value):
            return (key.value, _plain(value))
        case MappingNode() | SequenceNode():
            return [_plain(each) for each in node.value]
        case ScalarNode():
            return None if node.style is None and node.value == "" else node.value
    raise AssertionError(node)


def _ours(each: Group | Entry | Value) -> object:
    match each:
        case Group():
            return (each.name, _ours(Mapping(each.entries) if each.value is None else each.value))
        case Entry():
            return (each.key, _ours(each.value))
        case Sequence(inner) | Mapping(inner):
            return [_ours(item) for item in inner]
        case Nothing():
            return None
    return each


def test_a_file_is_written_as_a_person_would() -> None:
    lists = Sequence(
        (Mapping((Entry("enable", "1"), Entry("src-ids", "0;1"))), "x", Sequence(("1", Nothing())))
    )
    file = ConfigFile(
        Form.YML,
        (
            Group(
                "property",
                (Entry("gpu-id", "0", comment=(" first",)), Entry("uri", "file:///a b")),
                comment=("",),
            ),
            Group("pre-process", value=lists),
            Group("empty"),
            Group("null", value=Nothing()),
        ),
        tail=(" end",),
    )
    assert write(file).decode() == (
        "#\nproperty:\n  # first\n  gpu-id: 0\n  uri: file:///a b\n\n"
        "pre-process:\n  - enable: 1\n    src-ids: 0;1\n  - x\n  -\n    - 1\n    -\n\n"
        "empty: {}\n\n'null':\n\n# end\n"
    )


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("12;3", "12;3"),
        ("-1.5e3", "-1.5e3"),
        ("true", "true"),
        ("rtsp://u:p@h:554/a?b=c&d", "rtsp://u:p@h:554/a?b=c&d"),
        ("a b, c", "a b, c"),
        ("a#b", "a#b"),
        ("é", "é"),
        ("", "''"),
        ("null", "'null'"),
        ("it's: so", "'it''s: so'"),
        (" a", "' a'"),
        ("a  b", "'a  b'"),
        ("a:", "'a:'"),
        ("a #b", "'a #b'"),
        ("%a", "'%a'"),
        ("a\n\"b\"\\", '"a\\n\\"b\\"\\\\"'),
        ("\x04\x85\u2028", '"\\x04\\x85\\u2028"'),
    ],
)  # fmt: skip
def test_a_value_is_quoted_where_it_must_be(text: str, written: str) -> None:
    assert write(one("k", text)).decode() == f"a:\n  k: {written}\n"


@pytest.mark.needs("yaml-cpp")
@pytest.mark.parametrize("key", ["k" * 1000, "k" * 1001, "é" * 600, "'" * 600])
def test_a_long_key_is_read_as_well(theirs: YamlCpp, key: str) -> None:
    file = ConfigFile(Form.YML, (Group(key, (Entry(key, Sequence((Mapping((Entry(key, "1"),)),))),)),))
    assert parse(write(file)) == file
    assert theirs.load(write(file)) == loaded(write(file))


def deep(levels: int) -> Value:
    value: Value = "1"
    for _ in range(levels):
        value = Sequence((value,))
    return value


def test_what_is_as_deep_as_may_be_reads_to_the_same() -> None:
    assert parse(write(one("k", deep(63)))) == one("k", deep(63))
    group = ConfigFile(Form.YML, (Group("a", value=deep(64)),))
    assert parse(write(group)) == group


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        (replace(one("k", "1"), form=Form.TXT), "expected a file of the form yml"),
        (one("k", deep(64)), "group 'a', key 'k': more than 64 levels"),
        (one("k", "\ud800"), "group 'a', key 'k': expected characters of Unicode"),
        (one("k", "\udcc3\udca9"), "expected characters, got their bytes"),
        (one("\ud800", "1"), "expected characters of Unicode"),
        (replace(one("k", "1"), tail=("a\nb",)), "the end: expected one line as a comment"),
        (replace(one("k", "1"), tail=("\0a",)), "the end: expected one line as a comment"),
        (replace(one("k", "1"), tail=("\ud800",)), "expected characters"),
        (
            ConfigFile(Form.YML, (Group("a", (Entry("k", "1"),), value="1"),)),
            "group 'a': expected entries or",
        ),
        (ConfigFile(Form.YML, (Group("a", value=Mapping(())),)), "group 'a': expected entries or"),
    ],
)
def test_what_cannot_be_said_is_refused(file: ConfigFile, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        write(file)
