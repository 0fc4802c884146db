"""What yaml-cpp and DeepStream's YAML code make of a value, one function a conversion.

Promises: the value that `as<...>()` gives (yaml-cpp 0.7, the same in 0.8), or that the pieces between `;`
have with `std::stoi`, `std::stoul` and `std::stod`; `ValueRefused` exactly where these throw, which ends
DeepStream.

What surprises: `gboolean` is a C int, so that `enable: true` throws and `enable: 010` is 8; a number has
nothing before it and only white space behind it; a list that ends in `;` has an empty last piece, which is no
number; null as a text is `null`.

Deliberately not here: text files' values (`keyfile_values`), and whether a value is allowed.
"""

from __future__ import annotations

import math
import re
from typing import NoReturn

from sightline.deepstream.document import Nothing, Sequence, Value
from sightline.deepstream.reading.cpp_numbers import SPACES, refuse, stod, stoi, stoul

SEPARATOR = ";"
_INTEGER = re.compile(
    rf"([+-]?)(?:0x([0-9a-f]+)|(0[0-7]*)|([1-9][0-9]*))[{SPACES}]*", re.IGNORECASE | re.ASCII
)
_NUMBER = re.compile(rf"([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?)[{SPACES}]*", re.IGNORECASE)
_INFINITIES = {
    sign + word: -math.inf if sign == "-" else math.inf
    for sign in ("", "+", "-")
    for word in (".inf", ".Inf", ".INF")
}
_NOT_NUMBERS = frozenset({".nan", ".NaN", ".NAN"})
_MOST_DIGITS = 64  # of 64 bits in any base, with room
_TRUTHS = {"y": True, "yes": True, "true": True, "on": True, "n": False, "no": False, "false": False}
_TRUTHS["off"] = False


def integer(value: Value) -> int:
    """`as<int>`: 32 bits; hexadecimal after 0x and octal after 0."""
    return _integer(value, -(2**31), 2**31 - 1, "an integer of 32 bits")


def unsigned(value: Value) -> int:
    """`as<unsigned>`, which is `guint`: 32 bits without a sign."""
    return _integer(value, 0, 2**32 - 1, "an integer of 32 bits without a sign")


def int64(value: Value) -> int:
    """`as<long>`: 64 bits."""
    return _integer(value, -(2**63), 2**63 - 1, "an integer of 64 bits")


def uint64(value: Value) -> int:
    """`as<unsigned long>`: 64 bits without a sign."""
    return _integer(value, 0, 2**64 - 1, "an integer of 64 bits without a sign")


def boolean(value: Value) -> bool:
    """`as<gboolean>`, which is `as<int>`: no word, and any number but 0 is true."""
    return bool(_integer(value, -(2**31), 2**31 - 1, "an integer, 0 or 1 (a word such as true throws)"))


def truth(value: Value) -> bool:
    """`as<bool>`: y, yes, true, on and their opposites, all small, all large or with a large first letter."""
    text = _scalar(value, "a boolean")
    found = _TRUTHS.get(text.lower()) if text.isascii() else None
    if found is None or text not in {text.lower(), text.upper(), text.capitalize()}:
        refuse("true, false, yes, no, on, off, y or n", text)
    return found


def number(value: Value) -> float:
    """`as<double>`: decimal, or .inf and .nan; what is too large throws, what is too small is 0."""
    text = _scalar(value, "a number")
    found = _NUMBER.fullmatch(text)
    if found and math.isfinite(size := float(found[1])):
        return size
    word = math.nan if text in _NOT_NUMBERS else _INFINITIES.get(text)
    if word is None:
        refuse("a number and nothing beside it", text)
    return word


def string(value: Value) -> str:
    """`as<std::string>`: any scalar; null is `null`."""
    return "null" if isinstance(value, Nothing) else _scalar(value, "a text")


def strings(value: Value) -> tuple[str, ...]:
    """Pieces with `;` between them; nothing escapes one, and one at the end makes an empty last piece."""
    return tuple(string(value).split(SEPARATOR))


def integers(value: Value) -> tuple[int, ...]:
    """`std::stoi` of each piece."""
    return tuple(map(stoi, strings(value)))


def unsigneds(value: Value) -> tuple[int, ...]:
    """`std::stoul` of each piece."""
    return tuple(map(stoul, strings(value)))


def numbers(value: Value) -> tuple[float, ...]:
    """`std::stod` of each piece."""
    return tuple(map(stod, strings(value)))


def _integer(value: Value, least: int, most: int, expected: str) -> int:
    text = _scalar(value, expected)
    found = _INTEGER.fullmatch(text)
    if not found or len(found[0].rstrip(SPACES).lstrip("+-0xX")) > _MOST_DIGITS:
        refuse(expected, text)
    sign, hexadecimal, octal, decimal = found.groups()
    size = int(hexadecimal or octal or decimal, 16 if hexadecimal else 8 if octal else 10)
    if (sign == "-" and least == 0) or not least <= (signed := -size if sign == "-" else size) <= most:
        refuse(expected, text)
    return signed


def _scalar(value: Value, expected: str) -> str:
    return value if isinstance(value, str) else _refuse_node(expected, value)


def _refuse_node(expected: str, value: Value) -> NoReturn:
    kinds = "null" if isinstance(value, Nothing) else "a list" if isinstance(value, Sequence) else "a mapping"
    refuse(expected, kinds)
