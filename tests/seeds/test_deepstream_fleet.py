"""What the document of the DeepStream fleet lists works here, with the import line changed.

Each class of its diagram is called as it stands there, the topics' too; its database has the columns of the
other diagram. The document has no line of code for them; the tests hold them against the diagrams themselves,
where these lie beside the checkout. What it runs is in `test_deepstream_fleet_running`.
"""

import json
import re
import uuid
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import AnyUrl, BaseModel

import sightline.deepstream
import sightline.fleet
from sightline.deepstream import (
    BoolEnum,
    ClusterMode,
    DsAppConfig,
    DsAppType,
    DsInstance,
    DsInstanceConfig,
    EncodeType,
    FACE_align_config,
    FACE_pgie_config,
    FACE_sgie_config,
    InstanceStatus,
    ModelColorFormat,
    MOT_pgie_config,
    MOT_sgie_config,
    NetworkType,
    NodeInfo,
    PGIEConfig,
    ProcessMode,
    SGIEConfig,
    SingleSourceConfig,
    SourcesConfig,
    TensorDataType,
)
from sightline.errors import ConfigError, WireError
from sightline.fleet import TOPIC200, TOPIC201, TOPIC210, TOPIC220, TOPIC300, TOPIC301
from sightline.fleet.messages.topics import Message
from sightline.fleet.store.rows import AgentOut, CameraOut, DsInstanceOut
from sightline.fleet.store.tables import Agent, Base, Camera
from sightline.fleet.store.tables import DsInstance as DsInstanceTable

DOCUMENT = Path(__file__).resolve().parents[3] / "shared" / "seeds" / "deepstream-fleet.md"
NODE_ID = uuid.UUID("6f1b7c58-8a4f-4a3e-9d0f-0c9a1d2e3f40")
SENT: dict[type[Message], dict[str, Any]] = {
    TOPIC200: {
        "node_id": NODE_ID,
        "hostname": "box",
        "ip_address": "10.0.0.2",
        "capacity": 16,
        "gpulist": ["NVIDIA L4"],
        "description": "the one in the hall",
    },
    TOPIC210: {"agent_info_list": [{"hostname": "box", "node_id": NODE_ID, "node_config_list": []}]},
    TOPIC220: {"node_id": NODE_ID, "status": [{"instance_name": "yard", "state": "running"}]},
    TOPIC300: {"desc": "two cameras more"},
    TOPIC301: {"desc": "who is there?"},
}
"""The classes of what is sent, as the diagram has them: the fleet's, not the configuration's."""

