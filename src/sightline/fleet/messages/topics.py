"""The six topics, and what is sent on each: the document's names and fields, and what a fleet needs besides.

| | topic | key | who sends | who reads |
| --- | --- | --- | --- | --- |
| 200 | AgentInfo | node_id | agent, at its begin and when asked | coordinator |
| 201 | AgentCommand | node_id, or `leases` | coordinator | agents |
| 210 | AgentConfig | node_id; the last of each key is kept | coordinator | agents |
| 220 | AgentResponse | node_id | agent, every few seconds and at every change | coordinator |
| 300 | UpdateConfig | none | users | coordinator |
| 301 | Refresh | none | users | coordinator |

A value is JSON. Who sent it, and that it was, stands in its headers (`post.envelope`).
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Literal, Self, TypeAlias

from pydantic import UUID4, Field, IPvAnyAddress, NonNegativeInt, ValidationError

from sightline.errors import WireError
from sightline.fleet.messages.parts import (
    MOST_LABELS,
    MOST_OF_A_KIND,
    SCHEMA,
    FleetInstanceStatus,
    Generation,
    Label,
    Line,
    Name,
    NodeConfig,
    Passing,
    wrong_in,
)

LEASES_KEY: Final = "leases"
MOST_LOG_BYTES: Final = 256 * 1024
MOST_SEALED: Final = 256 * 1024
"""Letters of what is sealed for one reader: a camera and its login, or what was seen of it."""


class Message(Passing):
    """What all six have. `topic` is the name of theirs, without the fleet's prefix; a message of more than
    `most_bytes` is none, and is not looked at.
    """

    topic: ClassVar[str]
    most_bytes: ClassVar[int] = 64 * 1024

    schema_version: Annotated[int, Field(ge=1)] = SCHEMA

    def to_json(self) -> bytes:
        return self.model_dump_json().encode()

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Raises WireError, which shows no value: a stranger's message may hold anything."""
        if len(data) > cls.most_bytes:
            raise WireError(
                f"expected a message of {cls.topic} of at most {cls.most_bytes} bytes, got {len(data)}"
            )
        try:
            return cls.model_validate_json(data)
        except ValidationError as error:
            raise WireError(f"expected a message of {cls.topic}: {wrong_in(error)}") from None
        except ValueError as error:
            raise WireError(f"expected a message of {cls.topic}: {type(error).__name__}") from None


class AgentInfo(Message):
    """200: an agent says who it is, at its begin and whenever it is asked.

    Attributes:
        node_id: the number that it goes by, for ever.
        capacity: cameras that it takes; None: no limit of its own.
        gpulist: its graphics cards.
        labels: what instances may ask for, such as {"room": "a"}.
        runtimes: that it has: "docker", "process".
        boot: UTC ms at which it began: rises with each begin.
        greeting: rises with each AgentInfo that asks to be let in (anew); the answer repeats it.
        generation: of the newest configuration that it has seen; observed_generation: that it runs, ready.
        key: its public keys (`keys.identity`), in base64; "": none.
        proof: the enrolment token, sealed for the coordinator; "": it is enrolled.
    """

    topic: ClassVar[str] = "AgentInfo"
    most_bytes: ClassVar[int] = 1024 * 1024

    node_id: UUID4
    hostname: Name
    ip_address: IPvAnyAddress
    capacity: NonNegativeInt | None = None
    gpulist: Annotated[list[Label], Field(max_length=MOST_LABELS)] | None = None
    description: Line | None = None
    labels: dict[Label, Label] = Field(default_factory=dict, max_length=MOST_LABELS)
    runtimes: list[Label] = Field(default_factory=list, max_length=MOST_LABELS)
    agent_version: Label = ""
    boot: Generation = 0
    greeting: Generation = 0
    generation: Generation = 0
    observed_generation: Generation = 0
    key: Label = ""
    proof: Line = ""


class Lease(Passing):
    """The coordinator heard the response `seq` of an agent that began at `boot`."""

    node_id: UUID4
    boot: Generation
    seq: Generation


