"""Groups share channels: evenly, with few moves, and nothing that was not committed is lost to them."""

from typing import Any

import pytest
from tests.hub.broker.driving import Net, Peer

from sightline.hub.broker.history import RETAINED_BYTES
from sightline.hub.broker.statistics import statistics
from sightline.hub.settings import History
from sightline.hub.wire.control import (
    Attached,
    Code,
    Commit,
    Committed,
    DeleteChannel,
    Demand,
    Detached,
    Exclude,
    Failure,
    Pause,
    Seek,
    Unsubscribe,
    Want,
)
from sightline.hub.wire.header import Kind


def made(net: Net, *names: str, **settings: Any) -> tuple[Peer, dict[str, int]]:
    writer = net.client("writer")
    for name in names:
        writer.create(name, **settings)
    return writer, {name: writer.write_to(name).channel for name in names}


def member(net: Net, name: str, start: str | int = "new", group: str = "g") -> Peer:
    peer = net.client(name)
    peer.read(1, glob="*", group=group, start=start)
    peer.credit(1, 10**6, 0)
    return peer


def code_of(answer: object) -> str:
    assert isinstance(answer, Failure), answer
    return answer.code


def holds(peer: Peer) -> dict[str, int]:
    """Channels and feeds that it has now."""
    feeds: dict[str, int] = {}
    for notice in peer.notices:
        if isinstance(notice, Attached):
            feeds[notice.name] = notice.feed
        elif isinstance(notice, Detached) and feeds.get(notice.name) == notice.feed:
            del feeds[notice.name]
    return feeds


def test_each_channel_is_one_members() -> None:
    net = Net()
    writer, numbers = made(net, "a", "b", "c", "d")
    one, two = member(net, "one"), member(net, "two")
    assert sorted([*holds(one), *holds(two)]) == ["a", "b", "c", "d"]
    assert len(holds(one)) == len(holds(two)) == 2
    for name, number in numbers.items():
        writer.put(number, [name.encode()], 0)
    got = [*(one.payloads(feed)[0] for feed in holds(one).values())]
    got += [two.payloads(feed)[0] for feed in holds(two).values()]
    assert sorted(got) == [b"a", b"b", b"c", b"d"]


def test_a_member_that_goes_leaves_its_channels_to_the_others() -> None:
    net = Net()
    writer, numbers = made(net, "a", "b")
    one, two = member(net, "one"), member(net, "two")
    kept = holds(one)
    (name,) = holds(two)
    writer.put(numbers[name], [b"0", b"1", b"2"], 0)
    (feed,) = holds(two).values()
    assert two.payloads(feed) == [b"0", b"1", b"2"]
    assert two.ask(Commit(group="g", positions={name: (1, "text")})) == [name]
    two.lose()
    assert set(holds(one)) == {"a", "b"}
    assert kept.items() <= holds(one).items(), "what it had it keeps"
    assert one.payloads(holds(one)[name]) == [b"1", b"2"]
    assert one.ask(Committed(group="g", names=("a", "b")))[name] == [1, "text"]


def test_a_channel_that_changes_hands_is_told_to_both() -> None:
    net = Net()
    made(net, "a", "b")
    one = member(net, "one")
    two = member(net, "two")
    (gone,) = one.noticed(Detached)
    (came,) = two.noticed(Attached)
    assert (gone.name, gone.reason) == (came.name, "reassigned")


def test_nothing_of_a_channel_comes_after_it_changed_hands() -> None:
    """Not the rest of a large message either: it would take credit for ever."""
    net = Net()
    writer, numbers = made(net, "a", "b")
    one = member(net, "one")
    one.reads = False
    for name in ("a", "b"):
        writer.put(numbers[name], [bytes(1_000_000)], 0)
    one.flush_part()
    member(net, "two")
    one.reads = True
    one.connection.mark()
    net.pump()
    (gone,) = one.noticed(Detached)
    frames = [(frame.head.kind, frame.head.channel, bytes(frame.body)) for frame in one.frames]
    data = frames.index((Kind.DATA, gone.feed, bytes(1_000_000)))
    assert data < next(at for at, frame in enumerate(frames) if b"reassigned" in frame[2])
    assert one.noticed(Detached) == [gone]


def test_a_group_begins_where_its_first_member_did() -> None:
    net = Net()
    writer, numbers = made(net, "a", history=History(messages=10))
    writer.put(numbers["a"], [b"0", b"1"], 0)
    late = member(net, "late")
    writer.put(numbers["a"], [b"2"], 2)
    early = member(net, "early", start="history", group="other")
    assert late.payloads(holds(late)["a"]) == [b"2"]
    assert early.payloads(holds(early)["a"]) == [b"0", b"1", b"2"]
    late.lose()
    again = member(net, "again", start="history")
    assert again.payloads(holds(again)["a"]) == [b"2"]


