"""Many cameras off a bus, in batches, as a source."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from typing import Final

from sightline.bus import PACKET_TOPICS, PacketTopics, open_bus
from sightline.codec import Pictures
from sightline.errors import Closed
from sightline.frame import Frame, Size
from sightline.mux import LaneStats, Mux, MuxCamera
from sightline.pipe import SourceRoutine

_TAKE_S: Final = 0.25
"""How long a call waits for a batch, and so an event for the routine."""


class MuxRoutine(SourceRoutine):
    """Gives batches: lists of frames, at most one a camera. It has given its last when all were files.

    `setup` opens the bus and begins to read, `cleanup` ends both. Frames of live cameras that nobody takes in
    time are dropped, of each camera the oldest; files wait. Its `own_stats` are a `LaneStats` by camera,
    of what came since the last START.

    Args:
        bus: the URL of the bus on which somebody publishes the cameras' packets.
        cameras: which; a name alone is a live camera.
        name: as of any routine.
        topics, rate, size, pictures, hwaccel, max_batch, max_wait_s: as for `sightline.mux.Mux`.

    Attributes:
        live: whether any of them is live; a lossless wire behind it then has to say that it means that.
    """

    def __init__(
        self,
        bus: str,
        cameras: Iterable[MuxCamera | str],
        name: str | None = None,
        *,
        topics: PacketTopics = PACKET_TOPICS,
        rate: float | None = None,
        size: Size | None = None,
        pictures: Pictures = "auto",
        hwaccel: str = "none",
        max_batch: int | None = None,
        max_wait_s: float = 0.02,
    ) -> None:
        super().__init__(name)
        self._url = bus
        self._cameras = [MuxCamera(camera_id=one) if isinstance(one, str) else one for one in cameras]
        self.live = any(camera.live for camera in self._cameras)
        self._topics = topics
        self._rate, self._size, self._pictures, self._hwaccel = rate, size, pictures, hwaccel
        self._max_batch, self._max_wait_s = max_batch, max_wait_s
        self._mux: Mux | None = None
        self._opened: ExitStack | None = None

    def setup(self) -> None:
        """Raises ConfigError or BusError: there is no such bus, or nothing can be read there."""
        with ExitStack() as opened:
            bus = opened.enter_context(open_bus(self._url))
            self._mux = mux = Mux(
                bus,
                self._cameras,
                topics=self._topics,
                rate=self._rate,
                size=self._size,
                pictures=self._pictures,
                hwaccel=self._hwaccel,
                max_batch=self._max_batch,
                max_wait_s=self._max_wait_s,
            )
            opened.callback(mux.close)
            self._opened = opened.pop_all()

    def main_logic(self) -> list[Frame] | None:
        """Raises StopIteration: all cameras were files, and all of them was given."""
        assert self._mux is not None
        try:
            frames = self._mux.take(_TAKE_S)
        except Closed:
            raise StopIteration from None
        if not frames and self._mux.ended:
            raise StopIteration
        return frames or None

    def cleanup(self) -> None:
        """Drop what is held."""
        opened, self._opened = self._opened, None
        if opened is not None:
            opened.close()

    def own_stats(self) -> dict[str, LaneStats]:
        return {} if self._mux is None else self._mux.stats()
