"""The document's models as NVIDIA's plugins are given them, key by key: each with the page that asks for it.

Pages are those of https://docs.nvidia.com/metropolis/deepstream/dev-guide/text/.
"""

from typing import Any

import pytest
from tests.deepstream.generated import GATE, instance, seen

from sightline.deepstream.document import Form
from sightline.deepstream.generating import generate
from sightline.deepstream.models import ClusterMode

INFER = "DS_plugin_gst-nvinfer.html"
PREPROCESS = "DS_plugin_gst-nvdspreprocess.html"

Expected = list[tuple[str, str, str, str]]  # group, key, value, page and what it says there

MOT_PGIE: Expected = [
    ("property", "gpu-id", "1", f"{INFER}: the device that pre-processing and inference run on"),
    ("property", "model-engine-file", "/models/mot.engine", f"{INFER}: the serialized engine"),
    ("property", "network-mode", "2", f"{INFER}: 0 FP32, 1 INT8, 2 FP16"),
    ("property", "interval", "0", f"{INFER}: consecutive batches that are skipped"),
    ("property", "custom-lib-path", "/models/yolo.so", f"{INFER}: the library of custom methods"),
    ("property", "batch-size", "2", f"{INFER}: frames inferred together"),
    ("property", "labelfile-path", "../mot.txt", f"{INFER}: the text file of the labels"),
    ("property", "num-detected-classes", "2", f"{INFER}: classes that the network detects"),
    ("property", "output-blob-names", "output", f"{INFER}: names of output layers"),
    ("property", "cluster-mode", "2", f"{INFER}: 2 is NMS"),
    ("property", "maintain-aspect-ratio", "1", f"{INFER}: aspect ratio kept when scaling"),
    ("property", "process-mode", "1", f"{INFER}: 1 primary, 2 secondary"),
    ("property", "symmetric-padding", "1", f"{INFER}: padding on both sides"),
    ("property", "network-type", "0", f"{INFER}: 0 detector"),
    ("property", "gie-unique-id", "1", f"{INFER}: the id that metadata of this model has"),
    ("property", "parse-bbox-func-name", "NvDsInferParseCustomYoloV5", f"{INFER}: the custom parser"),
    ("property", "model-color-format", "0", f"{INFER}: 0 RGB, 1 BGR, 2 GRAY"),
    ("property", "net-scale-factor", "0.003921569790691137", f"{INFER}: y = factor * (x - mean)"),
    ("property", "infer-dims", "3;640;640", f"{INFER}: channel;height;width"),
    ("class-attrs-all", "nms-iou-threshold", "0.5", f"{INFER}: overlap of two boxes, NMS alone"),
    ("class-attrs-all", "pre-cluster-threshold", "0.4", f"{INFER}: least confidence before clustering"),
    ("class-attrs-all", "post-cluster-threshold", "0.6", f"{INFER}: least confidence after clustering"),
]
FACE_PGIE: Expected = [
    ("property", "gpu-id", "0", f"{INFER}: the device that pre-processing and inference run on"),
    ("property", "network-mode", "0", f"{INFER}: 0 FP32, 1 INT8, 2 FP16"),
    ("property", "interval", "0", f"{INFER}: consecutive batches that are skipped"),
    ("property", "custom-lib-path", "../libface.so", f"{INFER}: the library of custom methods"),
    ("property", "batch-size", "2", f"{INFER}: frames inferred together"),
    ("property", "labelfile-path", "/models/face.txt", f"{INFER}: the text file of the labels"),
    ("property", "num-detected-classes", "1", f"{INFER}: classes that the network detects"),
    ("property", "cluster-mode", "4", f"{INFER}: 4 is no clustering"),
    ("property", "maintain-aspect-ratio", "0", f"{INFER}: aspect ratio kept when scaling"),
    ("property", "process-mode", "1", f"{INFER}: 1 primary, 2 secondary"),
    ("property", "symmetric-padding", "0", f"{INFER}: padding on both sides"),
    ("property", "network-type", "0", f"{INFER}: 0 detector"),
    ("property", "gie-unique-id", "3", f"{INFER}: the id that metadata of this model has"),
    ("property", "parse-bbox-func-name", "NvDsInferParseNone", f"{INFER}: the custom parser"),
    ("property", "engine-create-func-name", "NvDsInferRetinafaceCudaEngineGet", f"{INFER}: makes the engine"),
    ("property", "offsets", "104.0;117.0;123.0", f"{INFER}: mean of each channel, to be subtracted"),
    ("property", "model-color-format", "1", f"{INFER}: 0 RGB, 1 BGR, 2 GRAY"),
    ("property", "net-scale-factor", "1.0", f"{INFER}: y = factor * (x - mean)"),
    ("property", "infer-dims", "3;736;1280", f"{INFER}: channel;height;width"),
    ("class-attrs-all", "nms-iou-threshold", "0.4", f"{INFER}: overlap of two boxes, NMS alone"),
    ("class-attrs-all", "pre-cluster-threshold", "0.45", f"{INFER}: least confidence before clustering"),
    ("class-attrs-all", "post-cluster-threshold", "0.7", f"{INFER}: least confidence after clustering"),
]
MOT_SGIE: Expected = [
    ("property", "gpu-id", "0", f"{INFER}: the device that pre-processing and inference run on"),
    ("property", "network-mode", "0", f"{INFER}: 0 FP32, 1 INT8, 2 FP16"),
    ("property", "interval", "0", f"{INFER}: consecutive batches that are skipped"),
    ("property", "process-mode", "2", f"{INFER}: 1 primary, 2 secondary"),
    ("property", "output-tensor-meta", "1", f"{INFER}: raw output attached as metadata"),
    ("property", "network-type", "1", f"{INFER}: 1 classifier"),
    ("property", "batch-size", "12", f"{INFER}: objects inferred together"),
    ("property", "gie-unique-id", "2", f"{INFER}: the id that metadata of this model has"),
    ("property", "input-object-min-width", "16", f"{INFER}: narrower objects are left out, secondary alone"),
    ("property", "input-object-min-height", "32", f"{INFER}: lower objects are left out, secondary alone"),
    ("property", "operate-on-gie-id", "1", f"{INFER}: the model whose objects it works on"),
    ("property", "operate-on-class-ids", "0", f"{INFER}: the classes of that model, ; between them"),
    ("property", "output-blob-names", "output.0", f"{INFER}: names of output layers"),
    ("property", "force-implicit-batch-dim", "1", f"{INFER}: implicit batch dimension"),
    ("property", "model-color-format", "1", f"{INFER}: 0 RGB, 1 BGR, 2 GRAY"),
    ("property", "classifier-async-mode", "0", f"{INFER}: classify beside the stream"),
    ("property", "classifier-threshold", "0.0", f"{INFER}: least probability of a label"),
    ("property", "maintain-aspect-ratio", "0", f"{INFER}: aspect ratio kept when scaling"),
    ("property", "secondary-reinfer-interval", "0", f"{INFER}: frames until an object is looked at again"),
    ("property", "net-scale-factor", "0.003921569790691137", f"{INFER}: y = factor * (x - mean)"),
    ("property", "offsets", "123.675;116.28;103.53", f"{INFER}: mean of each channel, to be subtracted"),
    ("property", "infer-dims", "3;128;64", f"{INFER}: channel;height;width"),
]
FACE_SGIE: Expected = [
    ("property", "gpu-id", "0", f"{INFER}: the device that pre-processing and inference run on"),
    ("property", "model-engine-file", "/models/arc.engine", f"{INFER}: the serialized engine"),
    ("property", "network-mode", "0", f"{INFER}: 0 FP32, 1 INT8, 2 FP16"),
    ("property", "interval", "0", f"{INFER}: consecutive batches that are skipped"),
    ("property", "process-mode", "2", f"{INFER}: 1 primary, 2 secondary"),
    ("property", "output-tensor-meta", "1", f"{INFER}: raw output attached as metadata"),
    ("property", "network-type", "100", f"{INFER}: 100 other, for output that it is not to read"),
    ("property", "batch-size", "32", f"{INFER}: objects inferred together"),
    ("property", "gie-unique-id", "4", f"{INFER}: the id that metadata of this model has"),
    ("property", "operate-on-gie-id", "3", f"{INFER}: the model whose objects it works on"),
    ("property", "cluster-mode", "4", f"{INFER}: 4 is no clustering"),
]
FACE_ALIGN: Expected = [
    ("property", "enable", "1", f"{PREPROCESS}: whether the plugin is on"),
    ("property", "unique-id", "5", f"{PREPROCESS}: the id of this element's metadata"),
    ("property", "gpu-id", "0", f"{PREPROCESS}: the device"),
    ("property", "operate-on-gie-id", "3", f"{PREPROCESS}: the model whose objects it cuts out"),
    ("property", "target-unique-ids", "4", f"{PREPROCESS}: the models that the tensor is for"),
    ("property", "process-on-frame", "0", f"{PREPROCESS}: 1 frames, 0 objects"),
    ("property", "network-input-order", "0", f"{PREPROCESS}: 0 NCHW, 1 NHWC, 2 custom"),
    ("property", "network-input-shape", "32;3;112;112", f"{PREPROCESS}: batch;channels;height;width"),
    ("property", "processing-width", "112", f"{PREPROCESS}: width that is scaled to"),
    ("property", "processing-height", "112", f"{PREPROCESS}: height that is scaled to"),
    ("property", "network-color-format", "0", f"{PREPROCESS}: 0 RGB, 1 BGR, 2 GRAY"),
    ("property", "tensor-data-type", "0", f"{PREPROCESS}: 0 FP32"),
    ("property", "tensor-name", "conv1", f"{PREPROCESS}: the input layer"),
    ("property", "scaling-buf-pool-size", "6", f"{PREPROCESS}: buffers of the scaling pool"),
    ("property", "tensor-buf-pool-size", "10", f"{PREPROCESS}: buffers of the tensor pool"),
    ("property", "scaling-pool-memory-type", "0", f"{PREPROCESS}: memory of the scaling pool"),
    ("property", "maintain-aspect-ratio", "0", f"{PREPROCESS}: aspect ratio kept when scaling"),
    ("property", "symmetric-padding", "0", f"{PREPROCESS}: padding on both sides"),
    (
        "property",
        "custom-lib-path",
        "/opt/nvidia/deepstream/deepstream/lib/gst-plugins/libcustom2d_preprocess.so",
        f"{PREPROCESS}: the library of custom methods",
    ),
    (
        "property",
        "custom-tensor-preparation-function",
        "CustomTensorPreparation",
        f"{PREPROCESS}: makes the tensor",
    ),
    ("user-configs", "pixel-normalization-factor", "0.00784313725", f"{PREPROCESS}: scale of a pixel"),
    ("user-configs", "offsets", "127.5;127.5;127.5", f"{PREPROCESS}: mean of each channel"),
    ("group-0", "process-on-all-objects", "1", f"{PREPROCESS}: all objects or those within the ROIs"),
    ("group-0", "operate-on-class-ids", "0", f"{PREPROCESS}: classes that are taken"),
    ("group-0", "input-object-min-width", "50", f"{PREPROCESS}: narrower objects are left out"),
    ("group-0", "input-object-max-width", "3840", f"{PREPROCESS}: wider objects are left out"),
    ("group-0", "input-object-min-height", "50", f"{PREPROCESS}: lower objects are left out"),
    ("group-0", "input-object-max-height", "2160", f"{PREPROCESS}: higher objects are left out"),
    (
        "group-0",
        "custom-input-transformation-function",
        "CustomAsyncTransformation",
        f"{PREPROCESS}: cuts out and scales",
    ),
    ("group-0", "src-ids", "0;1", f"{PREPROCESS}: the sources of the group"),
]

