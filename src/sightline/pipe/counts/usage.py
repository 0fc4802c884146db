"""What the process of a flow uses: memory, and time of processors."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

from sightline.clock import NS_PER_S
from sightline.pipe.counts.accounts import CPU_NS


class Usage:
    """Of this process, noted in an account where the flow's processes before it noted theirs."""

    def __init__(self, words: memoryview) -> None:
        self._words = words
        self._before_ns = words[CPU_NS]

    def note(self) -> None:
        self._words[CPU_NS] = self._before_ns + time.process_time_ns()


def rss_bytes(pid: int | None) -> int:
    """The memory that a process has now, what it shares included; 0 where nobody tells.

    Source: proc(5), /proc/pid/statm.
    """
    return int(_field(f"/proc/{pid}/statm", 1)) * _page_bytes()


def cpu_ns(pid: int | None) -> int:
    """The time of processors that it has used so far; 0 where nobody tells.

    Source: proc(5), /proc/pid/stat.
    """
    with suppress(OSError, ValueError, IndexError):
        # The name of the program, in brackets, may have blanks in it.
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) * NS_PER_S // os.sysconf("SC_CLK_TCK")
    return 0


def _field(path: str, number: int) -> str:
    with suppress(OSError, IndexError):
        return Path(path).read_text(encoding="utf-8").split()[number]
    return "0"


def _page_bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 0
