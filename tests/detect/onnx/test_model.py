"""The `onnx` model on real files: what it sees is where it is, and each way in which a file can be wrong."""

import hashlib
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto
from tests.detect.onnx.graphs import COLOURS, constant, finder

from sightline import Detection, Frame, Size
from sightline.detect import open_model
from sightline.detect.onnx import OnnxModel
from sightline.detect.onnx.session import Session
from sightline.errors import Closed, ConfigError, MissingExtra, ModelError
from sightline.frame import Image
from sightline.testing import check_model

Make = Callable[..., Frame]
BLUE, GREEN, RED = (255, 0, 0), (0, 255, 0), (0, 0, 255)
COCO_LIKE = {"names": "['person', 'car']"}


def picture(size: Size, box: tuple[int, int, int, int], colour: tuple[int, int, int] = GREEN) -> Image:
    """A dark picture with one rectangle, x1 y1 x2 y2."""
    image = np.zeros((size.height, size.width, 3), np.uint8)
    image[box[1] : box[3], box[0] : box[2]] = colour
    return image


def loaded(path: Path, **options: Any) -> OnnxModel:
    model = OnnxModel(path=path, **options)
    model.load()
    model.warm_up()
    return model


def corners(seen: Detection) -> tuple[float, float, float, float]:
    return seen.x1, seen.y1, seen.x2, seen.y2


@pytest.mark.parametrize("layout", ["yolov5", "yolov8", "yolov10", "rtdetr"])
@pytest.mark.parametrize("fit", ["letterbox", "stretch"])
@pytest.mark.parametrize(
    ("size", "box"),
    [
        (Size(96, 64), (10, 20, 30, 50)),
        (Size(1920, 1080), (300, 200, 1500, 900)),
        (Size(641, 361), (0, 0, 200, 361)),
        (Size(333, 777), (30, 600, 333, 777)),
        (Size(31, 43), (5, 7, 20, 30)),
    ],
)
def test_what_the_file_sees_is_where_it_is_in_the_frame(
    tmp_path: Path, make_frame: Make, layout: Any, fit: Any, size: Size, box: tuple[int, int, int, int]
) -> None:
    """Within one pixel of the input, which is what scaling blurs."""
    model = loaded(finder(tmp_path / "f.onnx", layout), head=layout, fit=fit)
    [[seen]] = model.predict([make_frame(picture(size, box))])
    pixel_x = size.width / 96 if fit == "stretch" else max(size.width / 96, size.height / 64)
    pixel_y = size.height / 64 if fit == "stretch" else pixel_x
    within = max(pixel_x, pixel_y) + 0.01
    assert corners(seen) == pytest.approx(box, abs=within)
    assert (seen.label, seen.score) == ("green", 1.0)


def test_a_picture_of_the_inputs_size_is_exact(tmp_path: Path, make_frame: Make) -> None:
    [[seen]] = loaded(finder(tmp_path / "f.onnx")).predict([make_frame(picture(Size(96, 64), (7, 9, 8, 10)))])
    assert corners(seen) == (7, 9, 8, 10)


@pytest.mark.parametrize(("colour", "label"), [(BLUE, "blue"), (GREEN, "green"), (RED, "red")])
def test_the_file_is_given_rgb(tmp_path: Path, make_frame: Make, colour: Any, label: str) -> None:
    image = picture(Size(96, 64), (10, 10, 20, 20), colour)
    [[seen]] = loaded(finder(tmp_path / "f.onnx")).predict([make_frame(image)])
    assert seen.label == label


