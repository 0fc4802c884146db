"""Configurations for the tests of the models: the least that each takes, and all of it within hypothesis."""

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from sightline.deepstream.models import (
    DsAppConfig,
    DsInstance,
    DsInstanceConfig,
    EncodeType,
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
)
from sightline.errors import ConfigError

LARGEST = 2**31 - 1
NODE = "8c1f3e0a-5b52-4c37-9d0e-2f6f6a3c1b11"
CAMERA: dict[str, Any] = {"camera_id": "gate", "address": "rtsp://10.0.0.5/main"}
LABELS = {"labelfile_path": "labels.txt"}
APP = {"kafka_connection_str": "kafka;9092"}
INSTANCE: dict[str, Any] = {
    "appconfig": APP,
    "sourceconfig": {"sources": [CAMERA]},
    "mot_pgie": LABELS,
    "face_pgie": LABELS,
}

LEAST: dict[type[Part], dict[str, Any]] = {
    SingleSourceConfig: CAMERA,
    SourcesConfig: {},
    PGIEConfig: LABELS,
    MOT_pgie_config: LABELS,
    FACE_pgie_config: LABELS,
    SGIEConfig: {},
    MOT_sgie_config: {},
    FACE_sgie_config: {},
    FACE_align_config: {},
    DsAppConfig: APP,
    DsInstanceConfig: INSTANCE,
    DsInstance: {"name": "yard", "config": INSTANCE},
    NodeInfo: {"hostname": "box", "node_id": NODE},
    InstanceStatus: {"instance_name": "yard", "state": "running"},
}
"""What must be said of each; the rest has defaults."""


def outcome(build: Callable[[], Any]) -> Any:
    """What was built, or the error that refused it."""
    try:
        return build()
    except ConfigError as error:
        return error


def made(model: type[Part], **others: Any) -> Any:
    return model(**{**LEAST[model], **others})


counts = st.integers(0, LARGEST)
positive = st.integers(1, LARGEST)
shares = st.floats(0, 1, exclude_min=True)
words = st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), min_size=1, max_size=20)
passwords = st.text("abcdefgh0123456789-._~", min_size=6, max_size=12).map(lambda text: f"geheim{text}")

sources = st.builds(
    SingleSourceConfig,
    camera_id=words,
    address=passwords.map(lambda password: f"rtsp://admin:{password}@10.0.0.5:554/main?channel=1"),
    encode_type=st.sampled_from(EncodeType),
    type=words,
)
instances = st.builds(
    DsInstanceConfig,
    appconfig=st.builds(
        DsAppConfig,
        kafka_connection_str=words,
        visual_topic=words,
        streammux_output_width=positive,
        streammux_batch_size=st.none() | st.integers(1, 1024),
        face_confidence_threshold=shares,
    ),
    sourceconfig=st.builds(SourcesConfig, sources=st.lists(sources, max_size=3)),
    mot_pgie=st.builds(
        MOT_pgie_config,
        labelfile_path=words.filter(lambda text: text != "."),
        gie_unique_id=st.just(1),
        batch_size=st.integers(1, 1024),
        nms_iou_threshold=shares,
        infer_dims=st.tuples(positive, positive, positive).map(lambda three: ";".join(map(str, three))),
    ),
    face_pgie=st.builds(FACE_pgie_config, labelfile_path=st.just("labels.txt"), offsets=st.just("1.5;2;.5;")),
    mot_sgie=st.builds(
        MOT_sgie_config, operate_on_class_ids=counts | st.lists(counts, min_size=1).map(tuple)
    ),
    face_align=st.builds(FACE_align_config, tensor_buf_pool_size=counts),
)
nodes = st.builds(
    NodeInfo,
    hostname=words,
    node_id=st.uuids(version=4),
    node_config_list=st.lists(st.builds(DsInstance, name=words, config=instances), max_size=2),
)
