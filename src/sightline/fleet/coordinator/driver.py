"""What carries the machine's decisions out, in one thread: messages and the time in; saved, sent and noted.

It promises: nothing is sent that rests on what is not on disk; where the database takes nothing, who runs
something is acknowledged on, and what waits is saved and sent when there is room again; a message that
breaks something of ours is told and counted, and the next one is read.

Deliberately not here: threads, and what people ask (`service`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Final

from sightline.clock import Clock, ns
from sightline.errors import StoreError
from sightline.fleet.coordinator.configuring import Configuring
from sightline.fleet.coordinator.door import Door
from sightline.fleet.coordinator.looking import Looking
from sightline.fleet.coordinator.outgoing import Outgoing, Sending
from sightline.fleet.deciding.coordinator import events
from sightline.fleet.deciding.coordinator.actions import Action, SendCommand, SendConfig
from sightline.fleet.deciding.coordinator.machine import Coordinator
from sightline.fleet.documents.sources import Sources
from sightline.fleet.inventory import Inventory, NodeId
from sightline.fleet.messages.topics import (
    AgentCommand,
    AgentConfig,
    AgentInfo,
    AgentResponse,
    Refresh,
    UpdateConfig,
)
from sightline.fleet.post.post import Post
from sightline.fleet.post.reading import Received
from sightline.fleet.store import Database
from sightline.fleet.store.refusals import Busy
from sightline.log import Repeated, get_logger

SAVE_AGAIN_S: Final = 1.0
BUSY_S: Final = 0.05
"""Before it is tried again, where a user's change is being written."""
WRITE_S: Final = 0.25


