"""What goes out next: all of it, in order, in turns, and nothing small behind something large."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.hub.wire.feeding import feed

from sightline.hub.settings import KIB, MIB
from sightline.hub.wire import HEAD_BYTES, PART_BYTES, Buffer, Head, Kind, Lanes, LargeCalls, Parser
from sightline.hub.wire.joining import MOST_BEGUN, MOST_BEGUN_BYTES

PATTERN = np.random.default_rng(6).bytes(MIB)
ZEROS = bytes(30 * MIB)
URGENT = 999
NOW_NS = 0


class Endless:
    """A source of frames of the sizes given, for ever, that counts how often it was asked."""

    def __init__(self, channel: int, sizes: Sequence[int]) -> None:
        self.channel = channel
        self.sizes = sizes
        self.asked = 0

    def next_frame(self, now_ns: int) -> tuple[Head, Sequence[Buffer]]:
        size = self.sizes[self.asked % len(self.sizes)]
        self.asked += 1
        return Head(size, Kind.DATA, channel=self.channel, seq=self.asked), [ZEROS[:size]]


def filled(channel: int, *sizes: int) -> LargeCalls:
    source = LargeCalls()
    for seq, size in enumerate(sizes):
        half = size // 2
        source.put(
            Head(size, Kind.DATA, channel=channel, seq=seq),
            [memoryview(PATTERN)[:half], memoryview(PATTERN)[half:size]],
        )
    return source


def woken(lanes: Lanes, *sources: Endless | LargeCalls) -> None:
    for source in sources:
        lanes.add(source)
        lanes.wake(source)


def size_of(buffers: Sequence[Buffer]) -> int:
    return sum(map(len, buffers))


def all_of(lanes: Lanes, budget_bytes: int = MIB) -> bytes:
    out = b""
    while lanes.pending:
        out += b"".join(lanes.take(budget_bytes, NOW_NS))
    return out


def heads(data: bytes) -> list[Head]:
    found = []
    at = 0
    while at < len(data):
        found.append(Head.unpacked(data, at))
        at += HEAD_BYTES + found[-1].body_bytes
    assert at == len(data)
    return found


@given(
    sources=st.lists(
        st.lists(st.sampled_from([0, 1, 51, 52, 53, 500, 5000, 20_000]), max_size=6), max_size=5
    ),
    part_bytes=st.sampled_from([1, 100, 1000, 70_000]),
    steps=st.lists(st.tuples(st.integers(1, 30_000), st.booleans(), st.integers(0, 4)), max_size=30),
)
def test_what_the_sources_gave_arrives_whole_and_in_order(
    sources: list[list[int]], part_bytes: int, steps: list[tuple[int, bool, int]]
) -> None:
    lanes = Lanes(part_bytes=part_bytes)
    lines = [filled(channel, *sizes) for channel, sizes in enumerate(sources)]
    woken(lanes, *lines)
    out = b""
    said = 0
    for budget_bytes, urgent, again in steps:
        if urgent:
            lanes.urgent(Head(3, Kind.NOTICE, channel=URGENT, seq=said).packed(), b"now")
            said += 1
        if again < len(lines):
            lines[again].put(Head(60, Kind.DATA, channel=again, seq=len(sources[again])), [PATTERN[:60]])
            sources[again].append(60)
            lanes.wake(lines[again])
        out += b"".join(lanes.take(budget_bytes, NOW_NS))
    out += all_of(lanes)
    frames = list(feed(Parser(), out))
    for channel, sizes in enumerate(sources):
        mine = [frame for frame in frames if frame.head.channel == channel]
        assert [frame.head.seq for frame in mine] == list(range(len(sizes)))
        assert [frame.body for frame in mine] == [PATTERN[:size] for size in sizes]
    assert [frame.head.seq for frame in frames if frame.head.channel == URGENT] == list(range(said))
    assert len(frames) == sum(map(len, sources)) + said
    assert not lanes.urgent_bytes


@given(st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 9000)), min_size=1, max_size=5))
def test_take_goes_beyond_its_budget_by_at_most_one_part(steps: list[tuple[int, int]]) -> None:
    lanes = Lanes(part_bytes=1000)
    woken(lanes, Endless(0, [10, 900]), Endless(1, [5000]))
    for urgent_bytes, budget_bytes in steps:
        lanes.urgent(*[b"u" * 100] * (urgent_bytes // 100))
        assert budget_bytes <= size_of(lanes.take(budget_bytes, NOW_NS)) <= budget_bytes + 1000 + HEAD_BYTES


@given(
    st.lists(st.lists(st.integers(0, 5000), min_size=1, max_size=4), min_size=2, max_size=4),
    st.lists(st.integers(1, 5000), min_size=1, max_size=60),
)
def test_full_sources_get_the_same_share_of_bytes(sources: list[list[int]], budgets: list[int]) -> None:
    lanes = Lanes(part_bytes=1000)
    woken(lanes, *(Endless(channel, sizes) for channel, sizes in enumerate(sources)))
    streams: dict[int, int] = {}
    sent = dict.fromkeys(range(len(sources)), 0)
    unit = 1000 + HEAD_BYTES
    data = b"".join(b"".join(lanes.take(budget_bytes, NOW_NS)) for budget_bytes in budgets)
    at = 0
    while at < len(data):
        head = Head.unpacked(data, at)
        if head.kind == Kind.PART and head.seq == 0:
            streams[head.channel] = Head.unpacked(data, at + HEAD_BYTES).channel
        channel = streams[head.channel] if head.kind == Kind.PART else head.channel
        at += HEAD_BYTES + head.body_bytes
        sent[channel] += HEAD_BYTES + head.body_bytes
        assert max(sent.values()) - min(sent.values()) <= 2 * unit


def test_a_small_frame_waits_behind_one_part_of_each_other_source() -> None:
    lanes = Lanes()
    woken(lanes, *(Endless(channel, [6 * MIB]) for channel in range(4)))
    lanes.take(3 * MIB, NOW_NS)
    woken(lanes, filled(9, 100))
    order = [head.channel if head.kind == Kind.DATA else None for head in heads(all_bytes(lanes, 5))]
    assert order.index(9) <= 4


def all_bytes(lanes: Lanes, parts: int) -> bytes:
    return b"".join(lanes.take(parts * PART_BYTES, NOW_NS))


def test_urgent_frames_go_first() -> None:
    lanes = Lanes()
    woken(lanes, Endless(1, [6 * MIB]))
    lanes.take(MIB, NOW_NS)
    lanes.urgent(Head(4, Kind.REPLY).packed(), b"fast")
    assert lanes.urgent_bytes == HEAD_BYTES + 4
    assert [head.kind for head in heads(all_bytes(lanes, 1))] == [Kind.REPLY, Kind.PART]
    assert lanes.urgent_bytes == 0


def test_a_source_is_asked_only_when_its_frame_can_go() -> None:
    lanes = Lanes()
    source = Endless(1, [PART_BYTES - HEAD_BYTES])
    lanes.add(source)
    assert lanes.take(MIB, NOW_NS) == []
    assert not lanes.pending
    lanes.wake(source)
    assert bool(lanes.pending)
    lanes.take(1, NOW_NS)
    assert source.asked == 1
    lanes.take(0, NOW_NS)
    assert source.asked == 1


def test_a_source_that_has_nothing_sleeps_until_it_is_woken() -> None:
    lanes = Lanes()
    source = filled(1, 10)
    woken(lanes, source)
    assert len(heads(all_of(lanes))) == 1
    source.put(Head(10, Kind.DATA), [bytes(10)])
    assert not lanes.pending
    assert lanes.take(MIB, NOW_NS) == []
    lanes.wake(source)
    lanes.wake(source)
    assert len(heads(all_of(lanes))) == 1


def test_a_removed_source_ends_the_frame_that_it_began_and_no_other() -> None:
    lanes = Lanes()
    source = filled(1, 800_000, 100)
    woken(lanes, source)
    begun = b"".join(lanes.take(PART_BYTES, NOW_NS))
    lanes.remove(source)
    lanes.remove(source)
    lanes.wake(source)
    (frame,) = feed(Parser(), begun + all_of(lanes))
    assert frame.body == PATTERN[:800_000]
    assert len(source) == 1
    woken(lanes, source)
    assert [head.body_bytes for head in heads(all_of(lanes))] == [100]


def test_no_more_frames_are_begun_than_a_parser_takes() -> None:
    lanes = Lanes(part_bytes=200)
    lines = [filled(channel, 1000, 1000) for channel in range(MOST_BEGUN + 6)]
    woken(lanes, *lines, filled(1000, 50))
    data = all_of(lanes, budget_bytes=500)
    assert len(list(feed(Parser(), data))) == 2 * len(lines) + 1
    begun: set[int] = set()
    most = 0
    for head in heads(data):
        if head.kind == Kind.PART:
            begun.add(head.channel)
            most = max(most, len(begun))
            if head.seq == 5:
                begun.remove(head.channel)
    assert most == MOST_BEGUN


def test_no_more_bytes_are_begun_than_a_parser_takes() -> None:
    lanes = Lanes(part_bytes=4 * MIB)
    woken(lanes, *(Endless(channel, [20 * MIB, 1000]) for channel in range(5)))
    frames = list(feed(Parser(max_frame_bytes=30 * MIB), b"".join(lanes.take(5 * 40 * MIB, NOW_NS))))
    assert 20 * 5 * MIB > MOST_BEGUN_BYTES
    assert {frame.head.channel for frame in frames} == set(range(5))


def test_a_frame_larger_than_all_that_may_be_begun_waits_until_it_is_alone() -> None:
    lanes = Lanes(part_bytes=4 * MIB)
    huge = LargeCalls()
    pieces = [ZEROS] * 3
    huge.put(Head(90 * MIB, Kind.DATA, channel=7), pieces)
    small = [Endless(channel, [8 * MIB]) for channel in range(3)]
    woken(lanes, small[0], huge, *small[1:])
    parser = Parser(max_frame_bytes=100 * MIB)
    for _ in range(100):
        data = b"".join(lanes.take(8 * MIB, NOW_NS))
        if any(frame.head.channel == 7 for frame in feed(parser, data)):
            return
    pytest.fail("the large frame never went")


@pytest.mark.parametrize("size", [100_000, MIB])
def test_a_large_body_is_not_copied(size: int) -> None:
    lanes = Lanes()
    array = np.zeros(size, np.uint8)
    source = LargeCalls()
    source.put(Head(size, Kind.DATA), [array.data])
    woken(lanes, source)
    sent = [buffer for buffer in lanes.take(2 * MIB, NOW_NS) if len(buffer) > KIB]
    assert size_of(sent) >= size - KIB
    assert all(np.shares_memory(np.frombuffer(buffer, np.uint8), array) for buffer in sent)


def test_many_small_frames_are_one_buffer() -> None:
    lanes = Lanes()
    lanes.urgent(b"a", b"b")
    woken(lanes, filled(1, *[100] * 50), filled(2, *[100] * 50))
    assert len(lanes.take(MIB, NOW_NS)) == 1


def test_a_source_may_wake_others_and_speak_up_while_it_is_asked() -> None:
    lanes = Lanes()
    other = filled(2, 10)
    lanes.add(other)

    class Busy(LargeCalls):
        def next_frame(self, now_ns: int) -> tuple[Head, Sequence[Buffer]] | None:
            lanes.wake(other)
            if len(self):
                lanes.urgent(Head(0, Kind.NOTICE).packed())
            return super().next_frame(now_ns)

    busy = Busy()
    busy.put(Head(10, Kind.DATA, channel=1), [bytes(10)])
    woken(lanes, busy)
    assert [(head.kind, head.channel) for head in heads(all_of(lanes))] == [
        (Kind.DATA, 1),
        (Kind.DATA, 2),
        (Kind.NOTICE, 0),
    ]


def test_large_calls_know_what_they_hold() -> None:
    source = filled(1, 10, 20)
    assert (len(source), source.held_bytes) == (2, 30 + 2 * HEAD_BYTES)
    assert source.next_frame(NOW_NS) is not None
    assert source.next_frame(NOW_NS) is not None
    assert (len(source), source.held_bytes) == (0, 0)
    assert source.next_frame(NOW_NS) is None
