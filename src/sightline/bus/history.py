"""What a broker in memory keeps of one topic, and up to which bound. Pure.

Either the newest messages (`History`), or the newest of each key (`LastOfEachKey`). Who reads it, and that
offsets come in their order, is the broker's business.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import takewhile
from typing import Final, TypeAlias

from sightline.bus.log import Ends
from sightline.bus.promise import Message


class History:
    """The newest messages of a topic, without a hole.

    Args:
        max_bytes: what they may weigh together; the oldest go first. The newest stays, however large it is.
            0: nothing is kept, and offsets are only counted.
    """

    compacted: Final = False

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._kept: dict[int, Message] = {}
        self._bytes = 0
        self.next = 0

    @property
    def first(self) -> int:
        return self.next - len(self._kept)

    @property
    def lost_before(self) -> int:
        """Below this, messages are gone whose turn may still have been to come."""
        return self.first

    @property
    def ends(self) -> Ends:
        return Ends(self.first, self.next)

    def add(self, message: Message) -> None:
        """`message.offset` must be `next`."""
        self.next += 1
        if not self._max_bytes:
            return
        self._kept[message.offset] = message
        self._bytes += message.size
        while self._bytes > self._max_bytes and len(self._kept) > 1:
            self._bytes -= self._kept.pop(self.first).size

    def since(self, offset: int) -> Iterable[Message]:
        """Kept messages from `offset` on, which must not be below `first`; for use before the next `add`."""
        return map(self._kept.__getitem__, range(offset, self.next))


class LastOfEachKey:
    """The newest message of each key, in the order of their offsets.

    Args:
        max_bytes: what they may weigh together; the keys written to least recently go first. The newest
            stays, however large it is.

    Attributes:
        lost_before: below this, keys had to make room. A message that a newer one of its key took the place
            of is not lost.
    """

    compacted: Final = True

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._kept: dict[bytes | None, Message] = {}
        self._bytes = 0
        self.next = self.lost_before = 0

    @property
    def first(self) -> int:
        return next((message.offset for message in self._kept.values()), self.next)

    @property
    def ends(self) -> Ends:
        return Ends(self.first, self.next)

    def add(self, message: Message) -> None:
        """`message.offset` must be `next`."""
        self.next += 1
        replaced = self._kept.pop(message.key, None)
        self._kept[message.key] = message
        self._bytes += message.size - (replaced.size if replaced else 0)
        while self._bytes > self._max_bytes and len(self._kept) > 1:
            oldest = self._kept.pop(next(iter(self._kept)))
            self._bytes -= oldest.size
            self.lost_before = oldest.offset + 1

    def since(self, offset: int) -> Iterable[Message]:
        """Kept messages from `offset` on; for use before the next `add`."""
        return reversed(list(self._newest_down_to(offset)))

    def _newest_down_to(self, offset: int) -> Iterator[Message]:
        return takewhile(lambda message: message.offset >= offset, reversed(self._kept.values()))


Kept: TypeAlias = History | LastOfEachKey
