"""The fleet as tables and lines for people, within 80 columns. Pure but for the console."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from sightline.cli.terminal import visible

Rows = Iterable[Mapping[str, Any]]
_END: Final = 4
"""Digits that the second of two long generations is told by, where all before them are the same."""
_GOOD: Final = frozenset({"running", "connected", "live", "exited", "done", "ok"})
_BAD: Final = frozenset({"failed", "lost", "revoked", "unplaced", "unhealthy"})
_MOST_VALUE: Final = 60
_NAME: Final = 6
"""Columns for names in a terminal that is too narrow."""
_SIGNS: Final = {"add": "+ add", "change": "~ change", "move": "> move", "remove": "- remove"}


def show(console: Console, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table; its last column has what room is left."""
    table = Table(header_style="bold", expand=False, pad_edge=False, box=None)
    for number, column in enumerate(columns):
        last = number == len(columns) - 1
        table.add_column(
            column,
            overflow="fold",
            no_wrap=not last and number != 0,
            ratio=1 if last else None,
            min_width=_NAME if number == 0 else None,
        )
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    console.print(table if table.row_count else Text("none", "dim"))


def agents(console: Console, rows: Rows) -> None:
    show(
        console,
        ("machine", "state", "runs", "config", "seen", "told"),
        (
            (
                one["agent_name"],
                one["state"],
                one["instance_count"],
                _of(one["observed_generation"], one["config_generation"]),
                ago(one["last_seen"]),
                one["deployment"],
            )
            for one in rows
        ),
    )


def instances(console: Console, rows: Rows, machines: Mapping[str, str]) -> None:
    show(
        console,
        ("instance", "state", "machine", "cameras", "row", "why"),
        (
            (
                one["instance_name"],
                one["status"] or ("off" if not one["enabled"] else "-"),
                machines.get(one["placed_node"] or "", "-"),
                one["camera_count"],
                _of(one["observed_generation"], one["generation"]),
                one["reason"],
            )
            for one in rows
        ),
    )


def cameras(console: Console, rows: Rows) -> None:
    show(
        console,
        ("camera", "state", "instance", "row", "term", "address"),
        (
            (
                one["camera_id"],
                one["status"] or ("off" if not one["enabled"] else "-"),
                one["placed_instance"] or "-",
                _of(one["observed_generation"], one["generation"]),
                one["term"],
                one["address"],
            )
            for one in rows
        ),
    )


def events(console: Console, rows: Rows) -> None:
    show(
        console,
        ("time", "of", "what"),
        ((_time(one["at"]), one["camera_id"] or one["instance"] or "-", one["what"]) for one in rows),
    )


def explanation(console: Console, told: Mapping[str, Any]) -> None:
    show(
        console,
        ("", "step", "why"),
        (("ok" if one["ok"] else "no", one["what"], one["why"]) for one in told["steps"]),
    )


def tokens(console: Console, rows: Rows) -> None:
    show(
        console,
        ("token", "until", "uses left", "for"),
        (
            (
                one["token_id"],
                "taken back" if one["revoked"] else _time(one["expires_at"]),
                one["uses_left"],
                one["description"],
            )
            for one in rows
        ),
    )


def users(console: Console, rows: Rows) -> None:
    show(
        console,
        ("user", "role", "state", "logged in", "last login", "tokens"),
        (
            (
                one["name"],
                one["role"],
                "disabled" if one["disabled"] else "ok" if one["has_password"] else "no password",
                one["sessions"],
                ago(one["login_at"]),
                one["tokens"],
            )
            for one in rows
        ),
    )


def user_tokens(console: Console, rows: Rows) -> None:
    show(
        console,
        ("token", "role", "until", "last used", "for"),
        (
            (
                one["token_id"],
                one["role"],
                "taken back" if one["revoked"] else _time(one["expires_at"]),
                ago(one["used_at"]),
                one["description"],
            )
            for one in rows
        ),
    )


def plan(console: Console, told: Mapping[str, Any], machines: Mapping[str, str]) -> None:
    """What would change, row by row, and how much on which machine."""
    rows = [*_instance_rows(told["instances"], machines), *_camera_rows(told["cameras"])]
    if rows:
        show(console, ("change", "what", "where", "why"), rows)
    for one in told["nodes"]:
        parts = [
            f"{one[what]} {what.removesuffix('s')}" for what in ("begins", "restarts", "ends") if one[what]
        ]
        lines(console, [f"{one['hostname']}: {', '.join(parts)}"])
    if told["is_empty"]:
        lines(console, ["nothing that runs would change"])


