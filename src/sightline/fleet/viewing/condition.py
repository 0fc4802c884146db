"""How a camera's live picture is, in a word and a sentence. Pure: it is told what came, and the time."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final, NamedTuple

from sightline.clock import ns
from sightline.fleet.viewing.framing import State

QUIET_S: Final = 3.0
"""Without a picture for so long it is gone."""
TROUBLED_S: Final = 5.0


class Seat(NamedTuple):
    """Where a camera's pictures come from.

    Attributes:
        here: whether the coordinator reads the camera itself.
        possible: whether any can come as it is.
        why: none comes, where none does.
        broken: whether none will, unless something becomes another than it is.
    """

    here: bool = False
    possible: bool = True
    why: str = ""
    broken: bool = False


class Note(NamedTuple):
    """What a viewer is told."""

    state: State
    why: str = ""


class Condition:
    """Of one camera."""

    def __init__(self) -> None:
        self.seat = Seat()
        self._last_ns: int | None = None
        self._last_utc_ns = 0
        self._trouble, self._troubled_ns = "", 0

    def came(self, now_ns: int, utc_ns: int) -> None:
        """A picture."""
        self._last_ns, self._last_utc_ns = now_ns, utc_ns

    def troubled(self, why: str, now_ns: int) -> None:
        """There is one, and it cannot be shown."""
        self._trouble, self._troubled_ns = why, now_ns

    def note(self, now_ns: int) -> Note:
        """How it is now."""
        if self._trouble and now_ns - self._troubled_ns < ns(TROUBLED_S):
            return Note("no_video", self._trouble)
        if self._last_ns is not None and now_ns - self._last_ns < ns(QUIET_S):
            return Note("live")
        if not self.seat.possible:
            return Note("no_video", self.seat.why)
        if self._last_ns is None:
            return Note("gone" if self.seat.broken else "waiting", self.seat.why)
        since = datetime.fromtimestamp(self._last_utc_ns / 1e9, UTC)
        told = f"no picture since {since:%H:%M:%S} UTC"
        return Note("gone", f"{told}: {self.seat.why}" if self.seat.why else told)
