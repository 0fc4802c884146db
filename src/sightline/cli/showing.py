"""What runs, shown while it does: a table in a terminal, else lines now and then, or JSON for programs."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final, NamedTuple, Protocol

import msgspec
import typer
from rich.console import Console, RenderableType
from rich.live import Live

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_REFRESH_HZ: Final = 4
_LINES_EVERY_S: Final = 5.0
_JSON_EVERY_S: Final = 1.0


class Runs(Protocol):
    """Something that runs until it is over or asked to stop."""

    def wait(self, timeout_s: float | None = None) -> bool: ...
    def request_stop(self) -> None: ...


class View(NamedTuple):
    """The same in three ways: for a terminal, for a log, for a program."""

    table: Callable[[], RenderableType]
    lines: Callable[[], Iterable[str]]
    facts: Callable[[], Any]


def run_shown(running: Runs, view: View, console: Console, seconds: float | None, *, as_json: bool) -> None:
    """Wait for the end, at most `seconds`, and show meanwhile how it is doing."""
    if as_json:
        _run_in_steps(running, seconds, _JSON_EVERY_S, lambda: print_json(view))
    elif not console.is_terminal:
        _run_in_steps(running, seconds, _LINES_EVERY_S, lambda: print_lines(view.lines(), console))
    else:
        with _live(view, console):
            running.wait(seconds)


def print_json(view: View) -> None:
    """One line."""
    typer.echo(json.dumps(msgspec.to_builtins(view.facts()), ensure_ascii=False))


def print_lines(lines: Iterable[str], console: Console) -> None:
    """Just as they are, however long."""
    for line in lines:
        console.print(line, highlight=False, markup=False, soft_wrap=True)


@contextmanager
def stopped_by_signals(running: Runs) -> Iterator[None]:
    """SIGINT, SIGTERM and SIGHUP ask what runs to stop; a second one does what it did before.

    One that is ignored stays so: as `nohup` wants it.
    """
    handlers = {number: signal.getsignal(number) for number in _SIGNALS}
    before = {number: handler for number, handler in handlers.items() if handler != signal.SIG_IGN}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def stop(_number: int, _frame: object) -> None:
        running.request_stop()
        restore()

    for number in before:
        signal.signal(number, stop)
    try:
        yield
    finally:
        restore()


def _live(view: View, console: Console) -> Live:
    return Live(
        get_renderable=view.table,
        console=console,
        refresh_per_second=_REFRESH_HZ,
        # Logs that were sent to a file stay there; in the terminal they come above the table.
        redirect_stderr=sys.stderr.isatty(),
    )


def _run_in_steps(running: Runs, seconds: float | None, every_s: float, show: Callable[[], None]) -> None:
    left_s, over = seconds, False
    while not over and (left_s is None or left_s > 0):
        step_s = every_s if left_s is None else min(every_s, left_s)
        over = running.wait(step_s)
        left_s = None if left_s is None else left_s - step_s
        show()
