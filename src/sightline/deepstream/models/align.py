"""How faces become the tensor that their model is given: a file of Gst-nvdspreprocess.

Every field of the document is here under its name. nvdspreprocess refuses a file without eleven keys, most of
which the document leaves out; they have the values of NVIDIA's sample for secondary models
(config_preprocess_sgie.txt) and of the library that comes with it. That library scales and does not turn
faces upright: whoever aligns by landmarks names a library of their own in `custom_lib_path`.

Where the document and DeepStream differ, this holds:

- `enable`: a number in the document, a boolean in nvdspreprocess, whose reader refuses all but 0 and 1.
- `target_unique_ids`: one number in the document, a list in nvdspreprocess; both are taken (`part.Ids`).
- `network_input_shape`: the document's pattern lets anything pass that is digits and `;`. Here it has four
  numbers above 0, the first of which is the batch of the model that the tensor is for.
- `input_object_...`: keys of `[group-0]`, not of `[property]`, where nvdspreprocess would ignore them.

Source: https://docs.nvidia.com/metropolis/deepstream/dev-guide/text/DS_plugin_gst-nvdspreprocess.html and the
parser of NVIDIA/DeepStream, src/gst-plugins/gst-nvdspreprocess/nvdspreprocess_property_parser.cpp.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field

from sightline.deepstream.models.dims import BatchShape, Offsets
from sightline.deepstream.models.numbers import BoolEnum, MemoryType, ModelColorFormat, TensorDataType
from sightline.deepstream.models.part import AboveZero, Count, File, Ids, Place, Positive, Written

_OF_THE_GROUP = (
    "src_ids",
    "process_on_all_objects",
    "operate_on_class_ids",
    "input_object_min_width",
    "input_object_max_width",
    "input_object_min_height",
    "input_object_max_height",
    "custom_input_transformation_function",
)
_OF_THE_LIBRARY = ("pixel_normalization_factor", "offsets")


class FACE_align_config(Written):  # noqa: N801 - the document's name
    """Cuts out faces, scales them and makes the tensor for `FACE_sgie_config`.

    Source: DS_plugin_gst-nvdspreprocess.html.
    """

    ELSEWHERE: ClassVar[Mapping[str, Place]] = {
        **{name: Place("group-0", name.replace("_", "-")) for name in _OF_THE_GROUP},
        **{name: Place("user-configs", name.replace("_", "-")) for name in _OF_THE_LIBRARY},
    }

    enable: BoolEnum = Field(default=BoolEnum.TRUE, description="Whether it does anything at all.")
    unique_id: Positive = Field(default=5, description="The number that others know this step by, from 1.")
    gpu_id: Count = Field(default=0, description="The GPU that runs it, from 0.")
    operate_on_gie_id: Count = Field(default=3, description="The model whose objects it cuts out.")
    target_unique_ids: Ids = Field(default=4, description="The models that the tensor is for.")
    process_on_frame: BoolEnum = Field(
        default=BoolEnum.FALSE, description="Whether it cuts frames instead of objects."
    )
    network_input_order: Annotated[int, Field(ge=0, le=2)] = Field(
        default=0, description="The order of the tensor: 0 NCHW, 1 NHWC, 2 the library's own."
    )
    network_input_shape: BatchShape = Field(
        default="16;3;112;112",
        description="The tensor's shape, batch;channels;height;width; ArcFace is given 112x112.",
    )
    processing_width: Positive = Field(default=112, description="Pixels that a face is scaled to, across.")
    processing_height: Positive = Field(default=112, description="Pixels that a face is scaled to, down.")
    network_color_format: ModelColorFormat = Field(
        default=ModelColorFormat.RGB, description="The order of colours that the model was trained with."
    )
    tensor_data_type: TensorDataType = Field(
        default=TensorDataType.FP32, description="What the numbers of the tensor are."
    )
    tensor_name: str = Field(
        default="data",
        min_length=1,
        description="The model's input; ArcFace of the ONNX model zoo calls it data.",
    )
    scaling_buf_pool_size: Count = Field(default=6, description="How many scaled pictures may be under way.")
    tensor_buf_pool_size: Count = Field(default=6, description="How many tensors may be under way.")
    scaling_filter: Annotated[int, Field(ge=0, le=6)] = Field(
        default=0,
        description="How it scales: 0 nearest, 1 bilinear, 2 to 5 the hardware's own, 6 its default.",
    )
    scaling_pool_memory_type: Annotated[MemoryType, Field(le=4)] = Field(
        default=MemoryType.DEFAULT, description="Where the scaled pictures lie."
    )
    maintain_aspect_ratio: BoolEnum = Field(
        default=BoolEnum.FALSE,
        description="Whether a face keeps its shape when scaled, with black beside it.",
    )
    symmetric_padding: BoolEnum = Field(
        default=BoolEnum.FALSE,
        description="Whether that black is on both sides; else at the right and the bottom.",
    )
    custom_lib_path: File = Field(
        default=Path("/opt/nvidia/deepstream/deepstream/lib/gst-plugins/libcustom2d_preprocess.so"),
        description="The library that scales and makes the tensor.",
    )
    custom_tensor_preparation_function: str = Field(
        default="CustomTensorPreparation",
        min_length=1,
        description="The library's function that makes the tensor.",
    )
    pixel_normalization_factor: AboveZero = Field(
        default=0.00784313725,
        description="What a pixel less its offset is multiplied by; ArcFace is given -1 to 1.",
    )
    offsets: Offsets = Field(
        default="127.5;127.5;127.5",
        description="What is taken off a pixel before it is scaled, for each channel.",
    )
    src_ids: Ids | None = Field(
        default=None,
        description="The sources it is for, from 0; the generator names all of the instance if left out.",
    )
    process_on_all_objects: BoolEnum = Field(
        default=BoolEnum.TRUE, description="Whether faces are taken from anywhere in the frame."
    )
    operate_on_class_ids: Ids = Field(
        default=0, description="The classes of the model whose objects it cuts out."
    )
    input_object_min_width: Count = Field(
        default=0, description="Pixels; objects less wide are left out. 0 is no limit."
    )
    input_object_max_width: Count = Field(
        default=0, description="Pixels; wider objects are left out. 0 is no limit."
    )
    input_object_min_height: Count = Field(
        default=0, description="Pixels; objects less high are left out. 0 is no limit."
    )
    input_object_max_height: Count = Field(
        default=0, description="Pixels; higher objects are left out. 0 is no limit."
    )
    custom_input_transformation_function: str = Field(
        default="CustomAsyncTransformation", min_length=1, description="The library's function that scales."
    )
