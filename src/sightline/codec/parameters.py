"""Parameter sets before each keyframe.

A consumer that joins in the middle can begin at any keyframe, if the SPS and PPS (and VPS) are in it.
Cameras send them with each keyframe, or once, or only in the SDP; MP4 has them in its header. Each kind that
a keyframe lacks is put in, the latest that this stream has shown; what is there is never doubled.

Does not do: other codecs than H.264 and H.265, whose keyframes stand alone or are seen to by libav.
"""

from __future__ import annotations

from sightline.codec.nal import DELIMITERS, PARAMETER_SETS, START_CODE, before_slices


class ParameterSets:
    """Those of one stream. `extradata` is what stands outside its packets, in Annex B."""

    def __init__(self, codec: str, extradata: bytes = b"") -> None:
        self._codec = codec
        self._needed = PARAMETER_SETS.get(codec, frozenset())
        self._known: dict[int, bytes] = {}
        self.changes = 0
        self._learn(extradata, list(before_slices(extradata, codec)))

    def complete(self, keyframe: bytes) -> bytes:
        """`keyframe` with parameter sets in it; as it is where it has them or none are known."""
        units = list(before_slices(keyframe, self._codec))
        lacking = self._needed - self._learn(keyframe, units)
        whole, done = b"", 0
        for kind in sorted(lacking & self._known.keys()):
            place = max((end for other, _, end in units if self._comes_before(other, kind)), default=0)
            whole += keyframe[done:place] + self._known[kind]
            done = place
        return whole + keyframe[done:] if whole else keyframe

    def _comes_before(self, other: int, kind: int) -> bool:
        """A delimiter is the first NAL unit of its access unit (H.264 7.4.1.2.3, H.265 7.4.2.4.4); of VPS,
        SPS and PPS, whose numbers rise, each refers to the one before.
        """
        return other == DELIMITERS[self._codec] or (other in self._needed and other < kind)

    def _learn(self, data: bytes, units: list[tuple[int, int, int]]) -> set[int]:
        """Remembers the parameter sets among the `units` of `data`; gives their kinds."""
        found: dict[int, bytes] = {}
        for kind, start, end in units:
            if kind in self._needed:
                found[kind] = found.get(kind, b"") + b"\0" + START_CODE + data[start:end]
        known = self._known | found
        if known != self._known:
            self._known, self.changes = known, self.changes + 1
        return set(found)
