"""Sessions against the hub's own machine, over connections that break at any moment and hubs that die."""

import msgspec
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule
from tests.hub.client.pairing import End, World

from sightline.errors import BusError, HubError, WireError
from sightline.hub.client.handshake import Handshake
from sightline.hub.client.positions import DISCONNECTED, HUB_RESTART, Gap
from sightline.hub.client.reading import Prefetch
from sightline.hub.client.runs import Message
from sightline.hub.settings import ChannelSettings, History, Limits, ReaderBuffer, digest
from sightline.hub.wire.control import Challenge, Welcome
from sightline.hub.wire.header import Frame, Head, Kind
from sightline.overflow import Overflow

LOSSLESS = ReaderBuffer(overflow=Overflow.BLOCK)


def pair(**limits: object) -> tuple[World, End, End]:
    world = World(Limits(**limits))  # type: ignore[arg-type]
    writer, reader = world.client("writer"), world.client("reader")
    writer.connect()
    reader.connect()
    return world, writer, reader


def values(found: list[Message | Gap]) -> list[bytes]:
    return [bytes(item.value) for item in found if isinstance(item, Message)]


def test_what_is_put_comes_out_in_order_with_all_that_is_known_of_it() -> None:
    world, writer, reader = pair()
    outbox = writer.creates("a")
    subscription = reader.reads("a")
    world.rest()
    assert writer.puts(outbox, b"1", b"2", b"3") == 3
    world.rest()
    found = reader.takes(subscription, 9)
    assert values(found) == [b"1", b"2", b"3"]
    last = found[-1]
    assert isinstance(last, Message)
    assert (last.channel, last.writer, last.sequence, last.offset) == ("a", "writer", 2, 2)
    assert outbox.unacknowledged == 0
    assert outbox.readers == 1


def test_a_cut_connection_loses_and_doubles_nothing_that_was_put() -> None:
    world, writer, reader = pair()
    outbox = writer.creates("a")
    subscription = reader.reads("a", buffer=LOSSLESS)
    world.rest()
    writer.puts(outbox, b"1", b"2")
    writer.to_hub()  # taken in, and the word of it is lost
    writer.cut()
    writer.puts(outbox, b"3")
    writer.connect()
    world.rest()
    assert values(reader.takes(subscription, 9)) == [b"1", b"2", b"3"]
    assert outbox.unacknowledged == 0


def test_a_reader_that_was_away_is_told_what_it_missed() -> None:
    world, writer, reader = pair()
    outbox = writer.creates("a")
    subscription = reader.reads("a")
    world.rest()
    writer.puts(outbox, b"1")
    world.rest()
    reader.cut()
    writer.puts(outbox, b"2", b"3")
    world.rest()
    reader.connect()
    world.rest()
    writer.puts(outbox, b"4")
    world.rest()
    first, gap, last = reader.takes(subscription, 9)
    assert gap == Gap(channel="a", first_offset=1, last_offset=2, messages=2, reason=DISCONNECTED)
    assert values([first, last]) == [b"1", b"4"]


def test_what_the_channel_keeps_fills_the_time_that_a_reader_was_away() -> None:
    world, writer, reader = pair()
    outbox = writer.creates("a", ChannelSettings(history=History(messages=10)))
    subscription = reader.reads("a")
    world.rest()
    writer.puts(outbox, b"1")
    world.rest()
    reader.cut()
    writer.puts(outbox, b"2", b"3")
    world.rest()
    reader.connect()
    world.rest()
    assert values(reader.takes(subscription, 9)) == [b"1", b"2", b"3"]
    assert not subscription.inbox.stats().missed


