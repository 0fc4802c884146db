"""The routines that make a worker of a site: its cameras off the bus, its model, its sinks.

They do what `sightline.routines` do, and what a worker promises besides. The model's frames are the newest
when it is free to look at them, and not those of when it was busy. Each sink has a line of its own, bounded
in results and in bytes: one that is slow costs live cameras old results, and makes files wait. All of them
tell what became of each camera and result, and which life of the worker's process it was that counted it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any, Final

from sightline.clock import SYSTEM_CLOCK
from sightline.errors import BusError
from sightline.frame import Frame
from sightline.pipe import DestinationRoutine, RoutineSettings, events
from sightline.pipe.settings import Retry
from sightline.routines import ModelRoutine, MuxRoutine, Seen
from sightline.sink import Sink
from sightline.site.lives import LIFE, results_of, written_to
from sightline.site.outlet import Outlet
from sightline.site.told import LanesTold, LookedTold, OutletTold
from sightline.supervise import Child
from sightline.supervise.board import Lane

FINISH: Final = "finish"
"""Give what was taken, and no more."""
SHOW: Final = "show"
"""With `facts`: what pages are to show beside their pictures."""

_LIFE: Final = SYSTEM_CLOCK.utc_ns()
_TURN_S: Final = 0.25
# What fails when it is opened is tried again: a bus that is away, a port that is not free yet.
_AGAIN: Final = RoutineSettings(restart=Retry.ON_FAILURE)
_UNWATCHED: Final = RoutineSettings(restart=Retry.ON_FAILURE, watched=False)


def _count(lane: str, done: int) -> None:
    """Count to this life's very end, which may come before it is told."""
    _lane(lane).count(done)


@cache
def _lane(name: str) -> Lane:
    lane = Child.here().lane(name)
    if name != LIFE:
        _count(LIFE, _LIFE)
    return lane


class Turn:
    """Whose turn it is, between a source and the model behind it; first the model's, to become ready.

    It goes with both to their process, and is one there too.
    """

    def __init__(self) -> None:
        self._is_sources = threading.Event()

    def __reduce__(self) -> tuple[type[Turn], tuple[()]]:
        return Turn, ()

    def to_source(self) -> None:
        """The model is free."""
        self._is_sources.set()

    def to_model(self) -> None:
        """It has something to look at."""
        self._is_sources.clear()

    def is_sources(self, timeout_s: float) -> bool:
        """Whether it is, or comes to be within this time."""
        return self._is_sources.wait(timeout_s)


class Reading:
    """Whether a source reads; for sinks that read the same, as a file begins as soon as anybody does.

    It goes with those who share it, as a `Turn` does.
    """

    def __init__(self) -> None:
        self._known = threading.Event()
        self._reads = False

    def __reduce__(self) -> tuple[type[Reading], tuple[()]]:
        return Reading, ()

    def told(self, *, reads: bool) -> None:
        """The source was set up, or could not be."""
        self._reads = reads
        self._known.set()

    def wait(self) -> None:
        """Return once it does. Raises BusError: it cannot, as yet."""
        self._known.wait()
        if not self._reads:
            raise BusError("the worker's cameras cannot be read")


class Notice:
    """What pages show beside their pictures; it goes with those who share it, as a `Turn` does."""

    def __init__(self) -> None:
        self.facts: Mapping[str, Any] = {}

    def read(self) -> Mapping[str, Any]:
        return self.facts


class WorkerSource(MuxRoutine):
    """The cameras of a worker; `turn`, `reading` and `notice` are shared with its model and its sinks."""

    settings = _AGAIN

    def __init__(self, *args: Any, turn: Turn, reading: Reading, notice: Notice, **options: Any) -> None:
        super().__init__(*args, **options)
        self._turn = turn
        self._reading = reading
        self._notice = notice
        self._is_to_finish = False

    def setup(self) -> None:
        try:
            super().setup()
        except BaseException:
            self._reading.told(reads=False)
            raise
        self._reading.told(reads=True)

    def main_logic(self) -> list[Frame] | None:
        if self._is_to_finish:
            raise StopIteration
        if not self._turn.is_sources(_TURN_S):
            return None
        frames = super().main_logic()
        if frames:
            self._turn.to_model()
        return frames

    def own_stats(self) -> LanesTold:  # type: ignore[override]
        return LanesTold(_LIFE, super().own_stats())

    @events(FINISH)
    def finish(self) -> None:
        self._is_to_finish = True

    @events(SHOW)
    def show(self, facts: Mapping[str, Any]) -> None:
        self._notice.facts = facts


class WorkerModel(ModelRoutine):
    """The model of a worker."""

    settings = _AGAIN

    def __init__(self, *args: Any, turn: Turn, **options: Any) -> None:
        super().__init__(*args, **options)
        self._turn = turn

    def setup(self) -> None:
        super().setup()
        self._turn.to_source()

    def main_logic(self, data: Any) -> Any:
        try:
            seen = super().main_logic(data)
        finally:
            self._turn.to_source()
        for camera_id in {frame.camera_id for frame in data}:
            _count(results_of(camera_id), self._tallies[camera_id].results)
        return seen

    def own_stats(self) -> LookedTold:  # type: ignore[override]
        return LookedTold(_LIFE, SYSTEM_CLOCK.monotonic_ns(), super().own_stats())


class WorkerSink(DestinationRoutine):
    """A sink of a worker, with its line.

    Args:
        make: opens the sink.
        name: the worker's and the sink's.
        cameras, live: as `Outlet` has them.
    """

    # Of live cameras one that does not return costs its own results and nobody else's.
    settings = _UNWATCHED

    def __init__(self, make: Callable[[], Sink], name: str, *, cameras: int, live: bool) -> None:
        super().__init__(name)
        self._make = make
        self._cameras, self._live = cameras, live
        self._outlet: Outlet | None = None

    def setup(self) -> None:
        wrote = partial(_count, written_to(self.name))
        self._outlet = Outlet(self.name, self._make(), cameras=self._cameras, live=self._live, wrote=wrote)

    def main_logic(self, data: list[Seen]) -> None:
        assert self._outlet is not None
        for result, frame in data:
            self._outlet.put(result, frame)

    def cleanup(self) -> None:
        """Write what waits: whoever stops the pipe says how long that may take."""
        if self._outlet is not None:
            self._outlet.close(None)

    def own_stats(self) -> OutletTold | None:
        return None if self._outlet is None else OutletTold(_LIFE, self._outlet.stats(), self._outlet.url)


class Nobody(DestinationRoutine):
    """Where results go of a worker that has no sink: they are counted, and that is all."""

    def main_logic(self, data: list[Seen]) -> None: ...
