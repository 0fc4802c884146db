"""The file in which a process writes its id, for who is to end it, and whose id that is."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, Self

from sightline.errors import ConfigError

_SLACK_S: Final = 2.0  # the kernel counts starts in hundredths of a second since a boot time in whole ones


class PidFile:
    """The file while its process runs. A `with` block removes it.

    Raises:
        ConfigError: it cannot be written, or names another process that still runs.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        if (other := pid_in(self.path)) is not None and other != os.getpid() and wrote(other, self.path):
            raise ConfigError(f"{self.path}: process {other}, which wrote it, still runs")
        try:
            self.path.write_text(f"{os.getpid()}\n")
        except OSError as error:
            raise ConfigError(f"{self.path}: cannot be written: {error.strerror}") from error

    def remove(self) -> None:
        """Take it away, if it is still ours. Again is allowed."""
        if pid_in(self.path) == os.getpid():
            self.path.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.remove()


def pid_in(path: Path) -> int | None:
    """The number in a file; None where it holds none."""
    try:
        text = path.read_text().strip()
    except (OSError, UnicodeDecodeError):
        return None
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None


def wrote(pid: int, path: Path) -> bool:
    """Whether a process of this number ran when the file was written."""
    began = began_s(pid)
    try:
        return began is not None and began <= path.stat().st_mtime + _SLACK_S
    except FileNotFoundError:  # it was taken away just now, as its process ended
        return False


def began_s(pid: int) -> float | None:
    """When the process began, in seconds since 1970 (proc(5): `stat`, field 22); None: it does not run."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        boot = next(line for line in Path("/proc/stat").read_text().splitlines() if line.startswith("btime"))
    except (OSError, StopIteration):
        return None
    if fields[0] in {"Z", "X"}:  # it has ended, and its parent has not asked for it yet
        return None
    return int(boot.split()[1]) + int(fields[19]) / os.sysconf("SC_CLK_TCK")
