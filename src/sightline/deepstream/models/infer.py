"""The models of the document, each a file of Gst-nvinfer: what finds things and tells them apart.

Every field of the document is here under its name; what the document leaves out and nvinfer cannot do
without (the model's own files, the GPU) is optional and not written where it is None. Units and ranges are in
the fields' descriptions; a key is in `[property]` unless `ELSEWHERE` says otherwise.

Where the document and DeepStream differ, this holds:

- `gie_unique_id`: the document takes 0; nvinfer refuses to load it, and so does this.
- `process_mode`: the document has a number in one place and an enum in another; nvinfer takes 1 and 2 alone.
  A primary model has 1, a secondary one 2, and anything else is refused.
- `maintain_aspect_ratio`, `symmetric_padding`, `output_tensor_meta`: numbers in the document, booleans in
  nvinfer, whose reader refuses all but 0 and 1; so 0, 1, true and false are taken.
- `operate_on_class_ids`: one number in the document, a list in nvinfer; both are taken (`part.Ids`).
- `force_implicit_batch_dim`: nvinfer still reads it; TensorRT 10 has no such mode any more. 0 unless asked.
- `output_blob_names`, `parse_bbox_func_name`, `engine_create_func_name`, `infer_dims`: texts that must be
  there in the document, and that nvinfer does without for an ONNX model; None, or an empty text, is not set.
- `num_detected_classes`, thresholds above 0: as in the document. An IoU above 1 is refused by nvinfer.

Source: https://docs.nvidia.com/metropolis/deepstream/dev-guide/text/DS_plugin_gst-nvinfer.html and the parser
of NVIDIA/DeepStream, src/gst-plugins/gst-nvinfer/gstnvinfer_property_parser.cpp.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Final, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field

from sightline.deepstream.models.dims import Dims, Offsets
from sightline.deepstream.models.numbers import (
    BoolEnum,
    ClusterMode,
    ModelColorFormat,
    NetworkMode,
    NetworkType,
    ProcessMode,
)
from sightline.deepstream.models.part import (
    AboveZero,
    Count,
    File,
    Ids,
    NotNegative,
    Place,
    Positive,
    Written,
)

ONE_255TH: Final = 0.0039215697906911373
"""1/255 as NVIDIA's files have it, with 32-bit precision."""

MOST_IN_A_BATCH: Final = 1024
"""nvinfer refuses more."""


def _primary(mode: ProcessMode) -> ProcessMode:
    if mode is not ProcessMode.PRIMARY:
        raise ValueError("expected 1, as a primary model looks at whole frames")
    return mode


def _secondary(mode: ProcessMode) -> ProcessMode:
    if mode is not ProcessMode.SECONDARY:
        raise ValueError("expected 2, as a secondary model looks at objects that another one found")
    return mode


Name: TypeAlias = Annotated[str | None, BeforeValidator(lambda value: None if value == "" else value)]
Batch: TypeAlias = Annotated[int, Field(ge=1, le=MOST_IN_A_BATCH)]
Overlap: TypeAlias = Annotated[float, Field(gt=0, le=1)]


class NVinferConfig(Written):
    """What each file of nvinfer may have: which model it is and where it runs."""

    gpu_id: Count = Field(default=0, description="The GPU that runs it, from 0.")
    model_engine_file: File | None = Field(
        default=None,
        description="The engine that TensorRT built; made from the model and kept where it is missing.",
    )
    onnx_file: File | None = Field(default=None, description="The model in ONNX.")
    network_mode: NetworkMode = Field(
        default=NetworkMode.FP32, description="The precision of the engine; DeepStream's default is FP32."
    )
    interval: Count = Field(
        default=0, description="How many batches are let go between two that are looked at."
    )
    custom_lib_path: File | None = Field(
        default=None, description="The library that holds the functions named in this file."
    )


