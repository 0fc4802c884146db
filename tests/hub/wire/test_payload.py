"""Values there and back, and any bytes at all: a value or a WireError."""

import contextlib
import gzip
import sys
import tracemalloc
from collections import OrderedDict, namedtuple
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from enum import IntEnum, StrEnum
from typing import Any

import msgspec
import numpy as np
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from sightline.errors import MissingExtra, WireError
from sightline.hub.settings import KIB, MIB
from sightline.hub.wire import Buffer, decode, encode
from sightline.hub.wire.extension import MOST_DEEP
from sightline.hub.wire.payload import ARRAY, GZIP, MSGPACK, RAW, ZSTD, Compress

LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(2**62, 2**66)
    | st.floats(allow_nan=False)
    | st.text(st.characters(codec="utf-8"), max_size=8)
    | st.binary(max_size=8)
    | st.complex_numbers(allow_nan=False)
    | st.datetimes(timezones=st.just(UTC)).map(lambda moment: moment.replace(fold=0))
)
KEYS = LEAVES | st.frozensets(LEAVES, max_size=3) | st.tuples(LEAVES, st.tuples(LEAVES))
VALUES = st.recursive(
    LEAVES | KEYS | st.sets(KEYS, max_size=3),
    lambda values: (
        st.lists(values, max_size=4)
        | st.lists(values, max_size=4).map(tuple)
        | st.dictionaries(KEYS, values, max_size=4)
    ),
    max_leaves=12,
)
DTYPES = hnp.scalar_dtypes() | hnp.array_dtypes(max_size=3, allow_subarrays=True).filter(
    lambda dtype: all(len(field) == 2 for field in (dtype.fields or {}).values())  # titles are not sent
)
LAYOUTS: dict[str, Any] = {
    "as it is": lambda array: array,
    "turned": lambda array: array.T,
    "with gaps": lambda array: array[::2],
    "backwards": lambda array: array[::-1],
    "Fortran": np.asfortranarray,
}
Point = namedtuple("Point", "x y")  # noqa: PYI024 - that it is a tuple is what counts


class Level(IntEnum):
    HIGH = 2


class Name(StrEnum):
    GATE = "gate"


def there_and_back(value: Any, **options: Any) -> Any:
    form, pieces = encode(value, **options)
    return decode(form, joined(pieces))


def joined(pieces: list[Buffer]) -> bytes:
    return b"".join(pieces)


def shape_of(value: Any) -> Any:
    """Equal for values that are equal, of the same types all through."""
    if isinstance(value, dict):
        return dict, [(shape_of(key), shape_of(item)) for key, item in value.items()]
    if isinstance(value, list | tuple):
        return type(value), [shape_of(item) for item in value]
    if isinstance(value, set | frozenset):
        return type(value), sorted(map(repr, map(shape_of, value)))
    return type(value), value


def same(one: NDArray[Any], other: Any) -> bool:
    return (
        isinstance(other, np.ndarray)
        and one.dtype == other.dtype
        and one.shape == other.shape
        and one.tobytes() == other.tobytes()
    )


@given(VALUES)
@settings(max_examples=300)
def test_a_value_comes_back_equal_and_of_the_same_types(value: Any) -> None:
    back = there_and_back(value)
    assert back == value
    assert shape_of(back) == shape_of(value)


@given(
    st.sampled_from(["bytes", "bytearray", "memoryview"]),
    st.binary(max_size=50),
    st.sampled_from([None, "gzip", "zstd"]),
)
def test_bytes_go_as_they_are(kind: str, data: bytes, compress: Compress | None) -> None:
    value = {"bytes": bytes, "bytearray": bytearray, "memoryview": memoryview}[kind](data)
    form, pieces = encode(value, compress=compress)
    assert form == RAW
    assert decode(form, joined(pieces)) == data


def test_large_bytes_are_not_copied() -> None:
    data = bytes(MIB)
    form, (piece,) = encode(data)
    assert piece is data
    assert decode(form, data) is data


