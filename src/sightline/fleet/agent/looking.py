"""What runs, looked at whenever a runtime says that something changed, and every few seconds.

A look says nothing unless all of it can be told. Where one runtime cannot be asked, what it had last is taken
to be there still, unless something was begun or ended with it since: so Docker's daemon may be away, and
processes are looked after.

Deliberately not here: what follows from it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from sightline.clock import Clock
from sightline.errors import Closed, SightlineError
from sightline.fleet.deciding.agent.desired import Found
from sightline.fleet.runtime.promise import Runtime
from sightline.log import Repeated, get_logger

LOOK_S: Final = 2.0
_WAIT_S: Final = 0.5
_GAP_S: Final = 0.1
_TELL_S: Final = 60.0


class Looking:
    """A thread a runtime, that waits, and one that looks.

    Args:
        runtimes: by name.
        tell: is given what is there and when the look at it began; returns when that was heard.
    """

    def __init__(
        self, runtimes: Mapping[str, Runtime], tell: Callable[[Sequence[Found], int], None], clock: Clock
    ) -> None:
        self._runtimes = runtimes
        self._tell = tell
        self._clock = clock
        self._lock = threading.Lock()
        self._last: dict[str, list[Found]] = {}
        self._touched: dict[str, int] = dict.fromkeys(runtimes, 0)
        self._again = threading.Event()
        self._ending = threading.Event()
        self._silent = Repeated(
            get_logger(__name__), "it cannot be told what runs", every_s=_TELL_S, clock=clock
        )
        waiting = [
            threading.Thread(target=self._wait, args=(each,), name=f"agent waits for {name}", daemon=True)
            for name, each in runtimes.items()
        ]
        self._threads = [*waiting, threading.Thread(target=self._live, name="agent looks", daemon=True)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def places_of(self, name: str) -> list[str]:
        """The runtimes that had an instance of this name last, or were not asked yet."""
        with self._lock:
            return [
                runtime
                for runtime in self._runtimes
                if runtime not in self._last or any(one.name == name for one in self._last[runtime])
            ]

    def last(self, runtime: str) -> list[str]:
        """Names of what this runtime had, when it could be told last."""
        with self._lock:
            return [one.name for one in self._last.get(runtime, ())]

    def touched(self, runtime: str) -> None:
        """Something was begun or ended with it: what was seen before says nothing any more."""
        with self._lock:
            self._touched[runtime] += 1
            self._last.pop(runtime, None)
        self._again.set()

    def end(self) -> None:
        self._ending.set()
        self._again.set()

    def join(self) -> None:
        for thread in self._threads:
            thread.join()
        self._silent.flush()

    def _wait(self, runtime: Runtime) -> None:
        while not self._ending.is_set():
            try:
                if runtime.wait(_WAIT_S):
                    self._again.set()
            except SightlineError:  # it cannot tell; a look will say why
                self._ending.wait(_WAIT_S)

    def _live(self) -> None:
        while not self._ending.is_set():
            looked_ns = self._clock.monotonic_ns()
            found = self._look()
            if found is not None:
                self._tell(found, looked_ns)
            self._ending.wait(_GAP_S)
            self._again.wait(LOOK_S)
            self._again.clear()

    def _look(self) -> list[Found] | None:
        """All that is there; None: that cannot be told."""
        there: list[Found] = []
        for name, runtime in self._runtimes.items():
            found = self._found(name, runtime)
            if found is None:
                return None
            there += found
        return there

    def _found(self, name: str, runtime: Runtime) -> list[Found] | None:
        with self._lock:
            touched = self._touched[name]
        try:
            found = runtime.find()
        except Closed:
            return None
        except SightlineError as error:
            self._silent.add(runtime=name, reason=str(error))
            with self._lock:
                return self._last.get(name)
        with self._lock:
            if touched == self._touched[name]:
                self._last[name] = found
        return found
