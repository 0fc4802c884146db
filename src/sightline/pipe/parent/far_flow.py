"""A flow as the parent of its pipe knows it: its channel, its routines' states, its ways to other flows."""

from __future__ import annotations

import itertools
import socket
from collections.abc import Callable, Iterable
from contextlib import suppress

from sightline.errors import Closed
from sightline.pipe.channel import Channel
from sightline.pipe.control import Connect, Said
from sightline.pipe.counts.reports import State

_numbers = itertools.count(1)
_FINAL = frozenset((State.DONE, State.KILLED))


class FarFlow:
    """One flow. Whoever uses it sees to it that others do not at the same time.

    Args:
        name: what it is called.
        spec: pickled.
        routines: their names.

    Attributes:
        channel: to its process; None while there is none that was heard of.
        ready: whether its routines are made.
        over: whether no process will be begun any more.
        fault: why it was not ready; "" if it was, or nothing is known.
        given_up: why it will not be begun again, where it was to be; else "".
        states: of its routines.
        reasons: why a routine is in its state, where it told.
        own: what its routines told last of themselves, each pickled.
    """

    def __init__(self, name: str, spec: bytes, routines: Iterable[str]) -> None:
        self.name = name
        self.spec = spec
        self.channel: Channel | None = None
        self.ready = self.over = False
        self.fault = self.given_up = ""
        self.states = dict.fromkeys(routines, State.STOPPED)
        self.reasons: dict[str, str] = {}
        self.own: dict[str, bytes] = {}
        self._joined: dict[str, Channel] = {}

    @property
    def done(self) -> bool:
        """Whether nothing is to be done there any more."""
        return self.over or self.states.keys() == set(self.given_their_last)

    @property
    def past(self) -> dict[str, str]:
        """Its routines that are over for good, in whatever process of it, each with the state that it has."""
        return {name: state.value for name, state in self.states.items() if state in _FINAL}

    @property
    def given_their_last(self) -> list[str]:
        """Routines of which nothing comes any more: done, killed, or gone for good with the flow."""
        return [name for name, state in self.states.items() if self.over or state in _FINAL]

    def begin(self, channel: Channel) -> None:
        """A process is about to be there."""
        self.channel = channel
        self._joined.clear()

    def end(self) -> Channel | None:
        """Its process is no more. The channel, which is the caller's to close."""
        channel, self.channel, self.ready = self.channel, None, False
        for name in self.states.keys() - self.past.keys():
            self.states[name] = State.STOPPED
            self.reasons.pop(name, None)
        return channel

    def say(self, message: Said, *fds: int) -> None:
        """Tell its process, if there is one; with descriptors that are the channel's from now on."""
        if self.channel is not None:
            with suppress(Closed):  # the end of its process is told by the supervisor
                self.channel.send(message, *fds)

    def join(self, other: FarFlow) -> None:
        """Give both an end of a way between them, where both are there and have none."""
        if self.channel is None or other.channel is None:
            return
        if self._joined.get(other.name) is other.channel and other._joined.get(self.name) is self.channel:
            return
        ours, theirs = socket.socketpair()
        number = next(_numbers)
        self.say(Connect(other.name, number), ours.detach())
        other.say(Connect(self.name, number), theirs.detach())
        self._joined[other.name], other._joined[self.name] = other.channel, self.channel

    def drain(self, heed: Callable[[FarFlow, Said], object]) -> bool:
        """Heed a piece of what it said. Whether there may be more: not where nothing was, or it ended."""
        if self.channel is None:
            return False
        with suppress(Closed):  # it reads no more, but what it said before is still to come
            self.channel.flush()
        try:
            for message, _ in self.channel.receive():
                heed(self, message)
        except Closed:
            return False
        return not self.channel.dry
