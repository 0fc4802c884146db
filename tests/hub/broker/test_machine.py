"""The hub as its clients see it: who comes in, what channels are, who reads what, and what is told."""

from typing import Any

import msgspec
import pytest
from tests.hub.broker.driving import Net, Peer, encode

from sightline.hub.broker import machine, requests
from sightline.hub.broker.proofs import proof
from sightline.hub.broker.session import Session
from sightline.hub.broker.statistics import HubStats, statistics
from sightline.hub.settings import ChannelSettings, History, Limits, ReaderBuffer, digest
from sightline.hub.wire.control import (
    Attached,
    ChannelChanged,
    CloseWriter,
    Code,
    CreateChannel,
    DeleteChannel,
    Demand,
    Detached,
    Ends,
    Exclude,
    Failure,
    ListChannels,
    ListClients,
    OpenWriter,
    Pause,
    Seek,
    Statistics,
    Subscribe,
    SubscriptionStats,
    Unsubscribe,
    WriterClosed,
    WriterIs,
)
from sightline.hub.wire.header import BATCH, Frame, Head, Kind
from sightline.overflow import Overflow

BLOCKING = ReaderBuffer(messages=2, overflow=Overflow.BLOCK)


def code_of(answer: object) -> str:
    assert isinstance(answer, Failure), answer
    return answer.code


def made(net: Net, **settings: object) -> tuple[Peer, int]:
    """A client that writes to a channel of its own, `c`, and the channel's number."""
    writer = net.client("writer")
    writer.create("c", **settings)
    return writer, writer.write_to("c").channel


class TestTheDoor:
    def test_a_client_is_challenged_and_welcomed_by_its_name(self) -> None:
        peer = Net().client("anna")
        assert peer.challenge is not None
        assert not peer.challenge.token_needed
        assert peer.welcome is not None
        assert peer.welcome.name == "anna"

    def test_a_client_without_a_name_gets_one_of_its_own(self) -> None:
        net = Net()
        names = {peer.welcome.name for peer in (net.client(""), net.client("")) if peer.welcome}
        assert len(names) == 2
        assert "" not in names

    def test_both_sides_prove_that_they_know_the_token(self) -> None:
        net = Net(token="open sesame")
        peer = net.client("anna", token="open sesame")
        assert peer.challenge is not None
        assert peer.challenge.token_needed
        assert peer.welcome is not None
        assert peer.welcome.proof == proof(digest("open sesame"), b"hub", b"n" * 16, peer.challenge.nonce)

    @pytest.mark.parametrize("token", [None, "open sesam", ""])
    def test_without_the_token_nobody_comes_in(self, token: str | None) -> None:
        net = Net(token="open sesame")
        peer = net.client("anna", token=token)
        assert peer.welcome is None
        assert peer.failure is not None
        assert peer.failure.code == Code.DENIED
        assert peer.closed == "token"
        assert net.hub.refused == {"token": 1}

    def test_a_proof_is_worth_nothing_in_another_connection(self) -> None:
        net = Net(token="open sesame")
        overheard: list[Frame] = []
        honest = net.stranger()
        say, honest.say = honest.say, lambda frame: (overheard.append(frame), say(frame))[-1]  # type: ignore[method-assign, func-returns-value]
        honest.hello("anna", b"a" * 16, "open sesame")
        assert honest.welcome is not None
        honest.lose()
        thief = net.stranger()
        thief.say(overheard[0])
        assert thief.closed == "token"

    def test_a_name_belongs_to_one_session_while_it_is_connected(self) -> None:
        net = Net()
        first = net.client("anna", b"1" * 16)
        second = net.client("anna", b"2" * 16)
        assert second.failure is not None
        assert second.failure.code == Code.TAKEN
        assert second.closed == "taken"
        first.lose()
        assert net.client("anna", b"2" * 16).welcome is not None

    def test_the_same_session_takes_the_place_of_its_older_connection(self) -> None:
        net = Net()
        older = net.client("anna", b"1" * 16)
        newer = net.client("anna", b"1" * 16)
        assert older.closed == "replaced"
        assert newer.welcome is not None
        assert [client["name"] for client in newer.ask(ListClients())] == ["anna"]

    def test_who_does_not_say_hello_in_time_is_cut(self) -> None:
        net = Net(Limits(handshake_s=5))
        slow = net.stranger()
        net.pass_time(4.9)
        assert slow.closed is None
        net.pass_time(0.2)
        assert slow.closed == "handshake_time"

    def test_strangers_are_few_at_a_time(self) -> None:
        net = Net(Limits(handshakes=2))
        first, second, third = net.stranger(), net.stranger(), net.stranger()
        assert (first.closed, second.closed, third.closed) == (None, None, "handshakes")
        first.hello("anna", b"1" * 16)
        assert net.stranger().closed is None

    def test_clients_are_bounded(self) -> None:
        net = Net(Limits(clients=1))
        net.client("anna")
        assert net.client("other").closed == "clients"

    def test_whoever_is_silent_for_too_long_is_gone(self) -> None:
        net = Net(Limits(silence_s=15))
        peer, silent = net.client("anna"), net.client("ben")
        for _ in range(4):
            net.pass_time(5)
            peer.send(Kind.PING, time_ns=7)
        assert silent.closed == "silence"
        assert peer.closed is None

    def test_a_ping_is_answered_with_its_own_time_and_measured_back(self) -> None:
        net = Net()
        peer = net.client("anna")
        peer.send(Kind.PING, time_ns=77)
        pong, ping = [frame.head for frame in peer.frames if frame.head.kind in {Kind.PONG, Kind.PING}]
        assert (pong.kind, pong.time_ns) == (Kind.PONG, 77)
        net.pass_time(0.02)
        peer.send(Kind.PONG, time_ns=ping.time_ns)
        assert statistics(net.hub, net.now_ns).clients[0].ping_ms == pytest.approx(20)

    @pytest.mark.parametrize(
        "frame",
        [
            Frame(Head(1, Kind.HELLO), b"\xc1"),
            Frame(Head(0, Kind.DATA, messages=1), b""),
            Frame(Head(0, Kind.PING), b""),
        ],
    )
    def test_whoever_begins_with_anything_but_a_hello_is_cut(self, frame: Frame) -> None:
        net = Net()
        peer = net.stranger()
        peer.say(frame)
        assert peer.closed == "protocol"

    def test_another_version_is_told_so(self) -> None:
        peer = Net().stranger()
        hello = {"is": "Hello", "protocol": 2, "name": "x", "session": b"1" * 16, "nonce": b"2" * 16}
        peer.send(Kind.HELLO, encode(hello))
        assert peer.closed == "version"
        assert peer.failure is not None
        assert "version 1" in peer.failure.message

    @pytest.mark.parametrize("kind", [Kind.WELCOME, Kind.ANSWER, Kind.ACK, Kind.GAP, Kind.HELLO])
    def test_a_frame_that_only_a_hub_sends_ends_its_sender_alone(self, kind: Kind) -> None:
        net = Net()
        good, bad = net.client("good"), net.client("bad")
        bad.send(kind)
        assert bad.closed == "protocol"
        assert good.closed is None

    @pytest.mark.parametrize("body", [b"\xc1", b"\x81\xa2is\xa1\xff"], ids=["none", "no text"])
    def test_a_request_that_is_no_msgpack_ends_its_sender(self, body: bytes) -> None:
        peer = Net().client("anna")
        peer.send(Kind.REQUEST, body, seq=1)
        assert peer.closed == "malformed"

    @pytest.mark.parametrize(
        "request_",
        [
            {"is": "Nonsense"},
            {"is": "CreateChannel", "name": 3},
            {"is": "Subscribe", "number": 1, "names": ["c"], "buffer": {"messages": -1}},
            {"is": "CreateChannel", "name": "c", "settings": {"public": False}},
        ],
    )
    def test_a_request_with_wrong_contents_is_refused_and_nothing_more(
        self, request_: dict[str, object]
    ) -> None:
        peer = Net().client("anna")
        peer.send(Kind.REQUEST, encode(request_), seq=9)
        assert code_of(peer.answers[9]) == Code.WRONG
        assert peer.closed is None


