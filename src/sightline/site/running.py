"""A site at work in one process: cameras captured onto the bus, and its workers reading from it.

Promises: each camera is opened once, however many workers look at it; a camera, model or sink that fails
stops no other; `stop()` ends everything within seconds and leaves files whole. A site whose cameras are
all files that are played once ends by itself.
"""

from __future__ import annotations

import threading
from contextlib import ExitStack, suppress
from functools import partial
from typing import Any, Final, Self

import msgspec

from sightline.bus import Stream, open_bus, publish_end, publish_packet
from sightline.capture import Capture, State
from sightline.clock import SYSTEM_CLOCK, Clock, EpochCounter, ns
from sightline.errors import Closed, ConfigError
from sightline.site.making import make_worker
from sightline.site.model import Camera, Site
from sightline.site.status import SiteStatus, site_status
from sightline.site.worker import RunningWorker

_LOOK_S: Final = 0.1
_STOP_S: Final = 0.5


class RunningSite:
    """A site between `start()` and `stop()`; a `with` block does both.

    Attributes:
        pages: addresses of the preview pages that are served.
    """

    def __init__(self, site: Site, *, clock: Clock = SYSTEM_CLOCK) -> None:
        self.site = site
        self.pages: list[str] = []
        self._clock = clock
        self._topics = site.topics.of_packets()
        self._opened = ExitStack()
        self._captures: dict[str, Capture] = {}
        self._detecting: dict[str, Capture] = {}  # of the streams beside the main ones
        self._workers: dict[str, RunningWorker] = {}
        self._over: set[Capture] = set()
        self._stopping = threading.Event()
        self._asked_to_stop = False

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
        cameras = {name: capture.status() for name, capture in self._captures.items()}
        detecting = {name: capture.status() for name, capture in self._detecting.items()}
        return site_status(cameras, detecting, self._workers, self._clock)

    @property
    def ended(self) -> bool:
        """Whether nothing more will come: all cameras were files, and each worker has seen all of its own.

        A worker that broke has seen all that it will.
        """
        return len(self._over) == len(self._all()) and all(
            worker.ended or worker.broken for worker in self._workers.values()
        )

    @property
    def faults(self) -> list[str]:
        """What went wrong for good, in words: cameras that cannot be read, workers that broke."""
        cameras = (
            f"{camera_id}: {capture.status().reason}"
            for camera_id, _, capture in self._all()
            if capture.status().state == State.DISABLED
        )
        workers = (f"{w.name}: {w.broken}" for w in self._workers.values() if w.broken)
        return [*cameras, *workers]

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until the site has ended by itself or was asked to stop; False when time was up first."""
        end_ns = None if timeout_s is None else self._clock.monotonic_ns() + ns(timeout_s)
        while not self._asked_to_stop and not self._stopping.is_set():
            self._tell_what_is_over()
            if self.ended:
                break
            if end_ns is not None and self._clock.monotonic_ns() >= end_ns:
                return False
            self._stopping.wait(_LOOK_S)
        return True

    def request_stop(self) -> None:
        """Let `wait` return; safe in a signal handler."""
        # Not the event: its lock may be held by the very thread that the signal interrupts.
        self._asked_to_stop = True

    def stop(self) -> None:
        """End everything: cameras first; what waits for a sink is written. Again is allowed."""
        self._stopping.set()
        self._opened.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.stop()

    def _start(self) -> None:
        workers = {name: of for name, of in self.site.workers.items() if self.site.cameras_of(of)}
        if not workers:
            raise ConfigError("expected a worker with a camera that is enabled, got none")
        reading = self._opened.enter_context(open_bus(self.site.bus))
        for name, settings in workers.items():
            status = partial(self._told, frozenset(self.site.cameras_of(settings)))
            self._start_worker(
                make_worker(name, settings, self.site, reading, status=status, clock=self._clock)
            )
        # A bus of their own: closed first, it frees captures that wait for a worker's room.
        self._publishing = open_bus(self.site.bus)
        for name, camera in self.site.cameras.items():
            if camera.enabled:
                self._make_captures(name, camera)
        self._opened.callback(self._stop_captures)
        for _, _, capture in self._all():
            capture.start()

    def _make_captures(self, name: str, camera: Camera) -> None:
        epochs = EpochCounter()
        for stream in camera.streams:
            captures = self._captures if stream == "main" else self._detecting
            captures[name] = Capture(
                camera.as_input(name, stream),
                partial(publish_packet, self._publishing, stream=stream, topics=self._topics),
                clock=self._clock,
                epochs=epochs,
            )

    def _all(self) -> list[tuple[str, Stream, Capture]]:
        """Every capture, and which stream of which camera it is."""
        return [
            *((name, "main", capture) for name, capture in self._captures.items()),
            *((name, "detect", capture) for name, capture in self._detecting.items()),
        ]

    def _start_worker(self, worker: RunningWorker) -> None:
        self._opened.callback(worker.stop)
        self._workers[worker.name] = worker
        self.pages += worker.pages
        worker.start()

    def _told(self, camera_ids: frozenset[str]) -> dict[str, Any]:
        """What a worker's page shows beside its pictures: its own cameras."""
        cameras = self.status().cameras.items()
        return {"cameras": {name: msgspec.to_builtins(view) for name, view in cameras if name in camera_ids}}

    def _tell_what_is_over(self) -> None:
        for camera_id, stream, capture in self._all():
            if capture not in self._over and capture.done:
                self._over.add(capture)
                # In a thread: like a packet it may have to wait for a worker's room.
                threading.Thread(target=self._publish_end, args=(camera_id, stream), daemon=True).start()

    def _publish_end(self, camera_id: str, stream: Stream) -> None:
        with suppress(Closed):
            publish_end(self._publishing, camera_id, stream, self._topics)

    def _stop_captures(self) -> None:
        self._publishing.close()
        for _, _, capture in self._all():
            capture.stop(0)
        # All were told; now they end side by side, and who hangs inside libav is left behind.
        for _, _, capture in self._all():
            capture.stop(_STOP_S)
