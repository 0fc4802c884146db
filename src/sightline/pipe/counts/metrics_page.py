"""A pipe's counts over HTTP, for Prometheus: `http://127.0.0.1:PORT/metrics`, on this machine alone."""

from __future__ import annotations

from collections.abc import Callable

from sightline.pages.metrics import FiguresPage
from sightline.pipe.counts.metrics import registry_of
from sightline.pipe.counts.stats import PipeStats


class MetricsPage(FiguresPage):
    """The page, from now until `close`.

    Args:
        read: gives the counts; called from several threads.
        port: 0: a free one.

    Raises:
        ConfigError: the port is in use, or cannot be.
    """

    def __init__(self, read: Callable[[], PipeStats], port: int = 0) -> None:
        super().__init__(registry_of(read), port, whose="pipe")
