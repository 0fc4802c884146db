"""Whatever happens in whatever order: what must not run twice is granted to one machine alone, generations
rise, and what is sent was saved.

The agents here are bare: they remember what they were granted, and give it back by answering, or by a lease
that ran out. (`tests/fleet/simulation` has the real ones.)
"""

import hypothesis.strategies as st
import msgspec
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.fleet.coordinator.hand import LEASE_OVER_S, A, B, C, Hand, one_on, status

from sightline.fleet.deciding.coordinator.actions import Memory, SendConfig
from sightline.fleet.inventory import CameraSpec, InstanceSpec, NodeId
from sightline.fleet.messages.topics import AgentResponse

NODES = st.sampled_from([A, B, C])
NAMES = ("x", "y")


class BareAgent:
    """Has the newest configuration that it took, holds what that says, and ends it when that is over."""

    def __init__(self) -> None:
        self.generation = 0
        self.held: set[str] = set()
        self.seq = 0
        self.heard_s = 0.0
        self.boot = 1


class Handovers(RuleBasedStateMachine):
    """Coordinator by hand, three bare agents."""

    def __init__(self) -> None:
        super().__init__()
        self.hand = Hand()
        self.agents = {node: BareAgent() for node in (A, B, C)}
        self.highest: dict[NodeId, int] = {}
        self.late: list[AgentResponse] = []
        self.backup: Memory | None = None

    @initialize()
    def all_join(self) -> None:
        self.hand.join(A, B, C)
        for node in self.agents:
            self.agents[node].heard_s = self.hand.now_s
            self.agents[node].seq = self.hand.seqs[node]

    def specs(self, places: list[NodeId | None]) -> list[InstanceSpec | CameraSpec]:
        pairs = zip(NAMES, places, strict=True)
        return [one for name, node in pairs for one in one_on(name, node, exclusive=True)]

    @rule(places=st.lists(st.none() | NODES, min_size=2, max_size=2))
    def users_put_them_elsewhere(self, places: list[NodeId | None]) -> None:
        self.hand.apply(*self.specs(places))

    @rule(node=NODES, drained=st.booleans())
    def users_drain(self, node: NodeId, drained: bool) -> None:
        self.hand.drain(node, drained=drained)

    @rule(node=NODES)
    def an_agent_takes_its_newest_configuration(self, node: NodeId) -> None:
        """What it may begin it holds from now on; it needs a lease for that."""
        agent, share = self.agents[node], self.hand.sent.get(node)
        if share is not None and share.generation >= agent.generation:
            agent.generation = share.generation
            if self.has_lease(node):
                agent.held |= {one.name for one in share.instances}

    @rule(node=NODES)
    def an_agent_ends_what_it_is_not_to_run(self, node: NodeId) -> None:
        agent, share = self.agents[node], self.hand.sent.get(node)
        if share is not None and share.generation == agent.generation:
            agent.held &= {one.name for one in share.instances}

    @rule(node=NODES, arrives=st.sampled_from(["now", "never", "late"]))
    def an_agent_answers(self, node: NodeId, arrives: str) -> None:
        agent = self.agents[node]
        agent.seq += 1
        answer = AgentResponse(
            node_id=node,
            boot=agent.boot,
            seq=agent.seq,
            full_seq=agent.seq,
            generation=agent.generation,
            observed_generation=agent.generation,
            held=sorted(agent.held),
            status=[status(name) for name in sorted(agent.held)],
        )
        if arrives == "late":
            self.late.append(answer)
        elif arrives == "now":
            agent.heard_s = self.hand.now_s
            self.hand.take(self.hand.machine.heard_response(answer, self.hand.now_ns))

    @precondition(lambda self: self.late)
    @rule()
    def a_late_answer_arrives(self) -> None:
        self.hand.take(self.hand.machine.heard_response(self.late.pop(0), self.hand.now_ns))

    @rule(seconds=st.sampled_from([0.5, 3.0, 16.0, 40.0]))
    def time_goes_by(self, seconds: float) -> None:
        """Who was not heard for the length of a lease has ended what it held."""
        for _ in range(round(seconds * 2)):
            self.hand.wait(0.5)
            for node, agent in self.agents.items():
                if not self.has_lease(node):
                    agent.held.clear()

    @rule()
    def the_coordinator_begins_anew(self) -> None:
        self.hand.again()

    @rule()
    def the_database_is_saved(self) -> None:
        self.backup = self.hand.disk

    def has_lease(self, node: NodeId) -> bool:
        return self.hand.now_s - self.agents[node].heard_s < LEASE_OVER_S - 5.0

    @invariant()
    def nothing_exclusive_is_held_twice(self) -> None:
        for name in NAMES:
            holders = [node for node, agent in self.agents.items() if name in agent.held]
            assert len(holders) <= 1, f"{name} is held by {holders}"

    @invariant()
    def nothing_exclusive_is_in_two_shares(self) -> None:
        for name in NAMES:
            shares = self.hand.disk.shares.values()
            given = [one.node_id for one in shares if name in {each.name for each in one.instances}]
            assert len(given) <= 1, f"{name} is given to {given}"

    @invariant()
    def generations_rise_and_what_is_sent_is_saved(self) -> None:
        for action in self.hand.actions:
            if isinstance(action, SendConfig):
                node, generation = action.share.node_id, action.share.generation
                assert generation >= self.highest.get(node, 0)
                self.highest[node] = generation
        for node, share in self.hand.disk.shares.items():
            assert share.generation >= self.highest.get(node, 0)


class Restored(Handovers):
    """The same, and now and then the database is one of before."""

    @precondition(lambda self: self.backup is not None)
    @rule()
    def the_database_is_restored(self) -> None:
        """All agents are reachable, and the bus has what was sent last; agents heard it, or will not."""
        backup = self.backup
        assert backup is not None
        self.late.clear()
        self.highest.clear()
        for node in self.agents:
            self.an_agent_takes_its_newest_configuration(node)
        self.hand.again(msgspec.structs.replace(backup))
        for node in self.agents:
            self.an_agent_answers(node, "now")


settled = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestHandovers = Handovers.TestCase
TestHandovers.settings = settled
TestRestored = Restored.TestCase
TestRestored.settings = settled
