"""Messages as they came: a batch stays whole until its values are asked for."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Any, Final, NamedTuple

import msgspec

from sightline.errors import SightlineError, WireError
from sightline.hub.client.faults import again
from sightline.hub.settings import MIB
from sightline.hub.wire.control import Beside
from sightline.hub.wire.header import BATCH, KEYFRAME, Buffer, Frame, Head
from sightline.hub.wire.payload import ARRAY, RAW, decode

VALUE_BYTES: Final = 256 * MIB
"""What a compressed value may grow to."""
_beside: Final = msgspec.msgpack.Decoder(Beside)
_NOTHING_BESIDE: Final = Beside()


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A value and what is known of it.

    Attributes:
        channel: its name.
        value: as it was put; arrays are read-only views, large ones of memory that is shared with the writer
            as long as there is one of them: a `copy()` is one's own.
        sequence: the writer's number of it, without holes over all that this writer put here.
        offset: the channel's number of it, on this hub.
        time_ns: UTC when the writer put it.
        writer: the client that did.
        key, keyframe, headers: as the writer gave them.
    """

    channel: str
    value: Any
    sequence: int
    offset: int
    time_ns: int
    writer: str
    key: bytes | None = None
    keyframe: bool = False
    headers: tuple[tuple[str, bytes], ...] = ()

    def close(self) -> None:
        """Let go of the value, which is None then; memory that it shares is free where nobody else has it."""
        msgspec.structs.force_setattr(self, "value", None)


class Shared(NamedTuple):
    """A payload that is not in its frame: its size, and where it lies or why it cannot be read."""

    size: int
    payload: memoryview | WireError


class Run:
    """The messages of one frame; the first `next` of them are done with.

    Args:
        frame: as it came.
        channel, writer: names.
        skip: how many of them came before.
        shared: the payload of one message that came as a token.
    """

    __slots__ = ("_payloads", "body", "channel", "head", "next", "shared", "size", "writer")

    def __init__(
        self, frame: Frame, channel: str, writer: str, skip: int, shared: Shared | None = None
    ) -> None:
        self.head, self.body = frame
        self.channel = channel
        self.writer = writer
        self.next = skip
        self.shared = shared
        self.size = len(self.body) if shared is None else self.head.ext_bytes + shared.size
        self._payloads: Sequence[Buffer] | None = None

    @property
    def left(self) -> int:
        return self.head.messages - self.next

    def values(self, most: int) -> list[Any]:
        """The next values. Raises WireError where the next one is no value; `skip` goes past it."""
        payloads = self._whole()[self.next : self.next + most]
        form = self.head.format
        if form == RAW and self.head.flags & BATCH:
            self.next += len(payloads)
            return list(payloads)
        values: list[Any] = []
        for payload in payloads:
            if self.shared is not None and form != ARRAY:  # its writer might change it while it is parsed
                payload = bytes(payload)  # noqa: PLW2901 - from here on it is our own
            try:
                value = decode(form, payload, max_bytes=VALUE_BYTES)
                values.append(bytes(value) if isinstance(value, memoryview) else value)
            except SightlineError:  # no value of ours, or an extra that is missing
                if not values:
                    raise
                break
        self.next += len(values)
        return values

    def skip(self) -> None:
        """Past a message that cannot be read; past all of them where not even their lengths can."""
        self.next = self.head.messages if self._payloads is None else self.next + 1

    def keep(self) -> None:
        """Have the payload for one's own, where it is shared: nobody waits for its memory then."""
        if self.shared is not None and not isinstance(self.shared.payload, WireError):
            self.shared = self.shared._replace(payload=memoryview(bytes(self.shared.payload)))
            self._payloads = None

    def messages(self, most: int) -> list[Message]:
        first, head = self.next, self.head
        beside = (
            _beside.decode(memoryview(self.body)[: head.ext_bytes]) if head.ext_bytes else _NOTHING_BESIDE
        )
        return [
            Message(
                channel=self.channel,
                value=value,
                sequence=head.seq + index,
                offset=head.offset + index,
                time_ns=head.time_ns,
                writer=self.writer,
                key=beside.key,
                keyframe=bool(head.flags & KEYFRAME),
                headers=beside.headers,
            )
            for index, value in enumerate(self.values(most), first)
        ]

    def _whole(self) -> Sequence[Buffer]:
        if self._payloads is None:
            self._payloads = _payloads(self.head, self.body) if self.shared is None else _in(self.shared)
        return self._payloads


def _in(shared: Shared) -> Sequence[Buffer]:
    if isinstance(shared.payload, WireError):
        raise again(shared.payload)
    return (shared.payload,)


def _payloads(head: Head, body: Buffer) -> Sequence[Buffer]:
    if not head.flags & BATCH:
        return (memoryview(body)[head.ext_bytes :] if head.ext_bytes else body,)
    table = 4 * head.messages
    ends = list(accumulate(struct.unpack_from(f"<{head.messages}I", body), initial=table))
    if ends[-1] != len(body):
        raise WireError(f"expected a batch of {ends[-1]} bytes, got {len(body)}")
    data = bytes(body)
    return [data[start:end] for start, end in pairwise(ends)]
