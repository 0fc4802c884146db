"""From the settings of a site to the things that they stand for."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from typing import Any, NamedTuple

from pydantic import BaseModel, SecretStr

from sightline.bus import Bus
from sightline.clock import Clock
from sightline.mux import MuxCamera
from sightline.site.camera import Camera
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
    offered = _offered(site, name, looked_at)
    return RunningWorker(
        name,
        bus,
        {camera_id: camera.is_live for camera_id, camera in looked_at.items()},
        make_model(model_wanted(settings.model), _tracking(settings.track)),
        {
            label: partial(make_sink, sink_wanted(sink), status=status, bus=bus, **offered)
            for label, sink in labelled(settings.sinks).items()
        },
        detect={camera_id for camera_id, camera in looked_at.items() if camera.detect_url},
        terms=terms_of(looked_at),
        clock=clock,
        **_read_how(site, settings),
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
    offered = _offered(site, name, looked_at)
    turn, reading, notice = Turn(), Reading(), Notice()
    cameras = [
        MuxCamera(camera_id=camera_id, live=camera.is_live, stream="detect" if camera.detect_url else "main")
        for camera_id, camera in looked_at.items()
    ]
    source = WorkerSource(
        site.bus,
        cameras,
        "cameras",
        turn=turn,
        reading=reading,
        notice=notice,
        **_read_how(site, settings),
    )
    make = partial(make_model, model_wanted(settings.model), _tracking(settings.track))
    sinks = tuple(
        WorkerSink(
            partial(
                make_sink_with_bus,
                sink_wanted(sink),
                site.bus,
                reading.wait,
                status=notice.read,
                **offered,
            ),
            f"{name}-{label}",
            cameras=len(cameras),
            live=all(camera.live for camera in cameras),
        )
        for label, sink in labelled(settings.sinks).items()
    )
    model = WorkerModel(make, "model", terms=terms_of(looked_at), turn=turn)
    return WorkerRoutines(source, model, sinks or (Nobody("nobody"),))


def terms_of(cameras: Mapping[str, Camera]) -> dict[str, int]:
    """What their results carry, of those that a fleet has set one for."""
    return {camera_id: camera.term for camera_id, camera in cameras.items() if camera.term}


def _read_how(site: Site, settings: Worker) -> dict[str, Any]:
    """How the cameras are read."""
    return {
        "topics": site.topics.of_packets(),
        "rate": settings.rate,
        "size": settings.size,
        "pictures": settings.pictures,
        "hwaccel": settings.hwaccel,
    }


def _offered(site: Site, name: str, looked_at: Mapping[str, Camera]) -> dict[str, Any]:
    """What a sink may want to know of the cameras of this worker."""
    topics, before = site.topics.of_packets(), _before(site, name)
    return {
        "cameras": tuple(looked_at),
        "offline": tuple(camera_id for camera_id, camera in looked_at.items() if not camera.is_live),
        "topics": topics,
        "terms": terms_of(looked_at),
        "carried": {
            camera_id: topics.of(camera_id, "detect" if camera.detect_url else "main")
            for camera_id, camera in looked_at.items()
            if camera_id not in before
        },
    }


def _before(site: Site, name: str) -> set[str]:
    """The cameras that workers above this one in the site look at."""
    above = list(site.workers)[: list(site.workers).index(name)]
    return {camera_id for worker in above for camera_id in site.cameras_of(site.workers[worker])}


def labelled(sinks: Iterable[Sink]) -> dict[str, Sink]:
    """By their kinds. Two of a kind are told apart by their place in the file."""
    labelled: dict[str, Sink] = {}
    for number, sink in enumerate(sinks, start=1):
        labelled[sink.kind if sink.kind not in labelled else f"{sink.kind}-{number}"] = sink
    return labelled


def model_wanted(settings: Model) -> Wanted:
    """What to open for it."""
    if isinstance(settings, PythonModel):
        return Wanted(f"python:{settings.class_}", settings.options)
    return Wanted(settings.kind, _plain(settings, leave={"kind"}))


def sink_wanted(settings: Sink) -> Wanted:
    """What to open for it."""
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
