"""A camera's packets and results as the frames that its viewers get; for one thread.

Promises: nothing is encoded again; times only rise, also where the camera begins anew; boxes have the time
of the very picture that they were seen in, found by its identity, and go out behind it. What comes twice, or
of a term that is over, is left out.

Deliberately not here: viewers, and JPEGs.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from contextlib import suppress
from typing import Final

from sightline.codec.codec_string import codec_string
from sightline.codec.fragments import Fragmenter, Segment
from sightline.errors import CodecError
from sightline.fleet.viewing.fence import Fence
from sightline.fleet.viewing.framing import Item, boxes, head, init, media
from sightline.packet import Identity, Packet
from sightline.result import Result

FRAGMENT_S: Final = 0.3
"""Below that Chromium stops where a camera sends B-frames."""
MOST_TIMES: Final = 2048
MOST_RESULTS: Final = 256


class Stream:
    """Of one camera."""

    def __init__(self) -> None:
        self._fence = Fence()
        self._fragmenter = Fragmenter(fragment_s=FRAGMENT_S)
        self._offset_s = self._end_s = 0.0
        self._times: OrderedDict[Identity, float] = OrderedDict()
        self._early: deque[Result] = deque(maxlen=MOST_RESULTS)

    def packet(self, packet: Packet, term: int, now_ns: int) -> list[Item] | None:
        """What goes out with it; None: it was left out.

        Raises:
            CodecError: nobody can be shown this; the next packet may do.
        """
        if not self._fence.lets(packet.identity, term, now_ns):
            return None
        try:
            segments = self._fragmenter.add(packet)
        except CodecError:
            self.close()
            self._fragmenter = Fragmenter(fragment_s=FRAGMENT_S)
            raise
        return [item for segment in segments for item in self._items(segment)] + self._late_boxes(segments)

    def result(self, result: Result) -> list[Item]:
        """What goes out with it: nothing, as long as its picture did not."""
        at_s = self._times.get(result.identity)
        if at_s is None:
            self._early.append(result)
            return []
        return [boxes(result, at_s)]

    def time_of(self, identity: Identity) -> float | None:
        """When this picture is shown; None: it did not go out, or long ago."""
        return self._times.get(identity)

    def close(self) -> None:
        """Nothing more will come; what libav holds is given back."""
        with suppress(CodecError):
            self._fragmenter.end()

    def _items(self, segment: Segment) -> list[Item]:
        if segment.size is not None:
            self._offset_s = self._end_s
            return [
                head(codec_string(segment.data) or "", segment.size, self._offset_s),
                init(segment.data),
            ]
        for shown in segment.shown:
            self._times[shown.identity] = self._offset_s + shown.at_s
            self._end_s = max(self._end_s, self._offset_s + shown.until_s)
        while len(self._times) > MOST_TIMES:
            self._times.popitem(last=False)
        return [media(segment.data, keyframe=segment.keyframe)]

    def _late_boxes(self, segments: list[Segment]) -> list[Item]:
        """Of results that came before their pictures; of those whose picture never came nothing is kept."""
        if not segments or not self._early:
            return []
        early, newest = list(self._early), next(reversed(self._times), None)
        self._early.clear()
        made = []
        for result in early:
            if newest is None or result.identity > newest or result.identity in self._times:
                made += self.result(result)
        return made
