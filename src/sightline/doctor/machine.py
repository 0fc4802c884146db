"""The machine: size, limits of this process, clocks, the loopback interface."""

from __future__ import annotations

import os
import platform
import resource
import shutil
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from sightline.clock import NS_PER_S, SYSTEM_CLOCK, Clock
from sightline.doctor.finding import Finding, note, ok, problem

GIB: Final = 1 << 30
MIB: Final = 1 << 20
# One 1080p decoder takes 26 MB, and each of the pictures on their way 6 MB.
MEMORY_BYTES: Final = 512 * MIB
MEMORY_BYTES_PER_CAMERA: Final = 60 * MIB
# RTSP over UDP takes most: a connection, two sockets a stream, and what libav holds beside them.
FILES, FILES_PER_CAMERA = 100, 8
# A camera has a thread; while it hangs in libav, up to four more.
THREADS, THREADS_PER_CAMERA = 50, 3
_SHM: Final = Path("/dev/shm")  # noqa: S108
_CGROUP: Final = Path("/sys/fs/cgroup")
_UNKNOWN: Final = "unknown"


@dataclass(frozen=True, kw_only=True)
class MachineFacts:
    """What is known of this machine; None is what could not be found out, or has no limit.

    Attributes:
        cpus: that this process may use.
        memory_bytes, free_memory_bytes: of the machine, or of the container where that has less.
        disk_bytes: free in the current folder. shm_bytes: free in /dev/shm.
        open_files, most_open_files: the limit of this process, and what it may be raised to.
        threads: that this user or container may have.
        monotonic: whether the clock for waiting never goes back.
        loopback: what is wrong with 127.0.0.1; empty when it works.
    """

    python: str
    system: str
    cpus: int
    memory_bytes: int | None
    free_memory_bytes: int | None
    disk_bytes: int
    shm_bytes: int | None
    open_files: int | None
    most_open_files: int | None
    threads: int | None
    utc_ns: int
    monotonic: bool
    loopback: str


def look_at_machine(clock: Clock = SYSTEM_CLOCK) -> MachineFacts:
    """The facts of this machine, in a few milliseconds."""
    total, free = _memory()
    files, most_files = (_limited(value) for value in resource.getrlimit(resource.RLIMIT_NOFILE))
    return MachineFacts(
        python=platform.python_version(),
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        cpus=len(os.sched_getaffinity(0)),
        memory_bytes=total,
        free_memory_bytes=free,
        disk_bytes=shutil.disk_usage(".").free,
        shm_bytes=shutil.disk_usage(_SHM).free if _SHM.is_dir() else None,
        open_files=files,
        most_open_files=most_files,
        threads=_least(_limited(resource.getrlimit(resource.RLIMIT_NPROC)[0]), _cgroup("pids.max")),
        utc_ns=clock.utc_ns(),
        monotonic=time.get_clock_info("monotonic").monotonic,
        loopback=_loopback(),
    )


def judge_machine(facts: MachineFacts, cameras: int | None = None) -> Iterator[Finding]:
    """Findings on the machine; with a number of `cameras`, on whether it is enough for them."""
    yield ok("machine", "python", f"{facts.python} on {facts.system}")
    yield ok("machine", "cpu", f"{facts.cpus} cores may be used")
    yield _judge_memory(facts, cameras or 0)
    yield _judge_disk(facts.disk_bytes)
    if facts.shm_bytes is not None:
        yield _judge_shm(facts.shm_bytes)
    yield _judge_files(facts, cameras)
    yield _judge_threads(facts.threads, cameras)
    yield _judge_utc(facts.utc_ns)
    if not facts.monotonic:
        yield problem(
            "clock", "monotonic", "may go back: waits and ages would be wrong", "use another kernel"
        )
    yield _judge_loopback(facts.loopback)


def _judge_memory(facts: MachineFacts, cameras: int) -> Finding:
    total, free = _gib(facts.memory_bytes), _gib(facts.free_memory_bytes)
    needed = MEMORY_BYTES + cameras * MEMORY_BYTES_PER_CAMERA
    if facts.free_memory_bytes is not None and facts.free_memory_bytes < needed:
        told = f"{free} free of {total}; {cameras or 'no'} cameras at 1080p may take {_gib(needed)}"
        return note("machine", "memory", told, "end other programs, or set a smaller size or fewer cameras")
    return ok("machine", "memory", f"{free} free of {total}")


