"""From the settings of a site to the things that they stand for."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from typing import Any, NamedTuple

from pydantic import BaseModel, SecretStr

from sightline.bus import Bus
from sightline.clock import Clock
from sightline.mux import MuxCamera
from sightline.site.model import Model, PythonModel, Sink, Site, Tracking, Worker
from sightline.site.opening import Wanted, make_model, make_sink, make_sink_with_bus
from sightline.site.worker import RunningWorker
from sightline.site.worker_routines import (
    Nobody,
    Notice,
    Reading,
    Turn,
    WorkerModel,
    WorkerSink,
    WorkerSource,
)

Status = Callable[[], Mapping[str, Any]]


def make_worker(
    name: str, settings: Worker, site: Site, bus: Bus, *, status: Status, clock: Clock
) -> RunningWorker:
    """The worker with its model, not yet started. Raises SightlineError: the model cannot be opened."""
    looked_at = site.cameras_of(settings)
    cameras = {camera_id: camera.is_live for camera_id, camera in looked_at.items()}
    offline = tuple(camera_id for camera_id, is_live in cameras.items() if not is_live)
    topics = site.topics.of_packets()
    offered = {
        "status": status,
        "bus": bus,
        "cameras": tuple(cameras),
        "offline": offline,
        "topics": topics,
    }
    return RunningWorker(
        name,
        bus,
        cameras,
        make_model(model_wanted(settings.model), _tracking(settings.track)),
        {
            label: partial(make_sink, _sink_wanted(sink), **offered)
            for label, sink in _labelled(settings.sinks).items()
        },
        topics=topics,
        detect={camera_id for camera_id, camera in looked_at.items() if camera.detect_url},
        rate=settings.rate,
        size=settings.size,
        pictures=settings.pictures,
        hwaccel=settings.hwaccel,
        clock=clock,
    )


class WorkerRoutines(NamedTuple):
    """What a worker is made of where it is a process of its own."""

    source: WorkerSource
    model: WorkerModel
    sinks: tuple[WorkerSink | Nobody, ...]


def worker_routines(name: str, site: Site) -> WorkerRoutines:
    """Those of a worker of `site`; they open the bus, the model and the sinks where they run."""
    settings = site.workers[name]
    looked_at = site.cameras_of(settings)
    live = all(camera.is_live for camera in looked_at.values())
    turn, reading, notice = Turn(), Reading(), Notice()
    source = WorkerSource(
        site.bus,
        [
            MuxCamera(
                camera_id=camera_id, live=camera.is_live, stream="detect" if camera.detect_url else "main"
            )
            for camera_id, camera in looked_at.items()
        ],
        "cameras",
        topics=site.topics.of_packets(),
        rate=settings.rate,
        size=settings.size,
        pictures=settings.pictures,
        hwaccel=settings.hwaccel,
        turn=turn,
        reading=reading,
        notice=notice,
    )
    model = WorkerModel(
        partial(make_model, model_wanted(settings.model), _tracking(settings.track)), "model", turn=turn
    )
    sinks = tuple(
        WorkerSink(
            partial(
                make_sink_with_bus,
                _sink_wanted(sink),
                site.bus,
                reading.wait,
                status=notice.read,
                cameras=tuple(looked_at),
                offline=tuple(camera_id for camera_id, camera in looked_at.items() if not camera.is_live),
                topics=site.topics.of_packets(),
            ),
            f"{name}-{label}",
            cameras=len(looked_at),
            live=live,
        )
        for label, sink in _labelled(settings.sinks).items()
    )
    return WorkerRoutines(source, model, sinks or (Nobody("nobody"),))


def _labelled(sinks: Iterable[Sink]) -> dict[str, Sink]:
    """Two of a kind are told apart by their place in the file."""
    labelled: dict[str, Sink] = {}
    for number, sink in enumerate(sinks, start=1):
        labelled[sink.kind if sink.kind not in labelled else f"{sink.kind}-{number}"] = sink
    return labelled


def model_wanted(settings: Model) -> Wanted:
    """What to open for it."""
    if isinstance(settings, PythonModel):
        return Wanted(f"python:{settings.class_}", settings.options)
    return Wanted(settings.kind, _plain(settings, leave={"kind"}))


def _sink_wanted(settings: Sink) -> Wanted:
    return Wanted(settings.kind, _plain(settings, leave={"kind"}))


def _tracking(settings: Tracking | None) -> dict[str, Any] | None:
    return None if settings is None else _plain(settings)


def _plain(settings: BaseModel, *, leave: Collection[str] = ()) -> dict[str, Any]:
    """Settings as keyword arguments, with their secrets in the clear."""
    names = [name for name in type(settings).model_fields if name not in leave]
    values = {name: getattr(settings, name) for name in names}
    return {
        name: value.get_secret_value() if isinstance(value, SecretStr) else value
        for name, value in values.items()
    }