class TestChannels:
    def test_a_message_goes_to_every_reader_as_it_is(self) -> None:
        net = Net()
        writer, number = made(net)
        readers = [net.client(name) for name in ("one", "two")]
        feeds = [reader.read(1, "c")[0].feed for reader in readers]
        writer.put(number, [b"a"], 0)
        writer.put(number, [b"b", b"", b"c"], 1)
        for reader, feed in zip(readers, feeds, strict=True):
            assert not reader.got[feed]
            reader.credit(1, 10, 0)
            assert [(m.offset, m.seq, m.payload) for m in reader.got[feed]] == [
                (0, 0, b"a"),
                (1, 1, b"b"),
                (2, 2, b""),
                (3, 3, b"c"),
            ]
        assert writer.acks[number] == 4

    def test_a_reader_is_told_who_writes_before_the_first_message(self) -> None:
        net = Net()
        writer, number = made(net)
        reader = net.client("reader")
        reader.read(1, "c")
        reader.credit(1, 10, 0)
        writer.put(number, [b"a"], 0)
        kinds = [frame.head.kind for frame in reader.frames[-2:]]
        assert kinds == [Kind.NOTICE, Kind.DATA]
        (author,) = reader.noticed(WriterIs)
        assert (author.client, author.writer) == ("writer", reader.frames[-1].head.writer)
        writer.put(number, [b"b"], 1)
        assert len(reader.noticed(WriterIs)) == 1

    def test_what_is_sent_in_one_round_is_acknowledged_once(self) -> None:
        net = Net()
        writer, number = made(net)
        before = len(writer.frames)
        for seq in range(10):
            head = Head(1, Kind.DATA, messages=1, seq=seq, channel=number)
            net.hub.received(writer.connection, Frame(head, b"x"), net.now_ns)
        net.pump()
        acks = [frame.head for frame in writer.frames[before:]]
        assert [(ack.kind, ack.seq) for ack in acks] == [(Kind.ACK, 10)]

    def test_making_it_again_is_no_error_for_its_owner_and_one_for_others(self) -> None:
        net = Net()
        owner, other = net.client("owner"), net.client("other")
        assert owner.create("c")["number"] == owner.create("c")["number"]
        assert code_of(owner.create("c", keep=True)) == Code.WRONG
        assert code_of(other.create("c")) == Code.TAKEN

    @pytest.mark.parametrize("name", ["", "x" * 250, "tab\t", "\u0000"])
    def test_a_name_must_be_short_and_printable(self, name: str) -> None:
        assert code_of(Net().client("anna").create(name)) == Code.WRONG

    def test_channels_are_bounded(self) -> None:
        peer = Net(Limits(channels=1)).client("anna")
        peer.create("a")
        assert code_of(peer.create("b")) == Code.LIMIT

    def test_what_a_channel_may_keep_is_bounded(self) -> None:
        peer = Net(Limits(history_bytes=1000)).client("anna")
        assert code_of(peer.create("a", history=History(bytes=1001))) == Code.LIMIT
        peer.create("a", history=History(bytes=1000))

    def test_only_the_owner_writes_unless_many_may(self) -> None:
        net = Net()
        owner, other = net.client("owner"), net.client("other")
        owner.create("mine")
        owner.create("ours", many_writers=True)
        assert code_of(other.ask(OpenWriter(name="mine"))) == Code.DENIED
        assert other.write_to("ours").accepted_seq == 0

    def test_only_the_owner_deletes(self) -> None:
        net = Net()
        owner, other = net.client("owner"), net.client("other")
        owner.create("c")
        assert code_of(other.ask(DeleteChannel(name="c"))) == Code.DENIED
        assert owner.ask(DeleteChannel(name="c")) is None
        assert code_of(owner.ask(DeleteChannel(name="c"))) == Code.MISSING

    def test_readers_get_what_they_hold_before_they_are_told_of_the_end(self) -> None:
        net = Net()
        writer, number = made(net)
        reader = net.client("reader")
        (feed,) = reader.read(1, "c")
        writer.put(number, [b"a", b"b"], 0)
        writer.ask(DeleteChannel(name="c"))
        assert not reader.noticed(Detached)
        reader.credit(1, 10, 0)
        assert reader.payloads(feed.feed) == [b"a", b"b"]
        (notice,) = reader.noticed(Detached)
        assert (notice.feed, notice.name, notice.reason) == (feed.feed, "c", "deleted")
        assert reader.frames[-1].head.kind == Kind.NOTICE
        (closed,) = writer.noticed(WriterClosed)
        assert (closed.name, closed.reason) == ("c", "deleted")

    def test_a_reader_of_a_channel_that_was_made_again_gets_both_and_leaves_both(self) -> None:
        net = Net()
        writer, number = made(net)
        reader = net.client("reader")
        reader.read(1, "c", wait=True)
        writer.put(number, [b"old"], 0)
        writer.ask(DeleteChannel(name="c"))
        writer.create("c")
        writer.put(writer.write_to("c").channel, [b"new"], 0)
        reader.ask(Pause(number=1, names=("c",), on=True))
        reader.credit(1, 1, 0)
        assert not reader.got
        reader.ask(Pause(number=1, names=("c",), on=False))
        assert len(statistics(net.hub, net.now_ns).feeds) == 2
        reader.ask(Unsubscribe(number=1))
        stats = statistics(net.hub, net.now_ns)
        assert stats.feeds == ()
        assert stats.dropped == {"unsubscribed": 2}

    def test_what_was_taken_in_is_acknowledged_before_the_end_is_told(self) -> None:
        net = Net()
        writer, number = made(net)
        head = Head(1, Kind.DATA, messages=1, channel=number)
        net.hub.received(writer.connection, Frame(head, b"x"), net.now_ns)
        writer.ask(DeleteChannel(name="c"))
        kinds = [frame.head.kind for frame in writer.frames[-3:]]
        assert kinds == [Kind.ACK, Kind.NOTICE, Kind.ANSWER]

    def test_a_late_frame_for_a_channel_that_ended_is_passed_over(self) -> None:
        net = Net()
        writer, number = made(net)
        writer.ask(DeleteChannel(name="c"))
        writer.put(number, [b"a"], 0)
        assert writer.closed is None
        assert statistics(net.hub, net.now_ns).late_frames == 1

    def test_a_temporary_channel_ends_by_itself(self) -> None:
        net = Net()
        made(net, lifetime_s=3)
        reader = net.client("reader")
        reader.read(1, "c")
        net.pass_time(2.9)
        assert not reader.noticed(Detached)
        net.pass_time(0.2)
        assert [notice.reason for notice in reader.noticed(Detached)] == ["expired"]

    def test_a_channel_goes_at_once_with_an_owner_that_says_goodbye(self) -> None:
        net = Net()
        writer, _ = made(net)
        reader = net.client("reader")
        reader.read(1, "c")
        writer.send(Kind.BYE)
        assert writer.closed == "bye"
        assert [notice.reason for notice in reader.noticed(Detached)] == ["owner_gone"]

    def test_a_blip_of_the_owner_loses_no_channel(self) -> None:
        net = Net(Limits(linger_s=10, silence_s=100))
        writer, _ = made(net)
        reader = net.client("reader")
        reader.read(1, "c")
        writer.lose()
        net.pass_time(9)
        again = net.client("writer")
        again.create("c")
        net.pass_time(2)
        assert not reader.noticed(Detached)
        again.lose()
        net.pass_time(11)
        assert [notice.reason for notice in reader.noticed(Detached)] == ["owner_gone"]

    def test_an_owner_that_was_started_again_takes_its_channels_over(self) -> None:
        net = Net(Limits(linger_s=10))
        writer, number = made(net)
        writer.put(number, [b"a"], 0)
        reader = net.client("reader")
        (feed,) = reader.read(1, "c")
        writer.lose()
        restarted = net.client("writer", b"another session.")
        restarted.create("c")
        opened = restarted.write_to("c")
        assert (opened.channel, opened.accepted_seq) == (number, 0)
        net.pass_time(11)
        restarted.put(number, [b"b"], 0)
        reader.credit(1, 10, 0)
        assert reader.payloads(feed.feed) == [b"b"]
        assert not reader.noticed(Detached)

    def test_what_a_restarted_owner_does_not_want_any_more_goes(self) -> None:
        net = Net(Limits(linger_s=10))
        writer, _ = made(net)
        writer.lose()
        restarted = net.client("writer", b"another session.")
        net.pass_time(11)
        assert restarted.ask(ListChannels()) == []

    def test_a_kept_channel_outlives_its_owner_and_is_still_its_own(self) -> None:
        net = Net()
        writer, _ = made(net, keep=True)
        writer.send(Kind.BYE)
        net.pass_time(60)
        other = net.client("other")
        assert len(other.ask(ListChannels())) == 1
        assert code_of(other.ask(DeleteChannel(name="c"))) == Code.DENIED
        assert net.client("writer", b"another session.").ask(DeleteChannel(name="c")) is None

    def test_a_private_channel_needs_its_name_and_its_key(self) -> None:
        net = Net()
        owner = net.client("owner")
        owner.create("secret", public=False, key_digest=digest("key"), many_writers=True)
        reader = net.client("reader")
        assert reader.ask(ListChannels()) == []
        assert len(owner.ask(ListChannels())) == 1
        assert not reader.read(1, glob="*")
        assert code_of(reader.ask(Subscribe(number=2, names=("secret",)))) == Code.DENIED
        assert reader.challenge is not None
        wrong = proof(digest("kez"), reader.challenge.nonce, b"secret")
        right = proof(digest("key"), reader.challenge.nonce, b"secret")
        assert code_of(reader.ask(Subscribe(number=2, names=("secret",), proof=wrong))) == Code.DENIED
        assert len(reader.read(2, "secret", proof=right)) == 1
        assert code_of(reader.ask(OpenWriter(name="secret"))) == Code.DENIED
        assert reader.write_to("secret", proof=right).writer
        assert len(owner.read(1, "secret")) == 1

    def test_a_name_shows_no_key(self) -> None:
        """Whoever comes under the name of an owner that is gone is not its owner yet."""
        net = Net()
        owner = net.client("owner")
        owner.create("secret", public=False, key_digest=digest("key"), keep=True)
        owner.lose()
        other = net.client("owner", b"another session.")
        assert other.ask(ListChannels()) == []
        assert code_of(other.ask(Subscribe(number=1, names=("secret",)))) == Code.DENIED
        assert code_of(other.ask(DeleteChannel(name="secret"))) == Code.DENIED
        guess = other.create("secret", keep=True)
        assert code_of(guess) == Code.WRONG
        assert repr(digest("key")) not in repr(guess)
        other.create("secret", public=False, key_digest=digest("key"), keep=True)
        assert len(other.read(1, "secret")) == 1

    def test_figures_and_places_of_a_private_channel_do_not_tell_its_name(self) -> None:
        net = Net()
        owner, other = net.client("owner"), net.client("other")
        owner.create("secret", public=False, key_digest=digest("key"))
        owner.read(1, "secret", buffer=ReaderBuffer.endless())
        for figures in (statistics(net.hub, net.now_ns), other.ask(Statistics())):
            assert "secret" not in repr(figures)
        assert "'secret'" in repr(owner.ask(Statistics()))
        assert code_of(other.ask(Ends(names=("secret",)))) == Code.MISSING
        assert owner.ask(Ends(names=("secret",))) == {"secret": [0, 0]}

    def test_the_list_does_not_tell_what_proves_a_key(self) -> None:
        net = Net()
        watcher, owner = net.client("watcher"), net.client("owner")
        watcher.ask(ListChannels(watch=True))
        owner.create("c", key_digest=digest("key"))
        assert digest("key") not in [info["settings"]["key_digest"] for info in watcher.ask(ListChannels())]
        assert all(digest("key") not in frame.body for frame in watcher.frames)

    def test_readers_are_not_told_what_would_make_them_the_writer(self) -> None:
        net = Net()
        writer, number = made(net)
        reader = net.client("reader")
        reader.read(1, "c")
        reader.credit(1, 10, 0)
        writer.put(number, [b"a"], 0)
        (author,) = reader.noticed(WriterIs)
        assert author.session != b"writer".ljust(16, b".")
        assert net.client("writer", author.session).closed == "taken"

    def test_who_watches_the_list_is_told_of_public_channels(self) -> None:
        net = Net()
        watcher, owner = net.client("watcher"), net.client("owner")
        assert watcher.ask(ListChannels(watch=True)) == []
        owner.create("a")
        owner.create("b", public=False, key_digest=digest("key"))
        owner.ask(DeleteChannel(name="a"))
        told = [(notice.info.name, notice.gone) for notice in watcher.noticed(ChannelChanged)]
        assert told == [("a", False), ("a", True)]

    def test_ends_are_what_is_kept_and_what_comes_next(self) -> None:
        net = Net()
        writer, number = made(net, history=History(messages=2))
        writer.put(number, [b"a", b"b", b"c"], 0)
        assert writer.ask(Ends(names=("c",))) == {"c": [1, 3]}


