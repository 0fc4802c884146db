"""How far a reader has come in each channel, across reconnects and restarts of the hub.

Pure. Offsets count on one hub; another hub (after a restart) begins anew, so there what is missing is found
by the writers' own numbers, each under its writer's session. It promises: what was received once is not given
twice, and what is missing is told once, as a gap before the message that follows it. Where the hub leaves
messages out by the reader's own wish (fill rate, replaced by key), a gap found here counts those too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

import msgspec

from sightline.hub.wire.header import KEYFRAME, Head

DISCONNECTED: Final = "disconnected"
HUB_RESTART: Final = "hub_restart"
_SESSIONS: Final = 1024


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """Messages that this reader does not get.

    `reason` is one of `sightline.overflow.Reason`; or `disconnected`: they went by while the connection was
    down; `hub_restart`: an earlier hub had them when it ended; `deleted`, `expired`, `owner_gone`: an earlier
    channel of this name did.
    """

    channel: str
    first_offset: int
    last_offset: int
    messages: int
    reason: str


class _Position:
    """In one channel.

    Attributes:
        held: a gap of the hub's that waits for the numbers of the one writer, which tell what of it was had.
        unsure: sessions whose numbers were not compared since the channel began anew.
        lost_from: the offset before that.
        why: it did.
        told: messages that were told missing, and whose numbers no writer has passed over yet.
        whole: whether nothing is missing since a keyframe.
    """

    __slots__ = ("held", "hub", "lost_from", "next_offset", "next_seqs", "told", "unsure", "whole", "why")

    def __init__(self, hub: bytes, next_offset: int) -> None:
        self.hub = hub
        self.next_offset = next_offset
        self.lost_from = next_offset
        self.next_seqs: dict[bytes, int] = {}
        self.unsure: set[bytes] = set()
        self.why = HUB_RESTART
        self.told = 0
        self.held: Gap | None = None
        self.whole = False

    def begin_anew(self, why: str) -> None:
        self.hub = b""
        self.lost_from = self.next_offset
        self.unsure = set(self.next_seqs)
        self.why = why
        self.held = None  # the numbers will tell of it
        self.whole = False

    def as_it_is(self) -> Arrival:
        """Nothing can be compared: what was held back is told as the hub did."""
        held, self.held = self.held, None
        if held is not None:
            self.told += held.messages
        return Arrival(0, None, held)


class Arrival(NamedTuple):
    """Of a frame: how many of its first messages came before, and the gaps in front of the others."""

    skip: int
    gap: Gap | None
    held: Gap | None = None


_AS_IT_IS: Final = Arrival(0, None)


class Positions:
    """Of one subscription, by channel name."""

    def __init__(self) -> None:
        self._positions: dict[str, _Position] = {}

    def seen(self) -> Mapping[str, tuple[bytes, int]]:
        """For `Subscribe`: the hub's id and the offset that comes next, by channel."""
        return {
            name: (position.hub, position.next_offset)
            for name, position in self._positions.items()
            if position.hub
        }

    def whole(self) -> tuple[str, ...]:
        """For `Subscribe`: the channels of which the next message can be decoded."""
        return tuple(name for name, position in self._positions.items() if position.hub and position.whole)

    def attached(self, name: str, hub: bytes, next_offset: int) -> Gap | None:
        """Messages of this channel come from `next_offset` on; the gap since the last connection, if any."""
        position = self._positions.get(name)
        if position is None:
            self._positions[name] = _Position(hub, next_offset)
            return None
        if position.hub not in (hub, b""):
            position.begin_anew(HUB_RESTART)
        before, position.next_offset = position.next_offset, next_offset
        anew, position.hub = position.hub != hub, hub
        if anew or next_offset <= before:
            return None
        position.told += next_offset - before
        position.whole = False
        return _gap(name, before, next_offset - before, DISCONNECTED)

    def detached(self, name: str, why: str) -> None:
        """The channel is gone; where one of this name comes again, its offsets begin anew."""
        position = self._positions.get(name)
        if position is not None:
            position.begin_anew(why)

    def began(self, name: str, hub: bytes, next_offset: int) -> None:
        """What came before does not count: somebody else may have had it."""
        self._positions[name] = _Position(hub, next_offset)

    def moved(self, name: str, next_offset: int) -> None:
        """The reader went there by its own wish."""
        position = self._positions.get(name)
        if position is not None:
            position.next_offset = next_offset
            position.whole = False

    def data(self, name: str, head: Head, session: bytes | None) -> Arrival:
        """A frame of messages came. `session`: of its writer, where that is known."""
        position = self._positions[name]
        position.next_offset = head.offset + head.messages
        if head.flags & KEYFRAME:
            position.whole = True
        if session is None:
            return position.as_it_is()
        known = position.next_seqs.get(session)
        end = head.seq + head.messages
        if known is None:
            if len(position.next_seqs) == _SESSIONS:
                del position.next_seqs[next(iter(position.next_seqs))]
            position.next_seqs[session] = end
            return position.as_it_is()
        if session in position.unsure:
            position.next_seqs[session] = max(end, known)
            return _compared(name, position, head, session, known)
        position.next_seqs[session] = end
        if position.told:
            position.told -= max(0, min(head.seq - known, position.told))
        return _AS_IT_IS

    def gap(self, gap: Gap) -> Gap | None:
        """The hub reports a gap; what of it was not yet told."""
        position = self._positions[gap.channel]
        position.whole = False
        first, position.next_offset = (
            max(gap.first_offset, position.next_offset),
            max(gap.last_offset + 1, position.next_offset),
        )
        if first > gap.last_offset:
            return None
        messages = min(gap.messages, gap.last_offset - first + 1)
        new = msgspec.structs.replace(gap, first_offset=first, messages=messages)
        if position.unsure and position.why == HUB_RESTART and len(position.next_seqs) == 1:
            # Its writer sent again what the earlier hub had not acknowledged, though we may have it.
            position.held = _joined(position.held, new)
            return None
        position.told += messages
        return new


def _compared(name: str, position: _Position, head: Head, session: bytes, known: int) -> Arrival:
    """The first frames of a writer that come from another hub, against what came from the one before."""
    held, position.held = position.held, None
    if head.seq + head.messages <= known:
        return Arrival(head.messages, None)
    position.unsure.discard(session)
    if head.seq <= known:
        return Arrival(known - head.seq, None)
    told = min(position.told, head.seq - known)
    position.told -= told
    missing = head.seq - known - told
    if held is not None:
        held = msgspec.structs.replace(held, messages=min(held.messages, missing))
        missing -= held.messages
    lost = _gap(name, position.lost_from, missing, position.why) if missing else None
    return Arrival(0, lost, held if held is not None and held.messages else None)


def _joined(gap: Gap | None, behind: Gap) -> Gap:
    """Under the reason of the first."""
    if gap is None:
        return behind
    return msgspec.structs.replace(
        gap, last_offset=behind.last_offset, messages=gap.messages + behind.messages
    )


def _gap(name: str, first_offset: int, messages: int, reason: str) -> Gap:
    return Gap(
        channel=name,
        first_offset=first_offset,
        last_offset=first_offset + messages - 1,
        messages=messages,
        reason=reason,
    )
