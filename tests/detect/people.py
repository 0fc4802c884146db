"""Models that a user might write, good and bad; reached by their path."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from sightline import Detection, Frame


class Whole:
    """Answers with the whole picture."""

    name = "whole"
    version = "7"

    def __init__(self, label: str = "all", *, shrink: Annotated[float, Field(gt=0, le=1)] = 1) -> None:
        self.label = label
        self.shrink = shrink
        self.called: list[str] = []

    def load(self) -> None:
        self.called.append("load")

    def warm_up(self) -> None:
        self.called.append("warm_up")

    def predict(self, frames: Sequence[Frame]) -> Sequence[tuple[Detection, ...]]:
        return [
            (
                Detection(
                    label=self.label, score=1, x1=0, y1=0, x2=f.size.width * self.shrink, y2=f.size.height
                ),
            )
            for f in frames
        ]

    def close(self) -> None:
        self.called.append("close")


class Needs(Whole):
    def __init__(self, weights: str) -> None:
        super().__init__(weights)


class Half:
    """Lacks what the promise asks for."""

    name = "half"

    def load(self) -> None: ...

    def predict(self, frames: Sequence[Frame]) -> Sequence[tuple[Detection, ...]]:
        return []


class Explodes(Whole):
    def __init__(self) -> None:
        raise FileNotFoundError("weights.bin")


NUMBER = 5