def _judge_disk(free: int) -> Finding:
    if free < GIB:
        judged = problem if free < 100 * MIB else note
        return judged("machine", "disk", f"{_gib(free)} free here", "make room: results and outboxes grow")
    return ok("machine", "disk", f"{_gib(free)} free here")


def _judge_shm(free: int) -> Finding:
    if free < 64 * MIB:
        do = "in Docker: --shm-size=256m; browsers and models in processes of their own use it"
        return note("limits", str(_SHM), f"{free // MIB} MiB free", do)
    return ok("limits", str(_SHM), f"{_gib(free)} free")


def _judge_files(facts: MachineFacts, cameras: int | None) -> Finding:
    if facts.open_files is None:
        return ok("limits", "open files", "no limit")
    needed = FILES + (cameras or 0) * FILES_PER_CAMERA
    if facts.open_files < needed:
        may_be = facts.most_open_files is None or facts.most_open_files >= needed
        where = "ulimit -n" if may_be else "as root: ulimit -n"
        told = f"{facts.open_files}; {cameras or 'no'} cameras may take {needed}"
        return problem("limits", "open files", told, f"{where} {needed}, in the shell that starts it")
    if cameras is None:
        enough = (facts.open_files - FILES) // FILES_PER_CAMERA
        return ok("limits", "open files", f"{facts.open_files}: enough for {enough} cameras")
    return ok("limits", "open files", f"{facts.open_files}: {cameras} cameras may take {needed}")


def _judge_threads(threads: int | None, cameras: int | None) -> Finding:
    needed = THREADS + (cameras or 0) * THREADS_PER_CAMERA
    if threads is None:
        return ok("limits", "threads", "no limit")
    if threads < needed:
        told = f"{threads} in all of this user or container; {cameras or 'no'} cameras may take {needed}"
        return problem("limits", "threads", told, f"ulimit -u {needed}, or --pids-limit of the container")
    return ok("limits", "threads", f"{threads} in all of this user or container")


def _judge_utc(utc_ns: int) -> Finding:
    now = datetime.fromtimestamp(utc_ns / NS_PER_S, UTC)
    if now.year < 2026:
        told = f"{now:%Y-%m-%d %H:%M} UTC: that is over"
        return problem("clock", "UTC", told, "set it: timedatectl set-ntp true")
    return ok("clock", "UTC", f"{now:%Y-%m-%d %H:%M}")


def _judge_loopback(fault: str) -> Finding:
    if fault:
        return problem("machine", "loopback", f"127.0.0.1 does not work: {fault}", "ip link set lo up")
    return ok("machine", "loopback", "127.0.0.1 works")


def _gib(size: int | None) -> str:
    return _UNKNOWN if size is None else f"{size / GIB:.1f} GiB"


def _limited(value: int) -> int | None:
    return None if value == resource.RLIM_INFINITY else value


def _least(*values: int | None) -> int | None:
    return min((value for value in values if value is not None), default=None)


def _memory() -> tuple[int | None, int | None]:
    """Total and free bytes, of the machine or of the container that we are in (cgroup v2)."""
    lines = _read(Path("/proc/meminfo")).splitlines()
    kib = {name: int(value.split()[0]) for name, _, value in (line.partition(":") for line in lines)}
    total, free = (kib[name] << 10 if name in kib else None for name in ("MemTotal", "MemAvailable"))
    limit, used = _cgroup("memory.max"), _cgroup("memory.current")
    inside = limit - used if limit is not None and used is not None else None
    return _least(total, limit), _least(free, inside)


def _cgroup(name: str) -> int | None:
    text = _read(_CGROUP / name).strip()
    return int(text) if text.isdigit() else None


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _loopback() -> str:
    try:
        with socket.create_server(("127.0.0.1", 0)) as server:
            socket.create_connection(server.getsockname(), timeout=2).close()
    except OSError as error:
        return error.strerror or str(error)
    return ""
