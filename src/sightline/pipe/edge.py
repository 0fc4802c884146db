"""The two ends of an edge, which is a wire from a routine of one flow to a routine of another.

An `Outlet` is where it begins. It outlives what carries it: when the flow at the other end dies, what was
under way is counted as `lost` (of a `record` wire as `incomplete`), what was not sent is kept within the
wire's capacity, and the next trunk carries it on. A `Landing` is where it ends, for one trunk. Neither waits.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import Final, Protocol

import msgspec

from sightline.errors import Closed
from sightline.log import Repeated, get_logger
from sightline.overflow import BufferStats, Overflow, Reason
from sightline.pipe.codec import Codec, Packed
from sightline.pipe.credit import Credit, Window
from sightline.pipe.frames import MOST_GRANTED
from sightline.pipe.inlet import Inlet
from sightline.pipe.message import Message
from sightline.pipe.settings import Policy, WireSettings
from sightline.pipe.transmitters import DataTransmitter

BATCH: Final = 64
"""Messages that go together at most, and from so many on at once."""


class Carrier(Protocol):
    """What takes an outlet's messages to the other flow: a trunk."""

    def has(self, outlet: Outlet, count: int) -> None:
        """There are so many messages in it that may be sent, or its end is to be told."""


class EdgeStats(msgspec.Struct, frozen=True, kw_only=True):
    """The counts at the end of an edge, since its trunk was made: arrived = taken + waiting + unreadable."""

    arrived: int
    taken: int
    waiting: int
    unreadable: int


class Outlet:
    """Where a routine's messages leave its flow. Its writer is one thread at a time.

    Args:
        settings: of the wire.
        codec: of the flow.
        transmitter: how data is changed on its way.

    A lossless one takes what there is credit for, and nothing while it is not carried; a live one takes all,
    and drops by its rule what there is no credit for. What cannot be pickled is `unsendable`, and logged.
    """

    def __init__(
        self, settings: WireSettings, codec: Codec, transmitter: DataTransmitter | None = None
    ) -> None:
        self.settings = settings
        self._rule = settings.rule
        self._waits = settings.rule is Overflow.BLOCK
        self._packer = codec.packer(transmitter, wait=self._waits)
        self._on_room: Callable[[], None] = _nobody
        self._lock = threading.Lock()
        self._held: deque[Packed] = deque()
        self._credit: Credit | None = None
        self._carrier: Carrier | None = None
        self._wanting = self._over = self._end_told = self._closed = False
        self._entered = self._arrived = self._peak_held = 0
        self._dropped: Counter[str] = Counter()
        self._unsendable = Repeated(get_logger("sightline.pipe"), "message cannot be sent")

    # For its writer.

    def listen(self, on_room: Callable[[], None]) -> None:
        """Call `on_room`, from any thread, when something that was not taken may be taken now."""
        self._on_room = on_room

    def put_many(self, messages: Sequence[Message]) -> int:
        """Take messages, in order, as they are now. How many it took; the caller keeps the others.

        Raises:
            Closed: after `close`.
        """
        count = len(messages)
        # At a glance, without the lock: room for its one writer only grows, while it is carried.
        if self._closed or (self._waits and self._room() < count):
            count = self._may_take(count)
            messages = messages[:count]
        packed = [one for message in messages if (one := self._packed(message)) is not None]
        with self._lock:
            self._entered += count
            if len(packed) < count:
                self._dropped["unsendable"] += count - len(packed)
            self._enter(packed)
            carrier, sendable = self._carrier, self.sendable
        if sendable and carrier is not None:
            carrier.has(self, sendable)
        return count

    def ended(self) -> None:
        """The source has given its last; told behind all that was put, and to each new carrier."""
        self._over = True
        self._list()

    def stats(self) -> BufferStats:
        """`left` are those that the other flow has read, `held` those that it has not, sent or not."""
        with self._lock:
            credit = self._credit or Credit()
            held = len(self._held) + credit.under_way
            return BufferStats(
                entered=self._entered,
                left=self._arrived + credit.arrived,
                dropped={why: count for why, count in self._dropped.items() if count},
                held=held,
                held_bytes=0,
                peak_held=max(self._peak_held, held),
                refused=0,
                fill=min(1.0, held / self.settings.capacity),
            )

    def close(self) -> None:
        """Take nothing more, and drop what was not sent. Again is allowed."""
        with self._lock:
            self._closed = True
            self._drop(self._why("closed"), len(self._held))
            self._held.clear()
        self._unsendable.flush()
        self._on_room()

    # For whatever carries it.

    def carried(self, carrier: Carrier) -> None:
        """By this one from now on."""
        with self._lock:
            self._leave()
            self._carrier, self._credit = carrier, Credit()
            self._end_told = False
        self._list()

    def dropped_by(self, carrier: Carrier) -> None:
        """What was under way there will not arrive."""
        with self._lock:
            if self._carrier is carrier:
                self._leave()

    def told(self, carrier: Carrier, limit: int, arrived: int) -> None:
        """The other end said so."""
        with self._lock:
            if self._carrier is not carrier or self._credit is None:
                return
            self._credit.told(limit, arrived)
            wanted = self._wanting and self._room() > 0
            self._wanting = self._wanting and not wanted
        self._list()
        if wanted:
            self._on_room()

    def take(self) -> list[Packed]:
        """What is to be sent next; it is under way from now on."""
        batch: list[Packed] = []
        with self._lock:
            most = 0 if self._credit is None else min(BATCH, self._credit.left)
            room, held = MOST_GRANTED, self._held
            for _ in range(min(most, len(held))):
                room -= len(held[0].aside)
                if room < 0:
                    break
                batch.append(held.popleft())
            if self._credit is not None:
                self._credit.sent += len(batch)
        return batch

    def take_end(self) -> bool:
        """Whether the end is to be told now; once."""
        with self._lock:
            now = self._over and not self._held and not self._end_told
            self._end_told = self._end_told or now
            return now

    @property
    def sendable(self) -> int:
        """How many messages wait here that may be sent."""
        credit = self._credit
        return 0 if credit is None else min(len(self._held), credit.left)

    def _may_take(self, count: int) -> int:
        with self._lock:
            if self._closed:
                raise Closed("this wire was closed")
            if self._waits:
                room = self._room()
                self._wanting = room < count
                return min(room, count)
        return count

    def _packed(self, message: Message) -> Packed | None:
        try:
            return self._packer.pack(message)
        except Exception as error:  # noqa: BLE001 - of whoever's data
            self._unsendable.add(source=message.source, number=message.number, error=repr(error))
            return None

    def _list(self) -> None:
        """Have it sent, if there is what may be."""
        with self._lock:
            carrier, sendable = self._carrier, self.sendable
            ending = self._over and not self._end_told and not self._held
        if carrier is not None and (sendable or ending):
            carrier.has(self, sendable)

    def _room(self) -> int:
        credit = self._credit
        return 0 if credit is None else max(0, credit.left - len(self._held))

    # With the lock held.

    def _enter(self, packed: Sequence[Packed]) -> None:
        held, capacity = self._held, self.settings.capacity
        if self._closed:
            self._drop(self._why("closed"), len(packed))
            return
        held.extend(packed)
        if len(held) <= self._peak_held:
            return
        self._peak_held = min(len(held), capacity)
        if len(held) > capacity and not self._waits:
            self._drop(Reason.OVERFLOW, self._make_room(len(held) - capacity))

    def _make_room(self, over: int) -> int:
        """How many it dropped."""
        held, capacity = self._held, self.settings.capacity
        if self._rule is Overflow.DROP_NEWEST:
            for _ in range(over):
                held.pop()
            return over
        if self._rule is Overflow.CLEAR:  # each that found it full cleared it
            over = (len(held) - 1) // capacity * capacity
        for _ in range(over):
            held.popleft()
        return over

    def _leave(self) -> None:
        if self._credit is not None:
            self._arrived += self._credit.arrived
            self._drop(self._why("lost"), self._credit.under_way)
        self._carrier = self._credit = None

    def _why(self, why: str) -> str:
        return "incomplete" if self.settings.policy is Policy.RECORD else why

    def _drop(self, why: str, count: int) -> None:
        self._dropped[why] += count


