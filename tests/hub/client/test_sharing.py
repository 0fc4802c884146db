"""Large payloads in shared memory: the writer's half, and both halves against each other, without a hub."""

import contextlib
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from numpy.typing import NDArray
from tests.hub.client.nearby import LARGE, Nearby, Way, frame_of
from tests.hub.client.taking import Taker

from sightline.errors import BusError, Closed, WireError
from sightline.hub.client.reading import SHARED_AHEAD, Inbox, Prefetch
from sightline.hub.client.runs import Message, Run, Shared
from sightline.hub.client.sending import Brief, Encoded, Sender, done
from sightline.hub.client.session import Session
from sightline.hub.client.subscription import Subscription
from sightline.hub.client.writing import Put
from sightline.hub.wire.control import Attached, Subscribe, Welcome
from sightline.hub.wire.header import KEYFRAME, SHARED, Frame, Head, Kind
from sightline.hub.wire.payload import ARRAY, RAW, decode, encode
from sightline.shm.settings import Sharing
from sightline.shm.token import Token

PICTURE = np.arange(3 * LARGE, dtype=np.int64).astype(np.uint8).reshape(64, -1)


class Near:
    """What a sender asks of its link."""

    message_bytes = 1 << 20

    may_block = True

    def check_may_block(self) -> None: ...


def opened(way: Way, **window: int) -> Sender:
    way.outbox.opened(Taker(**window).opened())
    return Sender(Near(), way.outbox)  # type: ignore[arg-type]


def put(sender: Sender, value: Any, **options: Any) -> bool:
    """Without waiting."""
    message = sender.encoded(value, **options)
    assert isinstance(message, Encoded)
    return done(sender.put(message), sender, 0, "room")


def new_array(sender: Sender, shape: tuple[int, ...] | int = PICTURE.shape) -> NDArray[np.uint8]:
    return done(sender.new_array(shape, np.uint8), sender, 0, "room")


def sent(way: Way) -> tuple[Head, Any]:
    """The next frame's head, and its payload where that lies."""
    frame = way.outbox.next_frame(0)
    assert frame is not None
    return frame[0], way.payload(*frame)


# Writing.


@pytest.mark.parametrize(
    "value",
    [PICTURE, bytes(LARGE), {"a": "b" * LARGE}, np.asfortranarray(PICTURE)],
    ids=["C", "raw", "any", "F"],
)
def test_a_large_payload_goes_as_a_token(value: Any) -> None:
    way = Way()
    assert put(opened(way), value, key=b"k", keyframe=True)
    head, payload = sent(way)
    assert head.flags == SHARED | KEYFRAME
    assert (head.messages, head.body_bytes) == (1, head.ext_bytes + 64)
    assert bytes(payload) == b"".join(encode(value)[1])
    stats = way.outbox.stats()
    assert (stats.shared, stats.shared_bytes, stats.not_shared) == (1, len(payload), {})


def test_a_small_one_does_not() -> None:
    way = Way()
    put(opened(way), bytes(LARGE - 1))
    assert sent(way)[0].flags == 0
    assert way.outbox.stats().not_shared == {}


def test_what_is_compressed_is_shared_if_it_is_large_then() -> None:
    way = Way()
    noise = np.random.default_rng(1).integers(0, 16, 4 * LARGE, np.uint8)
    put(opened(way), noise, compress="gzip")
    head, payload = sent(way)
    assert head.flags == SHARED
    assert LARGE < len(payload) < noise.nbytes
    assert np.array_equal(decode(head.format, payload), noise)


def test_an_array_that_was_made_for_it_is_not_copied() -> None:
    way = Way()
    sender = opened(way)
    array = new_array(sender)
    array[:] = PICTURE
    hidden = array[32:]
    assert put(sender, array)
    seen = decode(ARRAY, sent(way)[1])
    assert np.array_equal(seen, PICTURE)
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 0
    hidden[0, 0] += 1  # what numpy cannot forbid shows that both are one memory
    assert seen[32, 0] == hidden[0, 0]


