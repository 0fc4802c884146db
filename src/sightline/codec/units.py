"""A stream of bytes, cut anywhere, to access units.

Pure. Pieces of a stream go in; the units that end in a piece come out, with how many begin in it. However the
stream was cut, the units are the same. A unit *begins* in the piece that holds the byte by which that can be
told: the one behind the header of its first NAL unit at the latest, so five bytes at most after its first.

Where a unit begins (`Part`) is as H.264 7.4.1.2.3 and H.265 7.4.2.4.4 say, of which only what costs nothing
is read: behind a coded slice, a delimiter, parameter set, SEI or reserved unit that must stand first begins
one, and so does a slice that holds the picture's first block. So the slices of a picture must come in order,
once (arbitrary slice order and redundant slices are of H.264's Baseline and Extended profiles alone), and
each field of an interlaced picture is a unit. Prefix NAL units (H.264 type 14) stay with what comes before
them: they may stand between the slices of one picture, and decoders of the base layer pass over them.

A JPEG begins and ends by its markers (ITU-T T.81, B.1.1). Bytes of any kind are taken; those outside of any
unit are left out, and no unit grows above `MAX_UNIT_BYTES`.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Final, NamedTuple, Protocol

from sightline.codec.nal import START_CODE

MAX_UNIT_BYTES: Final = 16 * 2**20


class Cut(NamedTuple):
    """What one piece of a stream did.

    Attributes:
        ended: the units that end in it, in order; None stands for one that was too large.
        begun: how many begin in it.
        aligned: its first byte begins one.
    """

    ended: list[bytes | None]
    begun: int
    aligned: bool


class Units(Protocol):
    """Cuts one stream.

    Attributes:
        codec: FFmpeg's name of its codec.
        open: a unit has begun and not ended.
        coded: there is a coded picture in that unit.
    """

    codec: str

    @property
    def open(self) -> bool: ...

    @property
    def coded(self) -> bool: ...

    def feed(self, data: bytes) -> Cut:
        """Takes the next piece."""
        ...

    def end(self) -> bytes | None:
        """The open unit as it is, as at the end of the stream; None where there is no picture in it."""
        ...


class Part(Enum):
    """What a NAL unit is to its access unit."""

    FIRST = "first slice"  # of a picture; begins a unit where nothing before it did
    SLICE = "slice"
    OPENS = "opens"  # stands before the first slice, so behind any slice it begins a unit
    OTHER = "other"


class Grouping:
    """Which NAL units begin an access unit."""

    def __init__(self) -> None:
        self.open = self.coded = False

    def begins(self, part: Part) -> bool:
        """Whether the next NAL unit does."""
        if part in {Part.FIRST, Part.OPENS} and (self.coded or not self.open):
            self.open, self.coded = True, part is Part.FIRST
            return True
        self.coded = self.coded or (self.open and part in {Part.FIRST, Part.SLICE})
        return False


def part_of(data: bytes | bytearray, at: int, codec: str) -> Part | None:
    """What the NAL unit at `at` is; None where that cannot be told from what there is of it."""
    return _h264_part(data, at) if codec == "h264" else _hevc_part(data, at)


def _h264_part(data: bytes | bytearray, at: int) -> Part | None:
    if at >= len(data):
        return None
    kind = data[at] & 0x1F
    if kind not in {1, 2, 5}:
        return _H264_PARTS.get(kind, Part.OTHER)
    if at + 1 >= len(data):
        return None
    return Part.FIRST if data[at + 1] & 0x80 else Part.SLICE  # first_mb_in_slice, ue(v): 1 is 0


def _hevc_part(data: bytes | bytearray, at: int) -> Part | None:
    if at + 1 >= len(data):
        return None
    kind, layer = data[at] >> 1 & 0x3F, (data[at] & 1) << 5 | data[at + 1] >> 3
    if layer or kind >= 32:
        return Part.OPENS if not layer and kind in _HEVC_OPENING else Part.OTHER
    if at + 2 >= len(data):
        return None
    return Part.FIRST if data[at + 2] & 0x80 else Part.SLICE  # first_slice_segment_in_pic_flag


# Partitions B and C of a slice; SEI, SPS, PPS, delimiter; subset SPS, reserved.
_H264_PARTS: Final = dict.fromkeys((3, 4), Part.SLICE) | dict.fromkeys(
    (6, 7, 8, 9, 15, 16, 17, 18), Part.OPENS
)
# VPS, SPS, PPS, delimiter; prefix SEI; reserved, unspecified.
_HEVC_OPENING: Final = frozenset({32, 33, 34, 35, 39, *range(41, 45), *range(48, 56)})


class AnnexBUnits(Grouping):
    """Cuts H.264 or H.265 in Annex B. A zero byte before a start code goes with what follows."""

    def __init__(self, codec: str) -> None:
        super().__init__()
        self.codec = codec
        self._held = bytearray()  # from the open unit's first byte on
        self._next = 0  # where the next start code is looked for

    def feed(self, data: bytes) -> Cut:
        ended: list[bytes | None] = []
        begun, aligned, fresh = 0, False, len(self._held)
        self._held += data
        was_open = self.open
        while (at := self._next_begin()) is not None:
            aligned = aligned or (not begun and self._held.count(0, fresh, at) == at - fresh)
            cut = at - (at > 0 and not self._held[at - 1])
            if was_open:
                ended.append(_bounded(self._held[:cut]))
            self._drop(cut)
            was_open, begun, fresh = True, begun + 1, fresh - cut
        if not self.open:
            self._drop(max(0, self._next - 1))
        elif len(self._held) > MAX_UNIT_BYTES:
            ended.append(None)
            self._drop(self._next)
            self.open = self.coded = False
        return Cut(ended, begun, aligned)

    def end(self) -> bytes | None:
        if not self.coded:
            return None
        unit = bytes(self._held)
        self._drop(len(self._held))
        self.open = self.coded = False
        return unit

    def _next_begin(self) -> int | None:
        """Where the start code of the next NAL unit is that begins a unit; None: not in what is held."""
        while (at := self._held.find(START_CODE, self._next)) >= 0:
            part = part_of(self._held, at + len(START_CODE), self.codec)
            if part is None:
                self._next = at
                return None
            self._next = at + len(START_CODE)
            if self.begins(part):
                return at
        self._next = max(self._next, len(self._held) - len(START_CODE) + 1)
        return None

    def _drop(self, count: int) -> None:
        del self._held[:count]
        self._next = max(0, self._next - count)


# In coded data FF is followed by 00 or a restart marker (ITU-T T.81, B.1.1.5), before a marker FF is fill.
_MARKER: Final = re.compile(rb"\xff[^\0\xff\xd0-\xd7]")
_BEGINS: Final = b"\xff\xd8\xff"
_SOI, _EOI, _TEM = 0xD8, 0xD9, 0x01


class JpegUnits:
    """Cuts MJPEG. A picture without an end ends where the next begins; previews in headers are left in."""

    codec = "mjpeg"

    def __init__(self) -> None:
        self.open = False
        self._held = bytearray()
        self._next = 0  # where the next marker is looked for

    @property
    def coded(self) -> bool:
        return self.open

    def feed(self, data: bytes) -> Cut:
        ended: list[bytes | None] = []
        begun, was_open = 0, self.open
        self._held += data
        while self.open or self._begin():
            begun += not was_open
            was_open = False
            end = self._end()
            if end is None:
                break
            ended.append(_bounded(self._held[:end]))
            self._drop(end)
        if len(self._held) > MAX_UNIT_BYTES:
            ended.append(None)
            self._drop(len(self._held))
        return Cut(ended, begun, data.startswith(_BEGINS))

    def end(self) -> bytes | None:
        if not self.open:
            return None
        unit = bytes(self._held)
        self._drop(len(unit))
        return unit

    def _begin(self) -> bool:
        at = self._held.find(_BEGINS)
        self._drop(at if at >= 0 else max(0, len(self._held) - len(_BEGINS) + 1))
        self._next, self.open = 2, at >= 0
        return self.open

    def _end(self) -> int | None:
        """Where the open picture ends; None: not in what is held."""
        while (marker := _MARKER.search(self._held, self._next)) is not None:
            at, kind = marker.start(), self._held[marker.start() + 1]
            if kind in {_SOI, _EOI}:
                return at if kind == _SOI else at + 2
            self._next = at if kind != _TEM else at + 2
            if kind != _TEM:
                if at + 4 > len(self._held):
                    return None
                self._next = at + 2 + int.from_bytes(self._held[at + 2 : at + 4], "big")
        self._next = max(self._next, len(self._held) - 1)
        return None

    def _drop(self, count: int) -> None:
        del self._held[:count]
        self.open = False


def _bounded(unit: bytearray) -> bytes | None:
    return bytes(unit) if len(unit) <= MAX_UNIT_BYTES else None
