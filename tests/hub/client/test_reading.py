"""The inbox: in order, bounded by the credit that it gives, and every message taken, waiting or dropped."""

import struct
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from sightline.errors import Closed, WireError
from sightline.hub.client.positions import Gap
from sightline.hub.client.reading import Inbox, Prefetch
from sightline.hub.client.runs import Run
from sightline.hub.settings import MIB, ReaderBuffer
from sightline.hub.wire.control import Beside
from sightline.hub.wire.header import BATCH, KEYFRAME, Frame, Head, Kind
from sightline.hub.wire.payload import RAW, encode
from sightline.overflow import Overflow


def run_of(values: list[Any], *, seq: int = 0, skip: int = 0, channel: str = "a", **fields: Any) -> Run:
    """As it comes from a hub."""
    encoded = [encode(value) for value in values]
    payloads = [b"".join(pieces) for _, pieces in encoded]
    ext = fields.pop("ext", b"")
    many = len(values) > 1
    table = struct.pack(f"<{len(payloads)}I", *map(len, payloads)) if many else b""
    body = ext + table + b"".join(payloads)
    flags = fields.pop("flags", BATCH if many else 0)
    form = fields.pop("format", encoded[0][0])
    head = Head(
        len(body),
        Kind.DATA,
        flags,
        form,
        messages=len(values),
        seq=seq,
        offset=seq,
        time_ns=9,
        ext_bytes=len(ext),
    )
    return Run(Frame(head, body), channel, "writer", skip)


def gap_of(first: int, last: int) -> Gap:
    return Gap(
        channel="a", first_offset=first, last_offset=last, messages=last - first + 1, reason="overflow"
    )


def inbox_with(*runs: Run, prefetch: int = 100) -> Inbox:
    inbox = Inbox(Prefetch(messages=prefetch))
    for run in runs:
        inbox.arrived(run)
    return inbox


@pytest.mark.parametrize(
    "values",
    [[b"1", b"", b"3"], [1, (2, {3}), {"4": None}], ["alone"], [b"alone"], [1.5] * 1000],
    ids=["raw", "msgpack", "one", "one raw", "many"],
)
def test_a_frame_gives_its_values_however_they_are_asked_for(values: list[Any]) -> None:
    assert inbox_with(run_of(values)).values(10_000) == values
    one_by_one = inbox_with(run_of(values))
    assert [one_by_one.values(1)[0] for _ in values] == values
    assert one_by_one.values(1) == []
    assert [message.value for message in inbox_with(run_of(values)).messages(10_000)] == values


def test_an_array_comes_as_a_view() -> None:
    (array,) = inbox_with(run_of([np.arange(12).reshape(3, 4)])).values(1)
    assert np.array_equal(array, np.arange(12).reshape(3, 4))
    assert not array.flags.writeable


def test_a_message_says_all_that_is_known_of_it() -> None:
    ext = msgspec.msgpack.encode(Beside(key=b"k", headers=(("h", b"v"),)))
    inbox = inbox_with(run_of([b"x"], seq=5, ext=ext, flags=KEYFRAME))
    (message,) = inbox.messages(1)
    assert (message.channel, message.value, message.sequence, message.offset) == ("a", b"x", 5, 5)
    assert (message.time_ns, message.writer, message.key) == (9, "writer", b"k")
    assert message.keyframe
    assert message.headers == (("h", b"v"),)


def test_what_came_before_is_passed_over() -> None:
    inbox = inbox_with(run_of([1, 2, 3], skip=2), run_of([4, 5], seq=3, skip=2))
    assert len(inbox) == 1
    assert inbox.values(9) == [3]
    assert inbox.credit(1).offset == 5  # to the hub all five are done with


def test_gaps_stand_in_line() -> None:
    told: list[Gap] = []
    inbox = Inbox(Prefetch(messages=10), told.append)
    inbox.arrived(run_of([1]))
    inbox.missed(gap_of(1, 2))
    inbox.arrived(run_of([4], seq=3))
    assert inbox.values(1) == [1]
    assert told == []
    assert inbox.values(1) == [4]
    assert told == list(inbox.gaps) == [gap_of(1, 2)]
    inbox.missed(gap_of(4, 4))
    assert inbox.next_or_gap() == [gap_of(4, 4)]
    assert inbox.next_or_gap() == []
    assert inbox.stats().missed == {"overflow": 3}


def test_a_value_that_cannot_be_read_costs_itself_alone() -> None:
    bad = run_of([b"\xc1", b"\xc1"], seq=1, format=1)
    inbox = inbox_with(run_of([0]), bad, run_of([3], seq=3))
    assert inbox.values(9) == [0]
    for _ in range(2):
        with pytest.raises(WireError):
            inbox.values(9)
    assert inbox.values(9) == [3]
    stats = inbox.stats()
    assert (stats.received, stats.taken, stats.held, stats.held_bytes) == (4, 4, 0, 0)


def test_a_batch_whose_table_is_wrong_is_an_error_once() -> None:
    broken = Run(Frame(Head(9, Kind.DATA, BATCH, messages=2), struct.pack("<II", 1, 1) + b"x"), "a", "w", 0)
    inbox = inbox_with(broken, run_of([1]))
    with pytest.raises(WireError, match="batch of 10 bytes, got 9"):
        inbox.values(9)
    assert inbox.values(9) == [1]