def test_such_an_array_can_be_put_twice_and_is_copied_then() -> None:
    way = Way()
    sender = opened(way)
    array = new_array(sender)
    array[:] = PICTURE
    put(sender, array)
    put(sender, array)
    slots = {Token.unpacked(b"".join(way.outbox.next_frame(0)[1])).slot for _ in range(2)}  # type: ignore[index]
    assert len(slots) == 2


def test_what_nobody_wanted_may_be_written_to_and_put_again() -> None:
    way = Way()
    sender = opened(way)
    array = new_array(sender)
    message = sender.encoded(array)
    assert message is not None
    way.outbox.demand(0, wanted=False)
    assert done(sender.put(message), sender, 0, "") is False
    array[:] = 7
    hidden = array[:]
    way.outbox.demand(1, wanted=True)
    assert put(sender, array)
    seen = decode(ARRAY, sent(way)[1])
    assert (seen == 7).all()
    hidden[:] = 8  # must not be done, and shows that it was not copied this time either
    assert (seen == 8).all()


def test_an_array_is_an_ordinary_one_where_nothing_is_shared() -> None:
    for way in (Way(None), Way(), Way()):
        way.nearby = None
        sender = opened(way)
        array = done(sender.new_array((4, 5), np.float32), sender, 0, "")
        assert (array.shape, str(array.dtype)) == ((4, 5), "float32")
        assert array.base is None
        assert way.outbox.stats().not_shared == {}


def test_an_array_that_can_change_is_copied_when_it_goes_as_bytes() -> None:
    way = Way(None)
    picture = PICTURE.copy()
    put(opened(way), picture)
    picture[:] = 0
    assert np.array_equal(decode(ARRAY, sent(way)[1]), PICTURE)


def test_the_windows_count_what_it_weighs() -> None:
    way = Way()
    sender = opened(way, window_bytes=2 * LARGE)
    assert put(sender, bytes(LARGE), headers=(("h", b""),))
    assert put(sender, bytes(LARGE))
    assert way.outbox.stats().unacknowledged_bytes > 2 * LARGE
    message = sender.encoded(bytes(LARGE))
    assert message is not None
    assert next(sender.put(message)) == way.outbox.may_offer
    assert sent(way)[0].flags == SHARED
    assert way.outbox.next_frame(0) is None  # the second is beyond the hub's window
    way.outbox.acknowledged(1)
    assert sent(way)[0].flags == SHARED


def test_many_large_values_are_shared_each_and_the_others_go_together() -> None:
    way = Way()
    sender = opened(way)
    values = [b"1", b"2", bytes(LARGE), bytes([1]) * LARGE, b"3", {4}]
    assert done(sender.put_many(values), sender, 0, "") == len(values)
    found = []
    while frame := way.outbox.next_frame(0):
        found.append((frame[0].flags, frame[0].messages, frame[0].seq))
    assert found == [(2, 2, 0), (SHARED, 1, 2), (SHARED, 1, 3), (0, 1, 4), (0, 1, 5)]


def test_without_a_free_slot_it_goes_as_bytes_and_that_is_counted() -> None:
    way = Way()
    sender = opened(way)
    for number in range(4):
        put(sender, bytes([number]) * LARGE)
    flags = [way.outbox.next_frame(0)[0].flags for _ in range(4)]  # type: ignore[index]
    assert flags == [SHARED] * 3 + [0]
    assert way.outbox.stats().not_shared == {"no_slot": 1}
    way.nearby = None
    put(sender, bytes(LARGE))
    assert way.outbox.stats().not_shared == {"no_slot": 1, "off": 1}


def test_a_slot_is_waited_for_but_not_for_long() -> None:
    way = Way()
    sender = opened(way)
    for _ in range(3):
        put(sender, bytes(LARGE))
    message = sender.encoded(bytes(LARGE))
    assert message is not None
    steps = sender.put(message)
    step = next(steps)
    assert isinstance(step, Brief)
    assert step.most_s < 1e-3
    assert not step.condition()
    head, payload = sent(way)
    way.outbox.acknowledged(head.seq + 1)
    assert not step.condition()
    rung: list[bool] = []
    way.outbox.bell._add(lambda: rung.append(True))
    del payload
    assert step.condition()
    assert rung
    with pytest.raises(StopIteration):
        next(steps)
    assert way.outbox.stats().not_shared == {}


