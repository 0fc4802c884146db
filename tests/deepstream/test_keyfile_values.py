"""Values as GLib's getters take them, by hand."""

import math
from collections.abc import Callable

import pytest

from sightline.deepstream.reading.keyfile_values import (
    boolean,
    int64,
    integer,
    integers,
    number,
    numbers,
    string,
    strings,
    uint64,
)
from sightline.deepstream.refusal import ValueRefused

TAKEN: list[tuple[Callable[[str], object], str, object]] = [
    (integer, "3 # cars", 3),
    (integer, "-2147483648\r", -(2**31)),
    (integer, "+07", 7),
    (integer, "\v8", 8),
    (integer, " ", 0),  # only in lists: elsewhere GLib has taken it away
    (int64, "9223372036854775808", 2**63 - 1),
    (int64, "-" + "9" * 5000, -(2**63)),
    (int64, "0" * 5000 + "7", 7),
    (uint64, "-1", 2**64 - 1),
    (uint64, "-18446744073709551616", 2**64 - 1),
    (uint64, "18446744073709551616", 2**64 - 1),
    (boolean, "true \t", True),
    (boolean, "1", True),
    (boolean, "false", False),
    (boolean, "0 ", False),
    (number, " -1.5e3", -1500.0),
    (number, ".5", 0.5),
    (number, "1e999", math.inf),
    (number, "-0x1.8p1", -3.0),
    (number, "0x10", 16.0),
    (number, "-0x1p99999", -math.inf),
    (number, "Infinity", math.inf),
    (string, r"\sa\tb\n\\", " a\tb\n\\"),
    (string, "a;b", "a;b"),
    (strings, "", ()),
    (strings, ";", ("",)),
    (strings, "a; b;", ("a", " b")),
    (strings, r"a\;b;;c", ("a;b", "", "c")),
    (integers, "1; 2 ;3 # c;", (1, 2, 3)),
    (integers, "1; ;2", (1, 0, 2)),
    (integers, "", ()),
    (numbers, "0.5;1;", (0.5, 1.0)),
]
REFUSED: list[tuple[Callable[[str], object], str, str]] = [
    (integer, "", "an integer, got ''"),
    (integer, "3#cars", "an integer, got '3#cars'"),
    (integer, "0x10", "an integer"),
    (integer, "1.5", "an integer"),
    (integer, "3\v", "an integer"),
    (integer, "\u0663", "an integer"),
    (integer, "2147483648", "an integer of 32 bits"),
    (int64, "3 ", "an integer and nothing behind it"),
    (int64, "", "an integer"),
    (uint64, "3 # c", "an integer"),
    (boolean, "True", "true, false, 1 or 0, got 'True'"),
    (boolean, "", "true, false"),
    (boolean, " 1", "true, false"),
    (number, "1 ", "a number and nothing behind it, got '1 '"),
    (number, "1,5", "a number"),
    (number, "1e", "a number"),
    (number, "0x", "a number"),
    (number, "1_0", "a number"),
    (number, ".", "a number"),
    (string, "a\\", "after a backslash"),
    (string, r"\;", "after a backslash"),
    (string, "\udcff", "UTF-8"),
    (strings, r"a;\x", "after a backslash"),
    (strings, "a;\udcff", "UTF-8"),
    (integers, "1;;2", "an integer, got ''"),
    (numbers, "1;x", "a number and nothing behind it, got 'x'"),
]


@pytest.mark.parametrize(("getter", "text", "value"), TAKEN)
def test_values_are_what_glib_makes_of_them(
    getter: Callable[[str], object], text: str, value: object
) -> None:
    assert getter(text) == value


@pytest.mark.parametrize("text", ["nan", "-NAN", "nan(0x7f_)"])
def test_not_a_number_is_a_number(text: str) -> None:
    assert math.isnan(number(text))


@pytest.mark.parametrize(("getter", "text", "expected"), REFUSED)
def test_what_glib_does_not_take_is_refused(
    getter: Callable[[str], object], text: str, expected: str
) -> None:
    with pytest.raises(ValueRefused, match=f"expected (one of |){expected}|{expected}"):
        getter(text)


def test_a_long_value_is_cut_in_the_message() -> None:
    with pytest.raises(ValueRefused, match=r"9\.\.\.'$") as told:
        integer("9" * 100_000)
    assert len(str(told.value)) < 200