@pytest.mark.parametrize("batch", ["batch", 1, 2, 4])
@pytest.mark.parametrize("half", [False, True])
def test_every_frame_of_a_batch_gets_its_own_answer(
    tmp_path: Path, make_frame: Make, batch: Any, half: bool
) -> None:
    """Whether the file takes any number, one by one, or a number that five is no multiple of."""
    model = loaded(finder(tmp_path / "f.onnx", shape=(batch, 3, 64, 96), half=half))
    boxes = [(10 * at, 5, 10 * at + 10, 20) for at in range(5)]
    frames = [make_frame(picture(Size(96, 64), box), camera_id=f"c{box[0]}") for box in boxes]
    assert [[corners(seen) for seen in seens] for seens in model.predict(frames)] == [[b] for b in boxes]
    assert model.predict([]) == []


def test_an_input_of_open_size_is_run_at_the_size_that_is_asked_for(tmp_path: Path, make_frame: Make) -> None:
    open_file = finder(tmp_path / "f.onnx", "yolov10", shape=("n", 3, "h", "w"))
    frame = make_frame(picture(Size(300, 200), (30, 50, 120, 160)))
    for size in (Size(300, 200), Size(160, 320)):
        model = loaded(open_file, size=size, head="yolov10")
        assert model.describe().size == size
        [[seen]] = model.predict([frame])
        assert corners(seen) == pytest.approx((30, 50, 120, 160), abs=2)
    assert loaded(open_file).describe().size == (640, 640)


def test_an_input_of_open_size_is_run_as_its_metadata_says(tmp_path: Path) -> None:
    metadata = {"imgsz": "[96, 160]", "names": COLOURS}
    path = finder(tmp_path / "f.onnx", "yolov10", shape=("n", 3, "h", "w"), metadata=metadata)
    assert loaded(path).describe().size == Size(160, 96)


def test_colours_are_taken_off_and_divided(tmp_path: Path, make_frame: Make) -> None:
    """A middle grey is bright to the finder only once the mean and deviation are right, R G B."""
    image = picture(Size(96, 64), (10, 10, 20, 20), (128, 128, 128))
    path = finder(tmp_path / "f.onnx")
    assert loaded(path).predict([make_frame(image)]) == [()]
    model = loaded(path, mean=(0.0, 0.4, 0.0), std=(1.0, 0.1, 1.0))
    [[seen]] = model.predict([make_frame(image)])
    assert seen.label == "green"
    assert seen.score == pytest.approx((128 / 255 - 0.4) / 0.1, abs=1e-3)


def test_a_classifier_gives_its_best_class_for_the_whole_frame(tmp_path: Path, make_frame: Make) -> None:
    model = loaded(finder(tmp_path / "f.onnx", "classifier"))
    [[seen]] = model.predict([make_frame(picture(Size(50, 40), (0, 0, 50, 40), BLUE))])
    assert (seen.label, corners(seen)) == ("blue", (0, 0, 50, 40))
    assert seen.score == 1.0
    for scores, score in (([0.2, 0.7, 0.1], 0.7), ([0.0, 5.0, 1.0], np.exp(5) / (np.exp(5) + np.exp(1) + 1))):
        path = constant(tmp_path / "c.onnx", {"out": np.array([scores], np.float32)})
        [[seen]] = loaded(path, labels=["a", "b", "c"]).predict(
            [make_frame(picture(Size(5, 4), (0, 0, 1, 1)))]
        )
        assert seen.label == "b"
        assert seen.score == pytest.approx(score)


def test_boxes_end_at_the_frame_and_those_beside_it_are_left_out(tmp_path: Path, make_frame: Make) -> None:
    """In a letterbox of 64 x 64 the picture of 200 x 100 lies between 16 and 48."""
    rows = [[-10, 0, 32, 32, 0.9, 0], [4, 0, 20, 16, 0.8, 0], [32, 32, 99, 99, 0.7, 1]]
    path = constant(tmp_path / "b.onnx", {"o": np.array([rows], np.float32)}, metadata=COCO_LIKE)
    [seen] = loaded(path).predict([make_frame(np.zeros((100, 200, 3), np.uint8))])
    assert [(one.label, corners(one)) for one in seen] == [
        ("person", (0, 0, 100, 50)),
        ("car", (100, 50, 200, 100)),
    ]


