"""What the models of the document have in common, each a file of Gst-nvinfer; see `primary`, `secondary`.

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

from typing import Annotated, Final, TypeAlias

from pydantic import BeforeValidator, Field

from sightline.deepstream.models.numbers import (
    NetworkMode,
)
from sightline.deepstream.models.part import (
    Count,
    File,
    Written,
)

MOST_IN_A_BATCH: Final = 1024
"""nvinfer refuses more."""


Name: TypeAlias = Annotated[str | None, BeforeValidator(lambda value: None if value == "" else value)]
Batch: TypeAlias = Annotated[int, Field(ge=1, le=MOST_IN_A_BATCH)]
Overlap: TypeAlias = Annotated[float, Field(gt=0, le=1)]


class NVinferConfig(Written):
    """What each file of nvinfer may have: which model it is and where it runs.

    Source: DS_plugin_gst-nvinfer.html.
    """

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
