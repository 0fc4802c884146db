"""Results with their pictures, for sinks."""

import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from fractions import Fraction
from typing import TypeAlias

import numpy as np
import pytest

from sightline import Detection, Frame, Result

Shown: TypeAlias = tuple[Result, Frame]
MakeShown: TypeAlias = Callable[..., Shown]


def shown_of(
    camera_id: str = "gate",
    index: int = 0,
    detections: tuple[Detection, ...] | None = None,
    *,
    width: int = 192,
    height: int = 108,
    shade: int | None = None,
) -> Shown:
    """A picture of one shade with a white square that moves, and the result that says so."""
    image = np.full((height, width, 3), 60 + index % 8 * 10 if shade is None else shade, np.uint8)
    x = 10 + 5 * (index % 20)
    image[40:60, x : x + 20] = 255
    frame = Frame(
        camera_id=camera_id,
        epoch=1,
        index=index,
        pts=index * 9000,
        time_base=Fraction(1, 90_000),
        captured_at_ns=1_700_000_000_000_000_000 + index * 100_000_000,
        captured_at_source="arrival",
        decoded_at_ns=1_700_000_000_000_000_000 + index * 100_000_000,
        image=image,
    )
    square = Detection(label="square", score=0.9, x1=x, y1=40, x2=x + 20, y2=60)
    seen = (square,) if detections is None else detections
    return Result.of(frame, seen, model="m", model_version="1", inferred_at_ns=frame.decoded_at_ns), frame


@pytest.fixture(scope="session")
def make_shown() -> MakeShown:
    return shown_of


@contextmanager
def small_files(size: int) -> Iterator[None]:
    old, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, old[1]))
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, handler)


@pytest.fixture(scope="session")
def disk_of() -> Callable[[int], AbstractContextManager[None]]:
    """`with disk_of(size):` no file grows above `size` bytes, which stands for a disk that is full."""
    return small_files