def test_what_overlaps_is_left_to_the_better_one_and_only_where_the_head_leaves_it_open(
    tmp_path: Path, make_frame: Make
) -> None:
    columns = np.zeros((1, 6, 84), np.float32)
    columns[0, :, 0] = [30, 30, 20, 20, 0.8, 0]
    columns[0, :, 1] = [31, 30, 20, 20, 0.9, 0]
    columns[0, :, 2] = [31, 30, 20, 20, 0, 0.5]
    frame = make_frame(np.zeros((64, 64, 3), np.uint8))
    path = constant(tmp_path / "v8.onnx", {"o": columns}, metadata=COCO_LIKE)
    assert [(one.label, round(one.score, 2)) for one in loaded(path).predict([frame])[0]] == [
        ("person", 0.9),
        ("car", 0.5),
    ]
    assert len(loaded(path, nms=1.0).predict([frame])[0]) == 3
    assert len(loaded(path, threshold=0.85).predict([frame])[0]) == 1
    assert [one.label for one in loaded(path, classes=["car"]).predict([frame])[0]] == ["car"]
    ready = np.array([[[20, 20, 40, 40, 0.9, 0], [21, 20, 41, 40, 0.8, 0]]], np.float32)
    path = constant(tmp_path / "v10.onnx", {"o": ready}, metadata=COCO_LIKE)
    assert len(loaded(path).predict([frame])[0]) == 2


def test_a_last_step_of_rtdetr_is_told_the_size_of_the_input(tmp_path: Path, make_frame: Make) -> None:
    """Boxes in pixels of the input, from a file whose boxes are the size that it was told."""
    path = tmp_path / "d.onnx"
    nodes = [
        onnx.helper.make_node("Cast", ["orig_target_sizes"], ["s"], to=TensorProto.FLOAT),
        onnx.helper.make_node("Concat", ["zero", "s"], ["b"], axis=1),
        onnx.helper.make_node("Unsqueeze", ["b", "one"], ["boxes"]),
        onnx.helper.make_node("Identity", ["kind"], ["labels"]),
        onnx.helper.make_node("Identity", ["sure"], ["scores"]),
    ]
    value = onnx.helper.make_tensor_value_info
    inputs = [
        value("images", TensorProto.FLOAT, (1, 3, 64, 96)),
        value("orig_target_sizes", TensorProto.INT64, (1, 2)),
    ]
    outputs = [
        value("labels", TensorProto.INT64, (1, 1)),
        value("boxes", TensorProto.FLOAT, (1, 1, 4)),
        value("scores", TensorProto.FLOAT, (1, 1)),
    ]
    initial: dict[str, Any] = {
        "zero": np.zeros((1, 2), np.float32),
        "one": np.array([1], np.int64),
        "kind": np.array([[1]], np.int64),
        "sure": np.array([[0.9]], np.float32),
    }
    graph = onnx.helper.make_graph(
        nodes, "g", inputs, outputs, [onnx.numpy_helper.from_array(v, k) for k, v in initial.items()]
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.save(model, str(path))
    [[seen]] = loaded(path, labels=["a", "b"]).predict([make_frame(np.zeros((50, 200, 3), np.uint8))])
    assert (seen.label, corners(seen)) == ("b", (0, 0, 200, 50))


# Labels


READY = np.array([[[0, 0, 20, 20, 0.9, 1]]], np.float32)


def test_labels_come_from_the_settings_a_file_or_the_metadata(tmp_path: Path, make_frame: Make) -> None:
    frame = make_frame(np.zeros((64, 64, 3), np.uint8))
    path = constant(tmp_path / "m.onnx", {"o": READY}, metadata=COCO_LIKE)
    bare = constant(tmp_path / "bare.onnx", {"o": READY})
    names = tmp_path / "names.txt"
    names.write_text("apple\nclémentine \n\n")
    for model, label in (
        (loaded(path), "car"),
        (loaded(path, labels=["x", "y"]), "y"),
        (loaded(path, labels=names), "clémentine"),
        (loaded(bare), "1"),
    ):
        assert model.predict([frame])[0][0].label == label


def test_empty_lines_at_the_end_are_no_labels(tmp_path: Path) -> None:
    names = tmp_path / "names.txt"
    names.write_text("r\ng\nb\n\n\n")
    assert loaded(finder(tmp_path / "f.onnx"), labels=names).describe().labels == ("r", "g", "b")


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        (["a", "b"], "labels: expected 3, one for each class of the head, got 2 from the settings"),
        (Path("two.txt"), "expected 3.*got 2 from .*two.txt"),
        (Path("none.txt"), "labels: cannot read .*none.txt: No such file or directory"),
        (Path("binary.txt"), "cannot read .*binary.txt: it is not UTF-8 text"),
    ],
)
def test_labels_that_do_not_fit_are_told(tmp_path: Path, labels: Any, told: str) -> None:
    (tmp_path / "two.txt").write_text("a\nb\n")
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe\x00")
    model = OnnxModel(
        path=finder(tmp_path / "f.onnx"), labels=tmp_path / labels if isinstance(labels, Path) else labels
    )
    with pytest.raises(ModelError, match=told):
        model.load()


