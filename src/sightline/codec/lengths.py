"""Length-prefixed H.264 and H.265, as MP4 files and some producers have them (ISO/IEC 14496-15).

Each NAL unit stands behind its length, of 1, 2 or 4 bytes, and the parameter sets may stand apart, in an avcC
or hvcC record. What comes out is Annex B.

Lengths have no start codes: who joins such a stream in the middle does not see where a NAL unit begins. It is
followed from a piece on that begins with one; or, with lengths of 4 bytes, from where four stand one behind
the other, which noise does not show. Once its lengths make no sense any more, that is looked for anew.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from sightline.codec.nal import PARAMETER_SETS, START_CODE, nal_type
from sightline.codec.units import MAX_UNIT_BYTES, Cut, Grouping, Part, part_of

_CODE: Final = b"\0" + START_CODE


class Record(NamedTuple):
    """What an avcC or hvcC record says: the codec, how many bytes a length has, parameter sets in Annex B."""

    codec: str
    length_bytes: int
    sets: bytes


def read_record(data: bytes) -> Record | None:
    """The record that `data` is; None where it is none (ISO/IEC 14496-15, 5.3.3.1 and 8.3.3.1)."""
    if len(data) < 7 or data[0] != 1:
        return None
    return _avcc(data) or _hvcc(data)


def _avcc(data: bytes) -> Record | None:
    if data[4] < 0xFC or data[5] < 0xE0:  # bits that are reserved, and 1
        return None
    sets, at = _sets(data, 6, data[5] & 0x1F)
    if at >= len(data):
        return None
    more, end = _sets(data, at + 1, data[at])
    return _record("h264", data[4], sets + more) if end <= len(data) else None


def _hvcc(data: bytes) -> Record | None:
    if len(data) < 23:
        return None
    sets, at = list[bytes](), 23
    for _ in range(data[22]):
        count = int.from_bytes(data[at + 1 : at + 3], "big")
        more, at = _sets(data, at + 3, count)
        sets += more
    return _record("hevc", data[21], sets) if at <= len(data) else None


def _sets(data: bytes, at: int, count: int) -> tuple[list[bytes], int]:
    """So many NAL units, each behind a length of two bytes, and the place after them."""
    sets = []
    for _ in range(count):
        end = at + 2 + int.from_bytes(data[at : at + 2], "big")
        sets.append(data[at + 2 : end])
        at = end
        if at > len(data):
            break
    return sets, at


def _record(codec: str, length_byte: int, sets: list[bytes]) -> Record | None:
    kinds = {nal_type(one[0], codec) for one in sets if one}
    length_bytes = (length_byte & 3) + 1
    if not kinds >= PARAMETER_SETS[codec] or length_bytes == 3:
        return None
    return Record(codec, length_bytes, b"".join(_CODE + one for one in sets))


def follows(data: bytes, codec: str, length_bytes: int = 4) -> bool:
    """Whether `data` begins with a length and goes on so to its end, where a NAL unit may be cut.

    Two whole NAL units at least, or one that ends with the data: less is chance.
    """
    whole, at = _walk(data, codec, length_bytes)
    return whole >= (1 if at == len(data) else 2)


def nal_units(data: bytes, length_bytes: int) -> list[bytes]:
    """The NAL units of `data`; none where their lengths do not end with it."""
    nals, at = list[bytes](), 0
    while at < len(data):
        start, length = at + length_bytes, int.from_bytes(data[at : at + length_bytes], "big")
        at = start + length
        nals.append(data[start:at])
    return nals if at == len(data) and all(nals) else []


def count_whole(data: bytes, codec: str, length_bytes: int = 4) -> int:
    """How many whole NAL units stand in `data` behind their lengths, before one that is cut or its end.

    -1 where there is anything else in it.
    """
    return _walk(data, codec, length_bytes)[0]


def _walk(data: bytes, codec: str, length_bytes: int) -> tuple[int, int]:
    """As `count_whole`, and where the last one ends."""
    at = whole = 0
    while at + length_bytes <= len(data):
        length = int.from_bytes(data[at : at + length_bytes], "big")
        if not _makes_sense(data, at + length_bytes, length, codec):
            return -1, at
        at += length_bytes + length
        whole += at <= len(data)
    return whole, at


def _makes_sense(data: bytes | bytearray, at: int, length: int, codec: str) -> bool:
    """Whether a NAL unit of that length can begin at `at`, as far as that can be seen."""
    header = data[at : at + (1 if codec == "h264" else 2)]
    if not 0 < length <= MAX_UNIT_BYTES or (header and header[0] & 0x80):  # forbidden_zero_bit
        return False
    # The last bits of an H.265 header are nuh_temporal_id_plus1, never 0.
    return (not header or nal_type(header[0], codec) in _USUAL[codec]) and (
        len(header) < 2 or header[1] & 7 > 0
    )


_USUAL: Final = {
    "h264": frozenset({1, *range(5, 16), 19, 20}),
    "hevc": frozenset({*range(10), *range(16, 22), *range(32, 41)}),
}


# Out of step four NAL units are looked for that stand one behind the other, each of less than a MiB.
_IN_LINE: Final = 4
_USUAL_BYTES: Final = 2**20
_LOOK_EVERY_BYTES: Final = 32 * 2**10  # or a quarter of what is held, which is looked through again
_LOOK_BACK_BYTES: Final = _USUAL_BYTES


def _where_they_may_begin(codec: str, second: bytes = b"") -> re.Pattern[bytes]:
    """A length of less than a MiB, and a header that makes sense: nearly all else is passed over in C."""
    first = b"".join(rb"\x%02x" % byte for byte in range(0x80) if nal_type(byte, codec) in _USUAL[codec])
    return re.compile(rb"(?=\x00[\x00-\x0f][\x00-\xff]{2}[" + first + rb"]" + second + rb")")


_MAY_BEGIN: Final = {
    "h264": _where_they_may_begin("h264"),
    "hevc": _where_they_may_begin("hevc", rb"[^\x00]"),
}


def _first_in_line(data: bytearray, codec: str) -> int | None:
    """Where the first of so many NAL units with lengths of 4 bytes begins; None: there are none."""
    for match in _MAY_BEGIN[codec].finditer(data):
        at, count = match.start(), 0
        while count < _IN_LINE and _makes_sense(data, at + 4, _length_at(data, at), codec):
            at, count = _after(data, at), count + 1
            if at > len(data):
                break
        if count == _IN_LINE and at <= len(data):
            return match.start()
    return None


def _length_at(data: bytearray, at: int) -> int:
    return int.from_bytes(data[at : at + 4], "big")


def _after(data: bytearray, at: int) -> int:
    return at + 4 + _length_at(data, at)


# What a stream may well begin with although it is cut within its first NAL unit: IDR and IRAP pictures, SPS,
# VPS, delimiters.
_BEGINS_GOP: Final = {"h264": frozenset({5, 7, 9}), "hevc": frozenset({*range(16, 22), 32, 33, 35})}


class LengthUnits(Grouping):
    """Cuts a stream of lengths and NAL units."""

    def __init__(self, codec: str, length_bytes: int) -> None:
        super().__init__()
        self.codec = codec
        self._length_bytes = length_bytes
        self._in_step = False
        self._held = bytearray()  # from the next length on
        self._asked = False  # whether the NAL unit behind it begins a unit
        self._unit = bytearray()
        self._seen = bytearray()  # while out of step
        self._unlooked = 0

    def feed(self, data: bytes) -> Cut:
        ended: list[bytes | None] = []
        begun, aligned = 0, False
        fresh = self._takes(data)
        while (part := self._next_part()) is not None:
            was_open = self.open
            if not self._asked and self.begins(part):
                if was_open:
                    ended.append(self._take())
                begun, aligned = begun + 1, aligned or fresh
            fresh, self._asked = False, True
            if not self._moves_on():
                break
        if self.open and (not self._in_step or len(self._unit) > MAX_UNIT_BYTES):
            ended.append(None)
            self._forget()
        return Cut(ended, begun, aligned)

    def end(self) -> bytes | None:
        if not self.coded or self._held:
            return None
        self.open = self.coded = False
        return self._take()

    def _takes(self, data: bytes) -> bool:
        """Whether `data` begins with a NAL unit. It is held where its NAL units can be told."""
        if self._in_step:
            begins = not self._held
            self._held += data
            return begins
        if self._begins_a_unit(data):
            self._step_in(data, asked=False)
            return True
        self._look_for_step(data)
        return False

    def _begins_a_unit(self, data: bytes) -> bool:
        """Whether `data` begins with a NAL unit that begins a unit, as far as one piece can show that."""
        if part_of(data, self._length_bytes, self.codec) not in {Part.FIRST, Part.OPENS}:
            return False
        whole, end = _walk(data, self.codec, self._length_bytes)
        begins_gop = nal_type(data[self._length_bytes], self.codec) in _BEGINS_GOP[self.codec]
        return whole > 0 or (whole == 0 and begins_gop and end < _USUAL_BYTES)

    def _look_for_step(self, data: bytes) -> None:
        self._unlooked += len(data)
        self._seen += data
        if self._unlooked < max(_LOOK_EVERY_BYTES, len(self._seen) // 4) or self._length_bytes != 4:
            del self._seen[:-_LOOK_BACK_BYTES]
            return
        self._unlooked = 0
        at, fresh = _first_in_line(self._seen, self.codec), len(self._seen) - len(data)
        if at is None:
            del self._seen[:-_LOOK_BACK_BYTES]
            return
        while at < fresh and (after := _after(self._seen, at)) <= len(self._seen):
            at = after
        # One that began in an earlier piece is passed over: of that piece it was said that none begins.
        self._step_in(self._seen[at:], asked=at < fresh)

    def _step_in(self, data: bytes | bytearray, *, asked: bool) -> None:
        self._in_step, self._asked = True, asked
        self._held += data
        self._seen.clear()
        self._unlooked = 0

    def _next_part(self) -> Part | None:
        """What the next NAL unit is; None where that is not there yet, or makes no sense."""
        at = self._length_bytes
        if len(self._held) <= at:
            return None
        if not _makes_sense(self._held, at, self._length(), self.codec):
            self._in_step = False
            self._held.clear()
            return None
        return part_of(self._held, at, self.codec)

    def _length(self) -> int:
        return int.from_bytes(self._held[: self._length_bytes], "big")

    def _moves_on(self) -> bool:
        """Puts the next NAL unit into the open unit; False where it is not all there yet."""
        start, end = self._length_bytes, self._length_bytes + self._length()
        if len(self._held) < end:
            return False
        if self.open:
            self._unit += _CODE + self._held[start:end]
        del self._held[:end]
        self._asked = False
        return True

    def _take(self) -> bytes | None:
        unit = bytes(self._unit)
        self._unit.clear()
        return unit if len(unit) <= MAX_UNIT_BYTES else None

    def _forget(self) -> None:
        self._unit.clear()
        self.open = self.coded = False
