"""Results as JSON lines, appended to a file: `jq`, `tail -f` and pandas read it while it grows.

Each line is handed to the kernel in one call on a descriptor in append mode: a process that is killed
leaves whole lines, and several processes may share a file. A line cut short by a full disk, or by a crash
of the machine, is ended before the next one, so that it costs one line and not two; readers skip it.

Deliberately not here: rotation (logrotate's `copytruncate` works), compression and fsync.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from sightline.errors import Closed, SinkError, WireError
from sightline.frame import Frame
from sightline.result import Result
from sightline.wire import result_to_json


class JsonLines:
    """One JSON object a line, as `sightline.wire.result_to_json` makes it.

    Args:
        path: the file; it and its folder are made where they are missing.

    Attributes:
        written: lines that are whole in the file.
        failed: results that are not in it.

    Raises:
        SinkError: the file cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.written = 0
        self.failed = 0
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._descriptor: int | None = os.open(
                path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644
            )
        except OSError as error:
            raise SinkError(f"cannot write results to {path}: {error.strerror}") from error
        self._torn = _ends_within_a_line(self._descriptor)

    def write(self, result: Result, frame: Frame) -> None:  # noqa: ARG002
        """Append the result as a line.

        Raises:
            SinkError: the disk is full, the file went away, or JSON has no way to write this result.
        """
        if self._descriptor is None:
            raise Closed(f"the sink for {self._path} is closed")
        try:
            line = result_to_json(result) + b"\n"
            self._append(self._descriptor, b"\n" + line if self._torn else line)
        except (OSError, WireError) as error:
            self.failed += 1
            reason = error.message if isinstance(error, WireError) else error.strerror
            raise SinkError(f"cannot write results to {self._path}: {reason}") from error
        self.written += 1

    def close(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def _append(self, descriptor: int, data: bytes) -> None:
        """Write all of `data`: in one call, but for a disk that fills up within it."""
        while data:
            count = os.write(descriptor, data)
            data = data[count:]
            self._torn = bool(data)


def _ends_within_a_line(descriptor: int) -> bool:
    state = os.fstat(descriptor)
    if not stat.S_ISREG(state.st_mode) or not state.st_size:
        return False
    return os.pread(descriptor, 1, state.st_size - 1) != b"\n"
