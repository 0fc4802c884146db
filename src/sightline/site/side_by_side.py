"""Things that wait, done at the same time."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from typing import Final

_LOOK_S: Final = 0.05


def side_by_side(
    works: Sequence[Callable[[], object]],
    give_up: Callable[[], bool] = lambda: False,
    threads: list[threading.Thread] | None = None,
    *,
    to_the_end: bool = False,
) -> None:
    """Do all of it, each in a thread of its own.

    Returns when all is done, or soon after it is to give up. Raises what the first of them raises: at once,
    or `to_the_end`, when each was done or raised. What is not done by then goes on by itself, in the threads
    that were added to `threads`.
    """
    outcomes: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
    begun = [
        threading.Thread(target=_do, args=(work, outcomes.put), name="site", daemon=True) for work in works
    ]
    for thread in begun:
        thread.start()
    if threads is not None:
        threads += begun
    left, first = len(works), None
    while left and not give_up():
        try:
            error = outcomes.get(timeout=_LOOK_S)
        except queue.Empty:
            continue
        first = first or error
        left -= 1
        if first is not None and (not to_the_end or not left):
            raise first


def _do(work: Callable[[], object], tell: Callable[[BaseException | None], object]) -> None:
    try:
        work()
    except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
        tell(error)
    else:
        tell(None)
