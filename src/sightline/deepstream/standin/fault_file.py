"""The file of faults beside a configuration, looked at now and then.

It promises that a look neither waits nor ends the program, whatever stands in the place of the file, and that
what is wrong with it is raised once, not at each look. A file that went and came again is read again.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from sightline.deepstream.standin.faults import Fault, parse_faults
from sightline.errors import ConfigError

NAME: Final = "standin.faults"
MOST_BYTES: Final = 64 << 10


class FaultFile:
    """That in a folder."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        self._seen: tuple[int, ...] | None = None

    def changed(self) -> tuple[Fault, ...] | None:
        """What it says; None where it is not there, or as it was. Raises ConfigError or OSError."""
        try:
            found = self._path.stat()
        except OSError:
            self._seen = None
            return None
        seen = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
        if seen == self._seen:
            return None
        self._seen = seen
        if not stat.S_ISREG(found.st_mode):
            raise ConfigError("expected a regular file, got a folder, a pipe or a device")
        return parse_faults(self._text().replace("\n", ";"))

    def _text(self) -> str:
        descriptor = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            data = file.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            raise ConfigError(f"expected at most {MOST_BYTES} bytes, got more")
        try:
            return data.decode()
        except UnicodeDecodeError as error:
            raise ConfigError(f"expected UTF-8, got byte {error.start} that is none") from None
