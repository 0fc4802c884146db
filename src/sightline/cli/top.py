"""`sightline top`: what runs here, or elsewhere, live."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from sightline.cli.options import Seconds

if TYPE_CHECKING:
    from sightline.cli.showing import View
    from sightline.top.picture import Picture
    from sightline.top.sheet import Sheet
    from sightline.top.watching import Watching

_STEP_S: Final = 0.1
_FIRST_S: Final = 15.0
_PRINTED_WIDTH: Final = 160
"""Characters, where it is not a terminal that says how many it has."""


def top(
    addresses: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="ADDRESS",
            help="A pipe's API, http://HOST:PORT, or a hub, hub://HOST:PORT; several are shown together.",
            show_default=False,
        ),
    ] = None,
    *,
    every: Annotated[
        float, typer.Option(min=0.2, max=60, metavar="SECONDS", help="How often to look.")
    ] = 1.0,
    seconds: Seconds = None,
    once: Annotated[bool, typer.Option("--once", help="Show it once and end.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="A line of JSON a second, for a program.")] = False,
) -> None:
    """Watch what runs: cameras, routines, wires, channels of hubs, processes.

    Without an address it is whatever `sightline up`, `demo`, `worker` and `pipe run` run for you on this
    machine, also what begins or ends meanwhile. A token stands in the address, as http://:TOKEN@HOST:PORT, or
    in the environment as SIGHTLINE_API_TOKEN and SIGHTLINE_HUB_TOKEN.

    Keys: 1 to 5 choose a sheet, s sorts by the next column and r the other way round, / keeps rows with some
    words, space holds it still, e sends an event to the routine or flow of the cursor, q ends it.

    Examples:

        sightline top

        sightline top http://127.0.0.1:8000 hub://127.0.0.1:4820

        sightline top --once

        sightline top --json --seconds 10
    """
    from sightline.top.addresses import finder
    from sightline.top.watching import Watching

    console = Console(width=None if sys.stdout.isatty() else _PRINTED_WIDTH)
    with Watching(finder(addresses or ()), every_s=every) as watching:
        if once:
            raise typer.Exit(_show_once(watching, console, as_json=as_json, named=bool(addresses)))
        if as_json or not (console.is_terminal and _has_screen()):
            _show_on(watching, console, seconds, as_json=as_json)
        else:
            _run_app(watching, seconds)


def _show_once(watching: Watching, console: Console, *, as_json: bool, named: bool) -> int:
    """Gives the exit code: 1 where nothing answers of what was named."""
    from sightline.cli.showing import print_json

    until_s = time.monotonic() + _FIRST_S
    while not watching.is_settled and time.monotonic() < until_s:
        time.sleep(_STEP_S)
    view = _view(watching)
    print_json(view) if as_json else console.print(view.table())
    return 1 if named and all(seen.fault for seen in watching.picture.seen.values()) else 0


def _show_on(watching: Watching, console: Console, seconds: float | None, *, as_json: bool) -> None:
    from sightline.cli.showing import run_shown, stopped_by_signals

    waiting = _Waiting()
    with stopped_by_signals(waiting):
        run_shown(waiting, _view(watching), console, seconds, as_json=as_json)


def _has_screen() -> bool:
    """Keys come from standard input, and Textual draws on standard error."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def _run_app(watching: Watching, seconds: float | None) -> None:
    from sightline.errors import MissingExtra

    try:
        from sightline.top.app import TopApp
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "textual":
            raise
        raise MissingExtra(
            "textual is not installed; it comes with: pip install 'sightline[top]'; --once and --json do "
            "without it"
        ) from error
    TopApp(watching, seconds=seconds).run()


class _Waiting:
    """Until it is asked to stop: what is watched goes on by itself."""

    def __init__(self) -> None:
        self._asked_to_stop = False

    def wait(self, timeout_s: float | None = None) -> bool:
        # A flag and not an event, whose lock may be held by the very thread that a signal interrupts.
        until_s = None if timeout_s is None else time.monotonic() + timeout_s
        while not self._asked_to_stop and (until_s is None or time.monotonic() < until_s):
            time.sleep(_STEP_S)
        return self._asked_to_stop

    def request_stop(self) -> None:
        self._asked_to_stop = True


def _view(watching: Watching) -> View:
    from sightline.cli.showing import View

    return View(
        table=lambda: _tables(watching.picture),
        lines=lambda: watching.picture.lines(),  # noqa: PLW0108 - of the picture of then
        facts=lambda: watching.picture.facts,
    )


def _tables(picture: Picture) -> Group:
    """Of all that has rows, below a line of each feed."""
    faults: list[RenderableType] = [Text(fault, "red") for fault in picture.faults]
    told = [Text(line) for line in picture.summary]
    sheets = [_table(sheet) for sheet in picture.sheets if sheet.rows]
    return Group(*([*faults, *told, *sheets] or [Text(picture.nothing)]))


def _table(sheet: Sheet) -> Table:
    """The last column, which says why, is there where it says something, and has what room is left."""
    says_why = any(sheet.texts(row)[-1] for row in sheet.rows)
    columns = sheet.columns if says_why else sheet.columns[:-1]
    table = Table(expand=says_why, header_style="bold")
    for number, column in enumerate(columns):
        kwargs: dict[str, Any] = (
            {"ratio": 1, "overflow": "fold"} if number == len(sheet.columns) - 1 else {"no_wrap": True}
        )
        table.add_column(Text(column.title), justify="left" if column.digits is None else "right", **kwargs)
    for row in sheet.rows:
        table.add_row(*map(Text, sheet.texts(row)[: len(columns)]))
    return table
