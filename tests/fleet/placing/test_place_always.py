"""What holds for any fleet, however odd."""

import hypothesis.strategies as st
from hypothesis import given, settings
from tests.fleet.placing.fleets import any_agents, any_inventory, node_id

from sightline.fleet.inventory import AgentSpec, Inventory, NodeId, Placement
from sightline.fleet.placing.books import Standing
from sightline.fleet.placing.place import place

Agents = dict[NodeId, AgentSpec]
STANDINGS = st.dictionaries(st.integers(0, 4).map(node_id), st.sampled_from(["quiet", "gone"]), max_size=2)
PLACEMENTS = st.builds(
    Placement,
    cameras=st.dictionaries(
        st.integers(0, 9).map(lambda n: f"c{n}"), st.integers(0, 6).map(lambda n: f"i{n}"), max_size=6
    ),
    instances=st.dictionaries(
        st.integers(0, 6).map(lambda n: f"i{n}"), st.integers(0, 5).map(node_id), max_size=6
    ),
)


def has(labels: dict[str, str], wanted: dict[str, str]) -> bool:
    return wanted.items() <= labels.items()


def check_valid(inventory: Inventory, agents: Agents, placement: Placement) -> None:
    for name, where in placement.instances.items():
        spec, machine = inventory.instances[name], agents[where]
        assert spec.enabled
        assert not machine.drained
        assert spec.runtime in machine.runtimes
        assert has(machine.labels, spec.labels)
        assert spec.node in {None, where}
    for camera_id, name in placement.cameras.items():
        camera, spec = inventory.cameras[camera_id], inventory.instances[name]
        machine = agents[placement.instances[name]]
        assert camera.enabled
        assert camera.instance == name or (camera.instance is None and camera.pool == spec.pool)
        assert camera.node in {None, machine.node_id}
        assert has(machine.labels, camera.labels)


def check_capacity(inventory: Inventory, agents: Agents, placement: Placement) -> None:
    for where, machine in agents.items():
        names = [name for name, there in placement.instances.items() if there == where]
        assert sum(inventory.instances[name].gpus for name in names) <= max(machine.gpus, 0)
        cameras = [c for c, name in placement.cameras.items() if name in names]
        assert machine.capacity is None or len(cameras) <= machine.capacity
    for name in placement.instances:
        capacity = inventory.instances[name].capacity
        cameras = [c for c, there in placement.cameras.items() if there == name]
        assert capacity is None or len(cameras) <= capacity


@settings(max_examples=400)
@given(any_inventory(), any_agents(), PLACEMENTS, STANDINGS, st.booleans())
def test_every_place_is_one_that_may_be(
    inventory: Inventory, agents: Agents, current: Placement, standing: dict[NodeId, Standing], even: bool
) -> None:
    placed = place(inventory, agents, current, standing=standing, rebalance=even).placement
    check_valid(inventory, agents, placed)
    check_capacity(inventory, agents, placed)


@given(any_inventory(), any_agents(), PLACEMENTS, STANDINGS)
def test_whatever_is_wanted_has_a_place_or_a_reason(
    inventory: Inventory, agents: Agents, current: Placement, standing: dict[NodeId, Standing]
) -> None:
    placed = place(inventory, agents, current, standing=standing)
    for name in inventory.instances:
        why = placed.why_instance(name)
        assert why.placed == (name in placed.placement.instances)
        assert why.text
        assert all(refusal.split(": ", 1)[1] for refusal in why.refusals), why
    for camera_id in inventory.cameras:
        why = placed.why_camera(camera_id)
        assert why.placed == (camera_id in placed.placement.cameras)
        assert why.text
        assert all(refusal.split(": ", 1)[1] for refusal in why.refusals), why


@given(any_inventory(), any_agents(), PLACEMENTS, STANDINGS)
def test_nothing_is_left_out_that_would_still_fit(
    inventory: Inventory, agents: Agents, current: Placement, standing: dict[NodeId, Standing]
) -> None:
    """Who has no place is refused by each candidate for what the others have taken, told one by one."""
    placed = place(inventory, agents, current, standing=standing)
    for name in placed.unplaced_instances:
        spec = inventory.instances[name]
        if spec.node is None and agents:
            assert len(placed.why_instance(name).refusals) == len(agents)
    for camera_id in placed.unplaced_cameras:
        camera = inventory.cameras[camera_id]
        pool = [one for one in inventory.instances.values() if one.pool == camera.pool]
        if camera.instance is None:
            assert len(placed.why_camera(camera_id).refusals) == len(pool)


@given(any_inventory(), any_agents(), PLACEMENTS, STANDINGS)
def test_placing_what_is_placed_changes_nothing(
    inventory: Inventory, agents: Agents, current: Placement, standing: dict[NodeId, Standing]
) -> None:
    first = place(inventory, agents, current, standing=standing).placement
    assert place(inventory, agents, first, standing=standing).placement == first


@given(any_inventory(), any_agents(), PLACEMENTS, st.randoms(use_true_random=False))
def test_the_order_of_what_is_given_does_not_matter(
    inventory: Inventory, agents: Agents, current: Placement, random: st.DataObject
) -> None:
    def mixed(one: dict[object, object]) -> dict[object, object]:
        items = list(one.items())
        random.shuffle(items)  # type: ignore[attr-defined]
        return dict(items)

    other = Inventory(
        cameras=mixed(inventory.cameras),  # type: ignore[arg-type]
        instances=mixed(inventory.instances),  # type: ignore[arg-type]
    )
    moved = Placement(
        cameras=mixed(current.cameras),  # type: ignore[arg-type]
        instances=mixed(current.instances),  # type: ignore[arg-type]
    )
    one = place(inventory, agents, current).placement
    assert place(other, mixed(agents), moved).placement == one  # type: ignore[arg-type]


@given(any_inventory(), any_agents(), any_agents())
def test_a_machine_that_comes_moves_nothing(inventory: Inventory, agents: Agents, more: Agents) -> None:
    before = place(inventory, agents).placement
    after = place(inventory, more | agents, before).placement
    hand = {name for name, spec in inventory.instances.items() if spec.node in more.keys() - agents.keys()}
    for name, where in before.instances.items():
        assert after.instances[name] == where
    pools = {inventory.instances[name].pool for name in hand}
    for camera_id, name in before.cameras.items():
        if inventory.cameras[camera_id].pool not in pools:
            assert after.cameras[camera_id] == name


@given(any_inventory(), any_agents(), st.integers(0, 4).map(node_id))
def test_a_machine_that_is_lost_moves_only_what_it_had(
    inventory: Inventory, agents: Agents, lost: NodeId
) -> None:
    before = place(inventory, agents).placement
    after = place(inventory, agents, before, standing={lost: "gone"}).placement
    for name, where in before.instances.items():
        if where != lost:
            assert after.instances[name] == where
        else:
            by_hand = inventory.instances[name].node == lost
            assert (after.instances.get(name) == lost) == by_hand
