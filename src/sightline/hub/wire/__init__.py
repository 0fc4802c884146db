"""The hub's protocol: heads and frames, what is said in them, and values as payloads.

Everything here is pure: bytes and values in, values and bytes out. `docs/hub-protocol.md` tells the same to
those who speak it from elsewhere.
"""

from sightline.hub.wire.header import HEAD_BYTES, Buffer, Frame, Head, Kind
from sightline.hub.wire.lanes import PART_BYTES, Lanes, LargeCalls, Source
from sightline.hub.wire.parser import Parser
from sightline.hub.wire.payload import Compress, decode, encode

__all__ = [
    "HEAD_BYTES",
    "PART_BYTES",
    "Buffer",
    "Compress",
    "Frame",
    "Head",
    "Kind",
    "Lanes",
    "LargeCalls",
    "Parser",
    "Source",
    "decode",
    "encode",
]
