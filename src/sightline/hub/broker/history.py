"""What a channel keeps for those who come later.

`Kept` holds what `History` says: the last messages, the last of each key, or all since the newest keyframe.
Beside that it can be told to retain all from an offset on, for groups that will come back to it, up to a
bound of its own. Runs are shared with the feeds that hold them; nothing is copied but small rests. Which
readers get what is not decided here.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final, Protocol

from sightline.hub.broker.buffer import bound_of_messages
from sightline.hub.broker.run import Run
from sightline.hub.settings import MIB, History, KeptKind

RETAINED_BYTES: Final = 64 * MIB


class _Store(Protocol):
    """Runs by offset; `add` lets go of what has to make room."""

    messages: int
    bytes: int

    def __iter__(self) -> Iterator[Run]: ...
    def since(self, offset: int, most: int | None) -> list[Run]: ...
    def add(self, run: Run) -> None: ...


class Last:
    """The newest messages without a hole, within bounds."""

    def __init__(self, most: float, most_bytes: float) -> None:
        self.messages = self.bytes = 0
        self._most = most
        self._most_bytes = most_bytes
        self._runs: deque[Run] = deque()

    def __iter__(self) -> Iterator[Run]:
        return iter(self._runs)

    def since(self, offset: int, most: int | None) -> list[Run]:
        """What reaches `offset`, oldest first and at most so many runs; a run across it is cut."""
        runs = self._runs
        begin = bisect_right(runs, offset, key=lambda run: run.next_offset)
        if most is None:
            found = list(islice(runs, begin, None))
        else:
            found = [runs[at] for at in range(begin, min(begin + most, len(runs)))]
        if found:
            found[0] = found[0].after(max(offset - found[0].offset, 0))
        return found

    def add(self, run: Run) -> None:
        self._runs.append(run)
        self.messages += run.messages
        self.bytes += run.size
        while self.messages > self._most or self.bytes > self._most_bytes:
            first = self._runs[0]
            self._drop(first.least(self.messages - self._most, self.bytes - self._most_bytes))

    def drop_before(self, offset: int) -> None:
        while self._runs and self._runs[0].offset < offset:
            self._drop(min(offset - self._runs[0].offset, self._runs[0].messages))

    def clear(self) -> None:
        self._runs.clear()
        self.messages = self.bytes = 0

    def _drop(self, messages: int) -> None:
        """Let so many of the first run's messages go."""
        run = self._runs.popleft()
        self.messages -= messages
        self.bytes -= run.size
        if messages < run.messages:
            rest = run.after(messages)
            self._runs.appendleft(rest)
            self.bytes += rest.size


class SinceKeyframe(Last):
    """All since the newest keyframe, itself included.

    Nothing where that does not fit: without its beginning it could not be decoded.
    """

    def __init__(self, most: float, most_bytes: float) -> None:
        super().__init__(most, most_bytes)
        self._begun = False

    def add(self, run: Run) -> None:
        if run.keyframe:
            self.clear()
            self._begun = True
        if not self._begun:
            return
        if self.messages + run.messages <= self._most and self.bytes + run.size <= self._most_bytes:
            super().add(run)
        else:
            self.clear()
            self._begun = False


class LastPerKey:
    """The newest message of each key, in order of their offsets; without a key is one key.

    The keys written to least recently go first.

    Attributes:
        lost_before: below this, keys had to make room.
    """

    def __init__(self, most: float, most_bytes: float) -> None:
        self.messages = self.bytes = 0
        self._most = most
        self._most_bytes = most_bytes
        self._runs: OrderedDict[bytes, Run] = OrderedDict()
        self.lost_before = 0

    def __iter__(self) -> Iterator[Run]:
        return iter(self._runs.values())

    def since(self, offset: int, most: int | None) -> list[Run]:
        """What has `offset` or a higher one, oldest first and at most so many."""
        found: list[Run] = []
        for run in reversed(self._runs.values()):
            if run.offset < offset:
                break
            found.append(run)
        return found[::-1][:most]

    def add(self, run: Run) -> None:
        last = run.after(run.messages - 1)
        replaced = self._runs.pop(last.key, None)
        self._runs[last.key] = last
        self.messages = len(self._runs)
        self.bytes += last.size - (replaced.size if replaced else 0)
        while self.messages > self._most or self.bytes > self._most_bytes:
            _, oldest = self._runs.popitem(last=False)
            self.messages -= 1
            self.bytes -= oldest.size
            self.lost_before = oldest.next_offset


