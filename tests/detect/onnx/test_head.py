"""The layouts of real exports, and those that look like one and are none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline import Size
from sightline.detect.onnx import HEADS, Graph, Tensor, find_head
from sightline.detect.onnx.graph import Shape
from sightline.errors import ModelError

VGA = Size(640, 640)
COCO = 80
BY_ULTRALYTICS = {"task": "detect", "stride": "32"}
RTDETR = {"description": "Ultralytics rtdetr-l model trained on coco.yaml", "task": "detect"}


def graph(
    *outputs: Shape | tuple[str, Shape],
    metadata: dict[str, str] | None = None,
    batch: int | None = 1,
    beside: tuple[str, ...] = (),
) -> Graph:
    named = [
        Tensor(one[0], "tensor(float)", one[1])
        if one and isinstance(one[0], str)
        else Tensor(f"output{at}", "tensor(float)", one)
        for at, one in enumerate(outputs)
    ]
    inputs = [Tensor("images", "tensor(float)", (batch, 3, 640, 640))]
    inputs += [Tensor(name, "tensor(int64)", (batch, 2)) for name in beside]
    return Graph(tuple(inputs), tuple(named), metadata or {})


TRT = (("num_dets", (1, 1)), ("det_boxes", (1, 100, 4)), ("det_scores", (1, 100)), ("det_classes", (1, 100)))
QUERIES = (("labels", (None, 300)), ("boxes", (None, 300, 4)), ("scores", (None, 300)))


@pytest.mark.parametrize(
    ("found", "size", "labels", "head", "classes"),
    [
        pytest.param(graph((1, 25200, 85)), VGA, COCO, "yolov5", 80, id="YOLOv5, v7"),
        pytest.param(graph((1, 25200, 6)), VGA, None, "yolov5", 1, id="YOLOv5 of one class"),
        pytest.param(graph((1, 25200, 7)), VGA, None, "yolov5", 2, id="YOLOv5 of two"),
        pytest.param(graph((1, 6552, 85)), Size(416, 256), None, "yolov5", 80, id="YOLOv5, not square"),
        pytest.param(graph((1, 102000, 85)), Size(1280, 1280), None, "yolov5", 80, id="YOLOv5 P6"),
        pytest.param(graph((None, None, 85), batch=None), VGA, None, "yolov5", 80, id="YOLOv5 dynamic"),
        pytest.param(
            graph((1, 25200, 85), (1, 3, 80, 80, 85), (1, 3, 40, 40, 85), (1, 3, 20, 20, 85)),
            VGA,
            None,
            "yolov5",
            80,
            id="YOLOv5 with its feature maps",
        ),
        pytest.param(graph(("outputs", (1, 8400, 85))), VGA, None, "yolov5", 80, id="YOLOv6"),
        pytest.param(graph((1, 84, 8400)), VGA, COCO, "yolov8", 80, id="YOLOv8, 9, 11, 12"),
        pytest.param(graph((1, 5, 8400)), VGA, 1, "yolov8", 1, id="YOLOv8 of one class"),
        pytest.param(graph((1, 6, 8400)), VGA, None, "yolov8", 2, id="YOLOv8 of two"),
        pytest.param(graph((1, 84, 2100)), Size(320, 320), None, "yolov8", 80, id="YOLOv8 at 320"),
        pytest.param(graph((1, 84, 34000)), VGA, None, "yolov8", 80, id="YOLOv8 P2"),
        pytest.param(graph((None, 84, None), batch=None), VGA, COCO, "yolov8", 80, id="YOLOv8 dynamic"),
        pytest.param(graph((None, 84, None), batch=None), VGA, None, "yolov8", 80, id="YOLOv8 of nobody"),
        pytest.param(graph((1, 14, 999)), VGA, 10, "yolov8", 10, id="YOLOv8 by its names"),
        pytest.param(graph((1, 999, 15)), VGA, 10, "yolov5", 10, id="YOLOv5 by its names"),
        pytest.param(graph((1, 300, 6)), VGA, COCO, "yolov10", None, id="YOLOv10, 26, nms=True"),
        pytest.param(graph((None, 300, None), batch=None), VGA, COCO, "yolov10", None, id="YOLOv10 dynamic"),
        pytest.param(graph((None, 7)), VGA, None, "yolo-nms-rows", None, id="YOLOv7 end to end"),
        pytest.param(graph(*TRT), VGA, None, "yolo-nms", None, id="YOLOv7 for TensorRT"),
        pytest.param(graph((1, 300, 84)), VGA, COCO, "rtdetr", 80, id="RT-DETR of ultralytics"),
        pytest.param(graph((1, 300, 84)), VGA, None, "rtdetr", 80, id="RT-DETR of nobody"),
        pytest.param(graph((1, 300, 6), metadata=RTDETR), VGA, 2, "rtdetr", 2, id="RT-DETR of two classes"),
        pytest.param(
            graph((None, 300, None), metadata=RTDETR), VGA, COCO, "rtdetr", None, id="RT-DETR dynamic"
        ),
        pytest.param(
            graph(("logits", (None, 300, 80)), ("pred_boxes", (None, 300, 4))),
            VGA,
            None,
            "rtdetr-logits",
            80,
            id="RT-DETR of transformers",
        ),
        pytest.param(
            graph(*QUERIES, beside=("orig_target_sizes",)),
            VGA,
            None,
            "rtdetr-boxes",
            None,
            id="RT-DETR's own",
        ),
        pytest.param(graph((1, 1000)), Size(224, 224), None, "classifier", 1000, id="classifier"),
        pytest.param(graph((None, 12), batch=None), VGA, None, "classifier", 12, id="classifier, dynamic"),
        pytest.param(graph((1, 84, 84)), Size(64, 64), COCO, "yolov8", 80, id="YOLOv8 on a stamp"),
        pytest.param(graph((1, 7)), VGA, None, "classifier", 7, id="classifier of seven, one by one"),
        pytest.param(graph((None, 7), batch=None), VGA, 7, "classifier", 7, id="classifier of seven"),
        pytest.param(
            graph((None, 7), batch=None, metadata={"task": "classify"}),
            VGA,
            None,
            "classifier",
            7,
            id="classifier of ultralytics of seven",
        ),
    ],
)
def test_the_head_of_real_exports_is_found(
    found: Graph, size: Size, labels: int | None, head: str, classes: int | None
) -> None:
    it = find_head(found, size, labels=labels)
    assert (it.name, it.classes) == (head, classes)
    assert it.head is HEADS[it.name]


@given(
    st.tuples(st.integers(1, 60), st.integers(1, 60)).map(lambda at: Size(32 * at[0], 32 * at[1])),
    st.integers(1, 400),
    st.sampled_from(["yolov5", "yolov6", "yolov8"]),
    st.sampled_from([(8, 16, 32), (8, 16, 32, 64), (4, 8, 16, 32), (16, 32)]),
    st.booleans(),
)
def test_no_size_of_input_makes_one_head_look_like_another(
    size: Size, classes: int, family: str, strides: tuple[int, ...], named: bool
) -> None:
    """It is found or refused, and always found where sizes and grids are those of every day."""
    cells = sum(-(-size.width // stride) * -(-size.height // stride) for stride in strides)
    shapes = {
        "yolov5": (3 * cells, 5 + classes),
        "yolov6": (cells, 5 + classes),
        "yolov8": (4 + classes, cells),
    }
    try:
        found = find_head(graph((1, *shapes[family])), size, labels=classes if named else None)
    except ModelError:
        assert min(size) < 160 or classes > 90 or strides[:3] != (8, 16, 32)
        return
    right = "yolov8" if family == "yolov8" else "yolov5"
    # A wrong one is let through only where its number of classes betrays it to whoever compares names.
    assert found.name == right or (named and found.classes != classes)


def test_outputs_are_named_in_the_order_of_the_decoder() -> None:
    assert find_head(graph(*reversed(TRT)), VGA).outputs == tuple(name for name, _ in TRT)
    assert find_head(graph(*reversed(QUERIES)), VGA).outputs == ("labels", "boxes", "scores")
    assert find_head(graph((1, 25200, 85), (1, 3, 80, 80, 85)), VGA).outputs == ("output0",)


@pytest.mark.parametrize(
    ("found", "labels", "why"),
    [
        pytest.param(graph((1, 116, 8400), (1, 32, 160, 160)), COCO, "no layout that is known", id="masks"),
        pytest.param(graph((1, 56, 8400), metadata={"task": "pose"}), 1, "a model for pose", id="poses"),
        pytest.param(graph((1, 20, 8400), metadata={"task": "obb"}), 15, "a model for obb", id="turned"),
        pytest.param(graph((1, 255, 80, 80), (1, 255, 40, 40)), None, "no layout", id="maps alone"),
        pytest.param(
            graph(("output", (1, 8400, 85))), None, "looks like YOLOX.*say head: yolov5", id="YOLOX"
        ),
        pytest.param(
            graph((None, None, None)), None, "could be yolov5 or yolov8 or yolov10 or rtdetr", id="open"
        ),
        pytest.param(graph((1, 1999, 15)), None, "name it with `head`", id="a grid of nobody"),
        pytest.param(graph((None, 7), batch=None), None, "could be yolo-nms-rows or classifier", id="seven"),
        pytest.param(graph((1, 1)), None, "no layout", id="one number"),
    ],
)
def test_what_is_not_known_is_refused_with_what_was_found_and_what_is_supported(
    found: Graph, labels: int | None, why: str
) -> None:
    with pytest.raises(ModelError, match=why) as caught:
        find_head(found, VGA, labels=labels)
    said = str(caught.value)
    assert f"found {found}" in said
    assert all(f"  {name} " in said for name in HEADS)


def test_where_both_sides_fit_the_grids_only_names_decide() -> None:
    """84 are the cells of a stamp of 64x64, and the numbers of YOLOv8 with 80 classes."""
    with pytest.raises(ModelError, match="could be yolov5 or yolov8 or rtdetr, and nothing tells which"):
        find_head(graph((1, 84, 84)), Size(64, 64))


def test_whoever_knows_better_names_the_head() -> None:
    unknown = graph((None, None, None))
    assert find_head(unknown, VGA, wanted="yolov8").name == "yolov8"
    assert find_head(graph((1, 300, 6)), VGA, wanted="rtdetr").classes == 2
    assert find_head(graph(("output", (1, 8400, 85))), VGA, wanted="yolov5").classes == 80
    with pytest.raises(ModelError, match="not of the layout of classifier"):
        find_head(unknown, VGA, wanted="classifier")


def test_a_graph_is_told_in_words() -> None:
    assert str(graph((None, 84, 8400))) == (
        "inputs: images tensor(float) (1, 3, 640, 640); outputs: output0 tensor(float) (?, 84, 8400)"
    )
