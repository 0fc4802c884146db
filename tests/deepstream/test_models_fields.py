"""Every field of the document: there, with its constraint, and refused with range, meaning and value."""

import re
from types import ModuleType
from typing import Any

import pytest
from tests.deepstream.modelled import LARGEST, LEAST, NODE, made

from sightline.deepstream.models import (
    DsAppConfig,
    DsInstance,
    DsInstanceConfig,
    FACE_align_config,
    FACE_pgie_config,
    FACE_sgie_config,
    InstanceStatus,
    MOT_pgie_config,
    MOT_sgie_config,
    NodeInfo,
    Part,
    PGIEConfig,
    SGIEConfig,
    SingleSourceConfig,
    SourcesConfig,
    Written,
    align,
    infer,
    instance,
)
from sightline.errors import ConfigError

# A constraint: what passes, and what does not with what is said of it.
Constraint = tuple[tuple[Any, ...], dict[Any, str]]

WHOLE = "expected a whole number"
TEXT: Constraint = (("x", "ü ; = #"), {3: "expected text, got 3", None: "expected text, got nothing"})
NAME: Constraint = (TEXT[0], {**TEXT[1], "": 'expected text of at least 1 letter, got ""'})
FUNCTION: Constraint = (("NvDsInferParseYolo", None, ""), {3: "expected text, got 3"})
PATH: Constraint = (
    ("labels.txt", "/opt/x.engine"),
    {"": 'a path that is not empty, got ""', 3: "a path, got 3"},
)
COUNT: Constraint = (
    (0, 7, "7", LARGEST),
    {
        -1: f"{WHOLE} of at least 0, got -1",
        LARGEST + 1: f"{WHOLE} of at most {LARGEST}, got {LARGEST + 1}",
        1.5: f"{WHOLE}, got 1.5",
        "many": f'{WHOLE}, got "many"',
    },
)
POSITIVE: Constraint = (
    (1, "7", LARGEST),
    {0: f"{WHOLE} of at least 1, got 0", -1: f"{WHOLE} of at least 1, got -1", None: f"{WHOLE}, got nothing"},
)
BATCH: Constraint = (
    (1, 1024),
    {0: f"{WHOLE} of at least 1, got 0", 1025: f"{WHOLE} of at most 1024, got 1025"},
)
ABOVE_ZERO: Constraint = (
    (0.001, 1, "0.5", 30.0),
    {
        0: "expected a number above 0, got 0",
        -0.1: "expected a number above 0, got -0.1",
        float("inf"): "expected a finite number, got inf",
        "high": 'expected a number, got "high"',
    },
)
NOT_NEGATIVE: Constraint = ((0, 0.5, 3), {-0.1: "expected a number of at least 0, got -0.1"})
SHARE: Constraint = (
    (0.001, 1),
    {0: "expected a number above 0, got 0", 1.01: "expected a number of at most 1, got 1.01"},
)
YES_OR_NO: Constraint = (
    (0, 1, True, False, "1"),
    {2: "expected 0 (no) or 1 (yes), got 2", "maybe": 'got "maybe"'},
)
CLUSTER: Constraint = (
    (0, 1, 2, 3, 4, "nms"),
    {5: "expected 0 (OpenCV's groupRectangles), 1 (DBSCAN), 2 (non-maximum suppression), 3 (DBSCAN, then"},
)
NETWORK: Constraint = (
    (0, 1, 2, 3, 100, "other"),
    {4: "expected 0 (detector: boxes with classes), 1 (classifier: labels), 2 (semantic"},
)
COLOUR: Constraint = ((0, 1, 2, "bgr"), {3: "expected 0 (RGB), 1 (BGR) or 2 (gray), got 3"})
PRIMARY: Constraint = (
    (1, "1", "primary"),
    {2: "expected 1, as a primary model looks at whole frames, got 2", 0: "1 (primary: whole frames) or 2"},
)
SECONDARY: Constraint = (
    (2, "secondary"),
    {1: "expected 2, as a secondary model looks at objects", 3: "expected 1 (primary: whole frames) or 2"},
)
IDS: Constraint = (
    (0, "3", [0, 2], (1,), "0;2", "0;2;"),
    {
        -1: 'expected an id of at least 0, or several as [0, 2] or "0;2", got -1',
        "0;-2": 'or several as [0, 2] or "0;2", got "0;-2"',
        "0;;2": 'got "0;;2"',
        (): "got a list",
        1.5: "got 1.5",
        float("inf"): "got inf",
    },
)
DIMS: Constraint = (
    ("3;640;640", "3;640;640;", "", None),
    {
        "3;640": "expected 3 whole numbers above 0 with ; between them: channels;height;width",
        "3;640;640;1": 'got "3;640;640;1"',
        "3;0;640": 'got "3;0;640"',
        "3,640,640": 'got "3,640,640"',
        "3;٦;640": "expected 3 whole numbers",
        f"3;{'9' * 5000};640": "expected 3 whole numbers",
        640: "expected text, got 640",
    },
)
OFFSETS: Constraint = (
    ("104;117;123", "104.0;117.5;.5;", "0", "1;2;3;4", "", None),
    {
        "1;2;3;4;5": 'expected 1 to 4 numbers of at least 0 with ; between them, such as "104;117;123"',
        "-1;2;3": 'got "-1;2;3"',
        "1.2.3": 'got "1.2.3"',
        ".": 'got "."',
        "1;;2": 'got "1;;2"',
        "9" * 39: "expected 1 to 4 numbers",  # infinite in 32 bits
    },
)
SHAPE: Constraint = (
    ("16;3;112;112",),
    {"3;112;112": "expected 4 whole numbers above 0", "": 'got ""', "0;3;112;112": 'got "0;3;112;112"'},
)
ADDRESS: Constraint = (
    ("rtsp://10.0.0.5/main", "rtsp://admin:geheim@cam:554/x?y=1", "file:///clips/a.mp4", "http://cam/a"),
    {
        "10.0.0.5": "expected an address such as rtsp://host/path",
        "": "expected an address such as rtsp://host/path",
        "admin:geheim@cam/x": "expected an address with :// behind its scheme",
        None: "expected an address such as rtsp://host/path",
    },
)
ENCODING: Constraint = (
    ("h264", "h265", "mpeg4", "H265", 2),
    {"vp9": 'expected "h264", "h265" or "mpeg4", got "vp9"'},
)
MEMORY: Constraint = (
    (0, 1, 2, 3, 4, 7),
    {8: "6 (plain memory of the host) or 7 (a CUDA array), got 8", -1: "-1"},
)
APP_TYPE: Constraint = (
    ("NORMAL", "VISUAL", "DEBUG"),
    {"LOUD": 'expected "NORMAL" or "VISUAL", got "LOUD"'},
)
TENSOR: Constraint = (tuple(range(8)), {8: "7 (16-bit floats), got 8"})
UUID: Constraint = (
    (NODE,),
    {"8c1f": "expected a random UUID (version 4)", NODE[:14] + "1" + NODE[15:]: "(version 4)"},
)
A_PART: Constraint = ((), {3: "expected a mapping of fields, got 3"})
PARTS: Constraint = (([], ()), {3: "expected a list, got 3"})

