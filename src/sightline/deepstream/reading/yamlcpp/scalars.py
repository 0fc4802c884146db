"""The inside of a scalar, of every style: where it ends, how its lines are folded, what its escapes mean.

Promises: yaml-cpp's text for it, byte for byte, also where YAML's own rules say otherwise (a byte of zero
begins an escape in plain and block scalars; the tail of a scalar is cut in yaml-cpp's way).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto

from sightline.deepstream.reading.yamlcpp import patterns
from sightline.deepstream.reading.yamlcpp.text import Text, shown
from sightline.deepstream.refusal import Refused

ESCAPES = {
    "0": "\0", "a": "\a", "b": "\b", "t": "\t", "\t": "\t", "n": "\n", "v": "\v", "f": "\f", "r": "\r",
    "e": "\x1b", " ": " ", '"': '"', "'": "'", "\\": "\\", "/": "/", "N": "\x85", "_": "\xa0",
    "L": "\xe2\x80\xa8", "P": "\xe2\x80\xa9",
}  # fmt: skip
DIGITS = {"x": 2, "u": 4, "U": 8}  # of a code point
_ORDINARY = re.compile(patterns.ORDINARY)
_HEX = re.compile(r"[0-9A-Fa-f]*")


class Fold(Enum):
    """What becomes of a break between two lines."""

    KEPT = auto()  # |
    BLOCK = auto()  # >
    FLOW = auto()


class Chomp(Enum):
    """What becomes of breaks at the end."""

    STRIP = auto()
    CLIP = auto()
    KEEP = auto()


class AtDocument(Enum):
    """What a line that begins with `---` or `...` does to a scalar."""

    NOTHING = auto()
    ENDS = auto()
    REFUSED = auto()


@dataclass(slots=True, kw_only=True)
class Style:
    """How one scalar is read.

    Attributes:
        end: what ends it.
        closed: its end belongs to it and must come: quotes.
        indent: columns that its lines have at least; `detect`: the first line with content says more.
        skips_blanks: blanks at the beginning of a line are not content.
        tabs_refused: a tab that stands where there should be indentation.
    """

    end: re.Pattern[str]
    fold: Fold
    chomp: Chomp
    closed: bool = False
    escape: str = "\0"
    indent: int = 0
    detect: bool = False
    skips_blanks: bool = False
    trims: bool = False
    at_document: AtDocument = AtDocument.NOTHING
    tabs_refused: bool = False


def refused(reason: str, text: Text) -> Refused:
    return Refused(reason, line=text.line + 1)


class ScalarReader:
    """Reads one scalar from where the text stands; `dedented` tells whether a lesser indent ended it."""

    def __init__(self, text: Text, style: Style) -> None:
        self.dedented = False
        self._text = text
        self._style = style
        self._indent = style.indent
        self._content = ""
        self._escaped: int | None = None  # the length up to the last escape: it is not cut
        self._solid = 0  # the length up to the last character that is no blank, within this line
        self._any = False  # a line with content was there
        self._folds = style.fold is Fold.FLOW  # past the break after `|`, which is none of the content's
        self._empty = self._deeper = False
        self._breaks = 0  # of empty lines, held back by >
        self._deeper_before_breaks = False

    def read(self) -> str:
        while self._text.more:
            self._solid = len(self._content)
            joined = self._line()
            if self._ended():
                break
            self._next_line(joined)
            if not self._empty and self._text.column < self._indent:
                self.dedented = True
                break
        return self._cut()

    def _line(self) -> bool:
        """Takes what stands on this line; tells whether a backslash joins it with the next."""
        text, style = self._text, self._style
        while text.more and not text.at(style.end) and not text.at(patterns.BREAK):
            if text.column == 0 and text.at(patterns.DOCUMENT):
                if style.at_document is AtDocument.ENDS:
                    break
                if style.at_document is AtDocument.REFUSED:
                    raise refused("a quoted text is not closed before the next document begins", text)
            self._any = self._folds = True
            if style.escape == "\\" and text.at(patterns.ESCAPED_BREAK):
                text.take()
                self._keep_all()
                return True
            self._some()
        return False

    def _some(self) -> None:
        text = self._text
        if text.next == self._style.escape:
            self._content += escape(text)
            self._keep_all()
            return
        taken = text.take_all(_ORDINARY) or text.take()
        self._content += taken
        if taken not in " \t":
            self._solid = len(self._content)

    def _keep_all(self) -> None:
        self._solid = self._escaped = len(self._content)

    def _ended(self) -> bool:
        text, style = self._text, self._style
        if not text.more:
            if style.closed:
                raise refused("a quoted text is not closed before the end of the file", text)
            return True
        if style.at_document is AtDocument.ENDS and text.column == 0 and text.at(patterns.DOCUMENT):
            return True
        if text.at(style.end):
            text.take(style.closed)
            return True
        return False

    def _next_line(self, joined: bool) -> None:
        text, style = self._text, self._style
        if style.fold is Fold.FLOW:
            self._content = self._content[: self._solid]
        text.take_all(patterns.BREAK)
        self._indentation()
        empty, deeper = text.at(patterns.BREAK), text.at(patterns.BLANK)
        if style.fold is Fold.BLOCK and not self._breaks and empty:
            self._deeper_before_breaks = self._deeper
        if self._folds:
            self._content += self._fold(joined, empty, deeper)
        self._empty, self._deeper, self._folds = empty, deeper, True

    def _indentation(self) -> None:
        text, style = self._text, self._style
        detecting = style.detect and not self._any
        while text.next == " " and (detecting or text.column < self._indent) and not text.at(style.end):
            text.take()
        if detecting:
            self._indent = max(self._indent, text.column)
        while text.at(patterns.BLANK):
            if text.next == "\t" and text.column < self._indent and style.tabs_refused:
                raise refused("expected spaces as the indentation, got a tab", text)
            if not style.skips_blanks or text.at(style.end):
                break
            text.take()

    def _fold(self, joined: bool, empty: bool, deeper: bool) -> str:
        match self._style.fold:
            case Fold.KEPT:
                return "\n"
            case Fold.FLOW if empty:
                return "\n"
            case Fold.FLOW:
                return "" if self._empty or joined else " "
        return self._fold_block(empty, deeper)

    def _fold_block(self, empty: bool, deeper: bool) -> str:
        if empty:
            self._breaks += 1
            return ""
        beside = not self._empty and not self._deeper and not deeper
        folded = " " if beside and self._text.column >= self._indent else "\n"
        if self._breaks:
            folded += "\n" * (self._breaks - 1)
            folded += "\n" if self._deeper_before_breaks or deeper or not self._any else ""
            self._breaks = 0
        return folded

    def _cut(self) -> str:
        if self._style.trims:
            self._content = self._content[: self._last(" \t") + 1]
        if self._style.chomp is Chomp.STRIP:
            self._content = self._content[: self._last("\n") + 1]
        elif self._style.chomp is Chomp.CLIP:
            last = self._last("\n")
            self._content = self._content[: last + 2 if last >= 0 else 0]
        return self._content

    def _last(self, cut: str) -> int:
        """The last index to keep; one after an escape is kept as well, as yaml-cpp counts."""
        last = len(self._content.rstrip(cut)) - 1
        return last if self._escaped is None else max(last, self._escaped)


def escape(text: Text) -> str:
    """What an escape stands for, as bytes; `text` stands on its first character."""
    sign, letter = text.take(), text.take()
    if sign == "'" and letter == "'":
        return "'"
    if letter in ESCAPES:
        return ESCAPES[letter]
    if letter not in DIGITS:
        raise refused(f"expected an escape that YAML knows, got {shown(sign + letter)!r}", text)
    return _code_point(text, DIGITS[letter])


def _code_point(text: Text, count: int) -> str:
    digits = text.take(count)
    if not _HEX.fullmatch(digits):
        raise refused(f"expected {count} hexadecimal digits, got {shown(digits)!r}", text)
    point = int(digits, 16)
    if 0xD800 <= point <= 0xDFFF or point > 0x10FFFF:
        raise refused(f"expected a code point of Unicode, got {digits}", text)
    return chr(point).encode().decode("latin-1")