def test_what_waits_is_given_out_before_the_end_is_told() -> None:
    inbox = inbox_with(run_of([1]))
    inbox.fail(Closed("unsubscribed"))
    assert inbox.something
    assert inbox.values(9) == [1]
    with pytest.raises(Closed):
        inbox.values(9)


def test_credit_is_due_when_half_of_it_was_taken() -> None:
    inbox = inbox_with(run_of([1, 2, 3, 4]), prefetch=4)
    assert (inbox.credit(7).channel, inbox.credit(7).seq, inbox.credit(7).offset) == (7, 4, 0)
    inbox.values(1)
    assert not inbox.claim_credit()
    inbox.values(1)
    assert inbox.claim_credit()
    assert not inbox.claim_credit()  # once
    assert inbox.unreported
    assert (inbox.credit(7).seq, inbox.credit(7).offset) == (6, 2)
    assert not inbox.unreported


def test_a_large_message_gives_back_its_bytes_when_it_is_taken() -> None:
    inbox = Inbox(Prefetch(messages=100, bytes=10))
    assert inbox.credit(1).time_ns == 10
    inbox.arrived(run_of([bytes(30)]))
    assert not inbox.claim_credit()
    inbox.values(1)
    assert inbox.claim_credit()
    assert inbox.credit(1).time_ns == 40


def test_what_came_over_an_earlier_connection_is_no_credit_of_this_one() -> None:
    inbox = inbox_with(run_of([1, 2, 3]), prefetch=4)
    for _ in range(3):
        inbox.begin()
        assert (inbox.credit(1).seq, inbox.credit(1).offset) == (1, 0)  # it takes room all the same
    inbox.arrived(run_of([4]))
    assert inbox.values(3) == [1, 2, 3]
    assert (inbox.credit(1).seq, inbox.credit(1).offset) == (4, 0)
    assert inbox.values(9) == [4]
    assert (inbox.credit(1).seq, inbox.credit(1).offset) == (5, 1)


def test_one_channel_can_be_forgotten() -> None:
    inbox = inbox_with(run_of([1, 2]), run_of([3], channel="b"), run_of([4]))
    inbox.values(1)
    inbox.drop("seek", "a")
    assert inbox.values(9) == [3]
    assert inbox.stats().dropped == {"seek": 2}


@pytest.mark.parametrize(
    ("buffer", "messages"),
    [
        (ReaderBuffer(overflow=Overflow.BLOCK, messages=1), 65_536),
        (ReaderBuffer.endless(), 65_536),
        (ReaderBuffer(), 500),
        (ReaderBuffer(messages=None, bytes=MIB), 1024),
        (ReaderBuffer(messages=1), 0),
        (ReaderBuffer(age_s=1.0), 0),
        (ReaderBuffer(overflow=Overflow.LATEST_PER_KEY), 0),
    ],
)
def test_what_is_sent_ahead_suits_the_buffer(buffer: ReaderBuffer, messages: int) -> None:
    assert Prefetch.of(buffer).messages == messages


@given(sizes=st.lists(st.integers(1, 9), max_size=9), asked=st.lists(st.integers(1, 20), max_size=40))
def test_however_it_is_taken_the_order_is_kept(sizes: list[int], asked: list[int]) -> None:
    numbers = list(range(sum(sizes)))
    inbox, at = inbox_with(), 0
    for size in sizes:
        inbox.arrived(run_of(numbers[at : at + size], seq=at))
        at += size
    taken: list[int] = []
    for most in asked:
        part = inbox.values(most)
        assert len(part) == min(most, len(numbers) - len(taken))
        taken += part
    assert taken == numbers[: len(taken)]


class Reading(RuleBasedStateMachine):
    """Frames come within the credit of each connection, and are taken or dropped."""

    def __init__(self) -> None:
        super().__init__()
        self.inbox = Inbox(Prefetch(messages=10))
        self.sent = 0
        self.next = 0
        self.credit = self.inbox.credit(1)

    @rule(size=st.integers(1, 6), skip=st.integers(0, 6), form=st.sampled_from([RAW, 1]))
    def come(self, size: int, skip: int, form: int) -> None:
        size = min(size, self.credit.seq - self.sent)
        if size > 0:
            values = [
                b"%d" % (self.next + place) if form == RAW else self.next + place for place in range(size)
            ]
            self.inbox.arrived(run_of(values, seq=self.next, skip=min(skip, size)))
            self.sent += size
            self.next += size

    @rule(most=st.integers(1, 7))
    def take(self, most: int) -> None:
        self.inbox.values(most)
        if self.inbox.claim_credit():
            self.credit = self.inbox.credit(1)

    @rule()
    def drop(self) -> None:
        self.inbox.drop("seek")
        self.credit = self.inbox.credit(1)

    @rule()
    def reconnect(self) -> None:
        self.inbox.begin()
        self.sent = 0
        self.credit = self.inbox.credit(1)

    @invariant()
    def it_adds_up(self) -> None:
        stats = self.inbox.stats()
        assert stats.received == stats.taken + stats.held + sum(stats.dropped.values())
        assert self.credit.offset <= self.sent
        assert bool(stats.held) == bool(stats.held_bytes)
        assert self.credit.seq <= self.credit.offset + 10
        assert stats.held <= 10  # also over reconnects

    def teardown(self) -> None:
        """All that is taken gives all its credit back."""
        while self.inbox.values(5):
            pass
        credit = self.inbox.credit(1)
        assert (credit.offset, credit.seq) == (self.sent, self.sent + 10)


TestReading = Reading.TestCase
