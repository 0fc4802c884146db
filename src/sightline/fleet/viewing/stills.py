"""Pictures of a camera one by one, as JPEGs, for browsers that play no video of its codec: decoded once for
all who look, two a second, and only while somebody asks for them.

Promises: who puts packets never waits.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from sightline.buffer import Buffer
from sightline.clock import SYSTEM_CLOCK, Clock
from sightline.codec import Decoder
from sightline.errors import Closed, CodecError
from sightline.log import Repeated, get_logger
from sightline.overflow import Capacity, Overflow
from sightline.packet import Identity, Packet

if TYPE_CHECKING:
    from sightline.frame import Image

RATE_HZ: Final = 2.0
MOST_WIDTH: Final = 960
QUALITY: Final = 75
_WAITING: Final = Capacity(count=600, bytes=16 * 2**20)


class Stills:
    """Of one camera, until it is closed. `give` is called in a thread of its own."""

    def __init__(self, give: Callable[[Identity, bytes], None], clock: Clock = SYSTEM_CLOCK) -> None:
        self._give = give
        self._waiting: Buffer[Packet] = Buffer(
            _WAITING,
            Overflow.DROP_TO_KEYFRAME,
            size=lambda packet: len(packet.data),
            keyframe=lambda packet: packet.keyframe,
            clock=clock,
        )
        self.made = 0
        self._trouble = Repeated(get_logger(__name__), "a picture cannot be decoded", every_s=60, clock=clock)
        self._decoder = Decoder(rate=RATE_HZ, clock=clock)
        self._thread = threading.Thread(target=self._live, name="fleet stills", daemon=True)
        self._thread.start()

    def put(self, packet: Packet) -> None:
        """The next one of the camera."""
        try:
            self._waiting.put(packet)
        except Closed:
            return

    def close(self) -> None:
        """Again is allowed."""
        self._waiting.close(discard=True)

    def _live(self) -> None:
        try:
            while True:
                for packet in self._waiting.take():
                    self._decode(packet)
        except Closed:
            self._decoder.close()
            self._trouble.flush()

    def _decode(self, packet: Packet) -> None:
        try:
            frames = self._decoder.feed(packet)
        except CodecError as error:
            self._trouble.add(reason=str(error))
            return
        for frame in frames:
            self.made += 1
            self._give(frame.identity, _jpeg(frame.image))


def _jpeg(image: Image) -> bytes:
    import cv2  # noqa: PLC0415 - most coordinators never need it

    from sightline.sink.annotate import fitted  # noqa: PLC0415

    picture = fitted(image, MOST_WIDTH)
    return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()
