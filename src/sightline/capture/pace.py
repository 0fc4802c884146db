"""A recording played at its own pace.

Pure: `Pace` says when a unit is due; who waits is the reader. A reader that was held up catches up, as a
camera's packets do that waited in the network. Where media time breaks, the pace begins anew.
"""

from __future__ import annotations

from sightline.capture.source import Unit
from sightline.capture.timing import Line


class Pace:
    """When each unit of one source is due, on the monotonic clock."""

    def __init__(self, frame_ns: int) -> None:
        self._frame_ns = frame_ns
        self._line = Line()
        self._begun: tuple[int, int] | None = None
        self._media_ns = 0

    def due_ns(self, unit: Unit, now_ns: int) -> int:
        """When `unit` is to be delivered: at once, for the first one."""
        order_ns = unit.order_ns
        self._media_ns = self._media_ns + self._frame_ns if order_ns is None else order_ns
        if self._line.breaks(unit, None) or self._begun is None:
            self._begun = now_ns, self._media_ns
        monotonic_ns, media_ns = self._begun
        return monotonic_ns + self._media_ns - media_ns
