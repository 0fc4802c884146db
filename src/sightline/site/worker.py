"""One worker of a site at work: packets off the bus to frames, to a model, to sinks.

Promises: the model sees batches of at most one frame a camera; every result is given to every sink, and
what a slow sink of live cameras has no room for is counted; a model or sink that fails is counted and
logged and stops nothing else. The worker does not open cameras.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from typing import Final, Self

import msgspec

from sightline.bus import PACKET_TOPICS, Bus, PacketTopics
from sightline.clock import SYSTEM_CLOCK, Clock
from sightline.codec import DropReason, Pictures
from sightline.detect import Model
from sightline.errors import Closed, ModelError
from sightline.frame import Frame, Size
from sightline.log import Repeated, get_logger
from sightline.mux import LaneStats, Mux, MuxCamera
from sightline.result import Result
from sightline.routines import Looked, ModelRoutine
from sightline.routines.looked import NOTHING_LOOKED_AT
from sightline.routines.model import NO_TERMS
from sightline.sink import Sink
from sightline.site.outlet import Outlet, OutletStats

_TAKE_S: Final = 0.5
_STOP_S: Final = 1.0
_UNWANTED: Final = frozenset({DropReason.SKIPPED, DropReason.RATE})


class WorkerCounts(msgspec.Struct, frozen=True, kw_only=True):
    """One camera in one worker, hop by hop.

    Attributes:
        lane: packets in line, in the decoder, frames in line.
        results, detections: of the model so far.
        failed: frames in batches at which the model failed.
        rate: results a second of late.
        newest: the last result; None before the first.
    """

    lane: LaneStats
    results: int
    detections: int
    failed: int
    rate: float
    newest: Result | None

    @classmethod
    def of(cls, lane: LaneStats, looked: Looked | None, *, is_fresh: bool = True) -> Self:
        """Those of a camera, by what is known of it; of what is not fresh there is no rate."""
        looked = looked or NOTHING_LOOKED_AT
        return cls(
            lane=lane,
            results=looked.results,
            detections=looked.detections,
            failed=looked.failed,
            rate=looked.rate if is_fresh else 0.0,
            newest=looked.newest,
        )

    @property
    def unwanted(self) -> int:
        """Packets that came to no result because the rate asked for no more."""
        return sum(self.lane.decoder.dropped.get(reason, 0) for reason in _UNWANTED)

    @property
    def dropped(self) -> dict[str, int]:
        """Packets and frames that were wanted and came to no result, by reason."""
        counts: Counter[str] = Counter()
        lane = self.lane
        for hop in (lane.bus.dropped, lane.packets.dropped, lane.decoder.dropped, lane.frames.dropped):
            counts.update(hop)
        counts.update(malformed=lane.malformed, undecodable=lane.undecodable, model_failed=self.failed)
        return {str(name): n for name, n in counts.items() if n and name not in _UNWANTED}

    @property
    def balanced(self) -> bool:
        """Whether all that entered is a result, dropped or on its way; holds once the worker rests."""
        lane = self.lane
        return (
            lane.bus.balanced
            and lane.packets.balanced
            and lane.decoder.balanced
            and lane.frames.balanced
            and lane.packets.left == lane.decoder.entered + lane.undecodable
            and lane.decoder.left == lane.frames.entered
            and lane.frames.left == self.results + self.failed
        )


class RunningWorker:
    """A worker between `start()` and `stop()`.

    Args:
        name: the worker's, for logs and threads.
        bus: where the cameras' packets are.
        cameras: by name, whether each is live: a live one drops old pictures rather than run late.
        model: what looks at the frames; loaded and warmed up by `start()`, closed by `stop()`.
        sinks: open where results go, by name, once the bus is read, which some of them read too; closed by
            `stop()`.
        topics: where on the bus they are.
        detect: names of the cameras of which the stream for models is read, and not the main one.
        terms: of the cameras' results, as `ModelRoutine` has them.
        rate, size, pictures, hwaccel: as for `sightline.codec.Decoder`.
    """

    def __init__(
        self,
        name: str,
        bus: Bus,
        cameras: Mapping[str, bool],
        model: Model,
        sinks: Mapping[str, Callable[[], Sink]],
        *,
        topics: PacketTopics = PACKET_TOPICS,
        detect: Collection[str] = (),
        terms: Mapping[str, int] = NO_TERMS,
        rate: float | None = None,
        size: Size | None = None,
        pictures: Pictures = "auto",
        hwaccel: str = "none",
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self.name = name
        self._bus = bus
        self._cameras = [
            MuxCamera(camera_id=name, live=live, stream="detect" if name in detect else "main")
            for name, live in cameras.items()
        ]
        self._topics = topics
        self._model = ModelRoutine(lambda: model, f"{name}-model", terms=terms)
        self._makers = sinks
        # With a file that must be seen whole the model waits for the sinks, and the file for the model.
        self._live = all(cameras.values())
        self._outlets: list[Outlet] = []
        self._rate, self._size, self._pictures = rate, size, pictures
        self._hwaccel = hwaccel
        self._clock = clock
        self._trouble = Repeated(get_logger("sightline.worker"), "the model failed", clock=clock)
        self._mux: Mux | None = None
        self._thread: threading.Thread | None = None
        self._stopped = False
        self._broken = ""

    def start(self) -> None:
        """Load the model, begin to read, and open the sinks.

        Raises:
            SightlineError: the model cannot be loaded, the bus not be subscribed to, or a sink not be opened;
                nothing runs then.
        """
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def _start(self) -> None:
        self._model.setup()
        self._mux = Mux(
            self._bus,
            self._cameras,
            topics=self._topics,
            rate=self._rate,
            size=self._size,
            pictures=self._pictures,
            hwaccel=self._hwaccel,
            clock=self._clock,
        )
        for label, make in self._makers.items():
            self._outlets.append(
                Outlet(
                    f"{self.name}-{label}",
                    make(),
                    cameras=len(self._cameras),
                    live=self._live,
                    clock=self._clock,
                )
            )
        self._thread = threading.Thread(
            target=self._run, args=(self._mux,), name=f"worker-{self.name}", daemon=True
        )
        self._thread.start()

    @property
    def ended(self) -> bool:
        """Whether all its cameras were files that are over, and the model has seen all of them."""
        # The last batch may be with the model still, and of a file its results may be with the sinks.
        return (
            self._mux is not None
            and self._mux.ended
            and all(counts.balanced for counts in self.counts().values())
            and (self._live or all(outlet.idle for outlet in self._outlets))
        )

    @property
    def broken(self) -> str:
        """What ended its thread before its time, in words; empty while nothing has."""
        return self._broken

    def counts(self) -> dict[str, WorkerCounts]:
        """Counts by camera; none before `start()`."""
        lanes = {} if self._mux is None else self._mux.stats()
        looked = self._model.own_stats()
        return {camera_id: WorkerCounts.of(lane, looked.get(camera_id)) for camera_id, lane in lanes.items()}

    @property
    def pages(self) -> list[str]:
        """Addresses of the pages that its sinks serve."""
        return [outlet.url for outlet in self._outlets if outlet.url is not None]

    def outlets(self) -> list[OutletStats]:
        """Counts by sink."""
        return [outlet.stats() for outlet in self._outlets]

    def stop(self) -> None:
        """End: what waits for the model is dropped, what waits for a sink is written. Again is allowed."""
        if self._stopped:
            return
        self._stopped = True
        if self._mux is not None:
            self._mux.close()
        # The batch that the model has in hand is still written; a sink that is stuck must not hold it up.
        self._join()
        for outlet in self._outlets:
            outlet.refuse()
        self._join()
        for outlet in self._outlets:
            outlet.close()
        self._trouble.flush()
        if self._thread is not None and self._thread.is_alive():
            get_logger("sightline.worker").error(
                "the model did not return and is left behind", worker=self.name
            )
        else:
            self._close_model()

    def _join(self) -> None:
        if self._thread is not None:
            self._thread.join(_STOP_S)

    def _close_model(self) -> None:
        try:
            self._model.cleanup()
        except ModelError as error:
            get_logger("sightline.worker").error("the model did not close", error=str(error))

    def _run(self, mux: Mux) -> None:
        try:
            while True:
                frames = mux.take(_TAKE_S)
                if frames:
                    self._see(frames)
        except Closed:
            return
        except BaseException as error:  # noqa: BLE001  the last word of this thread: it must be heard
            self._broken = repr(error)
            get_logger("sightline.worker").exception("the worker ended", worker=self.name)

    def _see(self, frames: list[Frame]) -> None:
        try:
            seen = self._model.main_logic(frames)
        except (ModelError, SystemExit) as error:  # a model may be anybody's code, and call sys.exit
            self._trouble.add(worker=self.name, error=str(error) or repr(error))
            return
        for result, frame in seen:
            for outlet in self._outlets:
                outlet.put(result, frame)