def test_what_is_not_committed_stays_beyond_the_history_and_without_members() -> None:
    net = Net()
    writer, numbers = made(net, "a")
    first = member(net, "first")
    writer.put(numbers["a"], [b"0"], 0)
    first.lose()
    for seq in range(1, 200):
        writer.put(numbers["a"], [b"%d" % seq], seq)
    again = member(net, "again")
    assert again.payloads(holds(again)["a"]) == [b"%d" % seq for seq in range(200)]
    net.pass_time(10)
    assert all(demand.wanted for demand in writer.noticed(Demand))


def test_what_was_let_go_before_its_turn_is_a_gap() -> None:
    net = Net()
    writer, numbers = made(net, "a")
    peer = member(net, "peer")
    peer.ask(Pause(number=1, names=("a",), on=True))
    size = RETAINED_BYTES // 4
    for seq in range(6):
        writer.put(numbers["a"], [bytes([seq]) * size], seq)
    peer.ask(Pause(number=1, names=("a",), on=False))
    feed = holds(peer)["a"]
    assert [message.offset for message in peer.got[feed]] == [2, 3, 4, 5]
    assert peer.gaps[feed] == [(0, 1, 2, "history")]
    assert peer.order[feed][0] == "gap"
    (stats,) = statistics(net.hub, net.now_ns).feeds
    assert stats.buffer.dropped == {"history": 2}
    assert stats.buffer.balanced


def test_only_who_has_a_channel_commits_to_it() -> None:
    net = Net()
    made(net, "a", "b")
    one, two = member(net, "one"), member(net, "two")
    (own,), (others,) = holds(one), holds(two)
    assert one.ask(Commit(group="g", positions={own: (0, ""), others: (0, "not mine")})) == [own]
    assert one.ask(Committed(group="g", names=(others,))) == {others: [0, ""]}
    assert one.ask(Committed(group="g", names=("nothing",))) == {}


@pytest.mark.parametrize(("position", "code"), [((1, ""), Code.WRONG), ((0, "x" * 5000), Code.LIMIT)])
def test_a_position_that_cannot_be_is_refused(position: tuple[int, str], code: str) -> None:
    net = Net()
    made(net, "a")
    peer = member(net, "peer")
    answer = peer.ask(Commit(group="g", positions={"a": position}))
    assert isinstance(answer, Failure)
    assert answer.code == code


def test_a_member_can_go_back_forward_and_to_the_end() -> None:
    net = Net()
    writer, numbers = made(net, "a", history=History(messages=4))
    peer = member(net, "peer")
    feed = holds(peer)["a"]
    writer.put(numbers["a"], [b"%d" % seq for seq in range(6)], 0)
    peer.ask(Commit(group="g", positions={"a": (6, "")}))
    for offset, answer, payloads in [(4, 4, [b"4", b"5"]), (0, 2, [b"2", b"3", b"4", b"5"]), (99, 6, [])]:
        peer.got.clear()
        assert peer.ask(Seek(number=1, name="a", offset=offset)) == answer
        assert peer.payloads(feed) == payloads
    assert peer.ask(Seek(number=1, name="a", offset=None)) == 6


def test_a_seek_forgets_what_was_looked_up_ahead() -> None:
    net = Net()
    writer, numbers = made(net, "a", history=History(messages=10))
    for seq in range(4):
        writer.put(numbers["a"], [b"%d" % seq], seq)
    peer = net.client("peer")
    (feed,) = peer.read(1, "a", group="g", start="history")
    peer.credit(1, 1, 0)
    assert peer.payloads(feed.feed) == [b"0"]
    assert peer.ask(Seek(number=1, name="a", offset=3)) == 3
    peer.credit(1, 10, 1)
    assert peer.payloads(feed.feed) == [b"0", b"3"]
    assert not peer.gaps[feed.feed]


def test_what_a_seek_answers_stands_between_what_was_before_and_what_comes() -> None:
    net = Net()
    writer, numbers = made(net, "a", history=History(messages=10))
    peer = member(net, "peer")
    peer.reads = False
    writer.put(numbers["a"], [b"old"], 0)
    before = peer.connection.lanes
    assert before.pending
    peer.ask(Seek(number=1, name="a", offset=0))
    peer.reads = True
    peer.connection.mark()
    net.pump()
    kinds = [frame.head.kind for frame in peer.frames if frame.head.kind in {5, 8}]
    assert kinds[-2:] == [5, 8]