PGIE: dict[str, Any] = {
    "batch_size": 4,
    "labelfile_path": Path("labels.txt"),
    "num_detected_classes": 2,
    "output_blob_names": "output",
    "cluster_mode": ClusterMode.NMS,
    "maintain_aspect_ratio": 1,
    "process_mode": 1,
    "symmetric_padding": 1,
    "network_type": NetworkType.DETECTOR,
    "nms_iou_threshold": 0.5,
    "pre_cluster_threshold": 0.4,
}
SGIE: dict[str, Any] = {
    "process_mode": ProcessMode.SECONDARY,
    "output_tensor_meta": 1,
    "network_type": NetworkType.CLASSIFIER,
    "batch_size": 12,
}
CALLS: dict[type[BaseModel], dict[str, Any]] = {
    SingleSourceConfig: {
        "camera_id": "3",
        "address": AnyUrl("rtsp://admin:geheim-5e@172.16.1.101/main"),
        "encode_type": EncodeType.H265,
        "type": "rtsp",
    },
    SourcesConfig: {"sources": [{"camera_id": "3", "address": "rtsp://172.16.1.101/main"}]},
    PGIEConfig: PGIE,
    MOT_pgie_config: {
        **PGIE,
        "gie_unique_id": 1,
        "parse_bbox_func_name": "NvDsInferParseYolo",
        "model_color_format": ModelColorFormat.RGB,
        "net_scale_factor": 1 / 255,
    },
    FACE_pgie_config: {
        **PGIE,
        "gie_unique_id": 3,
        "num_detected_classes": 1,
        "cluster_mode": ClusterMode.NONE,
        "parse_bbox_func_name": "NvDsInferParseFaces",
        "engine_create_func_name": "NvDsInferFacesEngineGet",
        "offsets": "104.0;117.0;123.0",
        "model_color_format": ModelColorFormat.BGR,
        "infer_dims": "3;736;1280",
        "nms_iou_threshold": 0.4,
        "pre_cluster_threshold": 0.1,
        "post_cluster_threshold": 0.7,
    },
    SGIEConfig: SGIE,
    MOT_sgie_config: {
        **SGIE,
        "gie_unique_id": 2,
        "input_object_min_width": 0,
        "input_object_min_height": 0,
        "operate_on_gie_id": 1,
        "operate_on_class_ids": 0,
        "output_blob_names": "output",
        "output_tensor_meta": BoolEnum.TRUE,
        "force_implicit_batch_dim": BoolEnum.TRUE,
        "model_color_format": ModelColorFormat.BGR,
        "classifier_async_mode": BoolEnum.FALSE,
        "classifier_threshold": 0.0,
        "maintain_aspect_ratio": BoolEnum.FALSE,
        "secondary_reinfer_interval": 0,
        "net_scale_factor": 1 / 255,
        "infer_dims": "3;128;64",
        "network_type": NetworkType.CLASSIFIER,
    },
    FACE_sgie_config: {**SGIE, "gie_unique_id": 4, "output_tensor_meta": 1, "cluster_mode": ClusterMode.NONE},
    FACE_align_config: {
        "enable": 1,
        "target_unique_ids": 4,
        "network_input_shape": "32;3;112;112",
        "tensor_data_type": TensorDataType.FP32,
        "tensor_buf_pool_size": 10,
        "input_object_min_width": 50,
        "input_object_max_width": 3840,
        "input_object_min_height": 50,
        "input_object_max_height": 2160,
        "tensor_name": "data",
    },
    DsAppConfig: {
        "app_type": DsAppType.NORMAL,
        "face_raw_meta_topic": "RawFaceMeta",
        "mot_raw_meta_topic": "RawMotMeta",
        "visual_topic": "RawImage",
        "kafka_connection_str": "kafka.local:9092",
        "streammux_output_width": 3840,
        "streammux_output_height": 2160,
        "streammux_nvbuf_memory_type": 3,
        "face_confidence_threshold": 0.45,
        "mot_confidence_threshold": 0.45,
    },
    InstanceStatus: {"instance_name": "yard", "state": "running"},
}


def config() -> DsInstanceConfig:
    return DsInstanceConfig(
        appconfig=DsAppConfig(**CALLS[DsAppConfig]),
        sourceconfig=SourcesConfig(sources=[SingleSourceConfig(**CALLS[SingleSourceConfig])]),
        mot_pgie=MOT_pgie_config(**CALLS[MOT_pgie_config]),
        face_pgie=FACE_pgie_config(**CALLS[FACE_pgie_config]),
        mot_sgie=MOT_sgie_config(**CALLS[MOT_sgie_config]),
        face_sgie=FACE_sgie_config(**CALLS[FACE_sgie_config]),
        face_align=FACE_align_config(**CALLS[FACE_align_config]),
    )


@pytest.mark.parametrize("model", CALLS, ids=lambda model: model.__name__)
def test_each_class_takes_what_the_document_lists(model: type[BaseModel]) -> None:
    made = model(**CALLS[model])
    for name, value in CALLS[model].items():
        if name not in {"sources", "address"}:
            assert getattr(made, name) == value


def test_an_instance_has_all_parts_and_a_node_has_instances() -> None:
    node_id = uuid.uuid4()
    instance = DsInstance(name="yard", config=config())
    node = NodeInfo(hostname="box", node_id=node_id, node_config_list=[instance])
    sent = node.model_dump_json()
    assert "geheim-5e" in sent  # the agent opens the camera
    assert NodeInfo.model_validate_json(sent) == node
    source = node.node_config_list[0].config.sourceconfig.sources[0]
    assert source.address.unicode_string() == "rtsp://admin:geheim-5e@172.16.1.101/main"


