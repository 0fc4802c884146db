"""From the settings of a site to the things that they stand for."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any

from pydantic import BaseModel, SecretStr

from sightline.bus import Bus
from sightline.clock import Clock
from sightline.detect import Model as AnyModel
from sightline.detect import Tracked, open_model
from sightline.sink import Sink as AnySink
from sightline.sink import open_sink, sink_maker
from sightline.site.model import Model, PythonModel, Sink, Site, Tracking, Worker
from sightline.site.worker import RunningWorker

Status = Callable[[], Mapping[str, Any]]


def make_worker(
    name: str, settings: Worker, site: Site, bus: Bus, *, status: Status, clock: Clock
) -> RunningWorker:
    """The worker with its model and sinks, not yet started.

    Raises:
        SightlineError: the model or a sink cannot be opened; sinks opened before it are closed again.
    """
    looked_at = site.cameras_of(settings)
    cameras = {camera_id: camera.is_live for camera_id, camera in looked_at.items()}
    offline = tuple(camera_id for camera_id, is_live in cameras.items() if not is_live)
    topics = site.topics.of_packets()
    with ExitStack() as opened:
        model = make_model(settings.model, settings.track)
        sinks: dict[str, AnySink] = {}
        for number, sink in enumerate(settings.sinks, start=1):
            # Two of a kind are told apart by their place in the file.
            label = sink.kind if sink.kind not in sinks else f"{sink.kind}-{number}"
            sinks[label] = make_sink(
                sink, status=status, bus=bus, cameras=tuple(cameras), offline=offline, topics=topics
            )
            opened.callback(sinks[label].close)
        worker = RunningWorker(
            name,
            bus,
            cameras,
            model,
            sinks,
            topics=topics,
            detect={camera_id for camera_id, camera in looked_at.items() if camera.detect_url},
            rate=settings.rate,
            size=settings.size,
            pictures=settings.pictures,
            hwaccel=settings.hwaccel,
            clock=clock,
        )
        opened.pop_all()
    return worker


def make_model(settings: Model, track: Tracking | None) -> AnyModel:
    """The model, not yet loaded; with tracking where that is wanted."""
    model = _untracked(settings)
    return model if track is None else Tracked(model, **_plain(track, leave=set()))


def _untracked(settings: Model) -> AnyModel:
    if isinstance(settings, PythonModel):
        return open_model(f"python:{settings.class_}", **settings.options)
    return open_model(settings.kind, **_plain(settings, leave={"kind"}))


def make_sink(settings: Sink, **offered: Any) -> AnySink:
    """The sink, open. Of what is `offered` it gets what its maker names: cameras, bus, topics, status."""
    takes = inspect.signature(sink_maker(settings.kind)).parameters
    given = {name: value for name, value in offered.items() if name in takes}
    return open_sink(settings.kind, **_plain(settings, leave={"kind"}), **given)


def _plain(settings: BaseModel, *, leave: set[str]) -> dict[str, Any]:
    """Settings as keyword arguments, with their secrets in the clear."""
    names = [name for name in type(settings).model_fields if name not in leave]
    values = {name: getattr(settings, name) for name in names}
    return {
        name: value.get_secret_value() if isinstance(value, SecretStr) else value
        for name, value in values.items()
    }
