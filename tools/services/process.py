"""One server program: started in its own folder, ready when it answers, ended by its own pid.

It cannot outlive the process that started it (the kernel kills it then), and Ctrl-C in a terminal does not
reach it. What it prints is kept in `<name>.log` in its folder, and shown where the start fails. It is not
restarted by itself.
"""

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

from tools.services.waiting import wait_for

LOG_LINES_SHOWN = 30


class StartFailed(RuntimeError):
    """A server ended, or did not answer in time, while it was being started. The message has its log."""


class Process:
    """A server program and what tells that it is ready.

    `command` runs in `folder`, which must exist; `environment` is added to this process's own. Usable as a
    context manager: started on entry, stopped on exit. Not thread-safe.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        folder: Path,
        *,
        ready: Callable[[], bool],
        ready_within_s: float = 20.0,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self._command = [*_tied_to_us(), *command]
        self._folder = folder
        self._ready = ready
        self._ready_within_s = ready_within_s
        self._environment = {**os.environ, **(environment or {})}
        self._program: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The running program's pid, None while there is none."""
        return self._program.pid if self._program and self._program.poll() is None else None

    def start(self) -> None:
        """Starts the program and returns once it is ready; nothing is done where it runs already.

        Raises:
            StartFailed: it ended, or was not ready in time. It does not run then.
        """
        if self.pid is not None:
            return
        with self.log.open("ab") as log:
            self._program = subprocess.Popen(
                self._command,
                cwd=self._folder,
                env=self._environment,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a process group of its own, so that its children end with it
            )
        try:
            wait_for(
                lambda: self.pid is None or self._ready(), self._ready_within_s, f"{self.name} to be ready"
            )
        except TimeoutError as late:
            self.kill()
            raise StartFailed(f"{late}\n{self.log_tail()}") from None
        if self.pid is None:
            code = self._program.returncode
            self.kill()
            raise StartFailed(f"{self.name} ended with {code} while starting\n{self.log_tail()}")

    def tell(self, line: str) -> None:
        """Writes one line to the program's standard input."""
        if self._program is None or self._program.stdin is None:
            raise ValueError(f"{self.name} is not running")
        self._program.stdin.write(line.encode() + b"\n")
        self._program.stdin.flush()

    def stop(self, timeout_s: float = 5.0) -> None:
        """Asks the program to end, and kills it where it has not done so in time."""
        if self._program is None:
            return
        self._program.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._program.wait(timeout_s)
        self.kill()

    def kill(self) -> None:
        """Ends the program and its children at once (SIGKILL), as a power cut would."""
        if self._program is None:
            return
        with suppress(ProcessLookupError):  # all of the group is gone
            os.killpg(self._program.pid, signal.SIGKILL)
        self._program.wait()
        if self._program.stdin:
            self._program.stdin.close()
        self._program = None

    def log_tail(self) -> str:
        """The end of what the program printed."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "\n".join([f"{self.log}:", *lines[-LOG_LINES_SHOWN:]])

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def answers_at(port: int) -> Callable[[], bool]:
    """A `ready` that holds once 127.0.0.1:`port` accepts connections."""

    def connects() -> bool:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1.0).close()
        except OSError:
            return False
        return True

    return connects


def _tied_to_us() -> tuple[str, ...]:
    """What to put before a command so that the kernel kills it when the thread that started it is gone.

    The thread, not the process: start servers from a thread that lives as long as they should. A `setpriv`
    that becomes the program keeps the pid and, unlike a function run between fork and exec, is safe here.
    """
    setpriv = shutil.which("setpriv")
    return (setpriv, "--pdeathsig", "KILL", "--") if setpriv else ()
