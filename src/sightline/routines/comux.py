"""A `Comux` as a source."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sightline.frame import Frame
from sightline.mux import Comux
from sightline.pipe import SourceRoutine

_TAKE_S: Final = 0.25


class ComuxRoutine(SourceRoutine):
    """Gives batches of a `Comux`: lists of frames, at most one a camera, without those that did not decode.

    `setup` makes and starts it, `cleanup` closes it. It has given its last when all cameras were files. What
    is seen goes to sinks: a `Comux` takes the result of a picture only until it gave a newer one.

    Args:
        make: makes the `Comux`, where it is to run, with a bus to read from.
        name: as of any routine.

    Attributes:
        live: True, also where all cameras are files: which they are is known where it runs. A lossless wire
            behind it has to say that it means that.
    """

    live = True

    def __init__(self, make: Callable[[], Comux], name: str | None = None) -> None:
        super().__init__(name)
        self._make = make
        self._comux: Comux | None = None

    def setup(self) -> None:
        """Raises ConfigError or BusError: it cannot be made, or cannot read."""
        self._comux = self._make()
        try:
            self._comux.start()
        except BaseException:
            self.cleanup()
            raise

    def main_logic(self) -> list[Frame] | None:
        """Raises BusError, and goes on with the next call, where the `Comux` is strict."""
        assert self._comux is not None
        batch = self._comux.get_batch(frame=True, timeout=_TAKE_S)
        if batch is None and self._comux.ended:
            raise StopIteration
        frames = [item.array for item in batch or () if item.array is not None]
        return frames or None

    def cleanup(self) -> None:
        """Raises BusError, where the `Comux` is strict: not all that was read went on."""
        comux, self._comux = self._comux, None
        if comux is not None:
            comux.close()
