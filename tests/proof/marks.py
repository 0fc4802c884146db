"""A model that reads the number drawn into a scene's picture: what it tells can be held against the truth."""

from collections.abc import Sequence

from sightline import Detection, Frame, Result
from sightline.scene import Mark, read_mark


class MarkReader:
    """One detection a picture whose mark can be read, none for any other."""

    name, version = "mark", "1"

    def load(self) -> None: ...

    def warm_up(self) -> None: ...

    def predict(self, frames: Sequence[Frame]) -> list[tuple[Detection, ...]]:
        return [_seen(read_mark(frame.image)) for frame in frames]

    def close(self) -> None: ...


def mark_of(result: Result) -> Mark | None:
    """What a `MarkReader` read in this result's picture."""
    if not result.detections:
        return None
    camera, frame = (result.detections[0].attributes[name] for name in Mark._fields)
    assert isinstance(camera, int)
    assert isinstance(frame, int)
    return Mark(camera, frame)


def _seen(mark: Mark | None) -> tuple[Detection, ...]:
    if mark is None:
        return ()
    return (Detection(label="mark", score=1, x1=0, y1=0, x2=1, y2=1, attributes=dict(mark._asdict())),)
