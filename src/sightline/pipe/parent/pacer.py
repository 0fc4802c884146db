"""Pacing at work in the parent of a pipe: flows tell durations, and are told rates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from sightline.pipe.control import Durations, Pace
from sightline.pipe.counts.reports import State
from sightline.pipe.pacing import Pacing
from sightline.pipe.parent.far_flow import FarFlow
from sightline.pipe.parent.shares import Lane
from sightline.pipe.plan import Edge
from sightline.pipe.settings import Policy

_AT_WORK: Final = frozenset((State.SETTING_UP, State.RUNNING, State.CLEANING_UP))


class Pacer:
    """One pipe's; of flows that tell no durations nothing comes. Whoever uses it has the parent's lock."""

    def __init__(self, flows: Mapping[str, FarFlow], edges: Iterable[Edge]) -> None:
        self._flows = flows
        self._pacing = Pacing()
        self.link(edges)

    def link(self, edges: Iterable[Edge]) -> None:
        """These are all edges from now on."""
        self._pacing.link(
            Lane(edge.source, edge.destination, edge.settings.policy is not Policy.LIVE) for edge in edges
        )

    def look(self, flow: FarFlow) -> None:
        """Some of its routines may be in other states."""
        for routine, state in flow.states.items():
            self._pacing.runs(routine, state in _AT_WORK)

    def heard(self, durations: Durations) -> None:
        """A flow told them."""
        for worked in durations.routines:
            self._pacing.measured(worked)
        self.tell()

    def begun(self, flow: FarFlow) -> None:
        """A process of it is ready, and knows no rates."""
        for routine in flow.states.keys() & self._pacing.rates.keys():
            flow.say(Pace(routine, self._pacing.rates[routine]))

    def tell(self) -> None:
        """Tell rates that are others now."""
        for routine, fps in self._pacing.news().items():
            for flow in self._flows.values():
                if routine in flow.states:
                    flow.say(Pace(routine, fps))