class Driver:
    """For one thread.

    Attributes:
        fault: why the database takes nothing; "": it does.
        counts: what came, by kind; `broken` are messages that something of ours broke at.
        inventory: that is applied.
        waiting: whose answer somebody waits for, by request; any thread may take one out.
        apply_wanted: who asked on the topic for the draft to be applied; "": nobody.
    """

    def __init__(
        self,
        *,
        machine: Coordinator,
        database: Database,
        post: Post,
        door: Door,
        configuring: Configuring,
        looking: Looking,
        inventory: Inventory,
        happened: events.Events,
        clock: Clock,
    ) -> None:
        self.inventory = inventory
        self.machine, self.door, self.configuring, self.looking = machine, door, configuring, looking
        self._database, self._post, self._clock = database, post, clock
        self._outgoing = Outgoing()
        self._happened = happened
        self._gone: set[NodeId] = set()
        self._save_ns = self._write_ns = 0
        self._broken = Repeated(get_logger(__name__), "a message could not be dealt with", clock=clock)
        self.fault = ""
        self.counts: Counter[str] = Counter()
        self.apply_wanted = ""
        self.waiting: dict[str, tuple[NodeId, Future[AgentResponse]]] = {}

    def came(self, received: Iterable[Received]) -> None:
        """Messages of the bus, in their order."""
        received = list(received)
        greetings = [(one, one.message) for one in received if isinstance(one.message, AgentInfo)]
        self._tried(AgentInfo.topic, lambda: self.door.enrol(greetings))
        for one in received:
            self.counts[one.message.topic] += 1
            self._tried(one.message.topic, partial(self._came, one))

    def do(self, actions: Sequence[Action]) -> None:
        """Have this done, in time."""
        self._outgoing.add(actions)
        self.looking.decided(actions)
        self._outgoing.add(self._happened.decided(actions, self.inventory, self.machine))

    def applied(self, inventory: Inventory, sources: Sources, by: str) -> None:
        """This is applied now, and on disk; `by` which way."""
        self._outgoing.add(events.applied(self.inventory, inventory, by))
        self.inventory, self.configuring.sources = inventory, sources
        self.do(self.machine.applied(inventory, self._clock.monotonic_ns()))
        self.looking.look(self.machine, inventory, now=True)

    def settle(self, *, connected: bool) -> None:
        """What is due, and all that is to be done. While the bus is away nobody is taken for lost."""
        now_ns = self._clock.monotonic_ns()
        due_ns = self.machine.due_ns()
        if connected and due_ns is not None and due_ns <= now_ns:
            self.do(self.machine.tick(now_ns))
        for command in self._outgoing.take_at_once():
            self._post.send(command)
        self._save(now_ns)
        for sending in self._outgoing.take_ready():
            self._send(sending)
        self._forget_gone()
        self._write(now_ns)
        self.looking.look(self.machine, self.inventory)

    def due_ns(self, *, connected: bool) -> int:
        """When to settle, if nothing comes before."""
        due_ns = self.machine.due_ns() if connected else None
        save_ns = self._save_ns if self._outgoing.unsaved else None
        return min(one for one in (self._write_ns, due_ns, save_ns) if one is not None)

    def end(self) -> None:
        """Write what waits."""
        self._broken.flush()
        self.looking.end()

    def _tried(self, topic: str, act: Callable[[], None]) -> None:
        try:
            act()
        except StoreError as error:
            self._failed(error, self._clock.monotonic_ns())
        except Exception as error:  # noqa: BLE001 - the next one is none the worse for it
            self.counts["broken"] += 1
            self._broken.add(topic=topic, reason=repr(error))

    def _came(self, received: Received) -> None:
        message, now_ns = received.message, self._clock.monotonic_ns()
        match message:
            case AgentResponse():
                self._responded(received, message, now_ns)
            case AgentInfo():
                self._greeted(received, message, now_ns)
            case Refresh() if self.door.obeys(received):
                self.do(self.machine.refreshed(now_ns))
            case UpdateConfig() if self.door.obeys(received):
                self.apply_wanted = events.way("the topic UpdateConfig", message.desc)

    def _greeted(self, received: Received, message: AgentInfo, now_ns: int) -> None:
        info, refusal = self.door.admitted(received, message)
        if refusal is None:
            self.do(self.machine.heard_info(info, now_ns))
            self.looking.changed(info.node_id)
        elif self.door.may_refuse(received, info):
            self._refuse(info, refusal, now_ns)

    def _refuse(self, info: AgentInfo, refusal: str, now_ns: int) -> None:
        actions = self.machine.heard_info(info, now_ns, refusal=refusal)
        if self.door.key_of(info.node_id) is None:
            self.do(actions)
            return
        # Somebody greets as one who is in: what waits for that one is not forgotten.
        for action in actions:
            if isinstance(action, SendCommand) and action.command.command == "refuse":
                self._post.send(action.command)
            else:
                self.do([action])

    def _responded(self, received: Received, response: AgentResponse, now_ns: int) -> None:
        if self.door.listens_to(received, response):
            self.do(self.machine.heard_response(response, now_ns))
            self.looking.heard(response)
            self._outgoing.add(self._happened.heard(response.node_id, self.machine))
            if response.request:
                self._answer(response)
        elif self.door.key_of(response.node_id) is None and self.door.is_to_be_told(response.node_id):
            self._post.send(
                AgentCommand(
                    command="refuse",
                    node_id=response.node_id,
                    boot=response.boot,
                    reason=self.door.why_not(response.node_id),
                )
            )

    def _answer(self, response: AgentResponse) -> None:
        """For whoever waits for it; every agent can read who was asked."""
        node_id, waiting = self.waiting.get(response.request, (None, None))
        if waiting is not None and node_id == response.node_id and not waiting.done():
            waiting.set_result(response)

    def _save(self, now_ns: int) -> None:
        unsaved = self._outgoing.unsaved
        if unsaved is None or now_ns < self._save_ns:
            return
        try:
            self._database.save(unsaved)
        except StoreError as error:
            self._failed(error, now_ns)
            return
        self._outgoing.saved()
        self._gone.update(node_id for node_id, share in unsaved.shares.items() if share is None)
        self._mended()

    def _send(self, sending: Sending) -> None:
        if not isinstance(sending, SendConfig):
            self._post.send(sending.command)
            return
        node_id = sending.share.node_id
        config = self.configuring.made(sending.share, self.door.hostname_of(node_id))
        if config is not None:
            self._gone.discard(node_id)
            self._post.send(config)

    def _forget_gone(self) -> None:
        """The bus need not keep what an agent is to run that is no more."""
        if not self._outgoing.unsaved:
            for node_id in self._gone:
                self._post.forget(AgentConfig, str(node_id))
            self._gone.clear()

    def _write(self, now_ns: int) -> None:
        """What was seen and noted, and what agents said of themselves while that could not be written, once
        in `WRITE_S`.
        """
        if now_ns < self._write_ns:
            return
        self._write_ns = now_ns + ns(WRITE_S)
        try:
            self.looking.write(self.machine, self.inventory)
            noted = self._outgoing.take_noted()
            try:
                self._database.events.note(noted)
            except StoreError:
                self._outgoing.add(noted)
                raise
            for node_id in self.door.keep():
                self.looking.changed(node_id)
        except StoreError as error:
            self._failed(error, now_ns)
            return
        if self._outgoing.unsaved is None:
            self._mended()

    def _failed(self, error: StoreError, now_ns: int) -> None:
        if isinstance(error, Busy):
            self._save_ns = now_ns + ns(BUSY_S)
            return
        if not self.fault:
            get_logger(__name__).error("the database takes nothing; what runs goes on", reason=str(error))
        self.fault = str(error)
        self._save_ns = now_ns + ns(SAVE_AGAIN_S)

    def _mended(self) -> None:
        if self.fault:
            get_logger(__name__).info("the database takes what is to be saved again")
        self.fault = ""
