"""Running a site from the command: signals, the pages' addresses, what became of it, and the exit code."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

from sightline.cli.live import run_shown, sink_losses
from sightline.site import Site
from sightline.site.running import RunningSite


def run_site(site: Site, console: Console, *, seconds: float | None = None) -> int:
    """Run until the site ends, `seconds` have passed, or SIGINT or SIGTERM came. Gives the exit code.

    1 where a camera cannot be read or a worker broke, else 0: being asked to stop is no failure.
    Raises SightlineError where the site cannot be started.
    """
    running = RunningSite(site)
    with _stopped_by_signals(running), running:
        for page in running.pages:
            console.print(f"pictures: {page}", highlight=False, soft_wrap=True)
        run_shown(running, console, seconds)
        faults = running.faults
    for line in (*faults, *sink_losses(running.status().sinks)):
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    return 1 if faults else 0


@contextmanager
def _stopped_by_signals(running: RunningSite) -> Iterator[None]:
    """SIGINT and SIGTERM ask the site to stop; a second one does what it did before."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

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
