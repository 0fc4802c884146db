"""Which packets of a camera belong to which clip, and when a clip is whole.

A pure machine over one camera's ring: packets, results and a time go in, what is to be written comes out.
Time within a clip is `captured_at_ns`; the clock that comes with each call only tells silence from speech.

A clip is wanted from `pre_s` before its trigger to `post_s` after its last. A result that triggers before
a clip's end makes it longer, as long as it stays within `max_s`; else it begins another clip, so that each
has all that was wanted around it in one. Results come later than packets, for a file much later: a clip is
whole once its packets are written *and* a result from behind its end has come, or could have. Until then
packets wait in the ring, which forgets only what no result can ask for any more.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple, TypeAlias

import msgspec

from sightline.clock import NS_PER_S, ns
from sightline.codec import PacketRing
from sightline.packet import Packet

LAG_S: Final = 30.0
"""How far results may come behind packets."""
SILENT_S: Final = 30.0
"""A clip ends without its last part when neither a packet nor a result has come for so long."""

# Pictures of open GOPs are shown before their keyframe; a clock that is set goes back by more.
_REORDERED_NS: Final = NS_PER_S


class Ended(StrEnum):
    """Why a clip ended."""

    WHOLE = "whole"
    """It has all that was wanted behind the trigger."""
    SOURCE_ENDED = "source_ended"
    """The file that it was cut from was over."""
    SILENT = "silent"
    """The camera sent nothing more."""
    CLOSED = "closed"
    """The sink was closed."""
    FAILED = "failed"
    """It could not be written to its end."""


class Trigger(msgspec.Struct, frozen=True, kw_only=True):
    """The detection that asked for a clip, and the packet that it was seen in."""

    label: str
    score: float
    track_id: int | None
    epoch: int
    index: int
    captured_at_ns: int


class Cut:
    """A clip while it is being cut.

    Attributes:
        trigger: the first.
        results: that asked for it so far.
        wanted_from_ns, wanted_to_ns: UTC ns of what it is to show.
    """

    def __init__(self, trigger: Trigger, wanted_from_ns: int, latest_ns: int, first: int) -> None:
        self.trigger = trigger
        self.results = 0
        self.wanted_from_ns = wanted_from_ns
        self.wanted_to_ns = wanted_from_ns
        self.next = first
        self.begins_ns = wanted_from_ns
        self._latest_ns = latest_ns

    def may_grow(self, to_ns: int) -> bool:
        """Whether it may be that long."""
        return to_ns <= self._latest_ns

    def ask(self, to_ns: int) -> None:
        """One more result asks for it, to this time."""
        self.results += 1
        self.wanted_to_ns = max(self.wanted_to_ns, to_ns)

    def holds(self, at_ns: int) -> bool:
        """Whether a picture of that time belongs to it."""
        return self.begins_ns - _REORDERED_NS <= at_ns <= self.wanted_to_ns


class Write(NamedTuple):
    """Write this packet into this clip."""

    cut: Cut
    packet: Packet


class End(NamedTuple):
    """This clip is over."""

    cut: Cut
    why: Ended


Action: TypeAlias = Write | End


class Cutter:
    """Cuts one camera's clips.

    Args:
        pre_s, post_s, max_s: see the module; seconds.
        max_bytes: of packets in the ring.
    """

    def __init__(self, *, pre_s: float, post_s: float, max_s: float, max_bytes: int) -> None:
        self._pre_ns, self._post_ns, self._max_ns = ns(pre_s), ns(post_s), ns(max_s)
        self._lag_ns = ns(LAG_S)
        self._silent_ns = ns(SILENT_S)
        self.ring = PacketRing(pre_s + LAG_S, max_bytes)
        self._cuts: list[Cut] = []
        self._seen_ns: int | None = None
        self._newest_ns = 0
        self._over = False
        self._active_ns = 0

    def packet(self, packet: Packet, now_ns: int) -> list[Action]:
        """The next packet came."""
        self._active_ns, self._over = now_ns, False
        if self.ring.add(packet):
            self._newest_ns = packet.captured_at_ns
        return self._advance()

    def result(self, captured_at_ns: int, trigger: Trigger | None, now_ns: int) -> list[Action]:
        """The next result came, of a picture of that time, with what triggers in it."""
        self._active_ns, self._seen_ns = now_ns, captured_at_ns
        if trigger is not None:
            self._cut_for(trigger).ask(captured_at_ns + self._post_ns)
        actions = self._advance()
        self.ring.forget(captured_at_ns - self._pre_ns)
        return actions

    def over(self) -> None:
        """The source is over: all its packets have come, its last results perhaps not."""
        self._over = True

    def idle(self, now_ns: int) -> list[Action]:
        """Nothing came for a while: ends the clips for which too long nothing has."""
        if now_ns - self._active_ns < self._silent_ns:
            return []
        return self._end_all(Ended.SILENT)

    def close(self) -> list[Action]:
        """Ends all clips."""
        return self._end_all(Ended.CLOSED)

    def _cut_for(self, trigger: Trigger) -> Cut:
        """The last clip where `trigger` is within it and may make it longer, or a new one."""
        at_ns = trigger.captured_at_ns
        last = self._cuts[-1] if self._cuts else None
        if last is not None and last.holds(at_ns) and last.may_grow(at_ns + self._post_ns):
            return last
        from_ns = at_ns - self._pre_ns
        cut = Cut(trigger, from_ns, from_ns + self._max_ns, self.ring.number_at(from_ns))
        first = self.ring.get(cut.next)
        if first is not None:  # a keyframe may be long before what is wanted
            cut.begins_ns = min(cut.begins_ns, first.captured_at_ns)
        self._cuts.append(cut)
        return cut

    def _advance(self) -> list[Action]:
        actions: list[Action] = []
        for cut in list(self._cuts):
            passed = self._take(cut, actions)
            if passed and self._is_settled(cut):
                actions.append(self._end(cut, Ended.WHOLE))
        return actions

    def _take(self, cut: Cut, actions: list[Action]) -> bool:
        """What is there and belongs to `cut`; whether packets have passed its end."""
        cut.next = max(cut.next, self.ring.first)
        while (packet := self.ring.get(cut.next)) is not None:
            if not (cut.holds(packet.captured_at_ns) or self._leads_into(cut, packet)):
                return True
            cut.next += 1
            actions.append(Write(cut, packet))
        return False

    def _leads_into(self, cut: Cut, anchor: Packet) -> bool:
        """Whether a picture of `cut` has followed that is shown before `anchor`, as B-frames do."""
        number = cut.next + 1
        while (packet := self.ring.get(number)) is not None:
            if packet.epoch != anchor.epoch or packet.captured_at_ns >= anchor.captured_at_ns:
                return False
            if cut.holds(packet.captured_at_ns):
                return True
            number += 1
        return False

    def _is_settled(self, cut: Cut) -> bool:
        """Whether no result can make `cut` longer any more."""
        if self._seen_ns is not None and not cut.holds(self._seen_ns):
            return True
        return abs(self._newest_ns - cut.wanted_to_ns) > self._lag_ns

    def _end(self, cut: Cut, why: Ended) -> End:
        self._cuts.remove(cut)
        return End(cut, why)

    def _end_all(self, why: Ended) -> list[Action]:
        actions = self._advance()
        for cut in list(self._cuts):
            passed = self._take(cut, actions)
            whole = Ended.SOURCE_ENDED if self._over else why
            actions.append(self._end(cut, Ended.WHOLE if passed else whole))
        return actions
