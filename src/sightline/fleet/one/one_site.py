"""One site within this process, from its begin to its end, as a runtime tells it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

from sightline.clock import Clock, ns
from sightline.errors import Closed
from sightline.fleet.deciding.agent.desired import Found
from sightline.fleet.messages.parts import CameraFigures, InstanceState
from sightline.fleet.runtime.promise import RunSpec
from sightline.log import redact
from sightline.pipe.counts.usage import cpu_ns, rss_bytes
from sightline.site.status import CameraView
from sightline.site.supervised_site import SupervisedSite

_MIB = 1 << 20
_FIGURES_S = 2.0


class OneSite:
    """`changed` is called where something may have changed that nobody asked for.

    Attributes:
        spec: of it, once it was asked for.
        running: the site itself.
    """

    def __init__(self, running: SupervisedSite, changed: Callable[[], object], clock: Clock) -> None:
        self.spec = RunSpec(name="", digest="")
        self.running = running
        self._changed = changed
        self._clock = clock
        self._acting = threading.Lock()
        self._looking = threading.Lock()
        self._run = f"{os.getpid()}@{clock.monotonic_ns()}"
        self._begun = self._ending = self._over = False
        self._wanted = threading.Event()
        self._error: BaseException | None = None
        self._use: tuple[int, dict[int, int]] | None = None
        self._cpu: float | None = None
        self._memory_mib: float | None = None

    @property
    def begun(self) -> bool:
        """Everything of it runs, or did."""
        return self._begun

    def begin(self) -> None:
        """Returns when everything of it runs, or it was asked to stop. Raises what stands in the way."""
        self._wanted.set()
        with self._acting:
            if self._error is not None:
                raise self._error
            self._start()
        self._changed()

    def begin_early(self) -> None:
        """Its processes; cameras are opened when `begin` is called, which raises what stands in the way."""
        with self._acting:
            try:
                self._start()
            except BaseException as error:  # noqa: BLE001 - it is raised there
                self._error = error

    def _start(self) -> None:
        if self._ending:
            raise Closed(f"instance {self.spec.name!r} was ended before it was begun")
        if not self._begun:
            self.running.start(self._wanted.wait)
            self._begun = True

    def end(self) -> None:
        """Returns when it is gone. Again is allowed."""
        self._ending = True
        if not self._begun:
            self.running.request_stop()
        self._wanted.set()
        with self._acting:
            self.running.stop()

    def look(self) -> bool:
        """Whether it ended by itself, for good."""
        if not self._begun or self._ending:
            return False
        with self._looking:
            was, over = self._over, self._over or self.running.wait(0.0)
            # Asked again: one that is ended meanwhile is over too, and not by itself.
            self._over = over = over and not self._ending
        if over and not was:
            self._changed()
        return over

    def found(self) -> Found:
        over = self.look()
        status = self.running.status()
        self._measure([of.pid for of in status.processes.values() if of.pid is not None])
        return Found(
            name=self.spec.name,
            digest=self.spec.digest,
            exclusive=self.spec.exclusive,
            state=self._state(over=over),
            reason=redact("; ".join(self.running.faults)) if over else "",
            run=self._run,
            code=0 if over else None,
            cameras={name: _figures(camera) for name, camera in status.cameras.items()},
            cpu=self._cpu,
            memory_mib=self._memory_mib,
        )

    def _state(self, *, over: bool) -> InstanceState:
        if self._ending or over:
            return "removing" if self._ending else "exited"
        return "running" if self._begun else "starting"

    def _measure(self, pids: list[int]) -> None:
        """Cores of its processes since the last look, and what they hold; without this process itself."""
        now_ns = self._clock.monotonic_ns()
        before = self._use
        if before is not None and now_ns - before[0] < ns(_FIGURES_S):
            return
        used = {pid: cpu_ns(pid) for pid in pids}
        if before is not None:
            spent = sum(max(0, used[pid] - was) for pid, was in before[1].items() if pid in used)
            self._cpu = spent / (now_ns - before[0])
        self._memory_mib = sum(map(rss_bytes, pids)) / _MIB
        self._use = now_ns, used


def _figures(camera: CameraView) -> CameraFigures:
    age_s = None if camera.age_s is None else max(0.0, camera.age_s)
    return CameraFigures(fps=max(0.0, camera.fps), age_s=age_s, state=camera.state)
