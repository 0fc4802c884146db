"""Celery's own programs for the frame queue: a worker, and beat, each in a folder of its own.

They are of this environment: nothing is looked for, or installed. What is deliberately not here: the broker.
"""

import sys
from collections.abc import Mapping
from pathlib import Path

from tools.services.process import Process

APP = "sightline.framequeue.celery"
_SAYS_SO = {"worker": " ready.", "beat": "beat: Starting..."}


class CeleryProgram(Process):
    """`celery -A sightline.framequeue.celery PROGRAM OPTIONS`, ready once it says so."""

    def __init__(
        self,
        folder: Path,
        program: str,
        *options: str,
        name: str = "",
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Its log is in `folder`, which must exist, and where it is started.

        Args:
            folder: where it runs.
            program: "worker" or "beat".
            options: more of its own.
            name: tells one worker from another.
            environment: with the settings `SIGHTLINE_FRAMEQUEUE_*`.
        """
        named = name or program
        command = [sys.executable, "-m", "celery", "-A", APP, program, "--loglevel", "info", *options]
        if program == "worker":
            # They ask each other for a second how they are, before they begin.
            command += ["-n", f"{named}@%h", "--without-gossip", "--without-mingle"]
        self._says_so = _SAYS_SO[program]
        self._read_to = 0
        super().__init__(
            named, command, folder, ready=self._said, ready_within_s=60.0, environment=environment
        )

    def start(self) -> None:
        """As every program; its log goes on where it ended."""
        self._read_to = self.log.stat().st_size if self.log.exists() else 0
        super().start()

    def _said(self) -> bool:
        with self.log.open("rb") as log:
            log.seek(self._read_to)
            return self._says_so in log.read().decode(errors="replace")
