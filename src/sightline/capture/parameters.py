"""Parameter sets before each keyframe.

A consumer that joins in the middle can begin at any keyframe, if the SPS and PPS (and VPS) are in it.
Cameras send them with each keyframe, or once, or only in the SDP; MP4 has them in its header. Those that
a keyframe lacks are put in, the latest that this stream has shown; what is there is never doubled.

Does not do: other codecs than H.264 and H.265, whose keyframes stand alone or are seen to by libav.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sightline.codec.nal import START_CODE

# ITU-T H.264 table 7-1 and H.265 table 7-1: the kinds needed, and the access unit delimiter.
_NEEDED: Final = {"h264": frozenset({7, 8}), "hevc": frozenset({32, 33, 34})}
_DELIMITER: Final = {"h264": 9, "hevc": 35}


class ParameterSets:
    """Those of one stream. `extradata` is what stands outside its packets, in Annex B."""

    def __init__(self, codec: str, extradata: bytes = b"") -> None:
        self._codec = codec
        self._known = b""
        self.changes = 0
        if codec in _NEEDED:
            self._learn(extradata)

    def complete(self, keyframe: bytes) -> bytes:
        """`keyframe` with parameter sets in it; as it is where it has them or none are known."""
        if self._codec not in _NEEDED or self._learn(keyframe):
            return keyframe
        # A delimiter stays the first NAL unit of its access unit (H.264 7.4.1.2.3, H.265 7.4.2.4.4).
        at = _after_delimiter(keyframe, self._codec)
        return keyframe[:at] + self._known + keyframe[at:]

    def _learn(self, data: bytes) -> bool:
        """Remembers the parameter sets in `data`, if it has all kinds."""
        found = [
            (kind, nal) for kind, nal in _before_slices(data, self._codec) if kind in _NEEDED[self._codec]
        ]
        if {kind for kind, _ in found} != _NEEDED[self._codec]:
            return False
        known = b"".join(b"\0" + START_CODE + nal for _, nal in found)
        if known != self._known:
            self._known, self.changes = known, self.changes + 1
        return True


def _before_slices(data: bytes, codec: str) -> Iterator[tuple[int, bytes]]:
    """Kind and bytes of the NAL units before the first coded slice, which is most of the data."""
    start = data.find(START_CODE)
    while 0 <= start < len(data) - len(START_CODE):
        start += len(START_CODE)
        kind = _kind(data[start], codec)
        if _is_slice(kind, codec):
            return
        end = data.find(START_CODE, start)
        yield kind, data[start : end if end >= 0 else len(data)].rstrip(b"\0")
        start = end


def _after_delimiter(data: bytes, codec: str) -> int:
    first = data.find(START_CODE) + len(START_CODE)
    if not len(START_CODE) <= first < len(data) or _kind(data[first], codec) != _DELIMITER[codec]:
        return 0
    end = data.find(START_CODE, first)
    # The zero byte before a start code belongs to what follows.
    return max(end - (data[end - 1] == 0), 0) if end >= 0 else len(data)


def _kind(first_byte: int, codec: str) -> int:
    return first_byte & 0x1F if codec == "h264" else first_byte >> 1 & 0x3F


def _is_slice(kind: int, codec: str) -> bool:
    return 1 <= kind <= 5 if codec == "h264" else kind < 32
