"""Where an edge begins, which is a wire from a routine of one flow to a routine of another.

An `Outlet` outlives what carries it: when the flow at the other end dies, what was
under way is counted as `lost` (of a `record` wire as `incomplete`), what was not sent is kept within the
wire's capacity, and the next trunk carries it on. It waits for nobody. For the other end see `landing`.

It may be changed while it is used (`relink`), and nothing is lost by that: what was put before goes first, as
it was packed, and each batch says the version of the wire that it was packed for.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import Final, Protocol

from sightline.errors import Closed
from sightline.log import Repeated, get_logger
from sightline.overflow import BufferStats, Overflow, Reason
from sightline.pipe.counts.accounts import (
    END_DROPPED,
    END_WORDS,
    ENTERED,
    LEFT,
    PEAK,
    SENT_BYTES,
    Drops,
    begin_trunk,
    end_stats,
    end_trunk,
)
from sightline.pipe.counts.ledger import private
from sightline.pipe.message import Message
from sightline.pipe.settings import Policy, WireSettings
from sightline.pipe.transmitters import DataTransmitter
from sightline.pipe.wires.codec import Codec, Packed, Packer
from sightline.pipe.wires.credit import Credit
from sightline.pipe.wires.frames import MOST_GRANTED, Lent

BATCH: Final = 64
"""Messages that go together at most, and from so many on at once."""
BATCH_BYTES: Final = 2**20
"""That go together at most, beside what is shared: of more the reader would keep all for any, and other edges
would wait for their turn. A message that has more goes alone."""


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
        version: of the wire, as far as that goes: its other end changes data back by it.
        words: the account that its counts stand in, as well; None: one of its own.
        lock: its own, and that of other outlets with the same account.

    Attributes:
        settings, words: as given.

    A lossless one takes what there is credit for, and nothing while it is not carried; a live one takes all,
    and drops by its rule what there is no credit for. What cannot be pickled is `unsendable`, and logged.
    """

    def __init__(
        self,
        settings: WireSettings,
        codec: Codec,
        transmitter: DataTransmitter | None = None,
        *,
        version: int = 0,
        words: memoryview | None = None,
        lock: threading.Lock | None = None,
    ) -> None:
        self._codec = codec
        self._peak_held = 0
        self._set(settings, self._packer_of(settings, transmitter, version))
        self._on_room: Callable[[], None] = _nobody
        self.words = words = private(END_WORDS) if words is None else words
        self._drops = Drops(words, END_DROPPED)
        self._lock = lock or threading.Lock()
        self._held: deque[Packed] = deque()
        self._credit: Credit | None = None
        self._carrier: Carrier | None = None
        self._wanting = self._over = self._end_told = self._closed = self._close_told = False
        self._unsendable = Repeated(get_logger("sightline.pipe"), "message cannot be sent")

    # For its writer.

    def listen(self, on_room: Callable[[], None]) -> None:
        """Call `on_room`, from any thread, when something that was not taken may be taken now."""
        self._on_room = on_room

    def pack(self, messages: Sequence[Message]) -> None:
        """Whatever becomes of their data, send them as they are now; what fails, `put_many` counts."""
        try:
            for message in messages:
                self._packer.pack(message)
        except BaseException:  # noqa: BLE001 - of whoever's data: that one alone
            for message in messages:
                with suppress(BaseException):
                    self._packer.pack(message)

    def put_many(self, messages: Sequence[Message]) -> int:
        """Take messages, in order, as they are now. How many it took; the caller keeps the others.

        Raises:
            Closed: after `close`.
        """
        count = len(messages)
        # At a glance, without the lock: room for its one writer only grows, while it is carried.
        if (self._waits and self._room() < count) or self._closed:
            count = self._may_take(count)
            messages = messages[:count]
        while True:
            packer = self._packer
            packed = self._pack(packer, messages)
            with self._lock:
                if packer is not self._packer:  # it was changed meanwhile
                    continue
                self.words[ENTERED] += count
                if len(packed) < count:
                    self._drops.add("unsendable", count - len(packed))
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
        """What became of what was put, as far as this end knows: what left was sent."""
        return end_stats(self.words, self.settings.capacity)

    def relink(self, settings: WireSettings, transmitter: DataTransmitter | None, version: int) -> None:
        """Be so from now on; what it holds goes as it was put."""
        packer = self._packer_of(settings, transmitter, version)
        with self._lock:
            self._set(settings, packer)
        self._on_room()

    def close(self) -> None:
        """Take nothing more; what there is no credit for is dropped. Again is allowed."""
        with self._lock:
            self._closed = True
            self._drop_held(self._why("closed"), len(self._held) - self.sendable)
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
            # The other end is new, and knows the newest version alone.
            older = sum(packed.version != self._packer.version for packed in self._held)
            self._drop_held(self._why("lost"), older)
            begin_trunk(self.words, carrier.number, self.words[LEFT])
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
        """What is to be sent next, of one version; it is under way from now on."""
        with self._lock:
            held, credit = self._held, self._credit
            count, size = self._turn(0 if credit is None else min(BATCH, credit.left))
            if credit is None or not count:
                return []
            credit.sent += count  # before it leaves: whoever glances in between sees less room, not more
            self.words[LEFT] += count
            self.words[SENT_BYTES] += size
            return [held.popleft() for _ in range(count)]

    def take_end(self) -> bool:
        """Whether the end is to be told now; once."""
        with self._lock:
            now = self._over and not self._held and not self._end_told
            self._end_told = self._end_told or now
            return now

    def take_close(self) -> bool:
        """Whether it is to be told now that nothing comes behind what was taken; once."""
        with self._lock:
            now = self._closed and not self._held and not self._close_told
            self._close_told = self._close_told or now
            return now

    @property
    def sendable(self) -> int:
        """How many messages wait here that may be sent."""
        held, credit = len(self._held), self._credit
        return 0 if credit is None else held if held <= (left := credit.left) else left

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
        held, credit = len(self._held), self._credit  # in the order in which `take` does not change them
        return 0 if credit is None or (left := credit.left) < held else left - held

    def _packer_of(self, settings: WireSettings, transmitter: DataTransmitter | None, version: int) -> Packer:
        return self._codec.packer(transmitter, version, wait=settings.rule is Overflow.BLOCK)

    def _pack(self, packer: Packer, messages: Sequence[Message]) -> list[Packed]:
        try:
            return [packer.pack(message) for message in messages]
        except BaseException:  # noqa: BLE001 - of whoever's data; `sys.exit` ends nothing either
            return list(self._packed_singly(packer, messages))

    def _packed_singly(self, packer: Packer, messages: Sequence[Message]) -> Iterator[Packed]:
        for message in messages:
            try:
                yield packer.pack(message)
            except BaseException as error:  # noqa: BLE001 - as above
                self._unsendable.add(source=message.source, number=message.number, error=repr(error))

    # With the lock held.

    def _set(self, settings: WireSettings, packer: Packer) -> None:
        self.settings, self._rule, self._packer = settings, settings.rule, packer
        self._waits = settings.rule is Overflow.BLOCK

    def _enter(self, packed: Sequence[Packed]) -> None:
        held, capacity = self._held, self.settings.capacity
        if self._closed:
            self._drop(self._why("closed"), packed)
            return
        held.extend(packed)
        if len(held) > self._peak_held:
            self._peak_held = min(len(held), capacity)
            self.words[PEAK] = max(self.words[PEAK], self._peak_held)
        if len(held) > capacity and not self._waits:
            self._drop(Reason.OVERFLOW, self._make_room(len(held) - capacity))

    def _turn(self, most: int) -> tuple[int, int]:
        """How many messages go together, and the bytes of their data, wherever these lie."""
        count = inline = shared = granted = 0
        for packed in islice(self._held, most):
            more = len(packed.pickled)
            if packed.aside:
                lent = [one.size for one in packed.aside if isinstance(one, Lent)]
                more += sum(len(one) for one in packed.aside if not isinstance(one, Lent))
                granted, shared = granted + len(lent), shared + sum(lent)
            if count and (
                inline + more > BATCH_BYTES
                or granted > MOST_GRANTED
                or packed.version != self._held[0].version
            ):
                break
            count, inline = count + 1, inline + more
        return count, inline + shared

    def _make_room(self, over: int) -> list[Packed]:
        """What is to be dropped."""
        held, capacity = self._held, self.settings.capacity
        if self._rule is Overflow.DROP_NEWEST:
            return [held.pop() for _ in range(over)]
        if self._rule is Overflow.CLEAR:  # each that found it full cleared it
            over = (len(held) - 1) // capacity * capacity
        return [held.popleft() for _ in range(over)]

    def _leave(self) -> None:
        """What the other end has, and could not say any more, is not lost: the two accounts tell."""
        if self._credit is not None:
            end_trunk(self.words)
        self._carrier = self._credit = None
        if self._closed:
            self._drop_held(self._why("closed"), len(self._held))

    def _why(self, why: str) -> str:
        return "incomplete" if self.settings.policy is Policy.RECORD else why

    def _drop_held(self, why: str, count: int) -> None:
        """The first so many."""
        self._drop(why, [self._held.popleft() for _ in range(count)])

    def _drop(self, why: str, some: Sequence[Packed]) -> None:
        self._drops.add(why, len(some))
        self._packer.dropped(some)


def _nobody() -> None:
    """Told, and not interested."""
