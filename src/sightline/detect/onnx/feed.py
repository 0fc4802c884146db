"""From pictures to what a file takes as its inputs: size, batch, order of colours, scale, kind of number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from sightline.detect.onnx.graph import Graph, Tensor
from sightline.detect.onnx.head import SIZES
from sightline.detect.onnx.labels import literal
from sightline.detect.onnx.options import Colour
from sightline.errors import ModelError
from sightline.frame import Image, Size

USUAL: Final = Size(640, 640)
"""The size of an input that the file leaves open and about which its metadata is silent."""
_TYPES: Final[Mapping[str, type[np.floating]]] = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
}


@dataclass(frozen=True, slots=True)
class Feed:
    """How pictures are handed over.

    Attributes:
        image: the input for pictures, `(N, 3, height, width)` RGB, 0 to 1.
        sizes: the input for the size that boxes are to be in, where there is one.
        size: of the input, as it is run.
        batch: pictures of one run; None for any number.
    """

    image: Tensor
    sizes: Tensor | None
    size: Size
    batch: int | None

    @classmethod
    def of(cls, graph: Graph, size: Size | None) -> Feed:
        """For a graph, and a size where it leaves that open.

        Raises:
            ModelError: the graph does not take pictures, or not of this size.
        """
        images = [one for one in graph.inputs if one.type in _TYPES and _takes_pictures(one)]
        sizes = [one for one in graph.inputs if one.name == SIZES]
        if len(images) != 1 or len(images) + len(sizes) != len(graph.inputs):
            raise ModelError(
                "expected one input of float or float16 (N, 3, height, width), and at most "
                f"{SIZES} beside it; found {graph}"
            )
        return cls(images[0], sizes[0] if sizes else None, _size(images[0], graph, size), images[0].shape[0])

    def runs(self, count: int) -> Iterator[slice]:
        """The pictures of each run."""
        step = self.batch or max(count, 1)
        return (slice(at, min(at + step, count)) for at in range(0, count, step))

    def inputs(self, drawn: Sequence[Image], mean: Colour, std: Colour) -> dict[str, NDArray[Any]]:
        """The inputs of one run; pictures of no colour fill a batch that is fixed.

        Args:
            drawn: pictures of the input's size, uint8 BGR.
            mean: taken off, R G B, in the scale of 0 to 1.
            std: what the rest is divided by, in the same scale.
        """
        values = cv2.dnn.blobFromImages(list(drawn), 1 / 255, swapRB=True)
        if any(mean) or std != (1, 1, 1):
            values = (values - np.reshape(mean, (1, 3, 1, 1))) / np.reshape(std, (1, 3, 1, 1))
        lacking = (self.batch or len(drawn)) - len(drawn)
        if lacking:
            values = np.concatenate([values, np.zeros((lacking, *values.shape[1:]), values.dtype)])
        given: dict[str, NDArray[Any]] = {self.image.name: values.astype(_TYPES[self.image.type], copy=False)}
        if self.sizes is not None:
            given[self.sizes.name] = np.tile(np.array(self.size, np.int64), (len(values), 1))
        return given


def _takes_pictures(one: Tensor) -> bool:
    return len(one.shape) == 4 and one.shape[1] in {3, None}


def _size(image: Tensor, graph: Graph, wanted: Size | None) -> Size:
    """That of the file; where it is open that which is wanted, else that which it was made with."""
    height, width = image.shape[2:]
    usual = wanted or _made_with(graph) or USUAL
    size = Size(width or usual.width, height or usual.height)
    if wanted is not None and size != wanted:
        raise ModelError(f"size: expected {size}, to which the file is fixed, got {wanted}")
    return size


def _made_with(graph: Graph) -> Size | None:
    """`imgsz` of the metadata: height and width."""
    told = literal(graph.metadata.get("imgsz", ""))
    if isinstance(told, list) and len(told) == 2 and all(isinstance(side, int) and side > 1 for side in told):
        return Size(told[1], told[0])
    return None