class TestWriters:
    def test_nothing_is_lost_and_nothing_comes_twice_when_a_writer_comes_back(self) -> None:
        net = Net()
        writer, number = made(net)
        reader = net.client("reader")
        (feed,) = reader.read(1, "c")
        reader.credit(1, 100, 0)
        writer.put(number, [b"0", b"1", b"2"], 0)
        writer.lose()
        again = net.client("writer")
        opened = again.write_to("c", next_seq=1, create=ChannelSettings())
        assert opened.accepted_seq == 3
        again.put(number, [b"1", b"2", b"3"], 1)
        again.put(number, [b"2"], 2)
        again.put(number, [b"4"], 4)
        assert reader.payloads(feed.feed) == [b"0", b"1", b"2", b"3", b"4"]
        assert again.acks[number] == 5

    def test_what_waited_when_the_writer_was_lost_still_comes_once(self) -> None:
        net = Net()
        writer, number = made(net)
        reader = net.client("reader")
        (feed,) = reader.read(1, "c", buffer=BLOCKING)
        writer.put(number, [b"%d" % n for n in range(6)], 0)
        assert writer.acks[number] == 2
        writer.lose()
        again = net.client("writer")
        assert again.write_to("c").accepted_seq == 2
        again.put(number, [b"%d" % n for n in range(2, 8)], 2)
        reader.credit(1, 100, 0)
        assert reader.payloads(feed.feed) == [b"%d" % n for n in range(8)]
        assert again.acks[number] == 8

    def test_what_waited_when_its_writer_was_lost_in_the_middle_of_closing_comes_once(self) -> None:
        net = Net()
        writer, number = made(net)
        reader = net.client("reader")
        (feed,) = reader.read(1, "c", buffer=BLOCKING)
        writer.put(number, [b"%d" % n for n in range(6)], 0)
        assert writer.ask(CloseWriter(channel=number)) is None
        writer.lose()
        again = net.client("writer")
        accepted_seq = again.write_to("c", next_seq=2).accepted_seq
        again.put(number, [b"%d" % n for n in range(accepted_seq, 6)], accepted_seq)
        reader.credit(1, 100, 0)
        assert reader.payloads(feed.feed) == [b"%d" % n for n in range(6)]
        assert again.acks[number] == 6

    def test_a_session_that_is_long_gone_begins_anew(self) -> None:
        net = Net(Limits(linger_s=10))
        writer, number = made(net, keep=True)
        writer.put(number, [b"a"], 0)
        writer.lose()
        net.pass_time(11)
        assert net.client("writer").write_to("c", next_seq=5).accepted_seq == 5

    def test_a_batch_sent_again_of_which_a_part_is_known_leaves_no_hole(self) -> None:
        net = Net()
        writer, number = made(net)
        reader = net.client("reader")
        (feed,) = reader.read(1, "c")
        reader.credit(1, 10, 0)
        writer.put(number, [b"0", b"1"], 0)
        writer.put(number, [b"0", b"1", b"2", b"3"], 0)
        assert [got.offset for got in reader.got[feed.feed]] == [0, 1, 2, 3]
        assert reader.payloads(feed.feed) == [b"0", b"1", b"2", b"3"]

    def test_what_went_beyond_the_window_did_not_come(self) -> None:
        net = Net(Limits(window_messages=4))
        writer, number = made(net)
        reader = net.client("reader")
        (feed,) = reader.read(1, "c", buffer=BLOCKING)
        writer.put(number, [b"%d" % seq for seq in range(10)], 0)
        channel = net.hub.channels.by_name["c"]
        assert writer.closed == "window"
        assert channel.received == channel.next_offset == 2
        again = net.client("writer")
        again.create("c")
        assert again.write_to("c").accepted_seq == 2
        again.put(number, [b"2", b"3"], 2)
        reader.credit(1, 10, 0)
        assert reader.payloads(feed.feed) == [b"0", b"1", b"2", b"3"]

    def test_numbers_that_no_frame_can_carry_end_their_writer_alone(self) -> None:
        net = Net()
        writer, number = made(net)
        writer.put(number, [b"x"], 2**64 - 1)
        assert writer.closed == "malformed"
        assert net.client("other").ask(ListChannels())

    def test_beyond_its_window_a_writer_is_cut_off(self) -> None:
        net = Net(Limits(window_messages=4))
        writer, number = made(net)
        net.client("reader").read(1, "c", buffer=ReaderBuffer(messages=1, overflow=Overflow.BLOCK))
        writer.put(number, [b"a"] * 5, 0)
        assert not net.hub.refused
        writer.put(number, [b"b"], 5)
        assert writer.closed == "window"
        assert net.hub.refused == {"window": 1}

    def test_one_message_may_be_larger_than_the_window(self) -> None:
        net = Net(Limits(window_bytes=10))
        writer, number = made(net)
        net.client("reader").read(1, "c", buffer=ReaderBuffer(messages=1, overflow=Overflow.BLOCK))
        writer.put(number, [b"a"], 0)
        writer.put(number, [b"b" * 100], 1)
        assert writer.closed is None
        writer.put(number, [b"c"], 2)
        assert writer.closed == "window"

    def test_a_writer_is_closed_when_all_that_it_sent_was_taken_in(self) -> None:
        net = Net()
        writer, number = made(net)
        reader = net.client("reader")
        (feed,) = reader.read(1, "c", buffer=BLOCKING)
        writer.put(number, [b"%d" % n for n in range(5)], 0)
        assert writer.ask(CloseWriter(channel=number)) is None
        asked = max(writer.answers)
        last = writer._number
        assert asked < last, "it is not answered yet"
        reader.credit(1, 100, 0)
        assert writer.answers[last] is None
        assert writer.acks[number] == 5
        assert reader.payloads(feed.feed) == [b"%d" % n for n in range(5)]
        assert code_of(writer.ask(CloseWriter(channel=number))) == Code.MISSING

    def test_a_batch_that_is_none_ends_its_sender_with_a_counted_reason(self) -> None:
        net = Net()
        writer, number = made(net)
        head = Head(4, Kind.DATA, BATCH, messages=1, channel=number)
        writer.say(Frame(head, b"\xff\xff\xff\xff"))
        assert writer.closed == "malformed"
        assert net.hub.refused == {"malformed": 1}

    def test_writers_of_one_channel_share_one_order(self) -> None:
        net = Net()
        writer, number = made(net, many_writers=True)
        other = net.client("other")
        other.write_to("c")
        reader = net.client("reader")
        (feed,) = reader.read(1, "c", buffer=BLOCKING)
        writer.put(number, [b"w0", b"w1", b"w2"], 0)
        other.put(number, [b"o0"], 0)
        writer.put(number, [b"w3"], 3)
        reader.credit(1, 100, 0)
        assert reader.payloads(feed.feed) == [b"w0", b"w1", b"w2", b"o0", b"w3"]
        assert [notice.client for notice in reader.noticed(WriterIs)] == ["writer", "other"]
        assert (writer.acks[number], other.acks[number]) == (4, 1)


