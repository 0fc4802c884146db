"""Packets of a drawn camera, for tests: the scene's access units as capture would hand them on."""

from sightline import Packet, Size
from sightline.scene import Encoding, Scene, encode

SIZE = Size(320, 180)
EPOCH = 1_700_000_000_000


def drawn_packets(camera: int, frames: int, *, size: Size = SIZE, **encoding: int) -> list[Packet]:
    """Packets of `cam0`, `cam1`, ...; GOPs of 10 with two B-frames where not said otherwise."""
    how: Encoding = {"gop": 10, "b_frames": 2} | encoding  # type: ignore[assignment]
    return [
        Packet(
            camera_id=f"cam{camera}",
            epoch=EPOCH,
            index=index,
            data=unit.data,
            codec=unit.codec,
            keyframe=unit.keyframe,
            pts=unit.pts,
            dts=unit.dts,
            time_base=unit.time_base,
            captured_at_ns=EPOCH * 1_000_000 + unit.frame * 40_000_000,
            captured_at_source="media",
        )
        for index, unit in enumerate(encode(Scene(size=size, camera=camera), frames, **how))
    ]
