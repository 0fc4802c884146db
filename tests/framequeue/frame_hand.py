"""A process at a frame queue, to be troubled: `frame_hand.py ROLE FOLDER [ARGUMENT ...]`.

FOLDER has the store and the queue. Each line that it prints is the JSON of what happened, after it did.

    work quick|hang|stuck|wait
                            a worker until Ctrl-C: {"has": text, "attempt": n, "again": bool}, {"did": text},
                            and at its end {"endings": {...}, "held": n}. With `hang` no handler ever ends,
                            with `stuck` none can even be interrupted, with `wait` all wait for FOLDER/go, and
                            SIGTERM stops it.
    feed COUNT              stores pictures, and waits for ever when their keys are to be sent: {"stored": n}
"""

import json
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from tests.framequeue.working import LONG_S, Troubled, frame
from tools.services.waiting import wait_for

from sightline.framequeue.feeding import FrameFeed
from sightline.framequeue.queues.sqlite import SqliteQueue
from sightline.framequeue.stores.folder import FolderStore
from sightline.framequeue.work.hand import TakenFrame
from sightline.framequeue.work.worker import Worker

LEASE_S = 1.5


def store_in(folder: Path) -> FolderStore:
    return FolderStore(folder / "frames")


def queue_in(folder: Path) -> SqliteQueue:
    return SqliteQueue(folder / "keys", durable=False)


def main() -> None:
    role, folder, argument = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    with store_in(folder) as store, queue_in(folder) as queue:
        if role == "work":
            _work(folder, store, queue, argument)
        else:
            _feed(store, queue, argument)


def _work(folder: Path, store: FolderStore, queue: SqliteQueue, how: str) -> None:
    limits: dict[str, Any] = {"time_limit_s": 0.2, "hard_limit_s": 0.5} if how == "stuck" else {}
    worker = Worker(store, queue, lease_s=LEASE_S, retry_s=0.05, **limits)

    @worker.on_frame
    def work(taken: TakenFrame) -> bytes:
        text = str(taken.key)
        _tell(has=text, attempt=taken.attempt, again=taken.redelivered)
        if how == "wait":
            wait_for((folder / "go").exists, LONG_S, "the file")
        else:
            time.sleep(0.02 if how == "quick" else LONG_S)  # one step of Python
        _tell(did=text)
        return b"seen"

    if how == "wait":
        signal.signal(signal.SIGTERM, lambda *_: worker.stop())
    worker.run()
    _tell(endings=worker.stats().endings, held=worker.stats().held)


def _feed(store: FolderStore, queue: SqliteQueue, count: str) -> None:
    class Stored(Troubled):
        def send(self, texts: list[str]) -> None:
            _tell(stored=len(texts))
            threading.Event().wait()

    feed = FrameFeed(store, Stored(queue))  # type: ignore[arg-type]
    for n in range(int(count)):
        feed.offer(*frame(n))
    feed.flush(LONG_S)


def _tell(**what: object) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