def test_a_slot_is_filled_again_when_it_was_acknowledged_and_let_go() -> None:
    way = Way()
    sender = opened(way)
    for number in range(12):
        put(sender, bytes([number]) * LARGE)
        head, payload = sent(way)
        assert head.flags == SHARED
        assert payload[-1] == number
        way.outbox.acknowledged(number + 1)
        del payload
    assert way.outbox.stats().shared == 12


def test_what_the_hub_did_not_have_goes_as_bytes_over_the_next_connection() -> None:
    way = Way()
    sender = opened(way)
    for number in range(3):
        put(sender, bytes([number]) * LARGE)
    seen = sent(way)[1]
    way.cut()
    way.nearby = Nearby()
    sender = opened(way)
    put(sender, bytes([3]) * LARGE)
    found = [sent(way) for _ in range(4)]
    assert [(head.flags, head.seq, payload[0]) for head, payload in found] == [
        (0, 0, 0),
        (0, 1, 1),
        (0, 2, 2),
        (SHARED, 3, 3),
    ]
    assert bytes(seen) == bytes(LARGE)  # who still looks at it sees no other
    stats = way.outbox.stats()
    assert (stats.put, stats.shared, stats.not_shared) == (4, 2, {"off": 2})


def test_what_was_lent_by_a_connection_that_is_gone_goes_as_bytes() -> None:
    way = Way()
    opened(way)
    payload = bytes([9]) * LARGE
    lent = way.share.lent([payload], LARGE)
    assert lent is not None
    way.cut()
    way.nearby = Nearby()
    opened(way)
    assert way.outbox.offer(RAW, [payload], 0, lent=lent) is Put.TAKEN
    head, found = sent(way)
    assert (head.flags, bytes(found)) == (0, payload)
    assert way.outbox.stats().not_shared == {"off": 1}


def test_a_writer_that_ends_gives_its_memory_back() -> None:
    way = Way()
    put(opened(way), bytes(LARGE))
    assert way.nearby is not None
    assert way.nearby.drained == []
    way.outbox.gone(WireError("it is over"))
    assert len(way.nearby.drained) == 1


def test_a_client_that_closes_takes_no_memory_from_under_tokens_on_their_way() -> None:
    way = Way()
    put(opened(way), bytes(LARGE))
    frame = way.outbox.next_frame(0)
    assert frame is not None
    assert way.nearby is not None
    way.outbox.fail(Closed("this client is closed"))
    assert way.nearby.drained == []
    assert bytes(way.payload(*frame)) == bytes(LARGE)