SAID: dict[str, dict[str, Any]] = {
    "app": {"mot_confidence_threshold": 0.6, "face_confidence_threshold": 0.45},
    "mot_pgie": {
        "gpu_id": 1,
        "model_engine_file": "/models/mot.engine",
        "network_mode": 2,
        "custom_lib_path": "/models/yolo.so",
        "batch_size": 2,
        "labelfile_path": "mot.txt",
        "num_detected_classes": 2,
        "output_blob_names": "output",
        "symmetric_padding": 1,
        "parse_bbox_func_name": "NvDsInferParseCustomYoloV5",
        "infer_dims": "3;640;640;",
        "nms_iou_threshold": 0.5,
        "pre_cluster_threshold": 0.4,
    },
    "face_pgie": {
        "custom_lib_path": "libface.so",
        "batch_size": 2,
        "parse_bbox_func_name": "NvDsInferParseNone",
        "engine_create_func_name": "NvDsInferRetinafaceCudaEngineGet",
        "offsets": "104.0;117.0;123.0",
        "infer_dims": "3;736;1280",
        "nms_iou_threshold": 0.4,
        "pre_cluster_threshold": 0.1,
        "post_cluster_threshold": 0.7,
    },
    "mot_sgie": {
        "network_type": 1,
        "batch_size": 12,
        "input_object_min_width": 16,
        "input_object_min_height": 32,
        "output_blob_names": "output.0",
        "force_implicit_batch_dim": 1,
        "model_color_format": 1,
        "maintain_aspect_ratio": 0,
        "net_scale_factor": 0.0039215697906911373,
        "infer_dims": "3;128;64",
    },
    "face_sgie": {"model_engine_file": "/models/arc.engine", "batch_size": 32},
    "face_align": {
        "network_input_shape": "32;3;112;112",
        "tensor_name": "conv1",
        "tensor_buf_pool_size": 10,
        "input_object_min_width": 50,
        "input_object_max_width": 3840,
        "input_object_min_height": 50,
        "input_object_max_height": 2160,
    },
}
# The reader's choice among equals; DeepStream refuses the file without it.
UNSAID = {("property", "scaling-filter")}


