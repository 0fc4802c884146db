"""A fleet at rest says no more than that it is there; what goes wrong somewhere moves nothing elsewhere."""

from __future__ import annotations

from collections import Counter

import pytest
from msgspec.structs import replace
from tests.fleet.simulation.simulate import SETTLES_S
from tests.fleet.simulation.world import World

from sightline.clock import NS_PER_S
from sightline.fleet.inventory import InstanceSpec, NodeId

LOST_S = 15 + 5 + 30 + 5  # a lease, its margin, and until others take over; to look, and to place
SEEDS = (1, 2, 3)


def settled(*, agents: int = 12, each: int = 4, seed: int) -> World:
    """Everything runs, and nothing is on its way any more."""
    world = World(agents=agents, each=each, seed=seed)
    world.settle(SETTLES_S)
    world.run(60)
    return world


def sent(world: World, seconds: float) -> tuple[Counter[str], Counter[NodeId]]:
    """What goes over the network meanwhile: by kinds, and by agents."""
    kinds, of = world.network.kinds.copy(), world.network.up_of.copy()
    world.run(seconds)
    return world.network.kinds - kinds, world.network.up_of - of


def places(world: World) -> dict[str, NodeId]:
    """Where everything runs."""
    return {
        name: node
        for node, host in world.hosts.items()
        for name, copy in host.machine.copies.items()
        if copy.runs
    }


def steps(world: World) -> dict[NodeId, int]:
    return {node: host.steps for node, host in world.hosts.items()}


@pytest.mark.parametrize("seed", SEEDS)
def test_a_fleet_at_rest_sends_statuses_and_acknowledgements_alone(seed: int) -> None:
    world = settled(seed=seed)
    saves, lists, before = world.coordinator.disk.saves, world.checks.storm.leases, steps(world)
    kinds, of = sent(world, 600)
    assert kinds.keys() == {"AgentResponse", "leases"}
    assert world.checks.storm.leases - lists <= 600 / world.timing.ack_s + 1
    assert max(of.values()) <= 600 / world.timing.status_s + 1
    assert min(of.values()) >= 600 / world.timing.status_s - 2
    assert world.coordinator.disk.saves == saves
    assert steps(world) == before


@pytest.mark.parametrize("down_s", [0.5, 10.0, 60.0])
def test_a_coordinator_that_begins_again_moves_nothing(down_s: float) -> None:
    """What must not run twice ends where the lease does, and begins again where it was."""
    world = settled(seed=4)
    where = places(world)
    world.kill_coordinator(down_s)
    world.run(down_s + 1)
    world.settle(SETTLES_S)
    world.run(120)
    assert places(world) == where


@pytest.mark.parametrize("seed", SEEDS)
def test_only_what_a_lost_machine_ran_moves_and_nothing_moves_back(seed: int) -> None:
    world = settled(seed=seed)
    where, before = places(world), steps(world)
    lost = max(world.alive(), key=lambda host: len(host.machine.copies)).node_id
    own = {name for name, node in where.items() if node == lost}
    on = world.coordinator.disk.placement.cameras
    world.hosts[lost].lose_power()
    world.run(LOST_S)
    world.run(60)  # what moved begins
    now = places(world)
    moved = {name for name, node in now.items() if where.get(name) != node}
    assert moved <= own
    assert {name for name in own if _may_move(world, name)} == moved
    assert all(now[name] == node for name, node in where.items() if node != lost)
    heirs = {name for camera, name in world.coordinator.disk.placement.cameras.items() if on[camera] in own}
    others = Counter(now[name] for name in heirs if name in now)  # cameras of one put by hand go to others
    assert {node: count - before[node] for node, count in steps(world).items() if node != lost} == {
        node: others[node] for node in world.hosts if node != lost
    }
    _comes_back(world, lost, now)


def _may_move(world: World, name: str) -> bool:
    """Nobody put it there by hand, and some other machine is what it needs."""
    spec: InstanceSpec = world.inventory.instances[name]
    there = [host.spec for host in world.alive() if host.agent is not None]
    able = [one for one in there if spec.labels.items() <= one.labels.items() and spec.gpus <= one.gpus]
    return spec.node is None and bool(able)


def _comes_back(world: World, lost: NodeId, where: dict[str, NodeId]) -> None:
    world.hosts[lost].machine.get_power()
    world.hosts[lost].start()
    world.settle(SETTLES_S)
    world.run(120)
    now = places(world)
    assert {name for name, node in where.items() if now.get(name) != node} == set()
    assert {node for name, node in now.items() if name not in where} <= {lost}


@pytest.mark.parametrize("seed", SEEDS)
def test_a_machine_that_is_new_takes_nothing_from_others(seed: int) -> None:
    world = settled(seed=seed)
    where, before = places(world), steps(world)
    new = world.add_machine()
    world.hosts[new].start()
    world.run(120)
    world.settle(SETTLES_S)
    assert {name: node for name, node in places(world).items() if node != new} == where
    assert {node: count for node, count in steps(world).items() if node != new} == before


@pytest.mark.parametrize("seed", SEEDS)
def test_a_change_of_one_instance_touches_that_one_alone(seed: int) -> None:
    world = settled(seed=seed)
    before, configs = steps(world), world.network.kinds["AgentConfig"]
    name, node = next(iter(sorted(places(world).items())))
    spec = world.inventory.instances[name]
    changed = replace(spec, generation=spec.generation + 1)
    world.apply(replace(world.inventory, instances={**world.inventory.instances, name: changed}))
    world.run(60)
    assert world.network.kinds["AgentConfig"] == configs + 1
    assert {one: count - before[one] for one, count in steps(world).items() if count != before[one]} == {
        node: 1
    }


@pytest.mark.alone
@pytest.mark.timeout(300)
def test_a_thousand_agents_storm_nobody_when_their_coordinator_was_away() -> None:
    """Beside its statuses each greets and reports at the coordinator's begin, and once more when its doubt is
    over; after a lease that ended it tells what it begins anew, a change at a time.
    """
    world = World(agents=1000, each=1, seed=5)
    world.settle(SETTLES_S)
    for down_s, most_beside in ((1.0, 4), (60.0, 4 + 5)):
        world.kill_coordinator(down_s)
        world.run(down_s)
        began_s, down = world.events.now_ns // NS_PER_S, world.checks.storm.down_to.copy()
        _, of = sent(world, 60)
        assert max(of.values()) <= 60 / world.timing.status_s + 1 + most_beside
        assert max((world.checks.storm.down_to - down).values()) <= 4
        a_second = [world.checks.storm.up[began_s + second] for second in range(60)]
        assert max(a_second) <= 2 * 1000 + 1000 / world.timing.status_s * 1.5
        assert not world.unsettled()
