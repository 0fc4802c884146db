"""What must hold whatever happens to an agent, in whatever order: random events, by hypothesis."""

from __future__ import annotations

from typing import Any, TypeGuard

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.fleet.agent.rig import BOOT, NODE, desired, found_of, instance

from sightline.clock import ns
from sightline.fleet.deciding.agent.desired import Begin, Desired, DesiredInstance, End, Found, Greet, Keep
from sightline.fleet.deciding.agent.machine import Action, Agent
from sightline.fleet.messages.topics import AgentCommand, AgentResponse, Lease
from sightline.fleet.timing import Timing

TIMING = Timing()
PARALLEL = 2
NAMES = ("a", "b", "x", "y")  # of which x and y must not run twice
ALIVE = {"starting", "running", "unhealthy"}


@st.composite
def documents(draw: st.DrawFn) -> list[DesiredInstance]:
    chosen = draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=4))
    return [
        instance(
            name,
            draw(st.sampled_from("123")),
            exclusive=name in "xy",
            one_at_a_time=name in "by",
            ready_s=10,
        )
        for name in chosen
    ]


class OneAgent(RuleBasedStateMachine):
    """An agent, what runs, its disk; the rules are the coordinator, users, and misfortune."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 100.0
        self.boot = BOOT
        self.there: dict[str, Found] = {}
        self.open: list[Begin | End | Keep] = []
        self.greetings: dict[int, int] = {}
        self.responses: dict[int, int] = {}
        self.held: list[str] = []
        self.pending: Desired | None = None
        self.verified: Desired | None = None
        self.current: Desired | None = None
        self.newest: Desired | None = None
        self.generation = 0
        self.well: set[str] = set()  # digests that were seen as they should be
        self.broken: set[str] = set()
        self.runs = 0
        self.welcome_generation: int | None = None
        self.looked = False
        self.snapshot: tuple[int, list[Found]] | None = None
        self.agent = self.new_agent()

    @property
    def now(self) -> int:
        return ns(self.now_s)

    def new_agent(self, lease_until_ns: int | None = None) -> Agent:
        self.open, self.greetings, self.responses = [], {}, {}
        self.greeting = 0
        self.welcome_generation, self.looked, self.snapshot = None, False, None
        self.pending = None
        if self.verified is not None:
            self.current, self.verified = self.verified, None
        agent = Agent(
            NODE, self.boot, TIMING, self.now, self.current, parallel=PARALLEL, lease_until_ns=lease_until_ns
        )
        self.newest = self.current
        self.agent = agent
        self.take(agent.tick(self.now))
        return agent

    # What the agent does, checked

    def take(self, actions: list[Action]) -> None:
        for action in actions:
            if isinstance(action, Greet):
                self.greet(action)
            elif isinstance(action, AgentResponse):
                self.responses[action.seq] = self.now
                self.held = action.held
            elif isinstance(action, Begin | End):
                self.operate(action)
            elif isinstance(action, Keep):
                self.keep(action)

    def greet(self, action: Greet) -> None:
        if action.greeting != self.greeting:
            self.greeting = action.greeting
            if self.welcome_generation is not None:
                self.greetings.clear()  # the lease is over: no earlier one is good any more
            self.greetings[action.greeting] = self.now
            self.welcome_generation = None

    def operate(self, action: Begin | End) -> None:
        names = [name_of(one) for one in self.open if not isinstance(one, Keep)]
        assert name_of(action) not in names, "two operations for one name"
        self.open.append(action)
        ordinary = [one for one in self.open if isinstance(one, Begin) or (is_end(one) and not one.at_once)]
        assert len(ordinary) <= PARALLEL
        if isinstance(action, Begin) and action.instance.exclusive:
            assert self.welcome_generation is not None, "begun without a fresh welcome"
            assert self.newest is not None
            assert self.newest.generation >= self.welcome_generation
            assert self.now < self.agent.lease_ends_ns, "begun without a lease"

    def keep(self, action: Keep) -> None:
        assert not [one for one in self.open if isinstance(one, Keep)], "two writes at a time"
        self.open.append(action)
        if action.stage == "verified":
            proven = {one.digest for one in self.current.instances.values()} if self.current else set()
            wanted = {one.digest for one in action.desired.instances.values()}
            assert wanted <= proven | self.well, "verified, and was never seen well"

    # The coordinator

    @initialize()
    def first_look(self) -> None:
        self.look()

    @rule(instances=documents())
    def configure(self, instances: list[DesiredInstance]) -> None:
        self.generation += 1
        self.newest = desired(self.generation, *instances)
        self.take(self.agent.configured(self.newest, self.now))

    @precondition(lambda self: self.newest is not None)
    @rule(back=st.integers(0, 2), instances=documents())
    def configure_late_or_twice(self, back: int, instances: list[DesiredInstance]) -> None:
        assert self.newest is not None
        old = desired(self.newest.generation - back, *instances) if back else self.newest
        self.take(self.agent.configured(old, self.now))

    @rule(back=st.integers(0, 3), ahead=st.integers(0, 1))
    def welcome(self, back: int, ahead: int) -> None:
        greeting = max(self.greeting - back, 0)
        generation = self.generation + ahead
        before = self.agent.lease_ends_ns
        command = AgentCommand(
            command="welcome", node_id=NODE, boot=self.boot, greeting=greeting, generation=generation
        )
        if greeting in self.greetings and self.now < self.greetings[greeting] + ns(15):
            self.welcome_generation = max(self.welcome_generation or 0, generation if not back else 0)
        self.generation = generation  # the coordinator's own goes on from there
        self.take(self.agent.commanded(command, self.now))
        assert self.agent.lease_ends_ns <= max(before, self.greetings.get(greeting, 0) + ns(15))

    @rule(back=st.integers(0, 3))
    def acknowledge(self, back: int) -> None:
        seq = max(self.responses, default=0) - back
        before = self.agent.lease_ends_ns
        lease = Lease(node_id=NODE, boot=self.boot, seq=max(seq, 0))
        self.take(self.agent.commanded(AgentCommand(command="leases", leases=[lease]), self.now))
        assert self.agent.lease_ends_ns <= max(before, self.responses.get(seq, 0) + ns(15))

    @rule(command=st.sampled_from(["refuse", "report", "retry", "restart"]), name=st.sampled_from(NAMES))
    def command(self, command: str, name: str) -> None:
        if command == "refuse" and self.welcome_generation is not None:
            self.welcome_generation = None
            self.greetings.clear()
        message = AgentCommand(
            command=command,  # type: ignore[arg-type]
            node_id=NODE,
            instance=name,
            boot=self.boot if command == "refuse" else 0,
            greeting=self.greeting,
        )
        self.take(self.agent.commanded(message, self.now))

    # Time, disk, runtime

    @rule(seconds=st.sampled_from([0.1, 1.0, 3.0, 5.0, 16.0]))
    def tick(self, seconds: float) -> None:
        self.now_s += seconds
        self.take(self.agent.tick(self.now))

    @precondition(lambda self: self.open)
    @rule(which=st.integers(0, 9), fails=st.sampled_from([False, False, False, True]))
    def answer(self, which: int, fails: bool) -> None:
        self.answer_one(self.open[which % len(self.open)], "it broke" if fails else None)

    def answer_one(self, action: Begin | End | Keep, error: str | None) -> None:
        self.open.remove(action)
        if isinstance(action, Keep):
            if error is None:
                self.write(action)
            self.take(self.agent.kept(action.stage, error, self.now))
            return
        if error is None:
            self.act(action)
        self.take(self.agent.done(action, error, self.now))

    def write(self, action: Keep) -> None:
        if action.stage == "pending":
            self.pending = action.desired
        elif action.stage == "verified":
            assert self.pending is action.desired
            self.verified, self.pending = self.pending, None
        else:
            assert self.verified is action.desired, "current, and was not verified"
            self.current, self.verified = self.verified, None

    def act(self, action: Begin | End) -> None:
        if isinstance(action, End):
            self.there.pop(action.name, None)
            return
        one = action.instance
        self.runs += 1
        ended: dict[str, Any] = (
            {"state": "exited", "code": 1} if one.digest in self.broken else {"state": "starting"}
        )
        self.there[one.name] = found_of(one, run=str(self.runs), **ended)

    @rule()
    def look(self) -> None:
        self.seen(list(self.there.values()), self.now)

    @rule(names=st.sets(st.sampled_from(NAMES), min_size=1))
    def look_while_a_runtime_is_away(self, names: set[str]) -> None:
        """It may have these, and does not say; all of its own are among them."""
        told = [one for one in self.there.values() if one.name not in names]
        away = [
            Found(
                name=name,
                digest="",
                state="unknown",
                exclusive=name in self.there and self.there[name].exclusive,
            )
            for name in names
        ]
        self.seen([*told, *away], self.now)

    @rule()
    def begin_a_look(self) -> None:
        self.snapshot = (self.now, list(self.there.values()))

    @precondition(lambda self: self.snapshot is not None)
    @rule()
    def end_a_look(self) -> None:
        assert self.snapshot is not None
        (at_ns, found), self.snapshot = self.snapshot, None
        self.now_s += 0.001
        self.seen(found, at_ns)

    def seen(self, found: list[Found], at_ns: int) -> None:
        self.looked = True
        self.well |= {one.digest for one in found if one.state == "running" or one.code == 0}
        self.take(self.agent.found(found, self.now, at_ns))

    @rule(name=st.sampled_from(NAMES), what=st.sampled_from(["ready"] * 3 + ["ill", "exit", "done"]))
    def change(self, name: str, what: str) -> None:
        changes: dict[str, dict[str, Any]] = {
            "ready": {"state": "running"},
            "ill": {"state": "unhealthy"},
            "exit": {"state": "exited", "code": 1},
            "done": {"state": "exited", "code": 0},
        }
        if name in self.there and self.there[name].state in ALIVE:
            self.there[name] = msgspec.structs.replace(self.there[name], **changes[what])

    @rule(name=st.sampled_from(NAMES), what=st.sampled_from(["gone", "tampered", "drifted"]))
    def drift(self, name: str, what: str) -> None:
        if name not in self.there:
            return
        changes = {"tampered": {"digest": ""}, "drifted": {"drift": "memory limit"}}
        if what == "gone":
            del self.there[name]
        else:
            self.there[name] = msgspec.structs.replace(self.there[name], **changes[what])

    @rule(name=st.sampled_from(NAMES), digest=st.sampled_from("123"))
    def break_or_mend(self, name: str, digest: str) -> None:
        self.broken ^= {f"{name}:{digest}"}

    @rule(keeps_lease=st.booleans(), happened=st.booleans())
    def begin_anew(self, keeps_lease: bool, happened: bool) -> None:
        """The agent is killed; what it had asked for was done, or not."""
        for action in self.open if happened else ():
            self.write(action) if isinstance(action, Keep) else self.act(action)
        self.boot += 1
        self.new_agent(self.agent.lease_ends_ns if keeps_lease else None)

    # What holds

    @invariant()
    def all_that_must_not_run_twice_is_held(self) -> None:
        running = {one.name for one in self.there.values() if one.exclusive and one.state in ALIVE}
        if self.looked:
            assert running <= set(self.agent.held())

    @invariant()
    def without_a_lease_what_must_not_run_twice_is_being_ended(self) -> None:
        if self.looked and self.now >= self.agent.lease_ends_ns and not self.open:
            before = len(self.open)
            self.take(self.agent.tick(self.now))
            known = set(self.agent.held())
            assert not known or len(self.open) > before or self.agent.due_ns() is not None

    def teardown(self) -> None:
        """Misfortune ends: soon all is as it is desired, without hands but for one `retry`."""
        self.broken.clear()
        self.snapshot = None
        if self.newest is None:
            return
        self.configure([*self.newest.instances.values()])
        self.command("retry", "a")
        until_s = self.now_s + 400
        while self.now_s < until_s and not self.converged():
            self.step()
        assert self.converged(), (self.newest, self.there, self.agent.due_ns())

    def step(self) -> None:
        for action in list(self.open):
            self.answer_one(action, None)
        for name in list(self.there):
            if self.there[name].state in {"starting", "unhealthy"}:
                self.change(name, "ready")
        self.look()
        if self.welcome_generation is None or self.now >= self.agent.lease_ends_ns:
            self.welcome(0, 0)
        self.acknowledge(0)
        self.tick(1.0)

    def converged(self) -> bool:
        assert self.newest is not None
        wanted = {name: one.digest for name, one in self.newest.instances.items()}
        there = {one.name: one.digest for one in self.there.values()}
        done = {name for name in wanted if name not in there}  # it had ended for good, and was cleared away
        as_wanted = {name: digest for name, digest in wanted.items() if name not in done} == there
        return as_wanted and not self.open and self.current == self.newest and self.observed()

    def observed(self) -> bool:
        self.now_s += 1.0
        self.take(actions := self.agent.commanded(AgentCommand(command="report"), self.now))
        full = [one for one in actions if isinstance(one, AgentResponse) and one.full]
        return bool(full) and full[0].observed_generation == self.generation


def name_of(action: Begin | End) -> str:
    return action.instance.name if isinstance(action, Begin) else action.name


def is_end(action: Begin | End | Keep) -> TypeGuard[End]:
    return isinstance(action, End)


OneAgent.TestCase.settings = settings(max_examples=150, stateful_step_count=60, deadline=None)
test_one_agent_holds_its_promises_whatever_happens = OneAgent.TestCase
