"""The counts of a pipe."""

from __future__ import annotations

import msgspec

from sightline.pipe.edge import EdgeStats
from sightline.pipe.reports import RoutineStats


class FlowStats(msgspec.Struct, frozen=True, kw_only=True):
    """What a flow counts.

    Attributes:
        routines: by their names.
        edges: of edges that come in from other flows, by the names of the routines at their two ends.
    """

    routines: dict[str, RoutineStats]
    edges: dict[tuple[str, str], EdgeStats]
