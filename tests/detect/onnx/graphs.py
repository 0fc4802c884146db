"""Small ONNX files with known answers: constants in any layout, and a finder of one bright square."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Dim = int | str
OPSET = 17
COLOURS = "{0: 'red', 1: 'green', 2: 'blue'}"
Layout = Literal["yolov5", "yolov8", "yolov10", "rtdetr", "classifier"]


def saved(
    path: Path,
    nodes: Sequence[Any],
    inputs: Sequence[Any],
    outputs: Sequence[Any],
    constants: Mapping[str, NDArray[Any]],
    metadata: Mapping[str, str],
) -> Path:
    """The graph as a file that onnx itself finds right."""
    initial = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "g", inputs, outputs, initial)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="a test")
    model.ir_version = 8
    helper.set_model_props(model, dict(metadata))
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
    return path


def constant(
    path: Path,
    outputs: Mapping[str, NDArray[Any]],
    *,
    shape: Sequence[Dim] = (1, 3, 64, 64),
    declared: Mapping[str, Sequence[Dim]] | None = None,
    metadata: Mapping[str, str] | None = None,
    beside: Mapping[str, Sequence[Dim]] | None = None,
    input_type: int = TensorProto.FLOAT,
) -> Path:
    """A file that answers every picture alike, in any layout.

    Args:
        declared: shapes of outputs as the file tells them; their own where left out.
        beside: further inputs (int64) that are not used.
    """
    inputs = [helper.make_tensor_value_info("images", input_type, shape)]
    inputs += [
        helper.make_tensor_value_info(name, TensorProto.INT64, dims) for name, dims in (beside or {}).items()
    ]
    told = [
        helper.make_tensor_value_info(
            name, helper.np_dtype_to_tensor_dtype(value.dtype), (declared or {}).get(name, value.shape)
        )
        for name, value in outputs.items()
    ]
    nodes = [helper.make_node("Identity", [f"value {name}"], [name]) for name in outputs]
    constants = {f"value {name}": value for name, value in outputs.items()}
    return saved(path, nodes, inputs, told, constants, metadata or {})


class Writer:
    """Nodes of a graph, written down as calls."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: dict[str, NDArray[Any]] = {}

    def const(self, value: Any, dtype: Any = np.float32) -> str:
        name = f"c{len(self.constants)}"
        self.constants[name] = np.array(value, dtype)
        return name

    def __call__(self, operator: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        name = output or f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], **attributes))
        return name


def finder(
    path: Path,
    layout: Layout = "yolov8",
    *,
    shape: Sequence[Dim] = ("batch", 3, 64, 96),
    half: bool = False,
    metadata: Mapping[str, str] | None = None,
) -> Path:
    """A file that really looks: one box round what is brighter than 0.9 in any colour; red, green or blue.

    Its box reaches from the first to behind the last bright pixel of the input, computed by the graph.
    """
    write = Writer()
    number = TensorProto.FLOAT16 if half else TensorProto.FLOAT
    image = write("Cast", "images", to=TensorProto.FLOAT)
    colours = write("ReduceMax", image, axes=[2, 3], keepdims=0)
    bright = write("Cast", write("Greater", image, write.const(0.9)), to=TensorProto.FLOAT)
    sides = [_side(write, bright, [1, 2]), _side(write, bright, [1, 3])]
    answer = write("Concat", *_answer(write, layout, sides, colours), axis=1)
    if layout == "yolov8":
        answer = write("Unsqueeze", answer, write.const([2], np.int64))
        answer = write("Pad", answer, write.const([0, 0, 0, 0, 0, cells(shape) - 1], np.int64))
        result: list[Dim] = [shape[0], 7, cells(shape)]
    elif layout == "classifier":
        result = [shape[0], 3]
    else:
        answer = write("Unsqueeze", answer, write.const([1], np.int64))
        result = [shape[0], 1, {"yolov5": 8, "yolov10": 6, "rtdetr": 7}[layout]]
    write("Cast", answer, output="output0", to=number)
    return saved(
        path,
        write.nodes,
        [helper.make_tensor_value_info("images", number, shape)],
        [helper.make_tensor_value_info("output0", number, result)],
        write.constants,
        {"names": COLOURS} if metadata is None else metadata,
    )


def cells(shape: Sequence[Dim]) -> int:
    """Places of YOLOv8's grids; for an open size as if it were 64."""
    height, width = (side if isinstance(side, int) else 64 for side in shape[2:])
    return sum(-(-height // stride) * -(-width // stride) for stride in (8, 16, 32))


def _side(write: Writer, bright: str, over: list[int]) -> tuple[str, str, str]:
    """Where the bright part begins and ends on one axis, and how long the axis is; each `(N, 1)`."""
    found = write("ReduceMax", bright, axes=over, keepdims=0)
    ones = write("Add", write("Sub", found, found), write.const(1.0))
    ends = write("CumSum", ones, write.const(1, np.int64))
    length = write("ReduceSum", ones, write.const([1], np.int64), keepdims=1)
    last = write("ReduceMax", write("Mul", ends, found), axes=[1], keepdims=1)
    from_end = write("Add", write("Sub", length, ends), write.const(1.0))
    first = write("Sub", length, write("ReduceMax", write("Mul", from_end, found), axes=[1], keepdims=1))
    return first, last, length


def _answer(write: Writer, layout: Layout, sides: list[tuple[str, str, str]], colours: str) -> list[str]:
    (x1, x2, width), (y1, y2, height) = sides
    if layout == "classifier":
        return [colours]
    if layout == "yolov10":
        best = write("ReduceMax", colours, axes=[1], keepdims=1)
        kind = write("Cast", write("ArgMax", colours, axis=1, keepdims=1), to=TensorProto.FLOAT)
        return [x1, y1, x2, y2, best, kind]
    half = write.const(0.5)
    box = [
        write("Mul", write("Add", x1, x2), half),
        write("Mul", write("Add", y1, y2), half),
        write("Sub", x2, x1),
        write("Sub", y2, y1),
    ]
    if layout == "rtdetr":
        box = [write("Div", part, of) for part, of in zip(box, [width, height] * 2, strict=True)]
    object_score = [write("Div", width, width)] if layout == "yolov5" else []
    return [*box, *object_score, colours]
