"""What a site file may say: cameras, the workers that look at them, and the bus between them.

Each field's description is its documentation: it becomes the JSON Schema's text, which editors show.
Unknown keys are refused, units stand in the names, and passwords are `SecretStr`, so that printing a site
shows none. Nothing here opens a file, a camera or a socket.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, Self, TypeAlias

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from sightline.bus import PacketTopics
from sightline.errors import ConfigError
from sightline.site.camera import Camera
from sightline.site.conflicts import conflicts
from sightline.site.mistakes import dotted
from sightline.site.model_kinds import Model, PythonModel, Tracking
from sightline.site.section import BusUrl, Name, PictureSize, Section, TopicPattern, complete
from sightline.site.sink_kinds import Sink


def _camera_names(value: object) -> object:
    if value == "all":
        return None
    if isinstance(value, str):  # pydantic makes mistakes of a file out of ValueErrors alone
        raise ValueError(  # noqa: TRY004
            "expected a list of camera names such as [gate, parking], or the word all"
        )
    if value == []:
        raise ValueError("expected at least one camera name, or the word all")
    return value


_NAMES_SCHEMA: Final = {"type": "array", "items": {"type": "string"}, "minItems": 1}
ChosenCameras: TypeAlias = Annotated[
    tuple[Name, ...] | None,
    BeforeValidator(_camera_names),
    WithJsonSchema({"anyOf": [{"const": "all"}, _NAMES_SCHEMA]}),
]


def _hwaccel(name: str) -> str:
    from sightline.codec.hardware import checked_hwaccel  # noqa: PLC0415 - libav knows, and few sites ask

    try:
        return checked_hwaccel(name)
    except ConfigError as error:
        raise complete(error.message) from None


Hwaccel: TypeAlias = Annotated[str, AfterValidator(_hwaccel)]


def _tracking(value: object) -> object:
    if isinstance(value, bool):
        return {} if value else None
    if not isinstance(value, dict | Tracking | None):  # pydantic makes mistakes of a file out of ValueErrors
        raise ValueError("expected true, false or a mapping of settings")  # noqa: TRY004
    return value


def _true_or_false_too(schema: dict[str, Any]) -> None:
    """In the file it is never null: left out, false and true are what it may be beside settings."""
    schema["anyOf"] = [schema["anyOf"][0], {"type": "boolean"}]
    schema["default"] = False


class Worker(Section):
    """A model that looks at some of the cameras, and where its results go."""

    cameras: ChosenCameras = Field(None, description='Names of the cameras to look at; "all" when left out.')
    rate: float | None = Field(
        None,
        gt=0,
        le=1000,
        description="Pictures a second and camera that the model is given, by the time of the pictures; "
        "every one when left out.",
    )
    size: PictureSize | None = Field(
        None, description="WIDTHxHEIGHT that pictures are scaled to for the model; their own when left out."
    )
    pictures: Literal["auto", "all", "reference", "key"] = Field(
        "auto",
        description="Which pictures are decoded: all, those that others refer to (reference), keyframes "
        "alone (key), or what the rate asks for (auto).",
    )
    hwaccel: Hwaccel = Field(
        "none",
        description="What decodes: software (none), any device that is here (auto), or the device of that "
        "name, such as cuda; where there is none, software does it, and the log says so.",
    )
    model: Model = Field(description="What looks at the pictures.")
    track: Annotated[Tracking | None, BeforeValidator(_tracking)] = Field(
        None,
        description="Whether things are followed from picture to picture; with settings or without.",
        json_schema_extra=_true_or_false_too,
    )
    sinks: tuple[Sink, ...] = Field((), description="Where results go.")


class Topics(Section):
    """Where on the bus packets are; everybody who uses the same bus must say the same."""

    main: TopicPattern = Field(
        "raw_:camera_id", description="Topic of a camera's packets; :camera_id in it is the camera's name."
    )
    detect: TopicPattern = Field(
        "detect_:camera_id", description="Topic of the packets of its detect_url, where it has one, likewise."
    )

    def of_packets(self) -> PacketTopics:
        return PacketTopics(main=self.main, detect=self.detect)


class Site(Section):
    """Cameras, and the workers that look at them. Keys that begin with `x-` are a place for anchors."""

    model_config = ConfigDict(json_schema_extra={"patternProperties": {"^x-": {}}})

    bus: BusUrl = Field(
        "memory://",
        description="The broker between cameras and workers; memory:// is between these processes alone, "
        "hub://127.0.0.1:4820 a hub that reaches others, and kafka://127.0.0.1:9092 a Kafka.",
    )
    topics: Topics = Field(
        Topics.model_validate({}), description="Where on the bus the packets of cameras are."
    )
    cameras: dict[Name, Camera] = Field(min_length=1, description="The cameras by name.")
    workers: dict[Name, Worker] = Field(min_length=1, description="The workers by name.")

    @model_validator(mode="after")
    def _without_conflicts(self) -> Self:
        found = [
            f"{dotted(found.where)}: {found.message}" for found in conflicts(self.model_dump(by_alias=True))
        ]
        if found:
            raise complete("; ".join(found))
        return self

    def cameras_of(self, worker: Worker) -> dict[str, Camera]:
        """The cameras that a worker looks at and that are enabled, by name."""
        names = self.cameras if worker.cameras is None else worker.cameras
        return {name: self.cameras[name] for name in names if self.cameras[name].enabled}


__all__ = ["Camera", "Model", "PythonModel", "Sink", "Site", "Topics", "Tracking", "Worker"]