def diagram() -> dict[str, list[tuple[str, str]]]:
    """Names of the document's classes, with type and name of each field."""
    classes = re.findall(r"class (\w+) \{\n(.*?)\n *\}", DOCUMENT.read_text(), re.DOTALL)
    return {name: re.findall(r"^ *\+(.+) (\w+) *$", body, re.MULTILINE) for name, body in classes}


needs_the_document = pytest.mark.skipif(
    not DOCUMENT.exists(), reason="the document is not beside this checkout"
)


@needs_the_document
def test_every_field_of_the_diagram_is_here_under_its_name() -> None:
    classes = {name: fields for name, fields in diagram().items() if not name.startswith("TOPIC")}
    here: list[type[BaseModel]] = [*CALLS, DsInstanceConfig, DsInstance, NodeInfo]
    assert {*classes} == {model.__name__ for model in here}
    for name, fields in classes.items():
        model = getattr(sightline.deepstream, name)
        assert {field for _, field in fields} <= {*model.model_fields}, name
        if model in CALLS:
            assert {field for _, field in fields} <= {*CALLS[model]}, name


@pytest.mark.parametrize("message", SENT, ids=lambda message: message.__name__)
def test_each_message_takes_what_the_document_lists_and_is_read_again(message: type[Message]) -> None:
    made = message(**SENT[message])
    assert message.from_json(made.to_json()) == made
    assert {*SENT[message]} <= made.model_fields_set


@needs_the_document
def test_every_message_of_the_diagram_is_here_under_its_name_with_its_fields() -> None:
    classes = {name: fields for name, fields in diagram().items() if name.startswith("TOPIC")}
    assert [getattr(sightline.fleet, name) for name in classes] == [*SENT]
    for name, fields in classes.items():
        assert {field for _, field in fields} == {*SENT[getattr(sightline.fleet, name)]}, name


GOOD = {
    "UUID4": (str(NODE_ID),),
    "str": ("x", "Hải Phòng"),
    "IPvAnyAddress": ("10.0.0.2", "fe80::1"),
    "NonNegativeInt": (0, 16),
    "List[str]": ([], ["NVIDIA L4", "NVIDIA L4"]),
    "List[NodeInfo]": (SENT[TOPIC210]["agent_info_list"],),
    "List[InstanceStatus]": (SENT[TOPIC220]["status"], []),
}
BAD: dict[str, tuple[Any, ...]] = {
    "UUID4": ("box", "00000000-0000-1000-8000-000000000000"),
    "str": (7, ["x"]),
    "IPvAnyAddress": ("box", "10.0.0.256"),
    "NonNegativeInt": (-1, "many"),
    "List[str]": ("NVIDIA L4", [7]),
    "List[NodeInfo]": ([{"hostname": "box"}],),
    "List[InstanceStatus]": ([{"state": "running"}],),
}


@needs_the_document
def test_every_type_of_a_message_takes_its_values_and_refuses_others() -> None:
    for name, fields in diagram().items():
        for kind, field in fields if name.startswith("TOPIC") else []:
            message: type[Message] = getattr(sightline.fleet, name)
            optional = re.fullmatch(r"Optional\[(.+)\]", kind)
            inner = optional[1] if optional else kind
            for value in (*GOOD[inner], *([None] if optional else [])):
                assert getattr(message.from_json(sent(message, field, value)), field) == getattr(
                    message.model_validate({**SENT[message], field: value}), field
                )
            for value in BAD[inner]:
                with pytest.raises(WireError, match=field):
                    message.from_json(sent(message, field, value))


def sent(message: type[Message], field: str, value: Any) -> bytes:
    return json.dumps({**SENT[message], field: value}, default=str).encode()


@needs_the_document
def test_every_arrow_of_the_diagram_is_a_heritage_or_a_part() -> None:
    arrows = re.findall(r"^ *(\w+) <\|-- (\w+)", DOCUMENT.read_text(), re.MULTILINE)
    assert len(arrows) == 16
    for one, other in arrows:
        part, whole = named(one), named(other)
        assert issubclass(whole, part) or has(whole, part), f"{one} <|-- {other}"
    heirs = {other for one, other in arrows if issubclass(named(other), named(one))}
    assert heirs == {"MOT_pgie_config", "FACE_pgie_config", "MOT_sgie_config", "FACE_sgie_config"}


