"""A site at work for as long as nobody says stop, and what its process holds meanwhile.

`python -m tests.proof.soak SITE`: the site is started, until each camera had a result, and stopped; what the
process holds then is what it starts with, as all libraries have made what they make once. The site is started
again. Once each camera had a result, every two seconds a line says how long that was ago and how many MB of
memory there are, until standard input ends. The site is stopped then, and three lines follow, as JSON
objects: what the process held at the start and holds at the end, and the accounts of both runs.
"""

import ctypes
import gc
import json
import select
import sys
from pathlib import Path
from time import monotonic
from typing import Any

import psutil
from tests.proof.again import Held
from tests.proof.runs import captured, counts_of
from tools.services.waiting import wait_for

from sightline.site import load_site
from sightline.site.running import RunningSite

EVERY_S = 2.0


def main(site_file: str) -> None:
    site = load_site(Path(site_file))
    process, idle = psutil.Process(), psutil.Process().num_threads()
    with RunningSite(site) as first:
        _wait_for_all(first)
    wait_for(lambda: process.num_threads() <= idle + 1, 10, f"no more threads than {idle}")
    warm = _held(process)
    with RunningSite(site) as second:
        _wait_for_all(second)
        began_s = monotonic()
        while not select.select([sys.stdin], [], [], EVERY_S)[0]:
            _say(monotonic() - began_s, _held(process))
        faults = second.faults
    # A thread that waits inside libav may stay as long as that call.
    wait_for(lambda: process.num_threads() <= warm.threads, 20, f"no more threads than {warm.threads}")
    print(json.dumps({"start": warm, "end": _held(process), "faults": faults}))
    for running in (first, second):
        print(json.dumps(_accounts(running)))


def _wait_for_all(running: RunningSite) -> None:
    wait_for(lambda: all(view.results for view in running.status().cameras.values()), 60, "results of all")


def _held(process: psutil.Process) -> Held:
    gc.collect()
    getattr(ctypes.CDLL(None), "malloc_trim", int)(
        0
    )  # what is free but not given back would hide what is lost
    return Held(process.num_threads(), process.num_fds(), process.memory_info().rss / 2**20)


def _say(at_s: float, held: Held) -> None:
    print(json.dumps([at_s, held.memory_mb]), flush=True)


def _accounts(running: RunningSite) -> dict[str, Any]:
    """What a site that was stopped has counted; all that it had in hand is then dropped and counted too."""
    (outlet,) = running.status().sinks
    return {
        "cameras": {
            name: {
                "balanced": counts.balanced,
                "taken": (status := captured(running)[name].counts).received
                == status.delivered + status.failed,
                "passed_on": status.delivered == counts.lane.bus.entered,
                "delivered": status.delivered,
                "connections": status.connections,
                "results": counts.results,
                "dropped": counts.dropped,
            }
            for name, counts in counts_of(running).items()
        },
        "sink_balanced": outlet.waiting.balanced,
        "given": outlet.waiting.entered + outlet.late,
        "written": outlet.written,
        "lost": outlet.failed + outlet.late + sum(outlet.waiting.dropped.values()),
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
