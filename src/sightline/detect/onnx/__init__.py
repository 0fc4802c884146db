"""Models in ONNX: detectors and classifiers as others export them, run by onnxruntime (extra `onnx`).

What a file holds is told by `head.find_head` from shapes, names and metadata; a layout that is not known is
refused with what was found and what is supported. Where a box of the model's input lies in the frame is told
by `placement.Placement`.

Deliberately not here: segmentation, poses and turned boxes, tracking, quantising, and downloading weights.
"""

from typing import TYPE_CHECKING

from sightline.later import import_later

if TYPE_CHECKING:
    from sightline.detect.onnx.graph import Graph, Tensor
    from sightline.detect.onnx.head import HEADS, Found, find_head
    from sightline.detect.onnx.model import Description, OnnxModel
    from sightline.detect.onnx.placement import Placement

__all__ = [
    "HEADS",
    "Description",
    "Found",
    "Graph",
    "OnnxModel",
    "Placement",
    "Tensor",
    "find_head",
]

import_later(
    __name__,
    {
        "sightline.detect.onnx.graph": "Graph Tensor",
        "sightline.detect.onnx.head": "HEADS Found find_head",
        "sightline.detect.onnx.model": "Description OnnxModel",
        "sightline.detect.onnx.placement": "Placement",
    },
)
