"""One who looks at a camera: what waits for them, between threads that have it and the task that sends it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

from sightline.fleet.viewing.condition import Note
from sightline.fleet.viewing.framing import Item, Kind
from sightline.fleet.viewing.line import Line, LineStats

MOVING = frozenset({Kind.HEAD, Kind.INIT, Kind.MEDIA, Kind.BOXES})
STILLS = frozenset({Kind.BOXES, Kind.JPEG})


class Viewer:
    """Any thread may use it.

    Args:
        as_jpeg: pictures one by one, not a video.
        wake: called from any thread when there is something to take.
        note: how the camera is.
        on_close: called once.

    Attributes:
        over: nothing more will come.
    """

    def __init__(
        self,
        *,
        as_jpeg: bool,
        wake: Callable[[], None],
        note: Callable[[], Note],
        on_close: Callable[[Viewer], None],
    ) -> None:
        self.as_jpeg = as_jpeg
        self.over = False
        self.note = note
        self._wake = wake
        self._on_close = on_close
        self._lock = threading.Lock()
        self._line = Line(STILLS if as_jpeg else MOVING)

    def put(self, items: Iterable[Item]) -> None:
        """Have these sent; never waits."""
        with self._lock:
            for item in items:
                self._line.put(item)
        self._wake()

    def take(self) -> bytes:
        """All that waits; b"": nothing does."""
        with self._lock:
            return self._line.take()

    def stats(self) -> LineStats:
        """Counts of what was sent, and was not."""
        with self._lock:
            return self._line.stats()

    def end(self) -> None:
        """Nothing more will come."""
        self.over = True
        self._wake()

    def close(self) -> None:
        """They look no more. Again is allowed."""
        on_close, self._on_close = self._on_close, _nothing
        on_close(self)


def _nothing(_: Viewer) -> None: ...
