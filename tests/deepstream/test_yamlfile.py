"""YAML files as yaml-cpp loads them, by hand: that it does so is held against it in `test_yaml_cpp`."""

import resource
import time
from pathlib import Path

import pytest

from sightline.deepstream.document import ConfigFile, Entry, Form, Group, Mapping, Nothing, Sequence
from sightline.deepstream.reading.yamlfile import parse, write
from sightline.deepstream.refusal import Refused

WHOLE = b"""# License
#
# of this file

property:
  gpu-id: 0  # the first
  # where
  onnx-file: "a b.onnx"
  gpu-id: 1
class-attrs-all:
#topk: 20
pre-process:
- enable: 1
  # deep
  src-ids: 0;1
tail: ~
# end
"""


def groups(data: bytes) -> dict[str, list[tuple[str, object]]]:
    return {group.name: [(entry.key, entry.value) for entry in group.entries] for group in parse(data).groups}


def test_groups_entries_lines_and_comments_are_there() -> None:
    file = parse(WHOLE)
    assert [(group.name, group.line) for group in file.groups] == [
        ("property", 5),
        ("class-attrs-all", 10),
        ("pre-process", 12),
        ("tail", 16),
    ]
    first, empty, listed, last = file.groups
    assert first.comment == (" License", "", " of this file")
    assert [(entry.key, entry.value, entry.line, entry.quoted) for entry in first.entries] == [
        ("gpu-id", "0", 6, False),
        ("onnx-file", "a b.onnx", 8, True),
        ("gpu-id", "1", 9, False),
    ]
    assert first.entries[1].comment == (" where",)
    assert (empty.value, listed.comment, last.value) == (Nothing(), ("topk: 20",), Nothing())
    assert listed.value == Sequence((Mapping((Entry("enable", "1"), Entry("src-ids", "0;1"))),))
    assert file.tail == (" end",)


def test_each_real_file_is_read_and_written_to_the_same(configs: Path) -> None:
    paths = sorted(configs.rglob("*.yml"))
    assert len(paths) >= 15
    for path in paths:
        file = parse(path.read_bytes(), path)
        assert file.groups
        again = parse(write(file))
        assert again == file
        assert [group.comment for group in again.groups] == [group.comment for group in file.groups]


@pytest.mark.parametrize(
    ("data", "read"),
    [
        (b"", {}),
        (b"# only\n", {}),
        (b"---\n...\n", {}),
        (b"~", {}),
        (b"{a: {b: 1}}", {"a": [("b", "1")]}),
        (b"--- {a: {b: 1}}\n---\nc: 2\n", {"a": [("b", "1")]}),
        (b"a: {b: 1, c}", {"a": [("b", "1"), ("c", Nothing())]}),
        (b"? a\n: ? b\n  : c\n", {"a": [("b", "c")]}),
        (b"~:\n  b: 1", {"null": [("b", "1")]}),
        (b"a:\n  b: x y\n   z\n", {"a": [("b", "x y z")]}),
        (b"a:\n  b: >-\n    x\n    y\n  c: |\n    z\n", {"a": [("b", "x y"), ("c", "z\n")]}),
        (b"a: &x\n  b: 1\nc:\n  <<: *x\n", {"a": [("b", "1")], "c": [("<<", Mapping((Entry("b", "1"),)))]}),
        (b"a: {b: 'null', c: null, d: NULL, e: nULL}", None),
        (b"\xef\xbb\xbfa: {b: \xc3\xa9}", {"a": [("b", "é")]}),
        ("a: {b: é}".encode("utf-16"), {"a": [("b", "é")]}),
        (b"a: {b: \xff}", {"a": [("b", "\udcff")]}),
        (b"a: 1\nb", {"a": [], "b": []}),
    ],
)
def test_it_reads(data: bytes, read: dict[str, object] | None) -> None:
    nulls = {"a": [("b", "null"), ("c", Nothing()), ("d", Nothing()), ("e", "nULL")]}
    assert groups(data) == (nulls if read is None else read)


@pytest.mark.parametrize(
    ("data", "line", "reason"),
    [
        (b"a: b: c", 1, "no : here"),
        (b"a: 1\n b: 2\n", 2, "no : here"),
        (b"a:\n\t- b", 2, "no entry that begins with -"),
        (b"a: b\n\tc", 2, "expected spaces as the indentation, got a tab"),
        (b"a: 'b", 1, "not closed before the end of the file"),
        (b"a: @b", 1, "got '@'"),
        (b"a: {b: 1", 1, "expected , or }, got the end of the file"),
        (b"a: [1}", 1, "expected ], got }"),
        (b"a: *b", 1, "expected an anchor &b before [*]b"),
        (b"a: *\xc3\xa9", 1, "expected an anchor &é before"),
        (b'a: "\\q"', 1, r"an escape that YAML knows, got '\\\\q'"),
        (b"a: !a.b!c d", 1, "between the two ! of a tag"),
        (b"%YAML 2.0\n---\n", 1, "expected a version 1 of YAML, got 2.0"),
        (b"- a\n- b\n", 1, "expected groups with keys at the top, got a list"),
        (b"\n12", 2, "got '12'; looking for a group in it throws BadSubscript"),
        (b"a:\n  [1]: 2\n", 2, "expected a text as the key, got a list"),
        (b"{}: 2\n", 1, "expected a text as the key, got a mapping"),
        (b"a: &x [*x]", 1, "more than 64 levels, or an alias within what it stands for"),
        (b"[" * 20000, 1, "more than 499 nodes within each other"),
        (b"a: " + b"- " * 20, 1, "no entry"),
        (b"- " * 20000, 1, "more than 499"),
        (b"a: " + b"[" * 70 + b"]" * 70, 1, "more than 64 levels"),
    ],
)
def test_it_refuses(data: bytes, line: int, reason: str) -> None:
    with pytest.raises(Refused, match=reason) as refused:
        parse(data, Path("x.yml"))
    assert (refused.value.line, refused.value.path) == (line, Path("x.yml"))


def test_aliases_do_not_fill_the_memory() -> None:
    laughs = [b"a0: &x0 [1]"]
    laughs += [b"a%d: &x%d [%s]" % (n, n, b", ".join([b"*x%d" % (n - 1)] * 9)) for n in range(1, 30)]
    with pytest.raises(Refused, match="aliases stand for far more values than the file holds"):
        parse(b"\n".join(laughs))


@pytest.mark.parametrize("sign", [b"[", b"- ", b"? ", b"{a: ", b"a: [", b"&x "])
def test_a_megabyte_of_openings_is_refused_soon(sign: bytes) -> None:
    begun, before = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(Refused):
        parse(sign * (2**20 // len(sign)))
    assert time.process_time() - begun < 10
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000  # KiB


def test_a_key_far_from_its_colon_is_none() -> None:
    assert groups(b"a" * 1024 + b": {b: 1}") == {"a" * 1024: [("b", "1")]}
    with pytest.raises(Refused, match="no : here"):
        parse(b"a" * 1025 + b": {b: 1}")


def test_a_list_longer_than_what_may_wait_is_read() -> None:
    (group,) = parse(b"a: [" + b"1," * 60_000 + b"]").groups
    assert group == Group("a", value=Sequence(("1",) * 60_000))
    assert parse(b"") == ConfigFile(Form.YML, ())
