"""An instance as it goes into the database and comes out, with the document's names.

What the document's table has of `DsAppConfig` are fields of their own; the rest of a `DsInstanceConfig` is
`config`. Of a worker, `config` is a site document without cameras. Promises: what passes is what the models
of `sightline.deepstream` and `sightline.site` take; secrets within come out as `***`.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, ValidationError, model_validator

from sightline.deepstream.models.instance import DsAppConfig, DsInstanceConfig
from sightline.errors import ConfigError
from sightline.fleet.store.hiding import secrets_in, shown, still_hidden, without_secrets
from sightline.fleet.store.refusals import Mistake
from sightline.fleet.store.row import AnyName, Count, Id, Json, Labels, Pixels, Row, Text, Word
from sightline.fleet.store.worded import mistakes_of, refusal
from sightline.log import hide_secret
from sightline.site.model import Site

APP_FIELDS: Final = (
    "face_raw_meta_topic",
    "mot_raw_meta_topic",
    "visual_topic",
    "kafka_connection_str",
    "streammux_output_width",
    "streammux_output_height",
    "streammux_batch_size",
    "streammux_buffer_pool",
    "streammux_nvbuf_memory_type",
    "face_confidence_threshold",
    "mot_confidence_threshold",
)
"""Of `DsAppConfig`, what the document's table has as columns."""

Kind = Literal["deepstream", "worker"]


class InstanceLimits(Row):
    """What an instance may use; None: as much as there is."""

    cpus: Annotated[float, Field(gt=0, le=4096)] | None = None
    memory_mib: Annotated[int, Field(ge=16, lt=2**31)] | None = None


class InstanceRun(Row):
    """How an instance is run: `RunOptions` without what are fields of the instance itself."""

    runtime: Literal["docker", "process"] | None = Field(
        None, description="What runs it; of DeepStream docker, of a worker process, if left out."
    )
    image: Word | None = Field(
        None, description="Of its container; the agent's own, IMAGE_NAME, if left out."
    )
    network: Word | None = Field(
        None, description='Of its container: "host", "none", or a name; the agent\'s own if left out.'
    )
    limits: InstanceLimits = Field(InstanceLimits(), description="`cpus` and `memory_mib` that it may use.")
    one_at_a_time: bool = Field(
        False, description="No other change of its machine is begun until it is ready, or has failed."
    )
    ready_s: Annotated[float, Field(gt=0, le=3600)] = Field(
        60.0, description="Seconds that it has to become ready, before what ran before comes back."
    )
    settle_s: Annotated[float, Field(ge=0, le=3600)] = Field(
        2.0, description="Seconds for which it has to stay ready."
    )


class _App(Row):
    """The document's columns of `DsAppConfig`; all are None of a worker."""

    face_raw_meta_topic: Text | None = Field(None, description="Kafka's topic of faces.")
    mot_raw_meta_topic: Text | None = Field(None, description="Kafka's topic of tracked objects.")
    visual_topic: Text | None = Field(None, description="Kafka's topic of pictures.")
    kafka_connection_str: Text | None = Field(
        None, description="The Kafka that its results go to, host;port; DeepStream's must be there."
    )
    streammux_output_width: Pixels | None = Field(None, description="That all its pictures are scaled to.")
    streammux_output_height: Pixels | None = Field(None, description="Likewise.")
    streammux_batch_size: Pixels | None = Field(None, description="Pictures in a batch; one a camera.")
    streammux_buffer_pool: Pixels | None = Field(None, description="Batches that are made ready.")
    streammux_nvbuf_memory_type: Count | None = Field(
        None, description="NVIDIA's number of a kind of memory."
    )
    face_confidence_threshold: float | None = Field(None, description="Faces below are left out.")
    mot_confidence_threshold: float | None = Field(None, description="Objects below are left out.")


class DsInstanceBody(_App):
    """An instance as it is wanted, in the place of one that is there: `***` that was shown may come back."""

    instance_name: AnyName = Field(description="Its name, all over the fleet.", examples=["hall-1"])
    kind: Kind = Field("deepstream", description="Of DeepStream, or Sightline's own.")
    config: Json = Field(
        {},
        description="Of DeepStream: the models of DsInstanceConfig (mot_pgie, face_pgie, ...). Of a worker: "
        "a site document without cameras.",
    )
    run: InstanceRun = Field(
        default_factory=lambda: InstanceRun.model_validate({}), description="How it is run."
    )
    pool: Text = Field("", description="Of the cameras that the fleet puts on it.")
    capacity: Count | None = Field(None, description="Cameras that it takes; null: no limit of its own.")
    gpus: Annotated[int, Field(ge=0, le=64)] = Field(0, description="Graphics cards that it needs.")
    labels: Labels = Field({}, description="What its machine must have.")
    exclusive: bool = Field(False, description="Whether it must never run twice at any time.")
    debug: bool = Field(
        False,
        description='The document\'s "debug or not": of DeepStream pictures can be seen, of a worker the log '
        "says all.",
    )
    enabled: bool = Field(True, description="Whether it is wanted at all.")
    agent_id: Id | None = Field(None, description="The machine that it was put on by hand.")
    agent_name: AnyName | None = Field(None, description="The same by name, or by node_id.")
    origin: Text = Field("", description="The import that brought it; empty: nobody but users.")


