"""Hypothesis decides what goes wrong and when: a small fleet, a rule for each fault and each act of a user.

After each example all faults end, and the fleet has to come to what is desired.
"""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec.structs import replace
from tests.fleet.simulation.faults import CALM, Faults
from tests.fleet.simulation.simulate import ALONE_S
from tests.fleet.simulation.world import World

from sightline.fleet.inventory import NodeId
from sightline.fleet.messages.topics import AgentCommand

index = st.integers(0, 30)
seconds = st.sampled_from([0.05, 0.5, 2.0, 7.0, 16.0, 21.0, 40.0])
NETWORKS = [
    CALM,
    Faults(delay_s=3.0),
    Faults(lost=0.5),
    Faults(doubled=0.5, late=0.3),
    Faults(lost=1.0),
]


class Fleet(RuleBasedStateMachine):
    """Four machines, six instances."""

    @initialize(seed=st.integers(0, 2**32))
    def begin(self, seed: int) -> None:
        self.world = World(agents=4, each=2, seed=seed)
        self.world.run(10)

    # Time and faults

    @rule(for_s=seconds)
    def time_goes_by(self, for_s: float) -> None:
        self.world.run(for_s)

    @rule(faults=st.sampled_from(NETWORKS))
    def the_network_changes(self, faults: Faults) -> None:
        self.world.set_faults(faults)

    @rule(index=index, for_s=seconds)
    def an_agent_is_cut_off(self, index: int, for_s: float) -> None:
        self.world.network.cut_off(self._node(index), for_s)

    @rule(for_s=seconds)
    def the_broker_is_away(self, for_s: float) -> None:
        self.world.broker_away(for_s)

    @rule(index=index, for_s=seconds)
    def an_agent_dies(self, index: int, for_s: float) -> None:
        self.world.kill_agent(self._node(index), for_s)

    @rule(index=index, for_s=seconds)
    def a_machine_loses_power(self, index: int, for_s: float) -> None:
        self.world.reboot(self._node(index), for_s)

    @rule(index=index, for_s=seconds, behind_s=st.sampled_from([0.0, 600.0]))
    def an_agent_loses_its_files(self, index: int, for_s: float, behind_s: float) -> None:
        self.world.lose_disk(self._node(index), for_s, behind_s)

    @precondition(lambda self: len(self.world.alive()) > 2)
    @rule(index=index, goes_on=st.booleans())
    def a_machine_vanishes(self, index: int, goes_on: bool) -> None:
        self.world.vanish(self._node(index), goes_on=goes_on)

    @rule(for_s=seconds)
    def the_coordinator_dies(self, for_s: float) -> None:
        self.world.kill_coordinator(for_s)

    @rule(share=st.sampled_from([0.05, 0.3, 0.0]))
    def the_coordinator_dies_between_two_actions(self, share: float) -> None:
        self.world.coordinator.faults = replace(self.world.coordinator.faults, torn=share)

    @rule(age=st.integers(0, 5), for_s=seconds)
    def a_backup_is_restored(self, age: int, for_s: float) -> None:
        self.world.restore_backup(age, for_s)

    @rule(by_s=st.sampled_from([0.0, -600.0, 600.0]))
    def the_clock_of_the_coordinator_is_set(self, by_s: float) -> None:
        self.world.set_clock(by_s)

    @rule(full=st.booleans())
    def the_database_is_full_or_not(self, full: bool) -> None:
        self.world.coordinator.fill_disk(full=full)

    @rule(index=index, copy=index, what=st.sampled_from(["crash", "ill", "tamper", "exit"]))
    def an_instance_is_struck(self, index: int, copy: int, what: str) -> None:
        machine = self.world.hosts[self._node(index)].machine
        names = sorted(machine.copies)
        if names:
            machine.strike(names[copy % len(names)], what)

    @rule(index=index, faults=st.sampled_from([CALM, Faults(begin_fails=0.5), Faults(end_hangs=1.0)]))
    def a_machine_gets_better_or_worse(self, index: int, faults: Faults) -> None:
        self.world.hosts[self._node(index)].machine.faults = faults

    # Users

    @rule(index=st.integers(0, 9))
    def a_user_applies_a_change(self, index: int) -> None:
        change = self.world.stock.changes[index]
        nodes = [host.node_id for host in self.world.alive()]
        self.world.apply(change(self.world.inventory, nodes))

    @rule(index=index, drained=st.booleans())
    def a_user_drains(self, index: int, drained: bool) -> None:
        self.world.coordinator.change_agent(self._node(index), lambda spec: replace(spec, drained=drained))

    @rule(index=index, zone=st.sampled_from(["a", "b"]))
    def a_user_labels(self, index: int, zone: str) -> None:
        self.world.coordinator.change_agent(
            self._node(index), lambda spec: replace(spec, labels={**spec.labels, "zone": zone})
        )

    @precondition(lambda self: len(self.world.hosts) < 7)
    @rule()
    def a_user_adds_a_machine(self) -> None:
        self.world.hosts[self.world.add_machine()].start()

    @precondition(lambda self: len(self.world.alive()) > 2)
    @rule(index=index)
    def a_user_removes_a_machine(self, index: int) -> None:
        self.world.remove_agent(self._node(index))

    @rule(index=index, command=st.sampled_from(["restart", "retry", "report", "logs", "probe"]), copy=index)
    def a_user_commands(self, index: int, command: Any, copy: int) -> None:
        node_id = self._node(index)
        names = sorted(self.world.hosts[node_id].machine.copies) or ["none"]
        name = names[copy % len(names)]
        self.world.coordinator.command(
            AgentCommand(command=command, node_id=node_id, instance=name, request="r")
        )

    # What holds: more of it raises within (`checks`)

    @invariant()
    def no_exclusive_instance_runs_twice(self) -> None:
        exclusive = self.world.checks.exclusive
        assert exclusive.most_overlap_ns == 0
        assert all(exclusive.copies(name) <= 1 for name in self.world.manners)

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.world.calm()
            self.world.run(60)
            self.world.settle(ALONE_S)
            self.world.run(60)  # what was late on its way
            self.world.settle(ALONE_S)
            self.world.check_quiet(30)

    def _node(self, index: int) -> NodeId:
        alive = self.world.alive()
        return alive[index % len(alive)].node_id


TestFleet = Fleet.TestCase
TestFleet.settings = settings(
    max_examples=100,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],  # to explain takes minutes
)
