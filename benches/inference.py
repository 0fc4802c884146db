"""One network, from frames to boxes: the `onnx` model beside the same file in OpenCV's DNN module.

The network is made here, of the shape of the smallest YOLO: convolutions with SiLU down to strides of 8, 16
and 32, and a head of 80 classes. Its weights are random, so what it sees is nonsense, and the same nonsense
in both, as the number of boxes shows. Before and behind the network both use our own steps: what differs
is the runtime.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from onnx import TensorProto, helper, numpy_helper

from benches.bench import FRAMES, OURS, Bench, Missing, Scale, WrongWork
from benches.clips import ROOT
from benches.measuring import spent
from benches.pairing import Aim, Figures
from sightline.detect.onnx import HEADS, OnnxModel, Placement
from sightline.detect.onnx.boxes import Asked, best
from sightline.frame import Frame, Size

MS_A_FRAME: Final = "wall ms a frame"
CPU_MS_A_FRAME: Final = "CPU ms a frame"
SEEN: Final = "boxes in the first frame"
_INPUT: Final = Size(640, 640)
_CLASSES: Final = 80
_THRESHOLD: Final = 0.25
_NMS: Final = 0.45
_FILE: Final = ROOT / "bench-work" / "network.onnx"


class _Writer:
    """Nodes and weights of a graph, written down as calls that give the name of what comes out."""

    def __init__(self) -> None:
        self._random = np.random.default_rng(1)
        self.nodes: list[Any] = []
        self.weights: list[Any] = []

    def node(self, operator: str, *inputs: str, **how: Any) -> str:
        name = f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], **how))
        return name

    def const(self, value: Any, dtype: Any = np.int64) -> str:
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.array(value, dtype), name))
        return name

    def conv(self, image: str, into: int, out: int, kernel: int = 3, stride: int = 1) -> str:
        spread = (2 / (into * kernel**2)) ** 0.5
        weights = self.const(self._random.normal(0, spread, (out, into, kernel, kernel)), np.float32)
        bias = self.const(np.zeros(out), np.float32)
        return self.node("Conv", image, weights, bias, strides=[stride] * 2, pads=[kernel // 2] * 4)

    def silu(self, image: str) -> str:
        return self.node("Mul", image, self.node("Sigmoid", image))

    def stage(self, image: str, into: int, out: int) -> str:
        """Half the size, then two residual steps."""
        image = self.silu(self.conv(image, into, out, stride=2))
        for _ in range(2):
            narrow = self.silu(self.conv(image, out, out // 2, kernel=1))
            image = self.node("Add", image, self.silu(self.conv(narrow, out // 2, out)))
        return image

    def head(self, image: str, into: int) -> str:
        """`(1, 4 + classes, cells)`: boxes of up to half the input, and scores."""
        wide = self.silu(self.conv(image, into, 64))
        boxes = self.node("Sigmoid", self.conv(wide, 64, 4, kernel=1))
        scores = self.node("Sigmoid", self.conv(wide, 64, _CLASSES, kernel=1))
        whole = self.node("Concat", boxes, scores, axis=1)
        return self.node("Reshape", whole, self.const([1, 4 + _CLASSES, -1]))


def network(path: Path) -> Path:
    """The file, made once: 2 billion multiplications a frame."""
    if path.exists():
        return path
    write = _Writer()
    image = write.stage(write.silu(write.conv("images", 3, 16, stride=2)), 16, 32)
    heads = []
    for into, out in ((32, 64), (64, 128), (128, 256)):
        image = write.stage(image, into, out)
        heads.append(write.head(image, out))
    scale = write.const([[640]] * 2 + [[320]] * 2 + [[1]] * _CLASSES, np.float32)
    answer = write.node("Mul", write.node("Concat", *heads, axis=2), scale)
    value = partial(helper.make_tensor_value_info, elem_type=TensorProto.FLOAT)
    graph = helper.make_graph(
        write.nodes,
        "bench",
        [value("images", shape=(1, 3, _INPUT.height, _INPUT.width))],
        [value(answer, shape=(1, 4 + _CLASSES, 8400))],
        write.weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(model.SerializeToString())
    return path


def frames(count: int) -> Iterator[Frame]:
    """Soft noise of 1280x720."""
    noise = np.random.default_rng(7).integers(0, 256, (9, 16, 3), np.uint8)
    image = cv2.resize(noise, (1280, 720), interpolation=cv2.INTER_CUBIC).astype(np.uint8, copy=False)
    for index in range(count):
        yield Frame(
            camera_id="bench",
            epoch=1,
            index=index,
            pts=index,
            time_base=Fraction(1, 25),
            captured_at_ns=index,
            captured_at_source="media",
            decoded_at_ns=index,
            image=image,
        )


def ours(scale: Scale) -> Figures:
    """The `onnx` model."""
    model = OnnxModel(path=_FILE, threshold=_THRESHOLD, nms=_NMS, providers=["cpu"])
    model.load()
    model.warm_up()
    return _timed(scale, lambda frame: len(model.predict([frame])[0]))


def opencv(scale: Scale) -> Figures:
    """`cv2.dnn.readNetFromONNX`, with our own steps before and behind."""
    net, head = cv2.dnn.readNetFromONNX(str(_FILE)), HEADS["yolov8"]

    def see(frame: Frame) -> int:
        placement = Placement.letterboxed(frame.size, _INPUT)
        net.setInput(cv2.dnn.blobFromImage(placement.draw(frame.image), 1 / 255, swapRB=True))
        decoded = head.decode([np.asarray(net.forward(), np.float32)], Asked(_INPUT, 1, _THRESHOLD))
        return len(placement.to_frame(best(decoded[0], _NMS).xyxy))

    return _timed(scale, see)


def _timed(scale: Scale, see: Any) -> Figures:
    seen = [see(frame) for frame in frames(1)]
    if not seen[0]:
        raise WrongWork("expected boxes, got none: there is nothing to compare")
    begin = spent()
    for frame in frames(scale.inferences):
        see(frame)
    cost = spent().since(begin)
    return {
        MS_A_FRAME: cost.wall_s / scale.inferences * 1e3,
        CPU_MS_A_FRAME: cost.cpu_s / scale.inferences * 1e3,
        FRAMES: scale.inferences,
        SEEN: seen[0],
    }


def needs(_scale: Scale) -> None:
    """The file, and the library. Raises Missing."""
    if find_spec("onnxruntime") is None:
        raise Missing("the library onnxruntime")
    network(_FILE)


BENCHES = (
    Bench(
        name="inference",
        title="Frames of 1280x720 through one network of 640x640 on the CPU, to boxes",
        contenders={OURS: ours, "opencv": opencv},
        aims=(Aim(OURS, MS_A_FRAME, None, "opencv"), Aim(OURS, CPU_MS_A_FRAME, None, "opencv")),
        notes=(
            "The network has the shape of the smallest YOLO and random weights; 84 x 8400 numbers come out.",
            "sightline: `OnnxModel.predict`. opencv: `readNetFromONNX`, with our steps before and behind it.",
            "Loading and a first frame are not in the figures. Each on as many threads as there are cores.",
        ),
        rounds=3,
        warm_up=False,
        needs=needs,
    ),
)
