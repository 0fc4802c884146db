"""What happens to a fleet while it is at work: faults at random times, and acts of users."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

from msgspec.structs import replace
from tests.fleet.simulation.agent_host import AgentHost
from tests.fleet.simulation.faults import Faults
from tests.fleet.simulation.world import World

from sightline.fleet.messages.topics import AgentCommand

LONGEST_S: Final = 60.0
Act = Callable[[], None]


class Havoc:
    """Brings about what the world's faults say, at the times an hour that they say."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._rng = random.Random(world.rng.getrandbits(64))
        self._removed = 0

    def begin(self, faults: Faults) -> None:
        self._world.set_faults(faults)
        self._next(faults)

    def _next(self, faults: Faults) -> None:
        rates = self._rates(faults)
        total = sum(rate for rate, _ in rates)
        if total > 0:
            self._world.events.after(self._rng.expovariate(total / 3600), lambda: self._happen(faults))

    def _happen(self, faults: Faults) -> None:
        if self._world.faults is not faults:
            return
        rates = self._rates(faults)
        act = self._rng.choices([act for _, act in rates], [rate for rate, _ in rates])[0]
        act()
        self._next(faults)

    def _rates(self, faults: Faults) -> list[tuple[float, Act]]:
        machines, copies = len(self._world.hosts), len(self._world.inventory.instances)
        return [
            (faults.agent_dies * machines, self._kill_agent),
            (faults.reboots * machines, self._reboot),
            (faults.cut_off * machines, self._cut_off),
            (faults.vanishes * machines, self._vanish),
            (faults.disk_lost * machines, self._lose_disk),
            (faults.crashes * copies, lambda: self._strike("crash")),
            (faults.falls_ill * copies, lambda: self._strike("ill")),
            (faults.tampered * copies, lambda: self._strike("tamper")),
            (faults.exits * copies, lambda: self._strike("exit")),
            (faults.coordinator_dies, lambda: self._world.kill_coordinator(self._down_s())),
            (faults.restored, self._restore),
            (faults.database_full, lambda: self._world.fill_disk(self._down_s())),
            (faults.clock_set, lambda: self._world.set_clock(self._wrong_s())),
            (faults.broker_away, lambda: self._world.broker_away(self._down_s())),
            (faults.acts, self._act),
            (faults.moves, self._hand_over),
        ]

    def _down_s(self) -> float:
        """Mostly short, at times longer than any lease."""
        return self._rng.random() * self._rng.choice([2, 10, LONGEST_S])

    def _some(self) -> AgentHost | None:
        alive = self._world.alive()
        return self._rng.choice(alive) if alive else None

    def _kill_agent(self) -> None:
        if host := self._some():
            self._world.kill_agent(host.node_id, self._down_s())

    def _reboot(self) -> None:
        if host := self._some():
            self._world.reboot(host.node_id, self._down_s())

    def _lose_disk(self) -> None:
        if host := self._some():
            self._world.lose_disk(host.node_id, self._down_s(), max(0.0, -self._wrong_s()))

    def _wrong_s(self) -> float:
        """A clock is right, or wrong by up to an hour."""
        return self._rng.choice([0.0, self._rng.uniform(-3600, 3600)])

    def _cut_off(self) -> None:
        if host := self._some():
            self._world.network.cut_off(host.node_id, self._down_s())

    def _vanish(self) -> None:
        if len(self._world.alive()) > 2 and (host := self._some()):
            self._world.vanish(host.node_id, goes_on=self._rng.random() < 0.5)

    def _strike(self, what: str) -> None:
        host = self._some()
        if host and host.machine.copies:
            host.machine.strike(self._rng.choice(sorted(host.machine.copies)), what)

    def _restore(self) -> None:
        self._world.restore_backup(self._rng.randrange(len(self._world.backups)), self._down_s())

    # Users

    def _act(self) -> None:
        chosen = self._rng.random()
        if chosen < 0.6:
            nodes = [host.node_id for host in self._world.alive()]
            self._world.apply(self._world.stock.change(self._world.inventory, nodes))
        elif chosen < 0.9:
            self._at_an_agent()
        elif chosen < 0.95:
            host = self._world.hosts[self._world.add_machine()]
            host.start()
        elif chosen < 0.97 and len(self._world.alive()) > 2 and (some := self._some()):
            self._world.remove_agent(some.node_id)
        else:
            self._world.coordinator.refresh()

    def _hand_over(self) -> None:
        instances = self._world.inventory.instances
        names = sorted(name for name, spec in instances.items() if spec.exclusive)
        if names and (host := self._some()):
            name = self._rng.choice(names)
            self._world.apply(self._world.stock.pin(self._world.inventory, name, host.node_id))

    def _at_an_agent(self) -> None:
        host = self._some()
        if host is None:
            return
        node_id, rng, coordinator = host.node_id, self._rng, self._world.coordinator
        names = sorted(host.machine.copies) or ["none"]
        kind = rng.randrange(6)
        if kind == 0:
            coordinator.change_agent(node_id, lambda spec: replace(spec, drained=not spec.drained))
        elif kind == 1:
            zone = rng.choice(["a", "b"])
            coordinator.change_agent(
                node_id, lambda spec: replace(spec, labels={**spec.labels, "zone": zone})
            )
        elif kind == 2:
            command = AgentCommand(command="restart", node_id=node_id, instance=rng.choice(names))
            coordinator.command(command)
        elif kind == 3:
            coordinator.command(AgentCommand(command="retry", node_id=node_id))
        elif kind == 4:
            request = f"look {rng.randrange(100)}"
            coordinator.command(AgentCommand(command="probe", node_id=node_id, request=request, sealed="s"))
        else:
            command = AgentCommand(command="logs", node_id=node_id, instance=rng.choice(names), request="r")
            coordinator.command(command)
