"""The head of every frame of the hub's protocol, version 1.

A frame is 48 bytes of head, little endian, and a body of `body_bytes`. What a field means depends on the
kind; a field that a kind does not use is 0. The protocol's page has all of it, with golden bytes.

    offset size field
    0      4    body_bytes  what follows the head: ext, table (BATCH), payload
    4      1    kind        `Kind`
    5      1    flags       `KEYFRAME`, `BATCH`, `SHARED`
    6      1    format      of the payload: `sightline.hub.wire.payload`
    7      1    version     1
    8      4    channel     DATA, ACK to and from a writer: the channel's number; DATA, GAP to a reader: the
                            feed's; CREDIT: the subscription's; CALL: the service's; PART: the stream's
    12     4    messages    in the body (DATA), dropped (GAP)
    16     8    seq         DATA: the writer's number of the first message; ACK: the first not yet taken in;
                            REQUEST, ANSWER, ERROR, CALL, REPLY, CANCEL: the request's number; PART: its
                            place; CREDIT: messages that the reader may have been sent, since it began
    24     8    offset      DATA: the channel's number of the first message; GAP: of the first missing one;
                            PART: bytes of the whole frame; CREDIT: messages that the application took
    32     8    time_ns     DATA: UTC at the writer; CALL: ns left; PING, PONG: the sender's own; CREDIT:
                            bytes that the reader may have been sent, since it began
    40     4    writer      DATA: the writer's number on this hub
    44     4    ext_bytes   of the body's beginning: msgpack of what goes beside a payload
"""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import Final, NamedTuple, Self

from sightline.arrays import Buffer as Buffer  # noqa: PLC0414 - here it is looked for
from sightline.errors import WireError

VERSION: Final = 1
HEAD: Final = struct.Struct("<IBBBBIIQQqII")
HEAD_BYTES: Final = HEAD.size  # 48

KEYFRAME: Final = 1
"""Decoding may begin at this message."""
BATCH: Final = 2
"""The body is `messages` lengths (u32 each), then the payloads one behind the other; no ext, no keyframe."""
SHARED: Final = 4
"""The body is the ext, if any, and a token: the one message's payload lies in memory that both ends share."""


class Kind(IntEnum):
    CHALLENGE = 1
    HELLO = 2
    WELCOME = 3
    REQUEST = 4
    ANSWER = 5
    ERROR = 6
    NOTICE = 7
    DATA = 8
    ACK = 9
    CREDIT = 10
    CALL = 11
    REPLY = 12
    CANCEL = 13
    PING = 14
    PONG = 15
    PART = 16
    BYE = 17
    GAP = 18


_KINDS: Final = frozenset(Kind)


class Head(NamedTuple):
    """A frame's head, as it stands on the wire."""

    body_bytes: int
    kind: int
    flags: int = 0
    format: int = 0
    version: int = VERSION
    channel: int = 0
    messages: int = 0
    seq: int = 0
    offset: int = 0
    time_ns: int = 0
    writer: int = 0
    ext_bytes: int = 0

    def packed(self) -> bytes:
        return HEAD.pack(*self)

    @classmethod
    def unpacked(cls, data: Buffer, at: int = 0) -> Self:
        """The head that begins at `data[at]`. Raises WireError where it is none of ours."""
        head = cls(*HEAD.unpack_from(data, at))
        if head.version != VERSION or head.kind not in _KINDS or head.ext_bytes > head.body_bytes:
            raise WireError(
                f"expected a frame of the hub's protocol, version {VERSION}, got the bytes "
                f"{bytes(data[at : at + 16]).hex(' ')} ..."
            )
        return head


class Frame(NamedTuple):
    """A whole frame: its head and its body. The body may be a view of memory that nobody writes to again."""

    head: Head
    body: Buffer