class PGIEConfig(NVinferConfig):
    """A primary model: a detector that looks at whole frames.

    Defaults are nvinfer's own but for `cluster_mode`: left out it would be 0, which a DeepStream without
    OpenCV silently replaces. `labelfile_path` must be given, as nobody else knows the classes.
    """

    ELSEWHERE: ClassVar[Mapping[str, Place]] = {
        name: Place("class-attrs-all", name.replace("_", "-"))
        for name in ("nms_iou_threshold", "pre_cluster_threshold", "post_cluster_threshold")
    }

    batch_size: Batch = Field(
        default=1,
        description="How many frames are looked at together, 1 to 1024. NVIDIA: one for each source.",
    )
    labelfile_path: File = Field(description="The file of the classes' names, one a line.")
    num_detected_classes: Positive = Field(default=1, description="How many classes the model knows.")
    output_blob_names: Name = Field(
        default=None, description="The model's outputs, ; between them; an ONNX model's are known without."
    )
    cluster_mode: ClusterMode = Field(
        default=ClusterMode.NMS, description="How several boxes of one object become one."
    )
    maintain_aspect_ratio: BoolEnum = Field(
        default=BoolEnum.FALSE,
        description="Whether a frame keeps its shape when scaled, with black beside it.",
    )
    process_mode: Annotated[ProcessMode, AfterValidator(_primary)] = Field(
        default=ProcessMode.PRIMARY, description="What it looks at: whole frames."
    )
    symmetric_padding: BoolEnum = Field(
        default=BoolEnum.FALSE,
        description="Whether that black is on both sides; else at the right and the bottom.",
    )
    network_type: NetworkType = Field(
        default=NetworkType.DETECTOR, description="What is made of the model's output."
    )
    nms_iou_threshold: Overlap = Field(
        default=0.3, description="The overlap (IoU, above 0 to 1) from which the weaker of two boxes goes."
    )
    pre_cluster_threshold: AboveZero = Field(
        default=0.2, description="The least confidence of a box before clustering, above 0."
    )


class MOT_pgie_config(PGIEConfig):  # noqa: N801 - the document's name, as are those below
    """Finds what is to be tracked: a detector of the YOLO family.

    Defaults are those of NVIDIA's own YOLO sample (objectDetector_Yolo, which the page DS_custom_YOLO.html
    explains): 80 classes, RGB, pixels by 1/255, shape kept, NMS at IoU 0.3 and confidence 0.7, its library's
    parser. The library itself is a file, so that `custom_lib_path` is to be given with it.
    """

    gie_unique_id: Positive = Field(
        default=1, description="The number that others know this model by, from 1."
    )
    num_detected_classes: Positive = Field(default=80, description="How many classes the model knows.")
    output_blob_names: Name = Field(
        default=None, description="The model's outputs, ; between them; an ONNX model's are known without."
    )
    parse_bbox_func_name: Name = Field(
        default="NvDsInferParseCustomYoloV3",
        description="The function of custom_lib_path that reads the output.",
    )
    engine_create_func_name: Name = Field(
        default=None,
        description="The function of custom_lib_path that builds the engine, where it is no ONNX.",
    )
    model_color_format: ModelColorFormat = Field(
        default=ModelColorFormat.RGB, description="The order of colours that the model was trained with."
    )
    net_scale_factor: AboveZero = Field(
        default=ONE_255TH, description="What a pixel less its offset is multiplied by, above 0."
    )
    offsets: Offsets = Field(
        default=None, description="What is taken off a pixel before that, for each channel."
    )
    infer_dims: Dims = Field(default=None, description="The model's input, channels;height;width.")
    maintain_aspect_ratio: BoolEnum = Field(
        default=BoolEnum.TRUE,
        description="Whether a frame keeps its shape when scaled, with black beside it.",
    )
    pre_cluster_threshold: AboveZero = Field(
        default=0.7, description="The least confidence of a box before clustering, above 0."
    )


class FACE_pgie_config(PGIEConfig):  # noqa: N801
    """Finds faces: a detector of the RetinaFace family.

    NVIDIA has no such model. One class; colours and offsets are those that RetinaFace is trained with (BGR
    less 104, 117 and 123, unscaled); its library clusters the boxes, so that nvinfer does not (4), and both
    thresholds of the document's own are nvinfer's defaults. Which functions read it and build it is the
    library's choice: there is no default, and none is written.
    """

    gie_unique_id: Positive = Field(
        default=3, description="The number that others know this model by, from 1."
    )
    num_detected_classes: Positive = Field(default=1, description="How many classes the model knows.")
    cluster_mode: ClusterMode = Field(
        default=ClusterMode.NONE, description="How several boxes of one object become one."
    )
    parse_bbox_func_name: Name = Field(
        default=None, description="The function of custom_lib_path that reads the output."
    )
    engine_create_func_name: Name = Field(
        default=None,
        description="The function of custom_lib_path that builds the engine, where it is no ONNX.",
    )
    offsets: Offsets = Field(
        default="104;117;123", description="What is taken off a pixel before it is scaled, for each channel."
    )
    model_color_format: ModelColorFormat = Field(
        default=ModelColorFormat.BGR, description="The order of colours that the model was trained with."
    )
    net_scale_factor: AboveZero = Field(
        default=1.0, description="What a pixel less its offset is multiplied by, above 0."
    )
    infer_dims: Dims = Field(default=None, description="The model's input, channels;height;width.")
    nms_iou_threshold: Overlap = Field(
        default=0.3, description="The overlap (IoU, above 0 to 1) from which the weaker of two boxes goes."
    )
    pre_cluster_threshold: AboveZero = Field(
        default=0.2, description="The least confidence of a box before clustering, above 0."
    )
    post_cluster_threshold: AboveZero | None = Field(
        default=None,
        description="The least confidence of a box after clustering, above 0; none is asked for if left out.",
    )


