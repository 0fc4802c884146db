"""Until when an agent may run what must not run twice, on disk, for the guard that outlives it.

Time is counted as CLOCK_BOOTTIME has it, which goes on while the machine is asleep; with the number of the
machine's boot, as it begins anew with each.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from sightline.clock import SYSTEM_CLOCK, ns

FILE: Final = "lease.json"
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


class BootClock:
    """As `SYSTEM_CLOCK`, but that its monotonic time goes on while the machine is asleep."""

    def utc_ns(self) -> int:
        return SYSTEM_CLOCK.utc_ns()

    def monotonic_ns(self) -> int:
        return boottime_ns()


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """What the guard needs.

    Attributes:
        deadline_ns: by CLOCK_BOOTTIME.
        boot_id: of the machine.
        node, prefix: of the agent, as labels have them.
        address: of Docker; None: its usual place.
    """

    deadline_ns: int
    boot_id: str
    node: str
    prefix: str
    address: str | None = None

    def is_over(self, now_ns: int, boot_id: str) -> bool:
        return self.boot_id != boot_id or now_ns >= self.deadline_ns


def boottime_ns() -> int:
    """Where there is no such clock, of the machine's monotonic one."""
    return time.clock_gettime_ns(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def boot_id() -> str:
    with suppress(OSError):
        return _BOOT_ID.read_text("ascii").strip()
    return ""


def lease_for(seconds: float, *, node: str, prefix: str, address: str | None = None) -> Lease:
    """One that is over in so many seconds."""
    return Lease(
        deadline_ns=boottime_ns() + ns(seconds), boot_id=boot_id(), node=node, prefix=prefix, address=address
    )


def write_lease(folder: Path, lease: Lease) -> None:
    """In one step: whoever reads it has this one or the one before. Raises OSError.

    It is not synced to the disk: after a power cut nothing exclusive runs.
    """
    new = folder / f"{FILE}.new"
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(msgspec.json.encode(lease))
    new.replace(folder / FILE)


def read_lease(folder: Path) -> Lease | None:
    """None where there is none, or what is there is none."""
    try:
        return msgspec.json.decode((folder / FILE).read_bytes(), type=Lease)
    except (OSError, msgspec.MsgspecError):
        return None
