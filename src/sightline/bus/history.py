"""What a broker in memory keeps of one topic, and up to which bound. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from sightline.bus.log import Ends
from sightline.bus.promise import Message


class History:
    """The newest messages of a topic, without a hole.

    Args:
        max_bytes: what they may weigh together; the oldest go first. The newest stays, however large it is.
            0: nothing is kept, and offsets are only counted.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._kept: dict[int, Message] = {}
        self._bytes = 0
        self.next = 0

    @property
    def first(self) -> int:
        return self.next - len(self._kept)

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

    def since(self, offset: int) -> Iterator[Message]:
        """Kept messages from `offset` on, which must not be below `first`; for use before the next `add`."""
        return map(self._kept.__getitem__, range(offset, self.next))