def named(name: str) -> type[BaseModel]:
    there: type[BaseModel] = getattr(
        sightline.fleet if name.startswith("TOPIC") else sightline.deepstream, name
    )
    return there


def has(whole: type[BaseModel], part: type[BaseModel]) -> bool:
    """Whether a field is one, or a list of those; the fleet's own are the document's with more."""
    kinds = [field.annotation for field in whole.model_fields.values()]
    parts = [each for kind in kinds for each in (kind, *get_args(kind)) if isinstance(each, type)]
    return any(issubclass(each, part) for each in parts)


@needs_the_document
def test_every_topic_has_the_documents_number_and_name() -> None:
    listed = dict(re.findall(r'^- `(TOPIC\d+)` = "(\w+)"', DOCUMENT.read_text(), re.MULTILINE))
    assert len(listed) == 6
    assert {name: getattr(sightline.fleet, name).topic for name in listed} == listed
    assert TOPIC201(command="welcome", node_id=NODE_ID).command == "welcome"  # it has no class in the diagram


TABLES: dict[str, type[Base]] = {"Camera": Camera, "Agent": Agent, "DsInstance": DsInstanceTable}
KINDS = {"Integer": int, "String": str, "Float": float, "Boolean": bool}


@needs_the_document
def test_every_column_of_the_database_is_here_under_its_name() -> None:
    drawing = DOCUMENT.read_text().partition("erDiagram")[2]
    listed = {
        table: dict(reversed(pair) for pair in re.findall(r"(\w+) (\w+)\n", body))
        for table, body in re.findall(r"^    (\w+) \{\n(.*?)\n    \}", f"{drawing}", re.MULTILINE | re.DOTALL)
    }
    assert {*listed} == {*TABLES}
    for name, fields in listed.items():
        columns = TABLES[name].__table__.columns
        assert {field: KINDS[kind] for field, kind in fields.items()} == {
            field: columns[field].type.python_type for field in fields
        }, name


@needs_the_document
def test_every_column_but_the_password_is_answered_under_its_name() -> None:
    drawing = DOCUMENT.read_text().partition("erDiagram")[2]
    rows: dict[str, type[BaseModel]] = {"Camera": CameraOut, "Agent": AgentOut, "DsInstance": DsInstanceOut}
    for name, answered in rows.items():
        drawn = re.search(rf"^    {name} \{{\n(.*?)\n    \}}", drawing, re.MULTILINE | re.DOTALL)
        assert drawn is not None
        columns = {line.split()[1] for line in drawn[1].splitlines()}
        assert columns - answered.model_fields.keys() == ({"password"} & columns), name


@needs_the_document
def test_the_tables_belong_together_as_the_diagram_has_it() -> None:
    drawn = re.findall(r"^    (\w+) \S+ (\w+) : (\w+)$", DOCUMENT.read_text(), re.MULTILINE)
    assert {(one, other) for one, other, _ in drawn} == {
        ("Camera", "Agent"), ("DsInstance", "Agent"), ("Camera", "DsInstance")
    }  # fmt: skip
    for one, other, _ in drawn:
        targets = {key.column.table for key in TABLES[one].__table__.foreign_keys}
        assert TABLES[other].__table__ in targets, (one, other)


TAKEN: dict[str, tuple[Any, ...]] = {
    "str": ("x",),
    "Path": (Path("x"), "x"),
    "int": (0, 1, 2),
    "PositiveInt": (1, 2, 7),
    "NonNegativeInt": (0, 1, 7),
    "PositiveFloat": (0.25, 1),
    "NonNegativeFloat": (0, 0.25),
}
REFUSED = {"PositiveInt": 0, "NonNegativeInt": -1, "PositiveFloat": 0, "NonNegativeFloat": -0.25}
YES_OR_NO = {"enable", "maintain_aspect_ratio", "symmetric_padding", "output_tensor_meta"}
ONE_ALONE = {"PGIEConfig": 1, "SGIEConfig": 2}


