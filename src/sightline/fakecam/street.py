"""A drawn street as a camera: at each moment the picture of that moment, whoever looked before.

Frame N of the scene is taken N / fps after the camera began, so that the number in a picture tells when.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import Final

from sightline.fakecam import jpeg
from sightline.fakecam.faults import Behaviour
from sightline.fakecam.rtp import TICKS
from sightline.fakecam.sdp import Media
from sightline.fakecam.source import Unit, media_of
from sightline.scene import Encoding, Scene, encode

_LONGEST_GOP: Final = 10_000


@dataclass(frozen=True)
class Street:
    """A scene and how it is encoded."""

    scene: Scene
    encoding: Encoding

    def __post_init__(self) -> None:
        """Raises ConfigError for pictures that RTP does not carry."""
        if self.encoding.get("codec") == "mjpeg":
            jpeg.check_sides(*self.scene.size)

    def units(self, start: int) -> Generator[Unit, None, None]:
        first = -(-start * self.scene.fps // TICKS)
        for unit in encode(self.scene, start=first, **self.encoding):
            yield Unit(unit.data, unit.keyframe, unit.pts, unit.dts)

    def media(self) -> Media:
        return media_of(self.encoding.get("codec", "h264"), self.scene.fps, self.units(0))

    def changed(self, behaviour: Behaviour) -> Street:
        scene, encoding = self.scene, self.encoding.copy()
        if behaviour.size is not None:
            scene = replace(scene, size=behaviour.size)
        if behaviour.gop_s is not None:
            shortest = encoding.get("b_frames", 0) + 1
            encoding["gop"] = min(max(shortest, round(behaviour.gop_s * scene.fps)), _LONGEST_GOP)
        return Street(scene, encoding)
