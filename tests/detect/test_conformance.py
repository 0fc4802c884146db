"""Our models pass the suite, and each broken promise fails it."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from sightline import Detection, Frame
from sightline.detect import Model, open_model
from sightline.testing import check_model


class Empty:
    """Sees nothing; a model that keeps its promise."""

    name = "empty"
    version = "1"

    def load(self) -> None: ...
    def warm_up(self) -> None: ...
    def close(self) -> None: ...

    def predict(self, frames: Sequence[Frame]) -> Sequence[tuple[Detection, ...]]:
        return [()] * len(frames)


class Nameless(Empty):
    name = ""


class OneAnswer(Empty):
    def predict(self, frames: Sequence[Frame]) -> Any:
        return [()]


class Painter(Empty):
    def predict(self, frames: Sequence[Frame]) -> Any:
        frames[0].image[0] = 0
        return [()] * len(frames)


class ClosesOnce(Empty):
    closed = False

    def close(self) -> None:
        if self.closed:
            raise RuntimeError("closed already")
        self.closed = True


@pytest.mark.parametrize("make", [lambda: open_model("motion"), lambda: open_model("hog"), Empty])
def test_our_models_keep_the_promise(make: Callable[[], Model]) -> None:
    check_model(make)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (Nameless, "name is a text that is not empty"),
        (OneAnswer, "expected 4 answers, one for each frame, got 1"),
        (Painter, "pictures belong to the caller"),
        (ClosesOnce, "failed to close: RuntimeError: closed already"),
    ],
)
def test_a_broken_promise_is_found(make: Callable[[], Model], told: str) -> None:
    with pytest.raises(AssertionError, match=told):
        check_model(make)