class TestReaders:
    def test_nothing_is_sent_beyond_the_credit_and_credit_can_be_taken_back(self) -> None:
        net = Net()
        writer, number = made(net)
        reader = net.client("reader")
        (feed,) = reader.read(1, "c")
        writer.put(number, [b"%d" % n for n in range(10)], 0)
        reader.credit(1, 3, 0)
        assert len(reader.got[feed.feed]) == 3
        reader.credit(1, 2, 3)
        assert len(reader.got[feed.feed]) == 3
        reader.credit(1, 5, 3)
        assert len(reader.got[feed.feed]) == 5

    def test_credit_in_bytes_is_passed_by_one_message_at_most(self) -> None:
        net = Net()
        writer, number = made(net)
        reader = net.client("reader")
        (feed,) = reader.read(1, "c")
        for seq in range(3):
            writer.put(number, [b"x" * 100], seq)
        reader.credit(1, 100, 0, most_bytes=101)
        assert len(reader.got[feed.feed]) == 2
        assert reader.received == [2, 200]

    def test_more_taken_than_was_sent_is_a_breach(self) -> None:
        net = Net()
        _, _ = made(net)
        reader = net.client("reader")
        reader.read(1, "c")
        reader.credit(1, 10, 1)
        assert reader.closed == "credit"

    def test_a_slow_reader_loses_by_its_policy_and_slows_nobody(self) -> None:
        net = Net()
        writer, number = made(net)
        slow, fast = net.client("slow"), net.client("fast")
        (slow_feed,) = slow.read(1, "c", buffer=ReaderBuffer(messages=3))
        (fast_feed,) = fast.read(1, "c")
        fast.credit(1, 1000, 0)
        for seq in range(10):
            writer.put(number, [b"%d" % seq], seq)
        assert len(fast.got[fast_feed.feed]) == 10
        assert writer.acks[number] == 10
        slow.credit(1, 100, 0)
        assert slow.payloads(slow_feed.feed) == [b"7", b"8", b"9"]
        assert slow.gaps[slow_feed.feed] == [(0, 6, 7, "overflow")]
        assert slow.order[slow_feed.feed] == ["gap", "data", "data", "data"]

    def test_a_gap_is_told_when_nothing_comes_behind_it(self) -> None:
        net = Net()
        writer, number = made(net)
        reader = net.client("reader")
        (feed,) = reader.read(1, "c", buffer=ReaderBuffer(bytes=10))
        writer.put(number, [b"x" * 11], 0)
        assert reader.gaps[feed.feed] == [(0, 0, 1, "too_large")]

    def test_a_reader_that_blocks_makes_its_channel_wait_and_no_other(self) -> None:
        net = Net()
        writer, number = made(net)
        writer.create("free")
        free = writer.write_to("free").channel
        patient, other = net.client("patient"), net.client("other")
        (feed,) = patient.read(1, "c", buffer=BLOCKING)
        (same,) = other.read(1, "c")
        (free_feed,) = other.read(2, "free")
        other.credit(1, 100, 0)
        other.credit(2, 100, 0)
        writer.put(number, [b"%d" % n for n in range(7)], 0)
        writer.put(free, [b"free"], 0)
        assert writer.acks == {number: 2, free: 1}
        assert len(other.got[same.feed]) == 2
        assert other.payloads(free_feed.feed) == [b"free"]
        for messages in range(1, 8):
            patient.credit(1, messages, messages - 1)
        assert patient.payloads(feed.feed) == [b"%d" % n for n in range(7)]
        assert writer.acks[number] == 7
        assert other.payloads(same.feed) == patient.payloads(feed.feed)

    def test_what_a_lost_reader_held_up_goes_on(self) -> None:
        net = Net()
        writer, number = made(net)
        reader = net.client("reader")
        reader.read(1, "c", buffer=BLOCKING)
        writer.put(number, [b"x"] * 9, 0)
        reader.lose()
        assert writer.acks[number] == 9

    def test_what_grows_too_old_makes_room_for_what_waits(self) -> None:
        net = Net()
        writer, number = made(net)
        reader = net.client("reader")
        (feed,) = reader.read(1, "c", buffer=ReaderBuffer(messages=2, age_s=1, overflow=Overflow.BLOCK))
        writer.put(number, [b"%d" % n for n in range(4)], 0)
        assert writer.acks[number] == 2
        net.pass_time(1.1)
        assert writer.acks[number] == 4
        reader.credit(1, 10, 0)
        assert reader.payloads(feed.feed) == [b"2", b"3"]
        assert reader.gaps[feed.feed] == [(0, 1, 2, "too_old")]

    def test_a_channel_can_forbid_to_be_blocked(self) -> None:
        net = Net()
        made(net, may_block=False)
        reader = net.client("reader")
        assert code_of(reader.ask(Subscribe(number=1, names=("c",), buffer=BLOCKING))) == Code.WRONG
        reader.read(1, "c")

    def test_a_name_that_is_not_there_is_an_error_unless_it_is_waited_for(self) -> None:
        net = Net()
        reader = net.client("reader")
        assert code_of(reader.ask(Subscribe(number=1, names=("c",)))) == Code.MISSING
        assert reader.read(1, "c", wait=True) == []
        reader.credit(1, 10, 0)
        writer, number = made(net)
        writer.put(number, [b"first"], 0)
        (attached,) = reader.noticed(Attached)
        assert attached.next_offset == 0
        assert reader.payloads(attached.feed) == [b"first"]

    def test_a_glob_reads_what_is_there_and_what_comes(self) -> None:
        net = Net()
        owner, reader = net.client("owner"), net.client("reader")
        owner.create("cam:1")
        owner.create("log")
        assert [feed.name for feed in reader.read(1, glob="cam:*")] == ["cam:1"]
        owner.create("cam:2")
        assert [feed.name for feed in reader.noticed(Attached)] == ["cam:1", "cam:2"]

    def test_a_feed_of_a_glob_can_be_left_out(self) -> None:
        net = Net()
        writer, number = made(net)
        reader = net.client("reader")
        (feed,) = reader.read(1, glob="*")
        assert reader.ask(Exclude(number=1, feed=feed.feed)) is None
        reader.credit(1, 10, 0)
        writer.put(number, [b"x"], 0)
        assert not reader.got[feed.feed]
        assert code_of(reader.ask(Exclude(number=1, feed=feed.feed))) == Code.MISSING
        writer.ask(DeleteChannel(name="c"))
        writer.create("c")
        assert len(reader.noticed(Attached)) == 1

    def test_a_paused_channel_is_passed_over_and_comes_later(self) -> None:
        net = Net()
        writer, number = made(net)
        writer.create("d")
        other = writer.write_to("d").channel
        reader = net.client("reader")
        feeds = {feed.name: feed.feed for feed in reader.read(1, "c", "d")}
        reader.credit(1, 10, 0)
        reader.ask(Pause(number=1, names=("c",), on=True))
        writer.put(number, [b"c"], 0)
        writer.put(other, [b"d"], 0)
        assert (reader.payloads(feeds["c"]), reader.payloads(feeds["d"])) == ([], [b"d"])
        reader.ask(Pause(number=1, names=("c",), on=False))
        assert reader.payloads(feeds["c"]) == [b"c"]

    def test_unsubscribing_drops_what_was_held_and_in_flight(self) -> None:
        net = Net()
        writer, number = made(net)
        reader = net.client("reader")
        reader.read(1, "c")
        writer.put(number, [b"x"] * 5, 0)
        reader.credit(1, 3, 0)
        reader.credit(1, 3, 1)
        assert reader.ask(Unsubscribe(number=1)) is None
        (channel,) = statistics(net.hub, net.now_ns).channels
        assert (channel.entered, channel.taken, channel.lost) == (5, 1, {"unsubscribed": 4})
        assert code_of(reader.ask(Unsubscribe(number=1))) == Code.MISSING

    def test_its_counts_are_told_to_whoever_asks_for_its_own(self) -> None:
        net = Net()
        writer, number = made(net)
        reader = net.client("reader")
        reader.read(1, "c")
        writer.put(number, [b"x"] * 5, 0)
        reader.credit(1, 2, 0)
        stats = reader.ask(SubscriptionStats(number=1))["c"]
        assert (stats["entered"], stats["left"], stats["held"]) == (5, 2, 3)

    def test_subscriptions_and_feeds_are_bounded(self) -> None:
        net = Net(Limits(subscriptions=2, feeds=1))
        made(net)
        reader = net.client("reader")
        reader.read(1, "c")
        assert code_of(reader.ask(Subscribe(number=1, names=("c",)))) == Code.WRONG
        assert code_of(reader.ask(Subscribe(number=2, names=("c",)))) == Code.LIMIT
        reader.read(2, "later", wait=True)
        assert code_of(reader.ask(Subscribe(number=3, names=("c",), wait=True))) == Code.LIMIT
        net.client("other").create("later")
        assert len(reader.noticed(Attached)) == 1
        assert statistics(net.hub, net.now_ns).refused_feeds == 1


