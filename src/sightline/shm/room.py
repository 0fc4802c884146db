"""Whether there is the memory for a new block, looked at before any of it is taken.

Shared memory cannot be taken back by the kernel where there is no swap: whoever asks for more than there is
does not get an error, but is killed, or has another process killed. So the whole machine is asked first, and
every control group that this process is in (cgroups v2 and v1), up to the outermost that is to be seen.

It reserves nothing: two processes that ask at the same moment are both told that there is room.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from sightline.errors import SharingError

MIB: Final = 1024 * 1024
SPARE_BYTES: Final = 64 * MIB
"""What is left to all others."""


class Files(NamedTuple):
    """Where a control group tells its limits, what it has, and what of that can be taken back."""

    limits: tuple[str, ...]
    used: str
    reclaimable: str


# Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst of the kernel.
V2: Final = Files(("memory.max", "memory.high"), "memory.current", "inactive_file")
V1: Final = Files(("memory.limit_in_bytes",), "memory.usage_in_bytes", "total_inactive_file")


def need_memory(size: int, *, root: Path = Path("/")) -> None:
    """Raises SharingError where `size` bytes more would be too much.

    Args:
        size: in bytes.
        root: of the file system, which has `proc` and `sys/fs/cgroup` where there are any.
    """
    for free, where in _free(root):
        if size + SPARE_BYTES > free:
            raise SharingError(
                f"expected room for {size} bytes and {SPARE_BYTES} to spare, got {free} free: {where}"
            )


def _free(root: Path) -> Iterator[tuple[int, str]]:
    """How many bytes there are, by each who has a say, and who that is."""
    if (available := _figure(root / "proc/meminfo", "MemAvailable:")) is not None:
        yield available * 1024, "the machine's memory"
    for folder, files in _groups(root):
        used = _number(folder / files.used)
        limits = [limit for name in files.limits if (limit := _number(folder / name)) is not None]
        if used is not None and limits:
            reclaimable = _figure(folder / "memory.stat", files.reclaimable) or 0
            yield min(limits) - used + reclaimable, f"the control group {folder}"


def _groups(root: Path) -> Iterator[tuple[Path, Files]]:
    """The folders of the groups that this process is in, from its own to the outermost."""
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers:
            yield from _upwards(root / "sys/fs/cgroup", path, V2)
        elif "memory" in controllers.split(","):
            yield from _upwards(root / "sys/fs/cgroup/memory", path, V1)


def _upwards(top: Path, path: str, files: Files) -> Iterator[tuple[Path, Files]]:
    """Within a container the path may be that of outside, and lead nowhere; then only the top is there."""
    folder = top / path.lstrip("/")
    for group in (folder, *folder.parents):
        yield group, files
        if group == top:
            return


def _figure(path: Path, name: str) -> int | None:
    """Of lines like `name 123`."""
    found = (line.split() for line in _text(path).splitlines())
    return next((int(words[1]) for words in found if words and words[0] == name), None)


def _number(path: Path) -> int | None:
    """None: no such file, or "max"."""
    text = _text(path).strip()
    return int(text) if text.isdigit() else None


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "surrogateescape")
    except OSError:
        return ""