@pytest.mark.parametrize("form", Form)
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mot_pgie", MOT_PGIE),
        ("face_pgie", FACE_PGIE),
        ("mot_sgie", MOT_SGIE),
        ("face_sgie", FACE_SGIE),
        ("face_align", FACE_ALIGN),
    ],
)
def test_each_key_of_a_model_is_what_its_page_asks_for(form: Form, name: str, expected: Expected) -> None:
    made = seen(generate(instance(**SAID), form=form)[f"{name}.{form}"])
    there = {
        (group, key): value
        for group, keys in made.items()
        for key, value in keys.items()
        if (group, key) not in UNSAID
    }
    assert there == {(group, key): value for group, key, value, _ in expected}


@pytest.mark.parametrize("form", Form)
def test_no_threshold_stands_in_property(form: Form) -> None:
    made = generate(instance(), form=form)
    for name in (f"mot_pgie.{form}", f"face_pgie.{form}"):
        assert not any("threshold" in key or key == "topk" for key in seen(made[name])["property"])


@pytest.mark.parametrize(
    ("mode", "own", "asked", "pre", "post"),
    [
        (ClusterMode.NMS, 0.2, 0.6, "0.2", "0.6"),
        (ClusterMode.DBSCAN, 0.2, 0.6, "0.2", "0.6"),
        (ClusterMode.DBSCAN_NMS, 0.9, 0.6, "0.9", "0.6"),
        (ClusterMode.NONE, 0.2, 0.6, "0.6", None),
        (ClusterMode.NONE, 0.9, 0.6, "0.9", None),
        (ClusterMode.GROUP_RECTANGLE, 0.2, 0.6, "0.6", None),
    ],
)
def test_the_confidence_asked_for_stands_where_the_cluster_mode_looks(
    mode: ClusterMode, own: float, asked: float, pre: str, post: str | None
) -> None:
    said = instance(
        app={"mot_confidence_threshold": asked},
        mot_pgie={"cluster_mode": mode, "pre_cluster_threshold": own},
    )
    attributes = seen(generate(said)["mot_pgie.txt"])["class-attrs-all"]
    assert attributes["pre-cluster-threshold"] == pre
    assert attributes.get("post-cluster-threshold") == post


def test_the_higher_of_two_thresholds_after_clustering_holds() -> None:
    face = {"cluster_mode": ClusterMode.NMS, "post_cluster_threshold": 0.7}
    for asked, holds in ((0.5, "0.7"), (0.8, "0.8")):
        said = instance(app={"face_confidence_threshold": asked}, face_pgie=face)
        attributes = seen(generate(said)["face_pgie.txt"])["class-attrs-all"]
        assert attributes["post-cluster-threshold"] == holds


def test_without_alignment_the_model_takes_the_faces_themselves() -> None:
    made = generate(instance(GATE, face_align={"enable": 0}))
    assert "face_align.txt" not in made
    app = seen(made["face_app.txt"])
    assert app["secondary-gie0"]["input-tensor-meta"] == "0"
    assert "secondary-pre-process0" not in app


def test_the_sources_of_alignment_are_those_that_were_asked_for() -> None:
    made = generate(instance(face_align={"src_ids": 1}))
    assert seen(made["face_align.txt"])["group-0"]["src-ids"] == "1"
