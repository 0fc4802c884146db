"""What a site file may say: cameras, the workers that look at them, and the bus between them.

Each field's description is its documentation: it becomes the JSON Schema's text, which editors show.
Unknown keys are refused, units stand in the names, and passwords are `SecretStr`, so that printing a site
shows none. Nothing here opens a file, a camera or a socket.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, ModelWrapValidatorHandler, model_validator

from sightline.bus import PacketTopics
from sightline.site.camera import Camera
from sightline.site.conflicts import conflicts
from sightline.site.frame_queue import FrameQueue
from sightline.site.mistakes import dotted
from sightline.site.model_kinds import Model, PythonModel, Tracking
from sightline.site.section import (
    BusUrl,
    ChosenCameras,
    Hwaccel,
    Name,
    PictureSize,
    Section,
    TopicPattern,
    complete,
)
from sightline.site.sink_kinds import Sink


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


def _for_editors(schema: dict[str, Any]) -> None:
    schema["patternProperties"] = {"^x-": {}}
    schema["required"].remove("workers")
    schema["anyOf"] = [{"required": ["workers"]}, {"required": ["frame_queue"]}]


_ANY_WORKER: Final = {"any": {"model": {"kind": "motion"}}}


class Site(Section):
    """Cameras, and the workers that look at them. Keys that begin with `x-` are a place for anchors."""

    model_config = ConfigDict(json_schema_extra=_for_editors)

    bus: BusUrl = Field(
        "memory://",
        description="The broker between cameras and workers; memory:// is between these processes alone, "
        "hub://127.0.0.1:4820 a hub that reaches others, and kafka://127.0.0.1:9092 a Kafka.",
    )
    topics: Topics = Field(
        Topics.model_validate({}), description="Where on the bus the packets of cameras are."
    )
    cameras: dict[Name, Camera] = Field(min_length=1, description="The cameras by name.")
    workers: dict[Name, Worker] = Field(
        min_length=1, description="The workers by name; may be left out beside a frame_queue."
    )
    frame_queue: FrameQueue | None = Field(
        None, description="Pictures of cameras now and then, each for one worker of many."
    )

    @model_validator(mode="wrap")
    @classmethod
    def _without_workers(cls, value: Any, validate: ModelWrapValidatorHandler[Self]) -> Self:
        """Whoever samples for workers elsewhere has none here."""
        if not isinstance(value, dict) or "workers" in value or not value.get("frame_queue"):
            return validate(value)
        site = validate({**value, "workers": _ANY_WORKER})
        object.__setattr__(site, "workers", {})
        return site

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

    def sampled_cameras(self) -> dict[str, Camera]:
        """The cameras whose pictures go into the frame queue and that are enabled, by name."""
        named = self.frame_queue and self.frame_queue.cameras
        return {
            name: camera
            for name, camera in self.cameras.items()
            if camera.enabled and (named is None or name in named)
        }


__all__ = ["Camera", "FrameQueue", "Model", "PythonModel", "Sink", "Site", "Topics", "Tracking", "Worker"]
