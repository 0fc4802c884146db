"""Works on pictures as their keys come: claims each, calls a handler with it, writes what that returned.

    worker = Worker(store, queue, concurrency=4, time_limit_s=20)

    @worker.on_frame
    def count(frame: TakenFrame) -> str:
        return str(model(frame.image))

    worker.run()

Promises: every delivery ends in one way that is counted (`work.verdicts`); one at a time has a
key, and one result of it is written; a picture whose worker died, hung or stopped is another's, marked as
redelivered; one that no handler can do anything with becomes a dead letter, with the reason; in hand are
never more keys than is said.

Does not do: keep other processes alive. A worker whose handler cannot be ended ends its process, with
`HARD_LIMIT_EXIT`, so whatever began it is to begin it again.
"""

from __future__ import annotations

import itertools
import logging
import os
import queue as queues
import socket
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from sightline.errors import BusError, ConfigError
from sightline.framequeue.queue import Delivery, KeyQueue
from sightline.framequeue.store import FrameStore, checked_time, checked_worker
from sightline.framequeue.work.call import LoopThread, is_coroutine_function
from sightline.framequeue.work.hand import Hand
from sightline.framequeue.work.jobs import Job, Jobs, WorkerStats
from sightline.framequeue.work.timing import GRACE_S, Act, Limits
from sightline.framequeue.work.verdicts import RanTooLong, Rules, Stopped, Take
from sightline.log import get_logger

F = TypeVar("F", bound=Callable[..., Any])

HARD_LIMIT_EXIT: Final = 75
"""Exit code of a process whose handler ran beyond its hard limit: "try again" (sysexits, EX_TEMPFAIL)."""

DEAD_TTL_S: Final = 24 * 3600.0
"""How long the picture of a dead letter stays where nobody says."""

_THREADS: Final = "sightline-frames-"
_RECEIVE_S: Final = 0.5  # what a stop waits for at most
_AGAIN_S: Final = 1.0  # after a queue that was out of reach
_LAST_WORDS_S: Final = 2.0
_numbers: Final = itertools.count(1)
_log = get_logger("sightline.framequeue")


