"""What a running worker promises, wherever it runs: in this process, or in one of its own.

`RunningWorker` is the one, `WorkerProcess` the other. Whoever runs a site starts and stops them and asks how
they are; what they are made of is no concern of theirs.
"""

from __future__ import annotations

from typing import Protocol

from sightline.site.outlet import OutletStats
from sightline.site.worker import WorkerCounts


class AnyWorker(Protocol):
    """A worker between `start()` and `stop()`. Any thread may ask how it is, and is not kept waiting."""

    name: str

    def start(self) -> None:
        """Load the model, open the sinks, and begin to read; it returns when all of that is done.

        Raises:
            SightlineError: the model, a sink or the bus cannot be had; nothing runs then.
        """

    def stop(self) -> None:
        """End within seconds; what waits for a sink is written. Again is allowed."""

    @property
    def ended(self) -> bool:
        """Whether all its cameras were files that are over, and all of them is seen and written."""

    @property
    def broken(self) -> str:
        """Why it ended before its time and is not begun again, in words; empty while that is not so."""

    @property
    def pages(self) -> list[str]:
        """Addresses of the pages that its sinks serve."""

    def counts(self) -> dict[str, WorkerCounts]:
        """Counts by camera; none before `start()`. Of a process: of all that the worker had, as told last."""

    def outlets(self) -> list[OutletStats]:
        """Counts by sink, likewise."""
