"""Runs as they come in frames, and the messages that are in them."""

import struct
from collections.abc import Sequence

import msgspec

from sightline.hub.broker.run import Run
from sightline.hub.wire.control import Beside
from sightline.hub.wire.header import BATCH, KEYFRAME, SHARED, Frame, Head, Kind
from sightline.shm.token import Token

Message = tuple[int, int, bytes]  # offset, seq, payload


def payload_of(offset: int, size: int) -> bytes:
    return bytes([offset % 251]) * size


def batch_frame(payloads: Sequence[bytes], *, seq: int = 0) -> Frame:
    lengths = struct.pack(f"<{len(payloads)}I", *map(len, payloads))
    body = lengths + b"".join(payloads)
    return Frame(Head(len(body), Kind.DATA, BATCH, messages=len(payloads), seq=seq, time_ns=9), body)


def single_frame(payload: bytes, *, seq: int = 0, keyframe: bool = False, key: bytes | None = None) -> Frame:
    ext = b"" if key is None else msgspec.msgpack.encode(Beside(key=key))
    body = ext + payload
    flags = KEYFRAME if keyframe else 0
    return Frame(Head(len(body), Kind.DATA, flags, messages=1, seq=seq, ext_bytes=len(ext)), body)


def shared_frame(token: Token, *, seq: int = 0, keyframe: bool = False, key: bytes | None = None) -> Frame:
    head, body = single_frame(token.packed(), seq=seq, keyframe=keyframe, key=key)
    return Frame(head._replace(flags=head.flags | SHARED), body)


def batch_run(offset: int, sizes: Sequence[int]) -> Run:
    """Messages whose payloads tell their offsets; seq is 1000 above the offset."""
    payloads = [payload_of(offset + at, size) for at, size in enumerate(sizes)]
    return Run.of_frame(batch_frame(payloads, seq=1000 + offset), offset, 7)


def single_run(offset: int, size: int = 1, *, keyframe: bool = False, key: bytes | None = None) -> Run:
    frame = single_frame(payload_of(offset, size), seq=1000 + offset, keyframe=keyframe, key=key)
    return Run.of_frame(frame, offset, 7)


def messages_of(run: Run) -> list[Message]:
    """What a reader makes of the frame of a run."""
    head, pieces = run.to_frame(3)
    body = b"".join(pieces)
    assert len(body) == head.body_bytes
    if not head.flags & BATCH:
        assert head.messages == 1
        return [(head.offset, head.seq, body[head.ext_bytes :])]
    lengths = struct.unpack_from(f"<{head.messages}I", body)
    found, at = [], 4 * head.messages
    for index, length in enumerate(lengths):
        found.append((head.offset + index, head.seq + index, body[at : at + length]))
        at += length
    assert at == len(body)
    return found


def offsets_of(*runs: Run | None) -> list[int]:
    return [offset for run in runs if run is not None for offset, _, _ in messages_of(run)]
