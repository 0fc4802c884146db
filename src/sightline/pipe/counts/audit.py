"""The counts of a pipe, put together from the ledgers of its flows.

What a flow that died held is counted as dropped (`died`, along a `record` wire `incomplete`). What was on its
way between two flows when one of them died is `lost`: what was sent, as the one end counts it, less what has
arrived, as the other does. That is known for sure once both have ended the trunk that it was sent by; until
then it counts as waiting.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from types import MappingProxyType
from typing import Any, Final

from sightline.clock import NS_PER_S, SYSTEM_CLOCK
from sightline.overflow import BufferStats
from sightline.pipe.control import Keep
from sightline.pipe.counts.accounts import (
    ARRIVED,
    BEFORE,
    COPIED_BYTES,
    CPU_NS,
    END_DROPPED,
    END_WORDS,
    ENTERED,
    LEFT,
    LOST,
    PEAK,
    PROCESS_WORDS,
    ROUTINE_WORDS,
    SENT_BYTES,
    TRUNK,
    UNSENT,
    WAITING,
    Drops,
    end_stats,
    end_trunk,
)
from sightline.pipe.counts.books import BOOK_WORDS, routine_stats, settle_hand
from sightline.pipe.counts.ledger import Key, Ledger, private
from sightline.pipe.counts.reports import RoutineStats
from sightline.pipe.counts.stats import FlowStats, PipeState, PipeStats, WireStats
from sightline.pipe.counts.usage import cpu_ns, rss_bytes
from sightline.pipe.parent.far_flow import FarFlow
from sightline.pipe.plan import Edge
from sightline.pipe.settings import Policy
from sightline.shm.grants import Grants, GrantStats
from sightline.supervise.supervisor import ChildStatus
from sightline.supervise.watched import State as ProcessState

_NO_PROCESS: Final = ChildStatus(state=ProcessState.ENDED, reason="")


class Audit:
    """Of one pipe. Whoever uses it sees to it that others do not at the same time.

    Args:
        flows: by their names.
        edges: as they are.
        built: whether they are processes, and count.

    Raises:
        SharingError: there is no memory for a flow's ledger.
    """

    def __init__(self, flows: Mapping[str, FarFlow], edges: Iterable[Edge], *, built: bool = True) -> None:
        self._flows = flows
        self._ledgers: dict[str, Ledger] = {}
        self._edges: dict[tuple[str, str], Edge] = {}
        self._lost: dict[tuple[str, str], int] = {}
        self._cpu_ns = dict.fromkeys(flows, 0)
        self._cpu_before_ns = dict.fromkeys(flows, 0)
        self.link(edges)
        try:
            for name in flows if built else ():
                self._ledgers[name] = Ledger.made()
        except BaseException:
            self.close()
            raise

    def link(self, edges: Iterable[Edge]) -> None:
        """These are all edges from now on."""
        linked = {edge.ends: edge for edge in edges}
        self._edges |= linked
        self._linked = linked.keys()

    def begun(self, flow: FarFlow) -> None:
        """A process of it is about to be there, and to count on."""
        flow.say(Keep(), os.dup(self._ledgers[flow.name].fd))

    def ended(self, flow: str) -> None:
        """Its process is no more: nobody else will say what became of what it held."""
        for routine in self._flows[flow].states:
            self._settle_hand(flow, routine)
        for key, words in self._ledgers[flow].accounts().items():
            match key:
                case ("in", destination, source):
                    self._settle_end(words, (source, destination), words[ARRIVED])
                case ("out", source, destination):
                    self._settle_end(words, (source, destination))
                case ("routine", _):
                    Drops(words, LOST).add("died", words[UNSENT] + words[WAITING])
                    words[UNSENT] = words[WAITING] = 0
        words = self._account(flow, "process", words=PROCESS_WORDS)
        self._cpu_before_ns[flow] = words[CPU_NS] = self._cpu_ns[flow] = max(
            self._cpu_ns[flow], words[CPU_NS]
        )

    def close(self) -> None:
        """All have ended: give the memory back. What was counted can still be told."""
        for ledger in self._ledgers.values():
            ledger.close()

    def stats(
        self,
        state: PipeState,
        processes: Mapping[str, ChildStatus],
        shared: GrantStats,
        own: Mapping[str, tuple[Any, ...]] = MappingProxyType({}),
    ) -> PipeStats:
        """The counts of now; `own` is what routines told of themselves, by their names."""
        flows = {
            name: self._flow(flow, processes.get(name, _NO_PROCESS), own)
            for name, flow in self._flows.items()
        }
        return PipeStats(
            state=state, flows=flows, wires=tuple(map(self._wire, self._edges.values())), shared=shared
        )

    def _settle_hand(self, flow: str, routine: str) -> None:
        books = self._books(flow, routine)
        coming = [self._end(edge) for edge in self._edges.values() if edge.destination == routine]
        if coming:
            settle_hand(books, sum(words[LEFT] for words in coming), "died")

    def _settle_end(self, words: memoryview, ends: tuple[str, str], came: int = 0) -> None:
        """What waits there died with it. A count may lack what it was about to be told."""
        drops = Drops(words, END_DROPPED)
        words[ENTERED] = max(words[ENTERED], came, words[LEFT] + drops.total)
        edge = self._edges[ends]
        drops.add(_why(edge, "died"), words[ENTERED] - words[LEFT] - drops.total)
        end_trunk(words)

    def _flow(self, flow: FarFlow, process: ChildStatus, own: Mapping[str, tuple[Any, ...]]) -> FlowStats:
        name = flow.name
        noted_ns = self._account(name, "process", words=PROCESS_WORDS)[CPU_NS]
        seen_ns = self._cpu_before_ns[name] + (cpu_ns(process.pid) if process.pid else 0)
        self._cpu_ns[name] = max(self._cpu_ns[name], noted_ns, seen_ns)
        return FlowStats(
            flow=name,
            # Where all else has ended too, its process is not wanted any more; the reason stays.
            state=ProcessState.QUARANTINED if flow.given_up else process.state,
            reason=flow.given_up or process.reason,
            pid=process.pid,
            restarts=process.ends,
            rss_bytes=rss_bytes(process.pid) if process.pid else 0,
            cpu_s=self._cpu_ns[name] / NS_PER_S,
            routines={one: self._routine(flow, one, own.get(one, ())) for one in flow.states},
        )

    def _routine(self, flow: FarFlow, routine: str, own: tuple[Any, ...]) -> RoutineStats:
        edges = self._edges.values()
        return routine_stats(
            routine,
            (flow.states[routine], flow.reasons.get(routine, "")),
            self._books(flow.name, routine),
            self._account(flow.name, "routine", routine, words=ROUTINE_WORDS),
            wires_in=lambda: {one.source: self._coming(one) for one in edges if one.destination == routine},
            wires_out=lambda: {one.destination: self._going(one) for one in edges if one.source == routine},
            now_ns=SYSTEM_CLOCK.monotonic_ns(),
            own=own,
        )

    def _coming(self, edge: Edge) -> BufferStats:
        """A wire as its reader has it."""
        return end_stats(self._end(edge), edge.settings.capacity, came=_came(edge))

    def _going(self, edge: Edge) -> BufferStats:
        """A wire as its writer has it."""
        if not edge.crosses:
            return self._coming(edge)
        begin, end = self._begin(edge), self._end(edge)
        return end_stats(begin, edge.settings.capacity, left=end[ARRIVED], lost=self._lost_of(edge))

    def _wire(self, edge: Edge) -> WireStats:
        begin, end = self._begin(edge), self._end(edge)
        # From its end to its beginning, so that nothing is missing.
        left, coming, going = end[LEFT], self._coming(edge), self._going(edge)
        dropped = dict(coming.dropped)
        if edge.crosses:
            for why, number in going.dropped.items():
                dropped[why] = dropped.get(why, 0) + number
        return WireStats(
            source=edge.source,
            source_flow=edge.source_flow,
            destination=edge.destination,
            destination_flow=edge.destination_flow,
            policy=edge.settings.policy,
            capacity=edge.settings.capacity,
            linked=edge.ends in self._linked,
            entered=going.entered,
            left=left,
            dropped=dropped,
            waiting=going.entered - left - sum(dropped.values()),
            peak=max(begin[PEAK], end[PEAK]),
            sent_bytes=begin[SENT_BYTES],
            copied_bytes=begin[COPIED_BYTES],
        )

    def _lost_of(self, edge: Edge) -> dict[str, int]:
        """What was on its way by trunks that have ended; it never gets less."""
        begin, end = self._begin(edge), self._end(edge)
        trunks = begin[TRUNK], end[TRUNK]
        if max(trunks) <= 0:
            lost = begin[LEFT] - end[ARRIVED]
        elif abs(trunks[0]) == abs(trunks[1]):
            lost = begin[BEFORE] - end[BEFORE]
        else:
            lost = 0
        if (begin[TRUNK], end[TRUNK]) == trunks:
            self._lost[edge.ends] = max(self._lost.get(edge.ends, 0), lost)
        return {_why(edge, "lost"): self._lost.get(edge.ends, 0)}

    def _begin(self, edge: Edge) -> memoryview:
        return self._account(edge.source_flow, "out", *edge.ends, words=END_WORDS)

    def _end(self, edge: Edge) -> memoryview:
        return self._account(edge.destination_flow, "in", edge.destination, edge.source, words=END_WORDS)

    def _books(self, flow: str, routine: str) -> list[memoryview]:
        """Of all replicas, in their order."""
        return list(self._replicas(flow, routine)) or [private(BOOK_WORDS)]

    def _replicas(self, flow: str, routine: str) -> Iterator[memoryview]:
        accounts = self._accounts(flow)
        for number in count():
            words = accounts.get(("books", routine, str(number)))
            if words is None:
                return
            yield words

    def _account(self, flow: str, *key: str, words: int) -> memoryview:
        """What stands there; zeros where nothing was counted yet."""
        found = self._accounts(flow).get(key)
        return private(words) if found is None else found

    def _accounts(self, flow: str) -> Mapping[Key, memoryview]:
        return self._ledgers[flow].accounts() if self._ledgers else {}


def unbuilt_stats(flows: Iterable[tuple[str, Iterable[str]]]) -> PipeStats:
    """Those of a pipe without processes: flows with the names of their routines."""
    named = {name: FarFlow(name, b"", routines) for name, routines in flows}
    return Audit(named, (), built=False).stats(PipeState.BUILDING, {}, Grants[int]().stats())


def _came(edge: Edge) -> int:
    return ARRIVED if edge.crosses else ENTERED


def _why(edge: Edge, why: str) -> str:
    return "incomplete" if edge.settings.policy is Policy.RECORD else why
