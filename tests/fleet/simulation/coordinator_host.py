"""The coordinator's process: drives the real `coordinator.machine.Coordinator`, as its service does.

What the machine wants done goes through the service's own `Outgoing`: saved before it is sent. The process
may die after each single action, begin again from what was saved, or from a backup.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from typing import Final

from tests.fleet.simulation.checks import Broken, Checks, Story
from tests.fleet.simulation.disks import CoordinatorDisk
from tests.fleet.simulation.documents import Manner, make_config
from tests.fleet.simulation.events import Events, LocalClock
from tests.fleet.simulation.faults import CALM
from tests.fleet.simulation.network import Network
from tests.fleet.simulation.runtime import Life

from sightline.clock import NS_PER_MS, ns
from sightline.fleet.coordinator.outgoing import Outgoing, Sending
from sightline.fleet.deciding.coordinator.actions import Action, Noted, Save, SendConfig
from sightline.fleet.deciding.coordinator.fleet import MOST_JUMP
from sightline.fleet.deciding.coordinator.machine import Coordinator
from sightline.fleet.inventory import AgentSpec, Inventory, NodeId
from sightline.fleet.messages.topics import AgentCommand, AgentInfo, AgentResponse, Message
from sightline.fleet.timing import Timing

UTC_MS: Final = 1_800_000_000_000
MOST_TURNS: Final = 100_000  # at one moment, of a whole fleet


class CoordinatorHost:
    """The coordinator's process and its database.

    Attributes:
        disk: the database. machine: what decides; None while no process lives. heard: the last answer of
        each agent that came through. clock_off_s: of its wall clock.
    """

    def __init__(
        self,
        network: Network,
        events: Events,
        rng: random.Random,
        timing: Timing,
        manners: dict[str, Manner],
        checks: Checks,
        story: Story,
    ) -> None:
        self.disk = CoordinatorDisk()
        self.machine: Coordinator | None = None
        self.faults = CALM
        self.readers: Callable[[], list[NodeId]] = list
        self.heard: dict[NodeId, AgentResponse] = {}
        self.begun = 0
        self.again_s, self.clock_off_s = 5.0, 0.0
        self._network, self._events, self._rng, self._timing = network, events, rng, timing
        self._manners, self._checks, self._story = manners, checks, story
        self._life = Life()
        self._clock = LocalClock(events, 0, 0)
        self._outgoing = Outgoing()
        self._leaving: set[NodeId] = set()
        self._newest: dict[NodeId, tuple[int, int]] = {}
        self._armed_ns: int | None = None
        self._turns = (0, 0)

    def start(self) -> None:
        if self.machine is not None:
            return
        self._life, self._armed_ns, self._outgoing = Life(), None, Outgoing()
        self._leaving, self._newest = set(), {}
        self._clock = LocalClock(self._events, self._rng.randrange(10**18), self._rng.randint(-1000, 1000))
        self.begun += 1
        self._tell(f"begins, {self.begun}")
        self._checks.storm.act()
        self._checks.moves.coordinator_begins(self.disk.placement)
        floor = UTC_MS + (self._events.now_ns + ns(self.clock_off_s)) // NS_PER_MS
        jump = self._rng.randrange(MOST_JUMP)
        now_ns = self._clock.now_ns()
        self.machine = Coordinator(self.disk.memory(), self._timing, now_ns, floor=floor, jump=jump)
        self.turn(lambda machine, now: machine.tick(now))

    def die(self) -> None:
        if self.machine is not None:
            self._tell("dies")
            self.machine, self._life.over = None, True

    # What users do; False: nobody is there to be asked

    def apply(self, inventory: Inventory) -> bool:
        """The applied revision is saved, then the machine is told; the process may die in between."""
        if self.machine is None or self.disk.full:
            return False
        self._tell(f"is told revision {inventory.revision}")
        self._checks.storm.act()
        self.disk.inventory = inventory
        if self._dies_now():
            return False
        self.turn(lambda machine, now: machine.applied(inventory, now))
        return True

    def change_agent(self, node_id: NodeId, change: Callable[[AgentSpec], AgentSpec]) -> bool:
        spec = self.disk.agents.get(node_id)
        if spec is None or self.machine is None or self.disk.full:
            return False
        changed = change(spec)
        self._tell(f"is told {changed}")
        self._checks.storm.act()
        self.disk.agents[node_id] = changed
        self.turn(lambda machine, now: machine.agent_changed(changed, now))
        return True

    def remove_agent(self, node_id: NodeId) -> bool:
        if self.machine is None or self.disk.full:
            return False
        self._tell(f"removes {str(node_id)[:8]}")
        self._checks.storm.act()
        self.disk.enrolled.discard(node_id)
        self.disk.agents.pop(node_id, None)
        self._leaving.add(node_id)
        self._newest.pop(node_id, None)
        self._checks.generations.forgive(node_id)
        self.turn(lambda machine, now: machine.agent_removed(node_id, now))
        return True

    def refresh(self) -> None:
        self._checks.storm.act()
        self.turn(lambda machine, now: machine.refreshed(now))

    def reconnected(self) -> None:
        self._checks.storm.act()
        self.turn(lambda machine, now: machine.reconnected(now))

    def command(self, command: AgentCommand) -> None:
        self._checks.storm.act()
        self.turn(lambda machine, now: machine.command(command, now))

    def fill_disk(self, *, full: bool) -> None:
        """The database takes nothing more, or does again: what is not saved is not sent until then."""
        self.disk.full = full
        self._checks.storm.act()
        if self.machine is not None:
            self.put_out()

    # What agents say

    def take(self, message: Message) -> None:
        if isinstance(message, AgentInfo):
            refusal = None if message.node_id in self.disk.enrolled else "it is not enrolled"
            self._checks.storm.down_reason(message.node_id)
            self._checks.moves.heard(message)
            if message.boot != self._newest.get(message.node_id, (message.boot, 0))[0]:
                del self._newest[message.node_id]
            self.turn(lambda machine, now: machine.heard_info(message, now, refusal=refusal))
        elif isinstance(message, AgentResponse) and self._listens_to(message.node_id):
            self._checks.storm.down_reason(message.node_id)
            if self.machine is not None:
                self._hear(message, self.machine)

    # How

    def _hear(self, response: AgentResponse, machine: Coordinator) -> None:
        """What is older than what it heard before changes nothing that it knows."""
        self.heard[response.node_id] = response
        self._checks.moves.heard(response)
        before, newest = self._picture(machine, response), self._newest.get(response.node_id, (-1, -1))
        is_old = before is not None and response.boot == before[0] == newest[0] and response.seq < newest[1]
        self.turn(lambda machine, now: machine.heard_response(response, now))
        after = self._picture(machine, response)
        if is_old and after != before:
            raise Broken(f"an old answer is believed: {response.seq} of {response.node_id} after {newest[1]}")
        if after is not None and after[0] == response.boot:  # it was taken, or was old
            seq = max(response.seq, newest[1]) if newest[0] == response.boot else response.seq
            self._newest[response.node_id] = (response.boot, seq)

    def _picture(self, machine: Coordinator, response: AgentResponse) -> tuple[object, ...] | None:
        """None: it does not know this one, or takes it for lost, and believes all of another boot."""
        view = machine.agents().get(response.node_id)
        if view is None or view.state in {"lost", "removed"}:
            return None
        return (view.boot, view.seen, view.observed, view.verified, view.deployment, view.held)

    def _listens_to(self, node_id: NodeId) -> bool:
        """To who was removed too, until this process ends: it is still to say what it gave back."""
        return node_id in self.disk.enrolled or node_id in self._leaving

    def turn(self, step: Callable[[Coordinator, int], list[Action]]) -> None:
        if self.machine is None:
            return
        self._count_turn()
        actions = step(self.machine, self._clock.now_ns())
        if actions:
            self._check_moves(actions)
            self._outgoing.add(actions)
            self.put_out()
        if self.machine is not None:
            self._arm()

    def _check_moves(self, actions: list[Action]) -> None:
        for action in actions:
            if isinstance(action, Save) and action.placement is not None:
                agents = self.disk.agents | action.agents
                self._checks.moves.placed(action.placement, self.disk.inventory, agents)

    def put_out(self) -> None:
        """At once what rests on nothing; then what is saved, then what is sent: it may die at each step."""
        for noted in self._outgoing.take_noted():
            self._note(noted)
        for command in self._outgoing.take_at_once():
            self._send(command)
            if self._dies_now():
                return
        save = self._outgoing.unsaved
        if save is not None and not self.disk.full:
            self.disk.save(save)
            self._outgoing.saved()
            if self._dies_now():
                return
        for sending in self._outgoing.take_ready():
            self._send(sending)
            if self._dies_now():
                return

    def _dies_now(self) -> bool:
        if self.faults.torn and self._rng.random() < self.faults.torn:
            self.die()
            self._events.after(self._rng.random() * self.again_s, self.start)
        return self.machine is None

    def _send(self, sending: Sending | AgentCommand) -> None:
        if isinstance(sending, SendConfig):
            self._send_config(sending)
            return
        command = sending if isinstance(sending, AgentCommand) else sending.command
        if command.node_id is not None:
            self._tell(f"sends {str(command.node_id)[:8]} {command.command} {command.generation}")
            self._checks.storm.coordinator_sent(command.node_id)
            self._network.send_command(command, [command.node_id])
        else:
            self._broadcast(command)

    def _broadcast(self, command: AgentCommand) -> None:
        """All read it. Who is not named in a list of leases passes it over, and is spared the call; who is
        reads its own line, and is spared the others'.
        """
        if command.command != "leases":
            self._network.send_command(command, self.readers())
            return
        self._checks.storm.leases_sent()
        named = {lease.node_id: lease for lease in command.leases}
        for node_id in self.readers():
            if (lease := named.get(node_id)) is not None:
                own = AgentCommand.model_construct(
                    schema_version=command.schema_version, command="leases", leases=[lease]
                )
                self._network.send_command(own, [node_id])

    def _send_config(self, sending: SendConfig) -> None:
        share = sending.share
        if self.disk.shares.get(share.node_id) != share:
            raise Broken(f"sent before it was saved: generation {share.generation} of {share.node_id}")
        what = " ".join(f"{one.name}:{one.generation}" for one in share.instances)
        self._tell(f"sends {str(share.node_id)[:8]} generation {share.generation}: {what}")
        self._checks.storm.coordinator_sent(share.node_id)
        self._checks.generations.sent(share)
        self._checks.terms.granted(share)
        specs = self.disk.inventory.instances
        self._network.send_config(share.node_id, make_config(share, specs, self._manners))

    def _note(self, noted: Noted) -> None:
        about = f"{noted.node_id and str(noted.node_id)[:8]} {noted.instance} {noted.camera_id}"
        self._tell(f"notes {about}: {noted.what}")

    def _count_turn(self) -> None:
        now, count = self._turns
        self._turns = (self._events.now_ns, count + 1 if now == self._events.now_ns else 0)
        if self._turns[1] > MOST_TURNS:
            raise Broken(f"the coordinator turns in place\n{self._story.of()}")

    def _arm(self) -> None:
        due = None if self.machine is None else self.machine.due_ns()
        if due is None:
            return
        real = max(self._clock.real_ns(due), self._events.now_ns)
        if self._armed_ns is None or real < self._armed_ns:
            self._armed_ns = real
            self._events.at(real, partial(self._tick, real, self._life))

    def _tick(self, real_ns: int, life: Life) -> None:
        if life.over or self._armed_ns != real_ns:
            return
        self._armed_ns = None
        self.turn(lambda machine, now: machine.tick(now))

    def _tell(self, text: str) -> None:
        self._story.tell("coord", text)
