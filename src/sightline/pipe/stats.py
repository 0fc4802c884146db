"""The counts of a pipe."""

from __future__ import annotations

import msgspec

from sightline.pipe.edge import EdgeStats
from sightline.pipe.reports import RoutineStats
from sightline.shm.grants import GrantStats
from sightline.supervise.supervisor import ChildStatus


class FlowStats(msgspec.Struct, frozen=True, kw_only=True):
    """What a flow counts.

    Attributes:
        routines: by their names.
        edges: of edges that come in from other flows, by the names of the routines at their two ends.
    """

    routines: dict[str, RoutineStats]
    edges: dict[tuple[str, str], EdgeStats]


class PipeStats(msgspec.Struct, frozen=True, kw_only=True):
    """The counts of a pipe.

    Attributes:
        flows: what each told last, by their names; one that has told nothing yet is missing.
        processes: how the process of each flow is, and how often it ended by itself.
        shared: the pictures in shared memory.
    """

    flows: dict[str, FlowStats]
    processes: dict[str, ChildStatus]
    shared: GrantStats

    @property
    def routines(self) -> dict[str, RoutineStats]:
        """Those of all flows: names are unique in a pipe."""
        return {name: stats for flow in self.flows.values() for name, stats in flow.routines.items()}
