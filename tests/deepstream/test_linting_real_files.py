"""NVIDIA's own sample files: each is of its kind, would load, and what is found in it is right.

The findings were looked at one by one; they are NVIDIA's (a calibration table beside FP16, keys that stand
twice, a group whose keys lost their indentation, regions in a group that has its regions off).
"""

from pathlib import Path

import pytest
from tests.deepstream.conftest import CONFIGS
from tests.deepstream.linted import places

from sightline.deepstream.findings import What, would_load
from sightline.deepstream.judging.linting import lint
from sightline.deepstream.kinds import Kind, kind_of
from sightline.deepstream.reading.loading import load

_TABLE = "inapplicable property/int8-calib-file"
_TWICE = ["duplicate property/gpu-id", "duplicate property/process-mode"]
_SECONDARY_TXT = [_TABLE, _TWICE[0], "deprecated property/is-classifier", _TWICE[1]]

EXPECTED: dict[str, tuple[Kind, list[str] | None]] = {
    "deepstream-nvdsanalytics-test/config_nvdsanalytics.txt": (Kind.ANALYTICS, []),
    "deepstream-test5/config_nvdsanalytics.txt": (Kind.ANALYTICS, []),
    "deepstream-preprocess-test/config_preprocess.txt": (
        Kind.PREPROCESS,
        ["inapplicable group-2/roi-params-src-3"],
    ),
    "deepstream-preprocess-test/config_preprocess_sgie.txt": (
        Kind.PREPROCESS,
        ["inapplicable group-2/roi-params-src-3"],
    ),
    "deepstream-test1/dstest1_pgie_config.txt": (Kind.NVINFER, [_TABLE]),
    "deepstream-test1/dstest1_pgie_config.yml": (Kind.NVINFER, [_TABLE]),
    "deepstream-test2/dstest2_pgie_config.txt": (Kind.NVINFER, [_TABLE]),
    "deepstream-test2/dstest2_pgie_config.yml": (
        Kind.NVINFER,
        [
            _TABLE,
            "value class-attrs-all",
            "misplaced pre-cluster-threshold",
            "misplaced topk",
            "misplaced nms-iou-threshold",
        ],
    ),
    "deepstream-test2/dstest2_sgie1_config.txt": (Kind.NVINFER, _SECONDARY_TXT),
    "deepstream-test2/dstest2_sgie1_config.yml": (Kind.NVINFER, [_TABLE, *_TWICE]),
    "deepstream-test2/dstest2_sgie2_config.txt": (Kind.NVINFER, _SECONDARY_TXT),
    "deepstream-test2/dstest2_sgie2_config.yml": (Kind.NVINFER, [_TABLE, *_TWICE]),
    "deepstream-test3/dstest3_pgie_config.txt": (Kind.NVINFER, [_TABLE]),
    "deepstream-test3/dstest3_pgie_config.yml": (Kind.NVINFER, [_TABLE]),
    "deepstream-test5/dstest5_msgconv_sample_config.txt": (Kind.MSGCONV, []),
    "deepstream-test5/dstest5_msgconv_sample_config.yml": (Kind.MSGCONV, []),
    "deepstream-test2/dstest2_tracker_config.txt": (Kind.TRACKER, None),
    "deepstream-test1/dstest1_config.yml": (Kind.TEST_APP, None),
    "deepstream-test2/dstest2_config.yml": (Kind.TEST_APP, None),
    "deepstream-test3/dstest3_config.yml": (Kind.TEST_APP, None),
}


@pytest.mark.parametrize(
    "name", [str(path.relative_to(CONFIGS)) for path in sorted(CONFIGS.glob("*/*.*"))] or ["none"]
)
def test_nvidias_files_are_of_their_kind_and_load(configs: Path, name: str) -> None:
    file = load(configs / name)
    kind, expected = EXPECTED.get(name, (Kind.APP, None))
    assert kind_of(file) is kind
    found = lint(file)
    assert would_load(found), found
    if expected is None:  # the application's files: their rules have tests of their own
        assert not [each for each in found if each.what in {What.UNKNOWN, What.MISPLACED, What.SYNTAX}]
    else:
        assert places(found) == expected


def test_none_of_them_is_left_out(configs: Path) -> None:
    assert set(EXPECTED) <= {str(path.relative_to(configs)) for path in configs.glob("*/*.*")}
