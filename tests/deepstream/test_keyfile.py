"""Key files as GLib reads them, by hand: what `make fuzz` found GLib to say stands here without it."""

import time
from pathlib import Path

import pytest

from sightline.deepstream.document import ConfigFile, Form
from sightline.deepstream.reading.keyfile import parse, write
from sightline.deepstream.refusal import Refused

WHOLE = b"""# Made by hand
[application]
enable-perf-measurement=1

# where from
#uri=old
[source0]
uri = file:///a b.mp4\t
  # cars only
  type=3 # c
[application]
gie-kitti-output-dir=
# the end
"""
TAKEN: list[tuple[bytes, dict[str, list[tuple[str, str]]]]] = [
    (b"", {}),
    (b"\n\r\n \t\f\n# only\n", {}),
    (b"[a]\r\nk=v\r\n", {"a": [("k", "v")]}),
    (b"[a]\nk=v\r\r\n", {"a": [("k", "v\r")]}),
    (b"[a]\nk=v\r", {"a": [("k", "v\r")]}),  # no line end behind it: part of the value
    (b"[a]\nk=v", {"a": [("k", "v")]}),
    (b" \t[ a ] \t\nk=", {" a ": [("k", "")]}),
    (b"[a]\n a b\t=  x = y ", {"a": [("a b", "x = y ")]}),
    (b"[a]\nk\x0b=\x0b1", {"a": [("k\x0b", "\x0b1")]}),  # no space to GLib
    (b"[a]\nk=1\0 2\n", {"a": [("k", "1")]}),
    (b"[a]\n\0 hidden\n[b]\0 hidden\nk=\0", {"a": [], "b": [("k", "")]}),
    (b"[a] \x80\xbf\n", {"a": []}),
    (b"[\xff]\n\xfe=\xfd", {"\udcff": [("\udcfe", "\udcfd")]}),
    (b"[\xc3\xa9]\nk=\xe6\x97\xa5", {"é": [("k", "日")]}),
    (b"[a]\nk[de]=1\nk[C]=2\nk[c]=3\nk[]=4", {"a": [("k[C]", "2"), ("k[c]", "3"), ("k[]", "4")]}),
    (b"[a]\nk[\xc3\xa9\x80]=1\nk[\xd9\xa1]=2", {"a": []}),
    (b"[a]\nEncoding=utf-8\n[b]\nEncoding=no", {"a": [("Encoding", "utf-8")], "b": [("Encoding", "no")]}),
    (b"[x=y]\n#[b]\nk=#1", {"x=y": [("k", "#1")]}),
]
REFUSED: list[tuple[bytes, int, str]] = [
    (b"\xef\xbb\xbf[a]\nk=1", 1, "the byte order mark before it must go"),
    (b"k=1\n[a]", 1, r"expected \[group\] before the first key, got 'k'"),
    (b"[a]\nk", 2, r"expected \[group\], key=value or # comment, got 'k'"),
    (b"[a]\n;k\n", 2, "got ';k'"),
    (b"[a]\n// k\n", 2, "got '// k'"),
    (b"[a]\n=1\n", 2, "got '=1'"),
    (b"[a]\nk\0=1\n", 2, "got"),
    (b"[a]\r", 1, "got"),
    (b"[a]]", 1, "got"),
    (b"[a] # b", 1, "got"),
    (b"[a\0]", 1, "got"),
    (b"[]", 1, "expected a group's name"),
    (b"[[a]", 1, r"expected a group's name .*, got '\[a'"),
    (b"[a\tb]", 1, "expected a group's name"),
    (b"[a\x7f]", 1, "expected a group's name"),
    (b"[a]\0]", 1, "expected a group's name"),
    (b"[a]\nk [C]=1", 2, r"expected key=value or key\[language\]=value, got the key 'k \[C\]'"),
    (b"[a]\nk[C]x=1", 2, "got the key"),
    (b"[a]\nk[C=1", 2, "got the key"),
    (b"[a]\nk]=1", 2, "got the key"),
    (b"[a]\nk[a b]=1", 2, "expected letters, digits"),
    (b"[a]\nk[\xff]=1", 2, "expected letters, digits"),
    (b"[a]\nk[\xc3]=1", 2, "expected letters, digits"),
    (b"[a]\nk[\x80]=1", 2, "expected letters, digits"),
    (b"[a]\n[b]\n[a]\n\nEncoding=latin1", 5, "expected UTF-8 as the Encoding"),
    (b"[a]\nEncoding=UTF-8 ", 2, "expected UTF-8"),
    (b"[a]\nEncoding=UTF-8\0", 2, "expected UTF-8"),
]


