"""Where a stand-in's lines go: its own to the standard output, GStreamer's and ours to the error output.

It promises what `g_print` does: no error of writing ends the program, but for a pipe that nobody reads any
more, which ends it by SIGPIPE unless it is the first process of a container. A pipe that is read late makes
it wait, as there: signals too.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress


def say(line: str) -> None:
    """To the standard output; from the main thread alone."""
    try:
        _write(1, line)
    except BrokenPipeError:
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGPIPE)
    except OSError:
        pass


def complain(line: str) -> None:
    """To the error output, from any thread."""
    with suppress(OSError):
        _write(2, line)


def _write(descriptor: int, line: str) -> None:
    data = f"{line}\n".encode(errors="backslashreplace")
    while data:
        data = data[os.write(descriptor, data) :]