def test_views_of_other_elements_go_as_their_bytes() -> None:
    numbers = np.arange(6, dtype="<i2").reshape(2, 3)
    form, (piece,) = encode(numbers.data)
    assert (form, len(piece), bytes(piece)) == (RAW, 12, numbers.tobytes())
    assert there_and_back(memoryview(b"abcdef")[::2]) == b"ace"


@given(st.data(), DTYPES, st.sampled_from(sorted(LAYOUTS)))
@settings(max_examples=200)
def test_an_array_of_any_layout_comes_back_equal(draws: st.DataObject, dtype: Any, layout: str) -> None:
    shape = draws.draw(hnp.array_shapes(min_dims=1, max_side=4) | st.just((0, 3)))
    if not dtype.itemsize:  # "S0" and "U0" become "S1" and "U1" in an array
        dtype = np.dtype(np.uint8)
    size = int(np.prod(shape)) * dtype.itemsize
    data = draws.draw(st.binary(min_size=size, max_size=size))
    array = LAYOUTS[layout](np.ndarray(shape, dtype, data))
    form, pieces = encode(array)
    assert form == ARRAY
    assert len(pieces[0]) % 16 == 0
    assert same(array, decode(form, joined(pieces)))
    assert same(array, there_and_back({"nested": [array]})["nested"][0])


def test_an_array_is_not_copied_and_arrives_as_a_view_that_cannot_be_written_to() -> None:
    for array in (np.zeros((1080, 1920, 3), np.uint8), np.zeros((100, 200), order="F")):
        form, pieces = encode(array)
        assert np.shares_memory(np.frombuffer(pieces[1], np.uint8), array)
        payload = bytearray(joined(pieces))
        back = decode(form, payload)
        assert np.shares_memory(back, np.frombuffer(payload, np.uint8))
        assert not back.flags.writeable
        assert back.flags.f_contiguous == array.flags.f_contiguous


def test_what_lies_between_the_fields_of_a_record_is_not_sent() -> None:
    inner = np.dtype([("a", "|u1"), ("b", "<f8", (2,))], align=True)
    dtype = np.dtype([("c", "|u1"), ("d", inner, (2,)), ("e", "<i2")], align=True)
    array = np.full(3 * dtype.itemsize, 0xEE, np.uint8).view(dtype)
    np.full_like(array.view(np.uint8), 0xEE)  # memory that is free now, and is likely to be used again
    back = there_and_back(array)
    assert (back.dtype, back.shape) == (dtype, (3,))
    assert np.array_equal(back["d"]["b"].view(np.uint8), array["d"]["b"].view(np.uint8))
    assert np.array_equal(back["e"], array["e"])
    assert back.tobytes().count(0xEE) == 3 * (1 + 2 * (1 + 16) + 2)


def test_an_array_within_a_value_is_aligned() -> None:
    for length in range(1, 9):
        _, back = there_and_back(["x" * length, np.arange(3.0)])
        assert back.flags.aligned
        assert not back.flags.writeable


@pytest.mark.parametrize(
    "scalar",
    [
        np.float32(1.5),
        np.int8(-3),
        np.bool_(True),
        np.str_("gate"),
        np.datetime64("2026-01-02", "s"),
        np.complex64(1j),
    ],
)
def test_a_numpy_scalar_comes_back_as_one(scalar: np.generic) -> None:
    for back in (there_and_back(scalar), there_and_back((scalar,))[0]):
        assert back == scalar
        assert type(back) is type(scalar)
    assert there_and_back(np.array(scalar)).shape == ()


@pytest.mark.parametrize(
    ("value", "back"),
    [
        (Level.HIGH, 2),
        ([Name.GATE], ["gate"]),
        ((Point(1, 2),), ((1, 2),)),
        (OrderedDict(a=(1,)), {"a": (1,)}),
        ([bytearray(b"x"), memoryview(b"y"), ()], [b"x", b"y", ()]),
    ],
)
def test_a_subclass_comes_back_as_the_plain_type(value: Any, back: Any) -> None:
    assert shape_of(there_and_back(value)) == shape_of(back)


def test_a_moment_comes_back_in_utc() -> None:
    here = datetime(2026, 3, 4, 5, 6, 7, 89, tzinfo=timezone(timedelta(hours=2)))
    assert there_and_back(here) == here
    assert there_and_back([here])[0].tzinfo == UTC


