"""GLib's key files, which DeepStream's text files are: read exactly as GLib does, and written for it.

Promises: `parse` refuses what `g_key_file_load_from_data` (GLib 2.74, flags NONE as DeepStream has it)
refuses, and otherwise has the same groups, keys and raw values, in time that grows as the file does.
Bytes that are no UTF-8 stand in names and values as Python's `surrogateescape` has them. A key for
another language than C (`name[de]=`) is not there, as in a DeepStream that runs with no language set.
`write` gives a text that GLib reads to the same, comments kept, or refuses.

Deliberately not here: what values mean (`keyfile_values`), files on disk (`loading`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from sightline.deepstream.document import ConfigFile, Entry, Form, Group
from sightline.deepstream.reading.keyfile_lines import Comment, Header, Line, Pair, read_line, shown
from sightline.deepstream.refusal import Refused

_MARK = b"\xef\xbb\xbf"
_LANGUAGES = {b"", b"c"}


def parse(data: bytes, path: Path | None = None) -> ConfigFile:
    """The file as GLib sees it.

    Raises:
        Refused: GLib would not load it; the message has the line.
    """
    reading = _Reading()
    lines = data.split(b"\n")
    ended = len(lines) - 1  # the last has no end, so that a carriage return there is part of it
    for number, line in enumerate(lines, 1):
        try:
            reading.take(read_line(line.removesuffix(b"\r") if number <= ended else line), number)
        except Refused as error:
            mark = number == 1 and line.startswith(_MARK)
            hint = "; the byte order mark before it must go" if mark else ""
            raise Refused(error.reason + hint, line=number, path=path) from None
    return reading.file(path)


def write(file: ConfigFile) -> bytes:
    """The text of a file; a comment's line is written right behind its `#`.

    Raises:
        Refused: it cannot be said in a key file; the message has the group and the key.
    """
    if file.form is not Form.TXT:
        raise Refused(f"expected a file of the form {Form.TXT}, got one of {file.form}", path=file.path)
    blocks = [_block(group, group.name == file.groups[0].name) for group in file.groups]
    if file.tail:
        blocks.append(_comment(file.tail, "the end"))
    return b"\n".join(blocks)


@dataclass(slots=True)
class _Open:
    """A group whose lines are being read."""

    name: bytes
    line: int
    comment: tuple[str, ...]
    entries: list[Entry] = field(default_factory=list)

    def closed(self) -> Group:
        return Group(_text(self.name), tuple(self.entries), self.line, comment=self.comment)


class _Reading:
    """What a file has so far."""

    def __init__(self) -> None:
        self._groups: list[_Open] = []
        self._comment: list[str] = []

    def take(self, line: Line, number: int) -> None:
        match line:
            case Comment(text):
                if text is not None:
                    self._comment.append(_text(text))
            case Header(name):
                self._groups.append(_Open(name, number, self._said()))
            case Pair():
                self._pair(line, number)

    def file(self, path: Path | None) -> ConfigFile:
        return ConfigFile(Form.TXT, tuple(group.closed() for group in self._groups), path, self._said())

    def _pair(self, pair: Pair, number: int) -> None:
        if not self._groups:
            raise Refused(f"expected [group] before the first key, got {shown(pair.key)}")
        group = self._groups[-1]
        if group.name == self._groups[0].name:
            _check_encoding(pair)
        if _is_kept(pair):
            group.entries.append(Entry(_text(pair.key), _text(pair.value), number, comment=self._said()))

    def _said(self) -> tuple[str, ...]:
        said = tuple(self._comment)
        self._comment.clear()
        return said


def _check_encoding(pair: Pair) -> None:
    if pair.key == b"Encoding" and pair.whole.lower() != b"utf-8":
        raise Refused(f"expected UTF-8 as the Encoding of the file, got {shown(pair.whole)}")


def _is_kept(pair: Pair) -> bool:
    return pair.language.lower() in _LANGUAGES


def _block(group: Group, is_first: bool) -> bytes:
    where = f"group {group.name!r}"
    if group.value is not None:
        raise Refused(f"{where}: expected keys with values, got {group.value!r}")
    lines = [_comment(group.comment, where), _checked(b"[" + _bytes(group.name) + b"]", where)]
    for entry in group.entries:
        lines += (_comment(entry.comment, where), _entry(entry, f"{where}, key {entry.key!r}", is_first))
    return b"".join(lines)


def _entry(entry: Entry, where: str, is_first: bool) -> bytes:
    if not isinstance(entry.value, str):
        raise Refused(f"{where}: expected a text, got {entry.value!r}")
    key, value = _bytes(entry.key), _bytes(entry.value)
    line = key + b"=" + value
    written = _checked(line, where)
    read = read_line(line)
    if not isinstance(read, Pair) or (read.key, read.value) != (key, value) or not _is_kept(read):
        raise Refused(f"{where}: expected what a key file can say, got {shown(line)}")
    if is_first:
        _check_encoding(read)
    return written


def _comment(lines: tuple[str, ...], where: str) -> bytes:
    return b"".join(_checked(b"#" + _bytes(line), where) for line in lines)


def _checked(line: bytes, where: str) -> bytes:
    """The line with its end, if it is one."""
    if b"\n" in line:
        raise Refused(f"{where}: expected one line, got {shown(line)}")
    try:
        read_line(line)
    except Refused as error:
        raise Refused(f"{where}: {error.reason}") from None
    return line + (b"\r\n" if line.endswith(b"\r") else b"\n")  # GLib takes one of these for the line's end


def _text(raw: bytes) -> str:
    return raw.decode(errors="surrogateescape")


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogateescape")
