"""Writing YAML that yaml-cpp, and other readers of YAML, read to the same groups and entries.

Promises: values stand plain where they may (numbers, words, paths, `12;3`), else in single quotes, and in
double quotes with escapes where a character is not to be seen; every value is on one line; comments stand
above their key. What cannot be said is refused. Bytes that are no UTF-8 are written as they are: yaml-cpp
takes them, others may not.

Deliberately not here: anchors, tags, flow style other than `[]` and `{}`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from sightline.deepstream.document import ConfigFile, Entry, Form, Group, Mapping, Nothing, Sequence, Value
from sightline.deepstream.reading.yamlcpp.parser import NULLS
from sightline.deepstream.refusal import Refused

DEEPEST = 64  # levels below a group
LONGEST_KEY = 1000  # bytes on the line of its colon; yaml-cpp and others look no further than 1024
STEP = "  "
_BYTES = (
    "\udc80-\udcff"  # what is no UTF-8; at the beginning of a file it would be taken for another encoding
)
_FIRST = r"[^\s\-?:,\[\]{}#&*!|>'\"%@`" + _BYTES + r"]|[-?:](?=[^\s])"
_PLAIN = re.compile(rf"(?!---|\.\.\.)(?:{_FIRST})(?:[^\s:#{_BYTES}]|:(?=[^\s])|(?<!\s)\#|[ ](?=[^\s#]))*")
_NOT_SEEN = re.compile("[\0-\x1f\x7f-\xa0\xad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\uffff]")
_ESCAPES = {"\n": "\\n", "\t": "\\t", "\r": "\\r", "\0": "\\0"}
_NO_COMMENT = re.compile("[\n\r\0]")  # new lines, and what at the beginning would look like UTF-16
_MEANT_ELSEWHERE = {"<<", "="}  # YAML 1.1's signs for merging and for a default


def write(file: ConfigFile) -> bytes:
    """The text of a file.

    Raises:
        Refused: it cannot be said in YAML, or not so that DeepStream reads it; the message has the place.
    """
    if file.form is not Form.YML:
        raise Refused(f"expected a file of the form {Form.YML}, got one of {file.form}", path=file.path)
    blocks = ["".join(line + "\n" for line in _group(group)) for group in file.groups]
    if file.tail:
        blocks.append("".join(line + "\n" for line in _comment(file.tail, "", "the end")))
    return _encoded("\n".join(blocks), "the file")


def _group(group: Group) -> Iterator[str]:
    where = f"group {group.name!r}"
    if group.value is None:
        value: Value = Mapping(group.entries)
    elif group.entries or isinstance(group.value, Mapping):
        raise Refused(f"{where}: expected entries or a value that is no mapping, got both or neither")
    else:
        value = group.value
    yield from _pair(group.name, value, group.comment, "", where)


def _entries(entries: Iterable[Entry], margin: str, where: str) -> Iterator[str]:
    for entry in entries:
        yield from _pair(entry.key, entry.value, entry.comment, margin, f"{where}, key {entry.key!r}")


def _pair(key: str, value: Value, comment: tuple[str, ...], margin: str, where: str) -> Iterator[str]:
    yield from _comment(comment, margin, where)
    said = _scalar(key, where)
    if len(_encoded(said, where)) > LONGEST_KEY:
        yield f"{margin}? {said}"
        said = ""
    yield from _under(f"{margin}{said}:", value, margin, where)


def _under(head: str, value: Value, margin: str, where: str) -> Iterator[str]:
    """A value behind its key, or on the lines below."""
    if len(margin) > DEEPEST * len(STEP):
        raise Refused(f"{where}: more than {DEEPEST} levels")
    match value:
        case Sequence(items) if items:
            yield head
            for item in items:
                yield from _item(item, margin + STEP, where)
        case Mapping(entries) if entries:
            yield head
            yield from _entries(entries, margin + STEP, where)
        case _:
            yield f"{head} {_one_line(value, where)}".rstrip(" ")


def _item(value: Value, margin: str, where: str) -> Iterator[str]:
    """One item; a mapping begins on the line of its `-`, unless a comment comes first."""
    if not isinstance(value, Mapping) or not value.entries or value.entries[0].comment:
        yield from _under(f"{margin}-", value, margin, where)
        return
    for number, line in enumerate(_entries(value.entries, margin + STEP, where)):
        yield line if number else f"{margin}- {line.removeprefix(margin + STEP)}"


def _one_line(value: Value, where: str) -> str:
    match value:
        case Nothing():
            return ""
        case Sequence():
            return "[]"
        case Mapping():
            return "{}"
    return _scalar(value, where)


def _scalar(text: str, where: str) -> str:
    _encoded(text, where)
    if _NOT_SEEN.search(text):
        return '"' + _NOT_SEEN.sub(_escaped, text.replace("\\", "\\\\").replace('"', '\\"')) + '"'
    if text in NULLS or text in _MEANT_ELSEWHERE or not _PLAIN.fullmatch(text):
        return "'" + text.replace("'", "''") + "'"
    return text


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    return _ESCAPES.get(found[0], f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")


def _comment(lines: tuple[str, ...], margin: str, where: str) -> Iterator[str]:
    for line in lines:
        if _NO_COMMENT.search(line):
            raise Refused(f"{where}: expected one line as a comment, got {line!r}")
        yield f"{margin}#{line}"


def _encoded(text: str, where: str) -> bytes:
    """The bytes of a text, which must be this text again when they are read."""
    try:
        data = text.encode(errors="surrogateescape")
    except UnicodeEncodeError:
        raise Refused(f"{where}: expected characters of Unicode, got {text!r}") from None
    if data.decode(errors="surrogateescape") != text:
        raise Refused(f"{where}: expected characters, got their bytes one by one: {text!r}")
    return data
