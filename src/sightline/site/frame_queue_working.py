"""Workers at the queues of a frame queue, and the sweeper beside them.

Promises: each queue has a worker of its own, and all of them one handler; `stop` ends them side by side, and
what they have in hand is finished or given back. It may end by itself once there is nothing left to do.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Final

from sightline.clock import SYSTEM_CLOCK, Clock, ns
from sightline.errors import SightlineError
from sightline.framequeue.sweeping import Sweeper
from sightline.framequeue.work.jobs import WorkerStats
from sightline.framequeue.work.worker import Worker
from sightline.log import get_logger, redact
from sightline.site.frame_queue_places import EVERYBODY, Places
from sightline.site.stopping import Runs

OVERDUE_S: Final = 60.0
_ASK_S: Final = 0.5
"""Between two looks whether anything is left."""


class Working(Runs):
    """Workers between `start()` and `stop()`; a `with` block does both.

    Args:
        places: the store and the queues; they stay open.
        handler: called with each `TakenFrame`.
        settings: of each `Worker`.
        drain: whether to end when all queues are empty and nothing is in hand.
        overdue_s: how long nobody must have claimed a picture for its key to be sent again; None: nobody
            looks after that here.
    """

    def __init__(
        self,
        places: Places,
        handler: Callable[..., Any],
        *,
        settings: dict[str, Any],
        drain: bool = False,
        overdue_s: float | None = OVERDUE_S,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        super().__init__(clock)
        self._places = places
        self._drain = drain
        self._asked_ns = clock.monotonic_ns()
        self._empty = 0
        self._workers = {
            group: Worker(places.store, queue, **settings) for group, queue in places.queues.items()
        }
        for worker in self._workers.values():
            worker.on_frame(handler)
        self.sweeper = None if overdue_s is None else Sweeper(places.store, places, overdue_s=overdue_s)
        self._threads = [
            threading.Thread(target=self._run, args=(group,), name=f"frames {group}".strip(), daemon=True)
            for group in self._workers
        ]
        self._broken: list[str] = []

    def start(self) -> None:
        """Begin to take keys. Raises SightlineError: the store cannot be asked; nothing runs then."""
        self._places.store.usage()
        for thread in self._threads:
            thread.start()
        if self.sweeper is not None:
            self.sweeper.start()

    def stop(self) -> None:
        """End all of them. Again is allowed."""
        self._stopping.begin()
        if self.sweeper is not None:
            self.sweeper.close()
        ends = [threading.Thread(target=worker.stop, daemon=True) for worker in self._workers.values()]
        for end in ends:
            end.start()
        for thread in (*ends, *(one for one in self._threads if one.ident is not None)):
            thread.join()

    def stats(self) -> WorkerStats:
        """Of all queues together."""
        return sum_of([worker.stats() for worker in self._workers.values()])

    def by_group(self) -> dict[str, WorkerStats]:
        """Of each queue, by the name of its group; "" is that of cameras without one."""
        return {group: worker.stats() for group, worker in self._workers.items()}

    @property
    def faults(self) -> list[str]:
        """Why workers ended that were not asked to."""
        return list(self._broken)

    def _run(self, group: str) -> None:
        try:
            self._workers[group].run()
        except Exception as error:  # noqa: BLE001 - whoever waits is told, of whatever kind it is
            self._broken.append(f"{group or 'frames'}: {redact(str(error) or repr(error))}")
            get_logger("sightline.site").error("a worker ended", group=group, error=str(error))

    def _is_over(self) -> bool:
        return bool(self._broken) or (self._drain and self._is_drained())

    def _is_drained(self) -> bool:
        """Whether two looks in a row found nothing to do."""
        if self._clock.monotonic_ns() - self._asked_ns < ns(_ASK_S):
            return False
        try:
            depth = self._places.depth()
        except SightlineError:  # it is asked again
            return False
        finally:
            self._asked_ns = self._clock.monotonic_ns()
        left = depth.ready + (depth.delayed or 0) + (depth.in_hand or 0) + self.stats().held
        self._empty = 0 if left else self._empty + 1
        return self._empty >= 2


def sum_of(stats: list[WorkerStats]) -> WorkerStats:
    """Of several workers."""
    names = [name for name in WorkerStats.__struct_fields__ if name not in {"endings", "longest_s"}]
    endings: dict[str, int] = {}
    for one in stats:
        for ending, count in one.endings.items():
            endings[ending] = endings.get(ending, 0) + count
    return WorkerStats(
        endings=endings,
        longest_s=max((one.longest_s for one in stats), default=0.0),
        **{name: sum(getattr(one, name) for one in stats) for name in names},
    )


__all__ = ["EVERYBODY", "OVERDUE_S", "Working", "sum_of"]
