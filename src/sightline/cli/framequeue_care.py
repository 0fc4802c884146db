"""`sightline framequeue stats`, `sweep` and `dead`: looking after what samplers and workers share."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from sightline.cli.framequeue_options import (
    AsJson,
    Group,
    Queue,
    SiteFile,
    Store,
    load,
    opened,
    where,
)
from sightline.cli.options import Seconds

if TYPE_CHECKING:
    from sightline.cli.figures import Figures
    from sightline.framequeue.queue import DeadKey, QueueDepth
    from sightline.framequeue.store import Advice, CameraUsage, StoreUsage
    from sightline.site.stopping import Stopping

_SHOWN: Final = ("frames", "bytes", "stored", "finished")
_COUNTS: Final = ("ready", "in_hand", "dead", "delayed", "accepted", "acked", "forgotten")
_HUB: Final = "hub://127.0.0.1:4820?queue=frames"

dead = typer.Typer(no_args_is_help=True, help="Keys that nobody is given any more, with the reason.")


def stats(
    *,
    site: SiteFile = None,
    store: Store = None,
    queue: Queue = None,
    group: Group = None,
    as_json: AsJson = False,
) -> None:
    """Show what store and queue hold, what became of all that came, and what is wrong with how they are set.

    Examples:

        sightline framequeue stats

        sightline framequeue stats --store redis://10.0.0.9 --queue amqp://10.0.0.9 --json

        sightline framequeue stats --site site.yaml --group gates
    """
    _, settings = load(site)
    place = where(store, queue, settings)
    with opened(place, settings, group) as places:
        usage, advice = places.store.usage(), places.store.check()
        depths = {name: of.depth() for name, of in places.queues.items()}
    if as_json:
        typer.echo(_json(_facts(usage, depths, advice)))
        return
    from rich.console import Console

    console = Console()
    console.print(place.shown, highlight=False, markup=False, soft_wrap=True)
    console.print(_store_table(usage))
    console.print(_queue_table(depths))
    for line in _advice_lines(advice):
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def sweep(
    *,
    site: SiteFile = None,
    store: Store = None,
    queue: Queue = None,
    overdue_s: Annotated[
        float, typer.Option(min=0.1, help="Send keys again that nobody has claimed for so long.")
    ] = 60.0,
    orphan_age_s: Annotated[
        float | None,
        typer.Option(
            min=0.1, help="Let pictures go that are so old and in nobody's hand.", show_default=False
        ),
    ] = None,
    most: Annotated[int, typer.Option(min=1, help="Keys to be sent again, at most.")] = 1000,
    as_json: AsJson = False,
) -> None:
    """Put in order, once, what those left behind who died: leases, old pictures, keys that were never sent.

    Workers do so by themselves, unless they are told `--no-sweep`.

    Examples:

        sightline framequeue sweep

        sightline framequeue sweep --overdue-s 300 --orphan-age-s 86400 --site site.yaml
    """
    from sightline.framequeue.sweeping import Sweeper

    _, settings = load(site)
    with opened(where(store, queue, settings), settings) as places:
        found = Sweeper(
            places.store, places, overdue_s=overdue_s, most=most, orphan_age_s=orphan_age_s
        ).sweep()
    if as_json:
        typer.echo(_json(_to_builtins(found)))
    else:
        typer.echo(
            f"keys sent again: {found.sent}, not taken: {found.unsent}; leases that ran out: {found.leases}; "
            f"pictures too old: {found.expired}, orphans: {found.orphans}; results forgotten: {found.marks}"
        )


def serve(
    url: Annotated[str, typer.Argument(metavar="URL", help="The hub, and the queue's name there.")] = _HUB,
    *,
    queue: Queue = None,
    seconds: Seconds = None,
) -> None:
    """Serve a queue on a hub, for samplers and workers of other machines, until you stop it.

    What it keeps is what the queue behind it keeps: it may be ended and begun again. Pictures are another
    matter: other machines reach those in Redis alone.

    Examples:

        sightline framequeue serve

        sightline framequeue serve 'hub://10.0.0.9?queue=frames' --queue sqlite:keys.db
    """
    from sightline.cli.showing import stopped_by_signals
    from sightline.framequeue import QueueHost, open_queue
    from sightline.log import redact
    from sightline.site.stopping import Stopping

    stopping, place = Stopping(), where(None, queue, None)
    with open_queue(place.queue) as served, QueueHost(url, served):
        typer.echo(f"{redact(url)}: {redact(place.queue)}")
        with stopped_by_signals(_Asked(stopping)):
            stopping.wait(lambda: False, seconds)


class _Asked:
    """As `stopped_by_signals` wants it."""

    def __init__(self, stopping: Stopping) -> None:
        self.request_stop = stopping.ask
        self.wait = partial(stopping.wait, lambda: False)


@dead.command("list")
def list_dead(
    *,
    site: SiteFile = None,
    store: Store = None,
    queue: Queue = None,
    group: Group = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the oldest first.")] = 100,
    as_json: AsJson = False,
) -> None:
    """Show the keys that are dead letters, each with its reason, when it died, and how often it was tried.

    Examples:

        sightline framequeue dead list

        sightline framequeue dead list --queue amqp://10.0.0.9 --json
    """
    _, settings = load(site)
    with opened(where(store, queue, settings), settings, group) as places:
        letters = places.dead_letters(limit)
    if as_json:
        typer.echo(_json([_letter(letter) for letter in letters]))
        return
    for letter in letters:
        told = _letter(letter)
        typer.echo(
            _visible(f"{told['died_at']} {told['text']} ({told['attempts']} attempts): {told['reason']}")
        )
    if not letters:
        typer.echo("none")


@dead.command("retry")
def retry_dead(
    keys: Annotated[
        list[str] | None,
        typer.Argument(metavar="[KEY]...", help="Which, as `dead list` shows them.", show_default=False),
    ] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
    site: SiteFile = None,
    store: Store = None,
    queue: Queue = None,
    group: Group = None,
    as_json: AsJson = False,
) -> None:
    """Put dead letters in line again: they are tried anew, from the first attempt.

    A key whose picture is gone by then is acknowledged and counted. Exit code 1 where one is no dead letter.

    Examples:

        sightline framequeue dead retry --all

        sightline framequeue dead retry frames:gate:1789000000123:1788999990000:250:1920x1080:183245:jpeg
    """
    if bool(keys) == everything:
        raise typer.BadParameter("expected keys, or --all", param_hint="KEY")
    _, settings = load(site)
    with opened(where(store, queue, settings), settings, group) as places:
        count = places.dead_retry(keys or None)
    typer.echo(_json({"retried": count}) if as_json else f"in line again: {count}")
    if keys and count < len(set(keys)):
        raise typer.Exit(1)


def _to_builtins(value: Any) -> Any:
    import msgspec

    return msgspec.to_builtins(value)


def _json(facts: Any) -> str:
    return json.dumps(facts, ensure_ascii=False)


def _facts(usage: StoreUsage, depths: Mapping[str, QueueDepth], advice: Sequence[Advice]) -> dict[str, Any]:
    return {
        "store": _to_builtins(usage) | {"total": _to_builtins(usage.total)},
        "queues": {name or "frames": _to_builtins(depth) for name, depth in depths.items()},
        "advice": [_to_builtins(one) for one in advice],
    }


def _store_table(usage: StoreUsage) -> Figures:
    from sightline.cli.figures import Figures, Row
    from sightline.cli.live import dropped_text

    of = "" if usage.limit is None else f" of {usage.limit / 2**20:,.0f}"
    named = [*usage.cameras.items(), *([("all", usage.total)] if len(usage.cameras) > 1 else [])]
    rows = [
        Row(
            name,
            (str(camera.frames), f"{camera.bytes / 2**20:.1f}", str(camera.stored), str(camera.finished)),
            dropped_text(_else(camera)),
        )
        for name, camera in named
    ]
    return Figures(
        "camera",
        ("frames", "MiB", "stored", "finished"),
        "otherwise",
        rows,
        f"store: {usage.total.bytes / 2**20:,.1f}{of} MiB, {usage.claimed} in hand, {usage.marks} done",
    )


def _else(camera: CameraUsage) -> dict[str, int]:
    counts = _to_builtins(camera)
    return {name: count for name, count in counts.items() if count and name not in _SHOWN}


def _queue_table(depths: Mapping[str, QueueDepth]) -> Figures:
    from sightline.cli.figures import Figures, Row

    rows = [
        Row(name or "frames", [_known(getattr(depth, count)) for count in _COUNTS], "")
        for name, depth in depths.items()
    ]
    return Figures("queue", [count.replace("_", " ") for count in _COUNTS], "", rows, "keys")


def _known(count: int | None) -> str:
    return "-" if count is None else str(count)


def _advice_lines(advice: Sequence[Advice]) -> Iterator[str]:
    for one in advice:
        yield f"! {one.text}"
        if one.line:
            yield f"    {one.line}"


def _letter(letter: DeadKey) -> dict[str, Any]:
    died_at = datetime.fromtimestamp(letter.died_at_ns / 1e9, UTC).isoformat(timespec="seconds")
    return {"text": letter.text, "reason": letter.reason, "died_at": died_at, "attempts": letter.attempts}


def _visible(text: str) -> str:
    """Without what would steer a terminal: keys and reasons may be anybody's."""
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)
