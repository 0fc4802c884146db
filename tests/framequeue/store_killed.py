"""Kills a process at each line of a store's code in turn, and looks at what it left.

    store_killed.py FOLDER CALL

Each time there is a new folder with some pictures, and a process of its own that makes the call and is killed
before the n-th line that it runs of ours. What it leaves has to be what was there before or what the whole
call makes of it, as all methods tell it, and no file more in the folder. Of lines between which no byte of a
file changes the first one stands for all. Prints how many lines there are.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable
from hashlib import sha256
from itertools import count
from pathlib import Path
from types import FrameType
from typing import Any

from sightline.clock import Clock
from sightline.framequeue import sqlite_file
from sightline.framequeue.key import FrameKey
from sightline.framequeue.store import Claim, Claimed
from sightline.framequeue.stores import folder as folder_store
from sightline.framequeue.stores.folder import FolderStore
from sightline.testing import ManualClock

OURS = tuple(str(Path(module.__file__ or "").with_suffix("")) for module in (folder_store, sqlite_file))
KEYS = [
    FrameKey(
        camera_id=camera,
        epoch=1,
        index=n,
        captured_at_ms=n,
        width=4,
        height=4,
        size=10,
        format="jpeg",
    )
    for camera, n in [("a", 0), ("a", 1), ("a", 2), ("b", 3), ("b", 4)]
]
CALLS: dict[str, Callable[[FolderStore, Claim], object]] = {
    "put": lambda store, claim: store.put([(KEYS[1], b"y" * 10), (KEYS[4], b"z" * 10)], 60),
    "getdel": lambda store, claim: store.getdel(KEYS[1]),
    "delete": lambda store, claim: store.delete(KEYS[:2]),
    "claim": lambda store, claim: store.claim(KEYS[1], "w2", 60),
    "extend": lambda store, claim: store.extend(claim, 90),
    "give_back": lambda store, claim: store.give_back(claim, "why"),
    "bury": lambda store, claim: store.bury(claim, "why", 90),
    "finish": lambda store, claim: store.finish(claim, b"result"),
    "sweep": lambda store, claim: store.sweep(1),
    "overdue": lambda store, claim: store.overdue(1, 2),
}


def main() -> None:
    folder, call = Path(sys.argv[1]), sys.argv[2]
    claim = prepare(folder / "begin", call)
    before, _ = left(folder / "before", call, claim, 1)
    after, _ = left(folder / "after", call, claim, None)
    assert before != after, f"{call} does nothing here"
    lines = files_by_line(folder / "files", call, claim)
    for line, files in enumerate(lines[1:], 2):
        if files != lines[line - 2]:
            found, killed = left(folder / str(line), call, claim, line)
            assert killed
            assert found in (before, after), f"killed at line {line}: {found}, not {before} or {after}"
    sys.stdout.write(f"{len(lines)}\n")


def prepare(folder: Path, call: str) -> Claim:
    """A store with some pictures, one of which is claimed."""
    with FolderStore(folder, limit_bytes=40, clock=ManualClock()) as store:
        store.put([(key, b"x" * 10) for key in KEYS[:4]], 60)
        answer = store.claim(KEYS[0], "w1", 60)
        assert isinstance(answer, Claimed)
    if call == "sweep":  # what it is to find
        min((folder / "pictures").iterdir()).unlink()
        (folder / "pictures" / f"{'0' * 24}.jpeg").touch()
        (folder / "incoming" / "999-1").touch()
    return answer.claim


def left(folder: Path, call: str, claim: Claim, line: int | None) -> tuple[object, bool]:
    """What is told of the store after a process made the call, killed at that line; and whether it was."""

    def killed(number: int) -> None:
        if number == line:
            os.kill(os.getpid(), signal.SIGKILL)

    clock, status = made(folder, call, claim, killed)
    assert status in (0, -signal.SIGKILL), status
    return told(folder, clock, claim), status != 0


def files_by_line(folder: Path, call: str, claim: Claim) -> list[str]:
    """What all files are before each line, as a digest."""
    digests = folder.with_suffix(".digests")

    def note(_number: int) -> None:
        files = [(str(path), path.read_bytes()) for path in sorted(folder.rglob("*")) if path.is_file()]
        with digests.open("a") as noted:
            noted.write(sha256(repr(files).encode()).hexdigest() + "\n")

    _, status = made(folder, call, claim, note)
    assert status == 0, status
    return digests.read_text().splitlines()


def made(folder: Path, call: str, claim: Claim, at_line: Callable[[int], None]) -> tuple[Clock, int]:
    """In another process, which tells before each line which one it is. How that ended."""
    shutil.copytree(folder.parent / "begin", folder)
    clock = ManualClock()
    clock.move(2)
    process = os.fork()
    if not process:
        make(folder, clock, lambda store: CALLS[call](store, claim), at_line)
    return clock, os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def make(
    folder: Path, clock: Clock, call: Callable[[FolderStore], object], at_line: Callable[[int], None]
) -> None:
    """In the new process; does not return."""
    done = count(1)

    def trace(frame: FrameType, event: str, _argument: Any) -> Any:
        if not frame.f_code.co_filename.startswith(OURS):
            return None
        if event == "line":
            at_line(next(done))
        return trace

    store = FolderStore(folder, limit_bytes=40, durable=True, clock=clock)
    sys.settrace(trace)
    call(store)
    sys.settrace(None)
    os._exit(0)


def told(folder: Path, clock: Clock, claim: Claim) -> object:
    """All that can be asked, and that there is one file for each picture once it was swept."""
    with FolderStore(folder, limit_bytes=40, clock=clock) as store:
        first = store.usage()
        store.sweep()
        usage = store.usage()
        assert usage.total.balanced
        assert all(camera.balanced for camera in usage.cameras.values())
        assert len(list((folder / "pictures").iterdir())) == usage.total.frames
        assert not list((folder / "incoming").iterdir())
        pictures = [store.peek(key) for key in KEYS]
        assert sum(each is not None for each in pictures) == usage.total.frames
        overdue = set(store.overdue(1, 9))
        claims = [answer_of(store.claim(key, "w3", 60)) for key in KEYS]
        return pictures, first, usage, overdue, claims, store.extend(claim, 60)


def answer_of(answer: object) -> object:
    return (answer.claim.attempt, answer.claim.last_reason) if isinstance(answer, Claimed) else answer


if __name__ == "__main__":
    main()
