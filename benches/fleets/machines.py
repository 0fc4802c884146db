"""Many machines in one process: each with the real agent that decides, keys of its own and instances that are
ready after a while.

They share one handle on the bus: a thousand clients of Kafka would be five thousand threads, which is no
figure of the coordinator. So what is sent to all is read and checked once, and of a list of leases each is
given its own part. All else is as on machines of their own: each opens its configurations, signs what it says
and sends it by its own clock. Nothing is written to disk, and no instance is a process.
"""

from __future__ import annotations

import heapq
import itertools
import random
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final
from uuid import UUID, uuid4

import msgspec

from benches.fleets.job import READY, Job, Moment, Spent
from sightline.clock import NS_PER_MS, NS_PER_S
from sightline.fleet.deciding.agent.desired import Begin, DesiredInstance, End, Found, Greet, Keep
from sightline.fleet.deciding.agent.machine import Action, Agent
from sightline.fleet.documents.opening import open_config
from sightline.fleet.keys.identity import Identity
from sightline.fleet.keys.tokens import Token, proof
from sightline.fleet.messages.parts import CameraFigures, InstanceState
from sightline.fleet.messages.topics import AgentCommand, AgentConfig, AgentInfo, AgentResponse, Message
from sightline.fleet.post.post import Post
from sightline.fleet.post.reading import Received
from sightline.fleet.timing import Timing

READY_S: Final = 0.2
"""From an instance's begin until it is ready."""
LOOK_S: Final = 30.0
"""Between two looks at figures."""
_SPREAD_S: Final = 5.0
"""The machines begin within so long, and do what they do every few seconds as far apart."""
_IDLE_S: Final = 0.05
_MOST: Final = 1000


class Runs:
    """An instance that runs."""

    def __init__(self, instance: DesiredInstance) -> None:
        self.instance = instance
        self.state: InstanceState = "starting"

    def found(self) -> Found:
        one = self.instance
        figures = CameraFigures(fps=round(random.gauss(25, 0.2), 1), age_s=0.1, state="live")
        return Found(
            name=one.name,
            digest=one.digest,
            state=self.state,
            exclusive=one.exclusive,
            run=str(id(self)),
            cameras=dict.fromkeys(one.terms, figures),
            cpu=round(random.random(), 2),
            memory_mib=500.0,
        )


