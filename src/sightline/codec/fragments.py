"""Packets to fragmented MP4 as bytes, for a picture that moves in a browser (Media Source Extensions).

Promises: first comes an initialization segment (`ftyp`, `moov`), then media segments (`moof`, `mdat`), each
whole and each a value of its own; nothing is encoded again. Where packets do not go on (a hole, a new epoch,
another codec, size or parameter sets) another initialization segment follows at the next keyframe; times
begin at 0 with each, and a source buffer in the mode `sequence` joins them.

Deliberately not here: pacing, and the codec string that a browser asks for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sightline.codec.container import Container
from sightline.codec.seams import Seams
from sightline.codec.stamps import Stamped, Stamps
from sightline.frame import Size
from sightline.packet import Packet


def fragments(packets: Iterable[Packet], *, fragment_s: float = 0.3) -> Iterator[bytes]:
    """`packets` of one camera as segments, each given as soon as it is complete.

    Args:
        packets: begin at any; those before a keyframe and after a hole are left out.
        fragment_s: media time of a segment at least, which a viewer lags by; a keyframe always begins one.
            0: a segment a packet. Chromium stops at those where the camera sends B-frames.

    Raises:
        CodecError: the codec is none that a file can hold, or a packet is another camera's.
    """
    seams, part = Seams(), None
    for packet in packets:
        refused, begins = seams.place(packet)
        if begins is not None:
            if part is not None:
                yield from part.end()
            part = _Part(packet, begins, fragment_s)
        if part is not None and refused is None:
            yield from part.add(packet)
    if part is not None:
        yield from part.end()


class _Part:
    """The segments that one initialization segment is for."""

    def __init__(self, first: Packet, size: Size, fragment_s: float) -> None:
        self._stamps = Stamps()
        self._written = _Written()
        self._container = Container(self._written, "fragments", first, size, fragment_s=fragment_s)

    def add(self, packet: Packet) -> list[bytes]:
        return self._mux(self._stamps.add(packet))

    def end(self) -> list[bytes]:
        segments = self._mux(self._stamps.flush())
        self._container.close()
        return segments + self._written.take()

    def _mux(self, ready: list[Stamped]) -> list[bytes]:
        for stamped in ready:
            self._container.mux(stamped)
        return self._written.take()


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
        starts = [at for at, kind in _boxes(data) if kind in {b"ftyp", b"moof"}]
        return [data[a:b] for a, b in zip(starts, [*starts[1:], len(data)], strict=False)]


def _boxes(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Place and type of each box: a size of four bytes, then four letters (ISO/IEC 14496-12, 4.2)."""
    at = 0
    while at < len(data):
        yield at, data[at + 4 : at + 8]
        at += int.from_bytes(data[at : at + 4], "big")