@pytest.mark.parametrize("names", ["{0: 'a', 2: 'b'}", "{", "{}", "7", "__import__('os')"])
def test_names_in_the_metadata_that_are_none_are_told(tmp_path: Path, names: str) -> None:
    path = constant(tmp_path / "m.onnx", {"o": READY}, metadata={"names": names})
    with pytest.raises(ModelError, match=r"names in the metadata: expected \{0: 'person'.*give labels"):
        OnnxModel(path=path).load()
    OnnxModel(path=path, labels=["a", "b"]).load()


def test_a_box_of_a_class_without_a_name_is_an_error(tmp_path: Path, make_frame: Make) -> None:
    path = constant(tmp_path / "m.onnx", {"o": READY})
    with pytest.raises(ModelError, match="a box of class 1, but labels for 1, from 0"):
        loaded(path, labels=["only"]).predict([make_frame(np.zeros((9, 9, 3), np.uint8))])


def test_a_class_that_there_is_not_is_told_with_the_nearest(tmp_path: Path) -> None:
    model = OnnxModel(path=finder(tmp_path / "f.onnx"), classes=["grean"])
    with pytest.raises(
        ModelError, match=r"no class 'grean'; did you mean \"green\"\? \(known: red, green, blue\)"
    ):
        model.load()


# Files that are wrong


def test_a_file_that_is_missing_or_not_onnx_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no such file: .*nothing\.onnx"):
        OnnxModel(path=tmp_path / "nothing.onnx").load()
    for content in (b"", b"hello, world", bytes(1000)):
        (tmp_path / "bad.onnx").write_bytes(content)
        with pytest.raises(ModelError, match=r"bad\.onnx is not an ONNX file that onnxruntime can load: \S"):
            OnnxModel(path=tmp_path / "bad.onnx").load()


@pytest.mark.parametrize(
    "how",
    [
        {"shape": (1, 64, 64, 3)},
        {"shape": (1, 3, 64)},
        {"shape": (1, 1, 64, 64)},
        {"input_type": TensorProto.UINT8},
        {"beside": {"pixel_mask": (1, 64, 64)}},
    ],
)
def test_inputs_that_are_no_pictures_are_told(tmp_path: Path, how: Any) -> None:
    path = constant(tmp_path / "m.onnx", {"o": READY}, **how)
    with pytest.raises(
        ModelError, match=r"expected one input of float.*\(N, 3, height, width\).*found inputs: im"
    ):
        OnnxModel(path=path).load()


