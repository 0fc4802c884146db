"""The socket between the parent of a pipe and a flow."""

import os
import resource
import select
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sightline.errors import Closed
from sightline.pipe import channel as channel_module
from sightline.pipe.channel import Channel
from sightline.pipe.control import Begin, Broken, Connect, Handled, Ready, Said, Told


@pytest.fixture
def ends(no_leaks: None) -> Iterator[tuple[Channel, Channel]]:
    """The parent's and the flow's."""
    one, other = socket.socketpair()
    parent, flow = Channel(one), Channel(other)
    yield parent, flow
    parent.close()
    flow.close()


def send_many(channel: Channel) -> None:
    for number in range(10_000):
        channel.send(Handled(number, "x" * 1000, None))


def received(channel: Channel, count: int) -> list[Said]:
    messages: list[Said] = []
    while len(messages) < count:
        select.select([channel], [], [], 10)
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


def test_who_likes_waits_for_the_other_end(ends: tuple[Channel, Channel]) -> None:
    parent, flow = ends
    flow.send(Broken("x" * 3_000_000))
    assert not flow.drain(0.05)
    reader: list[Said] = []
    thread = threading.Thread(target=lambda: reader.extend(received(parent, 1)))
    thread.start()
    assert flow.drain()
    thread.join(10)
    assert len(reader) == 1


def test_a_text_that_is_no_unicode_is_told_all_the_same(ends: tuple[Channel, Channel]) -> None:
    parent, flow = ends
    path = os.fsdecode(b"/data/\xff.jpg")
    flow.send(Told("camera", "failed", f"no such file: {path}", hangs=False))
    flow.send(Handled(1, "camera", path))
    flow.send(Broken(path))
    assert received(parent, 3) == [
        Told("camera", "failed", "no such file: /data/\\udcff.jpg", hangs=False),
        Handled(1, "camera", "/data/\\udcff.jpg"),
        Broken("/data/\\udcff.jpg"),
    ]


class Telling:
    """A socket at which somebody speaks within `sendmsg`, as a finalizer does at any moment."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.tell: Callable[[], object] = lambda: None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)

    def sendmsg(self, *args: Any) -> int:
        tell, self.tell = self.tell, lambda: None
        tell()
        return self._sock.sendmsg(*args)


def test_a_finalizer_may_speak_while_its_thread_does() -> None:
    one, other = socket.socketpair()
    telling = Telling(one)
    parent, flow = Channel(other), Channel(telling)  # type: ignore[arg-type]
    telling.tell = lambda: flow.send(Handled(2, "b", None))
    thread = threading.Thread(target=flow.send, args=(Handled(1, "a", None),), daemon=True)
    thread.start()
    thread.join(10)
    assert not thread.is_alive()
    assert received(parent, 2) == [Handled(1, "a", None), Handled(2, "b", None)]
    assert not flow.unsent
    parent.close()
    flow.close()


def test_who_was_cut_off_keeps_nothing_more(
    ends: tuple[Channel, Channel], monkeypatch: pytest.MonkeyPatch
) -> None:
    parent, _ = ends
    monkeypatch.setattr(channel_module, "MOST_UNSENT", 10)
    for _ in range(3):
        with pytest.raises(Closed):
            send_many(parent)
        assert not parent.unsent
    reading, writing = os.pipe()
    with pytest.raises(Closed):
        parent.send(Connect("late"), writing)
    assert os.read(reading, 1) == b"", "the descriptor was closed"
    os.close(reading)


def test_a_descriptor_for_which_there_is_no_room_is_missed_where_it_belongs(
    ends: tuple[Channel, Channel], monkeypatch: pytest.MonkeyPatch
) -> None:
    parent, flow = ends
    pairs = [socket.socketpair() for _ in range(2)]
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    parent.send(Connect("a"), pairs[0][1].detach())
    parent.send(Connect("b"), pairs[1][1].detach())
    first_free = os.dup(0)
    os.close(first_free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (first_free, hard))
    try:
        ((message, fd),) = flow.receive()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert (message, fd) == (Connect("a"), None)
    ((message, fd),) = flow.receive()
    assert message == Connect("b")
    assert fd is not None
    os.close(fd)
    for mine, _ in pairs:
        mine.close()
