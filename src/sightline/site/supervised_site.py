"""A site as processes: a hub where it needs one, captures, and a process for each worker.

Promises what `RunningSite` does, and that no process takes another along: one that dies or hangs is begun
again, with counts that go on, and the others go on meanwhile. None is left when this one ends, however it
ends. A bus that is within a process becomes a hub that nobody else can reach.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

from sightline.clock import SYSTEM_CLOCK, Clock
from sightline.errors import BusError, ConfigError
from sightline.hub.address import HubAddress
from sightline.hub.settings import Limits
from sightline.pipe import Pipe
from sightline.site.capture_process import Order
from sightline.site.captured import STOP_S, Captured
from sightline.site.capturing import Inputs, StreamKey, StreamStatus, faults_of, inputs_of
from sightline.site.capturing_processes import shared_out
from sightline.site.model import Site
from sightline.site.own_hub import (
    PRIVATE_LIMITS,
    Meeting,
    answers,
    await_hub,
    hub_child,
    hub_of,
    hub_talk,
    meeting_at,
)
from sightline.site.resting import Resting
from sightline.site.running import with_cameras
from sightline.site.side_by_side import side_by_side
from sightline.site.status import (
    ProcessView,
    SiteStatus,
    faults_of_workers,
    page_facts,
    process_view,
    site_status,
)
from sightline.site.stopping import Runs
from sightline.site.talk import RESTART, Talk, supervised
from sightline.site.visit import PipesVisit
from sightline.site.window import open_window
from sightline.site.worker_process import WorkerProcess
from sightline.supervise import ChildSpec, State, Supervisor

_HEARD_S: Final = 1.0


class HubView(NamedTuple):
    """A hub that was begun because none answered: its address without what is secret, and its process."""

    shown: str
    pid: int | None


class SupervisedSite(Runs):
    """A site between `start()` and `stop()`; a `with` block does both. See `RunningSite`.

    Args:
        site: what is to run.
        name: what whoever looks at it through its window is told that it is.
        log_level: what captures and the hub log; workers log as this process does.
    """

    def __init__(
        self, site: Site, *, name: str = "site", log_level: str = "warning", clock: Clock = SYSTEM_CLOCK
    ) -> None:
        super().__init__(clock)
        self.site = site
        self.name = name
        self._opened = ExitStack()
        self._meeting: Meeting | None = None
        self._bus_is_there = threading.Event()
        self._workers_read = threading.Event()
        self._log_level = log_level
        self._captured = self._parts(inputs_of(site), log_level)
        self._workers: dict[str, WorkerProcess] = {}
        self._resting: dict[str, Resting] = {}
        self._supervisor: Supervisor | None = None
        self._starting: list[threading.Thread] = []
        self._ending = self._over = self._stopped = False

    def start(self, may_capture: Callable[[], object] = bool) -> None:
        """Begin the hub, the workers, and once these read and `may_capture` has returned, the captures.

        Raises:
            SightlineError: a model, sink or bus cannot be opened; nothing is left running.
        """
        try:
            self._start(may_capture)
        except BaseException:
            self.stop()
            raise

    def status(self) -> SiteStatus:
        """How all of it was a moment ago; from any thread, also before `start()` and after `stop()`."""
        streams = self._streams()
        lost = self._lost(streams) if self._stopped else {}
        return site_status(streams, self._workers, self._clock, self._processes(), lost)

    @property
    def pages(self) -> list[str]:
        """Addresses of the preview pages that are served."""
        return [page for worker in self._workers.values() for page in worker.pages]

    @property
    def bus(self) -> str | None:
        """The bus where its processes meet; None: it does not run. It may hold a secret."""
        return None if self._meeting is None or self._ending else self._meeting.url

    @property
    def hub(self) -> HubView | None:
        """The hub that was begun because none answered; None: no need to, or only we can reach it."""
        meeting, process = self._meeting, self._processes().get("hub")
        if meeting is None or meeting.hub is None or meeting.private or process is None:
            return None
        return HubView(meeting.hub.shown, process.pid)

    @property
    def faults(self) -> list[str]:
        """What went wrong for good, in words: cameras that cannot be read, workers that broke, a hub."""
        hub = self._processes().get("hub")
        lost = [f"hub: {hub.reason}"] if hub and hub.state == State.QUARANTINED else []
        return [*faults_of(self._streams()), *faults_of_workers(self._workers), *lost]

    def stop(self) -> None:
        """End everything, the hub last; what waits for a sink is written. Again is allowed.

        Where it is interrupted, all processes are killed.
        """
        self._stopping.begin()
        self._ending = True
        self._bus_is_there.set()
        self._workers_read.set()
        try:
            stops = [self._stop_captures, *(worker.stop for worker in self._workers.values())]
            side_by_side(stops, to_the_end=True)
            self._stop_supervisor()
            for thread in self._starting:
                thread.join(_HEARD_S)
        except BaseException:
            self._stop_supervisor(0.0)
            raise
        finally:
            self._opened.close()
            self._stopped = True

    # How it begins.

    def _parts(self, cameras: Inputs, log_level: str) -> list[Captured]:
        """Those that a worker looks at wait for it; the others are captured as they come."""
        looked_at = {name for worker in self.site.workers.values() for name in self.site.cameras_of(worker)}
        orders = [
            Order(
                cameras=part,
                topics=self.site.topics.of_packets(),
                log_level=log_level,
                await_readers=wanted,
                hold=wanted,
            )
            for wanted in (True, False)
            for part in shared_out({n: of for n, of in cameras.items() if (n in looked_at) is wanted})
        ]
        return [
            Captured(f"capture-{number}", order, self._bus_to_capture_onto, self._clock)
            for number, order in enumerate(orders, start=1)
        ]

    def _bus_to_capture_onto(self) -> str | None:
        """A file is not to begin before all workers would get it."""
        self._workers_read.wait()
        return None if self._ending or self._meeting is None else self._meeting.url

    def _start(self, may_capture: Callable[[], object]) -> None:
        """All processes begin at once, and wait for the bus and for each other only once they are there."""
        workers = with_cameras(self.site, self.site.workers)
        self._meeting = meeting = meeting_at(self.site.bus, self._opened)
        self._open_window(meeting)
        site = self.site.model_copy(update={"bus": meeting.url})
        for name, settings in workers.items():
            facts = partial(self._facts, self.site.cameras_of(settings))
            self._workers[name] = WorkerProcess(name, site, status=facts, restart=RESTART, clock=self._clock)
            self._resting[name] = Resting()
        self._supervisor = supervisor = supervised(self._children(meeting))
        supervisor.start()
        starts = [partial(worker.start, self._bus_is_there.wait) for worker in self._workers.values()]
        side_by_side(
            [partial(self._await_bus, meeting, supervisor), *starts],
            lambda: self._stopping.asked,
            self._starting,
        )
        if not self._stopping.asked:
            may_capture()
            self._workers_read.set()
            side_by_side([worker.tell_pages for worker in self._workers.values()])

    def _children(self, meeting: Meeting) -> dict[Talk, ChildSpec]:
        talks: dict[Talk, ChildSpec] = {}
        if meeting.hub is not None:
            talk = hub_talk(meeting.hub, PRIVATE_LIMITS if meeting.private else Limits(), self._log_level)
            talks[talk] = hub_child(talk)
        return talks | {part.talk: part.child for part in self._captured}

    def _await_bus(self, meeting: Meeting, supervisor: Supervisor) -> None:
        if meeting.hub is not None:
            try:
                await_hub(supervisor, give_up=lambda: self._ending)
            except (ConfigError, BusError):
                if meeting.private or not answers(meeting.hub):
                    raise
                self._meeting = meeting._replace(hub=None)  # somebody else was faster
                supervisor.end("hub")
        self._bus_is_there.set()

    def _open_window(self, meeting: Meeting) -> None:
        """For those who want to look; nothing else needs it."""
        private = meeting.hub.unix_path if meeting.private and meeting.hub else None
        open_window(self._visit, self._opened, Path(private).parent if private else None)

    # How it goes.

    def _visit(self) -> PipesVisit:
        return PipesVisit(self.name, self._pipes, status=self.status, hub=self._hub_address)

    def _pipes(self) -> dict[str, Pipe]:
        return {worker.process_name: worker.pipe for worker in self._workers.values()}

    def _hub_address(self) -> HubAddress | None:
        return None if self._meeting is None else hub_of(self._meeting.url)

    def _streams(self) -> dict[StreamKey, StreamStatus]:
        return {key: status for part in self._captured for key, status in part.status().items()}

    def _lost(self, streams: Mapping[StreamKey, StreamStatus]) -> dict[str, int]:
        """By camera, the packets that came to nothing that a worker counted: now that none is on its way."""
        lost: Counter[str] = Counter()
        for worker in self._workers.values():
            for name, counts in worker.counts().items():
                key: StreamKey = (name, "detect" if self.site.cameras[name].detect_url else "main")
                counted = counts.results + counts.unwanted + sum(counts.dropped.values())
                lost[name] += max(0, streams[key].sent.published - counted)
        return dict(lost)

    def _processes(self) -> dict[str, ProcessView]:
        statuses = {} if self._supervisor is None else dict(self._supervisor.states())
        if self._meeting is None or self._meeting.hub is None:  # somebody else was faster than ours
            statuses.pop("hub", None)
        statuses |= {f"worker-{name}": worker.process for name, worker in self._workers.items()}
        return {name: process_view(status, self._clock) for name, status in statuses.items()}

    def _facts(self, camera_ids: Collection[str]) -> dict[str, Any]:
        return page_facts(self.status(), camera_ids)

    def _is_over(self) -> bool:
        """Whether nothing more will come: see that it is noticed."""
        processes = self._processes()
        hub = processes.get("hub")
        captured = all(part.is_over for part in self._captured)
        lost = captured and any(process.ends for process in processes.values())
        spent = [self._is_spent(worker, may_rest=lost) for worker in self._workers.values()]
        broken = any(worker.broken for worker in self._workers.values())
        self._over = (hub is not None and hub.state == State.QUARANTINED) or (
            all(spent) and (captured or broken)
        )
        return self._over

    def _is_spent(self, worker: WorkerProcess, *, may_rest: bool) -> bool:
        """Whether it has seen all that it will. Of what died with a process, nobody tells it the end."""
        counts = worker.counts()
        seen = tuple((of.lane.heard.packets, of.results, of.failed) for of in counts.values())
        may_rest = may_rest and worker.idle
        rests = self._resting[worker.name].look((seen, may_rest), self._clock.monotonic_ns())
        return worker.ended or bool(worker.broken) or (may_rest and rests)

    # How it ends.

    def _stop_captures(self) -> None:
        if self._supervisor is None:
            return
        names = {part.talk.name for part in self._captured}
        for name in names:
            self._supervisor.end(name)
        self._supervisor.wait_until(lambda of: all(of[name].state is State.ENDED for name in names), STOP_S)
        for part in self._captured:
            part.talk.join(_HEARD_S)

    def _stop_supervisor(self, timeout_s: float | None = None) -> None:
        if self._supervisor is not None:
            self._supervisor.stop(timeout_s)