class Connected(RuleBasedStateMachine):
    """A writer of messages of all sizes, over connections that break: each arrives, whole, in its order."""

    def __init__(self) -> None:
        super().__init__()
        self.way = Way()
        self.sender = opened(self.way, window_bytes=10 * LARGE)
        self.wanted: list[int] = []
        self.taken: list[int] = []
        self.looked_at: list[tuple[int, Any]] = []

    @rule(size=st.sampled_from([8, LARGE, 2 * LARGE]), in_place=st.booleans())
    def put(self, size: int, in_place: bool) -> None:
        number = len(self.wanted)
        array = new_array(self.sender, size) if in_place else np.empty(size, np.uint8)
        array[:] = number % 256
        message = self.sender.encoded(array)
        assert message is not None
        with contextlib.suppress(TimeoutError):
            done(self.sender.put(message), self.sender, 0, "room")
            self.wanted.append(number)
        if array.flags.writeable:
            array[:] = 255  # it is ours again

    @rule(keep=st.booleans())
    def send(self, keep: bool) -> None:
        frame = self.way.outbox.next_frame(0)
        if frame is None:
            return
        head, payload = frame[0], self.way.payload(*frame)
        if head.flags == 2:  # of small ones together
            lengths = np.frombuffer(payload, "<u4", head.messages)
            payloads = np.split(
                np.frombuffer(payload, np.uint8)[4 * head.messages :], np.cumsum(lengths)[:-1]
            )
        else:
            payloads = [payload]
        for seq, one in enumerate(payloads, head.seq):
            value = decode(head.format, np.asarray(one).data)
            if seq == len(self.taken):
                self.taken.append(seq)
            assert (value == seq % 256).all()
            if keep:
                self.looked_at.append((seq % 256, value))

    @rule()
    def acknowledge(self) -> None:
        self.way.outbox.acknowledged(len(self.taken))

    @rule(arrived=st.booleans(), shares=st.booleans())
    def reconnect(self, arrived: bool, shares: bool) -> None:
        if arrived:
            self.send(keep=True)
        self.way.cut()
        self.way.nearby = Nearby() if shares else None
        answer = Taker(window_bytes=10 * LARGE).opened()
        self.way.outbox.opened(msgspec.structs.replace(answer, accepted_seq=len(self.taken)))

    @precondition(lambda self: self.looked_at)
    @rule()
    def look_away(self) -> None:
        self.looked_at.pop(0)

    @invariant()
    def nothing_changes_that_is_looked_at(self) -> None:
        assert all((value == number).all() for number, value in self.looked_at)

    @invariant()
    def it_adds_up(self) -> None:
        stats = self.way.outbox.stats()
        assert stats.put == len(self.wanted) == stats.acknowledged + stats.unacknowledged
        assert bool(stats.unacknowledged) == bool(stats.unacknowledged_bytes)

    def teardown(self) -> None:
        for _ in range(len(self.wanted) + 1):
            self.send(keep=False)
            self.acknowledge()
        assert self.taken == self.wanted


TestConnected = Connected.TestCase


# Reading.


class Read:
    """One session that reads channel "a" as feed 5, next to a writer."""

    def __init__(self, prefetch: int = 100) -> None:
        self.way = Way()
        self.sender = opened(self.way)
        assert self.way.nearby is not None
        self.attached = self.way.nearby.attached
        self.session = Session(None)  # type: ignore[arg-type]
        self.session.memory_of = self.attached.open
        welcome = Welcome(name="r", hub=bytes(16), message_bytes=1, silence_s=9, time_ns=0)
        self.session.begin(b"", welcome, 0)
        self.inbox = Inbox(Prefetch(messages=prefetch))
        subscription = Subscription(Subscribe(number=0, names=("a",)), self.inbox)
        self.session.subscribe(subscription, lambda _: None, lambda _: None)
        notice = Attached(subscription=subscription.number, feed=5, name="a", next_offset=0)
        body = msgspec.msgpack.encode(notice)
        self.session.received(Frame(Head(len(body), Kind.NOTICE), body), 0)

    def put(self, value: Any, feed: int = 5) -> None:
        put(self.sender, value)
        head, body = self.way.outbox.next_frame(0) or pytest.fail("nothing to send")
        self.session.received(frame_of(head, body, feed), 0)
        self.way.outbox.acknowledged(head.seq + 1)


def test_an_array_is_looked_at_in_place_until_it_is_gone() -> None:
    read = Read()
    read.put(PICTURE)
    (array,) = read.inbox.values(1)
    assert np.array_equal(array, PICTURE)
    assert not array.flags.writeable
    part = array[1:, ::2]
    del array
    assert read.attached.leases == 1
    copy = part.copy()
    del part
    assert read.attached.leases == 0
    assert np.array_equal(copy, PICTURE[1:, ::2])
    stats = read.inbox.stats()
    assert (stats.received, stats.taken, stats.shared, stats.held_bytes) == (1, 1, 1, 0)


@pytest.mark.parametrize("value", [bytes(LARGE), {"a": [PICTURE, "b"]}], ids=["raw", "any"])
def test_other_values_are_copied_and_hold_nothing(value: Any) -> None:
    read = Read()
    read.put(value)
    (found,) = read.inbox.values(1)
    assert read.attached.leases == 0
    assert type(found) is type(value)
    assert found == value if isinstance(value, bytes) else np.array_equal(found["a"][0], PICTURE)


