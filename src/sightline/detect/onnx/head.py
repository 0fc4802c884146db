"""Which head a file has: decided from shapes, names and metadata alone, or refused.

Some layouts look alike. `(N, 25200, 6)` is YOLOv5 with one class, `(N, 300, 6)` is YOLOv10: what tells them
apart is how many cells the grids of that input have. Where the grids say nothing the number of names in the
metadata does, and where that says nothing either the file is refused: a wrong guess would be boxes in wrong
places, not an error. Whoever knows better names the head.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import accumulate
from types import MappingProxyType
from typing import Final, NamedTuple

from sightline.detect.onnx import boxes
from sightline.detect.onnx.graph import Graph, Tensor
from sightline.detect.onnx.options import Fit, HeadName
from sightline.errors import ModelError
from sightline.frame import Size

_STRIDES: Final = (4, 8, 16, 32, 64, 128)
_ANCHORS: Final = 3
"""Boxes of a cell in YOLOv5 and v7; others have one."""
_MOST_QUERIES: Final = 1000
_TASKS: Final = ("detect", "classify")
SIZES: Final = "orig_target_sizes"
"""The input by which RT-DETR's own last step learns the size that its boxes are to be in."""


class Match(NamedTuple):
    """The outputs in the order of the decoder, and how many classes; None where shapes do not say."""

    outputs: tuple[str, ...]
    classes: int | None


@dataclass(frozen=True, slots=True)
class Head:
    """A layout of outputs.

    Attributes:
        layout: its outputs, in words.
        models: which models are exported so.
        match: whether outputs have this layout, as far as shapes and names tell.
        decode: from outputs to boxes.
        fit: how pictures are made to fit the input, unless told otherwise.
        overlaps: whether its boxes are yet to be compared with each other (NMS).
    """

    layout: str
    models: str
    match: Callable[[Graph], Match | None]
    decode: boxes.Decode
    fit: Fit = "letterbox"
    overlaps: bool = False


class Found(NamedTuple):
    """The head of a file."""

    name: HeadName
    head: Head
    outputs: tuple[str, ...]
    classes: int | None


def find_head(
    graph: Graph, size: Size, *, labels: int | None = None, wanted: HeadName | None = None
) -> Found:
    """The head of a graph.

    Args:
        graph: what goes in and out.
        size: of its input, as it will be run.
        labels: how many names of classes its metadata has; decides where shapes do not.
        wanted: the head, where the user knows it.

    Raises:
        ModelError: none that we know, or one of several; with what was found and what is supported.
    """
    task = graph.metadata.get("task", "detect")
    if task not in _TASKS:
        raise _refused(graph, f"a model for {task}, by its metadata")
    matches = {name: match for name in HEADS if (match := HEADS[name].match(graph)) is not None}
    name = wanted or _likely(graph, size, labels, tuple(matches))
    if name not in matches:
        raise _refused(graph, f"not of the layout of {name}")
    return Found(name, HEADS[name], *matches[name])


def _likely(graph: Graph, size: Size, labels: int | None, names: tuple[HeadName, ...]) -> HeadName:
    """The one of these that it is."""
    if not names:
        raise _refused(graph, "no layout that is known")
    if len(names) == 1:
        return names[0]
    likely = _by_author(graph) or _by_grid(graph, size) or _by_count(graph, size, labels)
    if likely is None or likely not in names:
        raise _refused(graph, f"could be {' or '.join(names)}, and nothing tells which: name it with `head`")
    return likely


def _by_author(graph: Graph) -> HeadName | None:
    """By what ultralytics writes down."""
    if "rtdetr" in graph.metadata.get("description", "").lower():
        return "rtdetr"
    return "classifier" if graph.metadata.get("task") == "classify" else None


def _by_grid(graph: Graph, size: Size) -> HeadName | None:
    """By the one side that has as many places as the input has cells, in the usual grids or in any."""
    one = _alone(graph)
    if one is None:
        return None
    _, rows, columns = one.shape
    for cells in _cells(size):
        in_rows = _on_grid(rows, cells)
        if in_rows and columns not in cells:
            return _decoded_rows(graph, yolox=rows in cells and one.name == "output")
        if columns in cells and not in_rows:
            return "yolov8"
    return None


def _decoded_rows(graph: Graph, *, yolox: bool) -> HeadName:
    """YOLOX has the shape of YOLOv6, but boxes in cells of its grids; its export has the output's name."""
    if yolox:
        raise _refused(
            graph, "it looks like YOLOX, whose boxes are not decoded; if it is YOLOv6, say head: yolov5"
        )
    return "yolov5"


def _on_grid(rows: int | None, cells: set[int]) -> bool:
    return rows in cells | {_ANCHORS * count for count in cells}


def _by_count(graph: Graph, size: Size, labels: int | None) -> HeadName | None:
    """By the number of names, by the six columns of an answer that is ready, or by the side that is open."""
    one = _alone(graph)
    if one is None:
        return "classifier" if labels == 7 else None
    _, rows, columns = one.shape
    if columns is None or rows is None:
        return _by_open_side(rows, columns, labels)
    ready = rows <= _MOST_QUERIES and not _on_grid(rows, _cells(size)[1])
    if ready and columns == 6:
        return "yolov10"
    if labels is None:
        return "rtdetr" if ready and rows > columns else None
    counts: tuple[tuple[HeadName, int], ...] = (
        ("rtdetr", columns - 4 if ready else 0),
        ("yolov5", columns - 5),
        ("yolov8", rows - 4),
    )
    fitting = [name for name, count in counts if count == labels]
    return fitting[0] if len(fitting) == 1 else None


