"""The socket between the parent of a pipe and a flow."""

import os
import socket
import threading
from collections.abc import Iterator

import pytest

from sightline.errors import Closed
from sightline.pipe import channel as channel_module
from sightline.pipe.channel import Channel
from sightline.pipe.control import Begin, Connect, Handled, Ready, Said


@pytest.fixture
def ends(no_leaks: None) -> Iterator[tuple[Channel, Channel]]:
    """The parent's and the flow's."""
    one, other = socket.socketpair()
    parent, flow = Channel(one, waits=False), Channel(other, waits=True)
    yield parent, flow
    parent.close()
    flow.close()


def send_many(channel: Channel) -> None:
    for number in range(10_000):
        channel.send(Handled(number, "x" * 1000, None))


def received(channel: Channel, count: int) -> list[Said]:
    messages: list[Said] = []
    while len(messages) < count:
        messages += [message for message, _ in channel.receive()]
    return messages


def test_messages_come_whole_and_in_order_however_long_they_are(ends: tuple[Channel, Channel]) -> None:
    parent, flow = ends
    sent: list[Said] = [Handled(number, "x" * number, None) for number in range(200)]
    sent.append(Begin(b"where", os.urandom(3_000_000), b"", {}))
    sent.append(Ready())
    reader: list[Said] = []
    thread = threading.Thread(target=lambda: reader.extend(received(flow, len(sent))))
    took = [parent.send(message) for message in sent]
    assert took[0]
    assert not took[-1]
    thread.start()
    while not parent.flush():
        pass
    thread.join(10)
    assert reader == sent


def test_a_descriptor_comes_with_its_message(ends: tuple[Channel, Channel]) -> None:
    parent, flow = ends
    pairs = [socket.socketpair() for _ in range(5)]
    for number, (mine, theirs) in enumerate(pairs):
        parent.send(Ready())
        parent.send(Connect(str(number)), theirs.detach())
        mine.send(str(number).encode())
    came: list[tuple[Said, int | None]] = []
    while len(came) < 10:
        came += flow.receive()
    for message, fd in came:
        assert (fd is not None) is isinstance(message, Connect)
        if isinstance(message, Connect) and fd is not None:
            assert not os.get_inheritable(fd)
            with socket.socket(fileno=fd) as theirs:
                assert theirs.recv(10).decode() == message.peer
    for mine, _ in pairs:
        mine.close()


def test_the_parent_never_waits_and_cuts_off_who_reads_nothing(
    ends: tuple[Channel, Channel], monkeypatch: pytest.MonkeyPatch
) -> None:
    parent, _ = ends
    monkeypatch.setattr(channel_module, "MOST_UNSENT", 10)
    fd, other = os.pipe()
    os.close(other)
    with pytest.raises(Closed):
        send_many(parent)
    with pytest.raises(Closed):
        parent.send(Connect("late"), fd)


def test_the_parent_does_not_wait_where_nothing_is_said(ends: tuple[Channel, Channel]) -> None:
    parent, flow = ends
    assert list(parent.receive()) == []
    assert parent.dry
    flow.send(Ready())
    assert len(list(parent.receive())) == 1
    assert not parent.dry


@pytest.mark.parametrize("end", [0, 1])
def test_the_end_of_one_end_is_told_to_the_other(ends: tuple[Channel, Channel], end: int) -> None:
    ends[1 - end].send(Ready())
    ends[1 - end].close()
    assert [type(message) for message, _ in ends[end].receive()] == [Ready]
    with pytest.raises(Closed):
        list(ends[end].receive())
    with pytest.raises(Closed):
        send_many(ends[end])


def test_an_end_that_waits_is_woken_by_its_own_closing(ends: tuple[Channel, Channel]) -> None:
    _, flow = ends
    told = threading.Event()

    def read() -> None:
        with pytest.raises(Closed):
            list(flow.receive())
        told.set()

    thread = threading.Thread(target=read)
    thread.start()
    flow.close()
    assert told.wait(5)
    thread.join()
