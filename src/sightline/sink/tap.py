"""A thread that takes packets of some cameras off the bus, beside the worker that decodes them.

Promises: packets come to `on_packet` in each camera's order; live ones never hold up the camera (the oldest
are dropped where `on_packet` is too slow), those of files are all there. Whatever `on_packet` raises is
counted and ends nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Final

from sightline.buffer import BufferStats, Capacity, Overflow
from sightline.bus import Bus, Message, is_end, packet_of
from sightline.log import Repeated, get_logger
from sightline.packet import Packet
from sightline.sink.reading import Reading

_LOOK_S: Final = 0.2
_TICK_S: Final = 1.0
# Of a camera. Bytes are what a bus may ask for where nothing may be dropped, and more.
_LIVE: Final = Capacity(count=1024, bytes=64 * 2**20)
_OFFLINE: Final = Capacity(count=256, bytes=64 * 2**20)


class Tap:
    """Reads from when it is made until it is closed.

    Args:
        bus: where the packets are.
        cameras: whose, by their topic.
        live: whether they may be dropped; else their publisher waits.
        on_packet: called with each.
        on_end: called with a camera whose source is over, behind its last packet.
        on_tick: called about once a second.

    Attributes:
        failed: packets that `on_packet` did not take, and messages that are none.
    """

    def __init__(
        self,
        bus: Bus,
        cameras: Mapping[str, str],
        *,
        live: bool,
        on_packet: Callable[[Packet], None],
        on_end: Callable[[str], None],
        on_tick: Callable[[], None],
    ) -> None:
        self._cameras = cameras
        self._on_packet, self._on_end, self._on_tick = on_packet, on_end, on_tick
        self._trouble = Repeated(get_logger("sightline.sink"), "packet not taken for a clip")
        self.failed = 0
        self._ticked_s = time.monotonic()
        self._subscription = bus.subscribe(
            list(cameras),
            capacity=_LIVE if live else _OFFLINE,
            overflow=Overflow.DROP_OLDEST if live else Overflow.BLOCK,
        )
        self._reading = Reading(self._subscription, self._take, look_s=_LOOK_S, name="clip-tap")

    @property
    def broken(self) -> str | None:
        """Why packets can no longer be read; None while they can."""
        return self._reading.broken

    def stats(self) -> BufferStats:
        """Counts of the subscription."""
        return self._subscription.stats()

    def close(self) -> None:
        """Take what has been published, for some seconds at most, and end."""
        self._reading.close()
        self._trouble.flush()

    def _take(self, messages: list[Message]) -> None:
        for message in messages:
            self._take_one(message, self._cameras[message.topic])
        if time.monotonic() - self._ticked_s >= _TICK_S:
            self._ticked_s = time.monotonic()
            self._on_tick()

    def _take_one(self, message: Message, camera_id: str) -> None:
        try:
            if is_end(message):
                self._on_end(camera_id)
            else:
                self._on_packet(packet_of(message, camera_id))
        except Exception as error:  # noqa: BLE001  a message, or a clip, must not end the others
            self.failed += 1
            self._trouble.add(camera=camera_id, offset=message.offset, error=repr(error))
