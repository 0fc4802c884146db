"""The outbox: numbered without holes, kept until acknowledged, sent again from exactly where the hub is."""

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from tests.hub.client.taking import Taker, payloads_of

from sightline.errors import BusError
from sightline.hub.client.outgoing import BATCH_BYTES, BATCH_MESSAGES, SMALL_BYTES, cuts
from sightline.hub.client.writing import Outbox, Put
from sightline.hub.wire.header import BATCH, KEYFRAME

RAW = 0


def outbox_at(taker: Taker, *, wanted: bool = True) -> Outbox:
    outbox = Outbox("a")
    outbox.opened(taker.opened(wanted=wanted))
    return outbox


def put(outbox: Outbox, payload: bytes, **beside: object) -> Put:
    return outbox.offer(RAW, [payload], 5, **beside)  # type: ignore[arg-type]


def test_small_values_put_together_go_as_one_frame() -> None:
    taker = Taker()
    outbox = outbox_at(taker)
    values = [b"%d" % number for number in range(100)]
    assert {put(outbox, value) for value in values} == {Put.TAKEN}
    head, body = outbox.next_frame(0) or pytest.fail("nothing to send")
    assert head.flags == BATCH
    assert (head.messages, head.seq, head.time_ns, head.channel) == (100, 0, 5, 7)
    assert payloads_of(head, b"".join(body)) == values
    assert outbox.next_frame(0) is None


