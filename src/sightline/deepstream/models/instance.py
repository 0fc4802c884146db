"""An instance of DeepStream as the fleet has it: its cameras, its models, and where its results go.

The arrows of the document's diagram are read as what its fields say: a `DsInstanceConfig` has the parts, it
is none of them, and a `NodeInfo` has instances.

Where the document and DeepStream differ, this holds:

- `camera_id`: a text; a number, as the document's database has it, becomes one.
- `type` of a source: any text, as in the document; `source_type` is DeepStream's number for it, from the
  word where that is one of DeepStream's, else from the address.
- `streammux_nvbuf_memory_type`: any number from 0 in the document; here one that NVIDIA has a memory for.
- `face_confidence_threshold`, `mot_confidence_threshold`: above 0 as in the document, and at most 1.
- `kafka_connection_str`: a text; DeepStream's own is `host;port`, people write `host:port`, both pass. A
  `kafka://` URL says login and certificates too, with the password in a file: the document is not sealed.
- `streammux_batch_size`, `streammux_buffer_pool`: in the document's database, not in its diagram; optional.

Source: https://docs.nvidia.com/metropolis/deepstream/dev-guide/text/DS_ref_app_deepstream.html and
DS_plugin_gst-nvstreammux.html beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Final, Self, TypeAlias

from pydantic import UUID4, Field, field_validator, model_validator

from sightline.deepstream.importing.logins import written_password
from sightline.deepstream.models.address import Address
from sightline.deepstream.models.align import FACE_align_config
from sightline.deepstream.models.numbers import DsAppType, EncodeType, MemoryType, SourceType
from sightline.deepstream.models.part import Part, Place, Positive
from sightline.deepstream.models.primary import FACE_pgie_config, MOT_pgie_config
from sightline.deepstream.models.secondary import FACE_sgie_config, MOT_sgie_config

MOST_SOURCES: Final = 1024
"""deepstream-app takes no more (MAX_SOURCE_BINS)."""

Text: TypeAlias = Annotated[str, Field(min_length=1)]
Confidence: TypeAlias = Annotated[float, Field(gt=0, le=1)]

_WORDS: Final = {
    "v4l2": SourceType.CAMERA_V4L2,
    "uri": SourceType.URI,
    "file": SourceType.URI,
    "http": SourceType.URI,
    "multiuri": SourceType.MULTI_URI,
    "rtsp": SourceType.RTSP,
    "csi": SourceType.CAMERA_CSI,
    "ipc": SourceType.IPC,
}


class SingleSourceConfig(Part):
    """A camera. Its address is shown without user and password; `address.unicode_string()` has them.

    Source: DS_ref_app_deepstream.html.
    """

    camera_id: Text = Field(description="The name of the camera.", coerce_numbers_to_str=True)
    address: Address = Field(
        description="Where its pictures come from, such as rtsp://user:password@host/path.",
        json_schema_extra={"writeOnly": True},
    )
    encode_type: EncodeType = Field(
        default=EncodeType.H264, description="What it sends; DeepStream finds that out itself."
    )
    type: str = Field(default="rtsp", description="What kind of source it is.")

    @property
    def source_type(self) -> SourceType:
        """`type` of `[sourceN]`."""
        scheme = "rtsp" if self.address.scheme in {"rtsp", "rtsps"} else "uri"
        return _WORDS.get(self.type.strip().lower(), _WORDS[scheme])


class SourcesConfig(Part):
    """The cameras of an instance, in the order of DeepStream's `[sourceN]`.

    Source: DS_ref_app_deepstream.html.
    """

    sources: list[SingleSourceConfig] = Field(
        default_factory=list, max_length=MOST_SOURCES, description="The cameras, at most 1024."
    )


class DsAppConfig(Part):
    """What an instance does with all that its models say.

    Source: DS_ref_app_deepstream.html.
    """

    PLACES: ClassVar[Mapping[str, Place]] = {
        "streammux_output_width": Place("streammux", "width"),
        "streammux_output_height": Place("streammux", "height"),
        "streammux_batch_size": Place("streammux", "batch-size"),
        "streammux_buffer_pool": Place("streammux", "buffer-pool-size"),
        "streammux_nvbuf_memory_type": Place("streammux", "nvbuf-memory-type"),
    }
    """The fields that are keys of the application's file as they are; the others take more than one."""

    app_type: DsAppType = Field(
        default=DsAppType.NORMAL,
        description="NORMAL sends results alone; VISUAL (or DEBUG) shows pictures as well.",
    )
    face_raw_meta_topic: Text = Field(
        default="RawFaceMeta", description="The topic that results of faces go to."
    )
    mot_raw_meta_topic: Text = Field(
        default="RawMotMeta", description="The topic that results of tracked objects go to."
    )
    visual_topic: Text = Field(default="RawImage", description="The topic that pictures go to.")
    kafka_connection_str: Text = Field(
        description="The Kafka that results go to, host;port as DeepStream has it, host:port, or a kafka:// "
        "URL with login and certificates."
    )
    streammux_output_width: Positive = Field(
        default=1920, description="Pixels that every picture is scaled to, across; 1920 in NVIDIA's samples."
    )
    streammux_output_height: Positive = Field(
        default=1080, description="Pixels that every picture is scaled to, down; 1080 in NVIDIA's samples."
    )
    streammux_batch_size: Annotated[int, Field(ge=1, le=MOST_SOURCES)] | None = Field(
        default=None, description="Pictures in a batch, 1 to 1024; as many as there are cameras if left out."
    )
    streammux_buffer_pool: Positive | None = Field(
        default=None, description="How many batches may be under way; DeepStream's own number if left out."
    )
    streammux_nvbuf_memory_type: MemoryType = Field(
        default=MemoryType.DEFAULT,
        description="Where pictures lie; on a graphics card 0 to 3, on a Jetson 0 or 4.",
    )
    face_confidence_threshold: Confidence = Field(
        default=0.5, description="The least confidence of a face that is sent, above 0 to 1."
    )
    mot_confidence_threshold: Confidence = Field(
        default=0.5, description="The least confidence of a tracked object that is sent, above 0 to 1."
    )

    @field_validator("kafka_connection_str")
    @classmethod
    def _without_a_password(cls, text: str) -> str:
        if "://" in text and not text.startswith("kafka://"):
            raise ValueError("expected host;port or a kafka:// URL, got a URL of another scheme")
        if written_password(text):
            raise ValueError(
                "expected no password in it: name a file on the machine that runs it, password_file=/..."
            )
        return text


