"""Drawn cameras on a log in memory, and what a mux sends on of them."""

from __future__ import annotations

import functools
import secrets
from collections.abc import Iterable, Sequence

from tests.drawn import drawn_packets

from sightline import Packet, Size
from sightline.bus import Message, open_log
from sightline.bus.packets import publish_end
from sightline.wire import packet_to_message

SMALL = Size(160, 96)


@functools.cache
def film(camera: int, frames: int = 40) -> tuple[Packet, ...]:
    """GOPs of ten pictures with two B-frames; the number of a picture can be read from it."""
    return tuple(drawn_packets(camera, frames, size=SMALL))


class Yard:
    """A log of its own, closed by `close`; `cam0`, `cam1`, ... are on `raw_cam0`, ..."""

    def __init__(self) -> None:
        self.url = f"memory://yard-{secrets.token_hex(4)}?history=64MiB"
        self.log = open_log(self.url)

    def close(self) -> None:
        self.log.close()

    def send(self, packets: Iterable[Packet], *, plain: bool = False, to: str | None = None) -> None:
        """As a capture of ours publishes them, or as anybody's whole access units."""
        for packet in packets:
            value, headers = packet_to_message(packet)
            topic = to or f"raw_{packet.camera_id}"
            self.log.publish(topic, value, key=b"k", headers=(("n", b"1"),) if plain else headers)

    def end(self, camera_id: str) -> None:
        publish_end(self.log, camera_id)

    def sent_on(self, topic: str) -> list[Message]:
        """All that is on a topic."""
        ends = self.log.ends(topic).get(topic)
        if ends is None:
            return []
        messages: list[Message] = []
        with self.log.consume(topic, start="earliest") as reader:
            while len(messages) < ends.next:
                messages += reader.poll(1000, 5.0)
        return messages

    def count(self, topic: str) -> int:
        ends = self.log.ends(topic).get(topic)
        return 0 if ends is None else ends.next


def values(messages: Sequence[Message]) -> list[bytes]:
    return [message.value for message in messages]
