"""Packets to fragmented MP4 as bytes, for a picture that moves in a browser (Media Source Extensions).

Promises: first comes an initialization segment (`ftyp`, `moov`), then media segments (`moof`, `mdat`), each
whole and each a value of its own; nothing is encoded again. Where packets do not go on (a hole, a new epoch,
another codec, size or parameter sets) another initialization segment follows at the next keyframe; times
begin at 0 with each, and a source buffer in the mode `sequence` joins them. A `Segment` says which packets
are in it, and when each is shown.

Deliberately not here: pacing, and the codec string that a browser asks for (`codec_string`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple

from sightline.codec.container import Container
from sightline.codec.seams import Seams
from sightline.codec.stamps import Stamped, Stamps
from sightline.frame import Size
from sightline.packet import Identity, Packet


class Shown(NamedTuple):
    """A packet's picture in a stretch: shown from `at_s` to `until_s`, in seconds since its begin."""

    identity: Identity
    at_s: float
    until_s: float


class Segment(NamedTuple):
    """One segment.

    Attributes:
        data: its bytes.
        size: of the pictures, where it is an initialization segment; else None.
        keyframe: whether a decoder that has the initialization may begin at it.
        shown: the packets that are in it.
    """

    data: bytes
    size: Size | None = None
    keyframe: bool = False
    shown: tuple[Shown, ...] = ()


class Fragmenter:
    """Packets of one camera go in, segments come out, each as soon as it is complete.

    Args:
        fragment_s: media time of a segment at least, which a viewer lags by; a keyframe always begins one.
            0: a segment a packet. Chromium stops at those where the camera sends B-frames.
    """

    def __init__(self, *, fragment_s: float = 0.3) -> None:
        self._fragment_s = fragment_s
        self._seams = Seams()
        self._part: _Part | None = None

    def add(self, packet: Packet) -> list[Segment]:
        """Take the next one in; those before a keyframe and after a hole are left out.

        Raises:
            CodecError: the codec is none that a file can hold, or the packet is another camera's.
        """
        refused, begins = self._seams.place(packet)
        made: list[Segment] = []
        if begins is not None:
            made += self.end()
            self._part = _Part(packet, begins, self._fragment_s)
        if self._part is not None and refused is None:
            made += self._part.add(packet)
        return made

    def end(self) -> list[Segment]:
        """What is held; what comes next begins anew."""
        part, self._part = self._part, None
        return [] if part is None else part.end()


def fragments(packets: Iterable[Packet], *, fragment_s: float = 0.3) -> Iterator[bytes]:
    """`packets` of one camera as segments: what a `Fragmenter` makes of them. Raises CodecError likewise."""
    fragmenter = Fragmenter(fragment_s=fragment_s)
    for packet in packets:
        for segment in fragmenter.add(packet):
            yield segment.data
    for segment in fragmenter.end():
        yield segment.data


class _Part:
    """The segments that one initialization segment is for."""

    def __init__(self, first: Packet, size: Size, fragment_s: float) -> None:
        self._stamps = Stamps()
        self._written = _Written()
        self._size = size
        self._waiting: deque[Stamped] = deque()
        self._container = Container(self._written, "fragments", first, size, fragment_s=fragment_s)

    def add(self, packet: Packet) -> list[Segment]:
        return self._mux(self._stamps.add(packet))

    def end(self) -> list[Segment]:
        segments = self._mux(self._stamps.flush())
        self._container.close()
        return segments + self._taken()

    def _mux(self, ready: list[Stamped]) -> list[Segment]:
        for stamped in ready:
            self._waiting.append(stamped)
            self._container.mux(stamped)
        return self._taken()

    def _taken(self) -> list[Segment]:
        return [self._segment(data) for data in self._written.take()]

    def _segment(self, data: bytes) -> Segment:
        if data[4:8] != b"moof":
            return Segment(data, self._size)
        held = [self._waiting.popleft() for _ in range(_samples(data))]
        return Segment(data, None, held[0].packet.keyframe, tuple(map(_shown, held)))


def _shown(stamped: Stamped) -> Shown:
    tick = stamped.packet.time_base
    return Shown(
        stamped.packet.identity, float(stamped.pts * tick), float((stamped.pts + stamped.duration) * tick)
    )


class _Written:
    """What libav has written and nobody has taken. In a call it writes whole boxes, in a write it may not."""

    def __init__(self) -> None:
        self._data = bytearray()

    def write(self, data: bytes) -> int:
        self._data += data
        return len(data)

    def take(self) -> list[bytes]:
        """The segments: each begins with a `ftyp` or a `moof` (ISO/IEC 14496-12, 8.8.4)."""
        data, self._data = bytes(self._data), bytearray()
        starts = [at for at, kind in boxes(data) if kind in {b"ftyp", b"moof"}]
        return [data[a:b] for a, b in pairwise([*starts, len(data)])]


def boxes(data: bytes, at: int = 0, end: int | None = None) -> Iterator[tuple[int, bytes]]:
    """Place and type of each box: a size of four bytes, then four letters (ISO/IEC 14496-12, 4.2)."""
    end = len(data) if end is None else end
    while at + 8 <= end:
        size = int.from_bytes(data[at : at + 4], "big")
        yield at, data[at + 4 : at + 8]
        at += max(size, 8)


def _samples(moof: bytes) -> int:
    """How many pictures are in a media segment: moof, traf, trun, whose count stands behind its flags."""
    count = 0
    for traf, kind in boxes(moof, 8, int.from_bytes(moof[:4], "big")):
        if kind == b"traf":
            end = traf + int.from_bytes(moof[traf : traf + 4], "big")
            runs = [at for at, of in boxes(moof, traf + 8, end) if of == b"trun"]
            count += sum(int.from_bytes(moof[at + 12 : at + 16], "big") for at in runs)
    return count