def _by_open_side(rows: int | None, columns: int | None, labels: int | None) -> HeadName | None:
    """The side that depends on the size of the input is the one with a place a cell."""
    if rows is not None:
        # YOLOv10 exported by ultralytics has its six columns open too.
        return "yolov8" if labels in {None, rows - 4} else "yolov10"
    return None if columns is None else "yolov5"


def _cells(size: Size) -> tuple[set[int], set[int]]:
    """How many cells the grids of an input have together: those that most models use, and any other run."""
    grids = [-(-size.width // stride) * -(-size.height // stride) for stride in _STRIDES]
    usual, *others = (list(accumulate(grids[first:])) for first in (1, 0, 2))
    return set(usual[2:4]), {cells for run in (usual, *others) for cells in run[1:]}


def _refused(graph: Graph, why: str) -> ModelError:
    lines = [f"unknown head: {why}", f"found {graph}", "supported, and what to name as `head`:"]
    lines += [f"  {name:<13}  {head.layout}: {head.models}" for name, head in HEADS.items()]
    return ModelError("\n".join(lines))


# Layouts


def _alone(graph: Graph) -> Tensor | None:
    """The only output, if it has rank 3. YOLOv5 may give its feature maps beside it, which have 5."""
    plain = [one for one in graph.outputs if len(one.shape) != 5]
    return plain[0] if len(plain) == 1 and len(plain[0].shape) == 3 else None


def _match_rows(graph: Graph, beside: int, least: int) -> Match | None:
    """Rows with `beside` numbers before the classes."""
    one = _alone(graph)
    if one is None or (one.shape[2] is not None and one.shape[2] < beside + least):
        return None
    return Match((one.name,), None if one.shape[2] is None else one.shape[2] - beside)


def _match_columns(graph: Graph) -> Match | None:
    one = _alone(graph)
    if one is None or (one.shape[1] is not None and one.shape[1] < 5):
        return None
    return Match((one.name,), None if one.shape[1] is None else one.shape[1] - 4)


def _match_six(graph: Graph) -> Match | None:
    one = _alone(graph)
    return Match((one.name,), None) if one is not None and one.shape[2] in {6, None} else None


def _match_seven(graph: Graph) -> Match | None:
    one = graph.outputs[0]
    return Match((one.name,), None) if len(graph.outputs) == 1 and one.shape == (None, 7) else None


def _named(*names: str) -> Callable[[Graph], Match | None]:
    def match(graph: Graph) -> Match | None:
        return Match(names, None) if {one.name for one in graph.outputs} == set(names) else None

    return match


def _match_logits(graph: Graph) -> Match | None:
    logits, placed = graph.output("logits"), graph.output("pred_boxes")
    if logits is None or placed is None or len(graph.outputs) != 2 or len(logits.shape) != 3:
        return None
    return Match(("logits", "pred_boxes"), logits.shape[2])


def _match_classifier(graph: Graph) -> Match | None:
    """One row a picture."""
    one = graph.outputs[0]
    if len(graph.outputs) != 1 or len(one.shape) != 2 or one.shape[1] == 1:
        return None
    if one.shape[0] not in {shape[0] for _, _, shape in graph.inputs if shape}:
        return None
    return Match((one.name,), one.shape[1])


HEADS: Final[Mapping[HeadName, Head]] = MappingProxyType(
    {
        "yolov5": Head(
            "(N, rows, 5 + classes) as cx cy w h object class...",
            "YOLOv5, v6, v7",
            lambda graph: _match_rows(graph, 5, 1),
            boxes.objectness_rows,
            overlaps=True,
        ),
        "yolov8": Head(
            "(N, 4 + classes, columns) as cx cy w h class...",
            "YOLOv8, v9, 11, 12",
            _match_columns,
            boxes.class_columns,
            overlaps=True,
        ),
        "yolov10": Head(
            "(N, boxes, 6) as x1 y1 x2 y2 score class",
            "YOLOv10, 26, and exports of others with nms=True",
            _match_six,
            boxes.final_rows,
        ),
        "yolo-nms-rows": Head(
            "(boxes, 7) as place in the batch, x1 y1 x2 y2 class score",
            "YOLOv6, v7 exported end to end for onnxruntime",
            _match_seven,
            boxes.batched_rows,
        ),
        "yolo-nms": Head(
            "num_dets, det_boxes, det_scores, det_classes",
            "YOLOv5 to v9 exported end to end for TensorRT",
            _named("num_dets", "det_boxes", "det_scores", "det_classes"),
            boxes.counted,
        ),
        "rtdetr": Head(
            "(N, queries, 4 + classes) as cx cy w h class..., shares of the input",
            "RT-DETR exported by ultralytics",
            lambda graph: _match_rows(graph, 4, 1),
            boxes.query_rows,
            fit="stretch",
        ),
        "rtdetr-logits": Head(
            "logits and pred_boxes",
            "RT-DETR, D-FINE exported from transformers",
            _match_logits,
            boxes.query_logits,
            fit="stretch",
        ),
        "rtdetr-boxes": Head(
            f"labels, boxes, scores; an input {SIZES}",
            "RT-DETR, D-FINE exported by their own programs",
            _named("labels", "boxes", "scores"),
            boxes.labelled,
            fit="stretch",
        ),
        "classifier": Head(
            "(N, classes), scores or logits",
            "classifiers",
            _match_classifier,
            boxes.whole_picture,
            fit="stretch",
        ),
    }
)