def deepstream_refuses(model: str, field: str, value: Any) -> bool:
    """Where the document's type is wider than what the real DeepStream loads."""
    return (
        (field == "gie_unique_id" and value == 0)
        or (field in YES_OR_NO and value not in {0, 1})
        or (field == "process_mode" and value != ONE_ALONE[model])
        or (field == "streammux_nvbuf_memory_type" and value > 7)
    )


def taken(kind: str) -> tuple[Any, ...]:
    """Values of a type as the diagram writes it; none for a pattern, of which `CALLS` has one."""
    if inner := re.fullmatch(r"Optional\[(.+)\]", kind):
        return (None, *taken(inner[1]))
    enum = getattr(sightline.deepstream, kind, None) if kind.isidentifier() else None
    return tuple(enum) if enum is not None else TAKEN.get(kind, ())


def outcome(model: type[BaseModel], field: str, value: Any) -> Any:
    try:
        return getattr(model(**CALLS[model] | {field: value}), field)
    except ConfigError as refused:
        return refused


PATTERNS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "infer_dims": (("3;640;640", "3;640;640;"), ("3;640", "0;640;640", "640")),
    "offsets": (("104.0;117.0;123.0", "0", "104;117;123;"), ("1;2;3;4;5", "1.2.3", ";")),
    "network_input_shape": (("32;3;112;112",), ("3;112;112", "")),
}
"""What each pattern allows: that DeepStream takes, and that it would refuse or take for something else."""


@needs_the_document
def test_every_pattern_of_the_diagram_is_kept_to_as_far_as_deepstream_takes_it() -> None:
    tried = set()
    for model in CALLS:
        for kind, field in diagram()[model.__name__]:
            if pattern := re.search(r'regex=r"(.+)"', kind):
                good, bad = PATTERNS[field]
                assert all(re.fullmatch(pattern[1], text) for text in (*good, *bad)), field
                assert [outcome(model, field, text) for text in good] == [*good]
                assert all(isinstance(outcome(model, field, text), ConfigError) for text in (*bad, "3;a;b"))
                if kind.startswith("Optional"):
                    assert outcome(model, field, None) is outcome(model, field, "") is None
                tried.add((model, field))
    assert len(tried) == 4


def test_a_confidence_is_at_most_one() -> None:
    for field in ("face_confidence_threshold", "mot_confidence_threshold"):
        assert outcome(DsAppConfig, field, 1.0) == 1.0
        assert isinstance(outcome(DsAppConfig, field, 1.5), ConfigError)


@needs_the_document
def test_every_type_of_the_diagram_takes_its_values_but_what_deepstream_refuses() -> None:
    tried = 0
    for model in CALLS:
        for kind, field in diagram()[model.__name__]:
            for value in taken(kind):
                came = outcome(model, field, value)
                refused = isinstance(came, ConfigError)
                assert refused == deepstream_refuses(model.__name__, field, value), (field, value, came)
                assert refused or str(came) == str(value) or came == value
                tried += 1
            if kind in REFUSED:
                assert isinstance(outcome(model, field, REFUSED[kind]), ConfigError), (field, kind)
    assert tried > 150


PAGE = Path(__file__).resolve().parents[2] / "docs" / "migration.md"
OF_ITS_TEXT = {
    *("pip install -r requirements.txt", "PYTHONPATH", "python create_topics.py", "python agent.py"),
    *("python coordinator.py", "python app.py", "IMAGE_NAME", "settings.toml", "Refresh", "UpdateConfig"),
}
"""What the document's text names besides classes, topics and tables."""


@needs_the_document
def test_the_migration_page_tells_of_all_that_the_document_names() -> None:
    text = DOCUMENT.read_text()
    assert {name for name in OF_ITS_TEXT if name not in text} == set()
    section = PAGE.read_text().partition("## The DeepStream fleet")[2]
    kinds = {kind for fields in diagram().values() for kind, _ in fields}
    enums = {
        word for kind in kinds for word in re.findall(r"\w+", kind) if hasattr(sightline.deepstream, word)
    }
    topics = {word for pair in re.findall(r'^- `(TOPIC\d+)` = "(\w+)"', text, re.MULTILINE) for word in pair}
    wanted = {*diagram(), *enums, *topics, *TABLES, *OF_ITS_TEXT}
    assert len(wanted) > 40
    assert {name for name in wanted if name not in section} == set()
