"""Things that wait, done at the same time."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from typing import Final

_LOOK_S: Final = 0.05


def side_by_side(works: Sequence[Callable[[], object]], give_up: Callable[[], bool] = lambda: False) -> None:
    """Do all of it, each in a thread of its own.

    Returns when all is done, or soon after it is to give up; raises at once what the first of them raises.
    What is not done by then goes on by itself.
    """
    outcomes: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()

    def do(work: Callable[[], object]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
            outcomes.put(error)
        else:
            outcomes.put(None)

    for work in works:
        threading.Thread(target=do, args=(work,), name="site", daemon=True).start()
    left = len(works)
    while left and not give_up():
        try:
            error = outcomes.get(timeout=_LOOK_S)
        except queue.Empty:
            continue
        if error is not None:
            raise error
        left -= 1
