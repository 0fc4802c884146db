"""What was seen, drawn by supervision's annotators: boxes, labels, and the way that tracked things came.

One `Drawing` is for one unbroken stretch of one camera: it remembers the last places of each track. The
picture is scaled before it is drawn on, so that lines and letters keep their size; boxes end at its edges.

`sightline.sink.annotate` draws for the preview: without supervision, and without a memory.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from sightline.frame import Image
from sightline.interop import load_supervision, to_supervision
from sightline.result import Result
from sightline.sink.annotate import INK, PADDING, PALETTE, caption, colour_number, fitted, letters, thickness

TRACE_FRAMES: Final = 50


class Drawing:
    """Annotators for pictures of up to `max_width` pixels. Raises MissingExtra without supervision."""

    def __init__(self, max_width: int) -> None:
        self._max_width = max_width
        self._supervision = load_supervision()
        self._annotators: tuple[Any, Any, Any] | None = None

    def of(self, image: Image, result: Result) -> Image:
        """A copy of `image`, at most `max_width` pixels wide, with `result` on it."""
        picture = fitted(image, self._max_width)
        boxes, labels, traces = self._annotators = self._annotators or self._made_for(picture)
        seen = to_supervision(result)
        seen.xyxy = _within(seen.xyxy, result, picture)
        seen.class_id = np.array([colour_number(one.label) for one in result.detections], np.int64)
        if seen.tracker_id is not None or not result.detections:  # a picture of nothing ages the traces
            picture = traces.annotate(picture, seen)
        picture = boxes.annotate(picture, seen)
        drawn: Image = labels.annotate(picture, seen, labels=[caption(one) for one in result.detections])
        return drawn

    def _made_for(self, picture: Image) -> tuple[Any, Any, Any]:
        draw = self._supervision
        colours = draw.ColorPalette([draw.Color(r, g, b) for b, g, r in PALETTE])
        ink = draw.Color(*reversed(INK))
        return (
            draw.BoxAnnotator(colours, thickness=thickness(picture)),
            draw.LabelAnnotator(
                colours,
                text_color=ink,
                text_scale=letters(picture),
                text_padding=PADDING,
                smart_position=True,
            ),
            draw.TraceAnnotator(colours, thickness=thickness(picture), trace_length=TRACE_FRAMES),
        )


def _within(boxes: Any, result: Result, picture: Image) -> Any:
    """Boxes in pixels of the picture, no further than its edges: any finite number may come."""
    height, width = picture.shape[:2]
    scale = np.array([width / result.width, height / result.height] * 2)
    return np.clip(boxes * scale, 0, [width - 1, height - 1] * 2)
