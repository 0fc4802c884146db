"""What all servers have in common that are one process, with a folder that outlives it."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from tools.services.process import Process


class Server:
    """A class of these makes `_process`, and says where its server is; a `with` block starts and stops it."""

    _process: Process
    _stop_within_s = 15.0

    @property
    def pid(self) -> int | None:
        """The server's pid, None while it does not run."""
        return self._process.pid

    @property
    def log(self) -> Path:
        """What it printed."""
        return self._process.log

    def start(self) -> None:
        """Starts it, where it was before, with what it has on disk.

        Raises:
            StartFailed: it ended, or did not answer in time.
        """
        self._process.start()

    def stop(self) -> None:
        """Ends it in good order; clients see their connections closed, and Redis takes its last snapshot."""
        self._process.stop(timeout_s=self._stop_within_s)

    def kill(self) -> None:
        """Ends it as a power cut would (SIGKILL)."""
        self._process.kill()

    def restart(self) -> None:
        """Kills and starts it."""
        self.kill()
        self.start()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
