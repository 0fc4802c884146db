"""Handlers for Celery's workers that do as the camera's id says, and tell what happened to them.

Each event is a line of JSON in the file that FRAMES_HAPPENED names; what two processes work on at a time is
seen by the folder beside it, where each has a file of its key locked.
"""

import fcntl
import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from sightline.framequeue.work.call import TimeLimitExceeded
from sightline.framequeue.work.hand import TakenFrame
from sightline.scene import read_mark

SLOW_S = 0.05
LONG_S = 600.0


def work(frame: TakenFrame) -> str | bytes:
    _tell(frame, "begun")
    does = _DOES.get(frame.key.camera_id.partition("-")[0], _sees)
    return does(frame)


async def work_later(frame: TakenFrame) -> str | bytes:
    return work(frame)


def not_callable_here() -> None: ...


nothing = "no function"


def _sees(frame: TakenFrame) -> str:
    with (_folder() / f"{frame.key.camera_id}-{frame.key.index}").open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)  # BlockingIOError: another has it, and lives
        mark = read_mark(frame.image)
        assert mark is not None
        _tell(frame, "done")
    return f"{mark.camera} {mark.frame}"


def _raises(frame: TakenFrame) -> str:
    raise ValueError(f"no plate in password=hunter2 {frame.attempt}")


def _dies(frame: TakenFrame) -> str:
    """At its first attempt; as the kernel would end a process that takes too much memory."""
    if frame.attempt == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return _sees(frame)


def _waits(frame: TakenFrame) -> str:
    while not (_folder() / "go").exists():
        time.sleep(0.02)
    return _sees(frame)


def _slow(frame: TakenFrame) -> str:
    time.sleep(SLOW_S)
    return _sees(frame)


def _sleeps(frame: TakenFrame) -> str:
    """As Python does, which can be interrupted."""
    try:
        while True:
            time.sleep(0.02)
    except TimeLimitExceeded:
        _tell(frame, "interrupted")
        raise


def _hangs(_: TakenFrame) -> str:
    """As C does."""
    time.sleep(LONG_S)
    return ""


def _bytes(_: TakenFrame) -> bytes:
    return b"\xff\x00"


_DOES: dict[str, Callable[[TakenFrame], str | bytes]] = {
    "raises": _raises,
    "dies": _dies,
    "waits": _waits,
    "slow": _slow,
    "sleeps": _sleeps,
    "hangs": _hangs,
    "bytes": _bytes,
}


def _folder() -> Path:
    return Path(os.environ["FRAMES_HAPPENED"]).parent


def _tell(frame: TakenFrame, what: str) -> None:
    line = {
        "what": what,
        "camera": frame.key.camera_id,
        "frame": frame.key.index,
        "attempt": frame.attempt,
        "redelivered": frame.redelivered,
        "pid": os.getpid(),
        "worker": os.environ.get("FRAMES_WORKER", ""),
    }
    with Path(os.environ["FRAMES_HAPPENED"]).open("a", encoding="utf-8") as events:
        events.write(json.dumps(line) + "\n")
