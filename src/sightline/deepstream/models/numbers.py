"""The words that stand for numbers in DeepStream's files, and what each number means.

Promises: the numbers are DeepStream's own; each member has a `meaning`; a member is also found by its name in
any case, and by its number as text, so that a file's `cluster-mode=2`, a page's "nms" and a program's
`ClusterMode.NMS` are one. The two enums of the document that are no numbers of DeepStream's (`DsAppType`,
`EncodeType`) keep their words, because agents of the document read them.

Deliberately not here: which of them a model may have (`infer`, `align`, `instance`).

Pages that are named: https://docs.nvidia.com/metropolis/deepstream/dev-guide/text/DS_....html
"""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import Self

from pydantic import GetJsonSchemaHandler
from pydantic_core import CoreSchema


class Numbered(IntEnum):
    """A number of DeepStream's with its meaning."""

    meaning: str

    def __new__(cls, number: int, meaning: str) -> Self:
        member = int.__new__(cls, number)
        member._value_ = number
        member.meaning = meaning
        return member

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, str):
            return None
        word = value.strip().upper()
        return next((each for each in cls if word in {each.name, str(each.value)}), None)

    @classmethod
    def told(cls) -> str:
        """Every number with its meaning: `0 (FP32), 1 (INT8) or 2 (FP16)`."""
        *most, last = [f"{each.value} ({each.meaning})" for each in cls]
        return f"{', '.join(most)} or {last}"


class NetworkType(Numbered):
    """`network-type` of nvinfer: what is made of the model's output.

    Source: DS_plugin_gst-nvinfer.html, table of [property]; `NvDsInferNetworkType` in nvdsinfer_context.h.
    """

    DETECTOR = 0, "detector: boxes with classes"
    CLASSIFIER = 1, "classifier: labels"
    SEGMENTATION = 2, "semantic segmentation: a class for each pixel"
    INSTANCE_SEGMENTATION = 3, "instance segmentation: boxes with masks"
    OTHER = 100, "other: its output is left to whoever reads the tensor"


class ClusterMode(Numbered):
    """`cluster-mode` of nvinfer: how boxes of one object become one.

    0 is what holds where nothing is said; a build of DeepStream without OpenCV takes NMS (topk 20, IoU 0.5)
    in its place and does not say so.

    Source: DS_plugin_gst-nvinfer.html, table of [property]; `NvDsInferClusterMode` in nvdsinfer_context.h.
    """

    GROUP_RECTANGLE = 0, "OpenCV's groupRectangles"
    DBSCAN = 1, "DBSCAN"
    NMS = 2, "non-maximum suppression"
    DBSCAN_NMS = 3, "DBSCAN, then non-maximum suppression"
    NONE = 4, "no clustering: the parser's boxes as they are"


class ModelColorFormat(Numbered):
    """`model-color-format` of nvinfer, `network-color-format` of nvdspreprocess: what the model is given.

    Source: DS_plugin_gst-nvinfer.html; `NvDsInferFormat` in nvdsinfer_context.h.
    """

    RGB = 0, "RGB"
    BGR = 1, "BGR"
    GRAY = 2, "gray"


class ProcessMode(Numbered):
    """`process-mode` of nvinfer: what a model looks at. Source: DS_plugin_gst-nvinfer.html."""

    PRIMARY = 1, "primary: whole frames"
    SECONDARY = 2, "secondary: objects that another model found"


class NetworkMode(Numbered):
    """`network-mode` of nvinfer: the precision of the engine.

    Source: DS_plugin_gst-nvinfer.html; `NvDsInferNetworkMode` in nvdsinfer_context.h.
    """

    FP32 = 0, "FP32"
    INT8 = 1, "INT8, which needs a calibration file"
    FP16 = 2, "FP16"
    BEST = 3, "whatever TensorRT finds best for each layer"


