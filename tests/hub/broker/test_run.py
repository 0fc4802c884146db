"""Runs: what a frame brought goes on unchanged, in whatever parts, and what is no run is refused."""

import struct

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.hub.broker.runs import batch_frame, batch_run, messages_of, payload_of, single_frame, single_run

from sightline.errors import WireError
from sightline.hub.broker.run import KEPT_FACTOR, MOST_BATCHED, MOST_EXT_BYTES, Run
from sightline.hub.wire.control import Beside
from sightline.hub.wire.header import BATCH, KEYFRAME, Frame, Head, Kind

lengths = st.lists(st.integers(0, 30), min_size=1, max_size=30)


def frame(body: bytes, **fields: int) -> Frame:
    asked = {"messages": 1, "body_bytes": len(body)} | fields
    return Frame(Head(kind=Kind.DATA, **asked), body)


@given(lengths, st.lists(st.integers(1, 10), max_size=10))
def test_the_parts_of_a_batch_are_its_messages(sizes: list[int], steps: list[int]) -> None:
    run = batch_run(50, sizes)
    whole = messages_of(run)
    assert whole == [(50 + at, 1050 + at, payload_of(50 + at, size)) for at, size in enumerate(sizes)]
    found, rest = [], run
    for step in steps:
        if step >= rest.messages:
            break
        found += messages_of(rest.first(step))
        rest = rest.after(step)
        assert rest.size == sum(sizes[-rest.messages :])
    assert found + messages_of(rest) == whole


@given(lengths, st.integers(0, 30), st.integers(-1, 1), st.integers(-3, 40))
def test_a_bound_finds_its_place_in_a_batch(sizes: list[int], at: int, beside: int, messages: int) -> None:
    run = batch_run(0, sizes)
    sums = [sum(sizes[:count]) for count in range(len(sizes) + 1)]
    weight = sums[at % len(sums)] + beside
    assert run.fitting(weight) == max(
        (count for count, total in enumerate(sums) if total <= weight), default=0
    )
    enough = [count for count, total in enumerate(sums) if total >= weight and count >= messages]
    assert run.least(messages, weight) == min(enough, default=len(sizes))


@given(lengths, st.data())
def test_parts_are_what_first_and_after_give(sizes: list[int], data: st.DataObject) -> None:
    run = batch_run(0, sizes)
    start = data.draw(st.integers(0, len(sizes) - 1))
    stop = data.draw(st.integers(start + 1, len(sizes)))
    (part,) = run.parts([(start, stop)])
    assert messages_of(part) == messages_of(run.after(start).first(stop - start))


def test_a_single_message_keeps_all_that_was_beside_it() -> None:
    sent = single_frame(b"picture", seq=3, keyframe=True, key=b"left")
    run = Run.of_frame(sent, 12, 5)
    assert (run.key, run.keyframe, run.size, run.next_offset) == (b"left", True, sent.head.body_bytes, 13)
    head, pieces = run.moved(20).to_frame(9)
    assert b"".join(pieces) == sent.body
    assert head == sent.head._replace(channel=9, offset=20, writer=5)


def test_a_batch_goes_on_as_the_same_memory() -> None:
    sent = batch_frame([bytes(100)] * 1000)
    _, (body,) = Run.of_frame(sent, 0, 0).to_frame(1)
    assert body is sent.body


def test_the_last_message_of_a_batch_is_a_plain_one() -> None:
    last = batch_run(0, [1, 2]).after(1)
    assert (last.flags, last.messages, bytes(last.table)) == (0, 1, b"")
    assert Run.of_frame(batch_frame([b"one"]), 0, 0).to_frame(1)[0].flags == 0


def test_an_empty_message_has_an_empty_body() -> None:
    assert single_run(0, 0).to_frame(1)[1] == ()
    assert messages_of(batch_run(0, [0, 0]).after(1)) == [(1, 1001, b"")]


def test_a_small_rest_does_not_keep_a_large_body_alive() -> None:
    body = batch_frame([bytes(1000)] * 100).body
    run = Run.of_frame(batch_frame([bytes(1000)] * 100), 0, 0)
    large, small = run.after(100 - 100 // 4), run.after(100 - 100 // (2 * KEPT_FACTOR))
    assert isinstance(large.payload, memoryview)
    assert large.payload.obj == body
    assert isinstance(small.payload, bytes)
    for rest in (run.first(1), run.after(50).after(45), run.after(99)):
        assert isinstance(rest.payload, bytes)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (frame(b"abc", body_bytes=4), "a body of 4 bytes, got 3"),
        (frame(b"abc", flags=4), "the flags KEYFRAME or BATCH, got 0x4"),
        (frame(b"abc", messages=0), "one message without the flag BATCH, got 0"),
        (frame(b"abc", messages=2), "one message without the flag BATCH, got 2"),
        (frame(b"", flags=BATCH, messages=0), "1 to 65536 messages"),
        (frame(b"abc", flags=BATCH), "a length of each, got 1 in 3 bytes"),
        (frame(struct.pack("<I", 2) + b"a", flags=BATCH), "payloads of 2 bytes, got 1"),
        (frame(struct.pack("<I", 2) + b"abc", flags=BATCH), "payloads of 2 bytes, got 3"),
        (frame(struct.pack("<II", 2**32 - 1, 3) + b"ab", flags=BATCH, messages=2), "payloads of 4294967298"),
        (frame(bytes(4 * MOST_BATCHED + 4), flags=BATCH, messages=MOST_BATCHED + 1), "got 65537"),
        (frame(struct.pack("<I", 0), flags=BATCH | KEYFRAME), "a batch without keyframe"),
        (frame(b"\x90" + struct.pack("<I", 0), flags=BATCH, ext_bytes=1), "a batch without keyframe and ext"),
        (frame(b"\xc1abc", ext_bytes=1), "a key and headers"),
        (frame(b"\x91\x05", ext_bytes=2), "a key and headers"),
        (frame(bytes(MOST_EXT_BYTES + 1), ext_bytes=MOST_EXT_BYTES + 1), "65536 bytes beside a payload"),
    ],
)
def test_a_body_that_is_not_what_its_head_says_is_refused(wrong: Frame, why: str) -> None:
    with pytest.raises(WireError, match=why):
        Run.of_frame(wrong, 0, 0)


@given(st.binary(max_size=60), st.integers(0, 7), st.integers(0, 12), st.integers(0, 60))
def test_any_body_is_a_run_or_refused(body: bytes, flags: int, messages: int, ext_bytes: int) -> None:
    any_frame = frame(body, flags=flags, messages=messages, ext_bytes=min(ext_bytes, len(body)))
    try:
        run = Run.of_frame(any_frame, 0, 0)
    except WireError:
        return
    assert sum(len(payload) for _, _, payload in messages_of(run)) == run.size - len(run.ext)


def test_headers_without_a_key_are_no_key() -> None:
    ext = msgspec.msgpack.encode(Beside(headers=(("a", b"1"),)))
    run = Run.of_frame(frame(ext + b"x", ext_bytes=len(ext)), 0, 0)
    assert (run.key, bytes(run.payload)) == (b"", b"x")
