"""Which results somebody wants to be told of, and what of them. A pure machine."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from sightline.clock import ns
from sightline.result import Result


class Choice:
    """Chooses among results, in the order in which they come.

    Args:
        labels: those of the detections that are kept; all when empty.
        min_score: of the detections that are kept.
        only_detections: pass over a result of which no detection is left.
        every_s: pass over a result whose picture was taken less than this after the last one of its camera
            that was chosen, by the time of the pictures.
    """

    def __init__(
        self,
        *,
        labels: Collection[str] = (),
        min_score: float | None = None,
        only_detections: bool = True,
        every_s: float | None = None,
    ) -> None:
        self._labels = frozenset(labels)
        self._min_score = min_score
        self._only_detections = only_detections
        self._every_ns = 0 if every_s is None else ns(every_s)
        self._last_ns: dict[str, int] = {}

    def of(self, result: Result) -> Result | None:
        """The result with the detections that are kept; None when it is passed over."""
        kept = tuple(
            seen
            for seen in result.detections
            if (not self._labels or seen.label in self._labels)
            and (self._min_score is None or seen.score >= self._min_score)
        )
        if (self._only_detections and not kept) or self._is_too_soon(result):
            return None
        self._last_ns[result.camera_id] = result.captured_at_ns
        return (
            result
            if len(kept) == len(result.detections)
            else msgspec.structs.replace(result, detections=kept)
        )

    def _is_too_soon(self, result: Result) -> bool:
        last_ns = self._last_ns.get(result.camera_id)
        # A clip that begins again, or a clock that was set back, is not too soon.
        return last_ns is not None and 0 <= result.captured_at_ns - last_ns < self._every_ns
