"""`sightline framequeue work` at work: what looks at the pictures, and what is shown meanwhile."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
import typer
from rich.console import Console

from sightline.cli.figures import Figures, Row
from sightline.cli.framequeue_options import Told, Where, load, opened, where
from sightline.cli.live import dropped_text
from sightline.cli.showing import View, print_json, print_lines, run_shown, stopped_by_signals
from sightline.cli.sources import checked
from sightline.framequeue.work.verdicts import Ending
from sightline.site.frame_queue import FrameQueue
from sightline.site.frame_queue_working import Working

if TYPE_CHECKING:
    from sightline.framequeue.work.jobs import WorkerStats
    from sightline.site.frame_queue_looking import Looking
    from sightline.site.model import Site

_OF_WORKER: Final = ("concurrency", "lease_s", "time_limit_s", "max_attempts")
_DONE: Final = (Ending.PROCESSED,)
_DEAD: Final = tuple(ending for ending in Ending if ending.value.startswith("dead"))
_NUMBERS: Final = ("received", "done", "dead letters", "in hand", "ms each")


class WorkSettings(NamedTuple):
    """How to work, and where."""

    site: Site | None
    frame_queue: FrameQueue | None
    place: Where
    worker: dict[str, Any]


def worker_settings(
    site: Path | None, given: Mapping[str, Any], *, hard_limit_s: float | None, take: str
) -> WorkSettings:
    """What is given, else what the site says, else as it is left out.

    Raises:
        ConfigError: the site has no frame queue, or a setting is wrong.
    """
    loaded, settings = load(site)
    place = where(given["store"], given["queue"], settings)
    said = {name: given[name] for name in _OF_WORKER if given[name] is not None}
    before = {} if settings is None else {name: getattr(settings, name) for name in _OF_WORKER}
    chosen = checked(FrameQueue, {**before, **said})
    worker = {name: getattr(chosen, name) for name in _OF_WORKER}
    return WorkSettings(loaded, settings, place, worker | {"hard_limit_s": hard_limit_s, "take": take})


def looking_of(
    site: Site | None, names: list[str], handler: str | None, model: str | None, results: Path
) -> Callable[..., Any]:
    """What is called with each picture.

    Raises:
        typer.BadParameter: it is not said what, or twice.
        ConfigError: it cannot be had.
    """
    if (handler is not None and model is not None) or (names and (site is None or handler or model)):
        raise typer.BadParameter("expected one of --handler, --model, or --site with names of its workers")
    if handler is not None:
        from sightline.framequeue.handlers import find_handler

        return find_handler(handler)
    from sightline.site.frame_queue_looking import Looking, lookers_of

    if model is not None:
        return Looking([_looker(model, results)])
    if site is None:
        raise typer.BadParameter("expected --handler, --model, or --site with a site file")
    return Looking(lookers_of(site, names))


def run_working(
    settings: WorkSettings,
    looking: Callable[..., Any],
    console: Console,
    *,
    groups: list[str] | None,
    overdue_s: float | None,
    drain: bool,
    metrics_port: int | None,
    seconds: float | None,
    as_json: bool,
) -> int:
    """Run until it is over, `seconds` have passed, or a signal came. Gives the exit code.

    Raises:
        SightlineError: store or queue cannot be had, or a model or a sink not be opened.
    """
    from sightline.site.frame_queue_looking import Looking

    with ExitStack() as stack:
        places = stack.enter_context(opened(settings.place, settings.frame_queue, groups))
        pages = stack.enter_context(looking).pages if isinstance(looking, Looking) else []
        working = Working(places, looking, settings=settings.worker, drain=drain, overdue_s=overdue_s)
        told = Told(lambda: _lines(working.by_group()))
        view = View(
            table=lambda: _table(working.by_group()),
            lines=told.lines,
            facts=lambda: _facts(working, looking if isinstance(looking, Looking) else None),
        )
        stack.enter_context(stopped_by_signals(working))
        with working:
            metrics = _metrics(working, places, metrics_port, stack)
            if not as_json:
                print_lines([settings.place.shown, *(f"page: {page}" for page in pages), *metrics], console)
            run_shown(working, view, console, seconds, as_json=as_json)
        if as_json:
            print_json(view)
        else:
            print_lines([*told.rest(), *working.faults], console)
        return 1 if working.faults else 0


def _looker(model: str, results: Path) -> Any:
    from sightline.cli.mux_settings import model_of_text
    from sightline.sink import open_sink
    from sightline.site.frame_queue_looking import Looker
    from sightline.site.making import model_wanted
    from sightline.site.model import Model
    from sightline.site.opening import make_model

    sys.path.insert(0, str(Path.cwd()))  # as Python has it for a script: a model may be the user's own
    wanted: Any = checked(Model, model_of_text(model))  # type: ignore[arg-type]  # a union is as good as a type
    sink = partial(open_sink, "jsonl", path=results)
    return Looker(model, make_model(model_wanted(wanted), None), {"jsonl": sink})


def _metrics(working: Working, places: Any, port: int | None, stack: ExitStack) -> list[str]:
    """Where they are, in words."""
    if port is None:
        return []
    from sightline.framequeue.metrics import registry_of
    from sightline.pages.metrics import FiguresPage

    registry = registry_of(store=places.store, queue=places, worker=working, sweeper=working.sweeper)
    return [f"metrics: {stack.enter_context(FiguresPage(registry, port, whose='framequeue')).url}"]


def _facts(working: Working, looking: Looking | None) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "queues": {name or "frames": msgspec.to_builtins(of) for name, of in working.by_group().items()}
    }
    if working.sweeper is not None:
        facts["sweeper"] = msgspec.to_builtins(working.sweeper.stats())
    if looking is not None:
        looked = looking.stats().items()
        facts["cameras"] = {
            name: {
                "results": of.results,
                "detections": of.detections,
                "failed": of.failed,
                "rate": round(of.rate, 2),
            }
            for name, of in looked
        }
    return facts


def _table(queues: Mapping[str, WorkerStats]) -> Figures:
    rows = [Row(name or "frames", _numbers(of), dropped_text(_else(of))) for name, of in queues.items()]
    return Figures("queue", _NUMBERS, "otherwise", rows)


def _lines(queues: Mapping[str, WorkerStats]) -> Iterator[str]:
    for name, stats in queues.items():
        figures = ", ".join(f"{number} {of}" for of, number in zip(_NUMBERS, _numbers(stats), strict=True))
        yield f"{name or 'frames'}: {figures}, else {dropped_text(_else(stats))}"


def _numbers(stats: WorkerStats) -> tuple[str, ...]:
    each_ms = f"{1000 * stats.handled_s / stats.handled:.0f}" if stats.handled else "-"
    counts = (stats.received, _of(stats, _DONE), _of(stats, _DEAD), stats.held)
    return (*(str(count) for count in counts), each_ms)


def _of(stats: WorkerStats, endings: tuple[Ending, ...]) -> int:
    return sum(stats.endings.get(ending.value, 0) for ending in endings)


def _else(stats: WorkerStats) -> dict[str, int]:
    """All endings but the good one, by name."""
    return {name: count for name, count in stats.endings.items() if name not in _DONE}