def test_after_a_restart_all_is_made_again_and_what_the_old_hub_had_is_a_gap() -> None:
    world, writer, reader = pair()
    outbox = writer.creates("a")
    subscription = reader.reads("a", buffer=LOSSLESS, prefetch=Prefetch(messages=1))
    world.rest()
    writer.puts(outbox, b"1")
    world.rest()
    writer.puts(outbox, b"2", b"3")
    world.rest()  # the hub has them, and the reader gave no credit for them
    writer.puts(outbox, b"4")  # and this it has not
    world.restart()
    reader.connect()
    writer.connect()
    world.rest()
    found = reader.takes(subscription, 2)
    world.rest()
    found += reader.takes(subscription, 9)
    first, gap, last = found
    assert values([first, last]) == [b"1", b"4"]
    assert isinstance(gap, Gap)
    assert (gap.reason, gap.messages) == (HUB_RESTART, 2)


def test_what_is_put_after_a_restart_before_the_reader_is_back_is_a_gap_too() -> None:
    world, writer, reader = pair()
    outbox = writer.creates("a")
    subscription = reader.reads("a", buffer=LOSSLESS)
    world.rest()
    writer.puts(outbox, b"1")
    world.rest()
    reader.takes(subscription, 1)
    world.restart()
    writer.connect()
    world.rest()
    writer.puts(outbox, b"2")
    world.rest()
    reader.connect()
    world.rest()
    writer.puts(outbox, b"3")
    world.rest()
    gap, last = reader.takes(subscription, 9)
    assert isinstance(gap, Gap)
    assert (gap.reason, gap.messages) == (HUB_RESTART, 1)
    assert values([last]) == [b"3"]


def test_what_came_before_a_restart_does_not_come_again_after_it() -> None:
    world, writer, reader = pair()
    outbox = writer.creates("a")
    subscription = reader.reads("a")
    world.rest()
    writer.puts(outbox, b"1", b"2")
    writer.to_hub()
    reader.to_client()  # it has them, and the writer does not know that the hub had
    writer.puts(outbox, b"3")
    world.restart()
    reader.connect()
    writer.connect()
    world.rest()
    assert values(reader.takes(subscription, 9)) == [b"1", b"2", b"3"]
    assert subscription.inbox.stats().missed == {}


def test_a_writer_of_anothers_channel_waits_for_its_owner_to_come_back() -> None:
    world, owner, reader = pair()
    other = world.client("other")
    other.connect()
    owner.creates("a", ChannelSettings(many_writers=True))
    subscription = reader.reads("a")
    world.rest()
    outbox = other.writes("a")
    world.rest()
    other.puts(outbox, b"1")
    world.rest()
    world.restart()
    other.connect()
    reader.connect()
    world.rest()
    world.pass_time(1.0)  # it is still not there
    world.rest()
    assert outbox.failure is None
    owner.connect()
    world.rest()
    world.pass_time(1.0)
    world.rest()
    assert other.puts(outbox, b"2") == 1
    world.rest()
    assert values(reader.takes(subscription, 9)) == [b"1", b"2"]


def test_a_deleted_channel_ends_its_writer() -> None:
    world, owner, reader = pair(linger_s=1.0)
    other = world.client("other")
    other.connect()
    owner.creates("a", ChannelSettings(many_writers=True))
    reader.reads("a")
    world.rest()
    outbox = other.writes("a")
    world.rest()
    owner.session.send(Head(0, Kind.BYE))
    world.rest()
    assert outbox.failure is None
    assert other.puts(outbox, b"1") == 0  # nobody wants it as long as the channel is not there
    owner.connection = None
    owner.session.end(BusError("gone"))
    owner.connect()
    world.rest()
    world.pass_time(0.5)
    world.rest()
    assert other.puts(outbox, b"2") == 1


def test_what_waits_for_an_answer_fails_once_when_the_connection_is_cut() -> None:
    _, writer, _ = pair()
    writer.creates("a")
    writer.cut()
    assert len(writer.failures) == 2
    assert not writer.answers
    writer.creates("b")
    assert "not connected" in str(writer.failures[2])


def test_a_hub_that_is_silent_is_left() -> None:
    world, writer, _ = pair()
    assert writer.session.tick(world.now_ns) is None
    assert "nothing was heard" in str(writer.session.tick(world.now_ns + 16_000_000_000))