class DsInstanceConfig(Part):
    """Everything an instance is told."""

    appconfig: DsAppConfig
    sourceconfig: SourcesConfig
    mot_pgie: MOT_pgie_config
    face_pgie: FACE_pgie_config
    mot_sgie: MOT_sgie_config = Field(default=MOT_sgie_config.model_validate({}))
    face_sgie: FACE_sgie_config = Field(default=FACE_sgie_config.model_validate({}))
    face_align: FACE_align_config = Field(default=FACE_align_config.model_validate({}))

    @model_validator(mode="after")
    def _each_model_has_its_number(self) -> Self:
        """DeepStream tells the models' results apart by it."""
        seen: dict[int, str] = {}
        for name in ("mot_pgie", "face_pgie", "mot_sgie", "face_sgie"):
            number = getattr(self, name).gie_unique_id
            if seen.setdefault(number, name) != name:
                raise ValueError(
                    f"expected a gie_unique_id of its own for each model, got {number} for {seen[number]} "
                    f"and for {name}"
                )
        return self


class DsInstance(Part):
    """An instance and its name, which its container has too."""

    name: Text = Field(description="The name of the instance.")
    config: DsInstanceConfig


class NodeInfo(Part):
    """A computer of the fleet and the instances that are to run there."""

    hostname: Text = Field(description="The name of the computer.")
    node_id: UUID4 = Field(description="The number that its agent goes by.")
    node_config_list: list[DsInstance] = Field(
        default_factory=list, description="The instances that are to run there."
    )


class InstanceStatus(Part):
    """How an instance is, as its agent found it."""

    instance_name: Text = Field(description="The name of the instance.")
    state: Text = Field(description='The state of its container, such as "running" or "exited".')
