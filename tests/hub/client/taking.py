"""What a hub makes of a writer's frames, for tests: each message by its number, once."""

import struct
from collections.abc import Sequence

from sightline.hub.client.writing import Outbox
from sightline.hub.wire.control import WriterOpened
from sightline.hub.wire.header import BATCH, Buffer, Head, Kind


def payloads_of(head: Head, body: Buffer) -> list[bytes]:
    """The payloads of a DATA frame, which must be what its head says."""
    data = bytes(body)
    assert head.kind == Kind.DATA
    assert head.body_bytes == len(data)
    if not head.flags & BATCH:
        assert head.messages == 1
        return [data[head.ext_bytes :]]
    assert head.messages > 1
    assert not head.ext_bytes
    lengths = struct.unpack_from(f"<{head.messages}I", data)
    at = 4 * head.messages
    found = []
    for length in lengths:
        found.append(data[at : at + length])
        at += length
    assert at == len(data)
    return found


class Taker:
    """The hub's end of one writer. What it took in is in `taken`, by number."""

    def __init__(self, window_messages: int = 65_536, window_bytes: int = 8 * 1024 * 1024) -> None:
        self.taken: list[bytes] = []
        self.next_seq = 0
        self.window_messages = window_messages
        self.window_bytes = window_bytes

    def opened(self, *, wanted: bool = True) -> WriterOpened:
        return WriterOpened(
            channel=7,
            writer=1,
            accepted_seq=self.next_seq,
            window_messages=self.window_messages,
            window_bytes=self.window_bytes,
            readers=int(wanted),
            wanted=wanted,
        )

    def take(self, head: Head, body: Sequence[Buffer]) -> None:
        for seq, payload in enumerate(payloads_of(head, b"".join(body)), head.seq):
            if seq >= self.next_seq:
                assert seq == self.next_seq, f"expected message {self.next_seq}, got {seq}"
                self.taken.append(payload)
                self.next_seq += 1

    def take_all(self, outbox: Outbox) -> int:
        """All that it sends now; how many frames that is."""
        frames = 0
        while frame := outbox.next_frame(0):
            self.take(*frame)
            frames += 1
        return frames