class TensorDataType(Numbered):
    """`tensor-data-type` of nvdspreprocess: what the numbers of the prepared tensor are.

    From DeepStream 8.0 on. Up to 7.1 there was no 64-bit type, and FP16 was 5: whoever writes for one of
    these says 5, and gets INT64 from a newer one. 0 to 4 are the same in all.

    Source: DS_plugin_gst-nvdspreprocess.html; `NvDsDataType` in nvds_roi_meta.h.
    """

    FP32 = 0, "32-bit floats"
    UINT8 = 1, "8-bit unsigned integers"
    INT8 = 2, "8-bit integers"
    UINT32 = 3, "32-bit unsigned integers"
    INT32 = 4, "32-bit integers"
    INT64 = 5, "64-bit integers"
    UINT64 = 6, "64-bit unsigned integers"
    FP16 = 7, "16-bit floats"


class MemoryType(Numbered):
    """`nvbuf-memory-type`: where the buffers of the muxer lie.

    On a graphics card 0 to 3 can be had, on a Jetson 0 and 4; the others have a number and cannot be chosen
    for a muxer by any machine that is documented.

    Source: DS_plugin_gst-nvstreammux.html; `NvBufSurfaceMemType` in nvbufsurface.h.
    """

    DEFAULT = 0, "CUDA device memory on a graphics card, a surface array on a Jetson"
    CUDA_PINNED = 1, "pinned host memory"
    CUDA_DEVICE = 2, "CUDA device memory"
    CUDA_UNIFIED = 3, "CUDA unified memory"
    SURFACE_ARRAY = 4, "a surface array, on a Jetson alone"
    HANDLE = 5, "a handle, on a Jetson alone"
    SYSTEM = 6, "plain memory of the host"
    CUDA_ARRAY = 7, "a CUDA array"


class BoolEnum(Numbered):
    """What DeepStream's booleans are written as; its reader refuses every other number.

    Source: DS_plugin_gst-nvinfer.html.
    """

    FALSE = 0, "no"
    TRUE = 1, "yes"


class SourceType(Numbered):
    """`type` of `[sourceN]`. Source: DS_ref_app_deepstream.html; `NvDsSourceType` in deepstream_sources.h."""

    CAMERA_V4L2 = 1, "a camera behind V4L2"
    URI = 2, "one URI, a file as well"
    MULTI_URI = 3, "several URIs"
    RTSP = 4, "RTSP"
    CAMERA_CSI = 5, "a camera at a Jetson's CSI"
    AUDIO_WAV = 6, "sound of a WAV file"
    AUDIO_URI = 7, "sound of a URI"
    ALSA = 8, "sound of an ALSA device"
    IPC = 9, "another process, over a socket"


class DsAppType(StrEnum):
    """What the document calls "debug or not"; a choice of the fleet's, which DeepStream has no number for."""

    NORMAL = "NORMAL"  # results go to Kafka, no pictures anywhere
    VISUAL = "VISUAL"  # the same, and pictures with boxes can be seen
    DEFAULT = "NORMAL"  # the same as NORMAL, by another name
    DEBUG = "VISUAL"  # the same as VISUAL, by another name

    @classmethod
    def _missing_(cls, value: object) -> DsAppType | None:
        return cls.__members__.get(value.strip().upper()) if isinstance(value, str) else None

    @classmethod
    def __get_pydantic_json_schema__(cls, of: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, object]:
        """Each word once, which pydantic would name again for the other names."""
        schema = handler.resolve_ref_schema(handler(of))
        schema["enum"] = [each.value for each in cls]
        return schema

    @property
    def debug(self) -> bool:
        return self is DsAppType.VISUAL


class EncodeType(StrEnum):
    """What a camera sends. DeepStream finds that out itself; `number` is its `codec`, used for sinks.

    Source of the numbers: DS_ref_app_deepstream.html, table of [sinkN].
    """

    H264 = "h264"
    H265 = "h265"
    MPEG4 = "mpeg4"

    @classmethod
    def _missing_(cls, value: object) -> EncodeType | None:
        word = str(value).strip().lower().replace(".", "") if isinstance(value, str | int) else ""
        return next((each for each in cls if word in {each.value, str(each.number)}), None) or (
            cls.H265 if word == "hevc" else cls.H264 if word == "avc" else None
        )

    @property
    def number(self) -> int:
        return (*EncodeType,).index(self) + 1
