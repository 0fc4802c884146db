"""The promise of a sink as a suite that any sink passes; `sightline.testing` shows it to the public.

What arrives on the other side is for the sink's own tests, as is what it does when its medium fails.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from typing import Final, TypeAlias

import numpy as np

from sightline.clock import NS_PER_S
from sightline.errors import Closed
from sightline.frame import Frame, Size
from sightline.result import Detection, Result
from sightline.sink.sink import Sink

MakeSink: TypeAlias = Callable[[], Sink]

CAMERAS: Final = ("gate", "höf 2", "<b>&'\"", "../yard")
SIZES: Final = (Size(320, 180), Size(41, 37), Size(2, 2))
BOXES: Final = ((10, 10, 50, 50), (-1e9, -1, 1e9, 1e9), (30, 30, 5, 5), (0, 0, 0, 0))


def check_sink(make_sink: MakeSink) -> None:
    """Holds a sink to the promise of `sightline.sink.Sink`.

    Args:
        make_sink: gives a new sink each time, open; all are closed here, each before the next is made.

    Raises:
        AssertionError: a promise is broken; a note says which check found it.
    """
    for check in (_it_may_stay_empty, _any_result_is_taken, _any_thread_may_call):
        try:
            check(make_sink)
        except Exception as error:
            error.add_note(f"found by check_sink: {check.__name__}")
            raise


def _it_may_stay_empty(make_sink: MakeSink) -> None:
    sink = make_sink()
    sink.close()
    sink.close()


def _any_result_is_taken(make_sink: MakeSink) -> None:
    """Cameras of any name, pictures of any size, boxes anywhere; nothing given is written to."""
    sink = make_sink()
    for result, frame in _results():
        before = frame.image.copy()
        sink.write(result, frame)
        if not np.array_equal(frame.image, before):
            raise AssertionError("a picture given to a sink is not changed")
    sink.close()
    try:
        sink.write(*next(_results()))
    except Closed:
        return
    raise AssertionError("write raises Closed after close")


def _any_thread_may_call(make_sink: MakeSink) -> None:
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as other:
        sink = one.submit(make_sink).result()
        for result, frame in _results():
            other.submit(sink.write, result, frame).result()
        one.submit(sink.close).result()


def _results() -> Iterator[tuple[Result, Frame]]:
    for index in range(12):
        for camera_id in CAMERAS:
            frame = _frame(camera_id, index, SIZES[index % len(SIZES)])
            seen = tuple(_detection(box, index) for box in BOXES[: index % (len(BOXES) + 1)])
            yield (
                Result.of(frame, seen, model="m", model_version="1", inferred_at_ns=frame.decoded_at_ns),
                frame,
            )


def _detection(box: tuple[float, float, float, float], index: int) -> Detection:
    x1, y1, x2, y2 = box
    label = ("person", "", "人\n")[index % 3]
    track_id = index if index % 2 else None
    return Detection(label=label, score=index / 3, x1=x1, y1=y1, x2=x2, y2=y2, track_id=track_id)


def _frame(camera_id: str, index: int, size: Size) -> Frame:
    at_ns = 1_700_000_000 * NS_PER_S + index * NS_PER_S // 10
    return Frame(
        camera_id=camera_id,
        epoch=1,
        index=index,
        pts=index * 9000 or None,
        time_base=Fraction(1, 90_000),
        captured_at_ns=at_ns,
        captured_at_source=("arrival", "media", "rtcp")[index % 3],
        decoded_at_ns=at_ns,
        image=np.full((size.height, size.width, 3), index * 20, np.uint8),
    )
