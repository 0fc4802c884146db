"""Applying a site, step by step: what changes is shown, applied, and waited for; why, where it fails.

Deliberately not here: reading the site, and deciding what runs where.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

import typer
from rich.console import Console
from rich.status import Status

from sightline.cli import fleet_tables
from sightline.cli.terminal import visible, visible_json

if TYPE_CHECKING:
    from sightline.fleet.api.client import FleetClient

POLL_S: Final = 0.5
STUCK_S: Final = 2.0
"""That nothing goes on for, before what failed is taken for the end."""
_SETTLED: Final = frozenset({"running", "exited", "idle", "unwanted", "failed", "unplaced"})
"""States of instances in which nothing goes on by itself."""
_MOST_REASONS: Final = 50


class Applying:
    """One `apply`. It is told on `console`; with `as_json` by one object on standard output."""

    def __init__(self, client: FleetClient, console: Console, *, as_json: bool) -> None:
        self._client, self._console, self._as_json = client, console, as_json

    def plan(self, rows: Mapping[str, Any]) -> int:
        """What would change; gives the exit code."""
        told = self._client.post("/api/v1/import", rows)
        self._show_imported(told)
        if told["plan"] is not None and not self._as_json:
            fleet_tables.plan(self._console, told["plan"], self._machines())
        self._answer({"imported": told, "applied": False})
        return 0

    def apply(self, rows: Mapping[str, Any], timeout_s: float | None) -> int:
        """Have it applied, and wait; gives the exit code."""
        told = self._client.post("/api/v1/import", rows)
        self._show_imported(told)
        plan = self._client.get("/api/v1/plan")
        if not self._as_json:
            fleet_tables.plan(self._console, plan, self._machines())
        desc = f"sightline fleet apply, {rows['origin']}"
        revision = self._client.post("/api/v1/update-config", {"desc": desc})["revision"]
        answer: dict[str, Any] = {"imported": told, "plan": plan, "applied": True, "revision": revision}
        if timeout_s is None:
            self._say(f"revision {revision} is applied")
            self._answer(answer)
            return 0
        try:
            status, waited = self._wait(revision, timeout_s)
        except KeyboardInterrupt:
            typer.echo(f"revision {revision} is applied, and goes on: see `sightline fleet status`", err=True)
            raise
        reasons = [] if status["as_desired"] else [*self._reasons(status, timed_out=not waited)]
        ended = "it failed" if waited else "time was up"
        self._say(f"revision {revision}: {'all instances are as desired' if status['as_desired'] else ended}")
        for reason in reasons:
            typer.echo(visible(reason), err=True)
        self._answer({**answer, "as_desired": status["as_desired"], "reasons": reasons})
        return 0 if status["as_desired"] else 1

    def _wait(self, revision: int, timeout_s: float) -> tuple[Any, bool]:
        """The status when all is as desired, or nothing goes on any more; False: time was up before."""
        until_s = time.monotonic() + timeout_s
        stuck_s: float | None = None
        with self._console.status("waiting") as showing:
            last = ""
            while True:
                status = self._client.get("/api/v1/status")
                last = self._show(showing, status, last)
                now_s = time.monotonic()
                is_new = status["revision"] >= revision
                if is_new and status["as_desired"]:
                    return status, True
                stuck_s = (stuck_s or now_s) if is_new and _is_stuck(status) else None
                if stuck_s is not None and now_s - stuck_s > STUCK_S:
                    return status, True
                if now_s >= until_s:
                    return status, False
                time.sleep(POLL_S)

    def _show(self, showing: Status, status: Mapping[str, Any], last: str) -> str:
        told = (
            f"instances: {fleet_tables.counted(status['totals']['instances'])}; "
            f"machines that are not done: {status['behind']}"
        )
        if told != last and not self._as_json:
            showing.update(told)
            if not self._console.is_terminal:
                self._say(told)
        return told

    def _reasons(self, status: Mapping[str, Any], *, timed_out: bool) -> Iterator[str]:
        if timed_out:
            yield f"time was up; machines that are not done: {status['behind']}, which go on with it"
        for host, reason in status["failed"].items():
            yield f"machine {host}: {reason}"
        for name, reason in status["cannot_be_made"].items():
            yield f"instance {name}: {reason}"
        for row in self._client.get("/api/v1/instances", state="failed", limit=_MOST_REASONS)["items"]:
            yield f"instance {row['instance_name']}: failed: {row['reason']}"
        plan = self._client.get("/api/v1/plan")
        for kind, name in (("instances", "name"), ("cameras", "camera_id")):
            lacking = [one for one in plan[kind] if one["change"] == "unplaced"]
            for one in lacking[:_MOST_REASONS]:
                yield f"{kind.removesuffix('s')} {one[name]}: {one['why']}"

    def _show_imported(self, told: Mapping[str, Any]) -> None:
        if not self._as_json:
            lines = [*fleet_tables.imported(told)] or ["the draft has all of this site already"]
            fleet_tables.lines(self._console, lines)

    def _machines(self) -> dict[str, str]:
        return {one["node_id"]: one["agent_name"] for one in self._client.all_of("/api/v1/agents")}

    def _say(self, line: str) -> None:
        if not self._as_json:
            fleet_tables.lines(self._console, [line])

    def _answer(self, told: Mapping[str, Any]) -> None:
        if self._as_json:
            typer.echo(visible_json(json.dumps(told, ensure_ascii=False)))


def _is_stuck(status: Mapping[str, Any]) -> bool:
    """Nothing goes on, and something is not as it should be: time alone mends none of it."""
    states = {state for state, times in status["totals"]["instances"].items() if times}
    waits = status["behind"] > len(status["failed"])
    lacks = status["totals"]["unplaced_cameras"] or status["totals"]["unplaced_instances"]
    failed = status["failed"] or "failed" in states or status["cannot_be_made"]
    return bool(failed or lacks) and not waits and _SETTLED.issuperset(states)