def test_a_message_can_be_closed() -> None:
    read = Read()
    read.put(PICTURE)
    (message,) = read.inbox.messages(1)
    assert isinstance(message, Message)
    assert (message.channel, message.sequence, message.value.shape) == ("a", 0, PICTURE.shape)
    message.close()
    assert message.value is None
    assert read.attached.leases == 0


def test_what_is_dropped_or_of_nobody_is_given_back() -> None:
    read = Read()
    read.put(PICTURE)
    assert (read.attached.leases, read.inbox.stats().held_bytes > PICTURE.nbytes) == (1, True)
    read.inbox.drop("seek")
    assert (read.attached.leases, read.inbox.stats().held_bytes) == (0, 0)
    for _ in range(9):
        read.put(PICTURE, feed=6)  # unsubscribed, and the hub did not know yet
    assert read.attached.leases == 0
    assert read.way.outbox.stats().not_shared == {}


def test_a_payload_that_its_writer_changed_costs_itself_alone() -> None:
    read = Read()
    array = new_array(read.sender)
    hidden = array[:]
    put(read.sender, array)
    head, body = read.way.outbox.next_frame(0) or pytest.fail("nothing to send")
    hidden[-1, -1] = 1
    read.session.received(frame_of(head, body, 5), 0)
    read.put(PICTURE)
    with pytest.raises(WireError, match="check"):
        read.inbox.values(9)
    assert np.array_equal(read.inbox.values(9)[0], PICTURE)
    stats = read.inbox.stats()
    assert (stats.received, stats.taken, stats.held, stats.held_bytes) == (2, 2, 0, 0)


def test_a_token_where_nothing_is_shared_is_a_breach() -> None:
    read = Read()
    read.session.memory_of = None
    with pytest.raises(WireError, match="got a token"):
        read.put(PICTURE)


def test_a_token_that_comes_after_the_side_socket_ended_ends_the_connection() -> None:
    read = Read()
    read.put(PICTURE)
    read.attached.close()
    with pytest.raises(BusError, match="side socket ended"):
        read.put(PICTURE)
    assert read.inbox.stats().received == 1


def shared_run(seq: int, size: int = LARGE) -> Run:
    frame = Frame(Head(64, Kind.DATA, SHARED, RAW, messages=1, seq=seq, offset=seq), bytes(64))
    return Run(frame, "a", "w", 0, Shared(size, memoryview(bytes(size))))


def small_run(seq: int) -> Run:
    return Run(Frame(Head(1, Kind.DATA, 0, RAW, messages=1, seq=seq, offset=seq), b"x"), "a", "w", 0)


def test_little_is_sent_ahead_while_it_is_shared() -> None:
    inbox = Inbox(Prefetch(messages=100, bytes=10 * LARGE))
    assert not inbox.arrived(small_run(0))
    assert inbox.credit(1).seq == 100
    assert inbox.arrived(shared_run(1))  # the hub is to be told now
    assert inbox.credit(1).seq == SHARED_AHEAD
    assert not inbox.arrived(shared_run(2))
    assert not inbox.claim_credit()
    inbox.values(2)
    assert inbox.claim_credit()
    credit = inbox.credit(1)
    assert (credit.seq, credit.offset, credit.time_ns) == (2 + SHARED_AHEAD, 2, 11 * LARGE + 1)
    assert inbox.arrived(small_run(3))
    assert inbox.credit(1).seq == 102


def test_what_is_pulled_is_not_sent_ahead_at_all() -> None:
    inbox = Inbox(Prefetch(messages=0))
    inbox.want(1)
    assert not inbox.arrived(shared_run(0))
    assert inbox.credit(1).seq == 2


def test_sharing_is_of_what_is_large_enough() -> None:
    way = Way(Sharing(above_bytes=10, slots=3))
    put(opened(way), b"0123456789")
    assert sent(way)[0].flags == SHARED
