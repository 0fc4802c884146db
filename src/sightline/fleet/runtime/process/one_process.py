"""One instance as a process, from its begin to its end: what it said, and how it is."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from sightline.clock import Clock
from sightline.errors import RuntimeFault
from sightline.fleet.deciding.agent.desired import Found
from sightline.fleet.runtime.figures import Heard
from sightline.fleet.runtime.last_lines import LastLines, last_words
from sightline.fleet.runtime.process import tied
from sightline.fleet.runtime.promise import RunSpec
from sightline.supervise import ChildSpec, ChildStatus, Restart, State, Supervisor, Watch, When

if TYPE_CHECKING:
    from sightline.fleet.messages.parts import InstanceState

_BEGUN_S: Final = 10.0
_CHILD: Final = "instance"
_ENDS: Final = Restart(when=When.NEVER)


class Use(NamedTuple):
    """Cores, MiB of memory and graphics cards in use by a process and all below it."""

    cpu: float | None
    memory_mib: float
    gpu: float | None = None


class OneProcess:
    """`changed` is called where something may have changed that nobody asked for."""

    def __init__(self, spec: RunSpec, changed: Callable[[], object], clock: Clock) -> None:
        self.spec: Final = spec
        self.lines: Final = LastLines()
        self._heard = Heard(spec.cameras)
        self._lock = threading.Lock()
        self._changed = changed
        self._clock = clock
        self._asked_to_end = False
        self._run = ""
        self._supervisor = Supervisor([self._child()], on_state=self._on_state)

    def begin(self) -> None:
        """Returns once there is a process. Raises RuntimeFault where there is none."""
        not_yet = self._status.reason
        self._supervisor.start()
        self._supervisor.wait_until(
            lambda of: _was(of[_CHILD]) or (of[_CHILD].state is State.ENDED and of[_CHILD].reason != not_yet),
            _BEGUN_S,
        )
        status = self._status
        if not _was(status):
            raise RuntimeFault(f"instance {self.spec.name!r} cannot be begun: {status.reason}")

    def end(self, *, at_once: bool) -> None:
        """Returns once it is gone. Raises RuntimeFault where it is not, after being killed."""
        self._asked_to_end = True
        self._supervisor.stop(0.0 if at_once else None)
        if self.pid is not None and _is_there(self.pid):
            raise RuntimeFault(
                f"instance {self.spec.name!r}: process {self.pid} was killed and is still there"
            )

    @property
    def pid(self) -> int | None:
        return self._status.pid

    def found(self, use: Use | None) -> Found:
        status, now_ns = self._status, self._clock.monotonic_ns()
        with self._lock:
            trouble, cameras, ready = self._heard.trouble(now_ns), self._heard.cameras(), self._heard.ready
        runs = status.pid is not None
        state, reason = self._state(status, trouble, ready=ready)
        return Found(
            name=self.spec.name,
            digest=self.spec.digest,
            exclusive=self.spec.exclusive,
            state=state,
            reason=reason,
            run=self._run,
            code=status.code,
            cameras=cameras if runs else {},
            cpu=use.cpu if use and runs else None,
            memory_mib=use.memory_mib if use and runs else None,
            gpu=use.gpu if use and runs else None,
        )

    def _state(self, status: ChildStatus, trouble: str, *, ready: bool) -> tuple[InstanceState, str]:
        if self._asked_to_end or status.state is State.STOPPING:
            return "removing", "it is being ended"
        if not _was(status):
            return "creating", ""
        if status.pid is None:
            if status.code == 0 and self.spec.may_end:
                return "exited", status.reason
            return "failed", _with(status.reason, last_words(self.lines.last(50)))
        if not ready:
            return "starting", "it has not said yet that it runs"
        return ("unhealthy", trouble) if trouble else ("running", "")

    @property
    def _status(self) -> ChildStatus:
        return self._supervisor.states()[_CHILD]

    def _child(self) -> ChildSpec:
        spec = self.spec
        folder = str(spec.work or spec.folder or Path.cwd())
        begins = (sys.executable, "-I", "-S", tied.__file__, str(os.getpid()), folder)
        return ChildSpec(
            name=_CHILD,
            command=(*begins, *spec.command),
            environ=dict(spec.environment),
            restart=_ENDS,
            watch=Watch(ready_s=None, hung_s=None, stop_s=spec.stop_s),
            stop_signal=signal.Signals[spec.stop_signal],
            on_line=self._on_line,
            on_spawn=self._on_spawn,
        )

    # What follows is called in the supervisor's thread.

    def _on_spawn(self, pid: int) -> None:
        self._run = f"{pid}@{self._clock.monotonic_ns()}"

    def _on_state(self, _name: str, state: State, _reason: str) -> None:
        if state is State.ENDED and not self._asked_to_end:
            self._changed()

    def _on_line(self, line: str) -> None:
        with self._lock:
            before = self._heard.ready
            is_log = self._heard.hear(line, self._clock.monotonic_ns())
            became_ready = self._heard.ready and not before
        if is_log:
            self.lines.add(line)
        if became_ready:
            self._changed()


def _was(status: ChildStatus) -> bool:
    """Whether there is or was a process."""
    return status.pid is not None or status.code is not None


def _with(reason: str, said: str) -> str:
    return f"{reason}: {said}" if said else reason


def _is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
