"""A hub as a process of its own: `python -m sightline.hub`.

The settings, the token among them, go through its standard input, where no list of processes shows them; it
answers with one line of where it listens, or of why it cannot. It ends when its standard input does, which
is when its parent goes, however it goes.
"""

from __future__ import annotations

import contextlib
import queue
import subprocess
import sys
import threading
from typing import Final

from sightline.errors import ConfigError

COMMAND: Final = (sys.executable, "-m", "sightline.hub")


class HubProcess:
    """One such process, seen from its parent. `settings` is JSON of `ServerSettings`."""

    def __init__(self, settings: bytes) -> None:
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None

    def begin(self, timeout_s: float) -> bytes:
        """Start it. Gives JSON of `Listening` once clients can connect.

        Raises:
            ConfigError: it cannot; the message is its own.
            TimeoutError: it did not say anything in time.
        """
        process = subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603 - our own
        self._process = process
        assert process.stdin is not None
        try:
            process.stdin.write(self._settings + b"\n")
            process.stdin.flush()
        except BrokenPipeError:
            pass  # it ended at once: what it says of that comes next
        line = self._first_line(process, timeout_s)
        if line.startswith(b"{"):
            return line
        self.end(timeout_s)
        raise ConfigError(
            line.decode().strip() or f"the hub ended with {process.returncode} before it listened"
        )

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    def is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def join(self, timeout_s: float | None) -> None:
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout_s)

    def end(self, timeout_s: float) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        try:
            process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _first_line(self, process: subprocess.Popen[bytes], timeout_s: float) -> bytes:
        lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        stdout = process.stdout
        assert stdout is not None
        # A pipe cannot be waited for with a timeout on every system; a thread can.
        reader = threading.Thread(target=lambda: lines.put(stdout.readline()), daemon=True)
        reader.start()
        try:
            return lines.get(timeout=timeout_s)
        except queue.Empty:
            process.kill()
            reader.join()
            self.end(timeout_s)
            raise TimeoutError(f"the hub was not ready within {timeout_s} s") from None