class Worker:
    """See the module. `run` works until Ctrl-C; or `start` and `stop`, or a `with` block.

    Args:
        store, queue: where pictures and keys are; they stay open.
        concurrency: handlers that run at a time.
        prefetch: keys in hand, those that are worked on included; None: as many as `concurrency`, so that no
            key waits here while another worker has nothing to do.
        lease_s: for how long a picture is claimed. It is extended while its handler runs, so it says how
            soon the picture of a worker that died is another's.
        time_limit_s: how long a handler may run; then it is interrupted: a coroutine is cancelled, in a
            function `TimeLimitExceeded` is raised. None: as long as it takes.
        hard_limit_s: how long one may run that does not let itself be interrupted, as it is within C; then
            this process ends. None: for ever; its picture is given back nevertheless.
        max_attempts: claims after which a key becomes a dead letter.
        retry_s: until the second attempt; each further one waits twice as long.
        take: "lease", or "getdel": the picture goes as it is taken, is lost where this process dies, and
            results are written nowhere.
        stop_s: how long a stop waits for what is in hand.
        dead_ttl_s: how long the picture of a dead letter stays.
        name: as claims have it; "": made of the host, the process and a number.
        end_process: ends this process at the hard limit.

    Raises:
        ConfigError: a setting makes no sense.
    """

    def __init__(
        self,
        store: FrameStore,
        queue: KeyQueue,
        *,
        concurrency: int = 1,
        prefetch: int | None = None,
        lease_s: float = 30.0,
        time_limit_s: float | None = None,
        hard_limit_s: float | None = None,
        max_attempts: int = 3,
        retry_s: float = 1.0,
        take: Take = "lease",
        stop_s: float = 10.0,
        dead_ttl_s: float = DEAD_TTL_S,
        name: str = "",
        end_process: Callable[[int], None] = os._exit,
    ) -> None:
        self._prefetch = concurrency if prefetch is None else prefetch
        if not 1 <= concurrency <= self._prefetch:
            raise ConfigError(
                "expected a concurrency of at least 1 and a prefetch of at least that, "
                f"got {concurrency} and {self._prefetch}"
            )
        self._store, self._queue, self._concurrency = store, queue, concurrency
        self._rules = Rules(take=take, max_attempts=max_attempts, retry_s=retry_s)
        self._limits = Limits(
            lease_s=lease_s, time_limit_s=time_limit_s, grace_s=GRACE_S, hard_limit_s=hard_limit_s
        )
        self._stop_s = checked_time("a stop_s", stop_s)
        self._dead_ttl_s = checked_time("a time to keep what is dead", dead_ttl_s)
        self.name = checked_worker(name or f"{socket.gethostname()}-{os.getpid()}-{next(_numbers)}")
        self._end_process = end_process
        self._handler: Callable[..., Any] | None = None
        self._jobs = Jobs()
        self._line: queues.SimpleQueue[Job | None] = queues.SimpleQueue()
        self._stopping, self._ended = threading.Event(), threading.Event()
        self._once = threading.RLock()  # a signal may stop what is being stopped
        self._error: Exception | None = None
        self._hand: Hand | None = None
        self._loop: LoopThread | None = None
        self._threads: list[threading.Thread] = []

    def on_frame(self, handler: F) -> F:
        """Calls `handler` with each `TakenFrame`; a coroutine function is awaited. For a decorator.

        What it returns (bytes, str, `Result` or None) is the key's result. What it raises has the key come
        again, until it becomes a dead letter; a `TimeLimitExceeded` is to be let pass.

        Raises:
            ConfigError: there is a handler.
        """
        if self._handler is not None:
            raise ConfigError("expected one handler: a worker has one already")
        self._handler = handler
        return handler

    def run(self) -> None:
        """Works until `stop`, or Ctrl-C in this thread, which stops it; again at once is Ctrl-C's own.

        For SIGTERM too where its handler is `signal.default_int_handler`.

        Raises:
            ConfigError: there is no handler, or it was begun before.
            Closed: store or queue were closed meanwhile.
        """
        try:
            self.start()
            self._ended.wait()
        except KeyboardInterrupt:
            _log.info("the worker stops", worker=self.name, in_hand=self.stats().held)
        finally:
            if self._threads:
                self.stop()
        if self._error is not None:
            raise self._error

    def start(self) -> None:
        """Begins to work, in threads of its own. Raises ConfigError as `run`."""
        handler = self._handler
        if handler is None:
            raise ConfigError("expected a handler: none was given by on_frame")
        with self._once:
            if self._threads or self._stopping.is_set():
                raise ConfigError("expected a worker that was never begun")
            self._loop = LoopThread() if is_coroutine_function(handler) else None
            self._hand = Hand(
                self._store,
                self._queue,
                handler,
                self._loop,
                rules=self._rules,
                limits=self._limits,
                name=self.name,
                dead_ttl_s=self._dead_ttl_s,
                jobs=self._jobs,
            )
            works = [self._receive, self._watch, *[self._work] * self._concurrency]
            self._threads = [
                threading.Thread(target=work, name=f"{_THREADS}{work.__name__[1:]}", daemon=True)
                for work in works
            ]
            for thread in self._threads:
                thread.start()

    def stop(self) -> None:
        """Takes no more, waits `stop_s` for what is in hand, and gives the rest back. Again is allowed.

        A function that runs on is left behind in its thread: its result counts for nothing any more. A
        handler may call it as well: then `run` ends.
        """
        self._stopping.set()
        self._jobs.drain()
        if threading.current_thread().name.startswith(_THREADS):  # a handler's: it cannot wait for itself
            self._ended.set()
            return
        with self._once:
            if self._threads:
                self._stop(*self._threads)
            self._ended.set()

    def stats(self) -> WorkerStats:
        """The counts, from any thread."""
        return self._jobs.stats()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _stop(self, receiver: threading.Thread, watch: threading.Thread, *hands: threading.Thread) -> None:
        until_s = time.monotonic() + self._stop_s
        _join(receiver, until_s)
        while (job := self._waiting()) is not None:
            self._give_up(job)
        for _ in hands:
            self._line.put(None)
        for thread in hands:
            _join(thread, until_s)
        for job in self._jobs.held():
            self._give_up(job)
        self._jobs.close()
        _join(watch, until_s + _LAST_WORDS_S)
        if self._loop is not None:
            self._loop.close(_LAST_WORDS_S)

    def _waiting(self) -> Job | None:
        try:
            return self._line.get_nowait()
        except queues.Empty:
            return None

    def _receive(self) -> None:
        try:
            while room := self._jobs.wait_for_room(self._prefetch):
                for job in self._jobs.begin(self._received(room)):
                    self._line.put(job)
        except Exception as error:  # noqa: BLE001 - whoever waits in `run` is told
            _log.error("the worker ends", worker=self.name, error=str(error))
            self._error = error
            self._ended.set()

    def _received(self, most: int) -> list[Delivery]:
        try:
            return self._queue.receive(most, _RECEIVE_S)
        except BusError as error:
            _log.warning("the queue of frames is out of reach", worker=self.name, error=str(error))
            self._jobs.note("queue_errors")
            self._stopping.wait(_AGAIN_S)
            return []

    def _work(self) -> None:
        assert self._hand is not None
        while (job := self._line.get()) is not None:
            if self._stopping.is_set():
                self._give_up(job)
            else:
                self._hand.work(job)

    def _watch(self) -> None:
        assert self._hand is not None
        while self._jobs.wait(time.monotonic()):
            for job, act in self._jobs.due(time.monotonic()):
                self._do(self._hand, job, act)

    def _do(self, hand: Hand, job: Job, act: Act) -> None:
        match act:
            # A store or a queue may be slow to answer, and others' time limits are to hold meanwhile.
            case Act.EXTEND:
                _aside(hand.extend, job)
            case Act.INTERRUPT if job.call is not None:
                job.call.interrupt()
            case Act.GIVE_UP:
                _aside(hand.give_up, job, RanTooLong(self._limits.time_limit_s or 0.0))
            case Act.END_PROCESS:
                self._end(job)

    def _give_up(self, job: Job) -> None:
        assert self._hand is not None
        self._hand.give_up(job, Stopped())
        if self._loop is not None and job.call is not None:
            job.call.interrupt()

    def _end(self, job: Job) -> None:
        """The process ends: first that job is given back with its reason, then the others without."""
        limit_s = self._limits.hard_limit_s or 0.0
        _log.critical(
            "a handler runs beyond its hard limit and this process ends",
            worker=self.name,
            key=job.delivery.text,
            hard_limit_s=limit_s,
            exit_code=HARD_LIMIT_EXIT,
        )
        _aside(self._last_words, job, RanTooLong(limit_s)).join(_LAST_WORDS_S)
        logging.shutdown()
        self._end_process(HARD_LIMIT_EXIT)

    def _last_words(self, job: Job, ran: RanTooLong) -> None:
        assert self._hand is not None
        self._hand.give_up(job, ran)
        self._jobs.drain()
        for other in self._jobs.held():
            self._hand.give_up(other, Stopped())


def _join(thread: threading.Thread, until_s: float) -> None:
    if thread.ident is not None:  # else Ctrl-C came before it was begun
        thread.join(max(0.0, until_s - time.monotonic()))


def _aside(work: Callable[..., None], *arguments: object) -> threading.Thread:
    thread = threading.Thread(target=work, args=arguments, name=f"{_THREADS}aside", daemon=True)
    thread.start()
    return thread
