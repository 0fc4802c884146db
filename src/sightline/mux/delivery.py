"""What a batch holds of one camera: the three that the document unpacks, and what else is known beside them.

An `Item` is the tuple `(cam_id, index, array)`. Its index is an `int` that also knows its epoch, so that a
result finds its packet after the camera has begun anew and counts from 0 again.
"""

from __future__ import annotations

from typing import Any, Generic, Self, TypeAlias, TypeVar

from sightline.frame import Frame, Image
from sightline.mux.course import Picture
from sightline.packet import Identity

Shown = TypeVar("Shown", bound=Image | Frame)
"""What the third of an item is: the picture, or all that is known of it where that was asked for."""


class Index(int):
    """An index within its epoch; equal to the number, which is what sorts and counts.

    Attributes:
        epoch: as `Packet` has it; 0 of a message that says none.
    """

    epoch: int

    def __new__(cls, value: int, epoch: int = 0) -> Self:
        index = super().__new__(cls, value)
        index.epoch = epoch
        return index

    def __getnewargs__(self) -> tuple[int, int]:  # type: ignore[override]  # for pickle: both
        return int(self), self.epoch


class Item(tuple[str, Index, Shown | None], Generic[Shown]):
    """`(cam_id, index, array)`; the array is None where the packet could not be decoded.

    Attributes:
        frame: the picture with its times; None where there is none.
        reason: why there is none, in a word; empty where there is one.
    """

    frame: Frame | None
    reason: str

    def __new__(cls, picture: Picture, *, whole: bool = False) -> Self:
        decoded = picture if isinstance(picture, Frame) else None
        shown: Any = decoded if whole or decoded is None else decoded.image
        item = super().__new__(cls, (picture.camera_id, Index(picture.index, picture.epoch), shown))
        item.frame = decoded
        item.reason = "" if isinstance(picture, Frame) else picture.reason
        return item

    @property
    def cam_id(self) -> str:
        return self[0]

    @property
    def index(self) -> Index:  # type: ignore[override]  # tuple.index: nobody searches an item
        return self[1]

    @property
    def array(self) -> Shown | None:
        """`(height, width, 3)` uint8 BGR; a `Frame` where frames were asked for."""
        return self[2]

    @property
    def epoch(self) -> int:
        return self.index.epoch

    @property
    def identity(self) -> Identity:
        return Identity(self.cam_id, self.epoch, int(self.index))


Batch: TypeAlias = list[Item[Shown]]
"""At most one item a camera."""
