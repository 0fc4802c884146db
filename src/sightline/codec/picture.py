"""A decoded picture as BGR pixels of a wanted size, converted and scaled in one step.

One swscale context is kept from picture to picture, as making one costs more than using it (it sees for
itself where size or format change); it works in the caller's thread alone, since decoders are what runs
side by side. Does not do: letterboxing, rotation,
pixels that are not square; a size of another shape stretches the picture.
"""

from __future__ import annotations

from typing import Final

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter

from sightline.frame import Image, Size

_SCALING: Final = Interpolation.AREA  # on the way down, as cameras go, the mean of the pixels covered


class Converter:
    """Makes images of `size`, or of each picture's own where it is None."""

    def __init__(self, size: Size | None) -> None:
        self._size = size
        self._reformatter = VideoReformatter()

    def image(self, picture: VideoFrame) -> Image | None:
        """The picture as `(height, width, 3)` uint8 BGR, contiguous, in memory of its own.

        None where libav cannot convert its pixel format.
        """
        width, height = self._size or Size(picture.width, picture.height)
        try:
            converted = self._reformatter.reformat(
                picture, width, height, format="bgr24", interpolation=_SCALING, threads=1
            )
        except av.FFmpegError:
            return None
        if converted is picture:  # nothing was to be done, and the memory is the decoder's
            return np.array(converted.to_ndarray(), np.uint8)
        return np.ascontiguousarray(converted.to_ndarray(), np.uint8)  # a copy only where rows are padded
