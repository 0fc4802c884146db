"""Scalars of YAML as yaml-cpp and DeepStream convert them; `test_yaml_cpp` holds the same against them."""

import math
from typing import Any

import pytest

from sightline.deepstream.document import Mapping, Nothing, Sequence, Value
from sightline.deepstream.reading import cpp_numbers, yaml_values
from sightline.deepstream.refusal import ValueRefused

TAKEN: list[tuple[str, str, Any]] = [
    ("integer", "0", 0),
    ("integer", "-2147483648", -(2**31)),
    ("integer", "+7", 7),
    ("integer", "1 \t\n", 1),
    ("integer", "0x1F", 31),
    ("integer", "-0XfF", -255),
    ("integer", "010", 8),
    ("integer", "00", 0),
    ("unsigned", "4294967295", 2**32 - 1),
    ("int64", "-9223372036854775808", -(2**63)),
    ("uint64", "18446744073709551615", 2**64 - 1),
    ("boolean", "1", True),
    ("boolean", "0", False),
    ("boolean", "-2", True),
    ("truth", "true", True),
    ("truth", "Yes", True),
    ("truth", "ON", True),
    ("truth", "n", False),
    ("number", "1", 1.0),
    ("number", "-1.5e-3", -0.0015),
    ("number", ".5 ", 0.5),
    ("number", "1.", 1.0),
    ("number", "010", 10.0),
    ("number", "1e-400", 0.0),
    ("number", "-.inf", -math.inf),
    ("number", "+.INF", math.inf),
    ("string", "~", "~"),
    ("strings", "a;b;", ("a", "b", "")),
    ("strings", "a\\;b", ("a\\", "b")),
    ("integers", "1; 2x;-3 4", (1, 2, -3)),
    ("unsigneds", "1;-1", (1, 2**64 - 1)),
    ("numbers", "0.5;1e3;0x10;inf", (0.5, 1000.0, 16.0, math.inf)),
    ("stoi", " \n-12cars", -12),
    ("stoi", "010", 10),
    ("stoul", "-18446744073709551615", 1),
    ("stod", "1e5x", 1e5),
    ("stod", "1e", 1.0),
    ("stod", "0x", 0.0),
    ("stod", "0x.8p1z", 1.0),
    ("stod", "-infinite", -math.inf),
    ("stod", "0e-999999999", 0.0),
    ("stod", "0x1p-1074", 2.0**-1074),
    ("stof", "0.1", 0.10000000149011612),
    ("stof", "3.4028235e38", 3.4028234663852886e38),
]
REFUSED: list[tuple[str, str, str]] = [
    ("integer", "", "expected an integer of 32 bits, got ''"),
    ("integer", " 1", "got ' 1'"),
    ("integer", "1.0", "an integer"),
    ("integer", "08", "an integer"),
    ("integer", "0x", "an integer"),
    ("integer", "1 2", "an integer"),
    ("integer", "2147483648", "of 32 bits"),
    ("integer", "9" * 5000, "of 32 bits"),
    ("unsigned", "-0", "without a sign"),
    ("unsigned", "4294967296", "without a sign"),
    ("int64", "9223372036854775808", "of 64 bits"),
    ("uint64", "-1", "without a sign"),
    ("boolean", "true", r"an integer, 0 or 1 \(a word such as true throws\), got 'true'"),
    ("truth", "tRue", "true, false, yes, no"),
    ("truth", "1", "true, false, yes, no"),
    ("truth", "ﬀ", "true, false, yes, no"),
    ("number", "1e400", "a number and nothing beside it"),
    ("number", "1e", "a number"),
    ("number", ".", "a number"),
    ("number", "0x1p3", "a number"),
    ("number", "inf", "a number"),
    ("number", ".iNF", "a number"),
    ("number", "0.5;", "a number"),
    ("integers", "1;2;", "expected an integer, got ''"),
    ("numbers", "1;;2", "expected a number, got ''"),
    ("stoi", "2147483648", "of 32 bits"),
    ("stoi", "x1", "an integer"),
    ("stoul", "18446744073709551616", "of 64 bits"),
    ("stod", "1e400", "neither too large nor too small"),
    ("stod", "1e-310", "neither too large nor too small"),
    ("stod", "0x1p99999", "neither too large nor too small"),
    ("stod", "0x1p-99999", "neither too large nor too small"),
    ("stod", "-1e-999999999", "neither too large nor too small"),
    ("stof", "1e39", "neither too large nor too small"),
    ("stof", "1e-39", "neither too large nor too small"),
]


def converted(name: str, value: Value) -> Any:
    return getattr(yaml_values if hasattr(yaml_values, name) and name != "stoi" else cpp_numbers, name)(value)


@pytest.mark.parametrize(("name", "text", "value"), TAKEN)
def test_it_takes(name: str, text: str, value: Any) -> None:
    assert converted(name, text) == value


@pytest.mark.parametrize(("name", "text", "reason"), REFUSED)
def test_it_refuses(name: str, text: str, reason: str) -> None:
    with pytest.raises(ValueRefused, match=reason):
        converted(name, text)


def test_not_a_number_is_a_number() -> None:
    assert all(
        map(math.isnan, (yaml_values.number(".nan"), cpp_numbers.stod("-NaN"), cpp_numbers.stof("nan(1)")))
    )


@pytest.mark.parametrize(
    ("value", "got"), [(Nothing(), "null"), (Sequence(("1",)), "a list"), (Mapping(()), "a mapping")]
)
@pytest.mark.parametrize("name", ["integer", "unsigned", "boolean", "truth", "number"])
def test_only_a_scalar_is_converted(name: str, value: Value, got: str) -> None:
    with pytest.raises(ValueRefused, match=f"got '{got}'"):
        converted(name, value)


def test_null_as_a_text_is_null() -> None:
    assert yaml_values.string(Nothing()) == "null"
    assert yaml_values.strings(Nothing()) == ("null",)
    with pytest.raises(ValueRefused, match="got 'a list'"):
        yaml_values.string(Sequence(()))
