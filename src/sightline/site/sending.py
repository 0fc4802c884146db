"""One stream's packets from whoever captures it onto the bus, and the word behind them that it is over.

Whoever reads a camera never waits for a broker: its packets stand in line here, and where the bus takes them
too slowly, or is away, they are dropped up to a keyframe and counted. A file waits instead: none of its
packets may be missing. Where its readers are other processes it also waits for the first of them. Within a
process the bus never is away, and packets need no line.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final, NamedTuple

import msgspec

from sightline.buffer import Buffer, Capacity, Overflow
from sightline.bus import Bus, PacketTopics, Stream, publish_end, publish_packet
from sightline.capture import CameraInput
from sightline.clock import SYSTEM_CLOCK, Clock
from sightline.errors import BufferFull, BusError, Closed
from sightline.log import Repeated, get_logger
from sightline.overflow import Reason
from sightline.packet import Packet

_LINE: Final = Capacity(count=1024, bytes=64 * 2**20, age_s=5.0)
"""Of a live stream: some seconds, in which a broker may be begun again."""
_STOP_S: Final = 0.5
_LOOK_S: Final = 0.2


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the packets that were captured: taken = published + failed + dropped + waiting.

    Attributes:
        published: that the bus took; one that is lost later may have had them.
        failed: that it refused.
        dropped: that it was too slow for, by reason; and `killed` with their process.
        waiting: in line for it.
    """

    published: int = 0
    failed: int = 0
    dropped: dict[str, int] = {}
    waiting: int = 0

    @property
    def taken(self) -> int:
        """All that was captured."""
        return self.published + self.failed + sum(self.dropped.values()) + self.waiting

    @property
    def unsent(self) -> dict[str, int]:
        """Those that never came onto the bus, by reason."""
        return {**self.dropped, "refused": self.failed} if self.failed else self.dropped

    def __add__(self, other: Sent) -> Sent:
        return Sent(
            published=self.published + other.published,
            failed=self.failed + other.failed,
            dropped=dict(Counter(self.dropped) + Counter(other.dropped)),
            waiting=self.waiting + other.waiting,
        )

    def lost(self) -> Sent:
        """The same when what waited is gone."""
        dropped = dict(Counter(self.dropped) + Counter(killed=self.waiting))
        return Sent(published=self.published, failed=self.failed, dropped=dropped)


class Tally(NamedTuple):
    """Where a stream's counts go as they are made: how many packets were taken, and published.

    One that is published now is counted before: so nobody ever has more of them than were.
    """

    taken: Callable[[int], object]
    published: Callable[[int], object]


def _nobody(_count: int) -> None: ...


NOT_TOLD: Final = Tally(_nobody, _nobody)


class Gate:
    """Holds a camera's first packets back until somebody would get them; open from then on.

    Args:
        bus: where they are to go.
        topics: of the camera's streams; a reader of one is enough, as it may want no other.
        holds: whether it is never open for good: what comes waits whenever nobody would get it.
    """

    def __init__(self, bus: Bus, topics: Sequence[str], *, holds: bool = False) -> None:
        self._bus = bus
        self._topics = topics
        self.holds = holds
        self._open = False
        self.waits_for = ""
        """The topics for a reader of which it waits, in words; empty while it does not."""

    def pass_through(self) -> None:
        """Wait until it is open. Raises BusError, and Closed where the bus is closed before."""
        if self._open:
            return
        try:
            while not any(self._bus.wait_wanted(topic, _LOOK_S) for topic in self._topics):
                self.waits_for = " or ".join(self._topics)
            self._open = not self.holds
        finally:
            self.waits_for = ""