class TestHistory:
    def test_a_late_reader_gets_what_is_kept_first(self) -> None:
        net = Net()
        writer, number = made(net, history=History(messages=3))
        for seq in range(5):
            writer.put(number, [b"%d" % seq], seq)
        reader = net.client("reader")
        (feed,) = reader.read(1, "c", start="history")
        assert feed.next_offset == 2
        writer.put(number, [b"5"], 5)
        reader.credit(1, 10, 0)
        assert reader.payloads(feed.feed) == [b"2", b"3", b"4", b"5"]

    def test_a_blocking_reader_gets_all_of_the_history_however_little_it_holds(self) -> None:
        net = Net()
        writer, number = made(net, history=History(messages=50))
        writer.put(number, [b"%d" % seq for seq in range(50)], 0)
        reader = net.client("reader")
        (feed,) = reader.read(1, "c", start="history", buffer=BLOCKING)
        writer.put(number, [b"50", b"51"], 50)
        assert writer.acks[number] == 50
        for messages in range(1, 53):
            reader.credit(1, messages, messages - 1)
        assert reader.payloads(feed.feed) == [b"%d" % seq for seq in range(52)]
        assert writer.acks[number] == 52

    def test_what_is_new_and_small_does_not_overtake_the_history(self) -> None:
        net = Net()
        writer, number = made(net, history=History(messages=9))
        for seq, size in enumerate([3, 30, 30]):
            writer.put(number, [b"%d" % seq * size], seq)
        reader = net.client("reader")
        buffer = ReaderBuffer(messages=10, bytes=40, overflow=Overflow.BLOCK)
        (feed,) = reader.read(1, "c", start="history", buffer=buffer)
        writer.put(number, [b"3"], 3)
        for messages in range(1, 5):
            reader.credit(1, messages, messages - 1)
        assert [message.offset for message in reader.got[feed.feed]] == [0, 1, 2, 3]

    def test_an_offset_that_is_gone_is_a_gap(self) -> None:
        net = Net()
        writer, number = made(net, history=History(messages=3))
        writer.put(number, [b"%d" % seq for seq in range(5)], 0)
        reader = net.client("reader")
        (feed,) = reader.read(1, "c", start=1)
        reader.credit(1, 10, 0)
        assert reader.payloads(feed.feed) == [b"2", b"3", b"4"]
        assert reader.gaps[feed.feed] == [(1, 1, 1, "history")]

    @pytest.mark.parametrize(("kept", "expected"), [(10, []), (2, [(1, 2, 2, "disconnected")])])
    def test_a_reader_that_comes_back_gets_what_it_missed_as_far_as_it_is_kept(
        self, kept: int, expected: list[tuple[int, int, int, str]]
    ) -> None:
        net = Net()
        writer, number = made(net, history=History(messages=kept))
        reader = net.client("reader")
        (feed,) = reader.read(1, "c")
        reader.credit(1, 1, 0)
        writer.put(number, [b"0"], 0)
        reader.lose()
        writer.put(number, [b"1", b"2", b"3", b"4"], 1)
        again = net.client("reader")
        (feed,) = again.read(1, "c", seen={"c": (net.hub.id, 1)})
        again.credit(1, 10, 0)
        assert again.gaps[feed.feed] == expected
        assert again.payloads(feed.feed) == [b"1", b"2", b"3", b"4"][expected[0][2] if expected else 0 :]

    def test_what_another_hub_said_means_nothing_here(self) -> None:
        net = Net()
        writer, number = made(net, history=History(messages=9))
        writer.put(number, [b"0"], 0)
        reader = net.client("reader")
        (feed,) = reader.read(1, "c", seen={"c": (b"another hub's id", 0)})
        reader.credit(1, 10, 0)
        assert not reader.got[feed.feed]

    def test_a_reader_begins_with_a_picture(self) -> None:
        net = Net()
        writer, number = made(net, history=History(kind="keyframe"))
        for seq, payload in enumerate([b"P", b"I", b"P", b"I", b"P"]):
            writer.put(number, [payload], seq, keyframe=payload == b"I")
        reader = net.client("reader")
        (feed,) = reader.read(
            1, "c", start="history", buffer=ReaderBuffer(overflow=Overflow.DROP_TO_KEYFRAME)
        )
        reader.credit(1, 10, 0)
        assert [message.offset for message in reader.got[feed.feed]] == [3, 4]

    def test_a_reader_that_skips_what_it_holds_lets_go_on_what_waits(self) -> None:
        net = Net()
        writer, number = made(net)
        reader = net.client("reader")
        (feed,) = reader.read(1, "c", buffer=BLOCKING)
        writer.put(number, [b"0", b"1", b"2", b"3"], 0)
        assert reader.ask(Seek(number=1, name="c", offset=None)) == 2
        assert writer.acks[number] == 4
        reader.credit(1, 10, 0)
        assert reader.payloads(feed.feed) == [b"2", b"3"]

    def test_a_reader_can_go_back_and_to_the_end(self) -> None:
        net = Net()
        writer, number = made(net, history=History(messages=3))
        writer.put(number, [b"%d" % seq for seq in range(5)], 0)
        reader = net.client("reader")
        (feed,) = reader.read(1, "c", start="history")
        reader.credit(1, 100, 0)
        reader.got.clear()
        assert reader.ask(Seek(number=1, name="c", offset=0)) == 2
        assert reader.payloads(feed.feed) == [b"2", b"3", b"4"]
        assert reader.gaps[feed.feed] == [(0, 1, 2, "history")]
        assert reader.ask(Seek(number=1, name="c", offset=None)) == 5
        reader.got.clear()
        writer.put(number, [b"5"], 5)
        assert reader.payloads(feed.feed) == [b"5"]
        assert code_of(reader.ask(Seek(number=1, name="d", offset=None))) == Code.MISSING


