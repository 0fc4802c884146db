"""The coordinator at work: one thread that owns the machine, one that reads the bus, and what may be asked.

It promises: who asks for what the database or the last picture have never waits for the bus, the agents or
the machine; what is refused changed nothing; after a crash it goes on from what was saved. It ends within
seconds.

Deliberately not here: deciding (`machine`), carrying out (`driver`), HTTP (`fleet.api`).
"""

from __future__ import annotations

import secrets
import threading
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

from sightline.clock import NS_PER_MS, SYSTEM_CLOCK, Clock
from sightline.errors import Closed, StoreError
from sightline.fleet.coordinator.asking import ASK_S, Asking
from sightline.fleet.coordinator.configuring import Configuring
from sightline.fleet.coordinator.door import Door
from sightline.fleet.coordinator.driver import Driver
from sightline.fleet.coordinator.inbox import Inbox
from sightline.fleet.coordinator.looking import Looking, Picture
from sightline.fleet.deciding.coordinator.actions import Action
from sightline.fleet.deciding.coordinator.events import Events, way
from sightline.fleet.deciding.coordinator.fleet import MOST_JUMP
from sightline.fleet.deciding.coordinator.machine import Coordinator
from sightline.fleet.deciding.coordinator.planning import Plan
from sightline.fleet.documents.sources import CameraSource
from sightline.fleet.inventory import Inventory, NodeId
from sightline.fleet.keys.identity import Identity
from sightline.fleet.keys.tokens import Token, TokenRecord
from sightline.fleet.messages.topics import AgentCommand, AgentInfo, AgentResponse, Refresh, UpdateConfig
from sightline.fleet.post.post import Post
from sightline.fleet.post.reading import Received
from sightline.fleet.store import Database
from sightline.fleet.store.refusals import Missing
from sightline.fleet.store.revisions import Expected, RowChange
from sightline.fleet.store.rows import AgentChange, AgentIn, AgentOut
from sightline.fleet.store.tokens import TokenOut
from sightline.fleet.store.undoing import Undone
from sightline.fleet.timing import Timing
from sightline.log import get_logger, redact

T = TypeVar("T")

NAME: Final = "coordinator"
PLAN_S: Final = 30.0
WRITE_WAIT_S: Final = 0.1
"""That agents may wait for because users write much at once, such as a site of thousands of cameras."""
_POLL_S: Final = 0.5
_MOST_A_TIME: Final = 500


