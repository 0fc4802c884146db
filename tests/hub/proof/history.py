"""Holds what writers put against what readers got, and both against what the hub counted. Pure.

Nothing is believed that was not written down by who saw it: a writer what it offered and what it was told
was taken in, a reader what it got and what it was told is missing, each in its order, and the hub's counters.
Held against each other, for every writer, channel and reader:

- what came was offered, comes once, and in its writer's order;
- offsets grow, and every offset between two that came is told to be missing, once, or was left out by the
  reader's own wish (fill rate, replaced by its key), which is counted;
- the hub's sum: entered = taken + dropped by reason + held + in flight; what it counts as dropped was told,
  reason by reason; what it counts as taken came;
- with a reader that was there before the first message: taken in from its writers = came + dropped + held
  + in flight; and where it asked to lose nothing, all that was taken in came.

After a kill less can be said: nobody knows what a killed writer's last messages became, a new hub counts
offsets anew. What can still be said is still held.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, TypeAlias

import msgspec

SILENT: Final = frozenset({"fill_rate", "replaced"})
"""Left out by the reader's own wish: counted, and told nobody."""


class Got(msgspec.Struct, frozen=True, array_like=True, tag="got"):
    """So many messages in a row, by their writer's numbers and by the channel's."""

    channel: int
    writer: int
    first: int
    offset: int
    messages: int = 1


class Missed(msgspec.Struct, frozen=True, array_like=True, tag="missed"):
    """What the reader was told is missing."""

    channel: int
    first_offset: int
    last_offset: int
    messages: int
    reason: str


Event: TypeAlias = Got | Missed


class Counted(msgspec.Struct, frozen=True):
    """What the hub says of one feed."""

    entered: int
    taken: int
    dropped: dict[str, int]
    held: int
    in_flight: int


class Written(msgspec.Struct, frozen=True):
    """A writer's word: numbers below `offered` were put, of which the hub took in those below `taken_in`.

    None: it was killed, and nobody knows.
    """

    writer: int
    channel: int
    offered: int
    taken_in: int | None


class Heard(msgspec.Struct, frozen=True):
    """A reader's word, of one channel.

    Attributes:
        events: in the order in which they came.
        lossless: whether it asked to lose nothing.
        early: whether it was there before the first message.
        drained: whether it was there after the last, and has emptied its buffer.
        one_hub: whether the hub was the same all the time.
        counted: what the hub says at the end, where it could be asked.
    """

    reader: str
    channel: int
    events: list[Event]
    lossless: bool = False
    early: bool = False
    drained: bool = False
    one_hub: bool = True
    counted: Counted | None = None


def check(written: Iterable[Written], heard: Iterable[Heard]) -> list[str]:
    """What is wrong, a line each; nothing where all adds up."""
    by_channel: defaultdict[int, dict[int, Written]] = defaultdict(dict)
    for one in written:
        by_channel[one.channel][one.writer] = one
    return [
        f"{one.reader}, channel {one.channel}: {wrong}"
        for one in heard
        for wrong in _wrong(one, by_channel[one.channel])
    ]


def _wrong(heard: Heard, written: Mapping[int, Written]) -> Iterator[str]:
    yield from _order(heard, written)
    if heard.one_hub:
        yield from _offsets(heard)
    if heard.lossless:
        yield from _holes(heard, written)
    if heard.counted is not None:
        yield from _sums(heard, heard.counted)
    if heard.early and heard.one_hub:
        yield from _whole(heard, written)


def _got(heard: Heard) -> Iterator[Got]:
    return (event for event in heard.events if isinstance(event, Got))


def _told(heard: Heard) -> Counter[str]:
    told: Counter[str] = Counter()
    for event in heard.events:
        if isinstance(event, Missed):
            told[event.reason] += event.messages
    return told


