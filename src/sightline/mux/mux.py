"""Many cameras off a bus, into batches of one frame a camera.

A `Mux` subscribes to its cameras' packets, decodes them on as many threads as the machine has cores and
gives out batches. Threads do not grow with cameras: one poller for the live cameras, one for the offline
ones, and the pool. It does not capture, does not know the model, and sends nothing back.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Final

import msgspec

from sightline import codec  # not the decoder: libav is for those who decode
from sightline.buffer import Capacity, Overflow
from sightline.bus import Bus, Subscription
from sightline.bus.packets import PACKET_TOPICS, PacketTopics, Stream
from sightline.clock import SYSTEM_CLOCK, Clock
from sightline.codec import Pictures
from sightline.errors import ConfigError
from sightline.frame import Frame, Size
from sightline.mux.batch import BatchQueue
from sightline.mux.feed import Feed
from sightline.mux.lane import Lane, LaneStats
from sightline.mux.pool import Pool

# A camera. The poller of live ones never waits, so theirs is only for a machine that stood still.
_LIVE_BUS: Final = Capacity(count=1024, bytes=64 * 2**20)
_OFFLINE_BUS: Final = Capacity(count=32, bytes=64 * 2**20)


class MuxCamera(msgspec.Struct, frozen=True, kw_only=True):
    """A camera to be read: `live` drops old pictures rather than run late, offline never drops.

    `stream`: the main one, or the one beside it for models.
    """

    camera_id: str
    live: bool = True
    stream: Stream = "main"


class Mux:
    """Frames of many cameras, in batches.

    Args:
        bus: where the packets are.
        cameras: whose packets are read; at least one.
        topics: where on `bus` they are.
        rate: frames a second of each camera, in media time; None: all.
        size: pixels of the frames; None: the camera's own.
        pictures: which pictures are decoded, as for `Decoder`.
        hwaccel: what to decode on, as for `Decoder`.
        threads: that decode; None: one a core, and no more than cameras.
        max_batch: frames in a batch at most; None: one of each camera.
        max_wait_s: how long the first frame of a batch waits for the other cameras'.
        max_behind_s: how far a live camera's packets may lag before the older ones are dropped.

    Raises:
        ConfigError: no camera, or one twice.
        BusError: the broker cannot be subscribed to.
    """

    def __init__(
        self,
        bus: Bus,
        cameras: Iterable[MuxCamera],
        *,
        topics: PacketTopics = PACKET_TOPICS,
        rate: float | None = None,
        size: Size | None = None,
        pictures: Pictures = "auto",
        hwaccel: str = "none",
        threads: int | None = None,
        max_batch: int | None = None,
        max_wait_s: float = 0.02,
        max_behind_s: float = 5.0,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        wanted = list(cameras)
        names = [camera.camera_id for camera in wanted]
        if not names or len(set(names)) != len(names):
            raise ConfigError(f"expected one or more cameras, each once, got {names}")
        self._frames: BatchQueue[Frame] = BatchQueue(
            max_batch=max_batch, max_wait_s=max_wait_s, clock=clock, on_taken=self._taken
        )
        self._topics = {camera.camera_id: topics.of(camera.camera_id, camera.stream) for camera in wanted}
        self._lanes = {
            camera.camera_id: Lane(
                camera.camera_id,
                codec.Decoder(rate=rate, size=size, pictures=pictures, hwaccel=hwaccel, clock=clock),
                self._frames,
                live=camera.live,
                max_behind_s=max_behind_s,
                clock=clock,
            )
            for camera in wanted
        }
        by_topic = {self._topics[camera_id]: lane for camera_id, lane in self._lanes.items()}
        # Subscribed first: where that fails there is no thread to be left behind.
        subscriptions = {live: self._subscribe(bus, live=live) for live in {c.live for c in wanted}}
        self._pool = Pool(threads or min(os.cpu_count() or 1, len(names)))
        self._feeds = {
            live: Feed(subscription, by_topic, self._pool.wake, name="mux-live" if live else "mux-offline")
            for live, subscription in subscriptions.items()
        }

    def take(self, timeout_s: float) -> list[Frame]:
        """A batch of at most one frame a camera; [] when none was due in `timeout_s` seconds.

        Raises:
            Closed: the mux was closed.
        """
        return self._frames.take(timeout_s)

    @property
    def ended(self) -> bool:
        """Whether every camera's source is over and all its frames were taken."""
        return all(
            lane.ended and not self._frames.stats(camera_id).held for camera_id, lane in self._lanes.items()
        )

    def stats(self) -> dict[str, LaneStats]:
        """Counts of each camera, hop by hop."""
        return {
            camera_id: lane.stats(self._feeds[lane.live].stats(self._topics[camera_id]))
            for camera_id, lane in self._lanes.items()
        }

    def close(self) -> None:
        """Stop, drop what is held, and leave no thread. Again is allowed."""
        for lane in self._lanes.values():
            lane.interrupt()
        for feed in self._feeds.values():
            feed.close()
        self._pool.close()
        self._frames.close()
        for lane in self._lanes.values():
            lane.close()

    def _subscribe(self, bus: Bus, *, live: bool) -> Subscription:
        return bus.subscribe(
            [self._topics[camera_id] for camera_id, lane in self._lanes.items() if lane.live is live],
            capacity=_LIVE_BUS if live else _OFFLINE_BUS,
            overflow=Overflow.DROP_OLDEST if live else Overflow.BLOCK,
        )

    def _taken(self, camera_ids: list[str]) -> None:
        # An offline lane stands still while a frame of its waits; now it may go on.
        for camera_id in camera_ids:
            if not self._lanes[camera_id].live:
                self._pool.wake(self._lanes[camera_id])
