"""A worker in a process of its own: a pipe of one flow, worker-NAME.

Promises what `RunningWorker` does, and that its process is begun again when it dies or hangs, with counts
that go on. A model that does not return is told with the stacks of its process, which is ended then. Nothing
of it outlives this process.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import count
from typing import Any, Final

import msgspec

from sightline import errors
from sightline.clock import SYSTEM_CLOCK, Clock, ns
from sightline.errors import BufferFull, Closed, SightlineError
from sightline.log import get_logger
from sightline.overflow import Overflow
from sightline.pipe import START_EVENT_NAME, Pipe, Policy, Routine, Wire, WireSettings
from sightline.pipe.counts.reports import State as RoutineState
from sightline.site.lives import InVain, Lives
from sightline.site.making import WorkerRoutines, worker_routines
from sightline.site.model import Site
from sightline.site.outlet import OutletStats
from sightline.site.talk import RESTART, pass_on
from sightline.site.told import Told, told_by
from sightline.site.worker import WorkerCounts
from sightline.site.worker_routines import FINISH, SHOW
from sightline.supervise import ChildStatus, Restart, State

HUNG_S: Final = 60.0
"""What a model has for one batch: a large one on a slow machine takes seconds."""
STOP_S: Final = 5.0
"""What the model has for what it has in hand, and sinks for what waits for them."""
_KILL_S: Final = 2.0
"""What is left then has this long to be closed."""
_LOOK_S: Final = 0.25
_SHOWN_S: Final = 1.0
_SHOW_LOOKS: Final = 2
"""Pages are told every so many looks."""
_FRESH_NS: Final = ns(2.0)
_LOGGER: Final = logging.getLogger("sightline.worker")
_WAITS: Final = WireSettings(policy=Policy.LOSSLESS, overflow=Overflow.BLOCK)
_AT_WORK: Final = frozenset({State.RUNNING, State.STOPPING})
_IN_HAND: Final = frozenset({RoutineState.RUNNING, RoutineState.CLEANING_UP, RoutineState.DONE})
_OUT_OF_HAND: Final = frozenset({RoutineState.FAILED, RoutineState.DONE})
_RAISED_TOO: Final = re.compile("setup failed|failed: setup: ")
_RAISED: Final = re.compile(r"setup: (?P<kind>\w+): (?P<message>.*)", re.DOTALL)


def _nothing() -> Mapping[str, Any]:
    return {}


class WorkerProcess:
    """A worker between `start()` and `stop()`.

    Args:
        name: of the worker, in `site`.
        site: what it looks at, with what, and where; its bus has to reach other processes.
        status: gives what its pages are to show beside their pictures; called twice a second, in a thread of
            this worker's, where it has such a page.
        restart: when its process is begun again.
        hung_s: seconds after which a model that does not return is taken for hung.

    Attributes:
        name: the worker's.
        process_name: that of its pipe, of the one flow of that, and of the process.
        pipe: what may be looked at, and sent events; it is this worker that begins and ends it.
    """

    def __init__(
        self,
        name: str,
        site: Site,
        *,
        status: Callable[[], Mapping[str, Any]] = _nothing,
        restart: Restart = RESTART,
        hung_s: float = HUNG_S,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self.name = name
        self.process_name = f"worker-{name}"
        self._status = status
        self._clock = clock
        self._routines = worker_routines(name, site)
        self.pipe = _made(self.process_name, self._routines, restart, hung_s)
        self._lives = Lives()
        self._in_vain = InVain()
        self._told = Told()
        self._ended = self._stopped = False
        self._starting = threading.Lock()
        self._broken = self._amiss = ""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"worker-{name}", daemon=True)

    def start(self, await_bus: Callable[[], object] = _nothing) -> None:
        """Begin the process, load the model, open the sinks, and begin to read.

        Args:
            await_bus: returns when the bus is there; called when the process is.

        Raises:
            SightlineError: the model, a sink or the bus cannot be had; nothing runs then.
        """
        with self._starting:
            try:
                with _quiet():
                    self._start(await_bus)
            except BaseException:
                self._stopped = True
                self.pipe.close()
                raise

    def stop(self) -> None:
        """End: what the model has in hand, and what waits for a sink, is written. Again is allowed."""
        if self._stopped:
            return
        self._stopped = True
        self._stopping.set()
        while not self._starting.acquire(timeout=_LOOK_S):  # what is being started is broken off
            self.pipe.close()
        self._starting.release()
        if self._thread.ident is None:
            return
        self._thread.join()
        self._finish()
        self.pipe.close()
        self._look()

    @property
    def ended(self) -> bool:
        """Whether all its cameras were files that are over, and all of them is seen and written."""
        return self._ended

    @property
    def idle(self) -> bool:
        """Whether its process reads, and has nothing to do, as it told a moment ago."""
        told = self._told
        return self.process.state is State.RUNNING and self._is_fresh(told) and told.life.idle

    @property
    def broken(self) -> str:
        """Why its process ended too often to be begun again; empty while that is not so."""
        return self._broken

    @property
    def process(self) -> ChildStatus:
        """How its process is; `ends` counts those before it that died, or had to be ended.

        Of one that runs, `reason` is what cannot be opened there, and is tried again.
        """
        status = self.pipe.processes.get(self.process_name) or ChildStatus(state=State.ENDED, reason="")
        return status if status.reason else msgspec.structs.replace(status, reason=self._amiss)

    @property
    def pages(self) -> list[str]:
        """Addresses of the pages that its sinks serve."""
        return list(self._told.pages)

    def tell_pages(self) -> None:
        """Have these pages show what `status` tells: whoever hears of them looks, and is to see something."""
        if self.pages:
            self._show(wait=_SHOWN_S)

    def counts(self) -> dict[str, WorkerCounts]:
        """Counts by camera, as told a moment ago, of all processes that it had; none before `start()`."""
        return self._lives.now.counts(is_fresh=self._is_fresh(self._told))

    def outlets(self) -> list[OutletStats]:
        """Counts by sink, likewise."""
        return list(self._lives.now.outlets.values())

    def _is_fresh(self, told: Told) -> bool:
        return self._clock.monotonic_ns() - told.at_ns < _FRESH_NS

    def _start(self, await_bus: Callable[[], object]) -> None:
        source, model, sinks = self._routines
        self._check_wanted()
        self.pipe.build()
        self._begin(model)  # while the bus is begun
        await_bus()
        self._begin(source, *sinks)
        self._look()
        self._check_wanted()
        self._thread.start()

    def _begin(self, *routines: Routine) -> None:
        """Set them up. Raises what the first of them said that could not be."""
        self._check_wanted()
        report = self.pipe.notify_event(START_EVENT_NAME, self._those(*routines), wait=True)
        assert report is not None
        for routine in routines:
            if told := report.failed.get(routine.name):
                raise raised_by(told)

    def _check_wanted(self) -> None:
        if self._stopped:
            raise Closed(f"worker {self.name} was stopped")

    def _those(self, *routines: Routine) -> dict[str, list[str]]:
        return {self.process_name: [routine.name for routine in routines]}

    def _run(self) -> None:
        try:
            self._watch()
        except Exception as error:  # noqa: BLE001  the last word of this thread: it must be heard
            self._broken = repr(error)
            get_logger("sightline.worker").exception("a worker is watched no more", worker=self.name)

    def _watch(self) -> None:
        for looks in count(1):
            if self._stopping.is_set():
                return
            if self.pipe.wait(_LOOK_S):
                break
            self._look()
            if self._is_in_vain():
                self.pipe.close()
                return
            if looks % _SHOW_LOOKS == 0 and self.pages and self.process.state is State.RUNNING:
                self._show()
        self._look()
        self._conclude()

    def _look(self) -> None:
        """Hear what it tells of itself."""
        routines = self.pipe.stats().routines.values()
        self._told = told = told_by(own for stats in routines for own in stats.own) or self._told
        self._lives.heard(told.life, self.process.done)
        is_at_work = self.process.state in _AT_WORK
        if not is_at_work:
            self._lives.parted()
        amiss = (f"{of.routine}: {of.reason}" for of in routines if of.state is RoutineState.FAILED)
        self._amiss = "; ".join(amiss) if is_at_work else ""

    def _is_in_vain(self) -> bool:
        ends, results = self.process.ends, sum(of.results for of in self.counts().values())
        if self._in_vain.look(ends, results, self._clock.monotonic_ns()):
            self._broken = f"ended {ends} times, lately before any result; {self.process.reason}"
        return bool(self._broken)

    def _show(self, wait: bool | float = False) -> None:
        try:
            facts = self._status()
            self.pipe.notify_event(SHOW, self._those(self._routines.source), wait=wait, facts=facts)
        except Exception as error:  # noqa: BLE001  it is over just now, or `status` is anybody's code
            get_logger("sightline.worker").debug("pages are not told", worker=self.name, error=repr(error))

    def _conclude(self) -> None:
        """It is over, and was not stopped: it has seen all, or is given up."""
        routines = self.pipe.stats().routines.values()
        if all(stats.state is RoutineState.DONE for stats in routines):
            self._ended = True
        else:
            self._broken = self.process.reason or "its process ended"

    def _finish(self) -> None:
        """Give what was taken, and no more; wait until that is written, where it can be."""
        end_ns = self._clock.monotonic_ns() + ns(STOP_S)
        with suppress(Closed, BufferFull):
            if self._can_finish():
                self.pipe.notify_event(FINISH, self._those(self._routines.source))
            while self._can_finish() and self._clock.monotonic_ns() < end_ns:
                self.pipe.wait(_LOOK_S)

    def _can_finish(self) -> bool:
        """Whether what is in hand is still on its way to a sink."""
        if self.process.state is not State.RUNNING:
            return False
        source, model, sinks = self._routines
        now = {name: of.state for name, of in self.pipe.stats().routines.items()}
        return (
            now[source.name] in _IN_HAND
            and now[model.name] in _IN_HAND
            and any(now[sink.name] not in _OUT_OF_HAND for sink in sinks)
        )


def _made(name: str, routines: WorkerRoutines, restart: Restart, hung_s: float) -> Pipe:
    """The pipe: the model has its frames when it is free, and each sink a line of its own."""
    pipe = Pipe(
        logger=_LOGGER,
        restart=restart,
        hung_s=hung_s,
        stop_s=_KILL_S,
        on_line=pass_on,
    )
    source, model, sinks = routines
    pipe.create_flow(name, False, source, model, *sinks)
    pipe.link(Wire(source, model, settings=_WAITS))
    if sinks:
        pipe.link(Wire(model, sinks, settings=_WAITS))
    return pipe


def raised_by(told: str) -> SightlineError:
    """What a setup raised, as it was raised."""
    raised = _RAISED.fullmatch(told)
    kind = raised and getattr(errors, raised["kind"], None)
    for known in getattr(kind, "__mro__", ()):
        with suppress(TypeError):  # it takes more than words, as a hub's code
            error = known(raised and raised["message"])
            if isinstance(error, SightlineError):
                return error
    return SightlineError(told)


@contextmanager
def _quiet() -> Iterator[None]:
    """What cannot be set up meanwhile is raised, and need not be logged as well."""

    def is_news(record: logging.LogRecord) -> bool:
        return _RAISED_TOO.search(record.getMessage()) is None

    _LOGGER.addFilter(is_news)
    try:
        yield
    finally:
        _LOGGER.removeFilter(is_news)
