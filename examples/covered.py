"""A model of your own: is the camera covered, blinded or out of focus? `covered.yaml` uses it.

PYTHONPATH=examples sightline up examples/covered.yaml
"""

from collections.abc import Sequence

from sightline import Detection, Frame


class Covered:
    """One detection over the whole picture when nearly all of it has the same level."""

    name = "covered"
    version = "1"

    def __init__(self, *, least_contrast: float = 12.0) -> None:
        self._least_contrast = least_contrast

    def load(self) -> None:
        """There are no weights to get."""

    def warm_up(self) -> None:
        """The first picture takes no longer than the others."""

    def predict(self, frames: Sequence[Frame]) -> list[tuple[Detection, ...]]:
        return [self._seen(frame) for frame in frames]

    def close(self) -> None:
        """Nothing is held."""

    def _seen(self, frame: Frame) -> tuple[Detection, ...]:
        contrast = float(frame.image[::4, ::4].std())
        if contrast >= self._least_contrast:
            return ()
        score = 1 - contrast / self._least_contrast
        width, height = frame.size
        return (Detection(label="covered", score=score, x1=0, y1=0, x2=width, y2=height),)
