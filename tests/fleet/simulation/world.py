"""A fleet that is simulated: a coordinator, machines with agents, a broker between them, users, and time.

`World.calm()` ends all faults; from then on `unsettled()` says what is not yet as it should be: by the
coordinator's own shares, and by what anybody can tell of the inventory without asking how it decides.
"""

from __future__ import annotations

import random
from collections import Counter
from functools import partial
from uuid import UUID

import msgspec
from tests.fleet.simulation.agent_host import AgentHost
from tests.fleet.simulation.checks import Broken, Checks, Story
from tests.fleet.simulation.coordinator_host import CoordinatorHost
from tests.fleet.simulation.disks import Backup
from tests.fleet.simulation.documents import Manner, open_config, share_digest
from tests.fleet.simulation.events import Events, LocalClock
from tests.fleet.simulation.faults import CALM, Faults
from tests.fleet.simulation.network import Network
from tests.fleet.simulation.stock import Stock

from sightline.clock import ns
from sightline.fleet.deciding.agent.desired import Found
from sightline.fleet.deciding.coordinator.actions import InstanceShare, NodeShare
from sightline.fleet.inventory import AgentSpec, InstanceSpec, Inventory, NodeId
from sightline.fleet.messages.topics import AgentCommand, Message
from sightline.fleet.timing import Timing

BACKUP_S = 30.0
MANY = 100
"""Machines from which on to look at all of them costs more than what they do within a second."""


