"""Publish and subscribe: one small promise, and the brokers that keep it.

    names     topics and patterns
    promise   what a bus, a subscription and a message are; read this one
    log       what a log is beyond that: groups, positions, gaps
    inbox     what waits for one reader, the same for every broker
    memory    memory://name, within a process
    hub       hub://host, between processes and machines
    kafka     kafka://host, on a Kafka
    opening   the table of brokers
    packets   how one camera's packets stand on a bus

The bus moves bytes. What they mean is `sightline.wire`'s business; of video `packets` alone knows.
"""

from sightline.bus.log import (
    EVICTED,
    MAX_METADATA_BYTES,
    Consumer,
    Ends,
    Event,
    Gained,
    Gap,
    Log,
    Lost,
    OnEvent,
    Position,
    Start,
)
from sightline.bus.names import Topics, topic_of, topic_pattern
from sightline.bus.opening import open_bus, open_log
from sightline.bus.packets import (
    MAX_RESULT_HEADER_BYTES,
    PACKET_TOPICS,
    RESULT_HEADER,
    PacketTopics,
    Stream,
    camera_of,
    is_end,
    packet_of,
    packets_topic,
    publish_end,
    publish_packet,
    result_of,
)
from sightline.bus.promise import MAX_MESSAGE_BYTES, Bus, Feature, Message, Subscription

__all__ = [
    "EVICTED",
    "MAX_MESSAGE_BYTES",
    "MAX_METADATA_BYTES",
    "MAX_RESULT_HEADER_BYTES",
    "PACKET_TOPICS",
    "RESULT_HEADER",
    "Bus",
    "Consumer",
    "Ends",
    "Event",
    "Feature",
    "Gained",
    "Gap",
    "Log",
    "Lost",
    "Message",
    "OnEvent",
    "PacketTopics",
    "Position",
    "Start",
    "Stream",
    "Subscription",
    "Topics",
    "camera_of",
    "is_end",
    "open_bus",
    "open_log",
    "packet_of",
    "packets_topic",
    "publish_end",
    "publish_packet",
    "result_of",
    "topic_of",
    "topic_pattern",
]
