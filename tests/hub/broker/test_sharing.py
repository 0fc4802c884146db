"""Payloads in shared memory, through the hub's machine: who gets a token, and when a claim ends."""

from typing import Any, cast

import pytest
from tests.hub.broker.driving import SIDE, Net, Peer
from tests.hub.broker.memory import POOL, Memory, Share
from tests.hub.broker.runs import shared_frame

from sightline.errors import WireError
from sightline.hub.broker.metrics import metrics_text
from sightline.hub.broker.run import Run
from sightline.hub.broker.statistics import ChannelStats, statistics
from sightline.hub.settings import History, Limits, ReaderBuffer
from sightline.hub.wire.control import Exclude, Unsubscribe
from sightline.hub.wire.header import BATCH, SHARED, Frame, Head, Kind
from sightline.overflow import Overflow
from sightline.shm.token import TOKEN_BYTES, Token

PICTURE = b"picture" * 1000


class Pair:
    """A writer and a reader of one channel, neighbours."""

    def __init__(
        self, net: Net, *, buffer: ReaderBuffer | None = None, credit: int = 100, **channel: Any
    ) -> None:
        self.net = net
        self.writer = net.neighbour("writer")
        self.writer.create("c", **channel)
        self.channel = self.writer.write_to("c").channel
        self.reader = net.neighbour("reader")
        (self.feed,) = self.reader.read(1, "c", buffer=buffer)
        self.reader.credit(1, credit, 0)
        self.put = 0

    def share(self, payload: bytes = PICTURE, **beside: Any) -> Token:
        self.put += 1
        return self.writer.put_shared(self.channel, payload, self.put - 1, **beside)

    def stats(self) -> ChannelStats:
        return statistics(self.net.hub, self.net.now_ns).channels[0]


def data_of(peer: Peer) -> list[Frame]:
    return [frame for frame in peer.frames if frame.head.kind == Kind.DATA]


class TestHandingOn:
    def test_a_reader_of_the_same_machine_gets_the_token_and_others_the_payload(self) -> None:
        pair = Pair(Net())
        far = pair.net.client("far")
        (feed,) = far.read(1, "c")
        far.credit(1, 10, 0)
        token = pair.share(key=b"left")
        (near_frame,), (far_frame,) = data_of(pair.reader), data_of(far)
        assert near_frame.head.flags == SHARED
        assert near_frame.head.body_bytes == near_frame.head.ext_bytes + TOKEN_BYTES
        assert bytes(near_frame.body[near_frame.head.ext_bytes :]) == token.packed()
        assert far_frame.head.flags == 0
        assert bytes(far_frame.body[far_frame.head.ext_bytes :]) == PICTURE
        ext = slice(0, near_frame.head.ext_bytes)
        assert bytes(near_frame.body[ext]) == bytes(far_frame.body[ext]) != b""
        assert pair.reader.payloads(pair.feed.feed) == far.payloads(feed.feed) == [PICTURE]
        stats = pair.stats()
        assert (stats.shared_in, stats.shared_out, stats.copied) == (1, 1, {"away": 1})

    def test_why_a_payload_is_copied_is_counted_and_shown(self) -> None:
        pair = Pair(Net())
        share = cast(Share, pair.reader.connection.share)
        share.ready = False
        pair.share()
        share.ready = True
        pair.share()
        stats = pair.stats()
        assert (stats.shared_in, stats.shared_out, stats.copied) == (2, 1, {"not_ready": 1})
        shown = metrics_text(statistics(pair.net.hub, pair.net.now_ns)).decode()
        assert 'sightline_hub_channel_shared_in_messages_total{channel="c"} 2.0' in shown
        assert 'sightline_hub_channel_shared_out_messages_total{channel="c"} 1.0' in shown
        assert 'sightline_hub_channel_copied_messages_total{channel="c",reason="not_ready"} 1.0' in shown

    def test_a_keyframe_is_one(self) -> None:
        pair = Pair(Net(), buffer=ReaderBuffer(overflow=Overflow.DROP_TO_KEYFRAME))
        head, body = shared_frame(pair.net.memory.put(PICTURE), keyframe=True)
        pair.writer.say(Frame(head._replace(channel=pair.channel), body))
        assert pair.reader.payloads(pair.feed.feed) == [PICTURE]


