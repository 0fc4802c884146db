"""What a file says of itself, against what onnx reads."""

from pathlib import Path

import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper

from sightline.detect.onnx.graph import opset_of


@given(st.lists(st.tuples(st.sampled_from(["", "ai.onnx", "ai.onnx.ml"]), st.integers(1, 300)), max_size=3))
def test_the_opset_is_that_which_onnx_reads(
    tmp_path_factory: pytest.TempPathFactory, opsets: list[tuple[str, int]]
) -> None:
    path = tmp_path_factory.mktemp("o") / "o.onnx"
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, (200,))
    weights = helper.make_tensor("w", TensorProto.FLOAT, (200,), [0.0] * 200)
    graph = helper.make_graph([helper.make_node("Add", ["x", "w"], ["y"])], "g", [value], [value], [weights])
    model = helper.make_model(graph, producer_name="p" * 200)
    del model.opset_import[:]
    model.opset_import.extend(helper.make_opsetid(*opset) for opset in opsets)
    path.write_bytes(model.SerializeToString())

    read = onnx.load(str(path), load_external_data=False)
    expected = [one.version for one in read.opset_import if one.domain in {"", "ai.onnx"}]
    assert opset_of(path) == (expected[0] if expected else None)


@pytest.mark.parametrize("content", [b"hello, world", b"\xff" * 20, b"\x08"])
def test_what_is_no_protobuf_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad").write_bytes(content)
    with pytest.raises(ValueError, match="not a protobuf message"):
        opset_of(tmp_path / "bad")
