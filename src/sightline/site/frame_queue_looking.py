"""Models and sinks that pictures of a frame queue are given to: a handler for `Worker.on_frame`.

Promises: a picture counts as done once each model that looks at its camera has, and all of its sinks have the
result; where one fails, the picture comes again, to all of them. So a sink has each result at least once.

Does not do: what needs a camera's pictures in order and all of them. Workers share them out, so tracks and
clips are refused; a model that learns a camera's background learns from what its process had.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from fractions import Fraction
from functools import partial
from typing import Final, Self

from sightline.clock import NS_PER_S, SYSTEM_CLOCK, Clock
from sightline.detect import Model
from sightline.errors import ConfigError, SightlineError, SinkError
from sightline.frame import Frame
from sightline.framequeue.work.hand import TakenFrame
from sightline.log import get_logger
from sightline.result import Result
from sightline.routines import Looked, ModelRoutine
from sightline.routines.model import NO_TERMS
from sightline.sink import Sink
from sightline.site.making import labelled, model_wanted, sink_wanted, terms_of
from sightline.site.model import Site, Worker
from sightline.site.opening import make_model, make_sink
from sightline.wire import result_to_json

_NS: Final = Fraction(1, NS_PER_S)


class Looker:
    """A model, the cameras that it looks at, and where its results go; between `open` and `close`.

    Args:
        name: the worker's, for logs.
        model: made, and loaded by `open`.
        sinks: by name, what opens each.
        cameras: whose pictures it looks at; None: everybody's.
        terms: of the cameras' results, as `ModelRoutine` has them.
    """

    def __init__(
        self,
        name: str,
        model: Model,
        sinks: Mapping[str, Callable[[], Sink]],
        cameras: Collection[str] | None = None,
        *,
        terms: Mapping[str, int] = NO_TERMS,
    ) -> None:
        self.name = name
        self.cameras = cameras
        self._model = ModelRoutine(lambda: model, f"{name}-model", terms=terms)
        self._makers = sinks
        self._sinks: dict[str, Sink] = {}
        self._opened = ExitStack()
        self._lock = threading.Lock()  # neither models nor sinks are called by two threads at a time

    def open(self) -> None:
        """Load the model and open the sinks. Raises SightlineError: one cannot be; nothing is open then."""
        with ExitStack() as opened:
            self._model.setup()
            opened.callback(self._close, "model", self._model.cleanup)
            for label, make in self._makers.items():
                self._sinks[label] = sink = make()
                opened.callback(self._close, label, sink.close)
            self._opened = opened.pop_all()

    def look(self, frame: Frame) -> Result:
        """The result, which all sinks have. Raises ModelError or SinkError."""
        with self._lock:
            [(result, seen)] = self._model.main_logic([frame])
            failed = [
                told for label, sink in self._sinks.items() if (told := _written(label, sink, result, seen))
            ]
        if failed:
            raise SinkError(
                "; ".join(failed), camera_id=frame.camera_id, epoch=frame.epoch, index=frame.index
            )
        return result

    def stats(self) -> dict[str, Looked]:
        """By camera."""
        return self._model.own_stats()

    @property
    def pages(self) -> list[str]:
        """Addresses of the pages that its sinks serve."""
        urls = (getattr(sink, "url", None) for sink in self._sinks.values())
        return [url for url in urls if isinstance(url, str) and url.startswith("http")]

    def close(self) -> None:
        """Finish what the sinks began. Again is allowed."""
        with self._lock:
            self._opened.close()
            self._sinks = {}

    def _close(self, what: str, close: Callable[[], None]) -> None:
        try:
            close()
        except Exception as error:  # noqa: BLE001 - the others must still be closed
            get_logger("sightline.site").error(
                "did not close", worker=self.name, what=what, error=repr(error)
            )


class Looking:
    """Several of them as one handler. A `with` block opens and closes them all."""

    def __init__(self, lookers: Sequence[Looker], clock: Clock = SYSTEM_CLOCK) -> None:
        self._lookers = lookers
        self._clock = clock
        self._opened = ExitStack()

    def __call__(self, taken: TakenFrame) -> bytes:
        """The results of a picture, a line of JSON each. Raises what a model or a sink raised."""
        frame = self._frame(taken)
        results = [
            looker.look(frame)
            for looker in self._lookers
            if looker.cameras is None or frame.camera_id in looker.cameras
        ]
        return b"\n".join(map(result_to_json, results))

    def stats(self) -> dict[str, Looked]:
        """By camera; of several models, what all of them made."""
        made: dict[str, Looked] = {}
        for looker in self._lookers:
            for camera_id, looked in looker.stats().items():
                made[camera_id] = _sum(made[camera_id], looked) if camera_id in made else looked
        return made

    @property
    def pages(self) -> list[str]:
        return [page for looker in self._lookers for page in looker.pages]

    def __enter__(self) -> Self:
        with ExitStack() as opened:
            for looker in self._lookers:
                looker.open()
                opened.callback(looker.close)
            self._opened = opened.pop_all()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._opened.close()

    def _frame(self, taken: TakenFrame) -> Frame:
        key = taken.key
        return Frame(
            camera_id=key.camera_id,
            epoch=key.epoch,
            index=key.index,
            pts=None,  # a key does not say
            time_base=_NS,
            captured_at_ns=key.captured_at_ns,
            captured_at_source="arrival",
            decoded_at_ns=self._clock.utc_ns(),
            image=taken.image,
        )


def lookers_of(site: Site, names: Collection[str] = ()) -> list[Looker]:
    """The workers of a site, or those of these names.

    Raises:
        ConfigError: there is no such worker; or one needs its cameras' pictures in order.
    """
    for name in names:
        if name not in site.workers:
            raise ConfigError(f"there is no worker {name!r} (known: {', '.join(site.workers)})")
    chosen = {name: worker for name, worker in site.workers.items() if not names or name in names}
    return [_looker(name, worker, site) for name, worker in chosen.items()]


def _looker(name: str, worker: Worker, site: Site) -> Looker:
    cameras = site.cameras_of(worker)
    if worker.track is not None:
        raise ConfigError(
            f"worker {name}: expected no track with a frame queue, whose workers share a camera's pictures"
        )
    for sink in worker.sinks:
        if sink.kind == "clip" or getattr(sink, "packets", "none") != "none":
            raise ConfigError(
                f"worker {name}: expected sinks of results alone with a frame queue, got {sink.kind}"
            )
    offered = {"cameras": tuple(cameras), "offline": (), "topics": site.topics.of_packets(), "status": dict}
    return Looker(
        name,
        make_model(model_wanted(worker.model), None),
        {
            label: partial(make_sink, sink_wanted(sink), **offered)
            for label, sink in labelled(worker.sinks).items()
        },
        cameras,
        terms=terms_of(cameras),
    )


def _written(label: str, sink: Sink, result: Result, frame: Frame) -> str:
    """What went wrong; "" where nothing did."""
    try:
        sink.write(result, frame)
    except SightlineError as error:
        return f"{label}: {error}"
    return ""


def _sum(one: Looked, other: Looked) -> Looked:
    return Looked(
        results=one.results + other.results,
        detections=one.detections + other.detections,
        failed=one.failed + other.failed,
        rate=one.rate + other.rate,
        newest=other.newest or one.newest,
    )
