"""A numpy array as bytes: what it is, and its memory as it is.

    offset  size
    0       4     n, u32 little endian
    4       n     msgpack of [type, shape, order]
    4 + n         zeros up to the next multiple of 16
    ...           the data: the elements one behind the other

`type` is numpy's text for it (`"<f4"`, `"|u1"`, `"<M8[ns]"`); `[type, shape]` of an array within each
element; or of a record `{"names", "formats", "offsets", "itemsize"}`. `shape` is a list of lengths, or nil of
a scalar. `order` is "C" (the last index runs quickest) or "F" (the first).

An element that is a Python object, or that has no bytes, is refused both ways. Titles of fields and the
metadata of types are not sent.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from typing import Any, Final, Literal, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from sightline.errors import WireError

Buffer: TypeAlias = bytes | bytearray | memoryview

_HEAD_BYTES: Final = struct.Struct("<I")
_ALIGNED: Final = 16
_TYPE: Final = re.compile(r"[<>|][biufcSUV][0-9]{1,9}|[<>][mM]8(\[[0-9]{0,9}[A-Za-z]{1,7}\])?", re.ASCII)

_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(tuple[Any, list[int] | None, Literal["C", "F"]]).decode

_MALFORMED: Final = (
    struct.error,
    msgspec.MsgspecError,
    ValueError,
    TypeError,
    LookupError,
    OverflowError,
    RecursionError,
    MemoryError,
)


def array_pieces(array: NDArray[Any]) -> list[Buffer]:
    """Its head and its memory; of an array with gaps a copy. Raises TypeError where it cannot be sent."""
    if isinstance(array, np.ma.MaskedArray):
        raise TypeError("a masked array cannot be sent; send its data and its mask")
    return _pieces(np.asarray(array), list(array.shape))


def scalar_pieces(scalar: np.generic) -> list[Buffer]:
    """The same for a numpy scalar."""
    return _pieces(np.asarray(scalar), None)


def array_head(shape: Sequence[int], dtype: np.dtype[Any]) -> bytes | None:
    """What stands before the data of an array in C order. None: it has gaps, and is sent as a copy.

    Raises:
        TypeError: it cannot be sent.
    """
    described = _described(dtype)
    return _head(described, list(shape), "C") if _is_packed(dtype) else None


def _head(described: Any, shape: list[int] | None, order: str) -> bytes:
    head = _encode((described, shape, order))
    return _HEAD_BYTES.pack(len(head)) + head + bytes(-(_HEAD_BYTES.size + len(head)) % _ALIGNED)


def _pieces(array: NDArray[Any], shape: list[int] | None) -> list[Buffer]:
    described = _described(array.dtype)
    if not _is_packed(array.dtype):
        array = _without_gaps(array)
    order = "C"
    if not array.flags.c_contiguous:
        if array.flags.f_contiguous:
            array, order = array.T, "F"
        else:
            array = array.copy(order="C")
    # As bytes first: not every type has a letter in the buffer protocol (datetime64 has none).
    data = array.reshape(-1).view(np.uint8).data
    return [_head(described, shape, order), data]


def _is_packed(dtype: np.dtype[Any]) -> bool:
    """Whether each byte of an element is one of a field, in the order of the fields."""
    if dtype.subdtype is not None:
        return _is_packed(dtype.subdtype[0])
    if dtype.names is None or dtype.fields is None:
        return True
    at = 0
    for name in dtype.names:
        field, offset = dtype.fields[name][:2]
        if offset != at or not _is_packed(field):
            return False
        at += field.itemsize
    return at == dtype.itemsize


def _without_gaps(array: NDArray[Any]) -> NDArray[Any]:
    """A copy with zeros between the fields: what the memory happens to hold there is nobody's business."""
    copy = np.zeros(array.shape, array.dtype)  # zeros_like leaves the gaps as they are
    _copy_fields(array, copy)
    return copy


def _copy_fields(array: NDArray[Any], to: NDArray[Any]) -> None:
    if array.dtype.names is None:
        to[...] = array
    for name in array.dtype.names or ():
        _copy_fields(array[name], to[name])


def read_array(buffer: Buffer) -> Any:
    """The array, a read-only view of `buffer`, or the scalar. Raises WireError for anything else."""
    try:
        return _read(memoryview(buffer))
    except _MALFORMED as error:
        raise WireError(f"these {len(buffer)} bytes are not an array: {error}") from error


def _read(buffer: memoryview) -> Any:
    (head_bytes,) = _HEAD_BYTES.unpack_from(buffer)
    head_end = _HEAD_BYTES.size + head_bytes
    # Copied first: memory that is shared may change while it is parsed.
    described, shape, order = _decode(bytes(buffer[_HEAD_BYTES.size : head_end]))
    dtype = _dtype(described)
    if not dtype.itemsize:
        raise ValueError("expected elements that have bytes")
    data = buffer[head_end + -head_end % _ALIGNED :]
    array: NDArray[Any] = np.ndarray(shape or (), dtype, data, order=order)
    if array.nbytes != len(data):
        raise ValueError(f"expected {array.nbytes} bytes of data, got {len(data)}")
    array.flags.writeable = False
    return array[()] if shape is None else array


def _described(dtype: np.dtype[Any]) -> Any:
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        return [_described(base), list(shape)]
    if dtype.names is not None and dtype.fields is not None:
        fields = [dtype.fields[name] for name in dtype.names]
        return {
            "names": list(dtype.names),
            "formats": [_described(field[0]) for field in fields],
            "offsets": [field[1] for field in fields],
            "itemsize": _checked(dtype).itemsize,
        }
    if not _TYPE.fullmatch(dtype.str) or np.dtype(dtype.str) != dtype:
        raise TypeError(f"an array of {dtype} cannot be sent: its elements are not plain bytes")
    return _checked(dtype).str


def _checked(dtype: np.dtype[Any]) -> np.dtype[Any]:
    if not dtype.itemsize:
        raise TypeError(f"an array of {dtype} cannot be sent: its elements have no bytes")
    return dtype


def _dtype(described: Any) -> np.dtype[Any]:
    if isinstance(described, str) and _TYPE.fullmatch(described):
        return np.dtype(described)
    if isinstance(described, list):
        base, shape = described
        return np.dtype((_dtype(base), tuple(shape)))
    if isinstance(described, dict):
        record: Any = {key: described[key] for key in ("names", "offsets", "itemsize")}
        record["formats"] = [_dtype(field) for field in described["formats"]]
        dtype: np.dtype[Any] = np.dtype(record)
        return dtype
    raise ValueError(f"expected the type of an array, got {str(described)[:40]!r}")