def nested(depth: int, innermost: Any) -> Any:
    for _ in range(depth):
        innermost = [innermost]
    return innermost


def endless() -> list[Any]:
    value: list[Any] = [1]
    value.append(value)
    return value


@pytest.mark.parametrize("kind", [list, tuple, lambda items: {"x": items[0]}])
def test_values_may_nest_deep_and_no_deeper(kind: Any) -> None:
    value: Any = (1,)
    for _ in range(MOST_DEEP - 1):
        value = kind([value])
    assert there_and_back(value) == value
    with pytest.raises(TypeError, match="at most 64 deep"):
        encode(kind([value]))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (object(), r"got one of builtins.object \(value\)"),
        ([1, (2, {"a": object()})], r"builtins.object \(value\[1\]\[1\]\['a'\]\)"),
        ({(1, "x"): [3, print]}, r"builtin_function_or_method \(value\[\(1, 'x'\)\]\[1\]\)"),
        ({(1, object): 1}, r"value key \(1, .*\[1\]"),
        ([datetime(2026, 1, 1)], r"time zone, got one without \(value\[0\]\)"),  # noqa: DTZ001
        ([datetime.min.replace(tzinfo=timezone(timedelta(hours=2)))], r"years 1 to 9999 .*\(value\[0\]\)"),
        (["\ud800"], r"a text of Unicode, .* \(value\[0\]\)"),
        ({"a": np.array([None])}, r"an array of object cannot be sent: .* \(value\['a'\]\)"),
        (np.array([None]), "an array of object cannot be sent"),
        (np.zeros(2, [("a", "<i4"), ("b", object)]), "an array of object cannot be sent"),
        (np.zeros(2, "V0"), "have no bytes"),
        (np.ma.array([1], mask=[True]), "masked"),
        (endless(), "at most 64 deep"),
        (msgspec.Raw(b"\xc1"), "msgspec.Raw"),
    ],
)
def test_what_cannot_be_sent_is_named_with_the_path_to_it(value: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        encode(value)


@pytest.mark.parametrize("method", ["gzip", "zstd"])
def test_what_gets_smaller_goes_compressed_and_anybody_can_read_it(method: Compress) -> None:
    flag = {"gzip": GZIP, "zstd": ZSTD}[method]
    read: Callable[[bytes], bytes] = (
        gzip.decompress if method == "gzip" else zstandard.ZstdDecompressor().decompress
    )
    for value, form in (("gate" * 5000, MSGPACK), (b"gate" * 5000, RAW), (np.zeros((100, 100)), ARRAY)):
        got, pieces = encode(value, compress=method)
        assert got == form | flag
        assert len(joined(pieces)) < 2000
        assert read(joined(pieces)) == joined(encode(value)[1])
        assert np.array_equal(decode(got, joined(pieces)), value)


@pytest.mark.parametrize("method", ["gzip", "zstd"])
def test_what_is_small_or_gets_no_smaller_goes_as_it_is(method: Compress) -> None:
    assert encode(b"gate" * 100, compress=method)[0] == RAW
    assert encode(b"gate" * 100, compress=method, above_bytes=400)[0] != RAW
    assert encode(np.random.default_rng(1).bytes(10_000), compress=method)[0] == RAW


@pytest.mark.parametrize("method", ["gzip", "zstd"])
def test_what_comes_out_is_bounded(method: Compress) -> None:
    form, pieces = encode(bytes(20 * MIB), compress=method)
    bomb = joined(pieces)
    assert len(decode(form, bomb, max_bytes=20 * MIB)) == 20 * MIB
    tracemalloc.start()
    try:
        with pytest.raises(WireError, match="at most 1048576 bytes"):
            decode(form, bomb, max_bytes=MIB)
        assert tracemalloc.get_traced_memory()[1] < 4 * MIB
    finally:
        tracemalloc.stop()


def test_zstd_that_does_not_tell_its_size_is_refused() -> None:
    data = zstandard.ZstdCompressor(write_content_size=False).compress(bytes(100))
    with pytest.raises(WireError, match="tells of at most"):
        decode(RAW | ZSTD, data)


def test_zstd_that_lies_about_its_size_is_refused() -> None:
    data = bytearray(zstandard.ZstdCompressor().compress(bytes(200)))
    assert data[5] == 200  # RFC 8878 3.1.1.1.4: one byte of content size behind magic number and descriptor
    data[5] = 100
    with pytest.raises(WireError, match="expected zstd"):
        decode(RAW | ZSTD, bytes(data))


def test_zstd_that_is_not_installed_is_named_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    form, pieces = encode(bytes(10_000), compress="zstd")
    monkeypatch.setitem(sys.modules, "zstandard", None)
    with pytest.raises(MissingExtra, match=r"pip install 'sightline\[zstd\]'"):
        encode(b"", compress="zstd")
    with pytest.raises(MissingExtra, match=r"pip install 'sightline\[zstd\]'"):
        decode(form, joined(pieces))


@given(st.integers(0, 255), st.binary(max_size=100))
@settings(max_examples=300)
def test_any_bytes_are_a_value_or_an_error(form: int, data: bytes) -> None:
    value_or_error(form, data)


SAMPLES: list[Any] = [
    {"a": (1, {2, 3}), (1, 2): [2**70, 1.5, None], b"k": frozenset({"x"})},
    np.arange(6.0).reshape(2, 3),
    np.zeros(2, [("a", "<i4"), ("b", ">f8", (2, 2)), ("c", [("d", "<M8[us]")])]),
    [np.float32(1), 1j, datetime(2026, 1, 1, tzinfo=UTC), {"array": np.zeros((2, 2), "<c16")}],
    "gate" * 30,
]


@given(st.data(), st.sampled_from(SAMPLES), st.sampled_from([None, "gzip", "zstd"]))
@settings(max_examples=400)
def test_damaged_payloads_are_values_or_errors(
    draws: st.DataObject, value: Any, compress: Compress | None
) -> None:
    form, pieces = encode(value, compress=compress, above_bytes=1)
    data = bytearray(joined(pieces))
    for _ in range(draws.draw(st.integers(1, 3))):
        data[draws.draw(st.integers(0, len(data) - 1))] = draws.draw(st.integers(0, 255))
    cut = draws.draw(st.integers(0, len(data)) | st.just(len(data)))
    value_or_error(form, bytes(data[:cut]))
    value_or_error(form, memoryview(data)[cut:])


def value_or_error(form: int, data: Buffer) -> None:
    with contextlib.suppress(WireError):
        decode(form, data, max_bytes=64 * KIB)


DESCRIBED = st.recursive(
    st.sampled_from(
        [
            "<f4",
            "|u1",
            "<M8[ns]",
            "<U3",
            "|V4",
            "|O8",
            "O",
            "<U999999999",
            "|V0",
            "<f3",
            "|T16",
            "i4,f8",
            "<M8[foo]",
        ]
    ),
    lambda inner: (
        st.tuples(inner, st.sampled_from([[2], [0], [-1], [2**31], [2**62, 4], [1] * 70, "x", None, []]))
        | st.fixed_dictionaries(
            {"formats": st.lists(inner, max_size=3)},
            optional={
                "names": st.sampled_from([["a", "b"], ["a"], ["a", "a"], [1], "ab", None, []]),
                "offsets": st.sampled_from([[0, 8], [0], [-1], [2**40], [2**63], None, []]),
                "itemsize": st.sampled_from([0, 1, 8, 32, -1, 2**31, 2**64 - 1, None, "4"]),
            },
        )
    ),
    max_leaves=4,
)
SHAPES = st.sampled_from(
    [None, [], [1], [2, 2], [0], [0, 2**62, 2**62], [2**62], [-1], [2**64 - 1], [1] * 70, "x"]
)


def array_payload(described: Any, shape: Any, order: Any, data: bytes) -> bytes:
    head = msgspec.msgpack.encode((described, shape, order))
    head = len(head).to_bytes(4, "little") + head
    return head + bytes(-len(head) % 16) + data


@given(DESCRIBED, SHAPES, st.sampled_from("CFKx"), st.sampled_from([0, 1, 4, 8, 16]).map(bytes))
@settings(max_examples=500)
def test_any_description_of_an_array_is_one_or_an_error(
    described: Any, shape: Any, order: str, data: bytes
) -> None:
    value_or_error(ARRAY, array_payload(described, shape, order, data))


@pytest.mark.parametrize(
    "described", ["|O8", "O", {"names": ["a"], "formats": ["|O8"], "offsets": [0], "itemsize": 8}]
)
def test_objects_never_come_from_the_wire(described: Any) -> None:
    with pytest.raises(WireError, match="expected the type of an array"):
        decode(ARRAY, array_payload(described, [1], "C", bytes(8)))


@pytest.mark.parametrize("size", [0, 7, 9, 16])
def test_an_array_has_exactly_its_bytes(size: int) -> None:
    with pytest.raises(WireError):
        decode(ARRAY, array_payload("<f8", [1], "C", bytes(size)))


def test_elements_without_bytes_are_refused() -> None:
    with pytest.raises(WireError, match="elements that have bytes"):
        decode(ARRAY, array_payload("|V0", [2**62], "C", b""))


def test_nesting_without_end_is_refused() -> None:
    with pytest.raises(WireError):
        decode(MSGPACK, b"\x91" * 100_000 + b"\x90")
    deep = b"\x90"
    for _ in range(3000):
        deep = msgspec.msgpack.encode(msgspec.msgpack.Ext(1, msgspec.msgpack.encode([msgspec.Raw(deep)])))
    with pytest.raises(WireError):
        decode(MSGPACK, deep)


@pytest.mark.parametrize("number", [2**64, 2**71 - 1, 2**71, 2**72 - 1, -(2**63) - 1, -(2**71), -(2**71) - 1])
def test_a_large_int_has_room_for_its_sign(number: int) -> None:
    assert there_and_back([number]) == [number]


def test_a_type_of_elements_that_numpy_does_not_name_cannot_be_sent() -> None:
    foreign = pytest.importorskip("numpy._core._rational_tests")  # as bfloat16: it calls itself "<V8"
    with pytest.raises(TypeError, match="not plain bytes"):
        encode(np.zeros(2, foreign.rational))


def test_keys_without_values_are_refused() -> None:
    three = msgspec.msgpack.encode([(1, 2), "x", (3, 4)])
    with pytest.raises(WireError):
        decode(MSGPACK, msgspec.msgpack.encode(msgspec.msgpack.Ext(7, three)))


def test_a_number_too_large_for_numpy_is_refused() -> None:
    with pytest.raises(WireError):
        decode(ARRAY, array_payload("<f4", [2**64 - 1], "C", b""))
    record = {"names": ["a"], "formats": ["<f4"], "offsets": [2**63], "itemsize": 8}
    with pytest.raises(WireError):
        decode(ARRAY, array_payload(record, [1], "C", bytes(8)))


def test_a_type_without_end_is_refused() -> None:
    head = b"\x93" + b"\x91" * 100_000 + b"\x90\x90\xa1C"
    with pytest.raises(WireError):
        decode(ARRAY, len(head).to_bytes(4, "little") + head + bytes(16))


@pytest.mark.parametrize("method", ["gzip", "zstd"])
def test_compression_that_is_cut_off_or_goes_on_is_refused(method: Compress) -> None:
    form, pieces = encode(b"gate" * 5000, compress=method)
    data = joined(pieces)
    for wrong in (data[:-1], data[: len(data) // 2], data + b"x", data + data, b""):
        with pytest.raises(WireError, match=f"expected .*{method}"):
            decode(form, wrong)


@pytest.mark.parametrize("form", [3, 15, 0x30, 0x40, 0x80 | MSGPACK])
def test_an_unknown_format_is_refused(form: int) -> None:
    with pytest.raises(WireError, match="expected a payload"):
        decode(form, b"\x01")


@pytest.mark.parametrize("code", [0, 8, 127, -2])
def test_an_unknown_extension_is_refused(code: int) -> None:
    with pytest.raises(WireError, match=f"got {code}"):
        decode(MSGPACK, msgspec.msgpack.encode([msgspec.msgpack.Ext(code, b"")]))
