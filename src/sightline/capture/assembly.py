"""Units to packets: identity and time. Pure."""

from __future__ import annotations

from sightline.capture.source import Unit
from sightline.capture.timing import Timing
from sightline.clock import EpochCounter
from sightline.packet import Packet


class Assembly:
    """Makes the packets of one connection, which begins an epoch; so does each break of time."""

    def __init__(self, camera_id: str, epochs: EpochCounter, timing: Timing) -> None:
        self._camera_id = camera_id
        self._epochs = epochs
        self._timing = timing
        self._epoch: int | None = None
        self._index = 0

    def packet(self, unit: Unit, utc_ns: int, monotonic_ns: int) -> Packet:
        """`unit`, which came at these times, as a packet."""
        stamp = self._timing.stamp(unit, utc_ns, monotonic_ns)
        if self._epoch is None or stamp.breaks:
            self._epoch, self._index = self._epochs.begin(utc_ns), 0
        packet = Packet(
            camera_id=self._camera_id,
            epoch=self._epoch,
            index=self._index,
            data=unit.data,
            codec=unit.codec,
            keyframe=unit.keyframe,
            pts=unit.pts,
            dts=unit.dts,
            time_base=unit.time_base,
            captured_at_ns=stamp.captured_at_ns,
            captured_at_source=stamp.source,
        )
        self._index += 1
        return packet
