"""Clients of a hub: `AsyncStreamClient` for programs with an event loop, `StreamClient` for those without."""

from typing import TYPE_CHECKING

from sightline.later import import_later

if TYPE_CHECKING:
    from sightline.hub.client.asynchronous import AsyncStreamClient
    from sightline.hub.client.core import ClientStats
    from sightline.hub.client.positions import Gap
    from sightline.hub.client.reading import Prefetch, ReaderStats
    from sightline.hub.client.receiving import Reader
    from sightline.hub.client.runs import Message
    from sightline.hub.client.threaded import StreamClient
    from sightline.hub.client.writing import WriterStats

__all__ = [
    "AsyncStreamClient",
    "ClientStats",
    "Gap",
    "Message",
    "Prefetch",
    "Reader",
    "ReaderStats",
    "StreamClient",
    "WriterStats",
]

import_later(
    __name__,
    {
        "sightline.hub.client.asynchronous": "AsyncStreamClient",
        "sightline.hub.client.core": "ClientStats",
        "sightline.hub.client.positions": "Gap",
        "sightline.hub.client.reading": "Prefetch ReaderStats",
        "sightline.hub.client.receiving": "Reader",
        "sightline.hub.client.runs": "Message",
        "sightline.hub.client.threaded": "StreamClient",
        "sightline.hub.client.writing": "WriterStats",
    },
)
