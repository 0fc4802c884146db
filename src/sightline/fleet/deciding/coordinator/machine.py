"""The coordinator, pure: what is heard and the time go in, what is to be saved, sent and told comes out.

It promises: what must not run twice is given to a machine only after every other one that might be running
it gave it back, or its lease is over; a machine's generation rises with every change, past what anybody has
seen; what is to be saved stands before what is to be sent; an agent that comes, goes or is back is noticed
without being asked for; who does not acknowledge is told again, ever more seldom. A response costs what
changed, not what there is.

Times are monotonic ns. `tick` is to be called at `due_ns`; being late costs nothing but time.

Deliberately not here: identities and signatures (the shell has checked them), documents with addresses and
logins, the database, the bus. What people ask is answered by `views`, `explaining` and `planning`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sightline.clock import NS_PER_S, ns
from sightline.fleet.deciding.coordinator.actions import Action, Memory
from sightline.fleet.deciding.coordinator.alarms import Alarms
from sightline.fleet.deciding.coordinator.explaining import Explanation, explain
from sightline.fleet.deciding.coordinator.fleet import Fleet
from sightline.fleet.deciding.coordinator.found import Found
from sightline.fleet.deciding.coordinator.lingering import MOST_S as LINGER_S
from sightline.fleet.deciding.coordinator.node import Node, merged_spec
from sightline.fleet.deciding.coordinator.out import Out
from sightline.fleet.deciding.coordinator.planning import Plan, plan
from sightline.fleet.deciding.coordinator.sender import AGAIN, Sender
from sightline.fleet.deciding.coordinator.views import AgentView, InstanceView, Totals, Views
from sightline.fleet.deciding.coordinator.watch import CAUTION, GONE, Watch
from sightline.fleet.inventory import AgentSpec, Inventory, NodeId
from sightline.fleet.messages.topics import AgentCommand, AgentInfo, AgentResponse
from sightline.fleet.timing import Timing

REPLAN_NS: Final = NS_PER_S
"""Between two placements that nobody asked for."""
GATHER_NS: Final = NS_PER_S // 4
"""That a placement waits after an agent came: often others come too, and then they share."""
LINGER: Final = "linger"
"""The alarm at which what goes on where it was ends there."""
BELIEVED: Final = 2**62
"""A generation or a term above that is no count of anything."""


class Coordinator:
    """One fleet's; one thread's.

    Args:
        memory: what was saved by coordinators before this one; it may be an old backup.
        floor: no number of a configuration or of a camera's term that those gave is as high: UTC ms of now.
        jump: any number, another one for each life: where the clock was set back, its first numbers are as
            much past what is known.
    """

    def __init__(self, memory: Memory, timing: Timing, now_ns: int, *, floor: int = 0, jump: int = 0) -> None:
        self._out = Out()
        self._fleet = Fleet(memory, self._out, floor, jump)
        self._found = Found()
        self._alarms = Alarms()
        self._watch = Watch(self._fleet, self._out, self._alarms, timing, now_ns)
        self._sender = Sender(self._fleet, self._out, self._alarms, timing, now_ns)
        self._replanned_ns = now_ns
        self._replan_ns: int | None = None
        self._sender.ask_all()
        self._fleet.replan()

    # What is heard

    def heard_info(self, info: AgentInfo, now_ns: int, *, refusal: str | None = None) -> list[Action]:
        """An agent says who it is. `refusal`: why it is not let in; None: it is."""
        if refusal is not None:
            self._sender.refuse(info, refusal)
            self._say_last_words(info.node_id, info.generation)
            return self._done(now_ns)
        node = self._fleet.nodes.get(info.node_id)
        if node is not None and info.boot < node.said.boot and not node.is_lost:
            return self._done(now_ns)  # of a life that is over
        node = self._admit(node, info, now_ns)
        if not node.said_already(info):
            self._is_heard(node, now_ns)
        node.greets(info)
        if node.share.generation == 0 or self._is_ahead(node, info.generation):
            self._fleet.is_ahead(node)
        if not node.knows:  # who has it need not make it again, and a coordinator that begins meets all
            self._sender.newest(node.node_id)
        if self._fleet.is_in_doubt(node):
            self._fleet.postpone(node)
        else:
            self._sender.welcome(node, info)
        return self._done(now_ns)

    def heard_response(self, response: AgentResponse, now_ns: int) -> list[Action]:
        """An agent says how it is."""
        node = self._fleet.nodes.get(response.node_id)
        if node is None:
            self._sender.ask(response.node_id, now_ns)
        elif node.is_news(response.boot, response.seq):
            self._take(node, response, now_ns)
        return self._done(now_ns)

    # What users do

    def applied(self, inventory: Inventory, now_ns: int) -> list[Action]:
        """This is wanted now."""
        self._fleet.inventory = inventory
        self._replan_ns = now_ns
        return self._done(now_ns)

    def rebalance(self, now_ns: int) -> list[Action]:
        """Move what is above its fair part of the load, although it has a valid place."""
        self._fleet.replan(rebalance=True)
        return self._done(now_ns)

    def agent_changed(self, spec: AgentSpec, now_ns: int) -> list[Action]:
        """Users changed a machine: drained it, or not any more, or gave it labels."""
        node = self._fleet.nodes.get(spec.node_id)
        if node is None or node.removed:
            self._add(spec, now_ns)
        else:
            node.spec = spec
        self._out.agents[spec.node_id] = spec
        self._replan_ns = now_ns
        return self._done(now_ns)

    def agent_removed(self, node_id: NodeId, now_ns: int) -> list[Action]:
        """A machine is no more of this fleet: it is told to end everything; what it had goes elsewhere."""
        node = self._fleet.nodes.get(node_id)
        if node is not None and not node.removed:
            node.removed = True
            self._out.note("is removed from the fleet", node_id)
            self._watch.expect(node_id, now_ns)
            self._replan_ns = now_ns
        return self._done(now_ns)

    def refreshed(self, now_ns: int) -> list[Action]:
        """Users want to know who is there: all are asked."""
        self._sender.ask_all()
        return self._done(now_ns)

    def command(self, command: AgentCommand, now_ns: int) -> list[Action]:
        """Users ask one agent to do something (again): it is passed on to the machine of the instance."""
        if command.node_id is None and command.instance:
            node_id = self._fleet.placement.instances.get(command.instance)
            command = command.model_copy(update={"node_id": node_id})
        if command.node_id in self._fleet.nodes:
            self._out.command(command)
        return self._done(now_ns)

    # What happens by itself

    def reconnected(self, now_ns: int) -> list[Action]:
        """The bus was away and is back: nobody could be heard, and nobody may have heard."""
        self._watch.deaf_until(now_ns)
        for node_id in self._fleet.nodes:
            self._sender.newest(node_id)
        self._sender.ask_all()
        return self._done(now_ns)

    def tick(self, now_ns: int) -> list[Action]:
        """It is as late as that."""
        for kind, name in self._alarms.ring(now_ns):
            if kind == CAUTION:
                for node_id in self._fleet.end_doubt():
                    self._sender.ask(node_id, now_ns)  # it is to greet anew, and is let in
            elif kind == LINGER:
                self._fleet.end_linger(str(name))
            elif isinstance(name, NodeId) and (node := self._fleet.nodes.get(name)) is not None:
                self._look_at(kind, node, now_ns)
        return self._done(now_ns)

    def due_ns(self) -> int | None:
        """When to call `tick`; None: never, unless something comes."""
        due = (self._alarms.due_ns(), self._sender.due_ns(), self._replan_ns)
        return min((one for one in due if one is not None), default=None)

    # What people ask

    def agents(self) -> Mapping[NodeId, AgentView]:
        """All machines; each is made when it is looked at."""
        return Views(self._fleet, self._found).agents()

    def instances(self) -> Mapping[str, InstanceView]:
        """All instances that are wanted or found; each is made when it is looked at."""
        return Views(self._fleet, self._found).instances()

    def instance_of(self, camera: str) -> str | None:
        """The instance that it is on; None: none."""
        return self._fleet.placement.cameras.get(camera)

    def totals(self) -> Totals:
        """How many of what."""
        return Views(self._fleet, self._found).totals()

    def explain(self, name: str, now_ns: int | None = None) -> Explanation:
        """Why a camera or an instance is as it is, from what is wanted to what is seen."""
        return explain(self._fleet, self._found, name, now_ns)

    def plan(
        self,
        inventory: Inventory | None = None,
        *,
        lost: frozenset[NodeId] = frozenset(),
        drained: frozenset[NodeId] = frozenset(),
        rebalance: bool = False,
    ) -> Plan:
        """What would change if this were applied now, or if these machines were lost or drained, or the load
        spread anew; changes nothing.
        """
        wanted = inventory or self._fleet.inventory
        return plan(self._fleet, wanted, lost=lost, drained=drained, rebalance=rebalance)

    # How

    def _admit(self, node: Node | None, info: AgentInfo, now_ns: int) -> Node:
        known = None if node is None or node.removed else node
        spec = merged_spec(known.spec if known else None, info)
        if known is None:
            known = self._add(spec, now_ns)
            self._out.note(f"{spec.hostname} is new in the fleet", spec.node_id)
        elif known.spec == spec:
            return known
        known.spec = spec
        self._out.agents[spec.node_id] = spec
        self._replan_soon(now_ns)
        return known

    def _add(self, spec: AgentSpec, now_ns: int) -> Node:
        """A machine that is new, or was removed and is one again."""
        node = self._fleet.nodes.get(spec.node_id)
        if node is None:
            node = self._fleet.nodes[spec.node_id] = Node(spec)
        node.spec, node.removed = spec, False
        self._fleet.unaware.pop(spec.node_id, None)
        self._watch.expect(spec.node_id, now_ns)
        return node

    def _is_heard(self, node: Node, now_ns: int) -> bool:
        was_away = self._watch.heard(node, now_ns)
        if was_away and not self._fleet.is_whole:
            self._replan_soon(now_ns)
        return was_away

    def _take(self, node: Node, response: AgentResponse, now_ns: int) -> None:
        knew = node.knows
        was_away = self._is_heard(node, now_ns)
        if not node.removed:
            self._sender.heard(response)
        node.answers(response)
        self._fleet.holders.reports(node.node_id, node.said.held - node.given.keys())
        if self._is_ahead(node, response.generation):  # first: of what it was given we may know nothing
            self._fleet.is_ahead(node)
        self._take_statuses(node, response, now_ns)
        if self._fleet.blocked:
            self._fleet.freed(node.said.held)
        if node.knows:
            self._knows(node, knew=knew)
        elif was_away:
            self._sender.newest(node.node_id)
        if response.generation >= self._fleet.unsure.get(node.node_id, BELIEVED):
            self._fleet.is_sure(node)

    def _is_ahead(self, node: Node, generation: int) -> bool:
        if generation > BELIEVED:
            self._out.note(f"{node.name} reports a generation that cannot be: {generation}", node.node_id)
            node.said.generation = 0
            return False
        return generation > node.share.generation

    def _knows(self, node: Node, *, knew: bool) -> None:
        """It has its newest share."""
        if not knew:
            self._sender.nothing(node.node_id)
        holders = self._fleet.holders
        if holders.leaving(node.node_id):
            self._fleet.freed(holders.answers(node.node_id, node.said.held, node.said.statuses.keys()))
        if self._fleet.lingering:
            for name in self._fleet.lingering.taken_over(node):
                self._fleet.end_linger(name)
        if node.removed and not (node.given or holders.leaving(node.node_id)):
            self._forget(node)

    def _take_statuses(self, node: Node, response: AgentResponse, now_ns: int) -> None:
        if not response.full:
            if response.full_seq != node.said.full_seq:
                self._sender.ask(node.node_id, now_ns)
            return
        node.said.full_seq = response.full_seq or response.seq
        was = node.said.statuses
        node.said.statuses = {status.instance_name: status for status in response.status}
        self._found.changed(node.node_id, was.keys(), node.said.statuses.keys())
        touched = set()
        for status in response.status:
            for camera_id, term in status.terms.items():
                place = self._fleet.terms.reported(camera_id, term) if term <= BELIEVED else None
                if place is not None:
                    touched.add(place[1])
        self._fleet.rebuild(touched)

    def _look_at(self, kind: str, node: Node, now_ns: int) -> None:
        if kind == AGAIN:
            self._sender.look_again(node)
        elif kind == GONE:
            node.gone = True
            self._replan_soon(now_ns)
        elif self._watch.look_at(node, now_ns) and node.removed:
            self._forget(node)

    def _forget(self, node: Node) -> None:
        self._found.changed(node.node_id, node.said.statuses.keys(), ())
        self._fleet.forget(node)
        self._sender.nothing(node.node_id)
        self._say_last_words(node.node_id, node.said.generation)

    def _say_last_words(self, node_id: NodeId, seen: int) -> None:
        """Who was removed, and may not know, is told once more that it is to end everything."""
        share = self._fleet.unaware.get(node_id)
        if share is not None and seen < share.generation:
            self._out.send(share)

    def _replan_soon(self, now_ns: int) -> None:
        due_ns = max(now_ns + GATHER_NS, self._replanned_ns + REPLAN_NS)
        self._replan_ns = due_ns if self._replan_ns is None else min(due_ns, self._replan_ns)

    def _done(self, now_ns: int) -> list[Action]:
        """What is due besides, and all that is to be done."""
        if self._replan_ns is not None and self._replan_ns <= now_ns:
            self._replan_ns, self._replanned_ns = None, now_ns
            self._fleet.replan()
        for name in self._fleet.lingers:
            self._alarms.set(LINGER, name, now_ns + ns(LINGER_S))
        self._fleet.lingers.clear()
        self._sender.flush(now_ns)
        return self._out.take(self._fleet.terms.take_changed())