def pairs(data: bytes) -> dict[str, list[tuple[str, object]]]:
    file = parse(data)
    return {name: [(entry.key, entry.value) for entry in file.entries(name)] for name in file.names}


def test_a_file_has_its_groups_keys_lines_and_comments() -> None:
    file = parse(WHOLE, Path("a.txt"))
    assert (file.form, file.path, file.tail) == (Form.TXT, Path("a.txt"), (" the end",))
    assert [(group.name, group.line, group.comment) for group in file.groups] == [
        ("application", 2, (" Made by hand",)),
        ("source0", 7, (" where from", "uri=old")),
        ("application", 11, ()),
    ]
    assert [(each.key, each.value, each.line, each.comment) for each in file.groups[1].entries] == [
        ("uri", "file:///a b.mp4\t", 8, ()),
        ("type", "3 # c", 10, (" cars only",)),
    ]


def test_headers_of_one_name_are_one_group_and_the_last_of_equal_keys_holds() -> None:
    assert pairs(b"[a]\nk=1\nj=0\nk=2\n[b]\n[a]\nk=3\n") == {"a": [("k", "3"), ("j", "0")], "b": []}


@pytest.mark.parametrize(("data", "groups"), TAKEN)
def test_what_glib_takes_is_taken(data: bytes, groups: dict[str, list[tuple[str, str]]]) -> None:
    assert pairs(data) == groups


@pytest.mark.parametrize(("data", "line", "reason"), REFUSED)
def test_what_glib_refuses_is_refused_with_its_line(data: bytes, line: int, reason: str) -> None:
    with pytest.raises(Refused, match=reason) as told:
        parse(data, Path("a.txt"))
    assert (told.value.line, told.value.path) == (line, Path("a.txt"))
    assert str(told.value).startswith(f"a.txt, line {line}: ")


@pytest.mark.parametrize(
    "hostile",
    [
        b"[" * 4_000_000,
        b"[a]" + b" " * 4_000_000 + b"x",
        b"[a]\nk" + b" " * 4_000_000 + b"x",
        b"[a]\nk[" + b"\xc3\xa9" * 2_000_000,
        b"[a]\n" + b"k=\n" * 100_000,
        b"[a]\n" * 100_000,
        b"#\n" * 200_000,
    ],
    ids=lambda data: repr(data[:8]),
)
def test_reading_takes_no_longer_than_the_file_is(hostile: bytes) -> None:
    begun = time.process_time()
    try:
        parse(hostile)
    except Refused as error:
        assert len(str(error)) < 300  # noqa: PT017 - some of these are good files
    assert time.process_time() - begun < 5.0  # what grows with the square takes hours


def test_all_real_files_are_read_and_written_to_the_same(configs: Path) -> None:
    files = [parse(path.read_bytes(), path) for path in sorted(configs.rglob("*.txt"))]
    assert len(files) >= 19
    for file in files:
        again = parse(write(file))
        assert again == file
        assert comments(again) == comments(file)


def comments(file: ConfigFile) -> list[tuple[str, ...]]:
    groups = [(group.comment, *(entry.comment for entry in group.entries)) for group in file.groups]
    return [*(comment for each in groups for comment in each), file.tail]
