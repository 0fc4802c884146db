"""Frames for models: made by hand, and of the real clips."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import av
import numpy as np
import pytest

from sightline import Frame
from sightline.frame import Image


class MakeFrame(Protocol):
    def __call__(self, image: Image, index: int = 0, *, camera_id: str = "gate", epoch: int = 1) -> Frame: ...


def frame_of(image: Image, index: int = 0, *, camera_id: str = "gate", epoch: int = 1) -> Frame:
    return Frame(
        camera_id=camera_id,
        epoch=epoch,
        index=index,
        pts=index * 3600,
        time_base=Fraction(1, 90_000),
        captured_at_ns=1_700_000_000_000_000_000 + index * 40_000_000,
        captured_at_source="arrival",
        decoded_at_ns=1_700_000_000_100_000_000 + index * 40_000_000,
        image=image,
    )


@pytest.fixture(scope="session")
def make_frame() -> MakeFrame:
    return frame_of


@pytest.fixture(scope="session")
def clip_frames(clips: Path) -> Callable[[str, int], list[Frame]]:
    """`clip_frames(name, step)`: each step-th frame of a real clip, at its own size."""

    def frames(name: str, step: int) -> Iterator[Frame]:
        with av.open(clips / name) as container:
            for index, picture in enumerate(container.decode(video=0)):
                if index % step == 0:
                    yield frame_of(picture.to_ndarray(format="bgr24").astype(np.uint8, copy=False), index)

    return lambda name, step: list(frames(name, step))