def test_pings_keep_a_quiet_connection() -> None:
    world, _, _ = pair()
    for _ in range(20):
        world.pass_time(3.0)
        world.rest()
    assert len(world.hub.connections) == 2


def test_the_hub_hears_within_a_moment_what_was_taken() -> None:
    world, writer, reader = pair()
    outbox = writer.creates("a")
    subscription = reader.reads("a", prefetch=Prefetch(messages=100))
    world.rest()
    writer.puts(outbox, b"1", b"2")
    world.rest()
    reader.takes(subscription, 1)
    world.rest()
    (feed,) = world.hub.readers.feeds
    assert feed.taken == 0
    world.pass_time(0.1)
    world.rest()
    assert (feed.taken, feed.in_flight) == (1, 1)


def test_credit_keeps_what_waits_within_the_prefetch() -> None:
    world, writer, reader = pair()
    outbox = writer.creates("a")
    subscription = reader.reads("a", buffer=LOSSLESS, prefetch=Prefetch(messages=4))
    world.rest()
    for number in range(30):
        writer.puts(outbox, b"%d" % number)
        world.rest()
    found: list[Message | Gap] = []
    while len(found) < 30:
        assert 0 < len(subscription.inbox) <= 4
        found += reader.takes(subscription, 1)
        world.rest()
    assert values(found) == [b"%d" % number for number in range(30)]


def test_without_prefetch_nothing_comes_but_what_is_waited_for() -> None:
    world, writer, reader = pair()
    outbox = writer.creates("a")
    subscription = reader.reads("a", buffer=ReaderBuffer(messages=1))
    world.rest()
    writer.puts(outbox, b"1")
    world.rest()
    writer.puts(outbox, b"2")
    world.rest()
    assert len(subscription.inbox) == 0
    subscription.inbox.want(1)
    reader.session.give_credit(subscription)
    world.rest()
    gap, message = reader.takes(subscription, 2)
    assert isinstance(gap, Gap)
    assert values([message]) == [b"2"]


def test_the_keys_of_private_channels_are_proved_and_not_sent() -> None:
    world, writer, reader = pair()
    outbox = writer.creates("a", ChannelSettings(public=False, key_digest=digest("secret")), key="secret")
    world.rest()
    reader.reads("a", key="wrong")
    world.rest()
    assert [type(error) for error in reader.failures] == [HubError]
    subscription = reader.reads("a", key="secret")
    world.rest()
    writer.puts(outbox, b"1")
    world.rest()
    assert values(reader.takes(subscription, 1)) == [b"1"]


def test_a_token_is_proved_by_both_sides() -> None:
    world = World(token="secret")
    good = world.client("good", token="secret")
    good.connect()
    assert good.session.lanes is not None
    with pytest.raises(HubError) as wrong:
        world.client("wrong", token="other").connect()
    assert wrong.value.code == "denied"
    with pytest.raises(HubError, match="asks for a token"):
        world.client("none").connect()
    with pytest.raises(HubError, match="did not prove"):
        World().client("careful", token="secret").connect()


def test_a_handshake_is_kept_to() -> None:
    def said(kind: Kind, body: object) -> Frame:
        data = msgspec.msgpack.encode(body)
        return Frame(Head(len(data), kind), data)

    with pytest.raises(WireError, match="CHALLENGE"):
        Handshake("a", b"s" * 16, None).received(said(Kind.ANSWER, None))
    with pytest.raises(WireError, match="handshake"):
        Handshake("a", b"s" * 16, None).received(Frame(Head(1, Kind.CHALLENGE), b"\xc1"))
    with pytest.raises(HubError, match="protocol 1, got 9"):
        Handshake("a", b"s" * 16, None).received(said(Kind.CHALLENGE, Challenge(protocol=9, nonce=b"n" * 16)))
    handshake = Handshake("a", b"s" * 16, None)
    handshake.received(said(Kind.CHALLENGE, Challenge(nonce=b"n" * 16)))
    welcome = Welcome(name="a", hub=b"h" * 16, message_bytes=1, silence_s=1.0, time_ns=1)
    assert handshake.received(said(Kind.WELCOME, welcome)) == welcome


