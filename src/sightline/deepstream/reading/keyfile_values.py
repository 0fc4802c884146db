"""What GLib's getters make of a value's raw text, one function a getter.

Promises: the same value as `g_key_file_get_...` (GLib 2.74), and `ValueRefused` exactly where that sets an
error. GLib's own differences are kept: an integer may have anything behind a space (`3 # cars` is 3), a
64-bit integer may not, and takes the nearest there is where it is too large; `1 ` is an integer, a
boolean, and no `number`. Lists have `;` between, and one at the end makes no empty last element.

Deliberately not here: DeepStream's own conversions on top of these, and values of YAML (`yaml_values`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import NoReturn

from sightline.deepstream.reading.keyfile_lines import SPACES
from sightline.deepstream.refusal import ValueRefused

SEPARATOR = ";"
_SHOWN = 60
_SPACES = SPACES.decode()  # g_ascii_isspace
_DIGITS = re.compile(r"[ \t\n\v\f\r]*+([+-]?)([0-9]++)")  # C's isspace: the vertical tab too
_MOST_DIGITS = 20  # of 64 bits
_NUMBER = re.compile(
    r"""[ \t\n\v\f\r]*+ (?P<sign>[+-]?)
    (?: (?P<hexadecimal> 0x (?: [0-9a-f]++ \.? [0-9a-f]*+ | \.[0-9a-f]++ ) (?: p [+-]? [0-9]++ )? )
      | (?P<decimal> (?: [0-9]++ \.? [0-9]*+ | \.[0-9]++ ) (?: e [+-]? [0-9]++ )? )
      | (?P<word> inf (?: inity )? | nan (?: \([0-9a-z_]*+\) )? ) )""",
    re.ASCII | re.IGNORECASE | re.VERBOSE,
)
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}
_PIECE = re.compile(r"\\(?P<escape>.?)|(?P<separator>;)|[^\\;]++", re.DOTALL)
_ESCAPES = {"s": " ", "n": "\n", "t": "\t", "r": "\r", "\\": "\\"}
_ESCAPED = {"\n": "\\n", "\r": "\\r", "\\": "\\\\"}
_ESCAPED_LEADING = {" ": "\\s", "\t": "\\t"}


def integer(text: str) -> int:
    """Of 32 bits, with a sign; what stands behind a space is not looked at."""
    value, rest = _leading_integer(text)
    if not text or (rest and rest[0] not in _SPACES):
        _refuse("an integer", text)
    if not -(2**31) <= value < 2**31:
        _refuse("an integer of 32 bits", text)
    return value


def int64(text: str) -> int:
    """Of 64 bits, with a sign; the nearest of these where it is beyond."""
    value, rest = _leading_integer(text)
    if not text or rest:
        _refuse("an integer and nothing behind it", text)
    return max(-(2**63), min(value, 2**63 - 1))


def uint64(text: str) -> int:
    """Of 64 bits, without a sign: the largest where it is beyond; below zero, what C makes of it."""
    value, rest = _leading_integer(text)
    if not text or rest:
        _refuse("an integer and nothing behind it", text)
    return value % 2**64 if abs(value) < 2**64 else 2**64 - 1


def boolean(text: str) -> bool:
    """`true`, `1`, `false` or `0`; spaces may follow."""
    value = _BOOLEANS.get(text.rstrip(_SPACES))
    if value is None:
        _refuse("true, false, 1 or 0", text)
    return value


def number(text: str) -> float:
    """As C's `strtod` in the C locale, hexadecimal, infinity and not-a-number too; nothing may follow."""
    found = _NUMBER.fullmatch(text)
    if not found:
        _refuse("a number and nothing behind it", text)
    if found["hexadecimal"]:
        return _from_hexadecimal(found["sign"] + found["hexadecimal"])
    return float(found["sign"] + (found["decimal"] or found["word"][:3]))


def string(text: str) -> str:
    r"""The text with `\s`, `\n`, `\t`, `\r` and `\\` undone; there are no other escapes."""
    _check_utf8(text)
    return "".join(_plain(piece, text) for piece in _PIECE.finditer(text))


def strings(text: str) -> tuple[str, ...]:
    r"""Words with `;` between them, `\;` for one within a word; the last has nothing or a `;` behind it."""
    _check_utf8(text)
    return tuple(_words(text))


def integers(text: str) -> tuple[int, ...]:
    """`integer` for each word: one of spaces alone is 0, an empty one is refused."""
    return tuple(map(integer, strings(text)))


def numbers(text: str) -> tuple[float, ...]:
    """`number` for each word."""
    return tuple(map(number, strings(text)))


def escape(text: str, *, in_list: bool = False) -> str:
    """The raw value that `string` reads as this text; in a list, one word of what `strings` reads.

    Raises:
        ValueRefused: there is a NUL in it, or what is no UTF-8.
    """
    _check_utf8(text)
    if "\0" in text:
        _refuse("a text without NUL", text)
    return "".join(_escaped(text, in_list))


def _leading_integer(text: str) -> tuple[int, str]:
    """As C's `strtol`: 0 and all of the text where there is none. More than 64 bits are as good as 2^99."""
    found = _DIGITS.match(text)
    if not found:
        return 0, text
    digits = found[2].lstrip("0")
    value = int(digits or "0") if len(digits) <= _MOST_DIGITS else 2**99
    return (-value if found[1] == "-" else value), text[found.end() :]


def _from_hexadecimal(text: str) -> float:
    try:
        return float.fromhex(text)
    except OverflowError:
        return -math.inf if text.startswith("-") else math.inf


def _words(text: str) -> Iterator[str]:
    word: list[str] = []
    for piece in _PIECE.finditer(text):
        if piece["separator"]:
            yield "".join(word)
            word.clear()
        else:
            word.append(SEPARATOR if piece["escape"] == SEPARATOR else _plain(piece, text))
    if word:
        yield "".join(word)


def _plain(piece: re.Match[str], text: str) -> str:
    escape = piece["escape"]
    if escape is None:
        return piece[0]
    if escape not in _ESCAPES:
        _refuse(r"one of s, n, t, r, \ after a backslash", text)
    return _ESCAPES[escape]


def _escaped(text: str, in_list: bool) -> Iterator[str]:
    leading = True  # spaces at the start of a value would be lost
    for character in text:
        if in_list and character == SEPARATOR:
            yield "\\;"
            leading = True
        elif leading and character in _ESCAPED_LEADING:
            yield _ESCAPED_LEADING[character]
        else:
            yield _ESCAPED.get(character, character)
            leading = leading and character in "\n\r"


def _check_utf8(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        _refuse("UTF-8", text)


def _refuse(expected: str, text: str) -> NoReturn:
    got = text if len(text) <= _SHOWN else text[:_SHOWN] + "..."
    raise ValueRefused(f"expected {expected}, got {got!r}")
