"""What is seen of the fleet, for those who ask: a picture in memory, and rows of the database.

It promises: the picture is one moment's, and whoever looks at it waits for nobody; a row is written a
moment after what it says changed, and so many a second that the coordinator's thread has time for its agents.

Deliberately not here: what follows from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Final, NamedTuple

import msgspec

from sightline.clock import NS_PER_MS, Clock, ns
from sightline.errors import StoreError
from sightline.fleet.deciding.coordinator.actions import Action, Noted, Save
from sightline.fleet.deciding.coordinator.machine import Coordinator
from sightline.fleet.deciding.coordinator.views import AgentView, InstanceView, Totals
from sightline.fleet.inventory import Inventory, NodeId
from sightline.fleet.messages.parts import FleetInstanceStatus
from sightline.fleet.messages.topics import AgentResponse
from sightline.fleet.store import Database
from sightline.fleet.store.observing import AgentSeen, CameraSeen, InstanceSeen
from sightline.log import get_logger

MOST_PICTURE_S: Final = 0.5
LEAST_PICTURE_S: Final = 0.05
PICTURES_SHARE: Final = 0.1
"""Of the thread's time that pictures may take: those of a large fleet are made more seldom."""
MOST_ROWS_A_TIME: Final = 2000
MOST_NAMES: Final = 100_000
MOST_FAILED: Final = 100
HERE: Final = frozenset({"connected", "draining"})
WELL: Final = frozenset({"running", "exited", "idle", "unwanted"})
"""States of instances in which nothing is missing."""


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """The fleet at one moment.

    Attributes:
        revision: that was applied then.
        totals: machines, instances and cameras.
        behind: machines that are to run what they do not run yet, or not well.
        failed: of those, which gave it up, and why, by name; of many the first.
        as_desired: everything that is wanted has a place, and every instance runs there; a camera of it may
            be away all the same.
    """

    revision: int = 0
    totals: Totals = Totals(
        agents={}, current=0, instances={}, cameras=0, unplaced_cameras=0, unplaced_instances=0
    )
    behind: int = 0
    failed: dict[str, str] = {}
    as_desired: bool = False


class _Said(NamedTuple):
    """What an agent said last, but for its figures."""

    boot: int
    seq: int
    head: tuple[object, ...]
    states: tuple[tuple[Any, ...], ...]


