"""The table of channels: who may make, write and end one, how long it lives, and whether anybody wants it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING

from sightline.clock import ns
from sightline.hub.broker.channel import Channel, Tally, Writer
from sightline.hub.broker.names import checked_name
from sightline.hub.broker.proofs import is_proven
from sightline.hub.broker.refusal import Refusal
from sightline.hub.wire.control import Code, Demand, OpenWriter, WriterClosed, WriterOpened

if TYPE_CHECKING:
    from sightline.hub.broker.connection import Connection
    from sightline.hub.broker.session import Session
    from sightline.hub.broker.timers import Timers
    from sightline.hub.settings import ChannelSettings, Limits


class Channels:
    """All channels of the hub.

    Attributes:
        past: counts of the feeds that are gone.
        on_made, on_ended: called with the channel and the time.
    """

    def __init__(self, limits: Limits, timers: Timers) -> None:
        self.by_name: dict[str, Channel] = {}
        self.past = Tally()
        self.on_made: list[Callable[[Channel, int], None]] = []
        self.on_ended: list[Callable[[Channel, int], None]] = []
        self._limits = limits
        self._timers = timers
        self._numbers = count(1)
        self._writers = count(1)

    def find(self, name: str) -> Channel:
        channel = self.by_name.get(name)
        if channel is None:
            raise missing(name)
        return channel

    def make(self, session: Session, name: str, settings: ChannelSettings, now_ns: int) -> Channel:
        """A new channel, or the one that is there already where it is this client's own."""
        there = self.by_name.get(name)
        if there is not None and there.owner.name != session.name:
            raise Refusal(Code.TAKEN, f"channel {name!r} is {there.owner.name}'s", there.owner.name)
        if there is not None and there.settings == settings:
            self._adopt(there, session)
            return there
        if there is not None:
            if there.owner.connection is not None or settings.keep:
                shown = f": {there.settings}" if there.settings.key_digest is None else ""
                raise Refusal(Code.WRONG, f"channel {name!r} is there with other settings{shown}")
            self.end(there, "owner_gone", now_ns)
        return self._make(session, name, settings, now_ns)

    def end(self, channel: Channel, reason: str, now_ns: int) -> None:
        """It is no more. Readers still get what their feeds hold; what waits enters nothing."""
        if channel.ended is not None:
            return
        channel.ended = reason
        del self.by_name[channel.name]
        channel.owner.owned.pop(channel, None)
        for timer in (channel.lifetime, channel.falling):
            if timer is not None:
                timer.cancel()
        channel.drop_waiting()
        for writer in tuple(channel.writers.values()):
            self._close_out(writer, reason)
        for feed in tuple(channel.feeds):
            feed.end(reason)
        for tell in self.on_ended:
            tell(channel, now_ns)
        channel.kept = None  # nobody can ask for it any more, and it may be other processes' memory

    def open_writer(
        self, connection: Connection, session: Session, asked: OpenWriter, now_ns: int
    ) -> WriterOpened:
        channel = self.by_name.get(asked.name)
        known = channel is not None and channel.number in session.writers
        if not known and len(session.writers) >= self._limits.writers:
            raise Refusal(Code.LIMIT, f"expected at most {self._limits.writers} channels to write to")
        if asked.create is not None and (channel is None or channel.owner.name == session.name):
            channel = self.make(session, asked.name, asked.create, now_ns)
        channel = self.find(asked.name)
        self._check_may_write(channel, connection, session, asked.proof)
        writer = session.writers.get(channel.number)
        if writer is not None and writer.connection is None:
            writer.farewell = None  # who closed it is gone; what waits would come twice from another one
        if writer is None or writer.farewell is not None:
            writer = Writer(next(self._writers), channel, session, asked.next_seq)
            session.writers[channel.number] = writer
            channel.add_writer(writer)
            if asked.next_seq and not channel.wanted:
                # It wrote before, to an earlier hub: its readers may come back after it, and then they see
                # by the numbers what they missed.
                self._tell_demand(channel, now_ns, wanted=True)
                self.weigh(channel, now_ns)
        writer.connection = connection
        connection.writers[channel.number] = writer
        # For who begins to write a reader that has just gone is none.
        still = channel.wanted and asked.next_seq > 0
        writer.wanted = bool(channel.feeds) or channel.kept is not None or still
        return WriterOpened(
            channel=channel.number,
            writer=writer.number,
            accepted_seq=writer.accepted_seq,
            window_messages=self._limits.window_messages,
            window_bytes=self._limits.window_bytes,
            readers=len(channel.feeds),
            wanted=writer.wanted,
        )

    def close_writer(self, connection: Connection, number: int, done: Callable[[], None]) -> None:
        """It writes no more. `done` is called when all that it sent was taken in."""
        writer = connection.writers.pop(number, None)
        if writer is None:
            raise Refusal(Code.MISSING, f"no writer is open on channel {number}")

        def farewell() -> None:
            self.forget(writer)
            done()

        writer.farewell = farewell
        if not writer.waiting:
            farewell()

    def forget(self, writer: Writer) -> None:
        """Its session is over, or it was closed."""
        if writer.session.writers.get(writer.channel.number) is writer:
            del writer.session.writers[writer.channel.number]
        writer.channel.writers.pop(writer.number, None)

    def weigh(self, channel: Channel, now_ns: int) -> None:
        """Readers came or went: tell the writers when that changes whether the channel is wanted."""
        wanted = bool(channel.feeds) or channel.kept is not None
        if wanted and (channel.falling is not None or not channel.wanted):
            # Also where it had not fallen yet: a writer that came meanwhile was told of no reader.
            self._tell_demand(channel, now_ns, wanted=True)
        elif not wanted and channel.wanted and channel.falling is None and channel.ended is None:
            channel.falling = self._timers.at(
                now_ns + ns(self._limits.unwanted_s),
                lambda now_ns: self._tell_demand(channel, now_ns, wanted=False),
            )

    def _make(self, session: Session, name: str, settings: ChannelSettings, now_ns: int) -> Channel:
        checked_name(name, self._limits.name_bytes, "channel's name")
        if len(self.by_name) >= self._limits.channels:
            raise Refusal(Code.LIMIT, f"expected at most {self._limits.channels} channels")
        most_kept = self._limits.history_bytes
        if settings.history is not None and settings.history.bytes > most_kept:
            raise Refusal(
                Code.LIMIT, f"expected a history of at most {most_kept} bytes, got {settings.history.bytes}"
            )
        channel = Channel(next(self._numbers), name, settings, session, self.past)
        channel.wanted = channel.kept is not None
        self.by_name[name] = channel
        self._adopt(channel, session)
        if settings.lifetime_s is not None:
            channel.lifetime = self._timers.at(
                now_ns + ns(settings.lifetime_s), lambda now_ns: self.end(channel, "expired", now_ns)
            )
        for tell in self.on_made:
            tell(channel, now_ns)
        return channel

    def _adopt(self, channel: Channel, session: Session) -> None:
        channel.owner.owned.pop(channel, None)
        channel.owner = session
        if not channel.settings.keep:
            session.owned[channel] = None

    def _check_may_write(
        self, channel: Channel, connection: Connection, session: Session, proof: bytes | None
    ) -> None:
        if channel.is_of(session):
            return
        if not channel.settings.many_writers:
            raise Refusal(Code.DENIED, f"only {channel.owner.name} may write to channel {channel.name!r}")
        check_key(channel, connection, session, proof)

    def _tell_demand(self, channel: Channel, now_ns: int, *, wanted: bool) -> None:
        if channel.falling is not None:
            channel.falling.cancel()
            channel.falling = None
        channel.wanted = wanted
        notice = Demand(channel=channel.number, readers=len(channel.feeds), wanted=wanted)
        for writer in channel.writers.values():
            if writer.connection is not None and writer.wanted is not wanted:
                writer.wanted = wanted
                writer.connection.notify(notice)
                if wanted:
                    writer.connection.ping(now_ns)  # readers wait until they are heard of

    def _close_out(self, writer: Writer, reason: str) -> None:
        channel = writer.channel
        self.forget(writer)
        if writer.connection is not None:
            writer.connection.acknowledge()
            writer.connection.writers.pop(channel.number, None)
            writer.connection.notify(WriterClosed(channel=channel.number, name=channel.name, reason=reason))


def missing(name: str) -> Refusal:
    return Refusal(Code.MISSING, f"there is no channel {name!r}")


def check_key(channel: Channel, connection: Connection, session: Session, proof: bytes | None) -> None:
    """Raises Refusal unless this client may know of the channel: public, its own, or its key was shown."""
    key_digest = channel.settings.key_digest
    if key_digest is None or channel.is_of(session):
        return
    if not is_proven(proof, key_digest, connection.nonce, channel.name.encode()):
        raise Refusal(Code.DENIED, f"channel {channel.name!r} needs its key")