def test_a_size_that_the_file_is_not_fixed_to_is_told(tmp_path: Path) -> None:
    model = OnnxModel(path=finder(tmp_path / "f.onnx"), size=Size(640, 480))
    with pytest.raises(ModelError, match="size: expected 96x64, to which the file is fixed, got 640x480"):
        model.load()


def test_an_unknown_head_is_refused_through_the_front_door(tmp_path: Path) -> None:
    path = constant(tmp_path / "m.onnx", {"o": np.zeros((1, 3, 5, 7), np.float32)})
    model = open_model("onnx", path=path)
    with pytest.raises(
        ModelError, match=r"unknown head: .*\nfound .*o tensor\(float\) \(1, 3, 5, 7\)\nsupported"
    ):
        model.load()


# The model as a model


def test_it_keeps_the_promise_of_a_model(tmp_path: Path) -> None:
    for name, batch in (("open", "batch"), ("one", 1), ("three", 3)):
        path = finder(tmp_path / f"{name}.onnx", shape=(batch, 3, 64, 96))
        check_model(lambda path=path: OnnxModel(path=path))  # type: ignore[misc]


def test_it_is_named_after_its_file_and_versioned_by_its_content(tmp_path: Path) -> None:
    path = finder(tmp_path / "street.onnx")
    model = OnnxModel(path=path)
    assert (model.name, model.version) == ("street", "unread")
    model.load()
    assert model.version == hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def test_before_load_and_after_close_it_is_closed(tmp_path: Path, make_frame: Make) -> None:
    model = OnnxModel(path=finder(tmp_path / "f.onnx"))
    frame = make_frame(np.zeros((9, 9, 3), np.uint8))
    for _ in range(2):
        with pytest.raises(Closed, match="the onnx model f is not loaded"):
            model.predict([frame])
        model.load()
        assert model.predict([frame]) == [()]
        model.close()


def test_settings_that_cannot_be_are_told_before_any_file_is_read() -> None:
    with pytest.raises(ConfigError, match="std: expected three numbers above 0"):
        OnnxModel(path=Path("x"), std=(1.0, 0.0, 1.0))
    with pytest.raises(ConfigError, match=r"model onnx: path: missing.*"):
        open_model("onnx")
    with pytest.raises(ConfigError, match="head: input should be 'auto'.*got 'yolo'"):
        open_model("onnx", path="x", head="yolo")
    with pytest.raises(ConfigError, match="providers: 'cpuu' is not in the installed.*did you mean \"cpu\""):
        open_model("onnx", path="x", providers=["cpuu"])


def test_without_onnxruntime_the_command_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingExtra, match=r"pip install 'sightline\[onnx\]'"):
        open_model("onnx", path="x")


def test_a_provider_that_does_not_come_up_is_an_error_if_asked_for_and_a_line_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """onnxruntime goes on with the CPU where CUDA's libraries are missing."""
    path = finder(tmp_path / "f.onnx")
    monkeypatch.setattr(
        onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"]
    )
    begin = Session.__init__
    monkeypatch.setattr(
        Session,
        "__init__",
        lambda self, path, _providers, threads: begin(self, path, ["CPUExecutionProvider"], threads),
    )
    with caplog.at_level(logging.INFO):
        OnnxModel(path=path).load()
    assert "provider left out: its libraries are missing" in caplog.text
    assert "providers=['cpu']" in caplog.text
    with pytest.raises(ModelError, match="providers: cuda cannot be used here"):
        OnnxModel(path=path, providers=["cuda"]).load()


def test_it_describes_what_it_loaded(tmp_path: Path) -> None:
    path = finder(tmp_path / "f.onnx")
    told = loaded(path).describe()
    assert (told.head, told.classes, told.labels) == ("yolov8", 3, ("red", "green", "blue"))
    assert (told.size, told.fit, told.batch) == (Size(96, 64), "letterbox", None)
    assert (told.opset, told.producer, told.bytes) == (17, "a test", path.stat().st_size)
    assert told.providers == ("cpu",)
    assert "cpu" in told.available
