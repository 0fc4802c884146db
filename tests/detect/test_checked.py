"""Answers are held to the promise, and results are made of those that fit."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from sightline import Detection, Frame
from sightline.clock import SYSTEM_CLOCK
from sightline.detect import infer
from sightline.errors import ModelError

Make = Callable[..., Frame]


class Scripted:
    """Answers what it was told to."""

    name = "scripted"
    version = "3"

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def load(self) -> None:
        raise OSError("no weights")

    def warm_up(self) -> None: ...

    def predict(self, frames: Sequence[Frame]) -> Any:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def close(self) -> None: ...


def seen(**changes: Any) -> Detection:
    fields: dict[str, Any] = {"label": "cat", "score": 0.5, "x1": 1, "y1": 2, "x2": 3, "y2": 4}
    return Detection(**(fields | changes))


@pytest.fixture
def batch(make_frame: Make) -> list[Frame]:
    images = [np.zeros((20 + 2 * at, 40, 3), np.uint8) for at in range(2)]
    return [make_frame(images[at], 7 + at, camera_id=name) for at, name in enumerate(["gate", "yard"])]


def test_a_result_has_its_frames_identity_and_size_and_the_models_name(batch: list[Frame]) -> None:
    before = SYSTEM_CLOCK.utc_ns()
    gate, yard = infer(Scripted([(seen(),), ()]), batch, SYSTEM_CLOCK)
    assert (gate.identity, yard.identity) == (("gate", 1, 7), ("yard", 1, 8))
    assert (yard.width, yard.height) == (40, 22)
    assert (gate.model, gate.model_version) == ("scripted", "3")
    assert gate.detections == (seen(),)
    assert yard.detections == ()
    assert before <= gate.inferred_at_ns == yard.inferred_at_ns <= SYSTEM_CLOCK.utc_ns()


def test_all_that_may_be_known_of_a_thing_passes(batch: list[Frame]) -> None:
    known = seen(
        track_id=3, attributes={"colour": "red", "wheels": 4, "speed": 1.5, "parked": False, "x": None}
    )
    assert infer(Scripted([(known,), ()]), batch, SYSTEM_CLOCK)[0].detections == (known,)


def test_no_frames_give_no_results_and_ask_the_model_nothing() -> None:
    assert infer(Scripted(ValueError("asked")), [], SYSTEM_CLOCK) == []


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (None, "expected a sequence of 2 tuples of Detection, got NoneType"),
        ([()], "expected 2 answers, one for each frame, got 1"),
        ([(), (), ()], "got 3"),
        ([(), [seen()]], "expected a tuple of Detection for yard/1/8, got list"),
        ([({"label": "cat"},), ()], "expected a Detection, got dict for gate/1/7"),
        ([(seen(score=math.nan),), ()], "expected a finite number as score of a 'cat', got nan for gate/1/7"),
        ([(), (seen(x2=math.inf),)], "as x2 of a 'cat', got inf for yard/1/8"),
        ([(), (seen(y1="4"),)], "as y1 of a 'cat', got '4'"),
        ([(), (seen(x1=True),)], "as x1 of a 'cat', got True"),
        ([(seen(label=7),), ()], "expected text as label, got 7 for gate/1/7"),
        ([(seen(track_id="7"),), ()], "expected a whole number or None as track_id of a 'cat', got '7'"),
        ([(seen(track_id=True),), ()], "as track_id of a 'cat', got True"),
        ([(seen(attributes=[1]),), ()], "expected a dict as attributes of a 'cat', got [1]"),
        ([(seen(attributes={1: "x"}),), ()], "expected text as the name of an attribute of a 'cat', got 1"),
        (
            [(seen(attributes={"colour": ("red",)}),), ()],
            "expected text, a finite number, a bool or None as attribute colour of a 'cat', got ('red',)",
        ),
        ([(seen(attributes={"speed": math.nan}),), ()], "as attribute speed of a 'cat', got nan"),
        ([(), (seen(score=np.float32(1)),)], "as score of a 'cat', got np.float32"),
    ],
)
def test_a_wrong_answer_names_model_batch_expected_and_came(
    batch: list[Frame], answer: Any, told: str
) -> None:
    with pytest.raises(ModelError) as caught:
        infer(Scripted(answer), batch, SYSTEM_CLOCK)
    assert str(caught.value).startswith("model scripted, batch [gate/1/7, yard/1/8]: ")
    assert told in str(caught.value)


def test_what_a_model_raises_is_a_model_error_with_its_cause(batch: list[Frame]) -> None:
    cause = KeyError("layer 3")
    with pytest.raises(
        ModelError, match=r"scripted failed to predict \[gate/1/7, yard/1/8\]: KeyError"
    ) as caught:
        infer(Scripted(cause), batch, SYSTEM_CLOCK)
    assert caught.value.__cause__ is cause


def test_a_model_that_says_it_itself_is_left_alone(batch: list[Frame]) -> None:
    own = ModelError("out of memory")
    with pytest.raises(ModelError) as caught:
        infer(Scripted(own), batch, SYSTEM_CLOCK)
    assert caught.value is own
