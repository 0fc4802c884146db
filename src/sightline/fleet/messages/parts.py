"""What stands within the fleet's messages: an instance as an agent is to run it, and one as it was found.

`NodeInfo`, `DsInstance` and `InstanceStatus` are the document's, with what a fleet needs besides; a message
of the document's fields alone reads as well. Unknown fields are passed over: another version of Sightline
may have sent them.

What an agent sends has a bound in each part, so that nobody fills a coordinator's memory or database with it.

Deliberately not here: logins of cameras in the clear. They travel in `NodeConfig.sealed`, for one agent's
eyes.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from sightline.deepstream.models.instance import DsInstance, InstanceStatus, NodeInfo

SCHEMA: Final = 1
"""The version of the messages; one that is higher is read as far as it is understood."""

Name: TypeAlias = Annotated[str, Field(min_length=1, max_length=200)]
Line: TypeAlias = Annotated[str, Field(max_length=16 * 1024)]
"""Some words for people."""
Label: TypeAlias = Annotated[str, Field(max_length=500)]
Generation: TypeAlias = Annotated[int, Field(ge=0, lt=2**63)]
Count: TypeAlias = Annotated[int, Field(ge=0, lt=2**31)]
Share: TypeAlias = Annotated[float, Field(ge=0, allow_inf_nan=False)]
MOST_OF_A_KIND: Final = 4096
"""Instances of a machine, and cameras of an instance, that are listened to."""
MOST_LABELS: Final = 256

InstanceState: TypeAlias = Literal[
    "creating", "starting", "running", "unhealthy", "exited", "waiting", "failed", "removing", "unknown"
]
"""`creating`: its files and image are made ready. `starting`: it runs and is not ready yet. `running`: ready.
`unhealthy`: it was ready and is no more. `exited`: it ended, with code 0 and for good. `waiting`: it ended
and is begun again later. `failed`: it did not become ready in its time, and is tried ever more rarely.
`removing`: it is being ended. `unknown`: its runtime does not say."""


class Passing(BaseModel):
    """What is sent and read by other versions too: what is not known is passed over."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


class Limits(Passing):
    """What an instance may use; None: as much as there is. `gpus` are graphics cards that it needs."""

    cpus: Annotated[float, Field(gt=0, le=4096)] | None = None
    memory_mib: Annotated[int, Field(ge=16, lt=2**31)] | None = None
    gpus: Annotated[int, Field(ge=0, le=64)] = 0


class RunOptions(Passing):
    """How an instance is run, whatever it is.

    Attributes:
        generation: of its row in the database: rises whenever somebody changes it.
        runtime: what runs it: "docker" or "process".
        image: of its container; None: the agent's own setting, IMAGE_NAME.
        network: of its container: "host", "none", or a network's name; None: the agent's own setting.
        limits: what it may use.
        exclusive: it must not run twice at any time: where an agent hears nothing for the length of its
            lease, it ends it. Others go on (their late results are told by `term`).
        one_at_a_time: no other change of this machine is begun until it is ready, or has failed.
        ready_s: seconds that it has to become ready, before it has failed and what ran before comes back.
        settle_s: seconds for which it has to stay ready.
        terms: for each of its cameras, the term that its results carry: it rises whenever the camera is
            given to another instance or machine, so that of two results the one of the higher term holds.
    """

    generation: Generation = 0
    runtime: Literal["docker", "process"] = "docker"
    image: Name | None = None
    network: Name | None = None
    limits: Limits = Limits()
    exclusive: bool = False
    one_at_a_time: bool = False
    ready_s: Annotated[float, Field(gt=0, le=3600)] = 60.0
    settle_s: Annotated[float, Field(ge=0, le=3600)] = 2.0
    terms: dict[str, Generation] = Field(default_factory=dict)


class FleetDsInstance(DsInstance):
    """A DeepStream instance, and how it is run."""

    model_config = ConfigDict(extra="ignore")

    run: RunOptions = RunOptions()
    debug: bool = False


class WorkerInstance(Passing):
    """An instance of Sightline's own: a site of its own cameras and workers.

    Attributes:
        name: of the instance.
        site: as a site file has it (`sightline.site`), its cameras without logins.
        run: how it is run.
        debug: its log says all.
    """

    name: Name
    site: dict[str, JsonValue]
    run: RunOptions = RunOptions()
    debug: bool = False


class NodeConfig(NodeInfo):
    """All that is to run on one machine; the whole each time.

    Attributes:
        generation: rises with every change of what is to run there; a lower one than seen before is out of
            date.
        node_config_list: its DeepStream instances, addresses of cameras without logins.
        worker_list: its instances of Sightline's own.
        sealed: logins of the cameras, readable for this agent alone (`keys.sealing`), in base64; "": none.
    """

    model_config = ConfigDict(extra="ignore")

    generation: Generation = 0
    node_config_list: list[FleetDsInstance] = Field(default_factory=list)  # type: ignore[assignment]
    worker_list: list[WorkerInstance] = Field(default_factory=list)
    sealed: str = ""


class CameraFigures(Passing):
    """How a camera of an instance is: pictures a second of late, and seconds since the last one."""

    fps: Share | None = None
    age_s: Share | None = None
    state: Label = ""


class FleetInstanceStatus(InstanceStatus):
    """How an instance is, as its agent found it.

    Attributes:
        instance_name: of the instance.
        state: one of `InstanceState`; the document has any text.
        reason: why, for people; "" where it is as it should be.
        generation: `RunOptions.generation` of what runs; 0 where nothing does.
        restarts: how often it ended unasked, or was put right, since the agent knows it.
        drift: what was found other than desired and put right, last time; "" if nothing ever was.
        image: of its container, by its id, which says more than a name that may have moved; "": it has none.
        cameras: figures by camera.
        cpu: cores in use. memory_mib: MiB in use. gpu: graphics cards in use, 0.5 is half of one; None: not
            known.
        terms: that it was given, by camera: a coordinator of an older memory learns them from here.
    """

    model_config = ConfigDict(extra="ignore")

    instance_name: Annotated[str, Field(min_length=1, max_length=2048)]
    state: Annotated[str, Field(min_length=1, max_length=200)]
    reason: Line = ""
    generation: Generation = 0
    restarts: Count = 0
    drift: Line = ""
    exclusive: bool = False
    image: Label = ""
    cameras: dict[str, CameraFigures] = Field(default_factory=dict, max_length=MOST_OF_A_KIND)
    cpu: Share | None = None
    memory_mib: Share | None = None
    gpu: Share | None = None
    terms: dict[str, Generation] = Field(default_factory=dict, max_length=MOST_OF_A_KIND)


Payload: TypeAlias = dict[str, Any]


def wrong_in(error: ValidationError) -> str:
    """What is wrong, by its places: of much the first, and no value, which may be a secret."""
    found = error.errors(include_input=False, include_url=False, include_context=False)
    return "; ".join(f"{'.'.join(map(str, one['loc']))[:80]}: {one['msg'][:200]}" for one in found[:5])
