"""The hub's own channel: its figures, again and again, for whoever subscribes to it.

Nobody reads, nothing is counted up: the figures are made only while the channel is wanted. A message is
`HubStats` as a map. The channel is as any other but for its owner, whose name no client can have.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final

import msgspec

from sightline.clock import SYSTEM_CLOCK, Clock, ns
from sightline.hub.broker.channel import Writer
from sightline.hub.broker.names import HUB_NAME
from sightline.hub.broker.session import Session
from sightline.hub.broker.statistics import statistics
from sightline.hub.settings import ChannelSettings
from sightline.hub.wire.header import Frame, Head, Kind
from sightline.hub.wire.payload import MSGPACK

if TYPE_CHECKING:
    from sightline.hub.broker.machine import Hub

STATISTICS_CHANNEL: Final = "sightline.statistics"


class OwnChannel:
    """The statistics channel of one hub, with a message each `every_s` seconds while it is read."""

    def __init__(self, hub: Hub, every_s: float, *, clock: Clock = SYSTEM_CLOCK) -> None:
        self._hub = hub
        self._every_ns = ns(every_s)
        self._clock = clock

    def begin(self, now_ns: int) -> None:
        session = Session(HUB_NAME, secrets.token_bytes(16), self._clock.utc_ns())
        settings = ChannelSettings(keep=True, may_block=False)
        channel = self._hub.channels.make(session, STATISTICS_CHANNEL, settings, now_ns)
        writer = Writer(0, channel, session, 0)
        channel.add_writer(writer)

        def again(now_ns: int) -> None:
            if channel.feeds:
                channel.receive(writer, self._message(writer.next_seq, now_ns), now_ns, self._hub.limits)
            self._hub.timers.at(now_ns + self._every_ns, again)

        again(now_ns)

    def _message(self, seq: int, now_ns: int) -> Frame:
        body = msgspec.msgpack.encode(statistics(self._hub, now_ns))
        head = Head(len(body), Kind.DATA, format=MSGPACK, messages=1, seq=seq, time_ns=self._clock.utc_ns())
        return Frame(head, body)
