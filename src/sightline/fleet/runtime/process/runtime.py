"""Instances as processes of this machine: no image, no network of their own, and none outlives the agent.

Each is a child of a supervisor of its own (`sightline.supervise`): it is begun once, as the agent decides
whether and when it is again; it is asked to end by the signal of its spec, then killed with all of its
process group; and the kernel kills it when this process ends, however that does. What it writes is kept, the
last lines of it, without secrets.

Deliberately not here: limits of cores and memory, which need a container; and graphics cards of their own:
where the machine has some, each process sees all of them.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Self

from sightline.clock import SYSTEM_CLOCK, Clock
from sightline.errors import Closed, ConfigError, RuntimeFault
from sightline.fleet.deciding.agent.desired import Found
from sightline.fleet.runtime.process.figures import ProcessFigures
from sightline.fleet.runtime.process.one_process import OneProcess
from sightline.fleet.runtime.promise import Feature, RunSpec
from sightline.fleet.runtime.refusing import check_features
from sightline.site.side_by_side import side_by_side

_NO_SIGNAL: Final = "expected the name of a signal such as SIGINT"


class ProcessRuntime:
    """See `Runtime`.

    Args:
        gpus: this machine has graphics cards, and processes may use them.
        clock: for what is told of late.
    """

    name = "process"

    def __init__(self, *, gpus: bool = False, clock: Clock = SYSTEM_CLOCK) -> None:
        self.features = frozenset({Feature.GPUS}) if gpus else frozenset[Feature]()
        self._clock = clock
        self._lock = threading.Lock()
        self._all: dict[str, OneProcess] = {}
        self._figures = ProcessFigures(clock)
        self._changed = threading.Event()
        self._closed = False

    def begin(self, spec: RunSpec) -> None:
        check_features(spec, self.name, self.features)
        if spec.stop_signal not in signal.Signals.__members__:
            raise ConfigError(f"instance {spec.name!r}: {_NO_SIGNAL}, got {spec.stop_signal!r}")
        self.end(spec.name)
        one = OneProcess(spec, self._changed.set, self._clock)
        with self._lock:
            if self._closed:
                raise Closed("expected a runtime that was not closed")
            self._all[spec.name] = one
        try:
            one.begin()
        except RuntimeFault:
            self.end(spec.name, at_once=True)
            raise

    def end(self, name: str, *, at_once: bool = False) -> None:
        with self._lock:
            one = self._all.get(name)
        if one is not None:
            one.end(at_once=at_once)
            with self._lock:
                self._all.pop(name, None)

    def find(self) -> list[Found]:
        with self._lock:
            there = sorted(self._all.items())
        figures = self._figures.of([one.pid for _, one in there])
        return [one.found(figures.get(one.pid or 0)) for _, one in there]

    def log(self, name: str, lines: int) -> list[str]:
        with self._lock:
            one = self._all.get(name)
        return [] if one is None else one.lines.last(lines)

    def wait(self, timeout_s: float) -> bool:
        came = self._changed.wait(timeout_s)
        self._changed.clear()
        return came

    def close(self) -> None:
        with self._lock:
            self._closed = True
            names = list(self._all)
        side_by_side([_ending(self, name) for name in names], to_the_end=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()


def _ending(runtime: ProcessRuntime, name: str) -> Callable[[], None]:
    def end() -> None:
        with suppress(RuntimeFault):  # told in the log by its supervisor; the kernel has it in hand
            runtime.end(name)

    return end