class TestBounds:
    """Everywhere the payload counts, and not its token."""

    def test_of_a_readers_buffer(self) -> None:
        pair = Pair(Net(), credit=0, buffer=ReaderBuffer(messages=None, bytes=2 * len(PICTURE)))
        for _ in range(3):
            pair.share()
        (feed,) = statistics(pair.net.hub, pair.net.now_ns).feeds
        assert (feed.buffer.held, feed.buffer.held_bytes) == (2, 2 * len(PICTURE))
        assert feed.buffer.dropped == {"overflow": 1}

    def test_of_a_history(self) -> None:
        pair = Pair(Net(), history=History(bytes=2 * len(PICTURE)))
        for _ in range(3):
            pair.share()
        assert (pair.stats().kept, pair.stats().kept_bytes) == (2, 2 * len(PICTURE))

    def test_of_a_writers_window(self) -> None:
        net = Net(Limits(window_bytes=len(PICTURE)))
        pair = Pair(net, credit=0, buffer=ReaderBuffer(messages=1, overflow=Overflow.BLOCK))
        pair.share()
        pair.share()
        assert not pair.net.hub.refused
        pair.share()
        assert pair.writer.closed == "window"

    def test_of_credit_in_bytes(self) -> None:
        pair = Pair(Net(), credit=0)
        pair.reader.credit(1, 100, 0, most_bytes=len(PICTURE) + 1)
        for _ in range(3):
            pair.share()
        assert len(data_of(pair.reader)) == 2, "one may go beyond the bytes"

    def test_of_a_message(self) -> None:
        pair = Pair(Net(Limits(message_bytes=len(PICTURE))))
        pair.share()
        assert not pair.net.hub.refused
        pair.share(PICTURE + b".")
        assert pair.writer.closed == "malformed"
        assert pair.net.hub.refused == {"malformed": 1}


class TestClaims:
    def test_one_ends_when_all_readers_have_it(self) -> None:
        pair = Pair(Net(), credit=0)
        pair.share()
        assert len(pair.net.memory.claimed) == 1
        pair.reader.credit(1, 1, 0)
        assert not pair.net.memory.claimed

    @pytest.mark.parametrize("overflow", [Overflow.DROP_OLDEST, Overflow.DROP_NEWEST, Overflow.CLEAR])
    def test_one_ends_when_its_message_is_dropped(self, overflow: Overflow) -> None:
        pair = Pair(Net(), credit=0, buffer=ReaderBuffer(messages=2, overflow=overflow))
        for _ in range(7):
            pair.share()
        assert len(pair.net.memory.claimed) == pair.stats().held

    def test_a_history_has_as_many_as_it_keeps(self) -> None:
        pair = Pair(Net(), history=History(messages=3), keep=True)
        for _ in range(5):
            pair.share()
        assert len(pair.net.memory.claimed) == 3
        late = pair.net.neighbour("late")
        (feed,) = late.read(1, "c", start="history")
        late.credit(1, 10, 0)
        assert late.payloads(feed.feed) == [PICTURE] * 3
        pair.net.hub.channels.end(pair.net.hub.channels.by_name["c"], "deleted", pair.net.now_ns)
        pair.net.pump()
        assert not pair.net.memory.claimed

    def test_they_end_with_their_reader(self) -> None:
        pair = Pair(Net(), credit=0)
        pair.share()
        pair.reader.lose()
        assert not pair.net.memory.claimed

    def test_one_that_came_before_the_connection_broke_ends_when_it_comes_again(self) -> None:
        pair = Pair(Net(), keep=True)
        pair.share()
        pair.writer.lose()
        again = pair.net.neighbour("writer")
        assert again.write_to("c").accepted_seq == 1
        again.put_shared(pair.channel, PICTURE, 0)
        assert not pair.net.memory.claimed
        assert pair.reader.payloads(pair.feed.feed) == [PICTURE]

    def test_what_waited_behind_a_gap_when_its_feed_was_given_up_was_handed_to_nobody(self) -> None:
        pair = Pair(Net(), credit=0, buffer=ReaderBuffer(messages=1))
        for _ in range(2):
            pair.share()
        pair.reader.reads = False
        pair.reader.credit(1, 10, 0)
        pair.reader.flush_part()
        assert [frame.head.kind for frame in pair.reader.frames[-1:]] == [Kind.GAP]
        pair.reader.ask(Exclude(number=1, feed=pair.feed.feed))
        pair.reader.reads = True
        pair.reader.flush()
        assert pair.net.memory.handed == []
        assert not data_of(pair.reader)
        assert pair.reader.ask(Unsubscribe(number=1)) is None
        assert not pair.net.memory.claimed


