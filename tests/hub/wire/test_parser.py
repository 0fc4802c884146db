"""Any bytes in: frames out, or one WireError, in bounded memory."""

import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.hub.wire.feeding import feed, on_the_wire, part

from sightline.errors import WireError
from sightline.hub.settings import KIB, MIB
from sightline.hub.wire import HEAD_BYTES, Head, Kind, Parser
from sightline.hub.wire.header import HEAD
from sightline.hub.wire.joining import MOST_BEGUN, MOST_BEGUN_BYTES
from sightline.hub.wire.parser import LARGE_BYTES, SCRATCH_BYTES

PATTERN = np.random.default_rng(5).bytes(MIB)
SIZES = st.sampled_from(
    [0, 1, 100, 5000, LARGE_BYTES - 1, LARGE_BYTES, LARGE_BYTES + 1, SCRATCH_BYTES, 700_000]
)
READS = st.lists(
    st.sampled_from([1, 7, HEAD_BYTES - 1, HEAD_BYTES, HEAD_BYTES + 1, 5000, 200_000]), max_size=40
)
KINDS = st.sampled_from([kind for kind in Kind if kind is not Kind.PART])


def in_parts(frame: bytes, cuts: list[int], stream: int) -> list[bytes]:
    edges = sorted({0, len(frame), *(cut % len(frame) for cut in cuts)})
    pieces = [frame[begin:end] for begin, end in pairwise(edges)]
    return [part(piece, of=len(frame), stream=stream, place=place) for place, piece in enumerate(pieces)]


@contextmanager
def at_most(size: int) -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < size
    finally:
        tracemalloc.stop()


@given(st.lists(st.tuples(KINDS, SIZES), max_size=8), READS)
def test_frames_come_out_as_they_went_in_however_they_are_read(
    sent: list[tuple[Kind, int]], reads: list[int]
) -> None:
    data = b"".join(
        on_the_wire(PATTERN[at : at + size], kind=kind, seq=at) for at, (kind, size) in enumerate(sent)
    )
    frames = list(feed(Parser(), data, reads))
    assert [(frame.head.kind, frame.head.seq, frame.body) for frame in frames] == [
        (kind, at, PATTERN[at : at + size]) for at, (kind, size) in enumerate(sent)
    ]
    assert all(memoryview(frame.body).readonly for frame in frames)


@given(
    st.lists(st.tuples(SIZES, st.lists(st.integers(1, MIB), max_size=5)), min_size=1, max_size=5),
    READS,
    st.randoms(use_true_random=False),
)
def test_parts_of_several_frames_in_any_mixture_come_out_as_the_frames(
    sent: list[tuple[int, list[int]]], reads: list[int], random: Random
) -> None:
    streams = [
        in_parts(on_the_wire(PATTERN[:size], seq=stream), cuts, stream)
        for stream, (size, cuts) in enumerate(sent)
    ]
    order = [stream for stream, parts in enumerate(streams) for _ in parts]
    random.shuffle(order)
    data = b"".join(streams[stream].pop(0) for stream in order)
    frames = sorted(feed(Parser(), data, reads), key=lambda frame: frame.head.seq)
    assert [frame.body for frame in frames] == [PATTERN[:size] for size, _ in sent]
    assert all(memoryview(frame.body).readonly for frame in frames)


@given(st.binary(max_size=300), READS)
def test_any_bytes_are_frames_or_an_error(data: bytes, reads: list[int]) -> None:
    _frames_or_error(data, reads)


@given(st.data(), READS)
def test_damaged_frames_are_frames_or_an_error(draws: st.DataObject, reads: list[int]) -> None:
    whole = on_the_wire(PATTERN[:200])
    parts = in_parts(whole, [60, 130], 1)
    data = bytearray(b"".join([whole, parts[0], on_the_wire(b""), *parts[1:], whole]))
    for _ in range(draws.draw(st.integers(1, 4))):
        at = draws.draw(st.integers(0, len(data) - 1))
        data[at] = draws.draw(st.integers(0, 255))
    _frames_or_error(bytes(data), reads)


def _frames_or_error(data: bytes, reads: list[int]) -> None:
    parser = Parser()
    with at_most(MOST_BEGUN_BYTES + 18 * MIB):
        try:
            for frame in feed(parser, data, reads):
                assert len(frame.body) == frame.head.body_bytes
        except WireError:
            with pytest.raises(WireError, match="nothing after"):
                parser.buffer_updated(1)


@pytest.mark.parametrize(
    "data",
    [
        Head(MIB + 1 - HEAD_BYTES, Kind.DATA).packed(),
        Head(2**32 - 1, Kind.DATA).packed(),
        part(b"x", of=MIB + 1),
        part(b"x", of=2**63 - 1),
        Head(2**32 - 1, Kind.PART, offset=2**63 - 1).packed(),
        Head(2**20 - HEAD_BYTES, Kind.PART, offset=200).packed(),
    ],
)
def test_a_frame_above_the_limit_is_refused_before_anything_is_made(data: bytes) -> None:
    parser = Parser(max_frame_bytes=MIB)
    with at_most(64 * KIB), pytest.raises(WireError, match="expected"):
        list(feed(parser, data))


def test_a_frame_of_the_limit_passes() -> None:
    body = bytes(MIB - HEAD_BYTES)
    frames = list(feed(Parser(max_frame_bytes=MIB), on_the_wire(body) + part(on_the_wire(body), of=MIB)[:0]))
    assert len(frames) == 1
    in_one_part = part(on_the_wire(body[:-HEAD_BYTES]), of=MIB - HEAD_BYTES)
    assert len(list(feed(Parser(max_frame_bytes=MIB), in_one_part))) == 1


