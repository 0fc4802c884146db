"""The characters of a file as yaml-cpp's stream gives them: bytes of UTF-8, with a place.

Promises: the encoding is guessed from the first bytes as yaml-cpp does (a mark of byte order, or where the
zeros stand); UTF-16 and UTF-32 become UTF-8 with its replacements; what is no UTF-8 stays as it is. Lines
and columns count from 0, columns count bytes.

A `str` of one character for each byte (latin-1) stands for the bytes, so that `re` is quick. Beyond the end
stand bytes 0x04, yaml-cpp's own sign of an end: it takes such a byte within a text for an end in some places.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

from sightline.deepstream.reading.yamlcpp.nodes import Mark

END = "\x04"
PADDING = END * 16
REPLACEMENT = 0xFFFD
_CHARACTER = re.compile(r"[\xc0-\xff][\x80-\xbf]{1,3}")


@dataclass(slots=True)
class Text:
    """What is read, and how far it is read."""

    chars: str
    length: int
    position: int = 0
    line: int = 0
    column: int = 0

    @classmethod
    def of(cls, data: bytes) -> Text:
        decoded = decode(data).decode("latin-1")
        return cls(decoded + PADDING, len(decoded))

    @property
    def more(self) -> bool:
        return self.position < self.length

    @property
    def mark(self) -> Mark:
        return Mark(self.line, self.column)

    @property
    def next(self) -> str:
        return self.chars[self.position]

    @property
    def sign(self) -> str:
        """What stands here, for a message: a whole character, not its first byte."""
        character = self.find(_CHARACTER) or self.next
        return repr(shown(character)) if self.more else "the end of the file"

    def at(self, pattern: re.Pattern[str]) -> bool:
        return pattern.match(self.chars, self.position) is not None

    def find(self, pattern: re.Pattern[str]) -> str:
        """What the pattern matches here, "" where it does not; never beyond the end."""
        found = pattern.match(self.chars, self.position, self.length)
        return found[0] if found else ""

    def take(self, count: int = 1) -> str:
        taken = self.chars[self.position : self.position + count]
        self.position += count
        self.column += count
        if "\n" in taken:
            self.line += taken.count("\n")
            self.column = len(taken) - taken.rindex("\n") - 1
        return taken

    def take_all(self, pattern: re.Pattern[str]) -> str:
        """Eats what the pattern matches here."""
        return self.take(len(self.find(pattern)))


def kept(chars: str) -> str:
    """A part of a text with all of its bytes: what is no UTF-8 as surrogate escapes."""
    return chars if chars.isascii() else chars.encode("latin-1").decode(errors="surrogateescape")


def shown(chars: str) -> str:
    """A part of a text for a message."""
    return chars.encode("latin-1").decode(errors="backslashreplace")


def decode(data: bytes) -> bytes:
    """The text as UTF-8, without its mark of byte order."""
    start, encoding = _encoding(data)
    match encoding:
        case "utf-16-le" | "utf-16-be":
            return b"".join(map(_utf8, _pairs(_units(data[start:], 2, encoding))))
        case "utf-32-le" | "utf-32-be":
            return b"".join(map(_utf8, _units(data[start:], 4, encoding)))
    return data[start:]


def _encoding(data: bytes) -> tuple[int, str]:
    """How long the mark of byte order is, and the encoding; without a mark the zeros of the first tell."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return len(mark), encoding
    return 0, next((encoding for pattern, encoding in _GUESSES if pattern.match(data)), "utf-8")


_MARKS = (
    (b"\x00\x00\xfe\xff", "utf-32-be"),
    (b"\xff\xfe\x00\x00", "utf-32-le"),
    (b"\xfe\xff", "utf-16-be"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xef\xbb\xbf", "utf-8"),
)
_SIGN = rb"[^\x00\xbb\xbf\xef\xfe\xff]"
_GUESSES = tuple(
    (re.compile(pattern, re.DOTALL), encoding)
    for pattern, encoding in (
        (rb"\x00\x00\x00", "utf-32-be"),
        (rb"\x00" + _SIGN, "utf-16-be"),
        (_SIGN + rb"\x00\x00\x00", "utf-32-le"),
        (_SIGN + rb"\x00", "utf-16-le"),
    )
)


def _units(data: bytes, size: int, encoding: str) -> tuple[int, ...]:
    order = "<" if encoding.endswith("le") else ">"
    return struct.unpack_from(f"{order}{len(data) // size}{'H' if size == 2 else 'I'}", data)


def _pairs(units: tuple[int, ...]) -> list[int]:
    """Code points of UTF-16. Beside a high surrogate without its low one, yaml-cpp loses what follows."""
    points: list[int] = []
    high: int | None = None
    for unit in units:
        if high is None:
            high = unit if _is_high(unit) else None
            points += [] if _is_high(unit) else [REPLACEMENT if _is_low(unit) else unit]
        elif _is_low(unit):
            points.append(0x10000 + ((high & 0x3FF) << 10 | unit & 0x3FF))
            high = None
        else:
            points += [REPLACEMENT] if _is_high(unit) else [REPLACEMENT, high]
            high = unit if _is_high(unit) else None
    return points if high is None else [*points, REPLACEMENT]


def _is_high(unit: int) -> bool:
    return 0xD800 <= unit < 0xDC00


def _is_low(unit: int) -> bool:
    return 0xDC00 <= unit < 0xE000


def _utf8(point: int) -> bytes:
    """One code point as bytes, as wrong as yaml-cpp where there is no such code point."""
    if point == ord(END):
        point = REPLACEMENT
    if point < 0x80:
        return bytes((point,))
    if point < 0x800:
        return bytes((0xC0 | point >> 6, 0x80 | point & 0x3F))
    tail = bytes((0x80 | point >> 6 & 0x3F, 0x80 | point & 0x3F))
    if point < 0x10000:
        return bytes((0xE0 | point >> 12,)) + tail
    return bytes((0xF0 | point >> 18 & 7, 0x80 | point >> 12 & 0x3F)) + tail
