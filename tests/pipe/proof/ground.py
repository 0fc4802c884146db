"""A plan at work within this process: the real wires, trunks and runners of each flow, and no other process.

What a flow's process and the pipe's parent do with them is done here, in the same order.
"""

from __future__ import annotations

import socket
import sys
import threading
import traceback
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from itertools import count
from typing import Any, Final

from tests.pipe.atwork import AtWork
from tests.pipe.proof.actors import InMemory, actor_of
from tests.pipe.proof.plans import Plan, Way
from tools.services.waiting import wait_for

from sightline.pipe.counts.accounts import Account
from sightline.pipe.counts.ledger import Ledger
from sightline.pipe.counts.reports import Outcome, RoutineStats, RunnerEvent, State
from sightline.pipe.directory import Directory
from sightline.pipe.flow.coroutines import FlowLoop
from sightline.pipe.plan import Change, Edge, Edges, FlowSpec
from sightline.pipe.routine import Routine
from sightline.pipe.wires.wiring import Wiring

DEADLINE_S: Final = 20.0
OVER: Final = (State.DONE, State.KILLED)
_RUNS: Final = count()


def stacks() -> str:
    """Where in this project all threads of this process are."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    lines = []
    for ident, frame in sys._current_frames().items():
        ours = [at for at in traceback.extract_stack(frame) if "sightline" in at.filename][-3:]
        lines.append(f"{names.get(ident)}: {' > '.join(f'{at.name} {at.lineno}' for at in ours)}")
    return "\n".join(lines)


class Flow:
    """One flow, from its begin to its death."""

    def __init__(
        self,
        name: str,
        routines: Iterable[Routine],
        sources: frozenset[str],
        edges: Iterable[Edge],
        states: dict[str, State],
        account: Account,
    ) -> None:
        routines = tuple(routines)
        self._states = states
        self._lives = True
        spec = FlowSpec(
            name=name,
            routines=routines,
            sources=sources,
            directory=Directory(),
            logger="",
            level=0,
            root_level=0,
            stop_s=DEADLINE_S,
        )
        self.failed: list[str] = []
        self.wiring = Wiring(spec, None, account, failed=self.failed.append)
        self._loop = FlowLoop()
        outlets = self.wiring.add(edges)
        self.runners: dict[str, AtWork] = {}
        for routine in routines:
            theirs = {ends[1]: outlet for ends, outlet in outlets.items() if ends[0] == routine.name}
            inlet = self.wiring.inlets.get(routine.name)
            self.runners[routine.name] = runner = AtWork(
                routine,
                inlet,
                theirs,
                self._note,
                broken=self.failed.append,
                loop=self._loop,
                account=account,
            )
            if states[routine.name] in OVER:
                runner.be_over(states[routine.name])
        for runner in self.runners.values():
            runner.open()

    def rewire(self, change: Change) -> None:
        for (source, destination), outlet in self.wiring.add(change.add).items():
            self.runners[source].link(destination, outlet)
        for source, destination in self.wiring.remove(change.remove):
            if source in self.runners:
                self.runners[source].unlink(destination)

    def end(self) -> None:
        """Wires first: what its routines still do reaches nobody, and nobody hears of it."""
        self._lives = False
        self.wiring.close(0.0)
        for runner in self.runners.values():
            runner.kill(DEADLINE_S)
        for runner in self.runners.values():
            runner.join(DEADLINE_S)
        self._loop.close()

    def _note(self, event: RunnerEvent) -> None:
        if self._lives:
            self._states[event.routine] = event.state


class Ground:
    """All flows of a plan."""

    def __init__(self, plan: Plan) -> None:
        run = next(_RUNS)
        self.plan = plan
        self.journals = {part.name: InMemory(f"{run}.{part.name}") for part in plan.parts}
        self.states = {part.name: State.STOPPED for part in plan.parts}
        self._ways = {way.ends: way for way in plan.ways}
        self._sources = frozenset(part.name for part in plan.parts if plan.is_source(part.name))
        self._edges = Edges()
        self._edges.apply(self._edges.change(map(self._edge, plan.ways)))
        names = dict.fromkeys(part.flow for part in plan.parts)
        self._ledgers = {name: Ledger.made() for name in names}
        self._trunks = count(1)
        self.flows = {name: self._flow(name) for name in names}
        for at, name in enumerate(self.flows):
            for other in list(self.flows)[:at]:
                self._join(name, other)

    # What a pipe's user can do.

    def send(self, event: str, names: Iterable[str], **parameters: Any) -> list[Future[Outcome]]:
        return [self._runner(name).handle(event, parameters) for name in names]

    def link(self, way: Way) -> None:
        self._ways[way.ends] = way
        self._rewire()

    def unlink(self, ends: tuple[str, str]) -> None:
        self._ways.pop(ends, None)
        self._rewire()

    def stats(self) -> dict[str, RoutineStats]:
        runners = (runner for flow in self.flows.values() for runner in flow.runners.values())
        return {runner.name: runner.stats() for runner in runners}

    @property
    def failed(self) -> list[str]:
        """Ways between flows that ended by themselves."""
        return [why for flow in self.flows.values() for why in flow.failed]

    @property
    def waiting(self) -> int:
        """Messages that came over from another flow and did not get into the line of their wire."""
        trunks = (trunk for flow in self.flows.values() for trunk in flow.wiring._trunks.values())
        return sum(len(landing._waiting) for trunk in trunks for landing in trunk._landings.values())

    def wait_until(self, condition: Callable[[], object], what: str) -> None:
        """Raises AssertionError with all that may say why it is not so in time."""
        try:
            wait_for(condition, DEADLINE_S, what)
        except TimeoutError as error:
            told = "\n".join(map(str, self.stats().values()))
            raise AssertionError(f"{error}\n{self.states}\n{told}\n{stacks()}") from None

    def close(self) -> None:
        for flow in self.flows.values():
            flow.end()
        for ledger in self._ledgers.values():
            ledger.close()
        self.flows.clear()

    # What befalls one.

    def kill(self, flow: str) -> None:
        """The flow dies, and is begun again as it had been; START is the caller's to send."""
        self.flows[flow].end()
        self.flows[flow] = self._flow(flow)
        for other in self.flows:
            if other != flow:
                self._join(flow, other)

    def _flow(self, name: str) -> Flow:
        parts = [part for part in self.plan.parts if part.flow == name]
        for part in parts:
            if self.states[part.name] not in OVER:
                self.states[part.name] = State.STOPPED
        routines = [actor_of(part, self.journals[part.name], self.plan.many) for part in parts]
        edges = self._edges.of_flow(name)
        return Flow(name, routines, self._sources, edges, self.states, self._ledgers[name].account)

    def _join(self, name: str, other: str) -> None:
        ends, number = socket.socketpair(), next(self._trunks)
        for one, peer, end in ((name, other, ends[0]), (other, name, ends[1])):
            self.flows[one].wiring.connect(peer, number, end)

    def _rewire(self) -> None:
        change = self._edges.change(map(self._edge, self._ways.values()))
        self._edges.apply(change)
        for phase in (Change.first_in, Change.then_in):
            for name, flow in self.flows.items():
                flow.rewire(phase(change, name))

    def _edge(self, way: Way) -> Edge:
        return Edge(
            source=way.source,
            source_flow=self.plan.flow_of(way.source),
            destination=way.destination,
            destination_flow=self.plan.flow_of(way.destination),
            settings=way.settings,
            transmitter=None,
        )

    def _runner(self, name: str) -> AtWork:
        return self.flows[self.plan.flow_of(name)].runners[name]