# The document's diagram, class by class. What is beside it (the model's files, the GPU, ...) is at the end.
PGIE: dict[str, Constraint] = {
    "batch_size": BATCH,
    "labelfile_path": PATH,
    "num_detected_classes": POSITIVE,
    "output_blob_names": FUNCTION,
    "cluster_mode": CLUSTER,
    "maintain_aspect_ratio": YES_OR_NO,
    "process_mode": PRIMARY,
    "symmetric_padding": YES_OR_NO,
    "network_type": NETWORK,
    "nms_iou_threshold": SHARE,
    "pre_cluster_threshold": ABOVE_ZERO,
}
SGIE: dict[str, Constraint] = {
    "process_mode": SECONDARY,
    "output_tensor_meta": YES_OR_NO,
    "network_type": NETWORK,
    "batch_size": BATCH,
}
DIAGRAM: dict[type[Part], dict[str, Constraint]] = {
    SingleSourceConfig: {
        "camera_id": (("gate", 3), {"": "at least 1 letter", None: "expected text"}),
        "address": ADDRESS,
        "encode_type": ENCODING,
        "type": (("rtsp", "anything"), {3: "expected text, got 3"}),
    },
    SourcesConfig: {"sources": PARTS},
    PGIEConfig: PGIE,
    MOT_pgie_config: {
        **PGIE,
        "gie_unique_id": POSITIVE,
        "parse_bbox_func_name": FUNCTION,
        "model_color_format": COLOUR,
        "net_scale_factor": ABOVE_ZERO,
    },
    FACE_pgie_config: {
        **PGIE,
        "gie_unique_id": POSITIVE,
        "parse_bbox_func_name": FUNCTION,
        "engine_create_func_name": FUNCTION,
        "offsets": OFFSETS,
        "model_color_format": COLOUR,
        "infer_dims": DIMS,
        "post_cluster_threshold": ABOVE_ZERO,
    },
    SGIEConfig: SGIE,
    MOT_sgie_config: {
        **SGIE,
        "gie_unique_id": POSITIVE,
        "input_object_min_width": COUNT,
        "input_object_min_height": COUNT,
        "operate_on_gie_id": COUNT,
        "operate_on_class_ids": IDS,
        "output_blob_names": FUNCTION,
        "force_implicit_batch_dim": YES_OR_NO,
        "model_color_format": COLOUR,
        "classifier_async_mode": YES_OR_NO,
        "classifier_threshold": NOT_NEGATIVE,
        "maintain_aspect_ratio": YES_OR_NO,
        "secondary_reinfer_interval": COUNT,
        "net_scale_factor": ABOVE_ZERO,
        "infer_dims": DIMS,
    },
    FACE_sgie_config: {**SGIE, "gie_unique_id": POSITIVE, "cluster_mode": CLUSTER},
    FACE_align_config: {
        "enable": YES_OR_NO,
        "target_unique_ids": IDS,
        "network_input_shape": SHAPE,
        "tensor_data_type": TENSOR,
        "tensor_buf_pool_size": COUNT,
        "input_object_min_width": COUNT,
        "input_object_max_width": COUNT,
        "input_object_min_height": COUNT,
        "input_object_max_height": COUNT,
        "tensor_name": NAME,
    },
    DsAppConfig: {
        "app_type": APP_TYPE,
        "face_raw_meta_topic": NAME,
        "mot_raw_meta_topic": NAME,
        "visual_topic": NAME,
        "kafka_connection_str": NAME,
        "streammux_output_width": POSITIVE,
        "streammux_output_height": POSITIVE,
        "streammux_nvbuf_memory_type": MEMORY,
        "face_confidence_threshold": SHARE,
        "mot_confidence_threshold": SHARE,
    },
    DsInstanceConfig: dict.fromkeys(
        ["appconfig", "sourceconfig", "mot_pgie", "face_pgie", "mot_sgie", "face_sgie", "face_align"], A_PART
    ),
    DsInstance: {"name": NAME, "config": A_PART},
    NodeInfo: {"hostname": NAME, "node_id": UUID, "node_config_list": PARTS},
    InstanceStatus: {"instance_name": NAME, "state": NAME},
}
_FILES: dict[str, Constraint] = {
    "gpu_id": COUNT,
    "model_engine_file": PATH,
    "onnx_file": PATH,
    "network_mode": ((0, 1, 2, 3), {4: "expected 0 (FP32), 1 (INT8, which needs"}),
    "interval": COUNT,
    "custom_lib_path": PATH,
}
BESIDE: dict[type[Part], dict[str, Constraint]] = {
    PGIEConfig: _FILES,
    MOT_pgie_config: {
        **_FILES,
        "engine_create_func_name": FUNCTION,
        "offsets": OFFSETS,
        "infer_dims": DIMS,
    },
    FACE_pgie_config: {**_FILES, "net_scale_factor": ABOVE_ZERO},
    SGIEConfig: _FILES,
    MOT_sgie_config: {**_FILES, "offsets": OFFSETS},
    FACE_sgie_config: {
        **_FILES,
        "operate_on_gie_id": COUNT,
        "operate_on_class_ids": IDS,
        "parse_bbox_func_name": FUNCTION,
    },
    FACE_align_config: {
        "unique_id": POSITIVE,
        "gpu_id": COUNT,
        "operate_on_gie_id": COUNT,
        "process_on_frame": YES_OR_NO,
        "network_input_order": ((0, 2), {3: "of at most 2, got 3"}),
        "processing_width": POSITIVE,
        "processing_height": POSITIVE,
        "network_color_format": COLOUR,
        "scaling_buf_pool_size": COUNT,
        "scaling_filter": ((0, 6), {7: "of at most 6, got 7"}),
        "scaling_pool_memory_type": ((0, 4), {5: "of at most 4, got 5"}),
        "maintain_aspect_ratio": YES_OR_NO,
        "symmetric_padding": YES_OR_NO,
        "custom_lib_path": PATH,
        "custom_tensor_preparation_function": NAME,
        "pixel_normalization_factor": ABOVE_ZERO,
        "offsets": OFFSETS,
        "src_ids": IDS,
        "process_on_all_objects": YES_OR_NO,
        "operate_on_class_ids": IDS,
        "custom_input_transformation_function": NAME,
    },
    DsAppConfig: {
        "streammux_batch_size": BATCH,
        "streammux_buffer_pool": ((1, None), {0: "of at least 1, got 0"}),
    },
}
ALL = {model: {**DIAGRAM[model], **BESIDE.get(model, {})} for model in DIAGRAM}
GOOD = [
    pytest.param(model, field, value, id=f"{model.__name__}.{field}={value!r}")
    for model, fields in ALL.items()
    for field, (values, _) in fields.items()
    for value in values
]
BAD = [
    pytest.param(model, field, value, said, id=f"{model.__name__}.{field}={value!r}")
    for model, fields in ALL.items()
    for field, (_, wrong) in fields.items()
    for value, said in wrong.items()
]


