"""The enums: NVIDIA's numbers, each with a meaning, found by number, by name and by text."""

from typing import Any

import pytest

from sightline.deepstream.models import (
    BoolEnum,
    ClusterMode,
    DsAppConfig,
    DsAppType,
    EncodeType,
    MemoryType,
    ModelColorFormat,
    NetworkMode,
    NetworkType,
    ProcessMode,
    SourceType,
    TensorDataType,
)
from sightline.deepstream.models.numbers import Numbered

# As NVIDIA's headers have them: nvdsinfer_context.h, nvbufsurface.h, nvds_roi_meta.h, deepstream_sources.h.
NVIDIAS: dict[type[Numbered], dict[str, int]] = {
    NetworkType: {
        "DETECTOR": 0,
        "CLASSIFIER": 1,
        "SEGMENTATION": 2,
        "INSTANCE_SEGMENTATION": 3,
        "OTHER": 100,
    },
    ClusterMode: {"GROUP_RECTANGLE": 0, "DBSCAN": 1, "NMS": 2, "DBSCAN_NMS": 3, "NONE": 4},
    ModelColorFormat: {"RGB": 0, "BGR": 1, "GRAY": 2},
    ProcessMode: {"PRIMARY": 1, "SECONDARY": 2},
    NetworkMode: {"FP32": 0, "INT8": 1, "FP16": 2, "BEST": 3},
    TensorDataType: {
        "FP32": 0,
        "UINT8": 1,
        "INT8": 2,
        "UINT32": 3,
        "INT32": 4,
        "INT64": 5,
        "UINT64": 6,
        "FP16": 7,
    },
    MemoryType: {
        "DEFAULT": 0,
        "CUDA_PINNED": 1,
        "CUDA_DEVICE": 2,
        "CUDA_UNIFIED": 3,
        "SURFACE_ARRAY": 4,
        "HANDLE": 5,
        "SYSTEM": 6,
        "CUDA_ARRAY": 7,
    },
    BoolEnum: {"FALSE": 0, "TRUE": 1},
    SourceType: {
        "CAMERA_V4L2": 1,
        "URI": 2,
        "MULTI_URI": 3,
        "RTSP": 4,
        "CAMERA_CSI": 5,
        "AUDIO_WAV": 6,
        "AUDIO_URI": 7,
        "ALSA": 8,
        "IPC": 9,
    },
}
ENUMS = pytest.mark.parametrize("enum", NVIDIAS, ids=lambda enum: enum.__name__)


@ENUMS
def test_numbers_are_those_of_deepstream(enum: type[Numbered]) -> None:
    assert {each.name: each.value for each in enum} == NVIDIAS[enum]
    assert all(isinstance(each, int) for each in enum)


@ENUMS
def test_each_number_has_a_meaning_of_its_own(enum: type[Numbered]) -> None:
    meanings = [each.meaning for each in enum]
    assert all(meanings)
    assert len({*meanings}) == len(meanings)
    assert all(f"{each.value} ({each.meaning})" in enum.told() for each in enum)


@ENUMS
def test_a_member_is_found_by_number_by_name_and_by_text(enum: Any) -> None:
    for each in enum:
        assert enum(each.value) is enum(each.name.lower()) is enum(f" {each.value} ") is each
    for wrong in (-1, 101, "", "nothing", None, 0.5):
        with pytest.raises(ValueError, match="is not a valid"):
            enum(wrong)


@pytest.mark.parametrize("word", ["VISUAL", "DEBUG", "visual", " debug "])
def test_debug_is_another_name_of_visual(word: str) -> None:
    assert DsAppType(word) is DsAppType.VISUAL
    assert DsAppType.__members__["DEBUG"] is DsAppType.VISUAL
    assert DsAppType(word).debug


def test_normal_is_the_default_and_no_debug() -> None:
    assert DsAppType("default") is DsAppType.__members__["DEFAULT"] is DsAppType.NORMAL
    assert not DsAppConfig(kafka_connection_str="kafka;9092").app_type.debug
    with pytest.raises(ValueError, match="DEBUGGING"):
        DsAppType("DEBUGGING")


@pytest.mark.parametrize(
    ("written", "meant", "number"),
    [("h264", EncodeType.H264, 1), ("H.265", EncodeType.H265, 2), ("mpeg4", EncodeType.MPEG4, 3)],
)
def test_codecs_are_found_by_word_and_by_the_number_of_deepstream(
    written: str, meant: EncodeType, number: Any
) -> None:
    assert EncodeType(written) is EncodeType(number) is meant
    assert meant.number == number


def test_codecs_have_their_other_names() -> None:
    assert (EncodeType("HEVC"), EncodeType("avc")) == (EncodeType.H265, EncodeType.H264)
    wrong: Any
    for wrong in ("vp9", 0, 4, None, True):
        with pytest.raises(ValueError, match="is not a valid"):
            EncodeType(wrong)
