"""The term of each camera: rises whenever it is given to another instance or another machine.

Of two results of a camera the one of the higher term holds, so no term is ever given to two places. A term
that somebody runs and that is higher than ours was given by a coordinator that knew more (a database was
restored): ours rises past it. A coordinator's first ones are above those of all lives before it (`floor`), as
it may not know of them. Where the memory is known to be an old one, each camera gets such a one: who had a
higher one may have ended without a word.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

from sightline.fleet.deciding.coordinator.actions import NodeShare
from sightline.fleet.inventory import NodeId

Place: TypeAlias = tuple[str, NodeId]
MOST_TERMS: Final = 1_000_000
"""Cameras that nobody knows any more are remembered too: they may come back. So many, and no more."""


class Terms:
    """`changed` is what is to be saved."""

    def __init__(self, terms: Mapping[str, int], shares: Iterable[NodeShare], floor: int = 0) -> None:
        self._terms, self._floor = dict(terms), floor
        self._places: dict[str, Place] = {}
        self.changed: dict[str, int] = {}
        given: dict[str, int] = {}
        for share in shares:
            for instance in share.instances:
                for camera in instance.cameras:
                    if camera.term > given.get(camera.camera_id, -1):
                        given[camera.camera_id] = camera.term
                        self._places[camera.camera_id] = (instance.name, share.node_id)
        for camera_id, term in given.items():
            if term > self._terms.get(camera_id, 0):
                self._terms[camera_id] = term
            elif term < self._terms[camera_id]:  # it was given elsewhere since
                del self._places[camera_id]

    def of(self, camera_id: str) -> int:
        """The last one that was given; 0: none."""
        return self._terms.get(camera_id, 0)

    def give(self, camera_id: str, place: Place) -> int:
        """The one that it has there."""
        if self._places.get(camera_id) != place:
            self._places[camera_id] = place
            self._set(camera_id, self._terms.get(camera_id, 0) + 1)
        return self._terms[camera_id]

    def reported(self, camera_id: str, term: int) -> Place | None:
        """Somebody has this one. Where it is higher than ours: who is to be told of the next."""
        if term <= self._terms.get(camera_id, 0):
            return None
        if camera_id not in self._terms and len(self._terms) >= MOST_TERMS:
            return None
        self._set(camera_id, term + 1)
        return self._places.get(camera_id)

    def outdated(self) -> bool:
        """The memory is an old one, and any camera may have been given elsewhere since: each gets a new term.
        Whether there are any whose term is not of this life.
        """
        old = [camera_id for camera_id in self._places if self._terms[camera_id] < self._floor]
        for camera_id in old:
            del self._places[camera_id]
        return bool(old)

    def take_changed(self) -> dict[str, int]:
        """What is to be saved since this was asked last."""
        taken, self.changed = self.changed, {}
        return taken

    def _set(self, camera_id: str, term: int) -> None:
        self._terms[camera_id] = self.changed[camera_id] = max(term, self._floor)