def status(told: Mapping[str, Any]) -> Iterator[str]:
    """A line each."""
    totals = told["totals"]
    if not told["bus_connected"]:
        yield f"the bus does not answer since {_time(told['bus_away_since'])}: this is how it was heard last"
        yield "nobody is taken for lost meanwhile; what must not run twice ends when its lease is over"
    yield f"revision {told['revision']}: {_how(told)}"
    if told["draft_revision"] != told["revision"]:
        yield "the draft differs: `sightline fleet plan` says what applying it would change"
    machines = sum(totals["agents"].values())
    yield f"machines: {counted(totals['agents'])}; {totals['current']} of {machines} run what they are to run"
    yield f"instances: {counted(totals['instances'])}"
    yield f"cameras: {counted(totals['camera_states'])}"
    if totals["unplaced_instances"]:
        yield f"instances without a machine: {totals['unplaced_instances']}"
    if told["database_fault"]:
        yield f"nothing can be saved: {told['database_fault']}"
    for what in ("failed", "cannot_be_made"):
        for name, reason in told[what].items():
            yield f"{name}: {what.replace('_', ' ')}: {reason}"


def _how(told: Mapping[str, Any]) -> str:
    verbs = ("are", "is") if told["bus_connected"] else ("were", "was")
    return (
        f"all instances {verbs[0]} as desired" if told["as_desired"] else f"not all {verbs[1]} as desired yet"
    )


def imported(told: Mapping[str, Any]) -> Iterator[str]:
    """What an import did to the draft, a line each."""
    for kind in ("instances", "cameras", "agents"):
        changes = told[kind]
        for word in ("added", "changed", "removed"):
            if changes[word]:
                yield f"{kind} {word}: {_some(changes[word])}"
        if changes["left"]:
            yield f"{kind} that the file has no more, and that stay without --prune: {_some(changes['left'])}"


def changed_rows(rows: Rows) -> Iterator[str]:
    """Of a dry run: what would become of each row that is there, a line each."""
    for one in rows:
        parts = [f"{name}: {_short(was)} > {_short(now)}" for name, (was, now) in one["fields"].items()]
        if parts and one["change"] == "changed":
            yield f"~ {one['kind']} {one['name']}: {'; '.join(parts)}"


def _short(value: object) -> str:
    text = "-" if value in (None, "", {}, []) else str(value)
    return text if len(text) <= _MOST_VALUE else f"{text[:_MOST_VALUE]}..."


def counted(states: Mapping[str, int]) -> str:
    """Such as `3 (2 running, 1 failed)`."""
    told = ", ".join(f"{times} {state}" for state, times in sorted(states.items()) if times)
    return f"{sum(states.values())} ({told})" if told else "0"


def lines(console: Console, told: Iterable[str]) -> None:
    """As they are, wrapped by whoever shows them."""
    for line in told:
        console.print(Text(visible(line)), soft_wrap=True)


def ago(text: str | None) -> str:
    """How long ago, in a word."""
    if text is None:
        return "never"
    seconds = max(0.0, (datetime.now(UTC) - datetime.fromisoformat(text)).total_seconds())
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _instance_rows(rows: Rows, machines: Mapping[str, str]) -> Iterator[tuple[object, ...]]:
    for one in rows:
        was, now = machines.get(one["was"] or "", "-"), machines.get(one["node"] or "", "-")
        yield _change(one), one["name"], now if was in {now, "-"} else f"{was} > {now}", one["why"]


def _camera_rows(rows: Rows) -> Iterator[tuple[object, ...]]:
    for one in rows:
        was, now = one["was"] or "-", one["instance"] or "-"
        yield _change(one), one["camera_id"], now if was in {now, "-"} else f"{was} > {now}", one["why"]


def _change(one: Mapping[str, Any]) -> str:
    return _SIGNS.get(one["change"], f"! {one['change']}")


def _some(names: Sequence[str], most: int = 10) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _of(observed: int, wanted: int) -> str:
    """Both numbers; of the second no more than its end, where they begin alike and are long."""
    now, then = str(observed), str(wanted)
    alike = len(now) == len(then) and now[:-_END] == then[:-_END] != ""
    return then if now == then else f"{now} of {'..' + then[-_END:] if alike else then}"


def _time(text: str) -> str:
    return datetime.fromisoformat(text).astimezone().strftime("%m-%d %H:%M:%S")


def _cell(value: object) -> Text:
    text = visible(str(value))
    style = "green" if text in _GOOD else "red" if text in _BAD or text == "no" else ""
    return Text(text, style)
