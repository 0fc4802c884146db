"""What travels in a simulated fleet: an `AgentConfig` of plain workers, and what an agent makes of it.

How a real document is made and opened is `sightline.fleet.documents`' to prove.
"""

from __future__ import annotations

from typing import Any

import msgspec

from sightline.fleet.deciding.agent.desired import Desired, DesiredInstance
from sightline.fleet.deciding.coordinator.actions import InstanceShare, NodeShare
from sightline.fleet.inventory import InstanceSpec
from sightline.fleet.messages.parts import NodeConfig, RunOptions, WorkerInstance
from sightline.fleet.messages.topics import AgentConfig


class Manner(msgspec.Struct, frozen=True, kw_only=True):
    """How an instance is run, beyond what decides where."""

    one_at_a_time: bool = False
    ready_s: float = 20.0
    settle_s: float = 1.0


def make_config(share: NodeShare, specs: dict[str, InstanceSpec], manners: dict[str, Manner]) -> AgentConfig:
    node = NodeConfig(
        hostname=f"m-{str(share.node_id)[:8]}",
        node_id=share.node_id,
        generation=share.generation,
        worker_list=[_worker(one, specs.get(one.name), manners[one.name]) for one in share.instances],
        node_config_list=[],
    )
    return AgentConfig(agent_info_list=[node])


def _worker(one: InstanceShare, spec: InstanceSpec | None, manner: Manner) -> WorkerInstance:
    cameras: dict[str, Any] = {camera.camera_id: camera.generation for camera in one.cameras}
    run = RunOptions(
        generation=one.generation,
        runtime="process" if spec is not None and spec.runtime == "process" else "docker",
        exclusive=one.exclusive,
        one_at_a_time=manner.one_at_a_time,
        ready_s=manner.ready_s,
        settle_s=manner.settle_s,
        terms={camera.camera_id: camera.term for camera in one.cameras},
    )
    return WorkerInstance(name=one.name, site={"cameras": cameras}, run=run)


def open_config(config: AgentConfig) -> Desired:
    """What the agent that it is for is to run."""
    node = config.agent_info_list[0]
    instances = {worker.name: _desired(worker) for worker in node.worker_list}
    return Desired(generation=node.generation, instances=instances)


def _desired(worker: WorkerInstance) -> DesiredInstance:
    run = worker.run
    return DesiredInstance(
        name=worker.name,
        digest=digest_of(run.generation, worker.site["cameras"], run.terms),
        generation=run.generation,
        exclusive=run.exclusive,
        one_at_a_time=run.one_at_a_time,
        ready_s=run.ready_s,
        settle_s=run.settle_s,
        terms=dict(run.terms),
        payload=worker,
    )


def digest_of(generation: int, cameras: Any, terms: dict[str, int]) -> str:
    """Of all that makes an instance what it is."""
    parts = [f"{name}={cameras[name]}/{terms[name]}" for name in sorted(cameras)]
    return f"g{generation}[{','.join(parts)}]"


def share_digest(one: InstanceShare) -> str:
    """The digest of an instance that is as its share says."""
    cameras = {camera.camera_id: camera.generation for camera in one.cameras}
    return digest_of(one.generation, cameras, {camera.camera_id: camera.term for camera in one.cameras})
