"""The channels that one client writes to, opened again on each connection.

Pure. It promises: a writer whose channel is gone for good fails; one whose channel went with its owner, or is
not there yet after a reconnect, tries again until it is there.
"""

from __future__ import annotations

from collections.abc import Container
from typing import Final, NamedTuple

from sightline.clock import NS_PER_S
from sightline.errors import BusError, HubError, SightlineError
from sightline.hub.client.asking import Asking, Done, Failed, ignore
from sightline.hub.client.handshake import key_proof
from sightline.hub.client.writing import Outbox
from sightline.hub.settings import ChannelSettings
from sightline.hub.wire.control import Code, Demand, OpenWriter, WriterClosed, WriterOpened
from sightline.hub.wire.lanes import Lanes

REOPEN_NS: Final = NS_PER_S // 4
"""How often a writer tries again whose channel is not there."""
OWNER_GONE: Final = "owner_gone"


class Writer(NamedTuple):
    """A channel that is written to, the key of a private one, and how it is made where it is not there."""

    outbox: Outbox
    key: str | None = None
    create: ChannelSettings | None = None


class Writers:
    """Of one client. `own`: the names of the channels that it makes itself."""

    def __init__(self, asking: Asking, own: Container[str]) -> None:
        self.by_name: dict[str, Writer] = {}
        self._asking = asking
        self._own = own
        self._lanes: Lanes | None = None
        self._nonce = b""
        self._message_bytes = 0
        self._outboxes: dict[int, Outbox] = {}
        self._reopen_ns: dict[str, int] = {}

    def begin(self, lanes: Lanes, nonce: bytes, message_bytes: int, now_ns: int) -> None:
        """A new connection."""
        self._lanes, self._nonce, self._message_bytes = lanes, nonce, message_bytes
        for writer in self.by_name.values():
            self._open_again(writer, now_ns)

    def end(self) -> None:
        self._lanes = None
        self._outboxes.clear()
        self._reopen_ns.clear()
        for writer in self.by_name.values():
            writer.outbox.lost()

    def tick(self, now_ns: int) -> None:
        for name, due_ns in tuple(self._reopen_ns.items()):
            if now_ns >= due_ns:
                del self._reopen_ns[name]
                if name in self.by_name:
                    self._open_again(self.by_name[name], now_ns)

    def open(self, writer: Writer, done: Done, failed: Failed) -> None:
        """Make it known to the hub; what the hub has not acknowledged is sent again."""
        outbox = writer.outbox
        request = OpenWriter(
            name=outbox.name,
            next_seq=outbox.first_unacknowledged(),
            create=writer.create,
            proof=key_proof(writer.key, self._nonce, outbox.name),
        )

        def opened(answer: WriterOpened) -> None:
            assert self._lanes is not None
            self._outboxes[answer.channel] = outbox
            self._lanes.add(outbox)
            outbox.opened(answer, frame_bytes=self._message_bytes)
            done(answer)

        self._asking.ask(request, opened, failed)

    def unshare(self) -> None:
        """Tokens are not understood any more."""
        for writer in self.by_name.values():
            writer.outbox.unshare()

    def acknowledged(self, channel: int, seq: int) -> bool:
        """Whether its writer has more to send now."""
        outbox = self._outboxes.get(channel)
        if outbox is None or self._lanes is None or not outbox.acknowledged(seq):
            return False
        self._lanes.wake(outbox)
        return True

    def demand(self, notice: Demand) -> None:
        outbox = self._outboxes.get(notice.channel)
        if outbox is not None:
            outbox.demand(notice.readers, wanted=notice.wanted)

    def closed(self, notice: WriterClosed, now_ns: int) -> None:
        outbox = self._outboxes.pop(notice.channel, None)
        if outbox is None or self._lanes is None:
            return
        self._lanes.remove(outbox)
        if notice.reason == OWNER_GONE and notice.name not in self._own:
            outbox.lost()
            outbox.demand(0, wanted=False)
            self._reopen_ns[notice.name] = now_ns + REOPEN_NS
        else:
            self.give_up(notice.name, BusError(f"the channel {notice.name!r} is gone: {notice.reason}"))

    def give_up(self, name: str, error: SightlineError) -> None:
        """Its channel does not come again: whoever puts gets `error`."""
        writer = self.by_name.pop(name, None)
        if writer is not None:
            writer.outbox.gone(error)

    def _open_again(self, writer: Writer, now_ns: int) -> None:
        name = writer.outbox.name

        def failed(error: SightlineError) -> None:
            if self._lanes is None:
                return
            missing = isinstance(error, HubError) and error.code == Code.MISSING
            if missing and name not in self._own:
                self._reopen_ns[name] = now_ns + REOPEN_NS
            else:
                self.give_up(name, error)

        self.open(writer, ignore, failed)
