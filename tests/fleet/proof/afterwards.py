"""What to ask of a fleet after a fault, and what became of it: who was heard, what runs where, how often.

Deliberately not here: whether all is as desired (`comparing`), and the faults.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress

from tests.fleet.proof.comparing import Comparing, containers, label, worker_processes
from tests.fleet.proof.machines import Machines
from tests.fleet.proof.wishes import apply, change, events_of, settle

from sightline.clock import NS_PER_S
from sightline.errors import FleetError
from sightline.fleet.deciding.agent.desired import Desired
from sightline.fleet.runtime.lease import boottime_ns, read_lease


def let_go(machines: Machines, *names: str) -> Comparing:
    """Where they are they stay, and may be moved."""
    for name in names:
        change(machines, "instances", name, agent_name=None)
    apply(machines)
    return settle(machines)


def write_until_refused(machines: Machines) -> None:
    """The log may have some pages left."""
    for number in range(1000):
        machines.api.post("/api/v1/agents", {"agent_name": f"more-{number}", "description": "x" * 2000})


def heard_again(machines: Machines, name: str) -> Callable[[Comparing], bool]:
    """That machine was heard after this moment."""
    seen = machines.api.get(f"/api/v1/agents/{name}")["last_seen"]
    return lambda now: now.agents[name]["last_seen"] > seen


def lease_left_s(machines: Machines, name: str) -> float:
    """For so long that agent may run what must not run twice."""
    lease = read_lease(machines.state(name))
    return 0.0 if lease is None else (lease.deadline_ns - boottime_ns()) / NS_PER_S


def another(before: Comparing, name: str, of: str = "mot") -> float:
    """A setting that it does not have."""
    return float(0.25 if before.instances[name][f"{of}_confidence_threshold"] != 0.25 else 0.375)


def begun(machines: Machines) -> dict[str, int]:
    """Process ids of what runs, as this machine numbers them."""
    found = {label(one, "instance"): one["State"]["Pid"] for one in containers(machines)}
    return found | {name: process.pid for name, process in worker_processes(machines).items()}


def changed(one: Mapping[str, int], other: Mapping[str, int]) -> set[str]:
    return {name for name in one.keys() | other.keys() if one.get(name) != other.get(name)}


def digests_of(desired: Desired) -> dict[str, str]:
    return {name: one.digest for name, one in desired.instances.items()}


def where(now: Comparing, name: str) -> str:
    """The machine on which it is to run; "" where it is on none."""
    return str(now.names.get(now.instances[name]["placed_node"], ""))


def settle_away(machines: Machines, name: str, host: str) -> Comparing:
    """It runs elsewhere, whatever of that machine is still missing."""
    deadline = time.monotonic() + 120
    while True:
        with suppress(FleetError):
            now = Comparing(machines)
            row = now.instances[name]
            if row["status"] == "running" and now.names[row["placed_node"]] != host:
                return now
        assert time.monotonic() < deadline, f"{name} is not elsewhere: {row}"
        time.sleep(0.2)


def is_as(now: Comparing, before: Comparing) -> bool:
    """Every instance is where it was then, with the same settings."""
    return all(
        row["placed_node"] == before.instances[name]["placed_node"]
        and row["mot_confidence_threshold"] == before.instances[name]["mot_confidence_threshold"]
        for name, row in now.instances.items()
    )


def host_of(machines: Machines, name: str) -> str:
    """Where it is to run."""
    node = machines.api.get(f"/api/v1/instances/{name}")["placed_node"]
    return next((each for each in machines.names if machines.node_id(each) == node), "nowhere")


def runs_on(machines: Machines, name: str) -> list[str]:
    """Where it does run."""
    found = [
        one for one in containers(machines) if label(one, "instance") == name and one["State"]["Running"]
    ]
    nodes = {machines.node_id(each): each for each in machines.names}
    return [nodes[label(one, "node")] for one in found if one["State"]["Running"]]


def assert_never_twice(machines: Machines, name: str, since_s: float) -> None:
    """From then on, by what the engine noted: a start comes after the end of the one before."""
    running = 1
    for what, _ in events_of(machines, name, since_s):
        running += {"start": 1, "die": -1}.get(what, 0)
        assert 0 <= running <= 1, events_of(machines, name, since_s)
