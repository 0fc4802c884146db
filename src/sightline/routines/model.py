"""A model between frames and what it saw in them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final, overload

import msgspec

from sightline.clock import SYSTEM_CLOCK
from sightline.detect import Model, infer
from sightline.frame import Frame
from sightline.pipe import MiddleRoutine
from sightline.result import Result
from sightline.routines.looked import Looked, Tally
from sightline.routines.seen import Seen

NO_TERMS: Final[Mapping[str, int]] = MappingProxyType({})


class ModelRoutine(MiddleRoutine):
    """Takes frames, one by one or in lists, and gives each back with its result, as they came.

    `setup` makes the model, loads it and warms it up, `cleanup` closes it. A list at which the model fails is
    lost, counted and logged, and the next one is looked at. Its `own_stats` are a `Looked` by camera. With
    `RoutineSettings(batch_size=...)` frames that came one by one are looked at together.

    Args:
        make: makes the model, where it is to run; its class will do, or `lambda: open_model("hog")`.
        name: as of any routine.
        terms: by camera, the `term` of its results; 0 of one that is not there.
    """

    def __init__(
        self, make: Callable[[], Model], name: str | None = None, *, terms: Mapping[str, int] = NO_TERMS
    ) -> None:
        super().__init__(name)
        self._terms = dict(terms)
        self._make = make
        self._model: Model | None = None
        self._tallies: defaultdict[str, Tally] = defaultdict(Tally)

    def setup(self) -> None:
        """Raises ModelError or ConfigError: there is no such model, or it cannot be loaded."""
        self._model = model = self._make()
        try:
            model.load()
            model.warm_up()
        except BaseException:
            self.cleanup()
            raise

    @overload
    def main_logic(self, data: Frame) -> Seen: ...
    @overload
    def main_logic(self, data: list[Frame]) -> list[Seen]: ...
    def main_logic(self, data: Frame | list[Frame]) -> Seen | list[Seen]:
        """Raises ModelError: the model failed, or broke its promise."""
        if isinstance(data, Frame):
            return self._seen([data])[0]
        return self._seen(data)

    def cleanup(self) -> None:
        """Raises ModelError: it did not close."""
        model, self._model = self._model, None
        if model is not None:
            model.close()

    def own_stats(self) -> dict[str, Looked]:
        now_ns = SYSTEM_CLOCK.monotonic_ns()
        return {camera_id: tally.looked(now_ns) for camera_id, tally in dict(self._tallies).items()}

    def _seen(self, frames: Sequence[Frame]) -> list[Seen]:
        try:
            results = self._looked_at(frames)
        except BaseException:
            for frame in frames:
                self._tallies[frame.camera_id].failed += 1
            raise
        published_at_ns, now_ns = SYSTEM_CLOCK.utc_ns(), SYSTEM_CLOCK.monotonic_ns()
        seen = []
        for result, frame in zip(results, frames, strict=True):
            term = self._terms.get(result.camera_id, 0)
            told = msgspec.structs.replace(result, published_at_ns=published_at_ns, term=term)
            self._tallies[told.camera_id].add(told, now_ns)
            seen.append(Seen(told, frame))
        return seen

    def _looked_at(self, frames: Sequence[Frame]) -> list[Result]:
        assert self._model is not None
        found: dict[int, Result] = {}
        for turn in _turns(frames):
            found |= zip(turn, infer(self._model, [frames[at] for at in turn], SYSTEM_CLOCK), strict=True)
        return [found[at] for at in range(len(frames))]


def _turns(frames: Sequence[Frame]) -> Iterator[list[int]]:
    """Where the frames stand that may be looked at together: at most one of each camera."""
    left = list(range(len(frames)))
    while left:
        first = {frames[at].camera_id: at for at in reversed(left)}
        yield sorted(first.values())
        left = [at for at in left if at not in first.values()]
