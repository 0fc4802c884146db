"""A reader's buffer on the hub: what of a channel is kept for it, and what is dropped when there is no room.

It does message by message what `sightline.overflow.OverflowBuffer` does, which is the oracle of its tests,
but takes whole runs: one that fits costs the same whether it has one message or a thousand. Its counts add
up at any moment:

    entered = left + sum(dropped by reason) + held

Where it differs from the oracle: the fill rate goes before `BLOCK`, so that a message that the reader does
not want makes no writer wait; and with `BLOCK` a message larger than the bound in bytes is let in alone when
nothing else is held, since it would make its channel stand still for ever. Messages of a batch have no key,
and all that have none count as one key.
"""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sightline.clock import ns
from sightline.errors import BufferFull
from sightline.hub.broker.gaps import Gap, Gaps, Span
from sightline.hub.broker.rate import FillRate
from sightline.hub.broker.run import Run
from sightline.hub.settings import ReaderBuffer
from sightline.overflow import BufferStats, Overflow, Reason

LEAST_BYTES: Final = 16
"""Where bytes alone are bounded, a message counts as so many at least: memory is used by empty ones too."""
_UNTOLD: Final = frozenset({Reason.FILL_RATE, Reason.REPLACED})
_ANYWHERE: Final = Span(-1, 2**64)
"""Of a line that is not in order of offsets."""