def test_a_channel_that_ends_takes_its_positions_with_it() -> None:
    net = Net()
    writer, numbers = made(net, "a")
    peer = member(net, "peer")
    writer.put(numbers["a"], [b"old"], 0)
    peer.ask(Commit(group="g", positions={"a": (1, "")}))
    writer.ask(DeleteChannel(name="a"))
    assert [notice.reason for notice in peer.noticed(Detached)] == ["deleted"]
    assert peer.ask(Committed(group="g", names=("a",))) == {}
    writer.create("a")
    writer.put(writer.write_to("a").channel, [b"new"], 0)
    assert peer.payloads(holds(peer)["a"]) == [b"new"]


def test_a_group_of_its_own_ends_with_its_reader() -> None:
    net = Net()
    writer, numbers = made(net, "a")
    peer = member(net, "peer", group="")
    other = member(net, "other", group="")
    writer.put(numbers["a"], [b"x"], 0)
    assert peer.payloads(holds(peer)["a"]) == other.payloads(holds(other)["a"]) == [b"x"]
    peer.ask(Unsubscribe(number=1))
    other.lose()
    net.pass_time(3)
    assert not writer.noticed(Demand)[-1].wanted


def test_a_reader_without_a_group_keeps_no_more_than_the_history() -> None:
    net = Net()
    writer, numbers = made(net, "a", history=History(bytes=1000))
    alone = member(net, "alone", group="")
    (feed,) = holds(alone).values()
    for seq in range(100):
        writer.put(numbers["a"], [bytes(100)], seq)
    assert len(alone.payloads(feed)) == 100
    kept = net.hub.channels.by_name["a"].kept
    assert kept is not None
    assert kept.retained_bytes == 0
    assert net.hub.channels.by_name["a"].first_offset >= 90


def test_a_channel_that_a_member_excludes_is_anothers() -> None:
    net = Net()
    made(net, "a")
    one, two = member(net, "one"), member(net, "two")
    (holder, other) = (one, two) if holds(one) else (two, one)
    holder.ask(Exclude(number=1, feed=holds(holder)["a"]))
    assert "a" in holds(other)


def test_a_member_may_want_other_channels_and_keeps_what_it_has_of_them() -> None:
    net = Net()
    writer, numbers = made(net, "a", "b", "c")
    one = net.client("one")
    one.read(1, "a", "b", group="g")
    one.credit(1, 10**6, 0)
    two = member(net, "two", start="history")
    before = holds(one)
    assert sorted([*before, *holds(two)]) == ["a", "b", "c"]
    one.ask(Want(number=1, names=("b", "c", "later")))
    assert "a" in holds(two), "what one does not want is another's"
    made_later = net.client("later")
    made_later.create("later")
    two.lose()
    assert set(holds(one)) == {"b", "c", "later"}
    assert holds(one).get("b") == before.get("b", holds(one)["b"])
    for name in ("b", "c"):
        writer.put(numbers[name], [name.encode()], 0)
    assert [one.payloads(feed) for feed in (holds(one)["b"], holds(one)["c"])] == [[b"b"], [b"c"]]
    one.ask(Want(number=1, names=()))
    assert not holds(one)


@pytest.mark.parametrize("start", ["new", "history"])
def test_a_lone_member_that_comes_back_to_a_channel_begins_as_it_said(start: str) -> None:
    net = Net()
    writer, numbers = made(net, "a", history=History(bytes=1000))
    alone = net.client("alone")
    alone.read(1, "a", group="", start=start)
    alone.credit(1, 10**6, 0)
    writer.put(numbers["a"], [b"0"], 0)
    alone.ask(Want(number=1, names=()))
    assert not net.hub.channels.by_name["a"].groups, "it keeps nothing for who does not want it"
    writer.put(numbers["a"], [b"1"], 1)
    alone.ask(Want(number=1, names=("a",)))
    writer.put(numbers["a"], [b"2"], 2)
    assert alone.payloads(holds(alone)["a"]) == ([b"0", b"1", b"2"] if start == "history" else [b"2"])


def test_only_a_member_that_reads_by_name_can_want_others() -> None:
    net = Net()
    by_glob, no_member = member(net, "glob"), net.client("plain")
    no_member.read(1, "a", wait=True)
    for reader in (by_glob, no_member):
        assert code_of(reader.ask(Want(number=1, names=("a",)))) == Code.WRONG
    reader = net.client("reader")
    reader.read(1, "a", wait=True, group="g")
    for names, code in ((("",), Code.WRONG), (("x" * 300,), Code.WRONG)):
        assert code_of(reader.ask(Want(number=1, names=names))) == code


def test_a_group_never_makes_a_writer_wait() -> None:
    net = Net()
    writer, numbers = made(net, "a")
    peer = net.client("peer")
    peer.read(1, "a", group="g")
    for seq in range(2000):
        writer.put(numbers["a"], [b"x"], seq)
    assert writer.acks[numbers["a"]] == 2000
