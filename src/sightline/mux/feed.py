"""The poller: one thread that takes packets off one subscription and puts them into their lanes.

A feed is live or offline as a whole. A live one never waits: what its lanes have no room for they drop.
An offline one waits for its lanes, and through the subscription so do the readers of the files.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Final

from sightline.buffer import BufferStats
from sightline.bus import Message, Subscription
from sightline.bus.packets import is_end, packet_of
from sightline.errors import Closed, WireError
from sightline.log import Repeated, get_logger
from sightline.mux.lane import Lane
from sightline.packet import Packet

_MOST: Final = 256
_POLL_S: Final = 0.5


class Feed:
    """Moves messages of `subscription` to `lanes`, by topic, and calls `wake` for each that got one."""

    def __init__(
        self,
        subscription: Subscription,
        lanes: Mapping[str, Lane],
        wake: Callable[[Lane], None],
        *,
        name: str,
    ) -> None:
        self._subscription = subscription
        self._lanes = lanes
        self._wake = wake
        self._trouble = Repeated(get_logger("sightline.mux"), "message is not a packet")
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def stats(self, topic: str) -> BufferStats:
        """Counts of one camera's topic in the subscription."""
        return self._subscription.stats(topic)

    def close(self, timeout_s: float = 5.0) -> None:
        """End the thread. Lanes that it waits for must have been interrupted."""
        self._subscription.close()
        self._thread.join(timeout_s)
        self._trouble.flush()

    def _run(self) -> None:
        try:
            while True:
                self._move(self._subscription.poll(_MOST, _POLL_S))
        except Closed:
            return
        except Exception as error:  # noqa: BLE001  the broker's, or a bug: said once, and seen in the counts
            get_logger("sightline.mux").error("no more packets: the poller ended", error=repr(error))

    def _move(self, messages: list[Message]) -> None:
        touched: dict[str, Lane] = {}
        for message in messages:
            lane = touched[message.topic] = self._lanes[message.topic]
            if not lane.live:
                # It may wait for room below, which only a lane at work can make.
                self._wake(lane)
            self._put(lane, message)
        for lane in touched.values():
            self._wake(lane)

    def _put(self, lane: Lane, message: Message) -> None:
        if is_end(message):
            lane.end()
            return
        try:
            packet = _packet_for(lane, message)
        except WireError as error:
            lane.malformed += 1
            self._trouble.add(camera=lane.camera_id, offset=message.offset, error=str(error))
            return
        lane.put(packet)


def _packet_for(lane: Lane, message: Message) -> Packet:
    """The packet of a message. Raises WireError where there is none, or it is of another camera."""
    packet = packet_of(message, lane.camera_id)
    if packet.camera_id != lane.camera_id:
        raise WireError(f"expected a packet of {lane.camera_id}, got one of {packet.camera_id}")
    return packet
