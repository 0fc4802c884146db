"""What a model has, its JSON has; what reads it back is equal; its JSON Schema tells the same."""

import copy
import pickle
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from tests.deepstream.modelled import LEAST, instances, made, nodes

from sightline.deepstream.models import (
    DsAppConfig,
    DsInstanceConfig,
    FACE_pgie_config,
    MOT_pgie_config,
    MOT_sgie_config,
    NodeInfo,
    Part,
    SingleSourceConfig,
    SourceType,
)

MODELS = pytest.mark.parametrize("model", LEAST, ids=lambda model: model.__name__)


@given(nodes)
def test_json_reads_back_equal(node: NodeInfo) -> None:
    text = node.model_dump_json()
    assert NodeInfo.model_validate_json(text) == node
    assert NodeInfo.model_validate_json(text).model_dump_json() == text


@given(nodes)
def test_python_reads_back_equal(node: NodeInfo) -> None:
    assert NodeInfo.model_validate(node.model_dump()) == node
    assert NodeInfo(**node.model_dump(mode="json")) == node
    assert copy.deepcopy(node) == pickle.loads(pickle.dumps(node)) == node


SCHEMA = jsonschema.Draft202012Validator(DsInstanceConfig.model_json_schema())


@given(instances)
def test_what_is_written_is_what_its_schema_allows(instance: DsInstanceConfig) -> None:
    SCHEMA.validate(instance.model_dump(mode="json"))


@MODELS
def test_the_schema_is_one_and_forbids_what_is_unknown(model: type[Part]) -> None:
    schema = model.model_json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["additionalProperties"] is False
    assert {*schema["properties"]} == {*model.model_fields}
    jsonschema.validate(made(model).model_dump(mode="json"), schema)


@pytest.mark.parametrize(
    ("model", "field", "wrong"),
    [
        (MOT_pgie_config, "batch_size", 1025),
        (MOT_pgie_config, "cluster_mode", 5),
        (MOT_sgie_config, "infer_dims", "3x640x640"),
        (FACE_pgie_config, "offsets", "1,2,3"),
        (DsAppConfig, "app_type", "LOUD"),
        (DsAppConfig, "face_confidence_threshold", 0),
        (NodeInfo, "node_id", 3),
    ],
)
def test_the_schema_refuses_too(model: type[Part], field: str, wrong: Any) -> None:
    value = {**made(model).model_dump(mode="json"), field: wrong}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(value, model.model_json_schema())


def test_words_with_two_names_stand_once_in_the_schema() -> None:
    schema = DsAppConfig.model_json_schema()
    assert schema["$defs"]["DsAppType"]["enum"] == ["NORMAL", "VISUAL"]


def test_an_address_is_a_secret_to_pages() -> None:
    assert SingleSourceConfig.model_json_schema()["properties"]["address"]["writeOnly"] is True


@pytest.mark.parametrize(
    ("word", "address", "expected"),
    [
        ("rtsp", "rtsp://cam/1", SourceType.RTSP),
        ("rtsp", "file:///a.mp4", SourceType.RTSP),
        ("camera", "rtsps://cam/1", SourceType.RTSP),
        ("camera", "file:///a.mp4", SourceType.URI),
        ("file", "rtsp://cam/1", SourceType.URI),
        (" MultiURI", "rtsp://cam/1", SourceType.MULTI_URI),
        ("csi", "csi://0", SourceType.CAMERA_CSI),
    ],
)
def test_the_kind_of_a_source_is_its_word_or_its_address(
    word: str, address: str, expected: SourceType
) -> None:
    assert made(SingleSourceConfig, address=address, type=word).source_type is expected