def test_a_frame_holds_one_format_and_no_more_than_a_batch() -> None:
    outbox = outbox_at(Taker())
    outbox.offer(0, [b"a"], 0)
    outbox.offer(1, [b"b"], 0)
    size = SMALL_BYTES
    for _ in range(BATCH_BYTES // size + 1):
        outbox.offer(1, [bytes(size)], 0)
    frames = []
    while frame := outbox.next_frame(0):
        frames.append(frame[0])
    assert [head.format for head in frames] == [0, 1, 1]
    assert all(head.body_bytes <= BATCH_BYTES + 4 * BATCH_MESSAGES for head in frames)


def test_what_stands_beside_a_value_keeps_it_a_frame_of_its_own_in_its_place() -> None:
    taker = Taker()
    outbox = outbox_at(taker)
    put(outbox, b"1")
    put(outbox, b"2", ext=b"beside")
    put(outbox, b"3", keyframe=True)
    put(outbox, b"4")
    heads = []
    while frame := outbox.next_frame(0):
        heads.append(frame[0])
        taker.take(*frame)
    assert [head.flags for head in heads] == [0, 0, KEYFRAME, 0]
    assert [head.ext_bytes for head in heads] == [0, 6, 0, 0]
    assert taker.taken == [b"1", b"2", b"3", b"4"]


def test_a_value_that_may_change_is_copied_and_one_that_cannot_is_not() -> None:
    taker = Taker()
    outbox = outbox_at(taker)
    small, large, fixed = bytearray(b"small"), bytearray(10_000), memoryview(bytes(10_000))
    outbox.offer(RAW, [small], 0)
    outbox.offer(RAW, [large], 0)
    outbox.offer(RAW, [fixed], 0)
    small[:] = b"other"
    large[:] = b"\1" * 10_000
    assert taker.take_all(outbox) == 3
    assert taker.taken[:2] == [b"small", bytes(10_000)]
    outbox.opened(Taker().opened())
    last = [outbox.next_frame(0) for _ in range(3)][-1]
    assert last is not None
    assert last[1][0] is fixed


def test_nobody_wants_it() -> None:
    taker = Taker()
    outbox = outbox_at(taker, wanted=False)
    assert put(outbox, b"1") is Put.UNWANTED
    assert outbox.passes_over(3)
    outbox.demand(1, wanted=True)
    assert not outbox.passes_over(3)
    assert put(outbox, b"2") is Put.TAKEN
    taker.take_all(outbox)
    assert taker.taken == [b"2"]
    stats = outbox.stats()
    assert (stats.put, stats.unwanted, stats.unacknowledged) == (5, 4, 1)


def test_the_window_is_full_until_the_hub_took_something_in() -> None:
    taker = Taker(window_messages=3)
    outbox = outbox_at(taker)
    assert [put(outbox, b"x") for _ in range(4)] == [Put.TAKEN] * 3 + [Put.FULL]
    assert not outbox.may_offer()
    taker.take_all(outbox)
    rung: list[bool] = []
    assert outbox.bell.wait(outbox.may_offer, 0) is False
    outbox.acknowledged(1)
    assert outbox.bell.wait(outbox.may_offer, 0) is True
    rung.append(True)
    assert put(outbox, b"y") is Put.TAKEN
    assert put(outbox, b"z") is Put.FULL


def test_one_message_always_may_however_large() -> None:
    taker = Taker(window_bytes=10)
    outbox = outbox_at(taker)
    assert put(outbox, bytes(100)) is Put.TAKEN
    assert put(outbox, b"1") is Put.FULL
    assert taker.take_all(outbox) == 1
    outbox.acknowledged(1)
    assert put(outbox, b"1") is Put.TAKEN


@pytest.mark.parametrize("window", [{"window_messages": 3}, {"window_bytes": 31}])
def test_many_go_within_a_window_that_is_less_than_a_batch(window: dict[str, int]) -> None:
    taker = Taker(**window)
    outbox = outbox_at(taker)
    outbox.offer_many(RAW, [10] * 10, b"0123456789" * 10, 5)
    for sent in (3, 3, 3, 1):
        head, body = outbox.next_frame(0) or pytest.fail("nothing to send")
        assert (head.messages, outbox.next_frame(0)) == (sent, None)
        taker.take(head, body)
        outbox.acknowledged(taker.next_seq)
    assert taker.taken == [b"0123456789"] * 10
    assert (outbox.unacknowledged, outbox.stats().unacknowledged_bytes) == (0, 0)


def test_the_window_is_free_again_when_it_was_acknowledged_or_lost() -> None:
    taker = Taker(window_bytes=20)
    outbox = outbox_at(taker)

    def sent_of_two() -> int:
        put(outbox, bytes(8), ext=b"x")
        put(outbox, bytes(8), ext=b"x")
        return taker.take_all(outbox)

    for _ in range(3):
        assert sent_of_two() == 2
        outbox.acknowledged(taker.next_seq)
    assert sent_of_two() == 2
    outbox.lost()
    outbox.opened(taker.opened())
    assert sent_of_two() == 2


def test_a_channel_that_is_gone_says_so() -> None:
    outbox = outbox_at(Taker())
    outbox.fail(BusError("it was deleted"))
    assert outbox.may_offer()
    with pytest.raises(BusError, match="it was deleted"):
        put(outbox, b"1")


def test_an_acknowledgement_of_what_was_never_sent_is_passed_over() -> None:
    outbox = outbox_at(Taker())
    put(outbox, b"1")
    assert not outbox.acknowledged(1)
    assert outbox.unacknowledged == 1


def test_part_of_a_batch_is_sent_again() -> None:
    taker = Taker()
    outbox = outbox_at(taker)
    for number in range(10):
        put(outbox, b"%d" % number)
    outbox.next_frame(0)
    taker.next_seq, taker.taken = 4, [b"0", b"1", b"2", b"3"]
    outbox.lost()
    outbox.opened(taker.opened())
    head, body = outbox.next_frame(0) or pytest.fail("nothing to send")
    assert (head.seq, head.messages) == (4, 6)
    taker.take(head, body)
    assert taker.taken == [b"%d" % number for number in range(10)]
    outbox.acknowledged(10)
    assert outbox.stats().unacknowledged_bytes == 0


def test_many_are_cut_into_frames_of_a_batch_at_most() -> None:
    lengths = [100] * 3000 + [BATCH_BYTES * 2, 0, 0] + [0] * 5000
    frames = list(cuts(lengths, BATCH_BYTES))
    assert [first for first, _ in frames[1:]] == [end for _, end in frames[:-1]]
    assert (frames[0][0], frames[-1][1]) == (0, len(lengths))
    for first, end in frames:
        assert end - first <= BATCH_MESSAGES
        assert end - first == 1 or sum(lengths[first:end]) <= BATCH_BYTES


class Writing(RuleBasedStateMachine):
    """A writer, and a hub that takes in what comes in its own time, over connections that break."""

    def __init__(self) -> None:
        super().__init__()
        self.taker = Taker(window_messages=20, window_bytes=200)
        self.awake = 0
        self.outbox = Outbox("a", self.roused)
        self.outbox.opened(self.taker.opened())
        self.on_the_way: list[tuple] = []  # type: ignore[type-arg]
        self.wanted: list[bytes] = []

    def roused(self, _outbox: Outbox) -> None:
        self.awake += 1

    @rule(size=st.integers(0, 60), ext=st.sampled_from([b"", b"", b"", b"beside"]))
    def put(self, size: int, ext: bytes) -> None:
        payload = bytes([len(self.wanted) % 251]) * size
        before = self.outbox.unacknowledged
        match self.outbox.offer(RAW, [payload], 0, ext=ext):
            case Put.TAKEN:
                self.wanted.append(payload)
            case Put.FULL:
                assert before

    @rule(lengths=st.lists(st.integers(0, 30), min_size=1, max_size=8))
    def put_many(self, lengths: list[int]) -> None:
        payloads = [bytes([(len(self.wanted) + place) % 251]) * size for place, size in enumerate(lengths)]
        if self.outbox.offer_many(RAW, lengths, b"".join(payloads), 0) is Put.TAKEN:
            self.wanted += payloads

    @rule()
    def send(self) -> None:
        frame = self.outbox.next_frame(0)
        if frame is not None:
            self.on_the_way.append(frame)

    @precondition(lambda self: self.on_the_way)
    @rule()
    def arrive(self) -> None:
        self.taker.take(*self.on_the_way.pop(0))

    @rule(behind=st.integers(0, 5))
    def acknowledge(self, behind: int) -> None:
        if self.outbox.channel is not None:
            self.outbox.acknowledged(max(self.taker.next_seq - behind, 0))

    @rule(arrived=st.booleans())
    def reconnect(self, arrived: bool) -> None:
        if arrived and self.on_the_way:
            self.arrive()
        self.on_the_way.clear()
        self.outbox.lost()
        assert self.outbox.next_frame(0) is None
        self.outbox.opened(self.taker.opened())

    @invariant()
    def in_flight_is_within_the_window(self) -> None:
        heads = [head for head, _ in self.on_the_way]
        if len(heads) > 1:
            assert sum(head.messages for head in heads) <= 20
            assert sum(len(b"".join(payloads_of(h, b"".join(b)))) for h, b in self.on_the_way) <= 200

    @invariant()
    def it_adds_up(self) -> None:
        stats = self.outbox.stats()
        assert stats.put == len(self.wanted) == stats.acknowledged + stats.unacknowledged
        assert self.taker.taken == self.wanted[: self.taker.next_seq]
        if not stats.unacknowledged:
            assert stats.unacknowledged_bytes == 0

    def teardown(self) -> None:
        for _ in range(10_000):
            if self.taker.next_seq == len(self.wanted):
                break
            self.send()
            while self.on_the_way:
                self.arrive()
            self.outbox.acknowledged(self.taker.next_seq)
        assert self.taker.taken == self.wanted


TestWriting = Writing.TestCase