class TestDemand:
    def test_a_writer_is_told_of_the_first_reader_at_once_and_of_the_last_after_a_while(self) -> None:
        net = Net()
        writer, number = made(net)
        assert not writer.write_to("c").wanted
        reader = net.client("reader")
        reader.read(1, "c")
        reader.read(2, "c")
        assert [(d.channel, d.readers, d.wanted) for d in writer.noticed(Demand)] == [(number, 1, True)]
        reader.ask(Unsubscribe(number=1))
        reader.ask(Unsubscribe(number=2))
        net.pass_time(1.9)
        assert len(writer.noticed(Demand)) == 1
        net.pass_time(0.2)
        assert not writer.noticed(Demand)[-1].wanted

    def test_a_reader_that_comes_back_is_no_news(self) -> None:
        net = Net()
        writer, _ = made(net)
        reader = net.client("reader")
        reader.read(1, "c")
        reader.lose()
        net.pass_time(1)
        net.client("reader").read(1, "c")
        net.pass_time(10)
        assert len(writer.noticed(Demand)) == 1

    def test_a_channel_that_keeps_history_is_always_wanted(self) -> None:
        net = Net()
        writer, _ = made(net, history=History(messages=1))
        assert writer.write_to("c").wanted
        reader = net.client("reader")
        reader.read(1, "c")
        reader.ask(Unsubscribe(number=1))
        net.pass_time(10)
        assert not writer.noticed(Demand)


