"""Bytes given to a parser as a kernel gives them: no more at once than there is room for."""

from collections.abc import Iterable, Iterator
from itertools import chain, repeat

from sightline.hub.wire import Frame, Head, Kind, Parser

WHOLE = 2**30


def feed(parser: Parser, data: bytes, reads: Iterable[int] = ()) -> Iterator[Frame]:
    """The frames that come of `data`, read `reads` bytes at a time, and then as many as there is room for."""
    at = 0
    sizes = chain(reads, repeat(WHOLE))
    while at < len(data):
        buffer = parser.get_buffer()
        assert len(buffer) > 0
        count = min(len(buffer), next(sizes), len(data) - at)
        buffer[:count] = data[at : at + count]
        at += count
        yield from parser.buffer_updated(count)


def on_the_wire(
    body: bytes, *, kind: int = Kind.DATA, seq: int = 0, channel: int = 0, offset: int = 0
) -> bytes:
    return Head(len(body), kind, channel=channel, seq=seq, offset=offset).packed() + body


def part(body: bytes, *, of: int, stream: int = 0, place: int = 0) -> bytes:
    return on_the_wire(body, kind=Kind.PART, channel=stream, seq=place, offset=of)