def test_each_field_has_its_constraint_in_the_table() -> None:
    assert {model: {*model.model_fields} for model in ALL} == {
        model: {*fields} for model, fields in ALL.items()
    }


@pytest.mark.parametrize("model", LEAST, ids=lambda model: model.__name__)
def test_what_has_a_default_may_be_left_out(model: type[Part]) -> None:
    least = made(model)
    required = {name for name, field in model.model_fields.items() if field.is_required()}
    assert required <= {*LEAST[model]}
    assert model.model_validate(least.model_dump()) == least  # the defaults pass their own constraints


@pytest.mark.parametrize(("model", "field", "value"), GOOD)
def test_what_is_within_range_is_taken(model: type[Part], field: str, value: Any) -> None:
    taken = made(model, **{field: value})
    assert model.model_validate_json(taken.model_dump_json()) == taken


@pytest.mark.parametrize(("model", "field", "value", "said"), BAD)
def test_what_is_not_is_refused_with_field_range_and_value(
    model: type[Part], field: str, value: Any, said: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        made(model, **{field: value})
    message = str(refused.value)
    assert message.startswith(f"{model.__name__}: {field}: expected ")
    assert said in message
    description = model.model_fields[field].description
    assert description is None or f" ({description.partition('. ')[0].rstrip('.')})" in message


def test_an_empty_text_of_the_document_is_not_set() -> None:
    model = made(FACE_pgie_config, infer_dims="", offsets="", parse_bbox_func_name="")
    assert (model.infer_dims, model.offsets, model.parse_bbox_func_name) == (None, None, None)


def test_ids_keep_the_way_of_the_document_and_take_that_of_deepstream() -> None:
    assert made(MOT_sgie_config, operate_on_class_ids=2).operate_on_class_ids == 2
    assert made(MOT_sgie_config, operate_on_class_ids="2").operate_on_class_ids == 2
    assert made(MOT_sgie_config, operate_on_class_ids="0;2;").operate_on_class_ids == (0, 2)


@pytest.mark.parametrize("module", [infer, align, instance], ids=lambda module: module.__name__)
def test_models_cite_the_page_of_nvidia(module: ModuleType) -> None:
    page = r"docs\.nvidia\.com/metropolis/deepstream/dev-guide/text/(\w[\w-]*\.html)"
    assert len(re.findall(page, str(module.__doc__))) == 1


@pytest.mark.parametrize(
    "model", [model for model in ALL if model is not DsInstanceConfig], ids=lambda model: model.__name__
)
def test_each_field_says_what_it_is(model: type[Part]) -> None:
    lacking = [name for name, field in model.model_fields.items() if not field.description]
    assert lacking == (["config"] if model is DsInstance else [])
    assert not issubclass(model, Written) or all(
        (field.description or "").endswith(".") for field in model.model_fields.values()
    )