def test_a_large_message_starves_neither_a_reading_nor_an_answer() -> None:
    net = Net(Limits(message_bytes=2**24))
    writer, number = made(net)
    writer.create("small")
    small = writer.write_to("small").channel
    reader = net.client("reader")
    reader.read(1, "c", "small")
    reader.reads = False
    reader.credit(1, 10, 0)
    writer.put(number, [bytes(6_200_000)], 0)
    net.hub.dirty.clear()
    first = reader.connection.lanes.take(2**18, net.now_ns)
    reader.ask(ListChannels())
    writer.put(small, [b"reading"], 0)
    taken = 0
    while not any(b"reading" in bytes(buffer) for buffer in reader.connection.lanes.take(2**18, net.now_ns)):
        taken += 1
        assert taken < 4
    assert first


def test_the_hub_says_goodbye_to_all() -> None:
    net = Net()
    peers = [net.client("one"), net.client("two")]
    net.hub.close(net.now_ns)
    net.pump()
    assert [peer.closed for peer in peers] == ["closing", "closing"]
    assert all(peer.frames[-1].head.kind == Kind.BYE for peer in peers)


def test_a_buffer_without_bounds_is_warned_of_when_it_holds_much() -> None:
    net = Net(Limits(warn_bytes=1000))
    writer, number = made(net)
    net.client("recorder").read(1, "c", buffer=ReaderBuffer.endless())
    net.client("other").read(1, "c")
    writer.put(number, [b"x" * 1000], 0)
    assert statistics(net.hub, net.now_ns).large == ()
    writer.put(number, [b"x"], 1)
    assert statistics(net.hub, net.now_ns).large == ("recorder: c",)


