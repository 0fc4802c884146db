"""How one camera's packets stand on a bus: the topic's name, the message, and the end of a file.

A topic holds one stream of one camera: its main one, or the smaller one beside it that models look at. Which
topic that is says a pattern, `raw_:camera_id`, that everybody on a bus must agree on.
What is published is `sightline.wire`'s message; a source that is over says so
in the same topic, behind its last packet, so that a reader knows that it has all of them. Whoever looked at a
packet and publishes it again puts its result into a header of it.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import msgspec

from sightline.bus.names import camera_in, topic_of
from sightline.bus.promise import Bus, Message
from sightline.packet import Packet
from sightline.result import Result
from sightline.wire import packet_from_message, packet_to_message, result_from_json

Stream: TypeAlias = Literal["main", "detect"]
"""Which of a camera's streams. Their packets share the camera's id, and no epoch."""

_END: Final = "sightline.end"

RESULT_HEADER: Final = "sightline.result"
MAX_RESULT_HEADER_BYTES: Final = 64 * 1024
"""A larger result, some 400 detections, goes beside its packet and not with it: brokers bound headers."""


class PacketTopics(msgspec.Struct, frozen=True, kw_only=True):
    """Patterns of the topics of packets, `:camera_id` in each where the camera stands.

    Attributes:
        main: of the cameras' main streams.
        detect: of the streams beside them, for models alone.
    """

    main: str = "raw_:camera_id"
    detect: str = "detect_:camera_id"

    def of(self, camera_id: str, stream: Stream = "main") -> str:
        """The topic of one stream of a camera."""
        return topic_of(self.detect if stream == "detect" else self.main, camera_id)


PACKET_TOPICS: Final = PacketTopics()
"""Where nobody says otherwise."""


def packets_topic(camera_id: str, stream: Stream = "main", topics: PacketTopics = PACKET_TOPICS) -> str:
    """The topic of a camera's packets."""
    return topics.of(camera_id, stream)


def camera_of(topic: str, topics: PacketTopics = PACKET_TOPICS) -> str:
    """The camera whose packets are in `topic`; the topic itself where it is none of `topics`."""
    return camera_in(topic, topics.main) or camera_in(topic, topics.detect) or topic


def packet_of(message: Message, camera_id: str | None = None) -> Packet:
    """The packet that a message of a packets' topic holds.

    Args:
        message: as it came off the bus.
        camera_id: whose it is where it does not say so itself; None: as the usual topics are named.

    Raises:
        WireError: it holds none.
    """
    return packet_from_message(
        message.value,
        message.headers,
        camera_id=camera_of(message.topic) if camera_id is None else camera_id,
        offset=message.offset,
        timestamp_ns=message.timestamp_ns,
    )


def result_of(message: Message) -> Result | None:
    """The result that a message has beside its packet; None without. Raises WireError where it is none."""
    for name, data in reversed(message.headers):
        if name == RESULT_HEADER:
            return result_from_json(data)
    return None


def publish_packet(
    bus: Bus, packet: Packet, stream: Stream = "main", topics: PacketTopics = PACKET_TOPICS
) -> None:
    """Put a packet into its camera's topic."""
    value, headers = packet_to_message(packet)
    bus.publish(
        topics.of(packet.camera_id, stream),
        value,
        key=packet.camera_id.encode(),
        headers=headers,
        keyframe=packet.keyframe,
    )


def publish_end(
    bus: Bus, camera_id: str, stream: Stream = "main", topics: PacketTopics = PACKET_TOPICS
) -> None:
    """Say that this camera's source is over: a file that was read to its end."""
    bus.publish(topics.of(camera_id, stream), b"", key=camera_id.encode(), headers=((_END, b""),))


def is_end(message: Message) -> bool:
    """Whether a message says that its camera's source is over."""
    return any(name == _END for name, _ in message.headers)
