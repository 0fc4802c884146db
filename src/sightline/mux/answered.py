"""Which requests were answered of late, and how: so that what comes again is not done again. Pure."""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

from sightline.bus import Message
from sightline.clock import ns
from sightline.errors import WireError
from sightline.mux.requests import Id


class _Kept(NamedTuple):
    at_ns: int
    asked: int
    reply: bytes


class Answered:
    """The answers of late, by the ids of their requests.

    Args:
        most: answers that are remembered; the oldest go first, here as below.
        most_bytes: of them together.
        most_age_s: how long.
    """

    def __init__(self, *, most: int = 1024, most_bytes: int = 4 * 2**20, most_age_s: float = 600.0) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._most_age_ns = ns(most_age_s)
        self._kept: OrderedDict[Id, _Kept] = OrderedDict()
        self._bytes = 0

    def keep(self, message: Message, request_id: Id, reply: bytes, now_ns: int) -> None:
        """Remembers the answer to a request that was not answered before."""
        self._kept[request_id] = _Kept(now_ns, _sense(message), reply)
        self._bytes += len(reply)
        while len(self._kept) > self._most or self._bytes > self._most_bytes:
            self._forget_oldest()

    def to(self, message: Message, request_id: Id, now_ns: int) -> bytes | None:
        """The answer that this very message had; None where none is remembered.

        Raises:
            WireError: another message had this id.
        """
        while self._kept and now_ns - next(iter(self._kept.values())).at_ns > self._most_age_ns:
            self._forget_oldest()
        kept = self._kept.get(request_id)
        if kept is None:
            return None
        if kept.asked != _sense(message):
            raise WireError("expected an id of its own, got that of another request of late")
        return kept.reply

    def _forget_oldest(self) -> None:
        _, kept = self._kept.popitem(last=False)
        self._bytes -= len(kept.reply)


def _sense(message: Message) -> int:
    return hash((message.key, message.value))