def _order(heard: Heard, written: Mapping[int, Written]) -> Iterator[str]:
    """Nothing that was not offered, nothing twice, nothing out of order."""
    following: dict[int, int] = {}
    for got in _got(heard):
        expected, end = following.get(got.writer, 0), got.first + got.messages
        if got.first < expected:
            yield f"writer {got.writer}: {got.first} came after {expected - 1}"
        if got.writer not in written or end > written[got.writer].offered:
            yield f"writer {got.writer}: {end - 1} came, which was not offered"
        following[got.writer] = max(expected, end)


def _offsets(heard: Heard) -> Iterator[str]:
    """Offsets grow, and what lies between two is told once or was not wished for."""
    expected: int | None = None
    silent = 0
    for event in heard.events:
        first, last = _span(event)
        if expected is not None and first < expected:
            yield f"offset {first} came after {expected - 1}"
        if isinstance(event, Missed) and not 0 < event.messages <= last - first + 1:
            yield f"{event.messages} messages are told to be missing between {first} and {last}"
        silent += first - (first if expected is None else expected)
        silent += last - first + 1 - event.messages
        expected = max(expected or 0, last + 1)
    if heard.counted is not None:
        wished = sum(heard.counted.dropped.get(reason, 0) for reason in SILENT)
        if silent > wished:
            yield f"{silent} offsets are missing and not told; {wished} were left out by the reader's wish"
    elif silent and heard.lossless:
        yield f"{silent} offsets are missing and not told"


def _span(event: Event) -> tuple[int, int]:
    if isinstance(event, Missed):
        return event.first_offset, event.last_offset
    return event.offset, event.offset + event.messages - 1


def _holes(heard: Heard, written: Mapping[int, Written]) -> Iterator[str]:
    """Where nothing was to be lost, a hole in a writer's numbers is told: a hub's end made it."""
    following: dict[int, int] = {}
    holes = 0
    for got in _got(heard):
        holes += max(0, got.first - following.get(got.writer, got.first))
        following[got.writer] = got.first + got.messages
    told = _told(heard)
    if heard.one_hub and (holes or told):
        yield f"{holes} messages are missing, {dict(told)} are told to be: nothing was to be lost"
    elif holes > told.total():
        yield f"{holes} messages are missing, {dict(told)} are told to be"
    for writer, end in following.items():
        taken_in = written[writer].taken_in if writer in written else None
        if heard.drained and taken_in is not None and end < taken_in:
            yield f"writer {writer}: all before {taken_in} were taken in, {end - 1} came last"


def _sums(heard: Heard, counted: Counted) -> Iterator[str]:
    came = sum(got.messages for got in _got(heard))
    left = counted.taken + sum(counted.dropped.values())
    if counted.entered != left + counted.held + counted.in_flight:
        yield f"the hub's counts do not add up: {counted}"
    if counted.taken != came:
        yield f"{came} messages came, the hub counts {counted.taken} as taken"
    told = _told(heard)
    for reason in sorted({*told, *counted.dropped} - SILENT):
        dropped = counted.dropped.get(reason, 0)
        if told[reason] != dropped:
            yield f"{told[reason]} are told to be dropped by {reason}, counted {dropped}"


def _whole(heard: Heard, written: Mapping[int, Written]) -> Iterator[str]:
    """From the first on: all that its writers put is somewhere."""
    came: Counter[int] = Counter()
    for got in _got(heard):
        came[got.writer] += got.messages
    known = {one.writer: one.taken_in for one in written.values() if one.taken_in is not None}
    for writer, taken_in in known.items():
        if came[writer] > taken_in or (heard.lossless and heard.drained and came[writer] != taken_in):
            yield f"writer {writer}: {taken_in} were taken in, {came[writer]} came"
    counted = heard.counted
    if counted is not None and len(known) == len(written):
        elsewhere = sum(counted.dropped.values()) + counted.held + counted.in_flight
        taken_in = sum(known.values())
        if taken_in != came.total() + elsewhere:
            yield f"{taken_in} were taken in, {came.total()} came, {elsewhere} are dropped, held or in flight"