def bound_of_messages(messages: int | None, most_bytes: int | None) -> float:
    """The bound in messages that two bounds make, of which one may be missing."""
    if messages is not None:
        return messages
    return math.inf if most_bytes is None else max(most_bytes // LEAST_BYTES, 1)


class RunBuffer:
    """Runs in line for one reader of one channel. `whole`: it can decode the first, keyframe or not.

    Attributes:
        held, held_bytes: messages that wait, and what they weigh.
        bounded: False where the reader asked for no bound: then somebody has to watch `held_bytes`.
    """

    def __init__(self, settings: ReaderBuffer, *, whole: bool = False) -> None:
        self.settings = settings
        self.bounded = not settings.unbounded
        self.held = self.held_bytes = 0
        self._most: float = bound_of_messages(settings.messages, settings.bytes)
        self._most_bytes: float = math.inf if settings.bytes is None else settings.bytes
        self._age_ns = None if settings.age_s is None else ns(settings.age_s)
        self._rate = FillRate(settings.every, settings.per_s)
        overflow = Overflow(settings.overflow)
        self._blocks = overflow is Overflow.BLOCK
        self._gop = overflow is Overflow.DROP_TO_KEYFRAME
        self._keyed = overflow is Overflow.LATEST_PER_KEY
        self._plain = self._rate.lets_all_in and not (self._gop or self._keyed)
        self._awaiting_keyframe = self._gop and not whole
        self._line: deque[tuple[Run, int]] = deque()
        self._by_key: OrderedDict[bytes, tuple[Run, int]] = OrderedDict()
        self._entered = self._left = self._peak_held = 0
        self._dropped: dict[str, int] = {}
        self._gaps = Gaps()
        self._let_in: Callable[[Run, int], None] = {
            Overflow.DROP_OLDEST: self._over_oldest,
            Overflow.DROP_NEWEST: self._while_room,
            Overflow.CLEAR: self._afresh,
            Overflow.BLOCK: self._waited,
            Overflow.LATEST_PER_KEY: self._by_keys,
            Overflow.DROP_TO_KEYFRAME: self._by_gops,
        }[overflow]

    def room(self, run: Run, now_ns: int) -> int:
        """How many of its first messages may be offered now: all, but where the policy is to wait."""
        if not self._blocks:
            return run.messages
        self._expire(now_ns)
        fitting = self._fitting(run)
        if self._rate.lets_all_in or fitting == run.messages:
            return fitting if fitting or self.held else 1
        return self._room_at_rate(run, now_ns)

    def offer(self, run: Run, now_ns: int) -> None:
        """Let its messages in or drop what the policy says.

        Raises:
            BufferFull: the policy is to wait and `room` would have said so. The counts are wrong then.
        """
        if self._age_ns is not None:
            self._expire(now_ns)
        self._entered += run.messages
        held, held_bytes = self.held + run.messages, self.held_bytes + run.size
        if self._plain and held <= self._most and held_bytes <= self._most_bytes:
            self._line.append((run, now_ns))
            self.held, self.held_bytes = held, held_bytes
            if held > self._peak_held:  # noqa: PLR1730 - this is the fast path
                self._peak_held = held
            return
        for part in self._wanted(run, now_ns):
            self._let_in(part, now_ns)
            self._peak_held = max(self._peak_held, self.held)

    def take(self, most_messages: int, most_bytes: float, now_ns: int) -> Run | None:
        """What is next in line, of one run; at least one message where there is one and one may be taken."""
        if self._age_ns is not None:
            self._expire(now_ns)
        if most_messages < 1 or not self.held:
            return None
        run, since_ns = self._by_key.popitem(last=False)[1] if self._keyed else self._line.popleft()
        if run.messages > most_messages or run.size > most_bytes:
            count = max(1, min(most_messages, run.fitting(most_bytes)))
            if count < run.messages:
                self._line.appendleft((run.after(count), since_ns))
                run = run.first(count)
        self.held -= run.messages
        self.held_bytes -= run.size
        self._left += run.messages
        return run

    def gap_before(self, offset: int | None) -> Gap | None:
        """A gap that lies wholly before `offset` (None: any) and was not told yet; ask until there is none.

        To be asked for each run that was taken, before it is sent, and when nothing is held.
        """
        return self._gaps.before(offset) if len(self._gaps) else None

    def miss(self, gap: Gap) -> None:
        if not self._keyed:  # who wants the last of each key expects as much
            self._gaps.add(gap, _ANYWHERE)

    def oldest_ns(self) -> int | None:
        """Since when what is next in line is held; None where nothing is."""
        entries = self._by_key.values() if self._keyed else self._line
        return next((since_ns for _, since_ns in entries), None)

    def discard(self, reason: str = Reason.CLOSED) -> None:
        """Drop all that is held. No gap is told: the reader is gone, or asked for it."""
        self._count(reason, self.held)
        self._line.clear()
        self._by_key.clear()
        self._gaps = Gaps()
        self.held = self.held_bytes = 0
        self._awaiting_keyframe = self._gop

    def stats(self) -> BufferStats:
        return BufferStats(
            entered=self._entered,
            left=self._left,
            dropped=dict(self._dropped),
            held=self.held,
            held_bytes=self.held_bytes,
            peak_held=self._peak_held,
            refused=0,  # a writer that waits keeps its message
            fill=min(1.0, max(self.held / self._most, self.held_bytes / self._most_bytes)),
        )

    # What is wanted at all.

    def _wanted(self, run: Run, now_ns: int) -> Iterator[Run]:
        """The parts of `run` that the policy decides about; the others are dropped."""
        parts = iter((run,)) if self._rate.lets_all_in else self._at_rate(run)
        for part in parts:
            for fit in self._not_too_large(part):
                if not self._rate.timed:
                    yield fit
                elif self._rate.due(now_ns):
                    self._rate.enter(now_ns)
                    self._count(Reason.FILL_RATE, fit.messages - 1)
                    yield fit.first(1)
                else:
                    self._count(Reason.FILL_RATE, fit.messages)

    def _at_rate(self, run: Run) -> Iterator[Run]:
        wanted = self._rate.nth(run.messages)
        self._rate.pass_by(run.messages)
        if wanted.step == 1:
            yield run
            return
        self._count(Reason.FILL_RATE, run.messages - len(wanted))
        yield from run.parts((at, at + 1) for at in wanted)

    def _not_too_large(self, run: Run) -> Iterator[Run]:
        if run.size <= self._most_bytes or self._blocks:
            yield run
            return
        for part, large in _split(run, run.lengths() > self._most_bytes):
            if large:
                self._drop(part, Reason.TOO_LARGE)
                # What depends on a lost packet cannot be decoded either.
                self._awaiting_keyframe = self._gop
            else:
                yield part

    def _room_at_rate(self, run: Run, now_ns: int) -> int:
        wanted = self._rate.nth(run.messages)
        if self._rate.timed:
            wanted = wanted[: self._rate.due(now_ns)]
        free, free_bytes = self._most - self.held, self._most_bytes - self.held_bytes
        lengths = run.lengths()[wanted.start : wanted.stop : wanted.step].tolist()
        for at, length in zip(wanted, lengths, strict=True):
            free, free_bytes = free - 1, free_bytes - length
            if (free < 0 or free_bytes < 0) and (self.held or at != wanted[0]):
                return at
        return run.messages

    # The policies: each gets messages that would fit an empty buffer.

    def _over_oldest(self, run: Run, now_ns: int) -> None:
        self._append(run, now_ns)
        self._shrink()

    def _while_room(self, run: Run, now_ns: int) -> None:
        left = self._append_first(run, self._fitting(run), now_ns)
        if left is None:
            return
        # Smaller ones behind the one that did not fit may still do.
        for part, enters in _split(left, self._greedy(left.lengths())):
            if enters:
                self._append(part, now_ns)
            else:
                self._drop(part, Reason.OVERFLOW)

    def _greedy(self, lengths: NDArray[np.uint32]) -> NDArray[np.bool_]:
        free, free_bytes = self._most - self.held, self._most_bytes - self.held_bytes
        entering = np.zeros(len(lengths), np.bool_)
        for at in np.flatnonzero(lengths <= free_bytes).tolist() if free >= 1 else ():
            if free >= 1 and lengths[at] <= free_bytes:
                entering[at] = True
                free, free_bytes = free - 1, free_bytes - int(lengths[at])
        return entering

    def _afresh(self, run: Run, now_ns: int) -> None:
        left = self._append_first(run, self._fitting(run), now_ns)
        if left is not None:
            self._drop_all(Reason.OVERFLOW)
            begin = left.last_stretch(self._most, self._most_bytes)
            if begin:
                self._drop(left.first(begin), Reason.OVERFLOW)
            self._append(left.after(begin), now_ns)

    def _waited(self, run: Run, now_ns: int) -> None:
        if self.held and self._fitting(run) < run.messages:
            raise BufferFull(f"expected at most what there is room for: {self.held} messages are held")
        self._append(run, now_ns)

    def _by_gops(self, run: Run, now_ns: int) -> None:
        if run.keyframe:
            if not self._fitting(run):
                self._drop_all(Reason.OVERFLOW)
            self._awaiting_keyframe = False
            self._append(run, now_ns)
            return
        left: Run | None = run
        while left is not None and not self._awaiting_keyframe:
            left = self._append_first(left, self._fitting(left), now_ns)
            if left is not None:
                self._cut_to_keyframe(Reason.OVERFLOW)
                if not self._fitting(left):
                    self._drop_all(Reason.OVERFLOW)
                    self._awaiting_keyframe = True
        if left is not None:
            self._drop(left, Reason.AWAITING_KEYFRAME)

    def _by_keys(self, run: Run, now_ns: int) -> None:
        left: Run | None = run
        while left is not None:
            # One that went to the end of the line may have stood before older ones.
            self._expire(now_ns)
            at = self._next_in_effect(left)
            self._count(Reason.REPLACED, at)
            self._replace(left.after(at).first(1), now_ns)
            left = left.after(at + 1) if at + 1 < left.messages else None

    def _next_in_effect(self, run: Run) -> int:
        """The first of a batch, which is of one key, that does more than to replace the one before it."""
        old = self._by_key.get(run.key)
        if run.messages == 1 or old is None:
            return 0
        free_bytes = self._most_bytes - self.held_bytes + old[0].size
        large = np.flatnonzero(run.lengths() > free_bytes)
        return int(large[0]) if len(large) else run.messages - 1

    def _replace(self, run: Run, now_ns: int) -> None:
        old = self._by_key.get(run.key)
        if old is not None:
            self._count(Reason.REPLACED, 1)
            self.held -= 1
            self.held_bytes -= old[0].size
            # The place in line is kept, lest a key that is written faster than it is read never comes first.
            if self.held_bytes + run.size > self._most_bytes:
                del self._by_key[run.key]
        while not self._fitting(run):
            self._drop_first(Reason.OVERFLOW)
        self._by_key[run.key] = (run, now_ns)
        self.held += 1
        self.held_bytes += run.size

    # The line.

    def _fitting(self, run: Run) -> int:
        free = self._most - self.held
        if free < 1:
            return 0
        fitting = run.fitting(self._most_bytes - self.held_bytes)
        return int(min(fitting, free))

    def _append(self, run: Run, now_ns: int) -> None:
        self._line.append((run, now_ns))
        self.held += run.messages
        self.held_bytes += run.size

    def _append_first(self, run: Run, messages: int, now_ns: int) -> Run | None:
        """Append so many of its messages; what is left of it."""
        if messages:
            self._append(run.first(messages), now_ns)
            self._peak_held = max(self._peak_held, self.held)
        return run.after(messages) if messages < run.messages else None

    def _shrink(self) -> None:
        """Drop as few of the oldest as the bounds demand."""
        while self.held > self._most or self.held_bytes > self._most_bytes:
            run, since_ns = self._line[0]
            count = run.least(self.held - self._most, self.held_bytes - self._most_bytes)
            if count < run.messages:
                self._line[0] = (run.after(count), since_ns)
                run = run.first(count)
            else:
                self._line.popleft()
            self._forget(run, Reason.OVERFLOW)

    def _cut_to_keyframe(self, reason: Reason) -> None:
        """Drop the first in line and all up to the newest keyframe behind it; all, where there is none."""
        line = self._line
        behind = (at for at, (run, _) in enumerate(reversed(line), start=1) if run.keyframe)
        newest = len(line) - next(behind, len(line))  # 0: none, or the first alone
        self._awaiting_keyframe = not newest
        for _ in range(newest or len(line)):
            self._drop_first(reason)

    def _expire(self, now_ns: int) -> None:
        while self._age_ns is not None and self.held:
            since_ns = self.oldest_ns()
            if since_ns is None or now_ns - since_ns <= self._age_ns:
                return
            if self._gop:
                self._cut_to_keyframe(Reason.TOO_OLD)
            else:
                self._drop_first(Reason.TOO_OLD)

    def _drop_all(self, reason: Reason) -> None:
        while self.held:
            self._drop_first(reason)

    def _drop_first(self, reason: Reason) -> None:
        run, _ = self._by_key.popitem(last=False)[1] if self._keyed else self._line.popleft()
        self._forget(run, reason)

    def _forget(self, run: Run, reason: Reason) -> None:
        self.held -= run.messages
        self.held_bytes -= run.size
        self._drop(run, reason)

    def _drop(self, run: Run, reason: Reason) -> None:
        """Count what is dropped, and note the gap."""
        self._count(reason, run.messages)
        if reason not in _UNTOLD:
            gap = Gap(run.offset, run.next_offset - 1, run.messages, reason.value)
            self._gaps.add(gap, self._span())

    def _count(self, reason: str, messages: int) -> None:
        if messages:
            self._dropped[reason] = self._dropped.get(reason, 0) + messages

    def _span(self) -> Span | None:
        if self._keyed:
            return _ANYWHERE
        if not self.held:
            return None
        return Span(self._line[0][0].offset, self._line[-1][0].next_offset - 1)


def _split(run: Run, mask: NDArray[np.bool_]) -> Iterator[tuple[Run, bool]]:
    """`run` in parts of one value of `mask` each, and that value."""
    if mask.all() or not mask.any():
        yield run, bool(mask[0])
        return
    cuts = [0, *(np.flatnonzero(mask[1:] != mask[:-1]) + 1).tolist(), run.messages]
    for part, start in zip(run.parts(pairwise(cuts)), cuts, strict=False):
        yield part, bool(mask[start])
