"""What `Comux.consumers` and `Comux.threads` hold: one camera each, seen from outside."""

from __future__ import annotations

from typing import Protocol

from sightline.bus import Log
from sightline.errors import SightlineError


class _Owner(Protocol):
    """What a handle asks, of its mux."""

    def _offset_of(self, topic: str) -> int | None: ...
    def _is_consuming(self, cam_id: str) -> bool: ...


class CameraConsumer:
    """One camera that is connected. There is one connection for all of them."""

    def __init__(self, cam_id: str, topic: str, log: Log, owner: _Owner) -> None:
        self.cam_id = cam_id
        self.topic = topic
        self._log = log
        self._owner = owner

    @property
    def offset(self) -> int | None:
        """Of the newest message that was read; None before the first."""
        return self._owner._offset_of(self.topic)  # noqa: SLF001 - its own half

    @property
    def topic_last_offset(self) -> int | None:
        """Of the topic's newest message; None for none, or where the broker cannot tell."""
        try:
            ends = self._log.ends(self.topic).get(self.topic)
        except SightlineError:
            return None
        return ends.next - 1 if ends is not None and ends.next else None

    def __repr__(self) -> str:
        return f"CameraConsumer({self.cam_id!r}, topic={self.topic!r})"


class CameraThread:
    """One camera that is consumed. The threads that do it are the same for all cameras."""

    def __init__(self, cam_id: str, owner: _Owner) -> None:
        self.name = cam_id
        self._owner = owner

    def is_alive(self) -> bool:
        """Whether its messages are read: not when it was paused, killed, or the mux was closed."""
        return self._owner._is_consuming(self.name)  # noqa: SLF001 - its own half

    def __repr__(self) -> str:
        return f"CameraThread({self.name!r}, alive={self.is_alive()})"
