"""Which fault when: entries and a time go in, the behaviour of a camera comes out. No I/O, no clock.

Times are since the cameras began. An entry of `EVERYBODY` is of each camera; what one camera does
never depends on entries of others.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from sightline.clock import ns
from sightline.errors import ConfigError
from sightline.fakecam.faults import MAX_S, WELL, Behaviour, Fault, Kill

EVERYBODY: Final = "*"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A fault and its time.

    Attributes:
        camera: its name, or `EVERYBODY`.
        fault: what goes wrong, and for how long.
        at_s: when it begins.
        every_s: how long after that it begins again, and again; None: once.
    """

    camera: str
    fault: Fault
    at_s: float = 0.0
    every_s: float | None = None

    def __post_init__(self) -> None:
        """Raises ConfigError for a time that cannot be, and for what one camera alone cannot do."""
        if not 0 <= self.at_s <= MAX_S:
            raise ConfigError(f"{self.camera}: expected a time of 0 to {MAX_S:g} s, got {self.at_s}")
        if self.every_s is not None and not 0.1 <= self.every_s <= MAX_S:
            raise ConfigError(f"{self.camera}: expected every 0.1 to {MAX_S:g} s, got {self.every_s}")
        if isinstance(self.fault, Kill) and self.camera != EVERYBODY:
            raise ConfigError(
                f"{self.camera}: expected kill of {EVERYBODY!r}, as all cameras share one port, got it of one"
            )

    def times(self, now_ns: int) -> int:
        """How often it has begun."""
        passed_ns = now_ns - ns(self.at_s)
        if passed_ns < 0:
            return 0
        return 1 + (0 if self.every_s is None else passed_ns // ns(self.every_s))

    def holds(self, now_ns: int) -> bool:
        """Whether it has begun and is not over."""
        times = self.times(now_ns)
        end_ns = self._end_ns(times)
        return times > 0 and (end_ns is None or now_ns < end_ns)

    def changes_ns(self, now_ns: int) -> list[int]:
        """When, after `now_ns`, it begins and ends next."""
        times = self.times(now_ns)
        moments = [self._begin_ns(times + 1), self._end_ns(times) if times else None]
        return [moment for moment in moments if moment is not None and moment > now_ns]

    def _begin_ns(self, nth: int) -> int | None:
        if nth == 1:
            return ns(self.at_s)
        return None if self.every_s is None else ns(self.at_s) + (nth - 1) * ns(self.every_s)

    def _end_ns(self, nth: int) -> int | None:
        begin_ns = self._begin_ns(nth)
        return None if begin_ns is None or self.fault.seconds is None else begin_ns + ns(self.fault.seconds)


class Timetable:
    """The entries of all cameras of a server."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self._entries = list(entries)

    def add(self, entry: Entry) -> None:
        self._entries.append(entry)

    def clear(self, camera: str) -> None:
        """Takes all entries of `camera` out. A jump is undone with that, which is another jump."""
        self._entries = [entry for entry in self._entries if entry.camera != camera]

    def behaviour(self, camera: str, now_ns: int) -> Behaviour:
        """How `camera` behaves at `now_ns`; `EVERYBODY` for what holds for the server."""
        behaviour = WELL
        for entry in self._entries:
            if entry.camera in {camera, EVERYBODY} and entry.holds(now_ns):
                behaviour = entry.fault.on(behaviour, entry.times(now_ns))
        return behaviour

    def next_ns(self, now_ns: int) -> int | None:
        """When the behaviour of any camera may change next; None: never."""
        moments = (moment for entry in self._entries for moment in entry.changes_ns(now_ns))
        return min(moments, default=None)
