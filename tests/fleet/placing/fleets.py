"""Fleets for placing: small ones by hand, any ones by hypothesis."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from hypothesis import strategies as st

from sightline.fleet.inventory import AgentSpec, CameraSpec, InstanceSpec, Inventory, NodeId


def node_id(number: int) -> NodeId:
    return UUID(int=(number + 1) << 80, version=4)


def agents(**each: dict[str, Any]) -> dict[NodeId, AgentSpec]:
    """agents(a={"gpus": 2}, b={}): the first has node_id(0)."""
    return {
        node_id(number): AgentSpec(node_id=node_id(number), hostname=name, **said)
        for number, (name, said) in enumerate(each.items())
    }


def inventory(*specs: InstanceSpec | CameraSpec) -> Inventory:
    return Inventory(
        cameras={one.camera_id: one for one in specs if isinstance(one, CameraSpec)},
        instances={one.name: one for one in specs if isinstance(one, InstanceSpec)},
    )


def instance(name: str, **said: Any) -> InstanceSpec:
    return InstanceSpec(name=name, **said)


def camera(name: str, **said: Any) -> CameraSpec:
    return CameraSpec(camera_id=name, **said)


NUMBERS = st.integers(0, 4)
LABELS = st.dictionaries(st.sampled_from(["room", "kind"]), st.sampled_from(["a", "b"]), max_size=2)
RUNTIMES = st.lists(st.sampled_from(["docker", "process"]), unique=True, max_size=2).map(tuple)
POOLS = st.sampled_from(["", "p"])
HAND_NODES = st.none() | NUMBERS.map(node_id)


@st.composite
def any_agents(draw: st.DrawFn) -> dict[NodeId, AgentSpec]:
    numbers = draw(st.lists(NUMBERS, unique=True, max_size=5))
    return {
        node_id(number): AgentSpec(
            node_id=node_id(number),
            hostname=f"m{number}",
            capacity=draw(st.none() | NUMBERS),
            gpus=draw(NUMBERS),
            labels=draw(LABELS),
            runtimes=draw(RUNTIMES | st.just(("docker", "process"))),
            drained=draw(st.sampled_from([False, False, True])),
        )
        for number in numbers
    }


@st.composite
def any_inventory(draw: st.DrawFn) -> Inventory:
    instances = [
        InstanceSpec(
            name=f"i{number}",
            runtime=draw(st.sampled_from(["docker", "docker", "process"])),
            pool=draw(POOLS),
            node=draw(st.none() | HAND_NODES),
            gpus=draw(st.sampled_from([0, 0, 1, 3])),
            labels=draw(st.just({}) | LABELS),
            capacity=draw(st.none() | NUMBERS),
            enabled=draw(st.sampled_from([True, True, True, False])),
        )
        for number in range(draw(st.integers(0, 6)))
    ]
    cameras = [
        CameraSpec(
            camera_id=f"c{number}",
            instance=draw(st.none() | NUMBERS.map(lambda n: f"i{n}")),
            pool=draw(POOLS),
            node=draw(st.none() | HAND_NODES),
            labels=draw(st.just({}) | LABELS),
            enabled=draw(st.sampled_from([True, True, True, False])),
        )
        for number in range(draw(st.integers(0, 10)))
    ]
    return inventory(*instances, *cameras)
