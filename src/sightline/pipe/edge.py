"""Where an edge begins, which is a wire from a routine of one flow to a routine of another.

An `Outlet` outlives what carries it: when the flow at the other end dies, what was
under way is counted as `lost` (of a `record` wire as `incomplete`), what was not sent is kept within the
wire's capacity, and the next trunk carries it on. It waits for nobody. For the other end see `landing`.

It may be changed while it is used (`relink`), and nothing is lost by that. Where another transmitter is
to change data, what was put before goes first, and a mark behind it tells the other end.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from sightline.errors import Closed
from sightline.log import Repeated, get_logger
from sightline.overflow import BufferStats, Overflow, Reason
from sightline.pipe.accounts import (
    END_DROPPED,
    END_WORDS,
    ENTERED,
    LEFT,
    PEAK,
    SENT_BYTES,
    Drops,
    begin_trunk,
    end_trunk,
)
from sightline.pipe.codec import Codec, Packed, Packer, bytes_of
from sightline.pipe.credit import Credit
from sightline.pipe.frames import MOST_GRANTED
from sightline.pipe.ledger import private
from sightline.pipe.message import Message
from sightline.pipe.settings import Policy, WireSettings
from sightline.pipe.transmitters import DataTransmitter, changes_alike

BATCH: Final = 64
"""Messages that go together at most, and from so many on at once."""


class Carrier(Protocol):
    """What takes an outlet's messages to the other flow: a trunk.

    Attributes:
        number: that no other of the pipe ever has.
    """

    number: int

    def has(self, outlet: Outlet, count: int) -> None:
        """There are so many messages in it that may be sent, or its end is to be told."""


class Outlet:
    """Where a routine's messages leave its flow. Its writer is one thread at a time.

    Args:
        settings: of the wire.
        codec: of the flow.
        transmitter: how data is changed on its way.
        words: the account that its counts stand in, as well; None: one of its own.
        lock: its own, and that of other outlets with the same account.

    A lossless one takes what there is credit for, and nothing while it is not carried; a live one takes all,
    and drops by its rule what there is no credit for. What cannot be pickled is `unsendable`, and logged.
    """

    def __init__(
        self,
        settings: WireSettings,
        codec: Codec,
        transmitter: DataTransmitter | None = None,
        *,
        words: memoryview | None = None,
        lock: threading.Lock | None = None,
    ) -> None:
        self._codec, self._transmitter = codec, transmitter
        self._set(settings)
        self._packer = codec.packer(transmitter, wait=self._waits)
        self._next: Packer | None = None
        self._changes = self._changes_due = 0
        self._on_room: Callable[[], None] = _nobody
        self._words = words = private(END_WORDS) if words is None else words
        self._drops = Drops(words, END_DROPPED)
        self._lock = lock or threading.Lock()
        self._held: deque[Packed] = deque()
        self._credit: Credit | None = None
        self._carrier: Carrier | None = None
        self._wanting = self._over = self._end_told = self._closed = False
        self._entered = self._arrived = 0
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
        if self._next is not None and not self._turned_over():
            return 0
        count = len(messages)
        # At a glance, without the lock: room for its one writer only grows, while it is carried.
        if self._closed or (self._waits and self._room() < count):
            count = self._may_take(count)
            messages = messages[:count]
        packed = []
        for message in messages:
            try:
                packed.append(self._packer.pack(message))
            except Exception as error:  # noqa: BLE001 - of whoever's data
                self._unsendable.add(source=message.source, number=message.number, error=repr(error))
        with self._lock:
            self._entered += count
            self._words[ENTERED] += count
            if len(packed) < count:
                self._drop("unsendable", count - len(packed))
            self._enter(packed)
            carrier, sendable = self._carrier, self.sendable
        if sendable and carrier is not None:
            carrier.has(self, sendable)
        return count

    def ended(self) -> None:
        """The source has given its last; told behind all that was put, and to each new carrier."""
        self._over, self._end_told = True, False
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

    def relink(self, settings: WireSettings, transmitter: DataTransmitter | None) -> None:
        """Be so from now on; what it holds goes as it was put."""
        with self._lock:
            self._set(settings)
            packer = self._codec.packer(transmitter, wait=self._waits)
            if self._next is None and changes_alike(self._transmitter, transmitter):
                self._packer = packer
            else:
                self._next = packer
                self._changes += 1
            self._transmitter = transmitter
        self._on_room()

    def close(self) -> None:
        """Take nothing more, and drop what was not sent. Again is allowed."""
        with self._lock:
            self._closed = True
            self._drop(self._why("closed"), len(self._held))
            self._held.clear()
            carrier = self._carrier
        self._unsendable.flush()
        if carrier is not None:
            carrier.has(self, 0)
        self._on_room()

    # For whatever carries it.

    def carried(self, carrier: Carrier) -> None:
        """By this one from now on."""
        with self._lock:
            self._leave()
            self._carrier, self._credit = carrier, Credit()
            self._end_told = False
            if self._next is not None:  # the other end is new, and knows the newest alone
                self._drop(self._why("lost"), len(self._held))
                self._held.clear()
                self._packer, self._next = self._next, None
            self._changes = self._changes_due = 0
            begin_trunk(self._words, carrier.number, self._words[LEFT])
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
            if self._credit is not None and batch:
                self._credit.sent += len(batch)
                self._words[LEFT] += len(batch)
                self._words[SENT_BYTES] += bytes_of(batch)
        return batch

    def take_changes(self) -> int:
        """How often the other end is to go on to the next transmitter now."""
        with self._lock:
            times, self._changes_due = self._changes_due, 0
            return times

    @property
    def closed(self) -> bool:
        """Whether nothing comes behind what was taken."""
        return self._closed

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

    def _turned_over(self) -> bool:
        """Whether what comes now may go by the transmitter that is to be next."""
        with self._lock:
            if self._held and self._waits and not self._closed:
                self._wanting = True
                return False
            self._drop(Reason.OVERFLOW, len(self._held))
            self._held.clear()
            if self._next is not None:
                self._packer, self._next = self._next, None
            self._changes_due, self._changes = self._changes_due + self._changes, 0
            return True

    def _may_take(self, count: int) -> int:
        with self._lock:
            if self._closed:
                raise Closed("this wire was closed")
            if self._waits:
                room = self._room()
                self._wanting = room < count
                return min(room, count)
        return count

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

    def _set(self, settings: WireSettings) -> None:
        self.settings = settings
        self._rule = settings.rule
        self._waits = settings.rule is Overflow.BLOCK
        self._peak_held = 0

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
        self._words[PEAK] = max(self._words[PEAK], self._peak_held)
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
            # What the other end has, and could not say any more, is not lost: the two accounts tell.
            self._dropped[self._why("lost")] += self._credit.under_way
            end_trunk(self._words)
        self._carrier = self._credit = None

    def _why(self, why: str) -> str:
        return "incomplete" if self.settings.policy is Policy.RECORD else why

    def _drop(self, why: str, count: int) -> None:
        self._dropped[why] += count
        self._drops.add(why, count)


def _nobody() -> None:
    """Told, and not interested."""
