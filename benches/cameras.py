"""Encoded packets of many cameras, from memory, without end: what capture would deliver.

A few streets are drawn and encoded once; each camera plays one of them over and over. A camera's time and
index go on rising; every five minutes it begins a new epoch, as after a reconnect. Cameras begin one after
the other within a GOP, so that their keyframes do not come all at once.

The bytes are shared by the cameras that play the same street, so they sit in the processor's cache, which
those of real cameras do not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from sightline.clock import media_ns
from sightline.packet import Packet
from sightline.scene import EncodedUnit, Scene, encode

FPS: Final = 25
GOP: Final = 25
B_FRAMES: Final = 2
DESCRIPTION: Final = (
    f"640x360, {FPS} pictures/s, drawn streets by libx264 `ultrafast`, GOP {GOP}, {B_FRAMES} B-frames"
)

_STREETS: Final = 4
_STREET_S: Final = 10
_EPOCH_LOOPS: Final = 30
_EPOCH: Final = 1_700_000_000_000

Street = Sequence[EncodedUnit]


def streets() -> list[Street]:
    """Encoded once: some seconds of work."""
    frames = _STREET_S * FPS
    return [
        list(encode(Scene(seed=n, camera=n), frames, gop=GOP, b_frames=B_FRAMES)) for n in range(_STREETS)
    ]


def camera(camera_id: str, street: Street) -> Iterator[Packet]:
    """Its packets, for ever."""
    loop = 0
    while True:
        epoch_s = loop // _EPOCH_LOOPS * _EPOCH_LOOPS * _STREET_S
        index = loop % _EPOCH_LOOPS * len(street)
        for unit in street:
            yield _packet(camera_id, unit, epoch_s, index, loop * _STREET_S)
            index += 1
        loop += 1


def round_robin(cameras: Sequence[Iterator[Packet]]) -> Iterator[Packet | None]:
    """One packet of each camera in turn, which is a frame's time; None for a camera that has not begun."""
    tick = 0
    begins = [number * GOP // len(cameras) for number in range(len(cameras))]
    while True:
        for begin, packets in zip(begins, cameras, strict=True):
            yield next(packets) if tick >= begin else None
        tick += 1


def _packet(camera_id: str, unit: EncodedUnit, epoch_s: int, index: int, shift_s: int) -> Packet:
    shift = shift_s * unit.time_base.denominator
    pts = unit.pts + shift
    return Packet(
        camera_id=camera_id,
        epoch=_EPOCH + epoch_s * 1000,
        index=index,
        data=unit.data,
        codec=unit.codec,
        keyframe=unit.keyframe,
        pts=pts,
        dts=unit.dts + shift,
        time_base=unit.time_base,
        captured_at_ns=_EPOCH * 1_000_000 + media_ns(pts, unit.time_base),
        captured_at_source="media",
    )
