"""What is wrong is told with its way, the nearest right name, and all at once; however it came."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, TypeAdapter, ValidationError
from tests.deepstream.modelled import CAMERA, INSTANCE, LABELS, LEAST, NODE, made, outcome

from sightline.deepstream.generating import generate
from sightline.deepstream.models import (
    DsInstance,
    DsInstanceConfig,
    MOT_pgie_config,
    MOT_sgie_config,
    NodeInfo,
    Part,
    SingleSourceConfig,
    SourcesConfig,
)
from sightline.deepstream.models.refusing import refused
from sightline.errors import ConfigError

MODELS = pytest.mark.parametrize("model", LEAST, ids=lambda model: model.__name__)


def said(build: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        build()
    return str(caught.value)


@MODELS
def test_an_unknown_field_is_told_with_the_nearest_right_one(model: type[Part]) -> None:
    right = [*model.model_fields][-1]
    message = said(lambda: made(model, **{f"{right}x": 1}))
    assert message == f'{model.__name__}: {right}x: unknown field; did you mean "{right}"?'


@MODELS
def test_a_field_that_must_be_there_is_told(model: type[Part]) -> None:
    for name, field in model.model_fields.items():
        if field.is_required():
            least = {key: value for key, value in LEAST[model].items() if key != name}
            message = said(lambda least=least: model(**least))
            assert message.startswith(f"{model.__name__}: {name}: missing, and it has no default")


def test_a_key_of_deepstream_is_told_as_the_field_that_it_is() -> None:
    message = said(lambda: made(MOT_pgie_config, **{"batch-size": 4}))
    assert message == 'MOT_pgie_config: batch-size: unknown field; did you mean "batch_size"?'


def test_mistakes_are_told_all_at_once_each_with_its_way() -> None:
    config = copy.deepcopy(INSTANCE) | {"mot_pgie": {"gie_unique_id": 0}}
    config["sourceconfig"]["sources"] = [CAMERA, {**CAMERA, "addres": "x", "encode_type": "vp9"}]
    node = {"hostname": "box", "node_id": NODE, "node_config_list": [{"name": "yard", "config": config}]}
    mistakes = said(lambda: made(NodeInfo, **node)).removeprefix("NodeInfo: ").split("; ")
    ways = [each.split(": ")[0] for each in mistakes]
    inside = "node_config_list[0].config"
    assert [way for way in ways if way.startswith(inside)] == [
        f"{inside}.sourceconfig.sources[1].encode_type",
        f"{inside}.sourceconfig.sources[1].addres",
        f"{inside}.mot_pgie.labelfile_path",
        f"{inside}.mot_pgie.gie_unique_id",
    ]


def test_it_is_told_the_same_however_it_came() -> None:
    wrong: dict[str, Any] = {**LABELS, "batch_size": 0}
    message = said(lambda: MOT_pgie_config(**wrong))
    assert message == (
        "MOT_pgie_config: batch_size: expected a whole number of at least 1, got 0 (How many frames are "
        "looked at together, 1 to 1024)"
    )
    assert said(lambda: MOT_pgie_config.model_validate(wrong)) == message
    assert said(lambda: MOT_pgie_config.model_validate_json(json.dumps(wrong))) == message
    model = made(MOT_pgie_config)
    assert said(lambda: setattr(model, "batch_size", 0)) == message
    texts = {**LABELS, "batch_size": "0"}
    assert said(lambda: MOT_pgie_config.model_validate_strings(texts)) == message.replace("got 0", 'got "0"')


@pytest.mark.parametrize(
    "field", ["batch_size", "cluster_mode", "maintain_aspect_ratio", "nms_iou_threshold", "infer_dims"]
)
def test_a_number_that_python_would_not_write_is_refused_in_words(field: str) -> None:
    for number in (10**5000, -(10**5000)):
        message = said(lambda number=number: made(MOT_pgie_config, **{field: number}))
        assert message.startswith(f"MOT_pgie_config: {field}: expected ")
        assert "got one of thousands of digits" in message


def test_a_refused_assignment_leaves_everything_as_it_was() -> None:
    config = made(DsInstanceConfig)
    before = config.model_dump(exclude_unset=True)
    message = said(lambda: setattr(config, "mot_sgie", {"gie_unique_id": 1}))
    assert message == (
        "DsInstanceConfig: expected a gie_unique_id of its own for each model, got 1 for mot_pgie and for "
        "mot_sgie"
    )
    assert config == made(DsInstanceConfig)
    assert config.model_dump(exclude_unset=True) == before
    config.mot_sgie = MOT_sgie_config(gie_unique_id=7)
    assert config.mot_sgie.gie_unique_id == 7
    assert 'did you mean "mot_sgie"' in said(lambda: setattr(config, "mot_sgi", 1))


def test_what_was_changed_within_a_part_is_seen_before_it_is_written() -> None:
    """No part knows what it is a part of, so that the whole is looked at again."""
    instance = made(DsInstance)
    instance.config.mot_sgie.gie_unique_id = 1
    message = said(lambda: generate(instance))
    assert message == (
        "DsInstance: config: expected a gie_unique_id of its own for each model, got 1 for mot_pgie and for "
        "mot_sgie"
    )


def test_what_was_put_in_unread_is_read_before_it_is_written() -> None:
    instance = made(DsInstance)
    source = instance.config.sourceconfig.sources[0]
    unread = source.model_copy(update={"address": "rtsp://u:p#w@cam/1"})
    instance.config.sourceconfig.sources[0] = unread
    written = b"".join(content.data for content in generate(instance).contents.values())
    assert b"u:p%23w@cam/1" in written
    instance.config.sourceconfig.sources[0] = source.model_copy(update={"address": "cam"})
    assert "sources[0].address: expected an address" in said(lambda: generate(instance))


def test_models_of_one_instance_have_numbers_of_their_own() -> None:
    for name, number in (("face_pgie", 1), ("mot_sgie", 3), ("face_sgie", 2)):
        part = {**(LABELS if name == "face_pgie" else {}), "gie_unique_id": number}
        message = said(lambda name=name, part=part: made(DsInstanceConfig, **{name: part}))
        assert f"got {number} for " in message


def test_defaults_of_two_instances_are_not_one() -> None:
    one, other = made(DsInstanceConfig), made(DsInstanceConfig)
    one.mot_sgie.batch_size = 3
    assert other.mot_sgie.batch_size == MOT_sgie_config().batch_size == 16
    assert SourcesConfig().sources is not SourcesConfig().sources


def test_more_cameras_than_deepstream_has_sources_are_refused() -> None:
    cameras = [made(SingleSourceConfig)] * 1024
    assert len(SourcesConfig(sources=cameras).sources) == 1024
    assert "expected a list of at most 1,024" in said(lambda: SourcesConfig(sources=[*cameras, cameras[0]]))


def test_what_is_no_json_is_told_without_it() -> None:
    message = said(lambda: SingleSourceConfig.model_validate_json('{"address": "rtsp://admin:geheim'))
    assert message.startswith("SingleSourceConfig: expected JSON: ")
    assert "geheim" not in message


def test_a_mistake_of_anothers_model_is_told_too() -> None:
    class Other(BaseModel):
        several: dict[str, int] = Field(description="How many of each.")

    with pytest.raises(ValidationError) as wrong:
        Other.model_validate({"several": {"a": "x"}})
    assert str(refused(wrong.value, Other)) == (
        'Other: several: expected a whole number, got "x" (How many of each)'
    )


def test_pydantic_itself_finds_the_same() -> None:
    """As FastAPI does, which asks no model but its schema."""
    with pytest.raises(ValidationError) as wrong:
        TypeAdapter(list[DsInstance]).validate_python([{"name": ""}])
    assert [error["loc"] for error in wrong.value.errors()] == [(0, "name"), (0, "config")]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


@MODELS
@given(data=st.data())
def test_whatever_comes_is_taken_or_refused_in_words(model: type[Part], data: st.DataObject) -> None:
    names = st.sampled_from([*model.model_fields, "x"])
    fields = {**LEAST[model], **data.draw(st.dictionaries(names, json_values, max_size=3))}
    came = outcome(lambda: model(**fields))
    if isinstance(came, ConfigError):
        assert str(came).startswith(f"{model.__name__}: ")
        assert len(str(came)) < 4000
    else:
        assert model.model_validate(came.model_dump()) == came
