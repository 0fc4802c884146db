"""A site at work in one process: cameras captured onto the bus, and its workers reading from it.

Promises: each camera is opened once, however many workers look at it; a camera, model or sink that fails
stops no other; `stop()` ends everything within seconds and leaves files whole. A site whose cameras are
all files that are played once ends by itself.

It may also be a part of a site: some of its workers, of cameras that other processes capture.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import ExitStack
from functools import partial
from typing import Any

from sightline.bus import open_bus
from sightline.clock import SYSTEM_CLOCK, Clock
from sightline.errors import ConfigError
from sightline.kinds import nearest
from sightline.site.capturing import Capturing, inputs_of
from sightline.site.making import make_worker
from sightline.site.model import Site, Worker
from sightline.site.own_hub import OwnHub, begun_where_none_answers
from sightline.site.status import SiteStatus, faults_of_workers, page_facts, site_status
from sightline.site.stopping import Runs
from sightline.site.worker import RunningWorker


class RunningSite(Runs):
    """A site, or a part of one, between `start()` and `stop()`; a `with` block does both.

    Args:
        site: what is to run.
        workers: names of the workers to run; all when None.
        capture: whether to capture the cameras too; else their packets come from other processes.

    Attributes:
        pages: addresses of the preview pages that are served.
        hub: the hub that was begun for this site, because none answered; None: there was no need to.
    """

    def __init__(
        self,
        site: Site,
        *,
        workers: Collection[str] | None = None,
        capture: bool = True,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        super().__init__(clock)
        self.site = site
        self.pages: list[str] = []
        self.hub: OwnHub | None = None
        self._chosen = site.workers if workers is None else chosen(site, workers)
        self._opened = ExitStack()
        cameras = inputs_of(site) if capture else {}
        self._capturing = Capturing(site.bus, cameras, topics=site.topics.of_packets(), clock=clock)
        self._captures_own = capture
        self._workers: dict[str, RunningWorker] = {}

    def start(self) -> None:
        """Open the bus, load the models, start the workers, then the cameras.

        Raises:
            SightlineError: a model, sink or bus cannot be opened; nothing is left running.
        """
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def status(self) -> SiteStatus:
        """How all of it is doing now; from any thread, also before `start()` and after `stop()`."""
        captured = self._capturing.status() if self._captures_own else None
        return site_status(captured, self._workers, self._clock)

    @property
    def ended(self) -> bool:
        """Whether nothing more will come: all cameras were files, and each worker has seen all of its own.

        A worker that broke has seen all that it will.
        """
        return self._capturing.over and all(
            worker.ended or worker.broken for worker in self._workers.values()
        )

    @property
    def faults(self) -> list[str]:
        """What went wrong for good, in words: cameras that cannot be read, workers that broke."""
        return [*self._capturing.faults, *faults_of_workers(self._workers)]

    def stop(self) -> None:
        """End everything: cameras first; what waits for a sink is written. Again is allowed."""
        self._stopping.begin()
        self._opened.close()

    def _start(self) -> None:
        workers = with_cameras(self.site, self._chosen)
        if self._captures_own:  # it is the whole site: a part waits for the hub that others use too
            self._begin_hub()
        reading = self._opened.enter_context(open_bus(self.site.bus))
        for name, settings in workers.items():
            status = partial(self._facts, self.site.cameras_of(settings))
            self._start_worker(
                make_worker(name, settings, self.site, reading, status=status, clock=self._clock)
            )
        if self._captures_own:
            # With a bus of its own: closed first, it frees captures that wait for a worker's room.
            self._opened.callback(self._capturing.stop)
            self._capturing.start()

    def _facts(self, camera_ids: Collection[str]) -> dict[str, Any]:
        return page_facts(self.status(), camera_ids)

    def _begin_hub(self) -> None:
        self.hub = begun_where_none_answers(self.site.bus)
        if self.hub is not None:
            self._opened.callback(self.hub.stop)

    def _start_worker(self, worker: RunningWorker) -> None:
        self._opened.callback(worker.stop)
        self._workers[worker.name] = worker
        worker.start()
        self.pages += worker.pages

    def _is_over(self) -> bool:
        self._capturing.look()
        return self.ended


def chosen(site: Site, names: Collection[str]) -> dict[str, Worker]:
    """The workers of these names. Raises ConfigError for one that the site does not have."""
    for name in names:
        if name not in site.workers:
            known = ", ".join(site.workers)
            raise ConfigError(f"there is no worker {name!r}{nearest(name, site.workers)} (known: {known})")
    return {name: worker for name, worker in site.workers.items() if name in names}


def with_cameras(site: Site, workers: Mapping[str, Worker]) -> dict[str, Worker]:
    """Those that have a camera to look at. Raises ConfigError where there is none."""
    found = {name: worker for name, worker in workers.items() if site.cameras_of(worker)}
    if not found:
        raise ConfigError("expected a worker with a camera that is enabled, got none")
    return found
