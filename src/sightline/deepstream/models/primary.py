"""What finds things: the document's primary models, files of Gst-nvinfer.

Promises: every field of the document under its name, with NVIDIA's own defaults where it has any. Where the
document and DeepStream differ, and where that is from, is told in `infer`.

Deliberately not here: whether the files and functions that are named exist.

Pages that are named: https://docs.nvidia.com/metropolis/deepstream/dev-guide/text/DS_....html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Final

from pydantic import AfterValidator, Field

from sightline.deepstream.models.dims import Dims, Offsets
from sightline.deepstream.models.infer import Batch, Name, NVinferConfig, Overlap
from sightline.deepstream.models.numbers import (
    BoolEnum,
    ClusterMode,
    ModelColorFormat,
    NetworkType,
    ProcessMode,
)
from sightline.deepstream.models.part import AboveZero, File, Place, Positive

ONE_255TH: Final = 0.0039215697906911373
"""1/255 as NVIDIA's files have it, with 32-bit precision."""


def _primary(mode: ProcessMode) -> ProcessMode:
    if mode is not ProcessMode.PRIMARY:
        raise ValueError("expected 1, as a primary model looks at whole frames")
    return mode


class PGIEConfig(NVinferConfig):
    """A primary model: a detector that looks at whole frames.

    Defaults are nvinfer's own but for `cluster_mode`: left out it would be 0, which a DeepStream without
    OpenCV silently replaces. `labelfile_path` must be given, as nobody else knows the classes.

    Source: DS_plugin_gst-nvinfer.html.
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

    Source: DS_plugin_gst-nvinfer.html.
    """

    gie_unique_id: Positive = Field(
        default=1, description="The number that others know this model by, from 1."
    )
    num_detected_classes: Positive = Field(default=80, description="How many classes the model knows.")
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

    Source: DS_plugin_gst-nvinfer.html.
    """

    gie_unique_id: Positive = Field(
        default=3, description="The number that others know this model by, from 1."
    )
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
    post_cluster_threshold: AboveZero | None = Field(
        default=None,
        description="The least confidence of a box after clustering, above 0; none is asked for if left out.",
    )