class CoordinatorService:
    """From now until `close`. Any thread may use it.

    Args:
        bus: its URL. A bus that is away is waited for.
        database: that it goes by, and that stays open after its end.
        identity: by which agents know it.
        prefix: before the topics' names.
        open_topics: whether UpdateConfig and Refresh are obeyed whoever sent them.
        ready_s: see `Configuring`.
        timing, clock: what it shares with its agents, and its time.

    Attributes:
        asking: what one agent is asked once.

    Raises:
        ConfigError, MissingExtra: the URL or the prefix is wrong. StoreError: the database cannot be read.
    """

    def __init__(
        self,
        bus: str,
        database: Database,
        identity: Identity,
        *,
        prefix: str = "",
        open_topics: bool = False,
        ready_s: Mapping[NodeId, float] | None = None,
        timing: Timing | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self.database = database
        self.identity = identity
        self._clock = clock
        self._heard_ns = clock.utc_ns()
        self._applying = threading.Lock()
        self._was_away = threading.Event()
        self._reads = threading.Event()
        self._inbox: Inbox[Received] = Inbox()
        inventory, sources = database.applied()
        door = Door(identity, database, clock, open_topics=open_topics)
        floor = clock.utc_ns() // NS_PER_MS
        jump, now_ns = secrets.randbelow(MOST_JUMP), clock.monotonic_ns()
        memory = database.memory()
        machine = Coordinator(memory, timing or Timing(), now_ns, floor=floor, jump=jump)
        self._post = Post(
            bus, identity=identity, by=NAME, prefix=prefix, on_reconnected=self._reconnected, clock=clock
        )
        self._driver = Driver(
            machine=machine,
            database=database,
            post=self._post,
            door=door,
            configuring=Configuring(sources, door.key_of, identity.public, ready_s),
            looking=Looking(database, clock),
            inventory=inventory,
            happened=Events(memory.placement),
            clock=clock,
        )
        self.asking = Asking(self._driver, self._inbox, clock, lambda: self.away_since)
        self._reader = self._post.reader(AgentInfo, AgentResponse, UpdateConfig, Refresh)
        self._threads = [
            threading.Thread(target=target, name=f"fleet {name}", daemon=True)
            for name, target in (("reading", self._read), ("coordinator", self._run))
        ]
        for thread in self._threads:
            thread.start()

    # What is asked

    @property
    def picture(self) -> Picture:
        """How all was a moment ago."""
        return self._driver.looking.picture

    @property
    def connected(self) -> bool:
        """Whether the bus answers."""
        return self._post.connected

    @property
    def away_since(self) -> datetime | None:
        """Since when the bus does not answer, and nobody can be heard; None: it does."""
        return None if self.connected else datetime.fromtimestamp(self._heard_ns / 1e9, UTC)

    @property
    def fault(self) -> str:
        """Why the database takes nothing; "": it does."""
        return self._driver.fault

    @property
    def revision(self) -> int:
        """What is applied."""
        return self._driver.inventory.revision

    @property
    def applied(self) -> Inventory:
        """What is applied."""
        return self._driver.inventory

    def mistakes(self) -> dict[str, str]:
        """Why what is wanted cannot be made, by instance."""
        return {name: one.reason for name, one in self._driver.configuring.mistakes.items()}

    def applied_cameras(self) -> list[str]:
        """Names of those that are applied and switched on."""
        return [name for name, spec in self.applied.cameras.items() if spec.enabled]

    def source_of(self, camera: str) -> CameraSource | None:
        """How it is opened, with its login; None: it is not applied."""
        return self._driver.configuring.sources.cameras.get(camera)

    def counts(self) -> dict[str, int]:
        """What came and was refused since the begin."""
        refused = {f"refused_{name}": times for name, times in self._driver.door.refused.items()}
        unread = self._reader.counts()
        invalid = {"invalid": sum(unread.invalid.values())}
        return {**self._driver.counts, **refused, **invalid, **self.asking.counts()}

    def ask(self, question: Callable[[Coordinator, int], T], timeout_s: float = ASK_S) -> T:
        """What the machine answers, in its thread.

        Raises:
            CallTimedOut, BufferFull: it is too busy. Closed: it is over.
        """
        return self._inbox.ask(lambda: question(self._driver.machine, self._clock.monotonic_ns()), timeout_s)

    def plan(
        self,
        wanted: Inventory | None,
        lost: frozenset[NodeId] = frozenset(),
        *,
        drained: frozenset[NodeId] = frozenset(),
        rebalance: bool = False,
    ) -> Plan:
        """What would change if this were applied, or what is, and these machines were lost or drained, or the
        load were spread anew. Raises BufferFull, CallTimedOut: it is too busy.
        """
        how: dict[str, Any] = {"lost": lost, "drained": drained, "rebalance": rebalance}
        with self.asking.plans.one():
            return self.ask(lambda machine, _: machine.plan(wanted, **how), PLAN_S)

    # What users do

    def apply(
        self,
        cameras: Collection[str] | None = None,
        *,
        expected: Expected | None = None,
        by: str = "the API",
    ) -> int:
        """What users want becomes what is applied, or of it these cameras alone; the revision. `by` which way
        it was asked for, for the events. Raises DraftChanged where it is not as `expected`, StoreError: then
        nothing changed.
        """
        with self._applying:
            inventory, sources = self.database.apply(cameras, expected)
            self._inbox.ask(lambda: self._driver.applied(inventory, sources, by), ASK_S, must=True)
            return inventory.revision

    def refresh(self) -> int:
        """Ask all agents who and how they are, where the bus is away once it is back; the revision that is
        applied.
        """
        self._act(lambda: self._driver.machine.refreshed(self._clock.monotonic_ns()))
        self.database.audit.note()
        return self.revision

    def rebalance(self) -> int:
        """Move what is above its fair part, although it has a place; the revision that is applied."""
        self._act(lambda: self._driver.machine.rebalance(self._clock.monotonic_ns()))
        self.database.audit.note()
        return self.revision

    def agent_changed(self, key: str, values: AgentChange, expected: int | None = None) -> AgentOut:
        """Change what users say of a machine; it holds at once."""
        row = self.database.agents.change(key, values, expected)
        self._agent_is(uuid.UUID(row.node_id))
        return row

    def agent_replaced(self, key: str, values: AgentIn, expected: int | None = None) -> AgentOut:
        """The same, of all that users say of it."""
        row = self.database.agents.replace(key, values, expected)
        self._agent_is(uuid.UUID(row.node_id))
        return row

    def agent_removed(self, key: str, expected: int | None = None) -> None:
        """A machine is no more of the fleet."""
        row = self.database.agents.remove(key, expected)
        self._agent_is(uuid.UUID(row.node_id))

    def apply_row(self, change: RowChange, *, by: str = "the API") -> int:
        """Change a row, and have it hold at once, and it alone; the revision. Raises StoreError, and what
        `change` raises: then nothing changed.
        """
        with self._applying:
            inventory, sources = self.database.apply_row(change)
            self._inbox.ask(lambda: self._driver.applied(inventory, sources, by), ASK_S, must=True)
            return inventory.revision

    def would_undo(self, entry: int | None = None) -> tuple[Undone, Plan | None]:
        """What `undo` would change; and what becomes of what runs, where something else is applied by it.
        Raises what `undo` does, and what `ask` does.
        """
        then: list[Inventory] = []
        done = self.database.undo(entry, dry_run=True, look=then.append)
        return done, self.plan(then[0]) if then else None

    def undo(self, entry: int | None = None) -> Undone:
        """Take back this act, or the last one that can be, and have what that changes hold. Raises Missing,
        CannotUndo, StoreError: then nothing changed.
        """
        with self._applying:
            done = self.database.undo(entry)
            if done.revision is not None:
                inventory, sources = self.database.applied()
                by = way("the API", f"undo of entry {done.undoes.id}")
                self._inbox.ask(lambda: self._driver.applied(inventory, sources, by), ASK_S, must=True)
        for node_id in done.nodes:
            self._agent_is(uuid.UUID(node_id))
        return done

    def restart(self, instance: str) -> str:
        """Have it begun anew; what was done, for people. Raises FleetError where nobody can do it."""
        host = self.asking.tell_instance(AgentCommand(command="restart", instance=instance))
        self.database.audit.note(of=[("instance", instance)])
        return f"asked {host} to begin {instance} anew"

    def retry(self, instance: str) -> str:
        """Have its agent try again what failed. Raises FleetError where nobody can do it."""
        host = self.asking.tell_instance(AgentCommand(command="retry", instance=instance))
        self.database.audit.note(of=[("instance", instance)])
        return f"asked {host} to try again what failed"

    def logs(self, instance: str, lines: int, timeout_s: float = ASK_S) -> str:
        """What it wrote last. Raises FleetError where nobody can say, CallTimedOut where nobody does."""
        return redact(self.asking.log(instance, lines, timeout_s).log or "")

    def new_token(self, description: str, life_s: float, uses: int) -> tuple[str, TokenOut]:
        """A token that lets agents in: its text, and what is kept of it."""
        token = Token.made(self.identity.public)
        record = TokenRecord.of(token, self._clock.utc_ns(), life_s=life_s, uses=uses)
        return token.text, self.database.tokens.add(record, description)

    def close(self) -> None:
        """Again is allowed."""
        self._inbox.close()
        self._reader.close()
        for thread in self._threads:
            thread.join()
        self._post.close()

    # How

    def _read(self) -> None:
        try:
            while not self._reader.ready(_POLL_S):
                pass
            self._reads.set()  # from here on nothing that is answered to us is missed
            while self._inbox.put(self._reader.poll(_MOST_A_TIME, _POLL_S)):
                pass
        except Closed:
            return

    def _run(self) -> None:
        self.database.sessions.hurry(WRITE_WAIT_S)
        while not self._inbox.closed:
            left_ns = self._driver.due_ns(connected=self._hears) - self._clock.monotonic_ns()
            calls, came = self._inbox.take(max(0.0, left_ns / 1e9), _MOST_A_TIME)
            for call in calls:
                call.carry_out()
            self._driver.came(came)
            self._apply_if_wanted()
            hears = self._hears
            if hears:
                self._heard_ns = self._clock.utc_ns()
            if self._was_away.is_set():
                self._was_away.clear()
                self._driver.do(self._driver.machine.reconnected(self._clock.monotonic_ns()))
            self._driver.settle(connected=hears)
        self._driver.end()

    @property
    def _hears(self) -> bool:
        return self._reads.is_set() and self._post.connected

    def _apply_if_wanted(self) -> None:
        """As the topic asked for. An `apply` of somebody else is under way: it is told to us next."""
        if not self._driver.apply_wanted or not self._applying.acquire(blocking=False):
            return
        try:
            by, self._driver.apply_wanted = self._driver.apply_wanted, ""
            self._driver.applied(*self.database.apply(), by)
        except StoreError as error:
            get_logger(__name__).error("what was asked for on the topic is not applied", reason=str(error))
        finally:
            self._applying.release()

    def _act(self, act: Callable[[], Sequence[Action]]) -> None:
        self._inbox.ask(lambda: self._driver.do(act()), ASK_S, must=True)

    def _agent_is(self, node_id: NodeId) -> None:
        """Users said something else of a machine; the machine of ours hears so."""
        spec = None
        with suppress(Missing):
            spec = self.database.agents.spec(node_id)

        def act() -> Sequence[Action]:
            self._driver.door.reread(node_id)
            machine, now_ns = self._driver.machine, self._clock.monotonic_ns()
            return (
                machine.agent_removed(node_id, now_ns)
                if spec is None
                else machine.agent_changed(spec, now_ns)
            )

        self._act(act)

    def _reconnected(self) -> None:
        """Messages may have been missed; said before the post calls itself connected."""
        self._was_away.set()
