"""A model whose detections say which of them are the same thing as before.

Each camera has tracks of its own. They begin anew with an epoch and with another size of its pictures; ids
rise on, so that within a camera an id stands for one thing for as long as the process runs, and together
with the epoch for ever. Time is the pictures' own (`pts`), not when the model got to see them.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from sightline.codec.timeline import Timeline
from sightline.detect.checked import Checked
from sightline.detect.model import Model
from sightline.detect.track import Tracker
from sightline.frame import Frame, Size
from sightline.kinds import make
from sightline.result import Detection

MAX_CAMERAS: Final = 1024
"""With tracks at a time; the camera unseen for longest loses its own."""


@dataclass(slots=True)
class _Camera:
    """One camera's tracks, and the stretch of pictures that they are in."""

    tracker: Tracker
    stretch: tuple[int, Size]
    timeline: Timeline = field(default_factory=Timeline)


class Tracked:
    """A model with tracking: the same detections, with `track_id` where a thing is followed.

    Args:
        model: whose detections they are; it keeps its name and version.
        options: what `sightline.detect.track.Tracker` takes.

    Raises:
        ConfigError: there is no such option, or its value does not fit.
        MissingExtra: scipy is not installed.
    """

    def __init__(self, model: Model, **options: Any) -> None:
        self._model = model if isinstance(model, Checked) else Checked(model)
        self._make_tracker = partial(make, "track", Tracker, options)
        self._make_tracker()  # what is wrong with the options is told now
        self._cameras: OrderedDict[str, _Camera] = OrderedDict()
        self._first_id = 1

    @property
    def name(self) -> str:
        return self._model.name

    @property
    def version(self) -> str:
        return self._model.version

    def load(self) -> None:
        self._model.load()

    def warm_up(self) -> None:
        self._model.warm_up()

    def predict(self, frames: Sequence[Frame]) -> list[tuple[Detection, ...]]:
        """As the model has it, with track ids. Frames of one camera come in the order of their time."""
        answers = self._model.predict(frames)
        return [self._follow(frame, answer) for frame, answer in zip(frames, answers, strict=True)]

    def close(self) -> None:
        self._model.close()

    def _follow(self, frame: Frame, found: tuple[Detection, ...]) -> tuple[Detection, ...]:
        camera = self._camera(frame)
        return camera.tracker.update(found, camera.timeline.at_ns(frame))

    def _camera(self, frame: Frame) -> _Camera:
        stretch = (frame.epoch, frame.size)
        camera = self._cameras.get(frame.camera_id) or self._add(frame.camera_id, stretch)
        self._cameras.move_to_end(frame.camera_id)
        if camera.stretch != stretch:
            camera.stretch = stretch
            camera.tracker.restart()
        return camera

    def _add(self, camera_id: str, stretch: tuple[int, Size]) -> _Camera:
        if len(self._cameras) >= MAX_CAMERAS:
            _, forgotten = self._cameras.popitem(last=False)
            # Should it come back, it has none of its ids again.
            self._first_id = max(self._first_id, forgotten.tracker.next_id)
        camera = self._cameras[camera_id] = _Camera(self._make_tracker(), stretch)
        camera.tracker.next_id = self._first_id
        return camera