_KINDS: Final[dict[KeptKind, type[Last | LastPerKey]]] = {
    "last": Last,
    "per_key": LastPerKey,
    "keyframe": SinceKeyframe,
}


class Kept:
    """The history of one channel.

    Args:
        history: what is kept for everybody; None: nothing.
        retain_bytes: the most that is retained, beside that, when asked to.
        next_offset: of the first message to come.

    Attributes:
        added: messages that came.
        next_offset: of the next message to come.
    """

    def __init__(
        self, history: History | None = None, *, retain_bytes: int = RETAINED_BYTES, next_offset: int = 0
    ) -> None:
        self.added = 0
        self.next_offset = next_offset
        self._store: _Store | None = None
        if history:
            most = bound_of_messages(history.messages, history.bytes)
            self._store = _KINDS[history.kind](most, history.bytes)
        self._retain_bytes = retain_bytes
        self._retained: Last | None = None
        self._retained_from = 0

    @property
    def messages(self) -> int:
        return self._store.messages if self._store else 0

    @property
    def bytes(self) -> int:
        return self._store.bytes if self._store else 0

    @property
    def evicted(self) -> int:
        """Messages that came and are kept no longer: `added` = `evicted` + `messages`."""
        return self.added - self.messages

    @property
    def retained_messages(self) -> int:
        return self._retained.messages if self._retained else 0

    @property
    def retained_bytes(self) -> int:
        """What is retained may be kept as well: the same memory, counted in both."""
        return self._retained.bytes if self._retained else 0

    @property
    def first_offset(self) -> int:
        """Of the oldest message that there is; `next_offset` where there is none."""
        stores = [store for store in (self._store, self._retained) if store is not None]
        return min((run.offset for store in stores for run in _oldest(store)), default=self.next_offset)

    @property
    def lost_before(self) -> int:
        """Below this, messages are gone; what newer ones of their keys took the place of is not meant."""
        if not isinstance(self._store, LastPerKey):
            return self.first_offset
        retained = [] if self._retained is None else _oldest(self._retained)
        return min([self._store.lost_before, *(run.offset for run in retained)])

    def add(self, run: Run) -> None:
        """Keep what came, and let go of what has to make room. `run.offset` is `next_offset`."""
        self.next_offset = run.next_offset
        self.added += run.messages
        if self._store is not None:
            self._store.add(run)
        if self._retained is not None:
            self._retained.add(run)

    def runs(self, from_offset: int | None = None, most: int | None = None) -> list[Run]:
        """What a reader gets that begins at `from_offset`; None: what the history keeps for everybody.

        `most`: the first so many runs are enough.
        """
        if from_offset is None:
            return list(self._store or ())[:most]
        kept = [] if self._store is None else self._store.since(from_offset, most)
        if self._retained is None:
            return kept
        retained = self._retained.since(from_offset, most)
        return (_before(kept, retained[0].offset) + retained)[:most] if retained else kept

    def retain_from(self, offset: int | None) -> None:
        """From now on let nothing from `offset` on go while the bound allows it; None: no more.

        What is gone already does not come back. To be called with the lowest position of all groups.
        """
        if offset is None:
            self._retained = None
            return
        before, self._retained_from = self._retained_from, offset
        if self._retained is not None and before <= offset:  # also where what lay there is gone by now
            self._retained.drop_before(offset)
            return
        whole = [] if isinstance(self._store, LastPerKey) else self.runs(offset)
        if isinstance(self._store, LastPerKey) and self._retained is not None:
            whole = list(self._retained)
        self._retained = Last(bound_of_messages(None, self._retain_bytes), self._retain_bytes)
        for run in whole:
            self._retained.add(run)


def _oldest(store: _Store) -> list[Run]:
    return [run for run, _ in zip(store, range(1), strict=False)]


def _before(runs: Iterable[Run], offset: int) -> list[Run]:
    """What lies before `offset`; a run across it is cut."""
    return [run.first(offset - run.offset) for run in runs if run.offset < offset]
