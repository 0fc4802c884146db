"""`sightline framequeue sample` at work: which cameras, how, and what is shown meanwhile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
import typer
from rich.console import Console
from rich.text import Text

from sightline.capture import CameraInput
from sightline.cli.figures import Figures, Row
from sightline.cli.framequeue_options import Told, load, opened, where
from sightline.cli.live import COLOURS, dropped_text
from sightline.cli.showing import View, print_json, print_lines, run_shown, stopped_by_signals
from sightline.cli.sources import checked, inputs_of_urls, picked
from sightline.framequeue.feeding_line import FeedStats
from sightline.site.frame_queue import FrameQueue
from sightline.site.frame_queue_sampling import SampledCamera, Sampling

if TYPE_CHECKING:
    from sightline.site.frame_queue_places import Places
    from sightline.site.model import Site

_OF_SAMPLER: Final = ("rate", "size", "format", "quality", "keyframes", "namespace", "hwaccel")
_HEADS: Final = ("sampled", "handed over", "held", "packets", "MB")


def settings_of(site: Path | None, given: Mapping[str, Any]) -> tuple[Site | None, FrameQueue]:
    """How it is to be done: what is given, else what the site says, else as it is left out.

    Raises:
        ConfigError: the site has no frame queue, or a setting is wrong.
    """
    loaded, settings = load(site)
    place = where(given["store"], given["queue"], settings)
    said = {name: value for name, value in given.items() if value is not None}
    before = {} if settings is None else {name: getattr(settings, name) for name in FrameQueue.model_fields}
    return loaded, checked(FrameQueue, {**before, **said, **place._asdict()})


def cameras_of(
    site: Site | None,
    urls: list[str],
    names: list[str] | None,
    users: list[str],
    variables: list[str],
    options: dict[str, Any],
) -> list[CameraInput]:
    """What to capture: the URLs, or cameras of the site, of which the stream for models where there is one.

    Raises:
        typer.BadParameter: there are neither, or both.
        ConfigError: a camera is not there, or cannot be.
    """
    if bool(urls) == (site is not None):
        raise typer.BadParameter("expected cameras' URLs, or --site with a site file", param_hint="URL")
    if site is None:
        inputs = inputs_of_urls(urls, names, users, variables, options)
        return [streams["main"] for streams in inputs.values()]
    cameras = site.sampled_cameras()
    streams = {
        name: {camera.streams[-1]: camera.as_input(name, camera.streams[-1])}
        for name, camera in cameras.items()
    }
    chosen = streams if names is None else picked(streams, names)
    return [one for of in chosen.values() for one in of.values()]


def run_sampling(
    cameras: list[CameraInput],
    settings: FrameQueue,
    console: Console,
    *,
    metrics_port: int | None,
    seconds: float | None,
    as_json: bool,
) -> int:
    """Run until it is over, `seconds` have passed, or a signal came. Gives the exit code.

    Raises:
        SightlineError: the store or the queue cannot be had, or the port is taken.
    """
    with ExitStack() as stack:
        place = where(settings.store, settings.queue, None)
        places = stack.enter_context(opened(place, settings))
        sampling = Sampling(
            cameras,
            places.store,
            places.queue_of,
            sampler={name: getattr(settings, name) for name in _OF_SAMPLER},
            ttl_s=settings.ttl_s,
            when_full=settings.when_full,
        )
        told = Told(lambda: _lines(sampling.status()))
        view = View(
            table=lambda: _table(sampling.status()),
            lines=told.lines,
            facts=lambda: {"cameras": msgspec.to_builtins(sampling.status())},
        )
        stack.enter_context(stopped_by_signals(sampling))
        with sampling:
            metrics = _metrics(sampling, places, metrics_port, stack)
            if not as_json:
                print_lines([place.shown, *metrics], console)
            run_shown(sampling, view, console, seconds, as_json=as_json)
        if as_json:
            print_json(view)
        else:
            print_lines([*told.rest(), *sampling.faults], console)
        return 1 if sampling.faults else 0


class _Feeds:
    """All of them as one, for Prometheus."""

    def __init__(self, sampling: Sampling) -> None:
        self._sampling = sampling

    def stats(self) -> FeedStats:
        all_of = [feed.stats() for feed in self._sampling.feeds]
        cameras = {name: camera for one in all_of for name, camera in one.cameras.items()}
        return FeedStats(cameras=cameras, retried=sum(one.retried for one in all_of))


def _metrics(sampling: Sampling, places: Places, port: int | None, stack: ExitStack) -> list[str]:
    """Where they are, in words."""
    if port is None:
        return []
    from sightline.framequeue.metrics import registry_of
    from sightline.pages.metrics import FiguresPage

    registry = registry_of(sampling=sampling, store=places.store, queue=places, feed=_Feeds(sampling))
    return [f"metrics: {stack.enter_context(FiguresPage(registry, port, whose='framequeue')).url}"]


def _table(cameras: Mapping[str, SampledCamera]) -> Figures:
    rows = [
        Row(
            name,
            [_numbers(camera)[head] for head in _HEADS],
            dropped_text(_lost(camera)),
            _state(camera),
            camera.capture.reason,
        )
        for name, camera in cameras.items()
    ]
    return Figures("camera", _HEADS, "lost", rows)


def _state(camera: SampledCamera) -> Text:
    state = camera.capture.state
    return Text(state.replace("_", " "), style=COLOURS.get(state, "red"))


def _lines(cameras: Mapping[str, SampledCamera]) -> Iterator[str]:
    for name, camera in cameras.items():
        reason = f" ({camera.capture.reason})" if camera.capture.reason else ""
        figures = ", ".join(f"{number} {of}" for of, number in _numbers(camera).items())
        yield f"{name}: {camera.capture.state}{reason}, {figures}, lost {dropped_text(_lost(camera))}"


def _numbers(camera: SampledCamera) -> dict[str, str]:
    sampler, feed = camera.sampler, camera.feed
    return {
        "packets": str(sampler.entered),
        "sampled": str(sampler.sampled),
        "handed over": str(feed.sent),
        "MB": f"{feed.bytes / 1e6:.1f}",
        "held": str(feed.held),
    }


def _lost(camera: SampledCamera) -> dict[str, int]:
    """Pictures that were wanted and could not be had, or were not handed over."""
    unreadable = {"unreadable": camera.sampler.unreadable} if camera.sampler.unreadable else {}
    return unreadable | camera.feed.dropped
