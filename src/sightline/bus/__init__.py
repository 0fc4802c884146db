"""Publish and subscribe: one small promise, and the brokers that keep it.

    names     topics and patterns
    promise   what a bus, a subscription and a message are; read this one
    inbox     what waits for one reader, the same for every broker
    memory    memory://name, within a process
    opening   the table of brokers

The bus moves bytes. What they mean is `sightline.wire`'s business, and the bus knows no video.
"""

from sightline.bus.names import Topics
from sightline.bus.opening import open_bus
from sightline.bus.promise import MAX_MESSAGE_BYTES, Bus, Feature, Message, Subscription

__all__ = ["MAX_MESSAGE_BYTES", "Bus", "Feature", "Message", "Subscription", "Topics", "open_bus"]