class World:
    """All of it.

    Attributes:
        hosts: machines by node, vanished ones too. inventory: what users want; it is what the coordinator
        was told last. backups: of the database, oldest first.
    """

    def __init__(
        self, *, agents: int, each: int, seed: int, timing: Timing | None = None, as_json: bool = False
    ) -> None:
        self.seed, self.rng = seed, random.Random(seed)
        self.timing = timing or Timing()
        self.events = Events()
        self.story = Story(self.events)
        self.checks = Checks(self.events, self.story, self.timing)
        self.faults = CALM
        self.network = Network(self.events, self._random(), as_json=as_json)
        self.network.to_agent, self.network.to_coordinator = self._to_agent, self._to_coordinator
        self.manners: dict[str, Manner] = {}
        self.hosts: dict[NodeId, AgentHost] = {}
        self.coordinator = CoordinatorHost(
            self.network, self.events, self._random(), self.timing, self.manners, self.checks, self.story
        )
        self.coordinator.readers = lambda: list(self.hosts)
        self.backups: list[Backup] = []
        self.restored = 0
        self._full_until_ns = 0
        self._most_clock_s = 0.0
        for _ in range(agents):
            self.add_machine()
        self.stock = Stock(self._random(), self.manners)
        self.inventory = self.stock.first(list(self.hosts), agents * each)
        self._begin()

    def _begin(self) -> None:
        self.coordinator.start()
        for host in self.hosts.values():
            self.events.after(self.rng.random() * 3, host.start)
        self.apply(self.inventory)
        self._back_up()

    # Time

    def run(self, seconds: float) -> None:
        try:
            self.events.run(seconds)
        except Broken as broken:
            broken.add_note(f"seed {self.seed}, at {self.events.now_ns / 1e9:.3f} s")
            raise

    def settle(self, most_s: float) -> float:
        """Run until all is as it should be; gives the seconds that it took."""
        began = self.events.now_ns
        while (wrong := self.unsettled()) and self.events.now_ns - began < most_s * 1e9:
            self.run(5.0 if len(self.hosts) >= MANY else 1.0)
        if wrong:
            words = [word for line in wrong[:2] for word in line.split()[:2]]
            raise Broken(
                f"seed {self.seed}: not settled after {most_s} s:\n  "
                + "\n  ".join(wrong[:10])
                + f"\n{self.story.of(*words)}"
            )
        return (self.events.now_ns - began) / 1e9

    def check_quiet(self, seconds: float) -> None:
        """Nothing but leases and answers from now on: no step, no configuration, no command."""
        steps, sent = self._steps(), self._sent_down()
        self.run(seconds)
        if self._steps() != steps or self._sent_down() != sent or self.unsettled():
            told = f"{self._steps() - steps} steps, {self.unsettled()[:5]}"
            raise Broken(f"seed {self.seed}: not quiet: {told}\n{self.story.of(last=40)}")

    # Faults

    def set_faults(self, faults: Faults) -> None:
        self.faults = self.network.faults = self.coordinator.faults = faults
        for host in self.hosts.values():
            host.machine.faults = faults

    def calm(self) -> None:
        """From now on nothing goes wrong, and who is not gone for ever comes back."""
        self.story.tell("world", "calm")
        self.set_faults(CALM)
        was_away = self.network.away_until_ns > self.events.now_ns
        self.network.mend()
        self.coordinator.start()
        self.coordinator.fill_disk(full=False)
        if was_away:
            self.coordinator.reconnected()
        for host in self.hosts.values():
            host.start()

    def retry_failed(self) -> None:
        """Users ask agents whose deployment failed to try again."""
        for node_id, response in self.coordinator.heard.items():
            if response.deployment == "failed":
                self.coordinator.command(AgentCommand(command="retry", node_id=node_id))

    def kill_coordinator(self, down_s: float) -> None:
        self.coordinator.die()
        self.events.after(down_s, self.coordinator.start)

    def restore_backup(self, age: int, down_s: float) -> None:
        """The coordinator begins again with the database of `age` backups ago."""
        self.coordinator.die()
        self.restored += 1
        self.coordinator.clock_off_s = self._most_clock_s
        backup = self.backups[max(0, len(self.backups) - 1 - age)]
        self.story.tell("world", f"a backup of revision {backup.memory.inventory.revision} is restored")
        self.coordinator.disk.restore(backup)
        self.coordinator.disk.enrolled |= set(self.hosts)
        self.inventory = backup.memory.inventory
        self.checks.terms.forgive(backup.memory.shares.values())
        self.checks.generations.forgive()
        self.events.after(down_s, self.coordinator.start)

    def kill_agent(self, node_id: NodeId, down_s: float) -> None:
        self.hosts[node_id].die()
        self.events.after(down_s, self.hosts[node_id].start)

    def reboot(self, node_id: NodeId, down_s: float) -> None:
        host = self.hosts[node_id]
        host.lose_power()
        self.events.after(down_s / 2, host.machine.get_power)
        self.events.after(down_s, host.start)

    def vanish(self, node_id: NodeId, *, goes_on: bool) -> None:
        """For ever: its power is lost, or the cable alone, so that it goes on where nobody sees it."""
        host = self.hosts[node_id]
        self.story.tell("world", f"{str(node_id)[:8]} vanishes")
        self.network.cut_off(node_id, None)
        if not goes_on:
            host.lose_power()
        host.gone = True

    def broker_away(self, seconds: float) -> None:
        self.story.tell("world", "broker away")
        back = self.network.go_away(seconds)
        self.events.at(back + 1, lambda: self._broker_is_back(back))

    def _broker_is_back(self, back_ns: int) -> None:
        if self.network.away_until_ns == back_ns:
            self.coordinator.reconnected()

    # Users

    def apply(self, inventory: Inventory) -> bool:
        """Whether somebody was there to take it."""
        wanted = msgspec.structs.replace(inventory, revision=self.inventory.revision + 1)
        if not self.coordinator.apply(wanted):
            self.inventory = self.coordinator.disk.inventory
            return False
        self.inventory = wanted
        return True

    def add_machine(self) -> NodeId:
        rng = self.rng
        node_id = UUID(int=rng.getrandbits(128), version=4)
        spec = AgentSpec(
            node_id=node_id,
            hostname=f"m{len(self.hosts):04d}",
            gpus=rng.choice([0, 2, 8]),
            labels={"room": rng.choice(["a", "b"])},
        )
        clock = LocalClock(self.events, rng.randrange(10**18), rng.randint(-1000, 1000))
        self.hosts[node_id] = AgentHost(
            spec, clock, self.network, self.events, self._random(), self.timing, self.checks, self.story
        )
        self.hosts[node_id].machine.faults = self.faults
        self.coordinator.disk.enrolled.add(node_id)
        return node_id

    def fill_disk(self, seconds: float) -> None:
        """The database takes nothing more for so long."""
        self.story.tell("world", "the database is full")
        self.coordinator.fill_disk(full=True)
        self._full_until_ns = max(self._full_until_ns, self.events.now_ns + ns(seconds))
        self.events.at(self._full_until_ns, self._make_room)

    def _make_room(self) -> None:
        if self.coordinator.disk.full and self.events.now_ns >= self._full_until_ns:
            self.coordinator.fill_disk(full=False)

    def lose_disk(self, node_id: NodeId, down_s: float, clock_back_s: float) -> None:
        """An agent's files are lost while it is not there, its keys excepted; its clock may be wrong too."""
        self.hosts[node_id].lose_disk(clock_back_s)
        self.events.after(down_s, self.hosts[node_id].start)

    def set_clock(self, seconds: float) -> None:
        """The coordinator's wall clock, which counts from when its process begins next.

        Once a backup was restored it is not behind what lives before had: of those nothing else is known.
        """
        self.story.tell("world", f"the coordinator's clock is set by {seconds} s")
        self._most_clock_s = max(self._most_clock_s, seconds)
        self.coordinator.clock_off_s = self._most_clock_s if self.restored else seconds

    def remove_agent(self, node_id: NodeId) -> None:
        self.coordinator.remove_agent(node_id)

    def alive(self) -> list[AgentHost]:
        """Machines that are there and in the fleet."""
        enrolled = self.coordinator.disk.enrolled
        return [host for host in self.hosts.values() if not host.gone and host.node_id in enrolled]

    # What is not as it should be

    def unsettled(self) -> list[str]:
        if self.coordinator.machine is None:
            return ["no coordinator"]
        wrong = [line for host in self.alive() for line in self._wrong_at(host)]
        return wrong or self._wrong_removed() or self._wrong_places()

    def _wrong_removed(self) -> list[str]:
        """Who is no more of the fleet finds that it is to end everything."""
        enrolled, kept = self.coordinator.disk.enrolled, self.network.last_config
        removed = [node_id for node_id in self.hosts if node_id not in enrolled]
        told = [node_id for node_id in removed if (last := kept(node_id)) and open_config(last).instances]
        return [f"{str(node_id)[:8]} was removed, and is still told to run something" for node_id in told]

    def _wrong_at(self, host: AgentHost) -> list[str]:
        short = str(host.node_id)[:8]
        share = self.coordinator.disk.shares.get(host.node_id)
        if share is None:
            return [f"{short} is not let in"]
        wanted = {one.name: share_digest(one) for one in share.instances}
        copies = host.machine.find()
        found = {one.name: one.digest for one in copies if _is_well(one)}
        others = [one.name for one in copies if not _is_well(one)]
        wrong = [
            f"{short} {name} is {found.get(name)} not {wanted.get(name)}"
            for name in sorted(wanted.keys() | found.keys())
            if wanted.get(name) != found.get(name)
        ]
        wrong += [f"{short} {name} does not run" for name in others]
        wrong += [
            f"{short} {copy.name} has {camera} with a term that is over"
            for copy in host.machine.copies.values()
            for camera in self.checks.terms.refused(copy.terms)
        ]
        return wrong or self._wrong_answer(short, host, share)

    def _wrong_answer(self, short: str, host: AgentHost, share: NodeShare) -> list[str]:
        heard = self.coordinator.heard.get(host.node_id)
        if heard is None:
            return [f"{short} was not heard"]
        told = (heard.generation, heard.observed_generation, heard.verified_generation)
        if told != (share.generation,) * 3 or heard.deployment != "done":
            return [f"{short} answers {told} {heard.deployment}, its share is {share.generation}"]
        if host.disk.current is None or host.disk.current.generation != share.generation:
            return [f"{short} has not kept {share.generation}"]
        return []

    def _wrong_places(self) -> list[str]:
        """By the inventory alone: everything that can run runs, once, where it may."""
        shares = self.coordinator.disk.shares
        there = {host.node_id for host in self.alive()}
        places = [(one, node) for node in there for one in _of(shares, node)]
        counts = Counter(one.name for one, _ in places)
        wrong = [f"{name} is at {count} machines" for name, count in counts.items() if count > 1]
        instances = self.inventory.instances
        for one, node in places:
            spec = instances.get(one.name)
            if spec is None or not self._may_run(spec, node):
                wrong.append(f"{one.name} may not be at {str(node)[:8]}")
        return wrong or self._wrong_cameras([one for one, _ in places], there)

    def _may_run(self, spec: InstanceSpec, node_id: NodeId) -> bool:
        agent = self.coordinator.disk.agents.get(node_id)
        if agent is None or agent.drained or not spec.enabled:
            return False
        fits = spec.labels.items() <= agent.labels.items() and spec.gpus <= agent.gpus
        return fits and spec.node in {None, node_id} and spec.runtime in agent.runtimes

    def _may_run_somewhere(self, spec: InstanceSpec, there: set[NodeId]) -> bool:
        return any(self._may_run(spec, node_id) for node_id in there)

    def _wrong_cameras(self, running: list[InstanceShare], there: set[NodeId]) -> list[str]:
        """An instance runs where it has cameras; a camera that could be on one is on one."""
        at = Counter(camera.camera_id for one in running for camera in one.cameras)
        on = {camera.camera_id: one.name for one in running for camera in one.cameras}
        wrong = [f"{name} is on {count} instances" for name, count in at.items() if count > 1]
        wrong += [f"{one.name} runs without a camera" for one in running if not one.cameras]
        shares = self.coordinator.disk.shares
        placed = {one.name for node_id in there for one in _of(shares, node_id)}
        specs = self.inventory.instances.values()
        able = [one for one in specs if one.name in placed or self._may_run_somewhere(one, there)]
        names, pools = {spec.name for spec in able}, {spec.pool for spec in able if not spec.gpus}
        for camera in self.inventory.cameras.values():
            found, wanted = on.get(camera.camera_id), camera.instance
            if not camera.enabled:
                right = found is None
            elif wanted is not None:
                right = found == wanted or (found is None and wanted not in names)
            else:
                right = found is not None or camera.pool not in pools
            if not right:
                wrong.append(f"{camera.camera_id} is on {found}, wanted {wanted} of pool {camera.pool}")
        return wrong

    def _sent_down(self) -> int:
        """To who is in the fleet; who is not asks now and then, and is refused."""
        return sum(self.checks.storm.down_to[host.node_id] for host in self.alive())

    def _steps(self) -> int:
        return sum(host.steps for host in self.hosts.values())

    def _random(self) -> random.Random:
        return random.Random(self.rng.getrandbits(64))

    def _to_agent(self, node_id: NodeId, message: Message) -> None:
        self.hosts[node_id].take(message)

    def _to_coordinator(self, message: Message) -> None:
        self.coordinator.take(message)

    def _back_up(self) -> None:
        self.backups.append(self.coordinator.disk.backup())
        self.events.after(BACKUP_S, partial(self._back_up))


def _is_well(found: Found) -> bool:
    """It runs, or it ended because it was done."""
    return found.state == "running" or (found.state == "exited" and found.code == 0)


def _of(shares: dict[NodeId, NodeShare], node_id: NodeId) -> tuple[InstanceShare, ...]:
    share = shares.get(node_id)
    return share.instances if share is not None else ()
