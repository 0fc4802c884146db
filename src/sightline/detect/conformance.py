"""The promise of a model as a suite that any model passes; `sightline.testing` shows it to the public.

It cannot know what is in a picture: whether the answers are *right* is for the model's own tests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from typing import Final, TypeAlias

import numpy as np

from sightline.clock import NS_PER_S
from sightline.detect.checked import Checked
from sightline.detect.model import Model
from sightline.errors import ModelError
from sightline.frame import Frame, Size

MakeModel: TypeAlias = Callable[[], Model]

SIZES: Final = (Size(768, 432), Size(320, 240), Size(41, 37), Size(2, 2))
ROUNDS: Final = 3


def check_model(make_model: MakeModel) -> None:
    """Holds a model to the promise of `sightline.detect.Model`.

    Args:
        make_model: gives a new model each time, not loaded; all are closed here.

    Raises:
        AssertionError: a promise is broken; a note says which check found it.
    """
    for check in (_closing_needs_no_load, _each_frame_gets_an_answer, _any_thread_may_call):
        try:
            check(make_model)
        except ModelError as error:
            raise AssertionError(f"{error} (found by check_model: {check.__name__})") from error
        except Exception as error:
            error.add_note(f"found by check_model: {check.__name__}")
            raise


def _closing_needs_no_load(make_model: MakeModel) -> None:
    model = make_model()
    for name in ("name", "version"):
        value = getattr(model, name)
        _expect(isinstance(value, str) and value != "", f"{name} is a text that is not empty, got {value!r}")
    Checked(model).close()
    Checked(model).close()


def _each_frame_gets_an_answer(make_model: MakeModel) -> None:
    """Of cameras of different sizes, alone and together, also after a new epoch and another size."""
    model = Checked(make_model())
    model.load()
    model.warm_up()
    for batch in _batches():
        before = [frame.image.copy() for frame in batch]
        model.predict(batch)
        same = all(np.array_equal(frame.image, image) for frame, image in zip(batch, before, strict=True))
        _expect(same, "pictures belong to the caller and are not written to")
    model.close()
    model.close()


def _any_thread_may_call(make_model: MakeModel) -> None:
    model = Checked(make_model())
    for call in (
        model.load,
        model.warm_up,
        *(_predicting(model, batch) for batch in _batches()),
        model.close,
    ):
        with ThreadPoolExecutor(1) as thread:
            thread.submit(call).result()


def _predicting(model: Checked, batch: list[Frame]) -> Callable[[], object]:
    return lambda: model.predict(batch)


def _batches() -> Iterator[list[Frame]]:
    cameras = [f"camera-{at}" for at in range(len(SIZES))]
    yield [_frame(cameras[0], 1, 0, SIZES[0])]
    for index in range(1, ROUNDS + 1):
        yield [_frame(name, 1, index, size) for name, size in zip(cameras, SIZES, strict=True)]
    yield [_frame(name, 2, 0, size) for name, size in zip(cameras, reversed(SIZES), strict=True)]


def _frame(camera_id: str, epoch: int, index: int, size: Size) -> Frame:
    noise = np.random.default_rng(index).integers(0, 256, (size.height, size.width, 3))
    at_ns = 1_700_000_000 * NS_PER_S + index * NS_PER_S // 10
    return Frame(
        camera_id=camera_id,
        epoch=epoch,
        index=index,
        pts=None if index == 0 else index * 9000,
        time_base=Fraction(1, 90_000),
        captured_at_ns=at_ns,
        captured_at_source="arrival",
        decoded_at_ns=at_ns,
        image=noise.astype(np.uint8),
    )


def _expect(kept: bool, promise: str) -> None:
    if not kept:
        raise AssertionError(promise)