class SGIEConfig(NVinferConfig):
    """A secondary model: looks at objects that another one found and leaves its tensor to others."""

    process_mode: Annotated[ProcessMode, AfterValidator(_secondary)] = Field(
        default=ProcessMode.SECONDARY, description="What it looks at: objects of another model."
    )
    output_tensor_meta: BoolEnum = Field(
        default=BoolEnum.TRUE, description="Whether the raw output is attached for the application to read."
    )
    network_type: NetworkType | None = Field(default=None, description="What is made of the model's output.")
    batch_size: Batch = Field(
        default=16, description="How many objects are looked at together, 1 to 1024; 16 in NVIDIA's samples."
    )


class MOT_sgie_config(SGIEConfig):  # noqa: N801
    """Tells persons apart: a re-identification model, whose output is a vector.

    Defaults are those of NVIDIA's own ReIdentificationNet, as its tracker's files have them and the page
    DS_plugin_gst-nvtracker.html explains: RGB, 3;256;128, pixels less their mean by 0.01735207. Its
    `network_type` is 100 (other), which leaves the tensor to the application: nvinfer would read labels out
    of a classifier's. Every object of class 0 of model 1 is looked at, in every frame.
    """

    gie_unique_id: Positive = Field(
        default=2, description="The number that others know this model by, from 1."
    )
    input_object_min_width: Count = Field(
        default=0, description="Pixels; objects less wide are left out. 0 is no limit."
    )
    input_object_min_height: Count = Field(
        default=0, description="Pixels; objects less high are left out. 0 is no limit."
    )
    operate_on_gie_id: Count = Field(default=1, description="The model whose objects it looks at.")
    operate_on_class_ids: Ids = Field(default=0, description="The classes of that model that it looks at.")
    output_blob_names: Name = Field(
        default=None, description="The model's outputs, ; between them; an ONNX model's are known without."
    )
    output_tensor_meta: BoolEnum = Field(
        default=BoolEnum.TRUE, description="Whether the raw output is attached for the application to read."
    )
    force_implicit_batch_dim: BoolEnum = Field(
        default=BoolEnum.FALSE,
        description="Whether a model of TensorRT before 10 is built without a batch dimension.",
    )
    model_color_format: ModelColorFormat = Field(
        default=ModelColorFormat.RGB, description="The order of colours that the model was trained with."
    )
    classifier_async_mode: BoolEnum = Field(
        default=BoolEnum.FALSE,
        description="Whether frames go on before labels are there; for classifiers alone.",
    )
    classifier_threshold: NotNegative = Field(
        default=0.0, description="The least confidence of a label, at least 0; for classifiers alone."
    )
    maintain_aspect_ratio: BoolEnum = Field(
        default=BoolEnum.TRUE,
        description="Whether an object keeps its shape when scaled, with black beside it.",
    )
    secondary_reinfer_interval: Count = Field(
        default=0, description="Frames until a tracked object is looked at again; 0 is every frame."
    )
    net_scale_factor: AboveZero = Field(
        default=0.01735207, description="What a pixel less its offset is multiplied by, above 0."
    )
    offsets: Offsets = Field(
        default="123.675;116.28;103.53",
        description="What is taken off a pixel before it is scaled, for each channel.",
    )
    infer_dims: Dims = Field(default="3;256;128", description="The model's input, channels;height;width.")
    network_type: NetworkType = Field(
        default=NetworkType.OTHER, description="What is made of the model's output."
    )


class FACE_sgie_config(SGIEConfig):  # noqa: N801
    """Tells faces apart: a model of the ArcFace family, whose output is a vector.

    NVIDIA has no such model. It is given the tensor that `FACE_align_config` prepares, so that colours and
    scaling are said there. `network_type` is 100 (other) as for MOT; there are no boxes to cluster (4).
    """

    gie_unique_id: Positive = Field(
        default=4, description="The number that others know this model by, from 1."
    )
    operate_on_gie_id: Count = Field(default=3, description="The model whose objects it looks at.")
    operate_on_class_ids: Ids | None = Field(
        default=None, description="The classes of that model that it looks at; all if left out."
    )
    output_tensor_meta: BoolEnum = Field(
        default=BoolEnum.TRUE, description="Whether the raw output is attached for the application to read."
    )
    cluster_mode: ClusterMode = Field(
        default=ClusterMode.NONE, description="How several boxes of one object become one."
    )
    parse_bbox_func_name: Name = Field(
        default=None,
        description="The function of custom_lib_path that reads the output, where it is a detector's.",
    )
    network_type: NetworkType | None = Field(
        default=NetworkType.OTHER, description="What is made of the model's output."
    )
