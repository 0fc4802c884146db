"""What wakes those who wait for a key, in whatever process: a pipe with a name, a byte in it for each key.

Who waits takes a byte and looks into the queue; where that has nothing, the other bytes are stale and are
thrown away before it looks again, so none is missed: a key is there before its byte. A sender that was killed
between the two wakes nobody, so whoever waits looks now and then by itself as well.
"""

from __future__ import annotations

import os
import select
import stat
import time
from pathlib import Path
from typing import Final

from sightline.errors import ConfigError

_MOST: Final = 64
"""Bytes of one ringing: more never sleep at once, or find the rest when they look."""
_PIPE_BYTES: Final = 1 << 16


class Bell:
    """One end of the pipe. Any thread may use it; `close` is for when none waits any more.

    Raises:
        ConfigError: something else has that name.
    """

    def __init__(self, path: Path) -> None:
        try:
            os.mkfifo(path, 0o666)
        except FileExistsError:
            if not stat.S_ISFIFO(path.stat().st_mode):
                raise ConfigError(f"expected {path} to be this queue's pipe, or free") from None
        # For both ways, so that no end is ever missing.
        self._pipe = open(os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC), "r+b", buffering=0)  # noqa: PTH123, SIM115
        self._ending = open(os.eventfd(0, os.EFD_CLOEXEC), "wb", buffering=0)  # noqa: PTH123, SIM115

    def ring(self, keys: int) -> None:
        """So many keys came. A pipe that is full has enough bytes as it is."""
        if keys:
            self._pipe.write(bytes(min(keys, _MOST)))

    def wait(self, timeout_s: float) -> None:
        """Until there is a byte for us, or `end`, or for so long."""
        poll = select.poll()
        poll.register(self._pipe, select.POLLIN)
        poll.register(self._ending, select.POLLIN)
        until_s = time.monotonic() + timeout_s
        while ready := poll.poll(max(0.0, until_s - time.monotonic()) * 1000):
            if (self._ending.fileno(), select.POLLIN) in ready or self._pipe.read(1):
                return  # else another of all who woke has taken it

    def clear(self) -> None:
        """Throw away what is in it."""
        self._pipe.read(_PIPE_BYTES)

    def end(self) -> None:
        """Whoever waits is woken, now and for ever."""
        self._ending.write((1).to_bytes(8, "little"))

    def close(self) -> None:
        self._pipe.close()
        self._ending.close()
