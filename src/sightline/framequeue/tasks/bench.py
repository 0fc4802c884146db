"""What a process of Celery's has to work on pictures: its handle of the store, and one hand.

All that is decided about a picture is decided as by our own worker (`work.hand`, `work.verdicts`); what is
left to Celery is the key. So of two processes that have one key only one is given its picture, whoever
started them.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any, Final

from billiard.process import current_process  # type: ignore[import-untyped]

from sightline.clock import SYSTEM_CLOCK
from sightline.framequeue.opening import open_store
from sightline.framequeue.queue import Delivery
from sightline.framequeue.sweeping import Sweeper, SweepStats
from sightline.framequeue.tasks.queue import CeleryQueue
from sightline.framequeue.tasks.settings import Settings
from sightline.framequeue.work.call import LoopThread, is_coroutine_function
from sightline.framequeue.work.hand import Hand
from sightline.framequeue.work.jobs import Job, Jobs
from sightline.framequeue.work.timing import Act
from sightline.framequeue.work.verdicts import STOPPED, Verdict
from sightline.framequeue.work.worker import HARD_LIMIT_EXIT
from sightline.log import get_logger

_LAST_WORDS_S: Final = 2.0
_log = get_logger("sightline.framequeue")


class Bench:
    """Any thread may work on it. It is of one process: a child that is forked makes one of its own."""

    def __init__(self, settings: Settings, handler: Callable[[Any], Any]) -> None:
        self._settings = settings
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._sender: CeleryQueue | None = None
        self._store = open_store(settings.store)
        self._jobs = Jobs()
        self._loop = LoopThread() if is_coroutine_function(handler) else None
        self._hand = Hand(
            self._store,
            None,
            handler,
            self._loop,
            rules=settings.rules,
            limits=settings.limits,
            name=f"{socket.gethostname()}-{os.getpid()}",
            dead_ttl_s=settings.dead_ttl_s,
            jobs=self._jobs,
        )
        self._watching = threading.Thread(target=self._watch, name="sightline-frames-watch", daemon=True)
        self._watching.start()
        if current_process().name != "MainProcess" and threading.current_thread() is threading.main_thread():
            self._theirs: Any = signal.signal(signal.SIGTERM, self._stop)

    def work(self, text: str, *, redelivered: bool) -> tuple[Verdict, int]:
        """What becomes of a key; in the store it is done already. And at which attempt.

        Raises:
            SystemExit: its handler was ended by Celery, and the picture is given back.
        """
        tag = (os.getpid(), next(self._numbers))
        [job] = self._jobs.begin([Delivery(text, redelivered, SYSTEM_CLOCK.utc_ns(), tag)])
        verdict = self._hand.work(job)
        if verdict is None:  # by whoever ends this process
            raise SystemExit(STOPPED)
        return verdict, job.attempt

    def sweep(self) -> SweepStats:
        """One round. Raises BusError where the store or the broker is away."""
        settings = self._settings
        sweeper = Sweeper(
            self._store, self.sender, overdue_s=settings.overdue_s, orphan_age_s=settings.orphan_s
        )
        return sweeper.sweep()

    @property
    def sender(self) -> CeleryQueue:
        """Opened when it is needed: most keys end well."""
        with self._lock:
            if self._sender is None:
                self._sender = CeleryQueue(self._settings.queue_url, self._settings.queue_limits)
            return self._sender

    def close(self) -> None:
        """Ends the handles. What is in hand goes to others, as its lease runs out."""
        self._jobs.close()
        self._watching.join()
        if self._loop is not None:
            self._loop.close(_LAST_WORDS_S)
        if self._sender is not None:
            self._sender.close()
        self._store.close()

    def _watch(self) -> None:
        while self._jobs.wait(time.monotonic()):
            for job, act in self._jobs.due(time.monotonic()):
                self._do(job, act)

    def _do(self, job: Job, act: Act) -> None:
        match act:
            case Act.EXTEND:
                self._hand.extend(job)
            case Act.INTERRUPT if job.call is not None:
                job.call.interrupt()
            case Act.END_PROCESS:
                self._end(job)
            case _:  # to give a picture up while its key is here would leave the key to come again
                pass

    def _stop(self, signum: int, frame: FrameType | None) -> None:
        """Celery ends its children so, in a cold shutdown: the handler did not fail."""
        signal.signal(signum, self._theirs)
        self._say()
        self._theirs(signum, frame)  # which raises SystemExit, in the handler

    def _end(self, job: Job) -> None:
        """This process ends, and Celery gives its keys to another."""
        reason = f"its handler ran longer than {self._settings.hard_limit_s:g} s"
        _log.critical(
            "a handler runs beyond its hard limit and this process ends",
            key=job.delivery.text,
            exit_code=HARD_LIMIT_EXIT,
        )
        self._say(job, reason)
        os._exit(HARD_LIMIT_EXIT)

    def _say(self, ran: Job | None = None, reason: str = "") -> None:
        """Last words, in a thread of their own: who is interrupted may have the store in hand."""
        saying = threading.Thread(target=self._give_back, args=(ran, reason), daemon=True)
        saying.start()
        saying.join(_LAST_WORDS_S)

    def _give_back(self, ran: Job | None, reason: str) -> None:
        for job in self._jobs.held():
            if self._jobs.take_over(job) and job.claim is not None:
                with contextlib.suppress(Exception):  # else its lease runs out
                    self._store.give_back(job.claim, reason if job is ran else STOPPED)
