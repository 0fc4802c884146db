"""Cameras into a frame queue: each is captured, sampled, and its pictures handed over.

Promises: a camera that fails stops no other; a live one waits for a store or a queue that is full or away
for seconds at most, and what is lost by that is counted; a recording that is played once waits for as long as
it takes, and is sampled whole. No second of a camera is sampled again after a restart. `stop` hands over what
was sampled.

Does not do: more than a process can: a thread an input. Several processes sample different cameras.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any, Final

import msgspec

from sightline.capture import CameraStatus, State
from sightline.clock import NS_PER_MS, SYSTEM_CLOCK, Clock
from sightline.errors import Closed
from sightline.framequeue.feeding import FrameFeed
from sightline.framequeue.feeding_line import CameraFeed
from sightline.framequeue.grid import SecondGrid
from sightline.framequeue.queue import KeyQueue
from sightline.framequeue.sampling import FrameSampler, Sampled, SamplerStats
from sightline.framequeue.store import FrameStore
from sightline.log import get_logger
from sightline.site.stopping import Runs

if TYPE_CHECKING:
    from sightline.capture import CameraInput, Capture
    from sightline.packet import Packet

_LIVE_WAIT_S: Final = 5.0
_WHOLE_WAIT_S: Final = 3600.0
"""How long a picture of a recording waits for a store or a queue that is full or away."""
_STOP_S: Final = 1.0

OnSampled = Callable[[Sampled], object]


class SampledCamera(msgspec.Struct, frozen=True, kw_only=True):
    """One camera at one moment: its capture, what was sampled of it, and what became of that."""

    capture: CameraStatus
    sampler: SamplerStats
    feed: CameraFeed


class Sampling(Runs):
    """Cameras sampled into a store and a queue between `start()` and `stop()`; a `with` block does both.

    Args:
        cameras: what to capture.
        store: where pictures go; it stays open.
        queue_of: gives the queue of a camera's keys, the same one for those that share it; they stay open.
        sampler: settings of `FrameSampler`.
        ttl_s, when_full: as of `FrameFeed`.
        on_sampled: is told of each picture, in its camera's thread, before it is handed over.
    """

    def __init__(
        self,
        cameras: Sequence[CameraInput],
        store: FrameStore,
        queue_of: Callable[[str], KeyQueue],
        *,
        sampler: Mapping[str, Any],
        ttl_s: float | None,
        when_full: str = "wait",
        on_sampled: OnSampled | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        super().__init__(clock)
        self._cameras = cameras
        self._store = store
        self._queue_of = queue_of
        self._settings = dict(sampler)
        self._ttl_s, self._when_full = ttl_s, when_full
        self._on_sampled = on_sampled
        self._feeds: dict[str, FrameFeed] = {}
        self._sampled: dict[str, _Camera] = {}
        self._opened = ExitStack()

    def start(self) -> None:
        """Open the cameras, and log what is wrong with how the store is set.

        Raises:
            SightlineError: store or queue cannot be asked; nothing runs then.
        """
        for advice in self._store.check():
            get_logger("sightline.framequeue").warning(advice.text, mended_by=advice.line or None)
        with ExitStack() as opened:
            self._feeds = self._made_feeds(opened)
            for camera in self._cameras:
                one = _Camera(
                    camera,
                    self._feeds[camera.camera_id],
                    self._sampler_of(camera),
                    self._on_sampled,
                    self._clock,
                )
                self._sampled[camera.camera_id] = one
                opened.callback(one.close)
            for one in self._sampled.values():
                one.capture.start()
            opened.callback(self._stop_captures)
            self._opened = opened.pop_all()

    def status(self) -> dict[str, SampledCamera]:
        """How each camera is at this moment, from any thread."""
        fed = {name: feed.stats().cameras for name, feed in self._feeds.items()}
        return {
            name: one.status(fed.get(name, {}).get(name, CameraFeed())) for name, one in self._sampled.items()
        }

    @property
    def feeds(self) -> list[FrameFeed]:
        """Those of all queues."""
        return list(dict.fromkeys(self._feeds.values()))

    @property
    def samplers(self) -> dict[str, SamplerStats]:
        """By camera."""
        return {name: one.stats() for name, one in self._sampled.items()}

    @property
    def faults(self) -> list[str]:
        """Why cameras cannot be read and are not tried again; and how many pictures were lost."""
        status = self.status()
        gone = [
            f"{name}: {of.capture.reason}"
            for name, of in status.items()
            if of.capture.state == State.DISABLED
        ]
        lost = [
            f"{name}: {sum(of.feed.dropped.values())} pictures were not handed over"
            for name, of in status.items()
            if of.feed.dropped
        ]
        return gone + lost

    def stop(self) -> None:
        """End the cameras, and hand over what was sampled. Again is allowed."""
        self._stopping.begin()
        self._opened.close()

    def _made_feeds(self, opened: ExitStack) -> dict[str, FrameFeed]:
        feeds: dict[tuple[int, bool], FrameFeed] = {}
        by_camera: dict[str, FrameFeed] = {}
        for camera in self._cameras:
            queue, whole = self._queue_of(camera.camera_id), camera.is_recording and not camera.loop
            which = id(queue), whole  # no camera waits behind a recording
            if which not in feeds:
                wait_s = _WHOLE_WAIT_S if whole else _LIVE_WAIT_S
                feeds[which] = FrameFeed(
                    self._store, queue, self._when_full, ttl_s=self._ttl_s, wait_s=wait_s
                )
                opened.callback(feeds[which].close)
            by_camera[camera.camera_id] = feeds[which]
        return by_camera

    def _sampler_of(self, camera: CameraInput) -> FrameSampler:
        last_slot = last_slot_of(self._store, camera.camera_id, self._settings.get("rate", 1.0))
        if camera.is_recording:  # it begins anew, and so does its time
            last_slot = None
        return FrameSampler(**self._settings, last_slot=last_slot)

    def _stop_captures(self) -> None:
        captures = [one.capture for one in self._sampled.values()]
        for stop_s in (0.0, _STOP_S):  # all are told first; then they end side by side
            for capture in captures:
                capture.stop(stop_s)

    def _is_over(self) -> bool:
        over = [one.look() for one in self._sampled.values()]
        return all(over) and not any(feed.stats().total.held for feed in self.feeds)


def last_slot_of(store: FrameStore, camera_id: str, rate: float) -> int | None:
    """The slot of the camera's last picture in the store, for a sampler that goes on; None: there is none.

    Raises:
        BusError: the store cannot be asked.
    """
    last_ms = store.last_captured_ms(camera_id)
    return None if last_ms is None else SecondGrid(rate).slot(last_ms * NS_PER_MS)


class _Camera:
    """One camera, its sampler, and where its pictures go."""

    def __init__(
        self,
        camera: CameraInput,
        feed: FrameFeed,
        sampler: FrameSampler,
        on_sampled: OnSampled | None,
        clock: Clock,
    ) -> None:
        from sightline.capture import Capture  # noqa: PLC0415 - libav, which those who only show it can spare

        self._feed = feed
        self._sampler = sampler
        self._on_sampled = on_sampled
        self._ending: threading.Thread | None = None
        self.capture: Capture = Capture(camera, self._deliver, clock=clock)

    def look(self) -> bool:
        """Whether nothing more will come of it; what is held where its stream ends or breaks is given out."""
        if self._ending is not None and self._ending.is_alive():
            return False
        ended = self.capture.done
        if (ended or self.capture.fault is not None) and self.stats().held:
            # In a thread, as it may wait for room; whoever looks is to be able to stop.
            self._ending = threading.Thread(target=self._end, name="sample the end", daemon=True)
            self._ending.start()
            return False
        return ended

    def status(self, feed: CameraFeed) -> SampledCamera:
        return SampledCamera(capture=self.capture.status(), sampler=self.stats(), feed=feed)

    def stats(self) -> SamplerStats:
        return self._sampler.stats()

    def close(self) -> None:
        self._sampler.close()

    def _end(self) -> None:
        with suppress(Closed):
            self._give(self._sampler.flush())

    def _deliver(self, packet: Packet) -> None:
        self._give(self._sampler.feed(packet))

    def _give(self, pictures: Sequence[Sampled]) -> None:
        for sampled in pictures:
            if self._on_sampled is not None:
                self._on_sampled(sampled)
            self._feed.offer(sampled.key, sampled.data)
