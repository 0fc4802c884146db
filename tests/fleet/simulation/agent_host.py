"""An agent's process on a simulated machine: drives the real `agent.machine.Agent`, as its service does.

It dies and begins again with what its disk has; what it asked its engine and its disk for may be done though
it died, or not.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from typing import Final

from tests.fleet.simulation.checks import Broken, Checks, Story
from tests.fleet.simulation.disks import AgentDisk
from tests.fleet.simulation.documents import open_config
from tests.fleet.simulation.events import Events, LocalClock
from tests.fleet.simulation.faults import Faults
from tests.fleet.simulation.gates import Gates
from tests.fleet.simulation.network import Network
from tests.fleet.simulation.runtime import Life, Machine

from sightline.clock import NS_PER_S, ns
from sightline.fleet.deciding.agent.desired import (
    Begin,
    Desired,
    DesiredInstance,
    End,
    Greet,
    Keep,
    LookAt,
    SendLog,
    Told,
)
from sightline.fleet.deciding.agent.machine import Action, Agent
from sightline.fleet.inventory import AgentSpec
from sightline.fleet.messages.topics import AgentCommand, AgentConfig, AgentInfo, AgentResponse, Message
from sightline.fleet.timing import Timing

LOOK_S: Final = 5.0
MOST_TURNS: Final = 200  # of one agent at one moment


class AgentHost:
    """One machine with its agent.

    Attributes:
        spec: what it says of itself. machine: its engine. disk: its files. agent: the machine that decides;
        None while no process lives. gone: it vanished for ever.
    """

    def __init__(
        self,
        spec: AgentSpec,
        clock: LocalClock,
        network: Network,
        events: Events,
        rng: random.Random,
        timing: Timing,
        checks: Checks,
        story: Story,
    ) -> None:
        self.spec, self.node_id = spec, spec.node_id
        self.clock, self.timing = clock, timing
        self.machine = Machine(spec.node_id, clock, events, rng, checks, story)
        self.machine.changed = self._look_soon
        self.disk = AgentDisk()
        self.gates = Gates(self.machine, events, story)
        self.agent: Agent | None = None
        self.gone = False
        self.last: AgentResponse | None = None
        self.steps = 0
        self._network, self._events, self._rng = network, events, rng
        self._checks, self._story = checks, story
        self._short = str(spec.node_id)[:8]
        self._life = Life()
        self._boot, self._behind_s = 0, 0.0
        self._armed_ns: int | None = None
        self._looking = False
        self._turns = (0, 0)

    @property
    def faults(self) -> Faults:
        return self.machine.faults

    def start(self) -> None:
        """A new process begins, unless one lives or the machine is gone."""
        if self.agent is not None or self.gone:
            return
        self._life, self._armed_ns, self._looking = Life(), None, False
        self._tell("begins")
        self.gates.agent_begins()
        self._checks.storm.reason(self.node_id)
        self._boot = self._wall_ms()
        self.agent = Agent(
            self.node_id,
            self._boot,
            self.timing,
            self.clock.now_ns(),
            self.disk.begin(),
            lease_until_ns=self.machine.lease_ns,
        )
        life = self._life
        self._turn(lambda agent, now: agent.tick(now))
        for config in self._network.kept_configs(self.node_id):
            self._later(self._rng.random() * 2, life, partial(self.take, config))
        self._later(self._rng.random(), life, self._look_again)

    def die(self) -> None:
        """The process is killed."""
        if self.agent is None:
            return
        self._tell("dies")
        self.agent, self._life.over = None, True
        self.machine.agent_died()

    def lose_power(self) -> None:
        self._tell("loses power")
        self.die()
        self.machine.lose_power()

    def lose_disk(self, clock_back_s: float) -> None:
        """It begins next without any of its files; its wall clock goes behind from now on."""
        self._tell(f"loses its disk, and its clock is {clock_back_s} s behind")
        self.die()
        self.disk, self._behind_s = AgentDisk(), clock_back_s
        self.machine.set_lease(None)

    def take(self, message: Message) -> None:
        """What the broker brings."""
        if self.agent is None:
            return
        if isinstance(message, AgentConfig):
            self._checks.storm.reason(self.node_id)
            desired = open_config(message)
            self._turn(lambda agent, now: agent.configured(desired, now))
            self.gates.told(self._desired)
        elif isinstance(message, AgentCommand):
            self._note_command(message)
            self._turn(lambda agent, now: agent.commanded(message, now))

    # How

    def _note_command(self, command: AgentCommand) -> None:
        if command.command != "leases":
            self._checks.storm.reason(self.node_id)
        if command.command == "restart":
            self.gates.restarted(command.instance)
        elif command.command == "retry":
            self.gates.retried()

    def _turn(self, step: Callable[[Agent, int], list[Action]]) -> None:
        if self.agent is None:
            return
        self._count_turn()
        for action in step(self.agent, self.clock.now_ns()):
            self._do(action)
        if self.agent is not None:
            self.machine.set_lease(self.agent.lease_ends_ns)
            self._arm()

    def _count_turn(self) -> None:
        now, count = self._turns
        self._turns = (self._events.now_ns, count + 1 if now == self._events.now_ns else 0)
        if self._turns[1] > MOST_TURNS:
            raise Broken(f"{self.node_id} turns in place: due {self._due()}\n{self._story.of(self._short)}")

    @property
    def _desired(self) -> Desired | None:
        return None if self.agent is None else self.agent.desired

    def _due(self) -> int | None:
        return None if self.agent is None else self.agent.due_ns()

    def _arm(self) -> None:
        due = self._due()
        if due is None:
            return
        real = max(self.clock.real_ns(due), self._events.now_ns)
        if self._armed_ns is None or real < self._armed_ns:
            self._armed_ns = real
            self._events.at(real, partial(self._tick, real, self._life))

    def _tick(self, real_ns: int, life: Life) -> None:
        if life.over or self._armed_ns != real_ns:
            return
        self._armed_ns = None
        self._turn(lambda agent, now: agent.tick(now))

    def _do(self, action: Action) -> None:
        if isinstance(action, AgentResponse):
            self._send(action)
            self.last = action
        elif isinstance(action, Greet):
            self._send(self._info(action))
        elif isinstance(action, Begin | End):
            self._run(action)
        elif isinstance(action, Keep):
            self._keep(action)
        elif isinstance(action, Told):
            self._tell(f"{action.instance}: {action.what}")
        elif isinstance(action, LookAt):
            self._answer_look(action)
        else:
            self._answer_log(action)

    def _send(self, message: AgentInfo | AgentResponse) -> None:
        self._checks.storm.agent_sent(self.node_id)
        self._network.send_up(self.node_id, message)

    def _info(self, greet: Greet) -> AgentInfo:
        self._tell(f"greets {greet.greeting}, generation {greet.generation}")
        return AgentInfo(
            node_id=self.node_id,
            hostname=self.spec.hostname,
            ip_address="127.0.0.1",  # type: ignore[arg-type]
            capacity=self.spec.capacity,
            gpulist=[f"gpu{number}" for number in range(self.spec.gpus)],
            labels=self.spec.labels,
            runtimes=list(self.spec.runtimes),
            boot=self._boot,
            greeting=greet.greeting,
            generation=greet.generation,
            observed_generation=greet.observed_generation,
        )

    def _run(self, action: Begin | End) -> None:
        self.steps += 1
        life = self._life

        def done(error: str | None) -> None:
            self._turn(lambda agent, now: agent.done(action, error, now))
            self._look()

        if isinstance(action, Begin):
            self._tell(f"begin {action.instance.name} {action.instance.digest}")
            self.gates.begins(action.instance, self._desired, self.disk.current)
            self.machine.begin(action.instance, life, self._may_begin, done)
        else:
            self._tell(f"end {action.name}{' at once' if action.at_once else ''}")
            self.gates.ends(action.name)
            self.machine.end(action.name, life, done, at_once=action.at_once)

    def _keep(self, action: Keep) -> None:
        life, finishes = self._life, self._rng.random() < 0.5
        self._tell(f"keep {action.stage} {action.desired.generation}")
        if action.stage == "verified":
            self.gates.verifies(action.desired, self.disk.current)

        def write() -> None:
            if life.over and not finishes:
                return
            fails = self._rng.random() < self.faults.disk_fails
            error = "the disk is full" if fails else self.disk.keep(action.stage, action.desired)
            if not life.over:
                self._turn(lambda agent, now: agent.kept(action.stage, error, now))

        self._events.after(self._rng.random() * 0.1, write)

    def _answer_log(self, asked: SendLog) -> None:
        self._checks.storm.reason(self.node_id)
        self._later(
            self._rng.random(),
            self._life,
            lambda: self._turn(lambda agent, now: agent.logged(asked.request, "its last lines", now)),
        )

    def _answer_look(self, asked: LookAt) -> None:
        def seen() -> None:
            self._checks.storm.reason(self.node_id)
            self._turn(lambda agent, now: agent.looked_at(asked.request, f"seen {asked.refused}", now))

        self._later(self._rng.random() * 20, self._life, seen)

    def _look_soon(self) -> None:
        if not self._looking:
            self._looking = True
            self._later(self._rng.random() * 0.2, self._life, self._look)

    def _look_again(self) -> None:
        self._look()
        self._later(LOOK_S, self._life, self._look_again)

    def _look(self) -> None:
        """What it sees is told a little later, when it may be out of date."""
        self._looking = False
        if self._rng.random() < self.faults.find_fails:
            return
        found, looked_ns = self.machine.find(), self.clock.now_ns()
        self._later(
            self._rng.random() * 0.1,
            self._life,
            lambda: self._turn(lambda agent, now: agent.found(found, now, looked_ns)),
        )

    def _may_begin(self, instance: DesiredInstance) -> bool:
        return self.agent is not None and self.agent.may_begin(instance, self.clock.now_ns())

    def _later(self, seconds: float, life: Life, call: Callable[[], None]) -> None:
        self._events.after(seconds, lambda: None if life.over else call())

    def _wall_ms(self) -> int:
        wall_ms = 100_000_000 + (self._events.now_ns - ns(self._behind_s)) * 1000 // NS_PER_S
        self.disk.boot = max(self.disk.boot + 1, wall_ms)
        return self.disk.boot

    def _tell(self, text: str) -> None:
        self._story.tell("agent", f"{self._short} {text}")
