"""Who is in a pipe and which events each answers: so that a wrong name is told to whoever wrote it. Pure.

The parent has one and each flow has a copy of it, since routines send events too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, TypeAlias

from sightline.errors import ConfigError
from sightline.kinds import nearest
from sightline.pipe.event_names import (
    KILL_EVENT_NAME,
    LOG_DATA,
    START_EVENT_NAME,
    STOP_EVENT_NAME,
    UPDATE_FPS_EVENT_NAME,
)

EVERYBODYS: Final = (START_EVENT_NAME, STOP_EVENT_NAME, KILL_EVENT_NAME)
"""Events that every routine answers."""

OURS: Final = frozenset((*EVERYBODYS, LOG_DATA, UPDATE_FPS_EVENT_NAME))
"""Events that routines answer without a word of their authors."""

_OF_ALL: Final = frozenset((*EVERYBODYS, LOG_DATA))

Targets: TypeAlias = Mapping[str, Sequence[str]]
"""Flows by name, with the routines that are meant; none named: all of that flow. No flow: all of them."""


class Directory:
    """Flows, their routines, and the events that each routine has methods for."""

    def __init__(self) -> None:
        self._flows: dict[str, dict[str, frozenset[str]]] = {}

    @property
    def flows(self) -> tuple[str, ...]:
        return tuple(self._flows)

    @property
    def events(self) -> tuple[str, ...]:
        """All that anybody answers."""
        own = {event for routines in self._flows.values() for events in routines.values() for event in events}
        return (*EVERYBODYS, *sorted((own | _OF_ALL) - set(EVERYBODYS)))

    def add(self, flow: str, routines: Mapping[str, Iterable[str]]) -> None:
        """A flow, and the events of each of its routines."""
        self._flows[flow] = {name: frozenset(events) for name, events in routines.items()}

    def routines(self, flow: str) -> tuple[str, ...]:
        return tuple(self._flows[flow])

    def structure(self) -> Iterator[tuple[str, str, tuple[str, ...]]]:
        """Each flow and routine, and the events that its author had it answer."""
        for flow, routines in self._flows.items():
            for routine, events in routines.items():
                yield flow, routine, tuple(sorted(events - OURS))

    def check(self, event: str, targets: Targets) -> None:
        """Raises ConfigError for an event that nobody answers, or a flow or routine that there is not."""
        _known("event", event, self.events)
        if not isinstance(targets, Mapping):
            raise ConfigError(f"expected flows, each with a list of its routines, got {targets!r}")
        for flow, routines in targets.items():
            _known("flow", flow, self._flows)
            if isinstance(routines, str):
                raise ConfigError(f'expected the routines of flow "{flow}" in a list, got {routines!r}')
            for routine in routines:
                _known(f'routine of flow "{flow}"', routine, self._flows[flow])

    def meant(self, event: str, targets: Targets) -> dict[str, tuple[str, ...]]:
        """Who is to handle it: by flow, those of the routines meant that answer such an event."""
        meant = {}
        for flow in targets or self._flows:
            routines = self._flows[flow]
            named = dict.fromkeys(targets.get(flow) or routines)
            able = tuple(name for name in named if event in _OF_ALL or event in routines[name])
            if able:
                meant[flow] = able
        return meant


def _known(what: str, name: str, names: Iterable[str]) -> None:
    known = list(names)
    if name not in known:
        raise ConfigError(
            f"unknown {what} {name!r}{nearest(str(name), known)} (known: {', '.join(known) or 'none'})"
        )
