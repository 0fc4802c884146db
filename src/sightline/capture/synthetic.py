"""A drawn street as a source, for demos and for tests that count.

`synthetic://` goes on for ever and is paced like a camera by the reader; with `frames=N` it is a recording
of N pictures. What else may stand in the URL is said by `sightline.scene.parse_url`.
"""

from __future__ import annotations

from collections.abc import Generator

from sightline.capture.camera import CameraInput
from sightline.capture.source import Info, Unit
from sightline.scene import encode, parse_url


class SyntheticSource:
    """The access units of one scene. Raises ConfigError for a URL that says nothing known."""

    def __init__(self, camera: CameraInput) -> None:
        self._wanted = parse_url(camera.url)
        scene, frames = self._wanted.scene, self._wanted.frames
        codec = self._wanted.encoding.get("codec", "h264")
        self.info = Info(
            codec=codec, size=scene.size, fps=scene.fps, recorded=frames is not None, paced=False
        )

    def units(self) -> Generator[Unit, None, None]:
        for unit in encode(self._wanted.scene, self._wanted.frames, **self._wanted.encoding):
            yield Unit(unit.data, unit.codec, unit.keyframe, unit.pts, unit.dts, unit.time_base)

    def take_unreadable(self) -> int:
        return 0

    def close(self) -> None:
        """Nothing is held."""
