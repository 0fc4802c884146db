"""What a browser calls the codec of an initialization segment, as `MediaSource` is asked for it (RFC 6381).

Pure. H.264 is `avc1.` and three bytes of its `avcC` (ISO/IEC 14496-15, 5.4.2.1); H.265 is what annex E.3 of
the same makes of its `hvcC`. Others are None: no browser plays them from segments.
"""

from __future__ import annotations

from typing import Final

_HEVC_FLAGS: Final = 6


def codec_string(init: bytes) -> str | None:
    """Of the one stream in `init`; None where it is none that browsers play."""
    at = init.find(b"avcC") + 4
    if at >= 4:
        return f"avc1.{init[at + 1 : at + 4].hex()}"
    at = init.find(b"hvcC") + 4
    return None if at < 4 else _hevc(init[at : at + 13], "hvc1" if b"hvc1" in init[:at] else "hev1")


def _hevc(record: bytes, name: str) -> str:
    profile, level = record[1], record[12]
    space = ("", "A", "B", "C")[profile >> 6]
    compatible = int(f"{int.from_bytes(record[2:6], 'big'):032b}"[::-1], 2)
    tier = "H" if profile & 0x20 else "L"
    flags = record[6 : 6 + _HEVC_FLAGS].rstrip(b"\0")
    parts = [
        name,
        f"{space}{profile & 0x1F}",
        f"{compatible:x}",
        f"{tier}{level}",
        *(f"{b:x}" for b in flags),
    ]
    return ".".join(parts)