@pytest.mark.parametrize("kind", [Kind.HELLO, Kind.ANSWER, Kind.REQUEST])
def test_a_frame_that_no_hub_sends_is_a_breach(kind: Kind) -> None:
    _, writer, _ = pair()
    with pytest.raises(WireError):
        writer.session.received(Frame(Head(1, kind, seq=99), b"\xc0"), 0)


class Company(RuleBasedStateMachine):
    """A writer and two readers. Whatever breaks, each reader gets in order what was put, or is told."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(Limits(linger_s=3600.0, silence_s=3600.0))
        self.writer = self.world.client("writer")
        readers = [self.world.client("patient"), self.world.client("hasty")]
        for end in self.world.ends:
            end.connect()
        self.outbox = self.writer.creates("a")
        wishes = [LOSSLESS, ReaderBuffer(messages=3)]
        self.subscriptions = [
            end.reads("a", buffer=wish, prefetch=Prefetch(messages=4))
            for end, wish in zip(readers, wishes, strict=True)
        ]
        self.readers = list(zip(readers, self.subscriptions, strict=True))
        self.world.rest()
        self.found: list[list[Message | Gap]] = [[], []]
        # Of a writer from whom nothing came yet, a reader cannot know what it misses.
        self.put = self.writer.puts(self.outbox, b"0")
        self.world.rest()

    @rule(count=st.integers(1, 5))
    def puts(self, count: int) -> None:
        payloads = [b"%d" % (self.put + place) for place in range(count)]
        self.put += self.writer.puts(self.outbox, *payloads)

    @rule(count=st.integers(2, 9))
    def puts_many(self, count: int) -> None:
        payloads = [b"%d" % (self.put + place) for place in range(count)]
        if self.outbox.offer_many(0, [len(one) for one in payloads], b"".join(payloads), 0).value == "taken":
            self.put += count

    @rule(who=st.integers(0, 2), inwards=st.booleans())
    def moves(self, who: int, inwards: bool) -> None:
        end = self.world.ends[who]
        end.to_hub() if inwards else end.to_client()

    @rule()
    def rests(self) -> None:
        self.world.rest()

    @rule(which=st.integers(0, 1), most=st.integers(1, 6))
    def takes(self, which: int, most: int) -> None:
        end, subscription = self.readers[which]
        self.found[which] += end.takes(subscription, most)

    @rule(who=st.integers(0, 2))
    def cut(self, who: int) -> None:
        self.world.ends[who].cut()

    @rule(who=st.integers(0, 2))
    def connect(self, who: int) -> None:
        if self.world.ends[who].connection is None:
            self.world.ends[who].connect()

    @rule()
    def restart(self) -> None:
        self.world.restart()

    def teardown(self) -> None:
        for end in self.world.ends:
            if end.connection is None:
                end.connect()
        self.world.rest()
        self._drain()
        assert self.outbox.unacknowledged == 0
        # What was lost with a hub shows when the writer goes on.
        self.puts(1)
        self.world.rest()
        self._drain()
        for found in self.found:
            sequences = [item.sequence for item in found if isinstance(item, Message)]
            assert sequences == sorted(set(sequences))
            assert values(found) == [b"%d" % sequence for sequence in sequences]
            missing = sum(item.messages for item in found if isinstance(item, Gap))
            assert len(sequences) + missing == self.put
            assert sequences[-1] == self.put - 1
            self._gaps_stand_in_their_places(found)

    def _gaps_stand_in_their_places(self, found: list[Message | Gap]) -> None:
        before = -1
        missing = 0
        for item in found:
            if isinstance(item, Gap):
                missing += item.messages
            else:
                assert item.sequence == before + 1 + missing
                before, missing = item.sequence, 0

    def _drain(self) -> None:
        for _ in range(100):
            for which in (0, 1):
                self.takes(which, 10)
            self.world.rest()


TestCompany = Company.TestCase
