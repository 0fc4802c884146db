"""`std::stoi`, `std::stoul`, `std::stod`, `std::stof`: what DeepStream's YAML code makes of pieces of texts.

Promises: the same value as libstdc++ with glibc, in the C locale, and `ValueRefused` exactly where they
throw: no number at the beginning, or one that the type cannot hold, a loss in the smallest numbers included.
White space before the number and anything behind it are passed over, as they do.
"""

from __future__ import annotations

import math
import re
import struct
from decimal import Decimal
from fractions import Fraction
from typing import NoReturn

from sightline.deepstream.refusal import ValueRefused

SPACES = " \t\n\v\f\r"
_SHOWN = 60
_FITTING = "a number that is neither too large nor too small"
_MOST_DIGITS = 20  # of 64 bits
_INTEGER = re.compile(rf"[{SPACES}]*([+-]?)([0-9]+)")
_DOUBLE = re.compile(
    rf"""[{SPACES}]* (?P<sign>[+-]?)
    (?: 0x (?P<hexadecimal> [0-9a-f]+ \.? [0-9a-f]* | \.[0-9a-f]+ ) (?: p (?P<power> [+-]? [0-9]+ ) )?
      | (?P<decimal> (?: [0-9]+ \.? [0-9]* | \.[0-9]+ ) (?: e [+-]? [0-9]+ )? )
      | (?P<word> inf | nan ) )""".replace(SPACES, r" \t\n\v\f\r"),
    re.IGNORECASE | re.VERBOSE | re.ASCII,
)
_DOUBLES = (2.0**-1022, math.inf)  # the smallest that is held in full, and what is too large
_FLOATS = (2.0**-126, 2.0**128 - 2.0**103)  # the latter rounds up to infinity


def stoi(text: str) -> int:
    """A decimal integer of 32 bits with a sign."""
    number = _leading_integer(text)
    if not -(2**31) <= number < 2**31:
        refuse("an integer of 32 bits", text)
    return number


def stoul(text: str) -> int:
    """A decimal integer of 64 bits; one below zero is counted back from 2^64, as C does."""
    number = _leading_integer(text)
    if abs(number) >= 2**64:
        refuse("an integer of 64 bits", text)
    return number % 2**64


def stod(text: str) -> float:
    """A number of 64 bits; hexadecimal ones, infinity and not-a-number too."""
    return _number(text, *_DOUBLES)


def stof(text: str) -> float:
    """A number of 32 bits."""
    wide = _number(text, *_FLOATS)
    narrow = float(struct.unpack("f", struct.pack("f", wide))[0])
    if abs(narrow) < _FLOATS[0] and narrow != wide:
        refuse(_FITTING, text)
    return narrow


def refuse(expected: str, got: str) -> NoReturn:
    """Raises ValueRefused with both."""
    raise ValueRefused(f"expected {expected}, got {got[:_SHOWN] + '...' if len(got) > _SHOWN else got!r}")


def _leading_integer(text: str) -> int:
    found = _INTEGER.match(text)
    if not found:
        refuse("an integer", text)
    digits = found[2].lstrip("0") or "0"
    return int(found[1] + digits) if len(digits) <= _MOST_DIGITS else 2**99


def _number(text: str, smallest: float, largest: float) -> float:
    found = _DOUBLE.match(text)
    if not found:
        refuse("a number", text)
    if found["word"]:
        return float(found["sign"] + found["word"])
    size, exact = _from_hexadecimal(found) if found["hexadecimal"] else _from_decimal(found["decimal"])
    if size >= largest or (size < smallest and not exact):
        refuse(_FITTING, text)
    return -size if found["sign"] == "-" else size


def _from_decimal(text: str) -> tuple[float, bool]:
    """The nearest number, and whether it is the very one."""
    size = float(text)
    if size == 0:
        return size, not text.lower().partition("e")[0].strip("0.")
    return size, size >= _FLOATS[0] or Decimal(text) == Decimal(size)


def _from_hexadecimal(found: re.Match[str]) -> tuple[float, bool]:
    digits, power = found["hexadecimal"], found["power"] or "0"
    try:
        size = float.fromhex(f"0x{digits}p{power}")
    except OverflowError:
        return math.inf, False
    if size == 0:
        return size, not digits.strip("0.")
    whole, _, part = digits.partition(".")
    exponent = int(power) - 4 * len(part)
    return size, Fraction(size) == int(whole + part, 16) * Fraction(2) ** exponent
