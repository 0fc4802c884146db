"""The counts of a pipe at one moment: of its flows, of the routines in them, and of the wires between these.

They are values: they change no more, compare, and go into JSON by `msgspec.json.encode`. Counts are of the
whole pipe so far, whatever processes its flows had. Each adds up at any moment; while a pipe runs, one may be
a few messages older than another.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from sightline.pipe.counts.reports import RoutineStats
from sightline.pipe.settings import Policy
from sightline.shm.grants import GrantStats
from sightline.supervise.watched import State as ProcessState


class PipeState(StrEnum):
    """How far a pipe is."""

    BUILDING = "building"
    """Before `build()`."""
    RUNNING = "running"
    """It has processes, whether or not their routines are at work."""
    OVER = "over"
    """All has ended; the counts are the last."""


class FlowStats(msgspec.Struct, frozen=True, kw_only=True):
    """One flow.

    Attributes:
        flow: its name.
        state, reason: of its process, and why if that is no good.
        pid: of its process; None: there is none now.
        restarts: how often its process ended without being asked to, or had to be ended.
        rss_bytes: memory that its process has now, what it shares with others included; 0: none, or unknown.
        cpu_s: time of processors, of all processes that it had.
        routines: by their names.
    """

    flow: str
    state: ProcessState
    reason: str
    pid: int | None
    restarts: int
    rss_bytes: int
    cpu_s: float
    routines: dict[str, RoutineStats]


class WireStats(msgspec.Struct, frozen=True, kw_only=True):
    """One wire, both ends: entered = left + sum(dropped by reason) + waiting.

    Attributes:
        source, destination: routines, each in its flow.
        policy, capacity: as it is set now.
        linked: whether it is there still; what was counted stays.
        entered: messages that it took.
        left: of these, how many the routine at its end has taken.
        dropped: of these, how many never will, by reason. `died`: they waited in a process that died; `lost`:
            they were on their way to, or from, one that did.
        waiting: the others: at its ends, and on their way.
        peak: the most that ever waited at one of its ends.
        sent_bytes: of the data that went to another process, wherever it lay; 0 within a flow.
        copied_bytes: of arrays and bytes that were large enough for shared memory and went through a socket,
            as there was no slot for them: see `sharing` of the pipe.
    """

    source: str
    source_flow: str
    destination: str
    destination_flow: str
    policy: Policy
    capacity: int
    linked: bool
    entered: int
    left: int
    dropped: dict[str, int]
    waiting: int
    peak: int
    sent_bytes: int
    copied_bytes: int

    @property
    def balanced(self) -> bool:
        """Whether the counts add up, and nothing was counted twice."""
        adds_up = self.entered == self.left + sum(self.dropped.values()) + self.waiting
        return adds_up and self.waiting >= 0


class PipeStats(msgspec.Struct, frozen=True, kw_only=True):
    """All counts of a pipe.

    Attributes:
        state: how far it is.
        flows: by their names, in the order in which they were made.
        wires: those that there are, and those that there were.
        shared: the pictures in shared memory.
    """

    state: PipeState
    flows: dict[str, FlowStats]
    wires: tuple[WireStats, ...]
    shared: GrantStats

    @property
    def routines(self) -> dict[str, RoutineStats]:
        """Those of all flows: names are unique in a pipe."""
        return {name: stats for flow in self.flows.values() for name, stats in flow.routines.items()}

    def wire(self, source: str, destination: str) -> WireStats:
        """The one between these routines. Raises KeyError: there never was one."""
        for wire in self.wires:
            if (wire.source, wire.destination) == (source, destination):
                return wire
        raise KeyError(f"no wire leads from {source} to {destination}")

    @property
    def balanced(self) -> bool:
        """Whether all counts add up."""
        theirs = all(one.balanced for one in self.routines.values())
        return theirs and all(one.balanced for one in self.wires) and self.shared.balanced

    def table(self) -> str:
        """Flows, routines and wires as tables for a terminal."""
        from sightline.pipe.counts.stats_table import table_of  # noqa: PLC0415 - rich takes a while to be imported

        return table_of(self)
