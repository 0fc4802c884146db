"""Which of several makers of a camera's results holds: the one of the highest term.

A fleet that gives a camera to another machine raises its term (`Result.term`). The machine that had it may
not know yet, and go on for a while: whoever takes results of several machines lets a `Fence` say which of
them count. It knows by the results alone: until the first of a new term has come, those of the old one hold.

Pure. Deliberately not here: the order of results, and doubles within a term; both are told by their identity.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

import msgspec

from sightline.errors import ConfigError
from sightline.result import Result

MOST_CAMERAS: Final = 100_000


class FenceStats(msgspec.Struct, frozen=True, kw_only=True):
    """What became of results: those that were asked about are `admitted` or `refused`.

    Attributes:
        refused_of: by camera, of those that are known.
        forgotten: cameras that made room for others. A late result of one may be admitted once more.
    """

    admitted: int
    refused: int
    refused_of: dict[str, int]
    forgotten: int


class _Camera:
    __slots__ = ("refused", "term")

    def __init__(self, term: int) -> None:
        self.term = term
        self.refused = 0


class Fence:
    """Says of each result whether it counts. One thread asks.

    Args:
        most_cameras: so many are known by their term; then those of which nothing was heard for longest make
            room. A camera outside a fleet, of term 0, needs none.
    """

    def __init__(self, most_cameras: int = MOST_CAMERAS) -> None:
        if most_cameras < 1:
            raise ConfigError(f"expected room for 1 camera or more, got {most_cameras}")
        self._most = most_cameras
        self._cameras: OrderedDict[str, _Camera] = OrderedDict()
        self._admitted = self._refused = self._forgotten = 0

    def admits(self, result: Result) -> bool:
        """Whether no result of this camera with a higher term came before it."""
        camera = self._known(result)
        if camera is not None and result.term < camera.term:
            camera.refused += 1
            self._refused += 1
            return False
        if camera is not None:
            camera.term = result.term
        self._admitted += 1
        return True

    def term(self, camera_id: str) -> int:
        """The highest that came; 0 where none did."""
        camera = self._cameras.get(camera_id)
        return 0 if camera is None else camera.term

    def stats(self) -> FenceStats:
        return FenceStats(
            admitted=self._admitted,
            refused=self._refused,
            refused_of={name: camera.refused for name, camera in self._cameras.items() if camera.refused},
            forgotten=self._forgotten,
        )

    def _known(self, result: Result) -> _Camera | None:
        camera = self._cameras.get(result.camera_id)
        if camera is not None:
            self._cameras.move_to_end(result.camera_id)
        elif result.term:
            camera = self._cameras[result.camera_id] = _Camera(result.term)
            if len(self._cameras) > self._most:
                self._cameras.popitem(last=False)
                self._forgotten += 1
        return camera
