"""Each field is a key that DeepStream reads, in its group; and what is written is what it reads."""

from pathlib import Path

import pytest
from tests.deepstream.modelled import LEAST, made

from sightline.deepstream.keys import app, nvinfer, preprocess
from sightline.deepstream.keys.key import GroupTable, Key, Type
from sightline.deepstream.models import (
    DsAppConfig,
    Entered,
    FACE_align_config,
    FACE_pgie_config,
    FACE_sgie_config,
    MOT_pgie_config,
    MOT_sgie_config,
    Place,
    Written,
)
from sightline.deepstream.models.part import text_of

TABLES: dict[type[Written], tuple[GroupTable, ...]] = {
    model: preprocess.TABLES if model is FACE_align_config else nvinfer.TABLES
    for model in LEAST
    if issubclass(model, Written)
}
MODELS = pytest.mark.parametrize("model", TABLES, ids=lambda model: model.__name__)
WHOLE = {Type.INTEGER, Type.UNSIGNED, Type.BOOLEAN, Type.INTEGERS}


def key_at(tables: tuple[GroupTable, ...], place: Place) -> Key | None:
    table = next((table for table in tables if table.pattern.fullmatch(place.group)), None)
    return None if table is None else table.find(place.key)


@MODELS
def test_each_field_is_a_key_that_deepstream_reads(model: type[Written]) -> None:
    places = model.places()
    assert [*places] == [*model.model_fields]
    assert [place for place in places.values() if key_at(TABLES[model], place) is None] == []
    assert len({*places.values()}) == len(places)


@MODELS
def test_defaults_are_within_what_deepstream_takes(model: type[Written]) -> None:
    for group, name, text in made(model).entries():
        key = key_at(TABLES[model], Place(group, name))
        assert key is not None
        assert key.type not in WHOLE or all(part.lstrip("-").isdigit() for part in text.split(";"))
        if key.choices and key.type is not Type.STRING:
            assert int(text) in key.choices
        if key.count is not None:
            assert len(text.split(";")) == key.count


def test_the_muxer_has_the_fields_that_it_reads() -> None:
    assert {*DsAppConfig.PLACES} <= {*DsAppConfig.model_fields}
    assert [place for place in DsAppConfig.PLACES.values() if key_at(app.TABLES, place) is None] == []


def test_a_detector_is_written_as_its_page_asks() -> None:
    model = made(
        MOT_pgie_config,
        onnx_file="../models/yolo.onnx",
        custom_lib_path=Path("/opt/libyolo.so"),
        batch_size=4,
        infer_dims="3;640;640",
    )
    assert model.entries() == (
        Entered("property", "gpu-id", "0"),
        Entered("property", "onnx-file", "../models/yolo.onnx"),
        Entered("property", "network-mode", "0"),
        Entered("property", "interval", "0"),
        Entered("property", "custom-lib-path", "/opt/libyolo.so"),
        Entered("property", "batch-size", "4"),
        Entered("property", "labelfile-path", "labels.txt"),
        Entered("property", "num-detected-classes", "80"),
        Entered("property", "cluster-mode", "2"),
        Entered("property", "maintain-aspect-ratio", "1"),
        Entered("property", "process-mode", "1"),
        Entered("property", "symmetric-padding", "0"),
        Entered("property", "network-type", "0"),
        Entered("class-attrs-all", "nms-iou-threshold", "0.3"),
        Entered("class-attrs-all", "pre-cluster-threshold", "0.7"),
        Entered("property", "gie-unique-id", "1"),
        Entered("property", "parse-bbox-func-name", "NvDsInferParseCustomYoloV3"),
        Entered("property", "model-color-format", "0"),
        Entered("property", "net-scale-factor", "0.003921569790691137"),
        Entered("property", "infer-dims", "3;640;640"),
    )


def test_what_is_not_set_is_not_written() -> None:
    names = {each.key for each in made(FACE_pgie_config).entries()}
    left_out = {
        *("post-cluster-threshold", "infer-dims", "parse-bbox-func-name"),
        *("engine-create-func-name", "model-engine-file", "output-blob-names"),
    }
    assert names & left_out == set()


@pytest.mark.parametrize("model", [MOT_sgie_config, FACE_sgie_config], ids=lambda model: model.__name__)
def test_vectors_are_left_to_the_application(model: type[Written]) -> None:
    entries = made(model).entries()
    assert Entered("property", "network-type", "100") in entries
    assert Entered("property", "output-tensor-meta", "1") in entries
    assert Entered("property", "process-mode", "2") in entries


def test_several_ids_are_written_with_semicolons() -> None:
    model = made(MOT_sgie_config, operate_on_class_ids=[0, 2])
    assert Entered("property", "operate-on-class-ids", "0;2") in model.entries()


def test_filters_by_size_stand_in_the_group_that_has_them() -> None:
    places = FACE_align_config.places()
    assert places["input_object_min_width"] == Place("group-0", "input-object-min-width")
    assert places["target_unique_ids"] == Place("property", "target-unique-ids")
    assert places["offsets"] == Place("user-configs", "offsets")


def test_the_aligned_tensor_is_for_the_model_of_faces() -> None:
    align, model, found = (
        FACE_align_config(),
        FACE_sgie_config(),
        made(FACE_pgie_config),
    )
    assert align.target_unique_ids == model.gie_unique_id
    assert align.operate_on_gie_id == model.operate_on_gie_id == found.gie_unique_id
    batch, _, height, width = map(int, align.network_input_shape.split(";"))
    assert (batch, width, height) == (model.batch_size, align.processing_width, align.processing_height)


def test_what_has_no_way_to_be_written_is_refused() -> None:
    with pytest.raises(TypeError, match="got dict"):
        text_of({})