class DsInstanceIn(DsInstanceBody):
    """An instance as it is wanted, whole and right in itself."""

    @model_validator(mode="before")
    @classmethod
    def _app_fields_up(cls, values: Any) -> Any:
        """What of `config.appconfig` has a field here; one that is given here as well holds."""
        app = values.get("config") if isinstance(values, dict) else None
        app = app.get("appconfig") if isinstance(app, dict) else None
        if not isinstance(app, dict) or values.get("kind") == "worker":
            return values
        rest = {key: value for key, value in app.items() if key not in APP_FIELDS}
        config = {**values["config"], "appconfig": rest}
        if not rest:
            del config["appconfig"]
        up = {key: app[key] for key in APP_FIELDS if key in app and values.get(key) is None}
        return {**values, **up, "config": config}

    @model_validator(mode="after")
    def _can_be_made(self) -> Self:
        found = _of_worker(self) if self.kind == "worker" else _of_deepstream(self)
        if still_hidden(self.config):
            found.append(
                Mistake("config", "expected the value itself where *** stands: it hides nothing here")
            )
        if found:
            raise refusal(found)
        return self

    def whole_config(self) -> dict[str, Any]:
        """As `InstanceSource.config` has it: of DeepStream with all of `appconfig`."""
        if self.kind == "worker":
            return dict(self.config)
        rest = self.config.get("appconfig") or {}
        app = {name: value for name in APP_FIELDS if (value := getattr(self, name)) is not None}
        return {**self.config, "appconfig": {**(rest if isinstance(rest, dict) else {}), **app}}

    def shown_config(self) -> dict[str, Any]:
        """`config` without secrets."""
        config: dict[str, Any] = dict(self.config)
        if self.kind == "worker":
            config = without_secrets(config, Site.model_validate(with_cameras(config)))
        hidden: dict[str, Any] = shown(config)
        return hidden


class DsInstanceChange(_App):
    """What is to be another of an instance; what is left out stays."""

    config: Json | None = None
    run: InstanceRun | None = None
    pool: Text | None = None
    capacity: Count | None = None
    gpus: Annotated[int, Field(ge=0, le=64)] | None = None
    labels: Labels | None = None
    exclusive: bool | None = None
    debug: bool | None = None
    enabled: bool | None = None
    agent_id: Id | None = None
    agent_name: AnyName | None = None


class DsInstanceOut(_App):
    """An instance as it is."""

    id: int
    agent_id: int | None = Field(description="The machine that it was put on by hand.")
    instance_name: str
    status: str = Field(description="How it was found last.")
    reason: str = Field(description="Why, where it is not as it should be.")
    kind: Kind
    config: Json = Field(description="*** hides what is secret, and may be sent back as it is.")
    run: InstanceRun
    pool: str
    capacity: int | None
    gpus: int
    labels: dict[str, str]
    exclusive: bool
    debug: bool
    enabled: bool
    origin: str
    generation: int = Field(description="Rises with each change.")
    observed_generation: int = Field(description="Of that which runs.")
    agent_name: str | None = Field(description="The machine that it was put on by hand.")
    placed_node: str | None = Field(description="The node_id of the machine that it is on now.")
    camera_count: int = Field(description="Cameras that are on it now.")


def _of_deepstream(instance: DsInstanceIn) -> list[Mistake]:
    if "sourceconfig" in instance.config:
        told = "cameras are rows of their own; put them on the instance by its name"
        return [Mistake("config.sourceconfig", told)]
    try:
        made = DsInstanceConfig.model_validate({**instance.whole_config(), "sourceconfig": {}})
    except ConfigError as error:
        return [Mistake("config", error.message)]
    for name in APP_FIELDS:  # as they hold, defaults too
        object.__setattr__(instance, name, _plain(made.appconfig, name))
    return []


def _plain(app: DsAppConfig, name: str) -> Any:
    value = getattr(app, name)
    return int(value) if isinstance(value, int) else value


def _of_worker(instance: DsInstanceIn) -> list[Mistake]:
    found = [
        Mistake(name, "expected of an instance of DeepStream alone, this one is a worker")
        for name in APP_FIELDS
        if getattr(instance, name) is not None
    ]
    if "cameras" in instance.config:
        told = "cameras are rows of their own; put them on the instance by its name"
        return [*found, Mistake("config.cameras", told)]
    try:
        site = Site.model_validate(with_cameras(instance.config))
    except ValidationError as error:
        return [*found, *mistakes_of(error, Site, "config")]
    for secret in secrets_in(site):
        hide_secret(secret)
    return found


def with_cameras(config: dict[str, Any]) -> dict[str, Any]:
    """A worker's document as a whole site: with those cameras that it names, or any."""
    names = sorted(named_cameras(config)) or ["camera"]
    return {**config, "cameras": {name: {"url": "synthetic://"} for name in names}}


def named_cameras(config: dict[str, Any]) -> set[str]:
    """The cameras that a worker's document names; what has another shape names none."""
    queue = config.get("frame_queue")
    workers = config.get("workers")
    parts = [*workers.values()] if isinstance(workers, dict) else []
    lists = [part.get("cameras") for part in [*parts, queue] if isinstance(part, dict)]
    groups = queue.get("groups") if isinstance(queue, dict) else None
    lists += [*groups.values()] if isinstance(groups, dict) else []
    return {name for each in lists if isinstance(each, list) for name in each if isinstance(name, str)}
