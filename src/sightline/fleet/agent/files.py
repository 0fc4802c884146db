"""Files of instances: made ready where one is begun, and removed where nothing uses them any more.

Nothing is removed that is there, is to run by any document, or is being made ready.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from sightline.fleet.agent.desired import DesiredInstance, Found
from sightline.fleet.runtime.promise import RunSpec


class Prepares(Protocol):
    """What makes instances ready to be run: `Preparing`, where they have files."""

    def prepare(self, instance: DesiredInstance) -> RunSpec: ...
    def prune(self, in_use: Iterable[tuple[str, str]]) -> None: ...


class Files:
    """Of one agent. Any thread may use it."""

    def __init__(self, preparing: Prepares) -> None:
        self._preparing = preparing
        self._lock = threading.Lock()
        self._beginning: Counter[tuple[str, str]] = Counter()
        self._there: list[tuple[str, str]] = []

    def found(self, found: Sequence[Found]) -> None:
        """These are there."""
        with self._lock:
            self._there = [(one.name, one.digest) for one in found]

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
            beginning = +self._beginning
            self._preparing.prune([*self._there, *beginning, *in_use()])
