"""What a `Control` steers: cameras that are added, changed and watched while they run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Protocol

import msgspec


class CameraState(msgspec.Struct, frozen=True, kw_only=True):
    """One camera of a mux at one moment.

    Attributes:
        state: it runs; was paused; is elsewhere, as another of its group reads it, or nobody yet; or cannot
            run now and is tried again.
        reason: why it cannot; empty otherwise.
        topic: where its packets are.
        out_topic: where they go on; None: nowhere.
        rate: pictures a second of media time that are wanted; None: all.
        packets: that came.
        delivered: pictures that were given out in batches.
        answered: packets that went on with a result.
        behind: messages of its topic that were not read yet; None where the broker cannot tell.
    """

    state: Literal["running", "paused", "elsewhere", "failing"]
    reason: str = ""
    topic: str
    out_topic: str | None = None
    rate: float | None = None
    packets: int = 0
    delivered: int = 0
    answered: int = 0
    behind: int | None = None


class Steered(Protocol):
    """A mux, as the acts on its cameras see it. All calls come from one thread, the control's.

    Settings come under the names of `CameraSettings`, `camera_id` not among them, each of its type; only
    those that were named, so that for the others the mux's own defaults stand.

    Each raises ConfigError where what is asked cannot be: an unknown camera, one that is there already, a
    setting that does not go with the others. Whatever they raise goes into the answer, redacted.
    """

    def create(self, camera_id: str, settings: Mapping[str, Any]) -> None:
        """Runs a camera that is not there yet."""

    def update(self, camera_id: str, changes: Mapping[str, Any]) -> None:
        """Changes settings of a camera; no other camera loses a frame by it."""

    def delete(self, camera_id: str) -> None:
        """Ends a camera."""

    def pause(self, camera_id: str) -> None:
        """Stops reading a camera's packets until `resume`; the broker keeps them. Again is allowed."""

    def resume(self, camera_id: str) -> None:
        """Undoes `pause`. Of a camera that runs it does nothing."""

    def rate(self, camera_id: str, rate: float | None) -> None:
        """Pictures a second that are wanted of a camera from now on; None: all."""

    def status(self) -> Mapping[str, CameraState]:
        """Every camera by its name."""
