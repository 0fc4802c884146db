"""Packets merely passed on: a 1080p file captured onto the memory bus, and read off it again.

Nothing is decoded. The reader makes packets of the messages, as whoever records or relays them would, and
counts them. Nothing may be lost, so the bus waits for the reader.
"""

from __future__ import annotations

import threading
from typing import Final

from benches.bench import CPU, OURS, PACKETS, WALL, Bench, Scale, WrongWork
from benches.clips import DESCRIPTION, FPS, clip
from benches.decode import needs, opencv, play
from benches.measuring import spent
from benches.pairing import Aim, Figures
from sightline.buffer import Capacity, Overflow
from sightline.bus import Subscription, is_end, open_bus, packets_topic, publish_end, publish_packet
from sightline.wire import packet_from_message

_MOST: Final = 64
_PATIENCE_S: Final = 60.0
_CAMERA: Final = "bench"


class _Reader(threading.Thread):
    """Counts packets until the stream's end."""

    def __init__(self, subscription: Subscription) -> None:
        super().__init__(name="reader", daemon=True)
        self.packets = 0
        self._subscription = subscription

    def run(self) -> None:
        while messages := self._subscription.poll(_MOST, _PATIENCE_S):
            for message in messages:
                if is_end(message):
                    return
                packet_from_message(
                    message.value,
                    message.headers,
                    camera_id=_CAMERA,
                    offset=message.offset,
                    timestamp_ns=message.timestamp_ns,
                )
                self.packets += 1


def passed_on(scale: Scale) -> Figures:
    """From the file to a reader of the bus."""
    path, begin = clip(scale.clip_s), spent()
    with open_bus("memory://") as bus:
        capacity = Capacity(count=256, bytes=64 * 2**20)
        reader = _Reader(bus.subscribe(packets_topic(_CAMERA), capacity=capacity, overflow=Overflow.BLOCK))
        reader.start()
        play(path, lambda packet: publish_packet(bus, packet))
        publish_end(bus, _CAMERA)
        reader.join(_PATIENCE_S)
    cost = spent().since(begin)
    if reader.packets != FPS * scale.clip_s:
        raise WrongWork(f"expected {FPS * scale.clip_s} packets, got {reader.packets}")
    return {CPU: cost.cpu_s * 60 / scale.clip_s, WALL: cost.wall_s, PACKETS: reader.packets}


BENCHES: Final = (
    Bench(
        name="passing",
        title="A 1080p file's packets passed on over the memory bus, nothing decoded",
        contenders={OURS: passed_on, "opencv": opencv(None)},
        aims=(Aim(OURS, CPU, 0.03, "opencv"),),
        notes=(
            f"The clip: {DESCRIPTION}.",
            "sightline: `Capture` of the file, unpaced, `publish_packet`; a thread polls and makes packets.",
            "opencv: reads every picture, as it cannot do less.",
        ),
        needs=needs,
    ),
)
