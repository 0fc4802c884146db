"""One client that is being sent one camera's pictures.

It begins with a keyframe, before which comes a sender report, so that a client knows the time of the first
picture. What it is sent goes through the faults that lose packets and turn them round. A client that does
not take what it is sent is given up rather than waited for: others never notice it.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from sightline.clock import NS_PER_S
from sightline.fakecam.faults import Behaviour
from sightline.fakecam.rtp import Sender

_REPORT_NS: Final = 5 * NS_PER_S  # RFC 3550 6.2: the usual least interval


class Outlet(Protocol):
    """The way to a client. It never waits."""

    def rtp(self, packets: Sequence[bytes]) -> bool:
        """Sends them. False: the client takes too little, or is gone."""

    def rtcp(self, packet: bytes) -> None:
        """Sends a report."""

    def close(self) -> None:
        """Breaks off."""


class Moment(NamedTuple):
    """Now: on our clock, by the camera's word, and on the clock of its time stamps."""

    monotonic_ns: int
    utc_ns: int
    timestamp: int


class Picture(NamedTuple):
    """One access unit, ready to be sent."""

    payloads: Sequence[bytes]
    keyframe: bool
    timestamp: int


@dataclass(slots=True)
class Packets:
    """RTP packets of a camera: how many were made, lost on purpose, and sent after their follower."""

    made: int = 0
    lost: int = 0
    reordered: int = 0


class Viewer:
    """A client; what becomes of its packets is added up in `counts`."""

    def __init__(
        self, sender: Sender, outlet: Outlet, payload_type: int, counts: Packets, chance: random.Random
    ) -> None:
        self._sender = sender
        self._outlet = outlet
        self._payload_type = payload_type
        self._counts = counts
        self._chance = chance
        self._report_at_ns: int | None = None
        self._held: bytes | None = None

    @property
    def sequence(self) -> int:
        """The number of the next packet."""
        return self._sender.sequence

    def show(self, picture: Picture, now: Moment, behaviour: Behaviour) -> bool:
        """Sends one picture, if it has begun or can begin with it. False: give it up."""
        if self._report_at_ns is None:
            if not picture.keyframe:
                return True
            self._report_at_ns = now.monotonic_ns
        if now.monotonic_ns >= self._report_at_ns:
            self._outlet.rtcp(self._sender.report(now.utc_ns, now.timestamp))
            self._report_at_ns = now.monotonic_ns + _REPORT_NS
        packets = self._sender.packets(picture.payloads, self._payload_type, picture.timestamp)
        self._counts.made += len(packets)
        return self._outlet.rtp(self._spoilt(packets, behaviour))

    def begin_again(self) -> None:
        """Something was left out: the next picture that it is shown is a keyframe."""
        self._report_at_ns = None

    def end(self, now: Moment) -> None:
        """The camera has nothing more to show."""
        self._outlet.rtcp(self._sender.goodbye(now.utc_ns, now.timestamp))
        self._outlet.close()

    def close(self) -> None:
        """Break off without a word."""
        self._outlet.close()

    def _spoilt(self, packets: list[bytes], behaviour: Behaviour) -> list[bytes]:
        if not behaviour.loss and not behaviour.reorder and self._held is None:
            return packets
        left = []
        for packet in packets:
            if self._chance.random() < behaviour.loss:
                self._counts.lost += 1
            elif self._held is None and self._chance.random() < behaviour.reorder:
                self._counts.reordered += 1
                self._held = packet
            else:
                left += [packet] if self._held is None else [packet, self._held]
                self._held = None
        return left
