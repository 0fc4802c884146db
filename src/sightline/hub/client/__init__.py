"""Clients of a hub: `AsyncStreamClient` for programs with an event loop, `StreamClient` for those without."""

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
