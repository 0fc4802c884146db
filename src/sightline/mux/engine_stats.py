"""Where a camera of an engine stands on the buses, and what became of its messages there."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from sightline.mux.camera_stats import CameraStats

State: TypeAlias = Literal["running", "paused", "elsewhere", "failing"]


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a camera's packets are and where they go on; None: nowhere."""

    topic: str
    out_topic: str | None = None


class EngineStats(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of one camera in an engine.

    Attributes:
        state: whether it is read.
        reason: why it cannot be; empty otherwise.
        place: its topics.
        lag: messages that wait at the broker, as of a moment ago.
        sent: messages that its output took.
        unsent: messages that it did not take.
        too_large: messages that went on without their result, as they did not fit with it.
        gaps: times that the log had lost messages before they were read.
        camera: what became of its messages and packets.
    """

    state: State
    reason: str
    place: Place
    lag: int
    sent: int
    unsent: int
    too_large: int
    gaps: int
    camera: CameraStats
