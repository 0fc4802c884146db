"""Which form of video a message begins with, where nobody said: H.264, H.265 or MJPEG, Annex B or lengths.

Pure. A form is told by what only it can begin with: parameter sets or a delimiter behind a start code or a
length, an avcC or hvcC record, the first segment of a JPEG. Nothing is guessed from coded data: without one
of these no picture could be decoded either.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from sightline.codec.lengths import LengthUnits, count_whole, follows, nal_units, read_record
from sightline.codec.nal import split
from sightline.codec.units import AnnexBUnits, JpegUnits, Part, Units, part_of

CODECS: Final = ("h264", "hevc", "mjpeg")


class Form(NamedTuple):
    """A codec, and the bytes of a length before each NAL unit; 0: start codes, or no NAL units."""

    codec: str
    length_bytes: int = 0

    def is_damaged(self, message: bytes) -> bool:
        """Whether a message in which no unit begins is what is left of one, or nothing that can be read.

        What holds parameter sets, delimiters, fill and the like alone, or no byte, is none.
        """
        if self.codec == "mjpeg" or not message:
            return bool(message)
        nals = nal_units(message, self.length_bytes) if self.length_bytes else _annex_b(message)
        parts = {part_of(nal, 0, self.codec) for nal in nals}
        return not parts <= {Part.OPENS, Part.OTHER} or not parts

    def units(self) -> Units:
        """What cuts a stream of this form."""
        if self.codec == "mjpeg":
            return JpegUnits()
        return LengthUnits(*self) if self.length_bytes else AnnexBUnits(self.codec)


# H.265: VPS, SPS, PPS or delimiter of layer 0 (7.3.1.2). H.264: SPS of a known profile, or a delimiter
# (7.3.2.4). The other codec has no such NAL unit.
_NAL: Final = (
    rb"(?:(?P<hevc>[\x40\x42\x44\x46]\x01)"
    rb"|(?P<h264>[\x27\x47\x67][\x42\x4d\x58\x64\x6e\x7a\xf4\x2c]|\x09[\x10\x30\x50\x70\x90\xb0\xd0\xf0]))"
)
# A JPEG's first segment: JFIF, Exif, or one to four quantization tables (ITU-T T.81, B.2.4.1).
_JPEG: Final = (
    rb"(?P<mjpeg>\xff\xd8\xff"
    rb"(?:\xe0\x00\x10JFIF|\xe1[\x00-\xff]{2}Exif|\xdb\x00[\x43\x84\xc5]|\xdb\x01\x06))"
)
_AT_START: Final = re.compile(rb"\x00{2,3}\x01" + _NAL + b"|" + _JPEG)
_ANYWHERE: Final = re.compile(rb"\x00?\x00\x00\x01" + _NAL + b"|" + _JPEG)
_BEHIND_LENGTH: Final = re.compile(_NAL)
LOOK_BACK: Final = 16  # bytes: what is looked for is not longer


def form_of(message: bytes) -> Form | None:
    """The form of a message that begins with an access unit or is a record; None where it cannot be told."""
    if (record := read_record(message)) is not None:
        return Form(record.codec, record.length_bytes)
    if (match := _AT_START.match(message)) is not None and match.lastgroup is not None:
        return None if _may_be_lengths(message) else Form(match.lastgroup)
    if (match := _BEHIND_LENGTH.match(message, 4)) is not None and match.lastgroup is not None:
        return Form(match.lastgroup, 4) if follows(message, match.lastgroup) else None
    return None


def find_form(data: bytes) -> tuple[Form, int] | None:
    """The first form that begins anywhere within `data`, and where; lengths cannot be seen so."""
    match = _ANYWHERE.search(data)
    return None if match is None or match.lastgroup is None else (Form(match.lastgroup), match.start())


def _annex_b(message: bytes) -> list[bytes]:
    """Its NAL units; none where it does not begin with a start code."""
    return split(message) if message.lstrip(b"\0").startswith(b"\1") else []


def _may_be_lengths(message: bytes) -> bool:
    """Whether what looks like a start code and a header may be a length: 00 00 01 40 is one of 320 bytes."""
    return any(count_whole(message, codec) > 0 for codec in ("h264", "hevc"))
