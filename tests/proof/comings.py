"""Cameras that come and go, one round after another, and what the process holds after each round.

`python -m tests.proof.comings ROUNDS URL...`: a round adds a camera for every URL and takes it away again
when it has given a picture or told what is wrong with it.
"""

import ctypes
import gc
import json
import sys
from collections.abc import Sequence

import psutil
from tests.proof.again import Held
from tools.services.waiting import wait_for

from sightline.capture import CameraInput, Capture


def main(rounds: str, *urls: str) -> None:
    trim = getattr(ctypes.CDLL(None), "malloc_trim", int)  # glibc has it
    process, idle = psutil.Process(), psutil.Process().num_threads()
    for number in range(int(rounds)):
        _come_and_go(number, urls)
        wait_for(lambda: process.num_threads() <= idle, 10, f"no more threads than {idle}")
        gc.collect()
        trim(0)  # what is free but not given back would hide what is lost
        held = Held(process.num_threads(), process.num_fds(), process.memory_info().rss / 2**20)
        print(json.dumps(held), flush=True)


def _come_and_go(number: int, urls: Sequence[str]) -> None:
    cameras = [
        CameraInput(camera_id=f"camera-{number}-{place}", url=url, loop=True, realtime=True)
        for place, url in enumerate(urls)
    ]
    captures = [Capture(camera, lambda _packet: None) for camera in cameras]
    for capture in captures:
        capture.start()
    wait_for(lambda: all(map(_is_known, captures)), 20, "pictures or a fault")
    if not all(capture.stop(10) for capture in captures):
        raise TimeoutError("a capture did not end")


def _is_known(capture: Capture) -> bool:
    status = capture.status()
    return status.counts.delivered > 0 or bool(status.reason)


if __name__ == "__main__":
    main(*sys.argv[1:])
