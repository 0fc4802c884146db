"""Running a site from the command: signals, the pages' addresses, what became of it, and the exit code."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

from sightline.cli.live import run_shown
from sightline.site import Site
from sightline.site.running import RunningSite


def run_site(site: Site, console: Console, *, seconds: float | None = None) -> int:
    """Run until the site ends, `seconds` have passed, or SIGINT or SIGTERM came. Gives the exit code.

    1 where a camera ended for good because it cannot be read, else 0: being asked to stop is no failure.
    Raises SightlineError where the site cannot be started.
    """
    running = RunningSite(site)
    with _stopped_by_signals(running), running:
        for page in running.pages:
            console.print(f"pictures: {page}", highlight=False, soft_wrap=True)
        run_shown(running, console, seconds)
        last = running.status()
    _say_what_went_wrong(running, console)
    return 1 if any(camera.state == "disabled" for camera in last.cameras.values()) else 0


def _say_what_went_wrong(running: RunningSite, console: Console) -> None:
    status = running.status()
    for name, camera in status.cameras.items():
        if camera.reason:
            console.print(f"{name}: {camera.reason}", highlight=False, markup=False, soft_wrap=True)
    for stats in status.sinks:
        if stats.failed:
            console.print(f"sink {stats.sink}: {stats.failed} results not written", highlight=False)


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