class Looking:
    """Of one coordinator; for its thread, but for `picture`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock
        self._nodes: set[NodeId] = set()
        self._told_of: set[NodeId] = set()
        self._names: dict[str, None] = {}
        self._runs: dict[str, int] = {}
        self._all = True
        self._is_new = True
        self._said: dict[NodeId, _Said] = {}
        self._due_ns = 0
        self.picture = Picture()

    def heard(self, response: AgentResponse) -> None:
        """An agent said how it is. Most say what they said before, with other figures."""
        self._nodes.add(response.node_id)
        was = self._said.get(response.node_id)
        if was is not None and (response.boot, response.seq) <= (was.boot, was.seq):
            was = None  # out of order: what the machine takes of it is seen there
        said = _said(response, was)
        self._said[response.node_id] = said
        # What an agent that began anew says is news, also where it is what the one before it said last: its
        # greeting came between, and a picture that was taken then says that nothing is known of it.
        if was is None or (said.boot, said.head, said.states) != (was.boot, was.head, was.states):
            self._is_new = True
            self._names |= dict.fromkeys(name for name, *_ in said.states)
            self._names |= dict.fromkeys(name for name, *_ in was.states) if was else {}
            if len(self._names) > MOST_NAMES:  # somebody makes them up: look at those that there are
                self._names.clear()
                self._all = True

    def changed(self, node_id: NodeId) -> None:
        """Something of a machine is another."""
        self._nodes.add(node_id)
        self._is_new = True

    def decided(self, actions: Iterable[Action]) -> None:
        """The machine wants this done."""
        for action in actions:
            if isinstance(action, Noted) and action.node_id is not None:
                self.changed(action.node_id)
                self._told_of.add(action.node_id)  # lost, or back: so is all that is to run there
            elif isinstance(action, Save):
                self._nodes.update(action.shares)
                self._all = self._all or action.placement is not None or bool(action.shares)
                self._is_new = True

    def look(self, machine: Coordinator, inventory: Inventory, *, now: bool = False) -> None:
        """Have a picture of this moment, where something changed and it is time, or `now`."""
        now_ns = self._clock.monotonic_ns()
        if not now and (not self._is_new or now_ns < self._due_ns):
            return
        self._is_new = False
        self._take(machine, inventory)
        cost_ns = self._clock.monotonic_ns() - now_ns
        pause_ns = min(max(round(cost_ns / PICTURES_SHARE), ns(LEAST_PICTURE_S)), ns(MOST_PICTURE_S))
        self._due_ns = now_ns + pause_ns

    def _take(self, machine: Coordinator, inventory: Inventory) -> None:
        totals = machine.totals()
        late = [view for view in machine.agents().values() if _is_behind(view)]
        behind = len(late)
        whole = not (behind or totals.unplaced_cameras or totals.unplaced_instances)
        self.picture = Picture(
            revision=inventory.revision,
            totals=totals,
            behind=behind,
            failed=dict(islice(_failed(late), MOST_FAILED)),
            as_desired=whole and WELL.issuperset(state for state, times in totals.instances.items() if times),
        )

    def write(self, machine: Coordinator, inventory: Inventory) -> None:
        """Rows for what changed. Raises StoreError; what waits is kept."""
        agents, instances = machine.agents(), machine.instances()
        nodes, self._nodes = self._nodes, set()
        nowhere: dict[str, CameraSeen] = {}
        if self._all:
            self._all = False
            self._names |= dict.fromkeys(instances)
            nowhere = self._nowhere(machine, inventory)
        for node in self._told_of & agents.keys():
            self._names |= dict.fromkeys(agents[node].instances)
        self._told_of.clear()
        names = [name for name, _ in zip(list(self._names), range(MOST_ROWS_A_TIME), strict=False)]
        for name in names:
            del self._names[name]
        views = [instances[name] for name in names if name in instances]
        on = {
            node: agents[node] for node in {one.node for one in views} if node is not None and node in agents
        }
        # In one go: what is told of later in the same moment would wait for the next one.
        self._database.observed.observe(
            agents={one: self._agent(agents[one]) for one in nodes if one in agents},
            instances={one.name: _instance(one, on) for one in views},
            cameras=nowhere
            | {name: seen for one in views for name, seen in self._cameras(one, on, inventory)},
        )

    def _nowhere(self, machine: Coordinator, inventory: Inventory) -> dict[str, CameraSeen]:
        """Cameras that no instance has any more: what was seen of them last is no news."""
        names = [name for name in inventory.cameras if machine.instance_of(name) is None]
        for name in names:
            self._runs.pop(name, None)
        return dict.fromkeys(names, CameraSeen(status=""))

    def end(self) -> None:
        """Write what waits."""
        try:
            self._database.observed.write(now=True)
        except StoreError as error:
            get_logger(__name__).warning("how it was at the end is not kept", reason=str(error))

    def _agent(self, view: AgentView) -> AgentSeen:
        ago_ns = 0 if view.heard_ns is None else self._clock.monotonic_ns() - view.heard_ns
        return AgentSeen(
            connected=view.state in HERE,
            last_seen=(self._clock.utc_ns() - ago_ns) // NS_PER_MS,
            observed_generation=view.observed,
            verified_generation=view.verified,
            deployment=f"{view.deployment}: {view.reason}" if view.reason else view.deployment,
        )

    def _cameras(
        self, view: InstanceView, on: Mapping[NodeId, AgentView], inventory: Inventory
    ) -> Iterable[tuple[str, CameraSeen]]:
        agent = None if view.node is None else on.get(view.node)
        otherwise = _state(view, on)
        figures = view.status.cameras if view.status and otherwise == view.state else {}
        for name in view.cameras:
            spec = inventory.cameras.get(name)
            if spec is not None and agent is not None and agent.is_current and view.state == "running":
                self._runs[name] = spec.generation
            state = figures[name].state if name in figures else ""
            yield name, CameraSeen(status=state or otherwise, observed_generation=self._runs.get(name, 0))


def _said(response: AgentResponse, was: _Said | None) -> _Said:
    head = (response.generation, response.observed_generation, response.deployment, response.reason)
    states = tuple(map(_outline, response.status)) if response.full else was.states if was else ()
    return _Said(response.boot, response.seq, head, states)


def _outline(one: FleetInstanceStatus) -> tuple[Any, ...]:
    cameras = tuple((name, figures.state) for name, figures in one.cameras.items())
    return one.instance_name, one.state, one.reason, one.generation, cameras


def _failed(late: Iterable[AgentView]) -> Iterator[tuple[str, str]]:
    for view in late:
        if view.state in HERE and view.gave_up:
            yield view.spec.hostname, view.reason or "no reason was given"


def _is_behind(view: AgentView) -> bool:
    if view.state in HERE:
        return not view.is_current
    return view.state == "removed" or bool(view.instances)


def _instance(view: InstanceView, on: Mapping[NodeId, AgentView]) -> InstanceSeen:
    state = _state(view, on)
    reason = view.reason if state == view.state else "its machine is not heard"
    return InstanceSeen(status=state, reason=reason, observed_generation=view.runs)


def _state(view: InstanceView, on: Mapping[NodeId, AgentView]) -> str:
    """What was reported last of a machine that is lost is no news of it."""
    agent = None if view.node is None else on.get(view.node)
    is_news = view.status is None or agent is None or agent.state != "lost"
    return view.state if is_news else "lost"
