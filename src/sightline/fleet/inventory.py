"""What is wanted and what there is to run it on, as the deciding parts see it: no address, no login, no
model.

`Inventory` is what users last asked to be so (`UpdateConfig`), `AgentSpec` who may run it. Plain values: the
store makes them of its rows, the simulator of nothing.
"""

from __future__ import annotations

from typing import TypeAlias
from uuid import UUID

import msgspec

NodeId: TypeAlias = UUID
Labels: TypeAlias = dict[str, str]


class CameraSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A camera.

    Attributes:
        camera_id: its name, all over the fleet.
        generation: of its row: rises with each change.
        made: the generation since which it says the same to what runs it, as far as was applied; 0: this one.
        instance: the instance that it was put on by hand; None: the fleet finds one.
        pool: where `instance` is None: the instances that it may be on are those of this pool.
        node: the machine that it has to be on, by hand; None: any.
        labels: that its instance's machine must have.
        enabled: whether it is wanted at all.
    """

    camera_id: str
    generation: int = 1
    made: int = 0
    instance: str | None = None
    pool: str = ""
    node: NodeId | None = None
    labels: Labels = {}
    enabled: bool = True


class InstanceSpec(msgspec.Struct, frozen=True, kw_only=True):
    """An instance.

    Attributes:
        name: all over the fleet.
        generation: of its row: rises with each change.
        made: the generation since which it is made the same, as far as was applied; 0: this one.
        kind: "deepstream" or "worker"; runtime: "docker" or "process".
        pool: of the cameras that the fleet puts on it.
        node: the machine that it was put on by hand; None: the fleet finds one.
        exclusive: never twice at any time.
        gpus: graphics cards that it needs.
        labels: that its machine must have.
        capacity: cameras that it takes; None: no limit of its own.
        enabled: whether it is wanted at all.
    """

    name: str
    generation: int = 1
    made: int = 0
    kind: str = "deepstream"
    runtime: str = "docker"
    pool: str = ""
    node: NodeId | None = None
    exclusive: bool = False
    gpus: int = 0
    labels: Labels = {}
    capacity: int | None = None
    enabled: bool = True


class Inventory(msgspec.Struct, frozen=True, kw_only=True):
    """All that is wanted. `revision` rises with each that is applied."""

    revision: int = 0
    cameras: dict[str, CameraSpec] = {}
    instances: dict[str, InstanceSpec] = {}


class AgentSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A machine, by what its agent said of it and what users did with it.

    Attributes:
        node_id, hostname: who it is.
        capacity: cameras that it takes; None: no limit.
        gpus: how many graphics cards it has.
        labels: what it has to offer.
        runtimes: what it can run.
        drained: nothing is to run there.
    """

    node_id: NodeId
    hostname: str
    capacity: int | None = None
    gpus: int = 0
    labels: Labels = {}
    runtimes: tuple[str, ...] = ("docker", "process")
    drained: bool = False


class Placement(msgspec.Struct, frozen=True, kw_only=True):
    """Which camera is on which instance, and which instance on which machine."""

    cameras: dict[str, str] = {}
    instances: dict[str, NodeId] = {}
