"""An agent's machine with hand-made time, beside instances, a disk and a coordinator that do as told.

`Rig` answers nothing by itself: a test does, or asks for it by `settle`.
"""

from __future__ import annotations

from typing import Any, TypeVar
from uuid import UUID

import msgspec

from sightline.clock import ns
from sightline.fleet.deciding.agent.desired import (
    Begin,
    Desired,
    DesiredInstance,
    End,
    Found,
    Greet,
    Keep,
    Told,
)
from sightline.fleet.deciding.agent.machine import Action, Agent
from sightline.fleet.messages.topics import AgentCommand, AgentResponse, Lease
from sightline.fleet.timing import Timing

NODE = UUID("8f1f2d3e-0000-4000-8000-000000000000")  # no spread of its greetings
BOOT = 1_700_000_000_000
T = TypeVar("T")


def instance(name: str, digest: str = "1", **settings: Any) -> DesiredInstance:
    return DesiredInstance(name=name, digest=f"{name}:{digest}", **settings)


def desired(generation: int, *instances: DesiredInstance) -> Desired:
    return Desired(
        generation=generation, instances={one.name: one for one in instances}, document=b"%d" % generation
    )


def found_of(one: DesiredInstance, **settings: Any) -> Found:
    values: dict[str, Any] = {"state": "running", "run": "r1", "exclusive": one.exclusive, **settings}
    return Found(name=one.name, **{"digest": one.digest, **values})


class Rig:
    """The machine and what it acts on.

    Attributes:
        there: what runs, by name. done: all actions so far. open: operations that were not answered.
    """

    def __init__(self, current: Desired | None = None, **settings: Any) -> None:
        self.now_s = 100.0
        self.there: dict[str, Found] = {}
        self.done: list[Action] = []
        self.open: list[Begin | End | Keep] = []
        self.broken: set[str] = set()
        self.runs = 0
        timing = settings.pop("timing", Timing())
        node_id = UUID(int=settings.pop("node_id", NODE.int))
        self.agent = Agent(node_id, BOOT, timing, self.now, current, **settings)
        self.take(self.agent.tick(self.now))

    @property
    def now(self) -> int:
        return ns(self.now_s)

    def take(self, actions: list[Action]) -> list[Action]:
        self.done += actions
        self.open += [one for one in actions if isinstance(one, Begin | End | Keep)]
        names = [_name(one) for one in self.open if not isinstance(one, Keep)]
        assert len(names) == len(set(names)), f"two operations for one name: {self.open}"
        return actions

    def of(self, kind: type[T]) -> list[T]:
        return [one for one in self.done if isinstance(one, kind)]

    def fresh(self, kind: type[T], actions: list[Action]) -> list[T]:
        return [one for one in actions if isinstance(one, kind)]

    def configure(self, one: Desired) -> list[Action]:
        return self.take(self.agent.configured(one, self.now))

    def command(self, command: Any, **settings: Any) -> list[Action]:
        message = AgentCommand(command=command, node_id=settings.pop("node_id", NODE), **settings)
        return self.take(self.agent.commanded(message, self.now))

    def welcome(self, generation: int = 0, **settings: Any) -> list[Action]:
        greeting = settings.pop("greeting", self.of(Greet)[-1].greeting)
        boot = settings.pop("boot", BOOT)
        return self.command("welcome", boot=boot, greeting=greeting, generation=generation, **settings)

    def acknowledge(self, seq: int | None = None) -> list[Action]:
        seq = self.of(AgentResponse)[-1].seq if seq is None else seq
        return self.command("leases", node_id=None, leases=[Lease(node_id=NODE, boot=BOOT, seq=seq)])

    def look(self, **settings: Any) -> list[Action]:
        return self.take(self.agent.found(list(self.there.values()), self.now, **settings))

    def tick(self, seconds: float = 0.0) -> list[Action]:
        self.now_s += seconds
        return self.take(self.agent.tick(self.now))

    def answer(self, action: Begin | End | Keep, error: str | None = None) -> list[Action]:
        """It was done, for real where there was no error."""
        self.open.remove(action)
        if isinstance(action, Keep):
            return self.take(self.agent.kept(action.stage, error, self.now))
        if error is None:
            self._really(action)
        return self.take(self.agent.done(action, error, self.now))

    def _really(self, action: Begin | End) -> None:
        if isinstance(action, End):
            self.there.pop(action.name, None)
            return
        self.runs += 1
        one = action.instance
        state = {"state": "exited", "code": 255, "reason": "App run failed"}
        settings = state if one.digest in self.broken else {}
        self.there[one.name] = found_of(one, run=f"run {self.runs}", **settings)

    def settle(self, seconds: float = 10.0, step_s: float = 0.5) -> None:
        """All is answered, and what runs is looked at, for so long. The coordinator says nothing."""
        until_s = self.now_s + seconds
        while self.now_s < until_s or self.open:
            while self.open:
                self.answer(self.open[0])
            self.look()
            self.tick(step_s)

    def change(self, name: str, **settings: Any) -> list[Action]:
        """What runs is another now, unasked."""
        self.there[name] = msgspec.structs.replace(self.there[name], **settings)
        return self.look()

    def status(self) -> AgentResponse:
        """How all is, said anew."""
        self.now_s += 1
        actions = self.command("report")
        return next(one for one in actions if isinstance(one, AgentResponse) and one.full)

    def state(self, name: str) -> tuple[str, str]:
        row = next(one for one in self.status().status if one.instance_name == name)
        return row.state, row.reason

    def told(self) -> str:
        return "\n".join(f"{one.instance}: {one.what}" for one in self.of(Told))


def _name(action: Begin | End) -> str:
    return action.instance.name if isinstance(action, Begin) else action.name


def running(*instances: DesiredInstance, generation: int = 1, **settings: Any) -> Rig:
    """A rig that is welcome, and runs these, verified."""
    rig = Rig(**settings)
    rig.welcome()
    rig.look()
    rig.configure(desired(generation, *instances))
    rig.settle(6)
    rig.acknowledge()
    assert rig.agent.current is not None, rig.told()
    assert rig.agent.current.generation == generation
    return rig
