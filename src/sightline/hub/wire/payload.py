"""Values as the payload of a message or a call.

Three formats, told by the low four bits of a head's `format`; the high four say how it is compressed:

    RAW      0     bytes, as they are
    MSGPACK  1     msgpack of None, bool, int, float, str, bytes, list, dict and datetimes with a time zone,
                   and of the extensions of `sightline.hub.wire.extension`: tuple, set, frozenset, ints beyond
                   64 bits, complex, dicts with any keys, and arrays within other values
    ARRAY    2     one numpy array: `sightline.arrays`
    GZIP     0x10  RFC 1952
    ZSTD     0x20  RFC 8878, one frame that tells its content's size

Promises: what `encode` takes, `decode` gives back equal and of the same kind (a subclass of a plain type as
the plain type; bytearray and memoryview as bytes; a numpy scalar as one; a datetime in UTC); nothing is ever
unpickled or called; bytes and arrays are not copied (the pieces are views of them, which must not change
until they are sent); any bytes at all become a value or a `WireError`. Out of msgpack, a value may take a
hundred times its bytes in memory.
"""

from __future__ import annotations

from typing import Any, Final, Literal, TypeAlias

import numpy as np

from sightline.arrays import array_pieces, read_array
from sightline.errors import WireError
from sightline.hub.settings import KIB, MIB
from sightline.hub.wire import extension
from sightline.hub.wire.compression import GZIP, ZSTD, compressed, decompressed
from sightline.hub.wire.header import Buffer

__all__ = ["ARRAY", "GZIP", "MSGPACK", "RAW", "ZSTD", "Compress", "decode", "encode"]

RAW: Final = 0
MSGPACK: Final = 1
ARRAY: Final = 2
_FORMAT_BITS: Final = 0x0F

Compress: TypeAlias = Literal["gzip", "zstd"]
_COMPRESSION: Final = {"gzip": GZIP, "zstd": ZSTD}


def encode(
    value: Any, *, compress: Compress | None = None, above_bytes: int = 4 * KIB
) -> tuple[int, list[Buffer]]:
    """The format and the pieces of a value, which joined are its payload.

    Args:
        value: what to send.
        compress: how, where it has at least `above_bytes` and gets smaller by it.
        above_bytes: see there.

    Raises:
        TypeError: it, or something within it, cannot be sent; the message has the path to it.
        MissingExtra: `zstd` was asked for and is not installed.
    """
    kind, pieces = _encode(value)
    if compress is not None:
        method = _COMPRESSION[compress]
        smaller = compressed(method, pieces, above_bytes)
        if smaller is not None:
            return kind | method, [smaller]
    return kind, pieces


def _encode(value: Any) -> tuple[int, list[Buffer]]:
    if isinstance(value, bytes | bytearray):
        return RAW, [value]
    if isinstance(value, memoryview):
        return RAW, [value.cast("B") if value.c_contiguous else value.tobytes()]
    if isinstance(value, np.ndarray):
        return ARRAY, array_pieces(value)
    return MSGPACK, [extension.encode(value)]


def decode(format: int, buffer: Buffer, *, max_bytes: int = 16 * MIB) -> Any:  # noqa: A002
    """The value of a payload.

    RAW is given as it is: bytes, or a read-only view of them; an array is a read-only view of `buffer`.

    Args:
        format: of the head.
        buffer: the payload, of one piece.
        max_bytes: the most that a compressed payload may come to.

    Raises:
        WireError: these bytes are not a payload of this format.
        MissingExtra: it is compressed by `zstd`, which is not installed.
    """
    method = format & ~_FORMAT_BITS
    if method:
        buffer = decompressed(method, buffer, max_bytes)
    match format & _FORMAT_BITS:
        case 0:
            return buffer
        case 1:
            return extension.decode(buffer)
        case 2:
            return read_array(buffer)
        case other:
            raise WireError(f"expected a payload of format {RAW}, {MSGPACK} or {ARRAY}, got {other}")
