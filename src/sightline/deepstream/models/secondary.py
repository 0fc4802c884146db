"""What tells things apart: the document's secondary models, files of Gst-nvinfer.

Promises: every field of the document under its name, with NVIDIA's own defaults where it has any. Where the
document and DeepStream differ, and where that is from, is told in `infer`.

Deliberately not here: whether the files and functions that are named exist.

Pages that are named: https://docs.nvidia.com/metropolis/deepstream/dev-guide/text/DS_....html
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from sightline.deepstream.models.dims import Dims, Offsets
from sightline.deepstream.models.infer import Batch, Name, NVinferConfig
from sightline.deepstream.models.numbers import (
    BoolEnum,
    ClusterMode,
    ModelColorFormat,
    NetworkType,
    ProcessMode,
)
from sightline.deepstream.models.part import AboveZero, Count, Ids, NotNegative, Positive


def _secondary(mode: ProcessMode) -> ProcessMode:
    if mode is not ProcessMode.SECONDARY:
        raise ValueError("expected 2, as a secondary model looks at objects that another one found")
    return mode


class SGIEConfig(NVinferConfig):
    """A secondary model: looks at objects that another one found and leaves its tensor to others.

    Source: DS_plugin_gst-nvinfer.html.
    """

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


class MOT_sgie_config(SGIEConfig):  # noqa: N801 - the document's name, as is that below
    """Tells persons apart: a re-identification model, whose output is a vector.

    Defaults are those of NVIDIA's own ReIdentificationNet, as its tracker's files have them and the page
    DS_plugin_gst-nvtracker.html explains: RGB, 3;256;128, pixels less their mean by 0.01735207. Its
    `network_type` is 100 (other), which leaves the tensor to the application: nvinfer would read labels out
    of a classifier's. Every object of class 0 of model 1 is looked at, in every frame.

    Source: DS_plugin_gst-nvinfer.html.
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

    Source: DS_plugin_gst-nvinfer.html.
    """

    gie_unique_id: Positive = Field(
        default=4, description="The number that others know this model by, from 1."
    )
    operate_on_gie_id: Count = Field(default=3, description="The model whose objects it looks at.")
    operate_on_class_ids: Ids | None = Field(
        default=None, description="The classes of that model that it looks at; all if left out."
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
