"""A camera that somebody looks at: what comes of it becomes what its viewers get. Its owner has the lock."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from sightline.clock import Clock
from sightline.errors import CodecError
from sightline.fleet.viewing.beginning import Beginning
from sightline.fleet.viewing.condition import Condition, Note
from sightline.fleet.viewing.framing import Item, jpeg
from sightline.fleet.viewing.stills import Stills
from sightline.fleet.viewing.stream import Stream
from sightline.fleet.viewing.viewer import Viewer
from sightline.packet import Identity, Packet
from sightline.result import Result

MOST_STILLS: Final = 8


class Watched:
    """One camera.

    Args:
        on_still: is given pictures that were made, in a thread of theirs.
        clock: says when what came.
    """

    def __init__(self, on_still: Callable[[Identity, bytes], None], clock: Clock) -> None:
        self.condition = Condition()
        self.viewers: set[Viewer] = set()
        self.packets = self.results = 0
        self._on_still = on_still
        self._clock = clock
        self._stream = Stream()
        self._beginning = Beginning()
        self._pending: list[Item] = []
        self._stills: Stills | None = None
        self._made: deque[tuple[Identity, bytes]] = deque(maxlen=MOST_STILLS)

    def note(self) -> Note:
        """How it is now."""
        return self.condition.note(self._clock.monotonic_ns())

    def add(self, viewer: Viewer) -> None:
        """One who looks from now on."""
        self.flush()
        self.viewers.add(viewer)
        viewer.put(self._beginning.items())
        if viewer.as_jpeg and self._stills is None:
            self._stills = Stills(self._on_still, self._clock)

    def remove(self, viewer: Viewer) -> None:
        """One who looks no more."""
        self.viewers.discard(viewer)
        if self._stills is not None and not any(one.as_jpeg for one in self.viewers):
            self._stills.close()
            self._stills = None

    def packet(self, packet: Packet, term: int) -> None:
        """The next one."""
        now_ns = self._clock.monotonic_ns()
        try:
            items = self._stream.packet(packet, term, now_ns)
        except CodecError as error:
            self.condition.troubled(str(error), now_ns)
            return
        if items is None:
            return
        self.packets += 1
        self.condition.came(now_ns, self._clock.utc_ns())
        self._put(items)
        if self._stills is not None:
            self._stills.put(packet)

    def result(self, result: Result) -> None:
        """What a model saw."""
        self.results += 1
        self._put(self._stream.result(result))

    def still(self, identity: Identity, picture: bytes) -> None:
        """A JPEG; it waits until it is known when it is shown."""
        self._made.append((identity, picture))

    def flush(self) -> None:
        """Give viewers what came since the last time."""
        self._date_stills()
        items, self._pending = self._pending, []
        if items:
            for viewer in self.viewers:
                viewer.put(items)

    def close(self) -> None:
        """Nobody looks any more, or nobody may."""
        for viewer in self.viewers:
            viewer.end()
        self._stream.close()
        if self._stills is not None:
            self._stills.close()

    def _put(self, items: list[Item]) -> None:
        for item in items:
            self._beginning.put(item)
        self._pending += items

    def _date_stills(self) -> None:
        while self._made and (at_s := self._stream.time_of(self._made[0][0])) is not None:
            self._pending.append(jpeg(self._made.popleft()[1], at_s))
