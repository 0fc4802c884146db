"""What a model promises. `sightline.testing.check_model` tries a model against it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from sightline.frame import Frame
from sightline.result import Detection


class Model(Protocol):
    """Sees things in pictures. One thread at a time calls it, not always the same one.

    The order of calls is `load`, `warm_up`, any number of `predict`, `close`. Constructing a model is
    cheap and touches neither weights nor a device: that is what `load` is for.
    """

    @property
    def name(self) -> str:
        """What it is called in results."""

    @property
    def version(self) -> str:
        """Changes whenever the same picture may get another answer."""

    def load(self) -> None:
        """Get the weights and the device."""

    def warm_up(self) -> None:
        """Do once what makes a first prediction slow. It must not change later answers."""

    def predict(self, frames: Sequence[Frame]) -> Sequence[tuple[Detection, ...]]:
        """One tuple of detections for each frame, in the order of the frames.

        The frames are of different cameras and may differ in size; they belong to the caller and are
        not written to. Boxes are in pixels of the frame; every number is finite.
        """

    def close(self) -> None:
        """Give everything back. May be called twice, and without `load`."""
