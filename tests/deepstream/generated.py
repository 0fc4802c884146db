"""Instances for the tests of the generator, and what a reader of DeepStream's sees in a file."""

from typing import Any

from sightline.deepstream.comparing.preprocess_groups import with_parts
from sightline.deepstream.document import ConfigFile, Form
from sightline.deepstream.models import (
    DsAppConfig,
    DsInstance,
    DsInstanceConfig,
    FACE_align_config,
    FACE_pgie_config,
    FACE_sgie_config,
    MOT_pgie_config,
    MOT_sgie_config,
    SingleSourceConfig,
    SourcesConfig,
)
from sightline.deepstream.reading import keyfile_values

GATE = {"camera_id": "gate", "address": "rtsp://admin:geheim%40@10.0.0.5:554/main?channel=1&subtype=0"}
YARD = {"camera_id": "yard", "address": "rtsp://10.0.0.6/live"}
FILM = {"camera_id": "film", "address": "file:///data/a%20film.mp4", "type": "file"}


def instance(*sources: dict[str, Any], **parts: dict[str, Any]) -> DsInstance:
    """An instance with these cameras; `app`, `mot_pgie` and so on say what is not as usual."""
    said: dict[str, dict[str, Any]] = {**{part: {} for part in PARTS}, **parts}
    config = DsInstanceConfig(
        appconfig=DsAppConfig(**{"kafka_connection_str": "kafka:9092", **said["app"]}),
        sourceconfig=SourcesConfig(sources=[SingleSourceConfig(**each) for each in sources or (GATE, YARD)]),
        mot_pgie=MOT_pgie_config(**{"labelfile_path": "/models/mot.txt", **said["mot_pgie"]}),
        face_pgie=FACE_pgie_config(**{"labelfile_path": "/models/face.txt", **said["face_pgie"]}),
        mot_sgie=MOT_sgie_config(**said["mot_sgie"]),
        face_sgie=FACE_sgie_config(**said["face_sgie"]),
        face_align=FACE_align_config(**said["face_align"]),
    )
    return DsInstance(name="west wing", config=config)


PARTS = ("app", "mot_pgie", "face_pgie", "mot_sgie", "face_sgie", "face_align")


def seen(file: ConfigFile) -> dict[str, dict[str, str]]:
    """Groups, keys and texts, as the reader of the form gives them."""
    read = keyfile_values.string if file.form is Form.TXT else str
    return {
        group.name: {entry.key: read(str(entry.value)) for entry in group.entries}
        for group in with_parts(file).groups
    }