class Machines:
    """All of them, in one thread."""

    def __init__(self, job: Job) -> None:
        self._token = Token.parse(job.token)
        self.timing = Timing()
        self.post = Post(job.bus, identity=None, by="machines")
        self._reader = self.post.reader(AgentConfig, AgentCommand)
        self._due: list[tuple[int, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._moments = job.moments.open("a", buffering=1, encoding="utf-8")
        self.sent = self.came = self.late_ns = 0
        self._all = {one.node_id: one for one in (Machine(self, number) for number in range(job.machines))}

    def live(self, folder: Path) -> None:
        while not self._reader.ready(1.0):
            pass
        (folder / READY).touch()
        for place, machine in enumerate(self._all.values()):
            self.later(_SPREAD_S * place / len(self._all), machine.begin)
        self.later(1.0, lambda: self._tell(folder))
        while True:
            wait_s = (self._due[0][0] - time.monotonic_ns()) / NS_PER_S
            for received in self._reader.poll(_MOST, min(max(wait_s, 0.0), _IDLE_S)):
                self._came(received)
            self._ring()

    def later(self, seconds: float, call: Callable[[], None]) -> None:
        self.at(time.monotonic_ns() + round(seconds * NS_PER_S), call)

    def at(self, when_ns: int, call: Callable[[], None]) -> None:
        heapq.heappush(self._due, (when_ns, next(self._numbers), call))

    def send(self, message: Message, identity: Identity, by: UUID) -> None:
        self.sent += 1
        self.post.send(message, identity=identity, by=str(by))

    def note(self, what: str, node_id: UUID, generation: int) -> None:
        moment = Moment(what, str(node_id), generation, time.monotonic_ns())
        self._moments.write(msgspec.json.encode(moment).decode() + "\n")

    def proof(self, node_id: UUID, identity: Identity) -> str:
        return proof(self._token, node_id, identity.public)

    def _ring(self) -> None:
        now_ns = time.monotonic_ns()
        while self._due and self._due[0][0] <= now_ns:
            when_ns, _, call = heapq.heappop(self._due)
            self.late_ns = max(self.late_ns, now_ns - when_ns)
            call()
            now_ns = time.monotonic_ns()

    def _came(self, received: Received) -> None:
        self.came += 1
        if not received.signed_by(self._token.coordinator):
            raise ValueError(f"a message that is not the coordinator's, by {received.by}")
        match received.message:
            case AgentConfig(agent_info_list=[one]) as config:
                self._all[one.node_id].configured(config)
            case AgentCommand() as command:
                self._commanded(command)

    def _commanded(self, command: AgentCommand) -> None:
        if command.command == "leases":
            for lease in command.leases:
                self._all[lease.node_id].commanded(command.model_copy(update={"leases": [lease]}))
        elif command.node_id is not None:
            self._all[command.node_id].commanded(command)
        else:
            for machine in self._all.values():
                machine.commanded(command)

    def _tell(self, folder: Path) -> None:
        """Once a second: what they spent."""
        spent, self.late_ns = Spent(self.sent, self.came, self.late_ns / NS_PER_MS), 0
        part = folder / "spent.part"
        part.write_bytes(msgspec.json.encode(spent))
        part.replace(folder / "spent.json")
        self.later(1.0, lambda: self._tell(folder))


class Machine:
    """One: the shell round its agent."""

    def __init__(self, all_of_them: Machines, number: int) -> None:
        self._all = all_of_them
        self.node_id, self.identity = uuid4(), Identity.made()
        self._proof = all_of_them.proof(self.node_id, self.identity)
        self._hostname = f"machine-{number:04d}"
        self._boot = time.time_ns() // NS_PER_MS
        self._agent: Agent | None = None
        self._runs: dict[str, Runs] = {}
        self._armed_ns: int | None = None
        self._observed = -1

    def begin(self) -> None:
        self._agent = Agent(self.node_id, self._boot, self._all.timing, time.monotonic_ns())
        self._turn(lambda agent, now_ns: agent.tick(now_ns))
        self._look()
        self._look_again()

    def configured(self, config: AgentConfig) -> None:
        desired = open_config(config, self.identity, self.node_id)
        self._all.note("came", self.node_id, desired.generation)
        self._turn(lambda agent, now_ns: agent.configured(desired, now_ns))

    def commanded(self, command: AgentCommand) -> None:
        self._turn(lambda agent, now_ns: agent.commanded(command, now_ns))

    def _turn(self, turn: Callable[[Agent, int], Sequence[Action]]) -> None:
        agent = self._agent
        if agent is None:
            return
        for action in turn(agent, time.monotonic_ns()):
            self._do(action)
        due_ns = agent.due_ns()
        if due_ns is not None and (self._armed_ns is None or due_ns < self._armed_ns):
            self._armed_ns = due_ns
            self._all.at(due_ns, lambda: self._tick(due_ns))

    def _tick(self, due_ns: int) -> None:
        if self._armed_ns == due_ns:
            self._armed_ns = None
            self._turn(lambda agent, now_ns: agent.tick(now_ns))

    def _do(self, action: Action) -> None:
        match action:
            case AgentResponse():
                self._respond(action)
            case Greet():
                self._all.send(self._info(action), self.identity, self.node_id)
            case Begin(instance=instance):
                self._runs[instance.name] = runs = Runs(instance)
                self._done(action)
                self._all.later(READY_S, lambda: self._ready(runs))
            case End(name=name):
                self._runs.pop(name, None)
                self._done(action)
            case Keep(stage=stage):
                self._all.later(0, lambda: self._turn(lambda agent, now: agent.kept(stage, None, now)))

    def _done(self, action: Begin | End) -> None:
        self._all.later(0, lambda: self._turn(lambda agent, now_ns: agent.done(action, None, now_ns)))
        self._all.later(0, self._look)

    def _ready(self, runs: Runs) -> None:
        runs.state = "running"
        self._look()

    def _look(self) -> None:
        found = [one.found() for one in self._runs.values()]
        self._turn(lambda agent, now_ns: agent.found(found, now_ns))

    def _look_again(self) -> None:
        self._all.later(LOOK_S * random.uniform(0.9, 1.1), self._look_again)
        self._look()

    def _respond(self, response: AgentResponse) -> None:
        self._all.send(response, self.identity, self.node_id)
        if response.observed_generation != self._observed and response.deployment == "done":
            self._observed = response.observed_generation
            self._all.note("answered", self.node_id, self._observed)

    def _info(self, greet: Greet) -> AgentInfo:
        return AgentInfo(
            node_id=self.node_id,
            hostname=self._hostname,
            ip_address="127.0.0.1",  # type: ignore[arg-type]  # as text
            capacity=100,
            runtimes=["docker", "process"],
            labels={"room": "a"},
            boot=self._boot,
            greeting=greet.greeting,
            generation=greet.generation,
            observed_generation=greet.observed_generation,
            key=str(self.identity.public),
            proof=self._proof,
        )


if __name__ == "__main__":
    asked = msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Job)
    Machines(asked).live(Path(asked.folder))
