"""When a reader is told that it reads, and how its channels share what it asked for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.hub.broker.driving import Net, Peer, encode

from sightline.hub.settings import Limits
from sightline.hub.wire.control import Demand, Pause, Subscribe, Unsubscribe
from sightline.hub.wire.header import Kind


def answered(peer: Peer) -> bool:
    return peer._number in peer.answers


def subscribe(peer: Peer, number: int = 1) -> None:
    peer._number += 1
    request = Subscribe(number=number, names=("c",))
    peer.send(Kind.REQUEST, encode(request), seq=peer._number)


def writing() -> tuple[Net, Peer]:
    net = Net(Limits(silence_s=1000))
    writer = net.client("writer")
    writer.create("c")
    writer.write_to("c")
    return net, writer


def test_a_reader_is_answered_when_its_writer_has_heard_that_somebody_reads() -> None:
    net, writer = writing()
    readers = [net.client(name) for name in ("first", "second")]
    for reader in readers:  # also the one that changes nothing, while it is not known to be heard
        subscribe(reader)
        assert not answered(reader)
    assert writer.noticed(Demand)[-1].wanted
    assert writer.frames[-1].head.kind == Kind.PING
    writer.send(Kind.PONG, time_ns=writer.frames[-1].head.time_ns)
    assert all(map(answered, readers))
    third = net.client("third")
    subscribe(third)
    assert answered(third)


@pytest.mark.parametrize("how", ["lost", "deaf"])
def test_a_writer_that_says_nothing_holds_a_reader_up_for_a_second(how: str) -> None:
    net, writer = writing()
    reader = net.client("reader")
    subscribe(reader)
    assert not answered(reader)
    if how == "lost":
        writer.lose()
    else:
        net.pass_time(1.0)
    assert answered(reader)


def test_who_reads_what_it_writes_is_answered_at_once() -> None:
    _, writer = writing()
    subscribe(writer)
    assert answered(writer)


@given(st.lists(st.integers(0, 30), min_size=1, max_size=6), st.lists(st.integers(1, 12)), st.data())
def test_what_is_asked_for_comes_and_each_channel_has_some_of_it(
    held: list[int], asked: list[int], data: st.DataObject
) -> None:
    net = Net()
    writer, reader = net.client("writer"), net.client("reader")
    names = [f"c{number}" for number in range(len(held))]
    for name in names:
        writer.create(name)
    feeds = {notice.name: notice.feed for notice in reader.read(1, *names)}
    for name, count in zip(names, held, strict=True):
        if count:
            writer.put(writer.write_to(name).channel, [b"x"] * count, 0)
    paused = data.draw(st.sets(st.sampled_from(names)))
    reader.ask(Pause(number=1, names=tuple(paused), on=True))
    left = {name: count for name, count in zip(names, held, strict=True) if name not in paused}
    for most in asked:
        before = {name: len(reader.got[feeds[name]]) for name in names}
        reader.credit(1, reader.received[0] + most, reader.received[0])
        came = {name: len(reader.got[feeds[name]]) - before[name] for name in left}
        assert sum(came.values()) == min(most, sum(left.values()))
        enough_for_each = most >= sum(map(bool, left.values()))
        for name, count in came.items():
            assert count or not (left[name] and enough_for_each)
            left[name] -= count
    reader.ask(Pause(number=1, names=tuple(paused), on=False))
    reader.credit(1, 1000, reader.received[0])
    assert reader.received[0] == sum(held)


def test_a_channel_that_let_others_go_first_goes_on_when_they_are_gone() -> None:
    net = Net()
    writer, reader = net.client("writer"), net.client("reader")
    for name in "ab":
        writer.create(name)
    reader.read(1, "a", "b")
    for name in "ab":
        writer.put(writer.write_to(name).channel, [b"x"] * 10, 0)
    reader.credit(1, 4, 0)
    reader.ask(Unsubscribe(number=1))
    assert reader.received[0] == 4
