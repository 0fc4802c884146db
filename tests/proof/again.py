"""Starts and stops a site again and again in one process, and prints what the process holds after each time.

`python -m tests.proof.again SITE TIMES CAMERA...`: a time is over when each of these cameras had a result.
"""

import ctypes
import gc
import json
import sys
from pathlib import Path
from typing import NamedTuple

import psutil
from tools.services.waiting import wait_for

from sightline.site import load_site
from sightline.site.running import RunningSite


class Held(NamedTuple):
    """What a process has at one moment."""

    threads: int
    descriptors: int
    memory_mb: float


def main(site_file: str, times: str, *cameras: str) -> None:
    site = load_site(Path(site_file))
    trim = getattr(ctypes.CDLL(None), "malloc_trim", int)  # glibc has it
    process, idle = psutil.Process(), psutil.Process().num_threads()
    for _ in range(int(times)):
        with RunningSite(site) as running:
            wait_for(lambda: all(running.status().cameras[name].results for name in cameras), 20, "results")
        # A thread that waits inside libav may stay as long as that call, and no longer.
        wait_for(lambda: process.num_threads() <= idle + 1, 10, f"no more threads than {idle}")
        gc.collect()
        trim(0)  # what is free but not given back would hide what is lost
        held = Held(process.num_threads(), process.num_fds(), process.memory_info().rss / 2**20)
        print(json.dumps(held), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
