"""What came over a trunk, as messages again.

One that cannot be read costs that one, and is logged; how many of those there were, the caller sees. Its
pictures are given back all the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sightline.errors import WireError
from sightline.log import Repeated, get_logger
from sightline.pipe.message import UNREAD, Message
from sightline.pipe.transmitters import Change, as_it_is
from sightline.pipe.wires.codec import Unpacker
from sightline.pipe.wires.frames import FrameSpace
from sightline.shm.token import Token


class Reading:
    """Of one trunk, in its thread.

    Attributes:
        tokens: how many came so far.
    """

    def __init__(self, frames: FrameSpace | None) -> None:
        self.tokens = 0
        self._frames = frames
        self._unpacker = Unpacker()
        self._unreadable = Repeated(get_logger("sightline.pipe"), "message cannot be read")

    def messages(self, source: str, change: Change, records: Sequence[tuple[Any, ...]]) -> list[Message]:
        """Those that can be read, changed back as their transmitter says; what is plain is not read yet."""
        messages: list[Message] = []
        for record in records:
            number, made_ns, pickled = record[:3]
            if len(record) == 3 and change is as_it_is:
                message = Message(UNREAD, source, number, made_ns)
                message.packed = pickled
                messages.append(message)
                continue
            try:
                data = self._data(*record[2:])
                messages.append(Message(change(data), source, number, made_ns))
            except BaseException as error:  # noqa: BLE001 - of whoever's data; `sys.exit` ends nothing either
                self._unreadable.add(source=source, number=number, error=repr(error))
        return messages

    def learn(self, number: int, pickled: bytes) -> None:
        """A class of which objects will come."""
        try:
            self._unpacker.learn(number, pickled)
        except BaseException as error:  # noqa: BLE001 - of whoever's class; its objects cannot be read then
            self._unreadable.add(error=repr(error))

    def flush(self) -> None:
        """Log what was not logged yet."""
        self._unreadable.flush()

    def _data(self, pickled: bytes, aside: Sequence[Any] = (), whole: int | None = None) -> Any:
        return self._unpacker.data(pickled, self._views(aside), whole)

    def _views(self, aside: Sequence[Any]) -> list[memoryview]:
        """All are taken, also where one of them cannot be: what is not borrowed is not given back."""
        views: list[memoryview] = []
        failed: Exception | None = None
        for one in aside:
            try:
                views.append(self._view(one))
            except WireError as error:
                failed = error
        if failed is not None:
            raise failed
        return views

    def _view(self, one: Any) -> memoryview:
        if isinstance(one, memoryview) or self._frames is None:
            return memoryview(one)
        self.tokens += 1
        *token, start, size = one
        return self._frames.borrow(Token(*token))[start : start + size]
