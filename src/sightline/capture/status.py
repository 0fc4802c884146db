"""What a capture tells of itself."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import msgspec

from sightline.capture.source import Info
from sightline.codec.gop import Gop
from sightline.frame import Size
from sightline.packet import ClockSource


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """Since the start: received = delivered + failed, and one more while it is being delivered.

    Attributes:
        received: units that came in time to be wanted.
        delivered: handed over.
        failed: for which `deliver` raised.
        slow: of a camera, handed over in more than 0.1 s; while that lasts nobody drains the camera.
        damaged: received with bytes missing, by libav's word.
        unreadable: what libav refused, and which was never a unit.
        breaks: epochs begun in the middle of a connection.
        implausible: packets whose camera's clock was too wrong to be used.
        connections: attempts to connect.
        hanging: of these, left behind inside libav at the moment.
    """

    received: int = 0
    delivered: int = 0
    failed: int = 0
    slow: int = 0
    damaged: int = 0
    unreadable: int = 0
    breaks: int = 0
    implausible: int = 0
    connections: int = 0
    hanging: int = 0


class CameraStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One camera at one moment.

    Attributes:
        camera_id: its name.
        state: idle, connecting, live, stalled, backing_off, disabled or done.
        reason: why, in words, where something is wrong; else empty.
        next_retry_at_ns: UTC ns of the next attempt; None where none is due.
        failures: attempts that failed in a row.
        epoch: the present one, or the last; None before the first packet.
        codec, profile, size, fps: None until known; fps as measured, and before that as declared.
        gop: as lately measured; None before the second keyframe.
        clock: where `captured_at_ns` of the latest packet came from.
        last_packet_at_ns: UTC ns at which the latest packet came.
        counts: what happened so far.
    """

    camera_id: str
    state: str
    reason: str = ""
    next_retry_at_ns: int | None = None
    failures: int = 0
    epoch: int | None = None
    codec: str | None = None
    profile: str | None = None
    size: Size | None = None
    fps: float | None = None
    gop: Gop | None = None
    clock: ClockSource | None = None
    last_packet_at_ns: int | None = None
    counts: Counts = Counts()


@dataclass(slots=True)
class Record:
    """The writable side of a status: written by the one reader that is wanted, read by anybody.

    A reader that was left behind may still count what it had in hand, so each count is made, and all are
    read, under one lock: the sums hold in every snapshot.
    """

    info: Info | None = None
    gop: Gop | None = None
    epoch: int | None = None
    clock: ClockSource | None = None
    last_packet_at_ns: int | None = None
    received: int = 0
    delivered: int = 0
    failed: int = 0
    slow: int = 0
    damaged: int = 0
    unreadable: int = 0
    breaks: int = 0
    implausible: int = 0
    last_failure: str = field(default="", repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    @property
    def fps(self) -> float | None:
        if self.gop is not None:
            return self.gop.fps
        return self.info.fps if self.info is not None else None

    def count(self, **more: int) -> None:
        """Adds to the counts of these names, all at once."""
        with self._lock:
            for name, number in more.items():
                setattr(self, name, getattr(self, name) + number)

    def counts(self, connections: int, hanging: int) -> Counts:
        """All counts as they were at one moment."""
        own = [name for name in Counts.__struct_fields__ if name not in {"connections", "hanging"}]
        with self._lock:
            now = {name: getattr(self, name) for name in own}
        return Counts(**now, connections=connections, hanging=hanging)
