"""Results as headers of a message, and back.

Promises: what `to_headers` writes, `from_headers` reads back equal and of the same type; a value that could
not come back is refused when it is written, with its header's name and its type. Programs that know nothing
of this one read plain text and JSON. What goes beside one packet weighs at most `MAX_HEADERS_BYTES`.

    value                        type word    bytes of the header
    bytes                        none         as they are
    str                          str          UTF-8
    int, bool, None, list, dict  json         JSON
    float                        float        Python's shortest text that reads back equal; nan, inf
    Result                       result       JSON of `sightline.wire`; none as `sightline.result`
    numpy array                  <f4[12,4]    its elements, the last index quickest; the word: type and shape
    numpy scalar                              as its Python value

The words stand in a header `sightline.types` before those that they are of, a JSON object by name. A header
without a word is bytes: one that came with the packet, or of another program.

Within lists and dicts numpy scalars and arrays become numbers and lists of them, and tuples lists. Not here:
other classes, `nan` within JSON, which has none, and pickles, which nobody should load off a broker.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from sightline.bus import MAX_RESULT_HEADER_BYTES, RESULT_HEADER, Message
from sightline.errors import WireError
from sightline.result import Result
from sightline.wire import HEADER, Headers, result_from_json, result_to_json

Results: TypeAlias = Mapping[str, Any] | Result | None
"""What `send` takes: values by the names of their headers; or a `Result` alone, in `sightline.result`."""

T = TypeVar("T")

TYPES_HEADER: Final = "sightline.types"
MAX_HEADERS_BYTES: Final = MAX_RESULT_HEADER_BYTES
MAX_INT_BITS: Final = 2048  # 617 digits; Python itself may be told to read no more than 640
MAX_DEPTH: Final = 64

_NAME: Final = re.compile(r"[ -~]{1,64}")
_ARRAY: Final = re.compile(
    r"(?P<dtype>[<>|][biufcSU][1-9][0-9]{0,4}|[<>][mM]8(?:\[[0-9]{0,9}[A-Za-z]{1,2}\])?)"
    r"\[(?P<shape>(?:[0-9]{1,9}(?:,[0-9]{1,9}){0,31})?)\]",
    re.ASCII,
)
_EXPECTED: Final = (
    "expected str, int, float, bool, None, bytes, a list, a dict, a numpy scalar or array, or a Result"
)
_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder().decode
_decode_types: Final = msgspec.json.Decoder(dict[str, str]).decode


def to_headers(results: Results) -> Headers:
    """Results as headers, in the order of the mapping.

    Raises:
        WireError: a name is not 1 to 64 printable characters of ASCII, or is one of ours; a value is of
            another type than those above, or cannot come back; all of it weighs above `MAX_HEADERS_BYTES`.
    """
    if not results:
        return ()
    named = {RESULT_HEADER: results} if isinstance(results, Result) else results
    headers: list[tuple[str, bytes]] = []
    words: dict[str, str] = {}
    for name, value in named.items():
        word, data = _written(_checked_name(name, value), value)
        headers.append((name, data))
        if word and name != RESULT_HEADER:
            words[name] = word
    if words:
        headers.insert(0, (TYPES_HEADER, _encode(words)))
    return _checked_size(tuple(headers))


def headers_of(message: Message) -> dict[str, Any]:
    """What stands beside a message's value, by name: results as they were sent, other headers as bytes.

    Raises:
        WireError: a header is not what the types beside it say.
    """
    return from_headers(message.headers)


def from_headers(headers: Iterable[tuple[str, bytes | None]] | None) -> dict[str, Any]:
    """As `headers_of`, of headers as other clients of a broker have them. Of a name the last one counts."""
    values: dict[str, Any] = {}
    words: dict[str, str] = {}
    for name, given in headers or ():
        data = given or b""
        if name == TYPES_HEADER:
            words = _read(_decode_types, name, data)
        elif name == RESULT_HEADER:
            values[name] = _read(result_from_json, name, data)
        elif not _is_ours(name):
            values[name] = _value(name, words.pop(name, ""), data)
    return values


def _checked_name(name: object, value: object) -> str:
    if not isinstance(name, str) or _NAME.fullmatch(name) is None:
        raise WireError(f"header {str(name)[:80]!r}: expected 1 to 64 printable characters of ASCII")
    if name == RESULT_HEADER and not isinstance(value, Result):
        raise WireError(f"header {name!r}: expected a Result, got {type(value).__name__}")
    if _is_ours(name) and name != RESULT_HEADER:
        raise WireError(f"header {name!r}: names that begin with {HEADER}. are our own; choose another")
    return name


def _is_ours(name: str) -> bool:
    return name == HEADER or name.startswith(f"{HEADER}.")


def _checked_size(headers: Headers) -> Headers:
    size = sum(len(name) + len(data) for name, data in headers)
    if size > MAX_HEADERS_BYTES:
        largest, data = max(headers, key=lambda header: len(header[1]))
        raise WireError(
            f"these headers take {size} bytes, at most {MAX_HEADERS_BYTES} go beside a packet; "
            f"the largest is {largest!r} with {len(data)}"
        )
    return headers


# Writing


def _written(name: str, value: Any) -> tuple[str, bytes]:
    """The word and the bytes of a value."""
    if isinstance(value, np.generic):
        value = value.item()
    write = _of_class(_WRITERS, value)
    if write is None:
        raise WireError(f"header {name!r}: {_EXPECTED}, got {_type_name(value)}")
    try:
        return write(value)
    except (ValueError, TypeError) as error:
        raise WireError(f"header {name!r}: this {_type_name(value)} cannot be written: {error}") from error


def _of_class(table: Mapping[type, T], value: object) -> T | None:
    """By the first of its classes that is there, so that a subclass is written as what it is at heart."""
    return table.get(type(value)) or next((table[k] for k in type(value).__mro__ if k in table), None)


def _type_name(value: object) -> str:
    return type(value).__name__


def _json(value: Any) -> tuple[str, bytes]:
    return "json", _encode(_plain(value, MAX_DEPTH))


def _plain(value: Any, depth: int) -> Any:
    """A value as JSON has it, if it has it. What msgspec would write and not give back is refused."""
    make = _of_class(_PLAIN, value)
    if make is None:
        raise TypeError(f"expected str, numbers, bool, None, lists and dicts in it, got {_type_name(value)}")
    if not depth:
        raise ValueError(f"expected at most {MAX_DEPTH} levels")
    return make(value, depth - 1)


def _int(value: int, _depth: int) -> int:
    if value.bit_length() > MAX_INT_BITS:
        raise ValueError(f"expected integers of at most {MAX_INT_BITS} bits, got {value.bit_length()}")
    return int(value)


def _finite(value: float, _depth: int) -> float:
    if not math.isfinite(value):
        raise ValueError(f"JSON has no {value!r}; it may be a float in a header of its own")
    return float(value)


def _mapping(value: dict[Any, Any], depth: int) -> dict[str, Any]:
    wrong = next((key for key in value if not isinstance(key, str)), None)
    if wrong is not None:
        raise TypeError(f"expected keys of type str, got {_type_name(wrong)}")
    return {str.__str__(key): _plain(item, depth) for key, item in value.items()}


def _array(array: NDArray[Any]) -> tuple[str, bytes]:
    word = f"{array.dtype.str}[{','.join(map(str, array.shape))}]"
    if _ARRAY.fullmatch(word) is None or isinstance(array, np.ma.MaskedArray):
        raise TypeError(f"expected an array of numbers, bool, text or times, got {word}")
    if array.nbytes > MAX_HEADERS_BYTES:  # before it is copied
        raise ValueError(f"expected at most {MAX_HEADERS_BYTES} bytes, got {word} of {array.nbytes}")
    return word, array.tobytes()


def _list(value: Iterable[Any], depth: int) -> list[Any]:
    return [_plain(item, depth) for item in value]


_PLAIN: Final[dict[type, Callable[[Any, int], Any]]] = {
    str: lambda value, _: str.__str__(value),
    bool: lambda value, _: value,
    type(None): lambda _value, _: None,
    int: _int,
    float: _finite,
    list: _list,
    tuple: _list,
    dict: _mapping,
    np.generic: lambda value, depth: _plain(value.item(), depth),
    np.ndarray: lambda value, depth: _plain(value.tolist(), depth),
}
_WRITERS: Final[dict[type, Callable[[Any], tuple[str, bytes]]]] = {
    str: lambda value: ("str", str.encode(value)),
    bytes: lambda value: ("", bytes(value)),
    float: lambda value: ("float", float.__repr__(value).encode()),
    Result: lambda value: ("result", result_to_json(value)),
    np.ndarray: _array,
    **dict.fromkeys((int, bool, type(None), list, tuple, dict), _json),
}


# Reading


def _value(name: str, word: str, data: bytes) -> Any:
    if not word:
        return data
    read = _READERS.get(word)
    if read is not None:
        return _read(read, name, data)
    if (array := _ARRAY.fullmatch(word)) is not None:
        return _read(lambda data: _array_of(array, data), name, data)
    raise WireError(f"header {name!r}: a value of type {word[:40]!r} is not known")


def _read(read: Callable[[bytes], Any], name: str, data: bytes) -> Any:
    try:
        return read(data)
    except (ValueError, TypeError, RecursionError) as error:
        raise WireError(f"header {name!r}: {str(error)[:200]}") from error


def _array_of(word: re.Match[str], data: bytes) -> NDArray[Any]:
    shape = [int(length) for length in word["shape"].split(",") if length]
    dtype = np.dtype(word["dtype"])
    if math.prod(shape) * dtype.itemsize != len(data):  # before numpy, which knows no size of no elements
        raise ValueError(f"expected {word[0]}, got {len(data)} bytes")
    return np.frombuffer(data, dtype).reshape(shape).copy() if data else np.empty(shape, dtype)


_READERS: Final[dict[str, Callable[[bytes], Any]]] = {
    "str": lambda data: data.decode(),
    "json": _decode,
    "float": float,
    "result": result_from_json,
}
