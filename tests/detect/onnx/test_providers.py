"""Which providers are tried, in which order."""

import pytest

from sightline.detect.onnx.providers import choose, short
from sightline.errors import ConfigError

GPU = ("TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider")
PLAIN = ("AzureExecutionProvider", "CPUExecutionProvider")


@pytest.mark.parametrize(
    ("wanted", "available", "chosen"),
    [
        (None, PLAIN, ["cpu"]),
        (None, GPU, ["cuda", "cpu"]),
        (["tensorrt", "CUDA"], GPU, ["tensorrt", "cuda", "cpu"]),
        (["CUDAExecutionProvider"], GPU, ["cuda", "cpu"]),
        (["cpu"], GPU, ["cpu"]),
        ([], GPU, ["cpu"]),
    ],
)
def test_what_is_there_is_tried_in_order_and_tensorrt_only_if_asked(
    wanted: list[str] | None, available: tuple[str, ...], chosen: list[str]
) -> None:
    assert [short(name) for name in choose(wanted, available)] == chosen


def test_a_provider_that_is_not_there_is_told_with_those_that_are() -> None:
    with pytest.raises(ConfigError, match=r"'cuda' is not in .*\(it has azure, cpu; onnxruntime-gpu"):
        choose(["cuda"], PLAIN)
