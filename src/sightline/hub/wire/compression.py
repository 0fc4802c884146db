"""Payloads made smaller, and back again within a bound."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any, Final

from sightline.errors import MissingExtra, WireError
from sightline.hub.wire.header import Buffer

GZIP: Final = 0x10
ZSTD: Final = 0x20

_GZIP_LEVEL: Final = 1  # live data: the quickest; zstd is what to take for size
_ZSTD_LEVEL: Final = 3
_GZIP_BITS: Final = 31  # zlib: the largest window, with a gzip header (RFC 1952)


def compressed(method: int, pieces: Sequence[Buffer], above_bytes: int) -> bytes | None:
    """The pieces as one, where they have at least `above_bytes` and get smaller; else None."""
    size = sum(map(len, pieces))
    library = _zstandard() if method == ZSTD else None
    if size < above_bytes:
        return None
    if library is None:
        machine = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, _GZIP_BITS)
    else:
        machine = library.ZstdCompressor(level=_ZSTD_LEVEL).compressobj(size=size)
    data = b"".join([*map(machine.compress, pieces), machine.flush()])
    return data if len(data) < size else None


def decompressed(method: int, data: Buffer, max_bytes: int) -> bytes:
    """What was compressed. Raises WireError where it was not, or comes to more than `max_bytes`."""
    if method == GZIP:
        return _from_gzip(data, max_bytes)
    if method == ZSTD:
        return _from_zstd(data, max_bytes)
    raise WireError(f"expected a payload compressed by gzip ({GZIP:#x}) or zstd ({ZSTD:#x}), got {method:#x}")


def _from_gzip(data: Buffer, max_bytes: int) -> bytes:
    machine = zlib.decompressobj(_GZIP_BITS)
    try:
        out = machine.decompress(data, max_bytes + 1)
    except zlib.error as error:
        raise WireError(f"expected gzip: {error}") from error
    if len(out) > max_bytes:
        raise WireError(f"expected at most {max_bytes} bytes out of gzip, got more")
    if not machine.eof or machine.unused_data:
        raise WireError(f"expected one whole member of gzip in {len(data)} bytes")
    return out


def _from_zstd(data: Buffer, max_bytes: int) -> bytes:
    library = _zstandard()
    try:
        size = library.get_frame_parameters(data).content_size
        if size > max_bytes:  # also where it is unknown, which is the largest number
            raise WireError(f"expected zstd that tells of at most {max_bytes} bytes, got {size}")
        out: bytes = library.ZstdDecompressor().decompress(
            data, max_output_size=max_bytes, allow_extra_data=False
        )
    except library.ZstdError as error:
        raise WireError(f"expected zstd: {error}") from error
    return out


def _zstandard() -> Any:
    try:
        import zstandard  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise MissingExtra("zstd is not installed; it comes with: pip install 'sightline[zstd]'") from error
    return zstandard
