"""`sightline fleet audit|undo`: who did what, whether it is as it was written, taking it back."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import Annotated, Any, Final

import typer
from rich.console import Console

from sightline.cli import fleet_tables
from sightline.cli.fleet_options import AsJson, Limit, TokenEnv, Url, coordinator, machines
from sightline.cli.terminal import visible_json
from sightline.errors import ConfigError

_ALWAYS: Final = frozenset({"id", "generation"})
_MOST_LETTERS: Final = 40
_MOST_LINES: Final = 50


def audit(
    entry: Annotated[
        int | None, typer.Argument(metavar="[ENTRY]", min=1, help="One whole.", show_default=False)
    ] = None,
    *,
    verify: Annotated[
        bool, typer.Option("--verify", help="Look whether all of it is as it was written.")
    ] = False,
    seen: Annotated[
        str | None,
        typer.Option(
            metavar="HASH",
            help="With --verify: a head of before, that must stand in it still.",
            show_default=False,
        ),
    ] = None,
    who: Annotated[
        str | None, typer.Option(metavar="USER", help="What they did.", show_default=False)
    ] = None,
    act: Annotated[
        str | None, typer.Option(metavar="NAME", help="Such as change_camera.", show_default=False)
    ] = None,
    kind: Annotated[
        str | None, typer.Option(metavar="KIND", help="Of a thing in it, such as camera.", show_default=False)
    ] = None,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="Of a thing in it.", show_default=False)
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="Not before, as 2026-11-22T08:00.", show_default=False)
    ] = None,
    limit: Limit = 50,
    url: Url = None,
    token_env: TokenEnv = None,
    as_json: AsJson = False,
) -> None:
    """Say who did what in the fleet, or with --verify whether that is as it was written.

    Passwords and what is hidden are said to be set or changed, never what they are. Exit code 1 where
    --verify finds that something was changed, taken out or put in.

    Examples:

        sightline fleet audit --who ada --limit 10

        sightline fleet audit --kind camera --name gate --since 2026-11-22

        sightline fleet audit 12

        sightline fleet audit --verify
    """
    with coordinator(url, token_env) as client:
        if verify:
            _verified(client.get("/api/v1/audit/verify", seen=seen), as_json=as_json)
        elif entry is not None:
            _whole(client.get(f"/api/v1/audit/{entry}"), as_json=as_json)
        else:
            wanted = {"who": who, "act": act, "kind": kind, "name": name, "since": _moment(since)}
            _list([*islice(client.all_of("/api/v1/audit", **wanted), limit)], as_json=as_json)


def undo(
    *,
    entry: Annotated[
        int | None,
        typer.Option(min=1, metavar="ENTRY", help="Take back this one, not the last.", show_default=False),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")
    ] = False,
    url: Url = None,
    token_env: TokenEnv = None,
    as_json: AsJson = False,
) -> None:
    """Take back what was done last: rows, an import with all its rows, or what was applied.

    Again takes back what was done before that. It is refused where somebody changed one of its rows since,
    and said who. To have again what was taken back, take back that: --entry with the number that is told.

    Examples:

        sightline fleet undo --dry-run

        sightline fleet undo

        sightline fleet undo --entry 13
    """
    with coordinator(url, token_env) as client:
        told = client.post("/api/v1/undo", entry=entry, dry_run="true" if dry_run else None)
        if as_json:
            _json(told)
            return
        console = Console()
        fleet_tables.lines(console, _undone(told))
        if told["plan"] is not None:
            fleet_tables.plan(console, told["plan"], machines(client))


def _undone(told: Mapping[str, Any]) -> Iterator[str]:
    act = told["undoes"]
    begin = "would take back" if told["dry_run"] else "took back"
    yield f"{begin} {act['act']} of {act['who']} at {_time(act['at'])} (entry {act['id']})"
    for change in told["changes"][:_MOST_LINES]:
        yield f"  {_change(change)}"
    if told["change_count"] > _MOST_LINES:
        yield f"  and {told['change_count'] - _MOST_LINES} more"
    if told["entry"] is not None:
        yield f"to have it again: sightline fleet undo --entry {told['entry']}"


def _verified(told: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        _json(told)
    elif told["ok"]:
        kept = f"{told['first']} to {told['head']}" if told["entries"] else "none"
        typer.echo(f"the audit is as it was written: {told['entries']} entries ({kept})")
        typer.echo(f"head: {told['head_hash']}")
    else:
        at = f"entry {told['broken_at']}: " if told["broken_at"] else ""
        typer.echo(f"the audit is not as it was written: {at}{told['fault']}", err=True)
    if not told["ok"]:
        raise typer.Exit(1)


def _list(rows: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        _json(rows)
        return
    columns = ("entry", "time", "who", "act", "what")
    cells = ((one["id"], _time(one["at"]), one["who"], one["act"], _what(one)) for one in reversed(rows))
    fleet_tables.show(Console(), columns, cells)


def _what(entry: Mapping[str, Any]) -> str:
    told = [_change(one) for one in entry["changes"][:3]]
    more = entry["change_count"] - len(told)
    told += [f"{more} more"] if more else []
    told += [f"takes back {entry['undoes']}"] if entry["undoes"] else []
    told += ["taken back"] if entry["undone"] else []
    return "; ".join([*told, *([entry["desc"]] if entry["desc"] else [])])


def _whole(entry: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        _json(entry)
        return
    lines = [
        f"{name}: {entry[name]}" for name in ("id", "at", "who", "role", "how", "address", "act", "desc")
    ]
    lines += [f"takes back: {entry['undoes']}"] if entry["undoes"] else []
    lines += ["taken back: yes"] if entry["undone"] else []
    fleet_tables.lines(Console(), [*lines, f"hash: {entry['hash']}", *map(_change, entry["changes"])])


def _change(change: Mapping[str, Any]) -> str:
    """Such as `camera gate: pool "" to "night"`."""
    thing, before, after = f"{change['kind']} {change['name']}", change["before"], change["after"]
    if change["kind"] == "revision":
        some, count = after.get("differing", []), after.get("differing_count", 0)
        more = f" and {count - 3} more" if count > 3 else ""
        return f"{thing} is applied: {', '.join(some[:3])}{more}"
    if before is None or after is None:
        return thing if before is after else f"{thing} {'came' if before is None else 'went'}"
    fields = (
        f"{name} {_value(before[name])} to {_value(value)}"
        for name, value in after.items()
        if name not in _ALWAYS
    )
    return f"{thing}: {', '.join(fields)}"


def _value(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _MOST_LETTERS else f"{text[:_MOST_LETTERS]}..."


def _time(text: str) -> str:
    return datetime.fromisoformat(text).astimezone().strftime("%m-%d %H:%M:%S")


def _moment(text: str | None) -> str | None:
    """With a zone: the one here, where none was said."""
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text).astimezone().isoformat()
    except ValueError:
        raise ConfigError(
            f"expected a time for --since, such as 2026-11-22T08:00, got {text[:40]!r}"
        ) from None


def _json(told: Any) -> None:
    typer.echo(visible_json(json.dumps(told, ensure_ascii=False)))
