"""A model held to its promise, and results made with it.

A wrong answer is found where it is made, not three stages later as a missing box or a line of JSON that
cannot be read back. Nothing is repaired: boxes are not clipped, scores are not scaled.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sightline.clock import Clock
from sightline.detect.model import Model
from sightline.errors import ModelError
from sightline.frame import Frame
from sightline.result import Detection, Result

Answers = Sequence[tuple[Detection, ...]]


class Checked:
    """A model that raises `ModelError` and nothing else, and whose answers fit their frames."""

    def __init__(self, model: Model) -> None:
        self.model = model

    @property
    def name(self) -> str:
        return self.model.name

    @property
    def version(self) -> str:
        return self.model.version

    def load(self) -> None:
        with self._named("load"):
            self.model.load()

    def warm_up(self) -> None:
        with self._named("warm up"):
            self.model.warm_up()

    def predict(self, frames: Sequence[Frame]) -> Answers:
        """The model's answers. Raises ModelError with the batch, what was expected and what came."""
        if not frames:
            return ()
        with self._named(f"predict {_shown(frames)}"):
            answers: Any = self.model.predict(frames)
        fault = _fault(answers, frames)
        if fault:
            raise ModelError(f"model {self.name}, batch {_shown(frames)}: {fault}")
        checked: Answers = answers
        return checked

    def close(self) -> None:
        with self._named("close"):
            self.model.close()

    @contextmanager
    def _named(self, doing: str) -> Iterator[None]:
        try:
            yield
        except ModelError:
            raise
        except Exception as error:
            what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            raise ModelError(f"model {self.name} failed to {doing}: {what}") from error


def infer(model: Model, frames: Sequence[Frame], clock: Clock) -> list[Result]:
    """One result for each frame, in order, with the time at which the whole batch was done.

    Raises:
        ModelError: the model failed, or broke its promise; there is no result for any frame of the batch.
    """
    watched = model if isinstance(model, Checked) else Checked(model)
    answers = watched.predict(frames)
    done_at_ns = clock.utc_ns()
    return [
        Result.of(frame, answer, model=watched.name, model_version=watched.version, inferred_at_ns=done_at_ns)
        for frame, answer in zip(frames, answers, strict=True)
    ]


def _fault(answers: Any, frames: Sequence[Frame]) -> str | None:
    """What is wrong with the answers to `frames`, in words; None when nothing is."""
    if not isinstance(answers, Sequence):
        return f"expected a sequence of {len(frames)} tuples of Detection, got {type(answers).__name__}"
    if len(answers) != len(frames):
        return f"expected {len(frames)} answers, one for each frame, got {len(answers)}"
    return _first(_fault_of_one, zip(frames, answers, strict=True))


def _fault_of_one(pair: tuple[Frame, Any]) -> str | None:
    frame, answer = pair
    if not isinstance(answer, tuple):
        return f"expected a tuple of Detection for {frame.identity}, got {type(answer).__name__}"
    fault = _first(_fault_of_detection, answer)
    return f"{fault} for {frame.identity}" if fault else None


def _fault_of_detection(found: Any) -> str | None:
    if not isinstance(found, Detection):
        return f"expected a Detection, got {type(found).__name__}"
    label: Any = found.label  # its type is a promise until here
    if not isinstance(label, str):
        return f"expected text as label, got {label!r}"
    for name in ("score", "x1", "y1", "x2", "y2"):
        value = getattr(found, name)
        if not _is_number(value):
            return f"expected a finite number as {name} of a {label!r}, got {value!r}"
    if found.track_id is not None and type(found.track_id) is not int:
        return f"expected a whole number or None as track_id of a {label!r}, got {found.track_id!r}"
    fault = _fault_of_attributes(found.attributes)
    return fault and f"expected {fault[0]} of a {label!r}, got {fault[1]!r}"


def _fault_of_attributes(attributes: Any) -> tuple[str, Any] | None:
    """What was expected, and what came."""
    if not isinstance(attributes, dict):
        return "a dict as attributes", attributes
    for name, value in attributes.items():
        if not isinstance(name, str):
            return "text as the name of an attribute", name
        if not (value is None or isinstance(value, str | bool) or _is_number(value)):
            return f"text, a finite number, a bool or None as attribute {name}", value
    return None


def _is_number(value: Any) -> bool:
    """JSON's kind of number; a bool is none, though Python counts with it."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _first(check: Callable[[Any], str | None], things: Any) -> str | None:
    return next((fault for fault in map(check, things) if fault), None)


def _shown(frames: Sequence[Frame]) -> str:
    """The batch as `[gate/17/3, yard/17/9 and 4 more]`."""
    more = f" and {len(frames) - 3} more" if len(frames) > 3 else ""
    return "[" + ", ".join(str(frame.identity) for frame in frames[:3]) + more + "]"
