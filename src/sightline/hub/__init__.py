"""The hub: an embedded broker with channels, buffers of each reader and remote calls, and its clients.

`StreamServer` is a hub, as a process or within a loop; `AsyncStreamClient` and `StreamClient` (a thread; also
named `StreamClient_Thread`) are its clients. The settings say what may be asked of a channel and of a
reader's buffer, `HubAddress` where a hub is; `rpc` marks methods that a client serves.
"""

from typing import TYPE_CHECKING

from sightline.later import import_later

if TYPE_CHECKING:
    from sightline.hub.address import HubAddress
    from sightline.hub.broker.server import StreamServer
    from sightline.hub.broker.statistics import HubStats
    from sightline.hub.client import (
        AsyncStreamClient,
        ClientStats,
        Gap,
        Message,
        Prefetch,
        Reader,
        ReaderStats,
        StreamClient,
        WriterStats,
    )
    from sightline.hub.client.threaded import StreamClient_Thread
    from sightline.hub.rpc import rpc
    from sightline.hub.settings import DEFAULT_PORT, ChannelSettings, History, Limits, ReaderBuffer
    from sightline.overflow import Overflow

__all__ = [
    "DEFAULT_PORT",
    "AsyncStreamClient",
    "ChannelSettings",
    "ClientStats",
    "Gap",
    "History",
    "HubAddress",
    "HubStats",
    "Limits",
    "Message",
    "Overflow",
    "Prefetch",
    "Reader",
    "ReaderBuffer",
    "ReaderStats",
    "StreamClient",
    "StreamClient_Thread",
    "StreamServer",
    "WriterStats",
    "rpc",
]

import_later(
    __name__,
    {
        "sightline.hub.address": "HubAddress",
        "sightline.hub.broker.server": "StreamServer",
        "sightline.hub.broker.statistics": "HubStats",
        "sightline.hub.client": "AsyncStreamClient ClientStats Gap Message Prefetch Reader ReaderStats "
        "StreamClient WriterStats",
        "sightline.hub.client.threaded": "StreamClient_Thread",
        "sightline.hub.rpc": "rpc",
        "sightline.hub.settings": "DEFAULT_PORT ChannelSettings History Limits ReaderBuffer",
        "sightline.overflow": "Overflow",
    },
)
