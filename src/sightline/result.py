"""What a model saw in one frame, and when.

A `Result` stands for exactly one packet: it has that packet's identity, so that the two can be joined
again anywhere. Boxes are in pixels of the frame that the model was given (`width` x `height`), top-left
origin, y down.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TypeAlias

import msgspec

from sightline.frame import Frame
from sightline.packet import ClockSource, Identity

Attribute: TypeAlias = str | int | float | bool | None


class Detection(msgspec.Struct, frozen=True, kw_only=True):
    """One thing seen.

    Attributes:
        label: what it is.
        score: how sure the model is; 0 to 1 for most, any finite number otherwise.
        x1, y1, x2, y2: its box in pixels, left, top, right, bottom.
        track_id: the same thing in other frames of this camera; None when it is not tracked.
        attributes: what else was found out about it.
    """

    label: str
    score: float
    x1: float
    y1: float
    x2: float
    y2: float
    track_id: int | None = None
    attributes: dict[str, Attribute] = {}

    @property
    def area(self) -> float:
        """Square pixels of the box; 0 for one that is empty or turned inside out."""
        return max(0.0, self.x2 - self.x1) * max(0.0, self.y2 - self.y1)


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """All that one model saw in one frame.

    Attributes:
        camera_id, epoch, index: identity of the packet that the frame was in.
        term: what fences a late agent of a fleet: the higher one holds; 0 outside a fleet.
        pts, time_base: presentation time of the frame; pts is None where the source did not say.
        captured_at_ns, captured_at_source: when the picture was taken, UTC ns, and who says so.
        width, height: size in pixels of the picture that the model was given.
        model, model_version: who saw it.
        decoded_at_ns, inferred_at_ns: UTC ns at which the frame and this result were ready.
        published_at_ns: UTC ns at which it was handed to the sinks; None before that.
        detections: the things seen, in the model's order.
    """

    camera_id: str
    epoch: int
    index: int
    term: int = 0
    pts: int | None
    time_base: Fraction
    captured_at_ns: int
    captured_at_source: ClockSource
    width: int
    height: int
    model: str
    model_version: str
    decoded_at_ns: int
    inferred_at_ns: int
    published_at_ns: int | None = None
    detections: tuple[Detection, ...] = ()

    @property
    def identity(self) -> Identity:
        return Identity(self.camera_id, self.epoch, self.index)

    @classmethod
    def of(
        cls,
        frame: Frame,
        detections: tuple[Detection, ...],
        *,
        model: str,
        model_version: str,
        inferred_at_ns: int,
    ) -> Result:
        """The result of a model on `frame`."""
        return cls(
            camera_id=frame.camera_id,
            epoch=frame.epoch,
            index=frame.index,
            pts=frame.pts,
            time_base=frame.time_base,
            captured_at_ns=frame.captured_at_ns,
            captured_at_source=frame.captured_at_source,
            width=frame.size.width,
            height=frame.size.height,
            model=model,
            model_version=model_version,
            decoded_at_ns=frame.decoded_at_ns,
            inferred_at_ns=inferred_at_ns,
            detections=detections,
        )
