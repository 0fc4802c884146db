"""How one camera's packets stand on a bus: the topic's name, the message, and the end of a file.

A topic holds one stream of one camera: its main one, or the smaller one beside it that models look at.
What is published is `sightline.wire`'s message; a source that is over says so
in the same topic, behind its last packet, so that a reader knows that it has all of them. Whoever looked at a
packet and publishes it again puts its result into a header of it.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from sightline.bus.promise import Bus, Message
from sightline.packet import Packet
from sightline.result import Result
from sightline.wire import packet_from_message, packet_to_message, result_from_json

Stream: TypeAlias = Literal["main", "detect"]
"""Which of a camera's streams. Their packets share the camera's id, and no epoch."""

_PREFIXES: Final[dict[Stream, str]] = {"main": "sightline.packets.", "detect": "sightline.detect."}
_END: Final = "sightline.end"

RESULT_HEADER: Final = "sightline.result"
MAX_RESULT_HEADER_BYTES: Final = 64 * 1024
"""A larger result, some 400 detections, goes beside its packet and not with it: brokers bound headers."""


def packets_topic(camera_id: str, stream: Stream = "main") -> str:
    """The topic of a camera's packets."""
    return _PREFIXES[stream] + camera_id


def camera_of(topic: str) -> str:
    """The camera whose packets are in `topic`."""
    return topic.removeprefix(_PREFIXES["detect" if topic.startswith(_PREFIXES["detect"]) else "main"])


def packet_of(message: Message) -> Packet:
    """The packet that a message of a packets' topic holds. Raises WireError where it holds none."""
    return packet_from_message(
        message.value,
        message.headers,
        camera_id=camera_of(message.topic),
        offset=message.offset,
        timestamp_ns=message.timestamp_ns,
    )


def result_of(message: Message) -> Result | None:
    """The result that a message has beside its packet; None without. Raises WireError where it is none."""
    for name, data in reversed(message.headers):
        if name == RESULT_HEADER:
            return result_from_json(data)
    return None


def publish_packet(bus: Bus, packet: Packet, stream: Stream = "main") -> None:
    """Put a packet into its camera's topic."""
    value, headers = packet_to_message(packet)
    bus.publish(
        packets_topic(packet.camera_id, stream), value, key=packet.camera_id.encode(), headers=headers
    )


def publish_end(bus: Bus, camera_id: str, stream: Stream = "main") -> None:
    """Say that this camera's source is over: a file that was read to its end."""
    bus.publish(packets_topic(camera_id, stream), b"", key=camera_id.encode(), headers=((_END, b""),))


def is_end(message: Message) -> bool:
    """Whether a message says that its camera's source is over."""
    return any(name == _END for name, _ in message.headers)