def test_the_limit_may_be_raised_after_the_handshake() -> None:
    parser = Parser(max_frame_bytes=4 * KIB)
    assert len(list(feed(parser, on_the_wire(bytes(1000))))) == 1
    parser.max_frame_bytes = MIB
    assert len(list(feed(parser, on_the_wire(bytes(100_000))))) == 1


@pytest.mark.parametrize(
    ("field", "value"), [(1, 0), (1, 19), (1, 255), (4, 0), (4, 2), (11, 6), (11, 2**32 - 1)]
)
def test_a_head_that_is_none_is_refused(field: int, value: int) -> None:
    fields = list(Head(5, Kind.DATA))
    fields[field] = value
    with pytest.raises(WireError, match="expected a frame of the hub's protocol, version 1"):
        list(feed(Parser(), HEAD.pack(*fields) + bytes(5)))


FRAME = on_the_wire(bytes(100))


@pytest.mark.parametrize(
    "parts",
    [
        [part(FRAME[:50], of=148, place=1)],
        [part(FRAME[:50], of=148), part(FRAME[50:], of=148)],
        [part(FRAME[:50], of=148), part(FRAME[50:], of=148, place=2)],
        [part(FRAME[:50], of=148), part(FRAME[50:], of=149, place=1)],
        [part(FRAME[:50], of=148), part(FRAME[50:] + b"x", of=148, place=1)],
        [part(FRAME[:50], of=148), part(b"", of=148, place=1)],
        [part(FRAME + b"x", of=149)],
        [part(FRAME[:-1], of=147)],
        [part(FRAME[:40], of=40)],
        [part(part(FRAME, of=148), of=196)],
        [part(bytes(148), of=148)],
    ],
)
def test_parts_that_are_not_of_one_frame_are_refused(parts: list[bytes]) -> None:
    with pytest.raises(WireError):
        list(feed(Parser(), b"".join(parts)))


def test_only_so_many_frames_may_be_begun() -> None:
    parser = Parser()
    begun = b"".join(part(b"x", of=1000, stream=stream) for stream in range(MOST_BEGUN))
    assert list(feed(parser, begun)) == []
    with pytest.raises(WireError, match="at most 64 frames"):
        list(feed(parser, part(b"x", of=1000, stream=MOST_BEGUN)))


def test_frames_that_are_begun_may_come_to_only_so_many_bytes() -> None:
    size = MOST_BEGUN_BYTES // 4
    parser = Parser(max_frame_bytes=2 * MOST_BEGUN_BYTES)
    assert list(feed(parser, b"".join(part(b"x", of=size, stream=stream) for stream in range(4)))) == []
    with pytest.raises(WireError, match="one of 100 bytes beside 4 of"):
        list(feed(parser, part(b"x", of=100, stream=4)))


def test_one_frame_alone_may_be_of_any_size_that_is_allowed() -> None:
    parser = Parser(max_frame_bytes=2 * MOST_BEGUN_BYTES)
    assert list(feed(parser, part(b"x", of=2 * MOST_BEGUN_BYTES))) == []
    with pytest.raises(WireError, match="at a time"):
        list(feed(parser, part(b"x", of=100, stream=1)))


def test_an_ended_frame_makes_room_for_another() -> None:
    parser = Parser()
    for _ in range(2 * MOST_BEGUN):
        assert len(list(feed(parser, part(FRAME, of=len(FRAME))))) == 1


def test_a_large_body_is_received_in_its_place() -> None:
    parser = Parser()
    frame = on_the_wire(PATTERN)
    assert list(feed(parser, frame[:1000])) == []
    room = parser.get_buffer()
    assert len(room) == len(frame) - 1000
    address = np.frombuffer(room, np.uint8).ctypes.data
    (received,) = feed(parser, frame[1000:])
    assert np.frombuffer(received.body, np.uint8).ctypes.data == address - (1000 - HEAD_BYTES)


def test_each_part_behind_the_first_is_received_in_its_place() -> None:
    parser = Parser()
    frame = on_the_wire(PATTERN)
    size = 256 * KIB
    pieces = [frame[at : at + size] for at in range(0, len(frame), size)]
    addresses = []
    for place, piece in enumerate(pieces[:-1]):
        head = part(piece, of=len(frame), place=place)[:HEAD_BYTES]
        if place:
            assert len(parser.get_buffer()) == HEAD_BYTES
        assert list(feed(parser, head)) == []
        assert len(parser.get_buffer()) == size
        addresses.append(np.frombuffer(parser.get_buffer(), np.uint8).ctypes.data)
        assert list(feed(parser, piece)) == []
    (received,) = feed(parser, part(pieces[-1], of=len(frame), place=len(pieces) - 1))
    begin = np.frombuffer(received.body, np.uint8).ctypes.data - HEAD_BYTES
    assert addresses == [begin + at for at in range(0, len(addresses) * size, size)]


def test_a_small_frame_behind_a_large_one_is_read_with_others_again() -> None:
    parser = Parser()
    small = on_the_wire(b"small")
    assert len(list(feed(parser, on_the_wire(PATTERN) + small * 3))) == 4
    assert len(parser.get_buffer()) == SCRATCH_BYTES


def test_a_small_body_is_bytes_of_its_own() -> None:
    parser = Parser()
    (frame,) = feed(parser, on_the_wire(b"first"))
    list(feed(parser, on_the_wire(b"other")))
    assert type(frame.body) is bytes
    assert frame.body == b"first"


def test_the_frames_before_a_breach_came_with_the_read_before() -> None:
    parser = Parser()
    assert len(list(feed(parser, FRAME))) == 1
    with pytest.raises(WireError):
        list(feed(parser, bytes(HEAD_BYTES)))
