"""What users ask one agent once: to begin something anew, to try again, for a log, to look at a camera.

It promises: who asks is told at once that nobody can be asked: the bus is away, or the machine is not
connected; an answer is that of the agent that was asked, or there is none in time. Nothing is asked twice.

So many are asked at a time, and who comes beyond is told so at once: who waits for an answer holds one of the
threads that answer everybody.

Deliberately not here: what is asked, and what an answer says.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from datetime import datetime
from typing import Any, Final, TypeAlias

from sightline.clock import Clock
from sightline.errors import CallTimedOut, FleetError
from sightline.fleet.coordinator.driver import Driver
from sightline.fleet.coordinator.inbox import Inbox
from sightline.fleet.coordinator.looking import HERE
from sightline.fleet.deciding.coordinator.explaining import Explanation
from sightline.fleet.deciding.coordinator.machine import Coordinator
from sightline.fleet.inventory import NodeId
from sightline.fleet.keys.identity import PublicKey
from sightline.fleet.messages.topics import AgentCommand, AgentResponse
from sightline.fleet.people.slots import Slots
from sightline.fleet.store.refusals import Missing

Place: TypeAlias = Callable[[Coordinator], NodeId | None]
"""Who is to be asked, as the machine knows; None: nobody."""
ASK_S: Final = 10.0
MOST_LOOKS: Final = 8
MOST_HERE: Final = 2
MOST_LOGS: Final = 8
MOST_PLANS: Final = 4
MOST_EXPLAINED: Final = 12
"""Of the forty threads that answer requests: with the others it leaves some."""


class BusAway(FleetError):
    """Nobody can be asked, as the fleet's bus does not answer: what was sent now would be lost."""


class Asking:
    """Of one coordinator. Any thread may use it.

    Args:
        driver, inbox: of its thread.
        away_since: since when the bus does not answer; None: it does.

    Attributes:
        looks, looks_here: slots for cameras that are looked at for users, in all and by this machine.
        logs, plans, explained: for what is waited for likewise.
    """

    def __init__(
        self,
        driver: Driver,
        inbox: Inbox[Any],
        clock: Clock,
        away_since: Callable[[], datetime | None],
    ) -> None:
        self._driver, self._inbox, self._clock = driver, inbox, clock
        self._away_since = away_since
        self._number = 0
        self.looks = Slots(MOST_LOOKS, "cameras are being tested")
        self.looks_here = Slots(MOST_HERE, "cameras are being tested by the coordinator itself")
        self.logs = Slots(MOST_LOGS, "logs are being asked for")
        self.plans = Slots(MOST_PLANS, "plans are being made")
        self.explained = Slots(MOST_EXPLAINED, "rows are being explained")

    def tell_instance(self, command: AgentCommand) -> str:
        """Have the agent of its instance told; the machine's name.

        Raises:
            BusAway: the bus does not answer. FleetError: it is on no machine that is connected.
        """
        name = command.instance
        return self._name_of(self._send(command, lambda machine: _node_of(machine, name), name))

    def log(self, name: str, lines: int, timeout_s: float = ASK_S) -> AgentResponse:
        """What an instance wrote last. Raises as `tell_instance`, BufferFull and CallTimedOut."""
        command = AgentCommand(command="logs", instance=name, lines=lines)
        with self.logs.one():
            return self._answer(command, lambda machine: _node_of(machine, name), name, timeout_s)

    def explain(self, name: str, timeout_s: float = ASK_S) -> Explanation:
        """Why a camera or an instance is as it is. Raises BufferFull, CallTimedOut: it is too busy."""
        with self.explained.one():
            return self._inbox.ask(
                lambda: self._driver.machine.explain(name, self._clock.monotonic_ns()), timeout_s
            )

    def counts(self) -> dict[str, int]:
        """How many were told to come again."""
        slots = {"looks": self.looks, "looks_here": self.looks_here, "logs": self.logs}
        slots |= {"plans": self.plans, "explained": self.explained}
        return {f"busy_{name}": one.refused for name, one in slots.items() if one.refused}

    def ask_agent(self, command: AgentCommand, node_id: NodeId, timeout_s: float) -> AgentResponse:
        """What this agent answers. Raises BusAway, FleetError where it is not connected, CallTimedOut."""
        return self._answer(command, lambda _: node_id, "", timeout_s)

    def hears(self, node_id: NodeId) -> bool:
        """Whether this agent is connected, and can be asked."""
        if self._away_since() is not None:
            return False
        return self._inbox.ask(lambda: _is_here(self._driver.machine, node_id), ASK_S)

    def key_of(self, node_id: NodeId) -> PublicKey | None:
        """For whom something is sealed that only this agent is to read; None: it is not in."""
        return self._driver.door.key_of(node_id)

    def _answer(
        self,
        command: AgentCommand,
        place: Place,
        what: str,
        timeout_s: float,
    ) -> AgentResponse:
        request, answer = command.request or uuid.uuid4().hex, Future[AgentResponse]()
        command = command.model_copy(update={"request": request})
        try:
            host = self._name_of(self._send(command, place, what, answer))
            return _in_time(answer, timeout_s, host)
        finally:
            self._driver.waiting.pop(request, None)

    def _send(
        self,
        command: AgentCommand,
        place: Place,
        what: str,
        answer: Future[AgentResponse] | None = None,
    ) -> NodeId:
        since = self._away_since()
        if since is not None:
            told = since.isoformat(timespec="seconds")
            raise BusAway(f"the bus does not answer since {told}: nobody can be asked until it does")

        def act() -> NodeId:
            machine = self._driver.machine
            node_id = place(machine)
            if node_id is None or not _is_here(machine, node_id):
                raise FleetError(self._why_not(what, node_id))
            if answer is not None:
                self._driver.waiting[command.request] = node_id, answer
            self._number = max(self._number + 1, self._clock.utc_ns())
            boot = max(0, machine.agents()[node_id].boot)
            said = {"node_id": node_id, "boot": boot, "number": self._number}
            told = command.model_copy(update=said)
            self._driver.do(machine.command(told, self._clock.monotonic_ns()))
            return node_id

        return self._inbox.ask(act, ASK_S)

    def _why_not(self, what: str, node_id: NodeId | None) -> str:
        if what or node_id is None:
            return f"{what} is on no machine that is connected"
        return f"{self._name_of(node_id)} is not connected"

    def _name_of(self, node_id: NodeId) -> str:
        return self._driver.door.hostname_of(node_id)


def _node_of(machine: Coordinator, instance: str) -> NodeId | None:
    view = machine.instances().get(instance)
    if view is None:
        raise Missing("applied instance", instance)
    return view.node


def _is_here(machine: Coordinator, node_id: NodeId) -> bool:
    agent = machine.agents().get(node_id)
    return agent is not None and agent.state in HERE


def _in_time(answer: Future[AgentResponse], timeout_s: float, host: str) -> AgentResponse:
    try:
        return answer.result(timeout_s)
    except FutureTimeout:
        raise CallTimedOut(f"the agent on {host} did not answer within {timeout_s:g} s") from None
