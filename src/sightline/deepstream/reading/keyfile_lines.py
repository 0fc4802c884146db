"""One line of a key file, read as GLib reads it: a comment, a header, or a key with its value.

Promises: bytes in, bytes out; a line is refused where `g_key_file_load_from_data` (GLib 2.74) refuses it,
whatever stands before it. Known oddities are kept: a vertical tab is no space, what follows a NUL byte is
not seen, bytes that could go on a UTF-8 character may follow a header.

Deliberately not here: what depends on other lines (`keyfile`), what values mean (`keyfile_values`), and
UTF-8 outside the language of a key, which GLib does not check before somebody asks for a string. Which
characters are letters there is what Python's Unicode says, in some versions a year from GLib's.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from sightline.deepstream.refusal import Refused

SPACES = b" \t\n\f\r"  # what g_ascii_isspace says; C's isspace has the vertical tab too
_SHOWN = 60
_HEADER = re.compile(rb"\[([^\]\0]*)\][ \t\x80-\xbf]*(?=\0|\Z)")
_NAME = re.compile(rb"[^\[\]\x00-\x1f\x7f]+")
_KEY = re.compile(rb"([^\[\]=\0]+)(?:\[([^\]]*)\])?")
_CHARACTER = re.compile(rb"[\x00-\x7f\xc0-\xff][\x80-\xbf]*")
_WORD = re.compile(rb"[0-9A-Za-z_.@-]*")


@dataclass(frozen=True, slots=True)
class Comment:
    """`text` is what follows the `#`; None for a line with nothing in it."""

    text: bytes | None


@dataclass(frozen=True, slots=True)
class Header:
    """`[name]`."""

    name: bytes


@dataclass(frozen=True, slots=True)
class Pair:
    """`key[language]=value`; the language is empty where there is none, and `key` has it too.

    Attributes:
        value: up to the first NUL byte.
        whole: with what follows that; GLib compares it where the key is `Encoding`.
    """

    key: bytes
    language: bytes
    value: bytes
    whole: bytes


Line = Comment | Header | Pair
_NOTHING = Comment(None)


def read_line(line: bytes) -> Line:
    """What a line is, without its end.

    Raises:
        Refused: GLib would stop here.
    """
    line = line.lstrip(SPACES)
    if line[:1] in {b"", b"\0"}:
        return _NOTHING
    if line[:1] == b"#":
        return Comment(line[1:])
    if found := _HEADER.match(line):
        return _header(line, found)
    return _pair(line)


def shown(text: bytes) -> str:
    """A piece of a file for a message."""
    cut = text if len(text) <= _SHOWN else text[:_SHOWN] + b"..."
    return repr(cut.decode(errors="replace"))


def _header(line: bytes, found: re.Match[bytes]) -> Header:
    # GLib looks for the end of the name from the end of the line, beyond a NUL byte too.
    name = line[1 : line.rindex(b"]")]
    if found.end(1) != len(name) + 1 or not _NAME.fullmatch(name):
        raise Refused(f"expected a group's name without brackets and control characters, got {shown(name)}")
    return Header(name)


def _pair(line: bytes) -> Pair:
    seen = line.partition(b"\0")[0]
    start, equals, _ = seen.partition(b"=")
    if not equals or not start:
        raise Refused(f"expected [group], key=value or # comment, got {shown(line)}")
    key = start.rstrip(SPACES)
    found = _KEY.fullmatch(key)
    if not found or found[1].startswith(b" ") or found[1].endswith(b" "):
        raise Refused(f"expected key=value or key[language]=value, got the key {shown(key)}")
    language = found[2] or b""
    if not _is_language(language):
        raise Refused(f"expected letters, digits and any of -_.@ for a language, got {shown(language)}")
    whole = line[len(start) + 1 :].lstrip(SPACES)
    return Pair(key, language, whole.partition(b"\0")[0], whole)


def _is_language(text: bytes) -> bool:
    if _WORD.fullmatch(text):
        return True
    characters = _CHARACTER.findall(text)
    return sum(map(len, characters)) == len(text) and all(map(_is_letter_or_digit, characters))


def _is_letter_or_digit(character: bytes) -> bool:
    """Of a first byte and all that could go on a character behind it, as many as the first asks for."""
    first = character[0]
    if first < 0x80:
        return bool(_WORD.fullmatch(character[:1]))
    length = 2 if first < 0xE0 else 3 if first < 0xF0 else 4
    try:
        decoded = character[:length].decode()
    except UnicodeDecodeError:
        return False
    return unicodedata.category(decoded)[0] in "LN"