class Landing:
    """Where the messages of one edge go in, while one trunk brings them."""

    def __init__(self, inlet: Inlet, source: str, settings: WireSettings) -> None:
        self.source = source
        self._inlet = inlet
        self._window = Window(settings.capacity, waits=settings.rule is Overflow.BLOCK)
        self._lock = threading.Lock()
        self._waiting: deque[Message] = deque()
        self._ended = False
        self._unreadable = 0

    def land(self, messages: Sequence[Message], unreadable: int) -> None:
        """These came, and so many more of which nothing can be made."""
        with self._lock:
            self._window.arrived += len(messages) + unreadable
            self._window.taken += unreadable
            self._unreadable += unreadable
            self._waiting.extend(messages)
            self._pour()

    def end(self) -> None:
        """Nothing comes behind."""
        with self._lock:
            self._ended = True
            self._pour()

    def due(self, *, gladly: bool) -> bool:
        """Whether the writer's end is to be told of room; see `Window.due`."""
        with self._lock:
            self._pour()
            return self._window.due(self._inlet.room(self.source), gladly=gladly)

    def said(self) -> tuple[int, int]:
        """What it is told: limit, arrived."""
        return self._window.limit, self._window.arrived

    def stats(self) -> EdgeStats:
        with self._lock:
            window = self._window
            return EdgeStats(
                arrived=window.arrived,
                taken=window.taken - self._unreadable,
                waiting=len(self._waiting),
                unreadable=self._unreadable,
            )

    def _pour(self) -> None:
        if self._waiting:
            taken = self._inlet.put_many(tuple(self._waiting), self.source)
            self._window.taken += taken
            for _ in range(taken):
                self._waiting.popleft()
        if self._ended and not self._waiting:
            self._ended = False
            self._inlet.ended(self.source)


def _nobody() -> None:
    """Told, and not interested."""