class TestWhoShares:
    def test_a_client_that_can_gets_a_secret_and_the_name(self) -> None:
        net = Net()
        can = net.neighbour("can").welcome
        assert can is not None
        assert can.share is not None
        assert can.side == SIDE
        for side, shares in ((SIDE, False), (None, True)):
            peer = net.stranger(side)
            peer.hello("cannot", b"c" * 16, shares=shares)
            assert peer.welcome is not None
            assert (peer.welcome.share, peer.welcome.side) == (None, b"")

    def test_a_secret_is_good_for_one_connection_and_once(self) -> None:
        net = Net()
        peer = net.stranger(SIDE)
        peer.hello("a", b"a" * 16, shares=True)
        assert peer.welcome is not None
        secret = peer.welcome.share
        assert secret is not None
        share = cast(Any, Share())
        assert not net.hub.shares.join(b"?" * 32, share)
        assert net.hub.shares.join(secret, share)
        assert peer.connection.share is share
        assert not net.hub.shares.join(secret, cast(Any, Share()))

    def test_a_secret_ends_with_its_connection(self) -> None:
        net = Net()
        peer = net.stranger(SIDE)
        peer.hello("a", b"a" * 16, shares=True)
        peer.lose()
        assert peer.welcome is not None
        assert peer.welcome.share is not None
        assert not net.hub.shares.join(peer.welcome.share, cast(Any, Share()))

    def test_the_host_is_told_when_a_connection_ends(self) -> None:
        pair = Pair(Net())
        share = cast(Share, pair.reader.connection.share)
        pair.reader.lose()
        assert share.retired


class TestWrong:
    def test_a_token_of_who_shares_nothing_ends_its_sender_alone(self) -> None:
        pair = Pair(Net(), many_writers=True)
        far = pair.net.client("far")
        far.write_to("c")
        token = Token(POOL, 0, 0, 10, 0)
        head, body = shared_frame(token)
        far.say(Frame(head._replace(channel=pair.channel), body))
        assert far.closed == "malformed"
        assert pair.reader.closed is None
        assert not pair.net.memory.claimed

    @pytest.mark.parametrize(
        ("body", "fields"),
        [
            (b"", {}),
            (b"x" * TOKEN_BYTES, {}),
            (Token(POOL, 9, 9, 9, 9).packed(), {}),
            (b"..TOKEN", {}),
            (b"TOKEN.", {}),
            (b"TOKEN", {"flags": SHARED | BATCH}),
            (b"TOKEN", {"flags": SHARED | 8}),
            (b"TOKEN", {"messages": 2}),
            (b"TOKEN", {"messages": 0}),
            (b"\xc1TOKEN", {"ext_bytes": 1}),
            (b"TOKEN", {"ext_bytes": 1}),
        ],
    )
    def test_what_is_no_token_ends_its_sender_and_claims_nothing(
        self, body: bytes, fields: dict[str, int]
    ) -> None:
        pair = Pair(Net())
        body = body.replace(b"TOKEN", pair.net.memory.put(PICTURE).packed())
        asked = {"flags": SHARED, "messages": 1, "channel": pair.channel} | fields
        pair.writer.say(Frame(Head(len(body), Kind.DATA, **asked), body))
        assert pair.writer.closed == "malformed"
        assert pair.reader.closed is None
        assert not pair.net.memory.claimed
        assert not data_of(pair.reader)


def test_the_place_of_a_shared_message_changes_and_nothing_else() -> None:
    memory = Memory()
    token = memory.put(PICTURE)
    run = Run.of_shared(shared_frame(token, seq=3, key=b"k"), cast(Any, memory.claim(Share(), token)), 12, 5)
    assert (run.key, run.messages, run.next_offset) == (b"k", 1, 13)
    assert run.size == len(PICTURE) + len(run.ext)
    moved = run.moved(20)
    assert (moved.offset, moved.seq, moved.size, moved.shared) == (20, 3, run.size, run.shared)
    assert run.fitting(run.size) == run.least(1, 1) == 1
    assert run.fitting(run.size - 1) == 0
    assert run.lengths().tolist() == [run.size]


def test_a_frame_with_a_token_is_no_frame_of_bytes() -> None:
    with pytest.raises(WireError, match="the flags KEYFRAME or BATCH"):
        Run.of_frame(shared_frame(Token(POOL, 0, 0, 1, 0)), 0, 0)
