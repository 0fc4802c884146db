"""Files of instances: made ready where one is begun, and removed where nothing uses them any more.

Nothing is removed that is there, is to run by any document, or is being made ready; and nothing at all while
it is not known what is there.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

import msgspec

from sightline.fleet.deciding.agent.desired import DesiredInstance, Found
from sightline.fleet.runtime.promise import RunSpec


class Prepares(Protocol):
    """What makes instances ready to be run: `Preparing`, where they have files."""

    def prepare(self, instance: DesiredInstance) -> RunSpec: ...
    def prune(self, in_use: Iterable[tuple[str, str]]) -> None: ...
    def drift(self, instance: DesiredInstance) -> str: ...


class Files:
    """Of one agent. Any thread may use it."""

    def __init__(self, preparing: Prepares) -> None:
        self._preparing = preparing
        self._lock = threading.Lock()
        self._beginning: Counter[tuple[str, str]] = Counter()
        self._there: list[tuple[str, str]] = []
        self._all_known = True
        self._less = False

    def found(self, found: Sequence[Found]) -> bool:
        """These are there. Gives whether anything went since the last `prune`, so that it is due again."""
        with self._lock:
            there = [(one.name, one.digest) for one in found]
            self._less = self._less or not set(self._there) <= set(there)
            self._there = there
            self._all_known = all(one.state != "unknown" for one in found)
            return self._less and self._all_known

    def looked_at(self, found: Sequence[Found], known: Iterable[DesiredInstance]) -> list[Found]:
        """The same, and which of them has files that somebody edited; what is being made is let be."""
        by_digest = {(one.name, one.digest): one for one in known}
        with self._lock:
            for being_made in +self._beginning:
                by_digest = {of: one for of, one in by_digest.items() if of[0] != being_made[0]}
        return [self._looked_at(one, by_digest.get((one.name, one.digest))) for one in found]

    def _looked_at(self, found: Found, instance: DesiredInstance | None) -> Found:
        if instance is None:
            return found
        told = ", ".join(filter(None, (found.drift, self._preparing.drift(instance))))
        return found if told == found.drift else msgspec.structs.replace(found, drift=told)

    @contextmanager
    def ready(self, instance: DesiredInstance) -> Iterator[RunSpec]:
        """It can be begun with these, as long as this is open. Raises ConfigError, RuntimeFault."""
        of = (instance.name, instance.digest)
        with self._lock:
            self._beginning[of] += 1
        try:
            yield self._preparing.prepare(instance)
        finally:
            with self._lock:
                self._beginning[of] -= 1

    def prune(self, in_use: Callable[[], Iterable[tuple[str, str]]]) -> None:
        """`in_use` is asked while nothing more can be made ready: what is to run by any document."""
        with self._lock:
            if not self._all_known:
                return
            beginning = +self._beginning
            self._less = False
            self._preparing.prune([*self._there, *beginning, *in_use()])
