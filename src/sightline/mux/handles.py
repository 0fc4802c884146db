"""What `Comux.consumers` and `Comux.threads` hold: one camera each, seen from outside."""

from __future__ import annotations

from typing import Protocol

from sightline.bus import Log
from sightline.errors import SightlineError


class Owner(Protocol):
    """What a handle asks, of the cameras that it is one of."""

    def offset_of(self, topic: str) -> int | None:
        """Of the newest message of a topic that was read."""

    def is_read(self, cam_id: str) -> bool:
        """Whether messages of a camera are read."""


class CameraConsumer:
    """One camera that is connected. There is one connection for all of them."""

    def __init__(self, cam_id: str, topic: str, log: Log, owner: Owner) -> None:
        self.cam_id = cam_id
        self.topic = topic
        self._log = log
        self._owner = owner

    @property
    def offset(self) -> int | None:
        """Of the newest message that was read; None before the first."""
        return self._owner.offset_of(self.topic)

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
    """One camera that is read. The threads that do it are the same for all cameras."""

    def __init__(self, cam_id: str, owner: Owner) -> None:
        self.name = cam_id
        self._owner = owner

    def is_alive(self) -> bool:
        """Whether its messages are read: not when it was paused, killed, or the mux was closed."""
        return self._owner.is_read(self.name)

    def __repr__(self) -> str:
        return f"CameraThread({self.name!r}, alive={self.is_alive()})"
