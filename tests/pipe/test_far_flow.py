"""A flow as its parent knows it: what it said before it died counts, and it is joined to whoever is there."""

import socket
from collections.abc import Iterator
from contextlib import suppress

import pytest

from sightline.errors import Closed
from sightline.pipe.channel import Channel
from sightline.pipe.control import Ask, Connect, Handled, Ready, Said
from sightline.pipe.counts.reports import State
from sightline.pipe.parent.far_flow import FarFlow


class There:
    """A flow, and its end of the channel."""

    def __init__(self, name: str) -> None:
        self.flow = FarFlow(name, b"", ["one"])
        self.begin()

    def begin(self) -> None:
        ours, theirs = socket.socketpair()
        self.end()
        self.flow.begin(Channel(ours))
        theirs.setblocking(False)
        self.channel = Channel(theirs)

    def end(self) -> None:
        channel = self.flow.end()
        if channel is not None:
            channel.close()
            self.channel.close()

    def told(self) -> list[Said]:
        said = []
        for message, fd in self.channel.receive():
            said.append(message)
            if fd is not None:
                socket.socket(fileno=fd).close()
        return said

    def peers(self) -> list[str]:
        return [message.peer for message in self.told() if isinstance(message, Connect)]


@pytest.fixture
def pair(no_leaks: None) -> Iterator[tuple[There, There]]:
    pair = There("a"), There("b")
    yield pair
    for one in pair:
        one.end()


def test_what_a_flow_said_before_it_died_is_heard_though_something_waits_for_it(
    pair: tuple[There, There],
) -> None:
    one, _ = pair
    one.flow.say(Ask(1))
    while one.flow.channel is not None and not one.flow.channel.unsent:
        one.flow.say(Ask(2))  # until the socket has no room for more
    one.channel.send(Handled(7, "one", None))
    one.channel.close()
    heard: list[Said] = []
    while one.flow.drain(lambda _flow, said: heard.append(said)):
        pass
    assert heard == [Handled(7, "one", None)]
    assert one.flow.channel is not None
    assert one.flow.channel.ended, "so that nobody looks at it again and again"


def test_why_a_routine_was_in_a_state_goes_with_the_state(pair: tuple[There, There]) -> None:
    one, other = pair
    for each, state in ((one, State.FAILED), (other, State.KILLED)):
        each.flow.states["one"], each.flow.reasons["one"] = state, "no such camera"
        each.end()
    assert (one.flow.states, one.flow.reasons) == ({"one": State.STOPPED}, {})
    assert (other.flow.states, other.flow.reasons) == ({"one": State.KILLED}, {"one": "no such camera"})


def test_a_channel_that_may_say_more_has_not_ended(pair: tuple[There, There]) -> None:
    one, _ = pair
    one.channel.send(Ready())
    while one.flow.drain(lambda _flow, _said: None):
        pass
    assert one.flow.channel is not None
    assert not one.flow.channel.ended


def test_two_flows_are_joined_once(pair: tuple[There, There]) -> None:
    one, other = pair
    one.flow.join(other.flow)
    other.flow.join(one.flow)
    assert (one.peers(), other.peers()) == (["b"], ["a"])


@pytest.mark.parametrize("first", [0, 1])
def test_a_flow_that_was_begun_again_is_joined_again_whoever_asks(
    pair: tuple[There, There], first: int
) -> None:
    one, other = pair
    one.flow.join(other.flow)
    assert other.peers() == ["a"]
    one.begin()
    pair[first].flow.join(pair[1 - first].flow)
    assert (one.peers(), other.peers()) == (["b"], ["a"])


def test_nobody_is_joined_to_who_is_not_there(pair: tuple[There, There]) -> None:
    one, other = pair
    one.end()
    one.flow.join(other.flow)
    with suppress(Closed):
        assert other.peers() == []