class AgentCommand(Message):
    """201: the coordinator lets an agent in or not, asks it something, or says whom it heard.

    `welcome`: it is in, and its configuration is that of `generation`: what it must not run twice it may run
    only after a welcome that repeats its last `boot` and `greeting`, and with that configuration or a newer
    one. `refuse`: who greeted with this `key` is not, with a reason; it may ask again. Others of its number
    are not meant: anybody may greet as an agent. `report`: say how all is, and who you are.
    `retry`: try again what failed. `restart`: begin `instance` anew. `logs`: send the last `lines` of
    `instance`, answered by an AgentResponse with the same `request`. `probe`: look at the camera that stands
    in `sealed`, for this agent's eyes (`probing.words`), answered likewise. `leases`: for all, under the key
    "leases".

    What users ask once (`restart`, `retry`, `logs`, `probe`) is for the life `boot` of its agent, and has a
    `number` above those of all before: who sends a command of somebody's a second time has nothing done.
    """

    topic: ClassVar[str] = "AgentCommand"
    most_bytes: ClassVar[int] = 16 * 1024 * 1024

    command: Literal["welcome", "refuse", "report", "retry", "restart", "logs", "probe", "leases"]
    node_id: UUID4 | None = None
    reason: str = ""
    boot: Generation = 0
    greeting: Generation = 0
    generation: Generation = 0
    lease_s: Annotated[float, Field(gt=0)] = 15.0
    leases: list[Lease] = Field(default_factory=list)
    instance: str = ""
    lines: Annotated[int, Field(ge=1, le=10_000)] = 200
    request: str = ""
    key: str = ""
    number: Generation = 0
    sealed: Annotated[str, Field(max_length=MOST_SEALED)] = ""


class AgentConfig(Message):
    """210: all that is to run, for one agent a message; longer lists are read as well."""

    topic: ClassVar[str] = "AgentConfig"
    most_bytes: ClassVar[int] = 64 * 1024 * 1024

    agent_info_list: list[NodeConfig]


class AgentResponse(Message):
    """220: an agent is there; with `full`, how all its instances are.

    Attributes:
        boot, seq: when it began, and a number that rises with each response.
        full: `status` has all its instances; else it is as in the last full one, number `full_seq`.
        generation: of the newest configuration that it has seen.
        observed_generation: of that which it runs, every instance as it should be.
        verified_generation: of its known good one.
        deployment: how far it is with the newest: "done", "waiting", "deploying" or "failed", and why.
        refused: a configuration that came and cannot be used, newer than `generation`; 0: none. Then
            `deployment` is "failed", and `reason` says why.
        held: names of exclusive instances that may still be running here, whatever is desired; sent always.
        request, log: the answer to `logs`. sealed: that to `probe`, for the coordinator's eyes.
    """

    topic: ClassVar[str] = "AgentResponse"
    most_bytes: ClassVar[int] = 4 * 1024 * 1024

    node_id: UUID4
    status: list[FleetInstanceStatus] = Field(default_factory=list, max_length=MOST_OF_A_KIND)
    boot: Generation = 0
    seq: Generation = 0
    full: bool = True
    full_seq: Generation = 0
    generation: Generation = 0
    observed_generation: Generation = 0
    verified_generation: Generation = 0
    deployment: Literal["done", "waiting", "deploying", "failed"] = "done"
    reason: Annotated[str, Field(max_length=256 * 1024)] = ""
    refused: Generation = 0
    held: list[Line] = Field(default_factory=list, max_length=MOST_OF_A_KIND)
    request: Label = ""
    log: Annotated[str, Field(max_length=MOST_LOG_BYTES)] | None = None
    sealed: Annotated[str, Field(max_length=MOST_SEALED)] = ""


class UpdateConfig(Message):
    """300: a user wants what is in the database to be so."""

    topic: ClassVar[str] = "UpdateConfig"

    desc: str = ""


class Refresh(Message):
    """301: a user wants to know which agents are connected. Agents are noticed without it."""

    topic: ClassVar[str] = "Refresh"

    desc: str = ""


AnyMessage: TypeAlias = AgentInfo | AgentCommand | AgentConfig | AgentResponse | UpdateConfig | Refresh

TOPIC200 = AgentInfo
TOPIC201 = AgentCommand
TOPIC210 = AgentConfig
TOPIC220 = AgentResponse
TOPIC300 = UpdateConfig
TOPIC301 = Refresh
MESSAGES: Final[tuple[type[Message], ...]] = (
    AgentInfo,
    AgentCommand,
    AgentConfig,
    AgentResponse,
    UpdateConfig,
    Refresh,
)
