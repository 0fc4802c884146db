"""Models, sinks and frames that tests of the routines use, here and in other processes."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from sightline import Detection, Frame, Result
from sightline.errors import SinkError
from sightline.pipe import DestinationRoutine


def frame(camera_id: str = "gate", index: int = 0, height: int = 4) -> Frame:
    return Frame(
        camera_id=camera_id,
        epoch=1,
        index=index,
        pts=index * 3600,
        time_base=Fraction(1, 90_000),
        captured_at_ns=index,
        captured_at_source="media",
        decoded_at_ns=0,
        image=np.full((height, height, 3), index % 256, np.uint8),
    )


class Sees:
    """Finds one thing in each picture; fails at those whose index is in `fails`."""

    name, version = "sees", "1"

    def __init__(self, fails: Sequence[int] = (), calls: list[Any] | None = None) -> None:
        self.fails = fails
        self.calls: list[Any] = [] if calls is None else calls

    def load(self) -> None:
        self.calls.append("load")

    def warm_up(self) -> None:
        self.calls.append("warm_up")

    def predict(self, frames: Sequence[Frame]) -> list[tuple[Detection, ...]]:
        self.calls.append([(each.camera_id, each.index) for each in frames])
        if any(each.index in self.fails for each in frames):
            raise ValueError("cannot see")
        score = float(frames[0].image.mean())
        return [(Detection(label="thing", score=score, x1=0, y1=0, x2=1, y2=1),) for _ in frames]

    def close(self) -> None:
        self.calls.append("close")


class Keeps:
    """A sink that keeps what it is given; fails at those whose index is in `fails`."""

    def __init__(self, fails: Sequence[int] = ()) -> None:
        self.fails = fails
        self.kept: list[tuple[Result, Frame]] = []
        self.closed = 0

    def write(self, result: Result, frame: Frame) -> None:
        assert result.identity == frame.identity
        if result.index in self.fails:
            raise SinkError("the disk is full")
        self.kept.append((result, frame))

    def close(self) -> None:
        self.closed += 1


class Holds(DestinationRoutine):
    """Keeps what comes to it."""

    def __init__(self, name: str = "holds") -> None:
        super().__init__(name)
        self.got: list[Any] = []

    def main_logic(self, data: Any) -> None:
        self.got.append(data)
