"""Python's values as msgpack: what msgpack has, and extensions for what it has not.

    code  data of the extension
    1     tuple: msgpack array of its items
    2     set: msgpack array of its items, in any order
    3     frozenset: the same
    4     int beyond 64 bits: two's complement, little endian
    5     array or numpy scalar: as `sightline.arrays`
    6     complex: real and imaginary part, float64 little endian
    7     dict with other keys than None, bool, int, float, str, bytes: msgpack array of key, value, key, ...

Most values hold none of these. That is seen by the types of what they hold, at the speed of C, and they go to
msgspec as they are; others are rewritten first. Values nest at most 64 deep.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, Final, NoReturn

import msgspec
import numpy as np

from sightline.arrays import array_pieces, read_array, scalar_pieces
from sightline.errors import WireError
from sightline.hub.wire.header import Buffer

TUPLE: Final = 1
SET: Final = 2
FROZENSET: Final = 3
LARGE_INT: Final = 4
ARRAY: Final = 5
COMPLEX: Final = 6
MAP: Final = 7

MOST_DEEP: Final = 64

_KEYS: Final = frozenset((type(None), bool, int, float, str, bytes))
_PLAIN: Final = _KEYS | {list, dict}
_SMALLEST, _LARGEST = -(2**63), 2**64 - 1
_COMPLEX: Final = struct.Struct("<dd")

_encode: Final = msgspec.msgpack.Encoder().encode
_ext: Final = msgspec.msgpack.Ext
_raw: Final = msgspec.Raw


def encode(value: Any) -> bytes:
    """The value as msgpack. Raises TypeError, with the path to what cannot be sent."""
    if _is_plain(value, MOST_DEEP):
        try:
            return _encode(value)
        except (OverflowError, UnicodeEncodeError):
            pass  # a large int, or a text that is none: the walk below sees which
    try:
        return _encode(_rewritten(value, MOST_DEEP))
    except _Unsendable as error:
        raise TypeError(f"{error.why} (value{''.join(reversed(error.path))})") from None


def decode(buffer: Buffer) -> Any:
    """The value. Raises WireError for bytes that are not one."""
    try:
        return _decode(buffer)
    except WireError:
        raise
    except (
        msgspec.MsgspecError,
        ValueError,
        TypeError,
        OverflowError,
        RecursionError,
        struct.error,
    ) as error:
        raise WireError(f"these {len(buffer)} bytes are not a value: {error}") from error


def _is_plain(value: Any, depth: int) -> bool:
    kind = type(value)
    if kind in _KEYS:
        return True
    if kind not in _PLAIN or not depth:
        return False
    if kind is dict and not _KEYS.issuperset(map(type, value)):
        return False
    items = value.values() if kind is dict else value
    kinds = set(map(type, items))
    return kinds <= _KEYS or (kinds <= _PLAIN and all(_is_plain(item, depth - 1) for item in items))


class _Unsendable(Exception):
    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why
        self.path: list[str] = []


def _rewritten(value: Any, depth: int) -> Any:
    """The value with extensions in place of what msgpack has not."""
    kind = type(value)
    rewrite = _REWRITES.get(kind)
    if rewrite is None:
        rewrite = next((found for base, found in _REWRITES.items() if issubclass(kind, base)), _refuse)
    return rewrite(value, depth)


def _refuse(value: Any, _depth: int) -> NoReturn:
    kind = type(value)
    raise _Unsendable(f"expected a value that can be sent, got one of {kind.__module__}.{kind.__qualname__}")


def _int(value: Any, _depth: int) -> Any:
    number = int.__int__(value)
    if _SMALLEST <= number <= _LARGEST:
        return number
    return _ext(LARGE_INT, number.to_bytes(number.bit_length() // 8 + 1, "little", signed=True))


def _str(value: Any, _depth: int) -> str:
    text = str.__str__(value)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise _Unsendable(f"expected a text of Unicode, got {error.reason}") from None
    return text


def _datetime(value: Any, depth: int) -> datetime:
    if type(value) is not datetime:
        _refuse(value, depth)
    if value.utcoffset() is None:
        raise _Unsendable("expected a datetime with a time zone, got one without")
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise _Unsendable(f"expected a datetime of the years 1 to 9999 in UTC, got {value}") from None


def _array(value: Any, _depth: int) -> Any:
    try:
        pieces = array_pieces(value) if isinstance(value, np.ndarray) else scalar_pieces(value)
    except TypeError as error:
        raise _Unsendable(str(error)) from None
    return _ext(ARRAY, b"".join(pieces))


def _at_once(items: Any, kinds: Iterable[type], depth: int) -> bytes | None:
    """What holds plain values alone, as msgpack; None where they must be looked at one by one."""
    if not depth:
        raise _Unsendable(f"expected values that nest at most {MOST_DEEP} deep, got more")
    if _KEYS.issuperset(kinds):
        try:
            return _encode(items)
        except (OverflowError, UnicodeEncodeError):
            pass
    return None


def _within(item: Any, depth: int, step: str, name: object) -> Any:
    try:
        return _rewritten(item, depth - 1)
    except _Unsendable as error:
        error.path.append(step.format(name))
        raise


def _items(items: Iterable[Any], depth: int) -> bytes:
    packed = _at_once(items, map(type, items), depth)
    if packed is None:
        packed = _encode([_within(item, depth, "[{}]", at) for at, item in enumerate(items)])
    return packed


def _list(value: Any, depth: int) -> Any:
    return _raw(_items(value, depth))


def _extended(code: int) -> Callable[[Any, int], Any]:
    return lambda value, depth: _ext(code, _items(value, depth))


def _dict(value: Any, depth: int) -> Any:
    packed = _at_once(value, map(type, (*value, *value.values())), depth)
    if packed is not None:
        return _raw(packed)
    pairs = [
        (_within(key, depth, " key {!r:.40}", key), _within(item, depth, "[{!r:.40}]", key))
        for key, item in value.items()
    ]
    if _KEYS.issuperset(type(key) for key, _ in pairs):
        return dict(pairs)
    return _ext(MAP, _encode([part for pair in pairs for part in pair]))


# In the order in which a subclass is looked for: bool before int.
_REWRITES: Final[dict[type, Callable[[Any, int], Any]]] = {
    type(None): lambda value, _depth: value,
    bool: lambda value, _depth: value,
    np.generic: _array,
    int: _int,
    float: lambda value, _depth: float.__float__(value),
    str: _str,
    bytes: lambda value, _depth: bytes(value),
    bytearray: lambda value, _depth: bytes(value),
    memoryview: lambda value, _depth: value.tobytes(),
    list: _list,
    tuple: _extended(TUPLE),
    dict: _dict,
    set: _extended(SET),
    frozenset: _extended(FROZENSET),
    complex: lambda value, _depth: _ext(COMPLEX, _COMPLEX.pack(value.real, value.imag)),
    datetime: _datetime,
    np.ndarray: _array,
}


def _of_ext(code: int, data: memoryview) -> Any:
    read = _READS.get(code)
    if read is None:
        raise WireError(f"expected an extension from {TUPLE} to {MAP}, got {code}")
    return read(data)


def _map(data: memoryview) -> dict[Any, Any]:
    parts = _decode_list(data)
    return dict(zip(parts[::2], parts[1::2], strict=True))


def _read_array(data: memoryview) -> Any:
    array = read_array(data)
    if isinstance(array, np.ndarray) and not array.flags.aligned:
        array = array.copy(order="K")  # where it lies within msgpack is chance; some code minds
        array.flags.writeable = False
    return array


_decode: Final = msgspec.msgpack.Decoder(ext_hook=_of_ext).decode
_decode_list: Final = msgspec.msgpack.Decoder(list[Any], ext_hook=_of_ext).decode
_READS: Final[dict[int, Callable[[memoryview], Any]]] = {
    TUPLE: lambda data: tuple(_decode_list(data)),
    SET: lambda data: set(_decode_list(data)),
    FROZENSET: lambda data: frozenset(_decode_list(data)),
    LARGE_INT: lambda data: int.from_bytes(data, "little", signed=True),
    ARRAY: _read_array,
    COMPLEX: lambda data: complex(*_COMPLEX.unpack(data)),
    MAP: _map,
}