def test_names_to_pass_over_are_bounded() -> None:
    net = Net(Limits(channels=3))
    made(net)
    reader = net.client("reader")
    reader.read(1, "c")
    assert reader.ask(Pause(number=1, names=("a", "b"), on=True)) is None
    assert code_of(reader.ask(Pause(number=1, names=("d", "e"), on=True))) == Code.LIMIT


def test_a_client_that_does_not_read_its_answers_is_cut() -> None:
    net = Net()
    net.client("owner").create("c", history=History())
    peer = net.client("greedy")
    peer.reads = False
    name = "x" * 200
    for number in range(2000):
        peer.create(f"{name}{number}")
    for _ in range(400):
        if peer.closed:
            break
        peer.ask(ListChannels())
    assert peer.closed == "unread"


@pytest.mark.parametrize("what", ["acknowledgements", "notices"])
def test_a_client_that_asks_nothing_and_reads_nothing_is_cut(
    monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """It is alive by what it writes, and what it is told waits at the hub."""
    monkeypatch.setattr(machine, "MOST_UNREAD_BYTES", 20_000)
    net = Net()
    writer, number = made(net)
    other = net.client("other")
    writer.ask(ListChannels(watch=True))
    writer.reads = False
    for seq in range(1000):
        if what == "notices":
            other.create(f"d{seq}")
        else:
            writer.put(number, [b"x"], seq)
    assert writer.closed == "unread"
    assert writer.connection.unread_bytes < 25_000
    assert other.closed is None


def test_figures_are_made_once_for_all_who_ask_in_one_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """3,000 small requests that came together stopped a hub of 5,000 channels for 3.5 s."""
    net = Net()
    made_at: list[int] = []

    def counted(hub: machine.Hub, now_ns: int, asker: Session | None) -> HubStats:
        made_at.append(now_ns)
        return statistics(hub, now_ns, asker)

    monkeypatch.setattr(requests, "statistics", counted)
    peer = net.client("peer")
    first, second = peer.ask(Statistics()), peer.ask(Statistics())
    assert first == second
    assert len(made_at) == 1
    net.pass_time(0.1)
    assert peer.ask(Statistics())["uptime_s"] > first["uptime_s"]
    net.client("other").create("secret", public=False, key_digest=digest("key"))
    assert "'secret'" not in repr(peer.ask(Statistics()))


def test_no_settings_of_a_channel_are_lost_on_the_way() -> None:
    settings = ChannelSettings(lifetime_s=9, keep=True, history=History(kind="per_key", messages=3))
    info = Net().client("anna").ask(CreateChannel(name="c", settings=settings))
    assert msgspec.convert(info["settings"], ChannelSettings) == settings


@pytest.mark.parametrize(
    "request_",
    [
        {"is": "CreateChannel", "name": "d", "settings": {"lifetime_s": 1e300}},
        {"is": "Subscribe", "number": 1, "names": ["c"], "buffer": {"age_s": 1e300}},
        {"is": "Subscribe", "number": 1, "names": ["c"], "buffer": {"per_s": 1e-300}},
    ],
)
def test_times_that_no_clock_can_count_are_refused(request_: Any) -> None:
    net = Net()
    writer, _ = made(net)
    assert code_of(writer.ask(request_)) == Code.WRONG
    assert list(net.hub.channels.by_name) == ["c"]


def test_a_blocked_reader_whose_messages_grow_old_takes_its_history_on() -> None:
    net = Net()
    writer, number = made(net, history=History())
    writer.put(number, [b"0", b"1", b"2"], 0)
    reader = net.client("reader")
    buffer = ReaderBuffer(messages=2, age_s=1, overflow=Overflow.BLOCK)
    reader.read(1, "c", buffer=buffer, start="history")
    writer.put(number, [b"3"], 3)
    for _ in range(4):
        net.pass_time(0.6)
    assert writer.acks[number] == 4


def test_who_begins_to_write_is_told_of_no_reader_that_has_just_gone() -> None:
    net = Net()
    made(net, many_writers=True)
    reader = net.client("reader")
    reader.read(1, "c")
    reader.lose()
    other = net.client("other")
    assert not other.write_to("c").wanted
    net.client("another").read(1, "c")
    assert [notice.wanted for notice in other.noticed(Demand)] == [True]
    net.pass_time(5)
    assert [notice.wanted for notice in other.noticed(Demand)] == [True]


def test_a_client_with_as_many_writers_as_it_may_have_opens_them_again() -> None:
    net = Net(Limits(writers=1))
    writer, _ = made(net, keep=True)
    assert code_of(writer.ask(OpenWriter(name="d", create=ChannelSettings()))) == Code.LIMIT
    writer.lose()
    assert net.client("writer").write_to("c").writer


def test_a_hub_that_is_full_lets_a_client_of_its_own_come_back() -> None:
    net = Net(Limits(clients=2))
    first = net.client("first")
    net.client("second")
    assert net.client("third").closed == "clients"
    again = net.client("first")
    assert again.welcome is not None
    assert first.closed == "replaced"


def test_no_more_clients_come_in_at_once_than_there_may_be() -> None:
    net = Net(Limits(clients=2))
    strangers = [net.stranger() for _ in range(4)]
    for number, stranger in enumerate(strangers):
        stranger.hello(f"c{number}", b"%016d" % number)
    assert [stranger.closed for stranger in strangers] == [None, None, "clients", "clients"]


def test_what_a_reader_says_it_has_seen_is_bounded() -> None:
    net = Net(Limits(channels=3))
    made(net)
    reader = net.client("reader")
    reader.read(1, "c", seen={"x" * 300: (net.hub.id, 0)})
    assert not reader.connection.subscriptions[1].seen
    assert code_of(reader.ask(Pause(number=1, names=("x" * 300,), on=True))) == Code.WRONG


def test_behind_a_seek_decoding_begins_at_a_keyframe() -> None:
    net = Net()
    writer, number = made(net)
    reader = net.client("reader")
    (feed,) = reader.read(1, "c", buffer=ReaderBuffer(overflow=Overflow.DROP_TO_KEYFRAME))
    for seq, payload in enumerate((b"I", b"P", b"P")):
        writer.put(number, [payload], seq, keyframe=payload == b"I")
    assert reader.ask(Seek(number=1, name="c", offset=None)) == 3
    reader.credit(1, 100, 0)
    for seq, payload in enumerate((b"p", b"I", b"P"), start=3):
        writer.put(number, [payload], seq, keyframe=payload == b"I")
    assert reader.payloads(feed.feed) == [b"I", b"P"]