class Sending:
    """See the module.

    Args:
        bus: where to.
        camera: what is captured.
        stream: which of its streams.
        topics: where on the bus.
        waits: whether the bus sets the pace; else packets stand in line, on whose thread they go out.
        gate: what they wait for before all else; only where the bus sets the pace.
        tally: is told of each packet.
    """

    def __init__(
        self,
        bus: Bus,
        camera: CameraInput,
        stream: Stream,
        topics: PacketTopics,
        *,
        waits: bool,
        gate: Gate | None = None,
        tally: Tally = NOT_TOLD,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._bus = bus
        self._tally = tally
        self._gate = gate
        self._camera_id = camera.camera_id
        self._stream = stream
        self._topics = topics
        self._waits = waits
        self._taken = self._published = self._failed = self._late = 0
        self._trouble = Repeated(get_logger("sightline.site"), "packets not published", clock=clock)
        self._line: Buffer[Packet] = Buffer(
            _LINE,
            Overflow.DROP_TO_KEYFRAME,
            size=lambda packet: len(packet.data),
            keyframe=lambda packet: packet.keyframe,
            clock=clock,
        )
        self._over = False
        self._thread: threading.Thread | None = None
        if not waits:
            self._begin(self._send_line)

    def put(self, packet: Packet) -> None:
        """Send a packet on. Raises BusError or BufferFull where the bus refused it and is waited for."""
        self._taken += 1
        self._tally.taken(self._taken)
        if not self._waits:
            self._stand_in_line(packet)
            return
        try:
            if self._gate is not None:
                self._gate.pass_through()
            self._publish(packet)
        except (BusError, BufferFull, Closed):
            self._failed += 1
            raise
        self._published += 1

    def end(self) -> None:
        """Say behind the last packet that the stream is over."""
        self._over = True
        self._line.close()
        if self._waits:
            # In a thread: like a packet it may have to wait for a reader's room.
            self._begin(self._send_end)

    @property
    def waits_for(self) -> str:
        """The topics for a reader of which it waits, in words; empty while it does not."""
        return "" if self._gate is None else self._gate.waits_for

    @property
    def ended(self) -> bool:
        """Whether the bus has that word, or will never have it."""
        return self._over and self._thread is not None and not self._thread.is_alive()

    def sent(self) -> Sent:
        published, failed = self._published, self._failed  # first: what waits is never too little
        if self._waits:
            return Sent(published=published, failed=failed)
        line = self._line.stats()
        dropped = Counter({str(reason): count for reason, count in line.dropped.items()})
        waiting = line.entered - dropped.total() - published - failed
        dropped[Reason.CLOSED] += self._late
        return Sent(published=published, failed=failed, dropped=dict(+dropped), waiting=waiting)

    def stop(self) -> None:
        """Drop what is in line. The bus is to be closed then, which frees whoever waits for it."""
        self._line.close(discard=True)

    def join(self) -> None:
        """Wait for the end of what was stopped."""
        if self._thread is not None:
            self._thread.join(_STOP_S)
        self._trouble.flush()

    def _begin(self, work: Callable[[], None]) -> None:
        self._thread = threading.Thread(target=work, name=f"send {self._camera_id}", daemon=True)
        self._thread.start()

    def _stand_in_line(self, packet: Packet) -> None:
        try:
            self._line.put(packet)
        except Closed:  # it is being stopped
            self._late += 1

    def _publish(self, packet: Packet) -> None:
        self._tally.published(self._published + 1)
        try:
            publish_packet(self._bus, packet, self._stream, self._topics)
        except BaseException:
            self._tally.published(self._published)
            raise

    def _send_line(self) -> None:
        try:
            while True:
                for packet in self._line.take():
                    self._send_one(packet)
        except Closed:
            if self._over:
                self._send_end()

    def _send_one(self, packet: Packet) -> None:
        try:
            self._publish(packet)
        except (BusError, BufferFull, Closed) as error:
            self._failed += 1
            if not isinstance(error, Closed):
                self._trouble.add(camera=self._camera_id, error=str(error))
        else:
            self._published += 1

    def _send_end(self) -> None:
        with suppress(Closed, BusError):
            if self._gate is not None and self._gate.holds:
                self._gate.pass_through()
            publish_end(self._bus, self._camera_id, self._stream, self._topics)
