"""What an agent is to run, as its machine sees it, and what it finds.

The machine compares names and digests. What an instance is made of (`payload`) is for the runtime alone.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import msgspec

from sightline.fleet.messages.parts import CameraFigures, InstanceState


class DesiredInstance(msgspec.Struct, frozen=True, kw_only=True):
    """An instance that is to run here.

    Attributes:
        name: of it.
        digest: of all that makes it what it is, logins included: another digest is another instance.
        generation: of its row, for reports.
        exclusive, one_at_a_time, ready_s, settle_s: as `RunOptions` has them.
        terms: by camera, for reports.
        payload: the `FleetDsInstance` or `WorkerInstance`, with logins.
    """

    name: str
    digest: str
    generation: int = 0
    exclusive: bool = False
    one_at_a_time: bool = False
    ready_s: float = 60.0
    settle_s: float = 2.0
    terms: dict[str, int] = {}
    payload: Any = None


class Desired(msgspec.Struct, frozen=True, kw_only=True):
    """All that is to run here, of one generation; `document` is what it was made of, to be kept on disk."""

    generation: int
    instances: dict[str, DesiredInstance] = {}
    document: bytes = b""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """An instance as its runtime has it.

    Attributes:
        name, digest: of what it was made; digest "" where that cannot be told any more (it was tampered
            with).
        state: of `InstanceState`, as the runtime sees it.
        exclusive: it was made as such.
        reason: for people, such as "exit code 255: App run failed".
        run: which life of it this is: another text after each begin (a pid and a time, a container's id and
            start).
        code: of an instance that ended.
        drift: what of it is not as it was made ("image", "memory limit"); "" if nothing.
        image: that it was made of, by its id; "": it has none.
        cameras, cpu, memory_mib, gpu: figures; see `FleetInstanceStatus`.
    """

    name: str
    digest: str
    state: InstanceState
    exclusive: bool = False
    reason: str = ""
    run: str = ""
    code: int | None = None
    drift: str = ""
    image: str = ""
    cameras: dict[str, CameraFigures] = {}
    cpu: float | None = None
    memory_mib: float | None = None
    gpu: float | None = None


Stage: TypeAlias = Literal["pending", "verified", "current"]


class Begin(msgspec.Struct, frozen=True):
    """Make it and begin it; where one of its name is there, it is ended and removed first."""

    instance: DesiredInstance


class End(msgspec.Struct, frozen=True):
    """End it and remove it. `at_once`: without the time that it has for its cleanup."""

    name: str
    at_once: bool = False


class Keep(msgspec.Struct, frozen=True):
    """Write the document to disk as `pending`, or move what is there on: pending → verified → current."""

    stage: Stage
    desired: Desired


class Greet(msgspec.Struct, frozen=True):
    """Say who we are; `greeting` is its number, `generation` and `observed_generation` what we have."""

    greeting: int
    generation: int
    observed_generation: int


class SendLog(msgspec.Struct, frozen=True):
    """Answer the coordinator's `logs`."""

    request: str
    instance: str
    lines: int


class LookAt(msgspec.Struct, frozen=True):
    """Look at a camera for the coordinator's `probe`; `sealed` says which. `refused`: why not."""

    request: str
    sealed: str
    refused: str = ""

    def __repr__(self) -> str:
        return f"LookAt({self.request!r})"


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a user would want to read in the agent's log."""

    what: str
    instance: str = ""
    level: Literal["info", "warning", "error"] = "info"
