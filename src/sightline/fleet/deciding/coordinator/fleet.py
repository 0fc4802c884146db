"""What is to run where: placements made into shares, exclusive instances handed over, generations raised.

A share is what one machine is to run. It is made anew from the placement whenever something changed, and
counts as changed only where it says something else; then it gets a new generation, is saved, and is sent.
An instance that must not run twice is in a new share only when nobody else may be running it any more.

A coordinator that begins may have an old database: one that was restored from a backup. So the numbers that
it gives are above all that any life before it gave (`floor`), and until every lease of that time is over or
was heard of, whoever has something that must not run twice is told nothing new.

Deliberately not here: time, messages, and who is lost (`machine`).
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable
from typing import Final

import msgspec

from sightline.fleet.deciding.coordinator.actions import CameraShare, InstanceShare, Memory, NodeShare
from sightline.fleet.deciding.coordinator.holders import Holders
from sightline.fleet.deciding.coordinator.lingering import Lingering
from sightline.fleet.deciding.coordinator.node import Node
from sightline.fleet.deciding.coordinator.out import Out
from sightline.fleet.deciding.coordinator.terms import Terms
from sightline.fleet.inventory import AgentSpec, InstanceSpec, Inventory, NodeId, Placement
from sightline.fleet.placing.place import place
from sightline.fleet.placing.placed import Placed

MOST_MOVES_TOLD: Final = 50
MOST_JUMP: Final = 1 << 16
"""More numbers than what one life gives, and soon made up for by a clock that goes right."""
CAUTION: Final = "the coordinator began a moment ago, and waits until nobody else can be running it"


class Fleet:
    """Machines, what is wanted, and who was given what.

    Attributes:
        cautious: it is not known yet who may be running what.
        doubtful: besides, what was remembered may be out of date.
        unsure: machines that may have been told something that is not known, and the generation whose
            acknowledgement ends that.
        unaware: what those were told last who were removed and never said that they know so.
        blocked: exclusive instances that wait, for which machine, and why.
        changed: machines that have a new share since this was cleared. moved: names that go on for a while
            where they were, likewise.
    """

    def __init__(self, memory: Memory, out: Out, floor: int = 0, jump: int = 0) -> None:
        self._out, self._floor = out, _above_all(memory, floor, jump)
        self.inventory = memory.inventory
        self.placement = memory.placement
        self.placed: Placed | None = None
        self.nodes = _nodes(memory)
        self.terms = Terms(memory.terms, memory.shares.values(), self._floor)
        self.holders = Holders()
        for node in self.nodes.values():
            self.holders.gives(node.node_id, node.given)
        self.lingering = Lingering()
        self.cautious = self.doubtful = not memory.fresh
        self._postponed: set[NodeId] = set()
        self.unsure = {} if memory.fresh else {one.node_id: one.generation for one in memory.shares.values()}
        self.unaware: dict[NodeId, NodeShare] = {}
        self.blocked: dict[str, tuple[NodeId, str]] = {}
        self.changed: set[NodeId] = set()
        self.lingers: list[str] = []
        self.on_node: dict[NodeId, list[str]] = {}
        self.cameras_on: dict[str, list[str]] = {}
        self._index()

    @property
    def is_whole(self) -> bool:
        """All that is wanted has a place."""
        return self.placed is not None and self.placed.is_whole

    def try_place(
        self,
        inventory: Inventory,
        *,
        lost: Iterable[NodeId] = (),
        drained: Iterable[NodeId] = (),
        rebalance: bool = False,
    ) -> Placed:
        """Where all would be, also if these were lost, or drained; changes nothing."""
        agents = {node_id: node.spec for node_id, node in self.nodes.items() if not node.removed}
        for node_id in agents.keys() & set(drained):
            agents[node_id] = msgspec.structs.replace(agents[node_id], drained=True)
        standing = {node_id: node.standing for node_id, node in self.nodes.items()}
        standing |= dict.fromkeys(lost, "gone")
        return place(inventory, agents, self.placement, standing=standing, rebalance=rebalance)

    def replan(self, *, rebalance: bool = False) -> None:
        """Place all anew, and make the shares of it."""
        self.placed = self.try_place(self.inventory, rebalance=rebalance)
        was, self.placement = self.placement, self.placed.placement
        self.lingering.review(self.inventory, self.placement, self.nodes)
        if was != self.placement:
            self._out.placement = self.placement
            self._moved(was)
        self._index()
        self.blocked.clear()
        self.rebuild(self.nodes)

    def rebuild(self, node_ids: Iterable[NodeId], *, force: bool = False) -> None:
        """Make these shares anew, and those of whoever waited for what was given back by it."""
        work = deque(sorted(node_ids))
        while work:
            node = self.nodes.get(work.popleft())
            if node is not None:
                work += self._waiting_for(self._rebuild(node, force=force))
            force = False

    def freed(self, names: Iterable[str]) -> None:
        """Nobody runs these any more: who waits for them gets them."""
        self.rebuild(self._waiting_for(names))

    def unblock(self) -> None:
        """Caution may be over: look again at all that wait."""
        self.rebuild({node_id for node_id, _ in self.blocked.values()})

    def is_sure(self, node: Node) -> None:
        """It runs nothing that is not known."""
        if self.unsure.pop(node.node_id, None) is not None and len(self.unsure) <= 1:
            self.unblock()

    def is_ahead(self, node: Node) -> None:
        """A machine has a generation above ours: our memory is an old one. Ours rises past it."""
        outdated = self.terms.outdated()
        self.rebuild([node.node_id], force=True)
        if outdated:
            self.rebuild(self.nodes)

    def is_in_doubt(self, node: Node) -> bool:
        """It may be running something that others were given, or the other way round, as far as we know."""
        return self.doubtful and node.has_exclusive

    def end_doubt(self) -> list[NodeId]:
        """Whoever may be running something was heard of by now. Gives who was left waiting."""
        self.cautious = self.doubtful = False
        waited = sorted(self._postponed & self.nodes.keys())
        self._postponed.clear()
        self.rebuild(waited)
        self.unblock()
        return waited

    def postpone(self, node: Node) -> None:
        """Until doubt is over."""
        self._postponed.add(node.node_id)

    def forget(self, node: Node) -> None:
        """It was removed. Where it did not say that it knows so, what it was told last stays to be read."""
        self.nodes.pop(node.node_id, None)
        self.unsure.pop(node.node_id, None)
        if node.knows:
            self._out.shares[node.node_id] = None
        else:
            self.unaware[node.node_id] = node.share
        self.freed(self.holders.forget(node.node_id))

    def end_linger(self, name: str) -> None:
        """It ends where it was before it was moved."""
        if (node_id := self.lingering.end(name)) is not None:
            self.rebuild([node_id])

    def instance_share(self, node_id: NodeId, spec: InstanceSpec) -> InstanceShare | None:
        """An instance as it is to be there; None: it has no cameras, and nothing runs without one."""
        cameras = self.cameras_on.get(spec.name)
        if not cameras:
            return None
        place, specs, terms = (spec.name, node_id), self.inventory.cameras, self.terms
        made = tuple(CameraShare(one, specs[one].generation, terms.give(one, place)) for one in cameras)
        return InstanceShare(spec.name, spec.generation, spec.exclusive, made)

    def _rebuild(self, node: Node, *, force: bool) -> list[str]:
        if self.is_in_doubt(node):
            self.postpone(node)
            return []
        instances = self._instances(node)
        seen = node.said.generation
        if instances == node.share.instances and not (force or seen > node.share.generation):
            return []
        generation = max(node.share.generation + 1, seen + 1, self._floor)
        was = node.given
        node.tell(NodeShare(node_id=node.node_id, generation=generation, instances=instances))
        self.holders.gives(node.node_id, node.given)
        for name, one in was.items():
            if name not in node.given:
                self.holders.takes_back(node.node_id, name, exclusive=one.exclusive)
        self._out.shares[node.node_id] = node.share
        self.changed.add(node.node_id)
        return self.holders.lease_is_over(node.node_id) if node.is_lost else []

    def _instances(self, node: Node) -> tuple[InstanceShare, ...]:
        if node.removed:
            return ()
        made = {one.name: one for one in self.lingering.at(node.node_id)}
        for name in self.on_node.get(node.node_id, ()):
            spec = self.inventory.instances[name]
            if spec.exclusive and not self._may_run(node, name):
                continue
            if (share := self.instance_share(node.node_id, spec)) is not None:
                made[name] = share
        return tuple(made[name] for name in sorted(made))

    def _may_run(self, node: Node, name: str) -> bool:
        """Whether an exclusive instance may be in this share; where not, why is kept."""
        why = self._why_not_yet(node, name)
        if why:
            self.blocked[name] = (node.node_id, why)
        else:
            self.blocked.pop(name, None)
        return not why

    def _why_not_yet(self, node: Node, name: str) -> str:
        if others := self.holders.others(name, node.node_id):
            told = ", ".join(sorted(self.name_of(one) for one in others))
            return f"{told} may still be running it: waiting until that ended it, or its lease is over"
        if name in node.given or name in node.said.held:
            return ""
        doubt = self.cautious or len(self.unsure) > (node.node_id in self.unsure)
        return CAUTION if doubt else ""

    def name_of(self, node_id: NodeId) -> str:
        """Of a machine, for people."""
        node = self.nodes.get(node_id)
        return node.name if node else str(node_id)

    def _waiting_for(self, names: Iterable[str]) -> set[NodeId]:
        return {self.blocked[name][0] for name in names if name in self.blocked}

    def _index(self) -> None:
        on_node: dict[NodeId, list[str]] = defaultdict(list)
        cameras_on: dict[str, list[str]] = defaultdict(list)
        for name, node_id in sorted(self.placement.instances.items()):
            if name in self.inventory.instances:
                on_node[node_id].append(name)
        for camera_id, name in sorted(self.placement.cameras.items()):
            if camera_id in self.inventory.cameras:
                cameras_on[name].append(camera_id)
        self.on_node, self.cameras_on = dict(on_node), dict(cameras_on)

    def _moved(self, was: Placement) -> None:
        """Say what moved, and let go on for a while what may."""
        told = 0
        for name, node_id in self.placement.instances.items():
            before = was.instances.get(name)
            if before is None or before == node_id:
                continue
            if self.lingering.begin(name, before, node_id, self.inventory, self.nodes):
                self.lingers.append(name)
            if (told := told + 1) <= MOST_MOVES_TOLD:
                text = f"moves from {self.name_of(before)} to {self.name_of(node_id)}"
                self._out.note(text, node_id, instance=name)
        if told > MOST_MOVES_TOLD:
            self._out.note(f"{told - MOST_MOVES_TOLD} more instances move")


def _above_all(memory: Memory, floor: int, jump: int) -> int:
    """The floor, where it is above all that is known. Else a clock was set back, and a life that nobody knows
    of may have given the next numbers: some way past them is one that it did not give.
    """
    generations = (share.generation for share in memory.shares.values())
    highest = max((*generations, *memory.terms.values()), default=0)
    return highest + 1 + jump if 0 < floor <= highest else floor


def _nodes(memory: Memory) -> dict[NodeId, Node]:
    """Those that are let in, and those that were removed and may not have heard of it."""
    nodes = {node_id: Node(spec, memory.shares.get(node_id)) for node_id, spec in memory.agents.items()}
    for node_id, share in memory.shares.items():
        if node_id not in nodes:
            spec = AgentSpec(node_id=node_id, hostname=str(node_id))
            nodes[node_id] = Node(spec, share, removed=True)
    return nodes
