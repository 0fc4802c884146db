"""The queue in a SQLite file: the default where nothing is installed, for the processes of one machine.

Any of them may be killed at any moment. A key that was accepted is on the disk (`durable=True`), or at least
with the kernel; a delivery whose holder died comes back within a second or so; nothing is left locked. What
waits sleeps until a key comes, and looks by itself once a second.

Beside the file stand SQLite's own two, `-holders` (who lives) and `-bell` (who is woken); they may go when
no process uses the queue, and only together with it.

Does not do: file systems of networks, where neither locks nor shared memory can be trusted.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar

from sightline.clock import NS_PER_S, SYSTEM_CLOCK, Clock, ns
from sightline.errors import BusError, Closed, ConfigError
from sightline.framequeue.queue import (
    DeadKey,
    Delivery,
    QueueDepth,
    Sent,
    checked_delay,
    checked_receive,
    checked_texts,
)
from sightline.framequeue.queues.holders import Holders
from sightline.framequeue.queues.limits import QueueLimits
from sightline.framequeue.queues.line import Moment
from sightline.framequeue.queues.sqlite_bell import Bell
from sightline.framequeue.queues.sqlite_table import KeyTable
from sightline.framequeue.reason import checked_reason
from sightline.framequeue.sqlite_file import boot_id, tell_of_forks

T = TypeVar("T")

LOOK_S: Final = 1.0
"""How often one who waits looks for holders that died, and for a key of which nobody told."""


class SqliteQueue:
    """One handle. `sightline.framequeue.KeyQueue` says what its methods do.

    Args:
        path: of the file; it and its folder are made where they are not there.
        limits: hold from now on for all who open it later, and for this handle; None: those that stand in
            the file, or `QueueLimits`.
        durable: whether an accepted key survives that the machine loses its power: it is on the disk when
            `send` returns. Else it survives the death of every process.
        clock: tells the time.

    Raises:
        ConfigError: the file is another program's, or cannot be had.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        limits: QueueLimits | None = None,
        *,
        durable: bool = True,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._clock = clock
        self._closed = False
        self._using = threading.Condition()
        self._waiting: set[int] = set()  # threads
        self._unsettled: set[tuple[int, int]] = set()
        self._looked_s = float("-inf")
        place = Path(path).resolve()  # by whatever name it is opened, its neighbours are the same
        with contextlib.ExitStack() as opened:
            try:
                place.parent.mkdir(parents=True, exist_ok=True)
                self._holders = opened.enter_context(contextlib.closing(Holders(_beside(place, "-holders"))))
                self._bell = opened.enter_context(contextlib.closing(Bell(_beside(place, "-bell"))))
            except OSError as error:
                raise ConfigError(f"cannot open the queue {place}: {error.strerror}") from error
            self._table = opened.enter_context(contextlib.closing(KeyTable(place, durable=durable)))
            with self._holders.opening():
                self._holder = self._table.open(limits, boot_id(), self._now())
                if not self._holders.hold(self._holder):
                    raise ConfigError(f"cannot open the queue {place}: the file that it was is still in use")
            self._files = opened.pop_all()
        tell_of_forks(self)

    def send(self, texts: Sequence[str]) -> list[Sent]:
        checked = checked_texts(texts)
        sent = self._do(lambda table: table.send(checked, self._now()))
        self._ring(sum(each.accepted for each in sent))
        return sent

    def receive(self, most: int, timeout_s: float) -> list[Delivery]:
        checked_receive(most, timeout_s)
        until_s = time.monotonic() + timeout_s
        while True:
            got = self._take(most)
            left_s = until_s - time.monotonic()
            if got or left_s <= 0:
                return got
            self._wait(left_s)

    def ack(self, delivery: Delivery) -> bool:
        return self._settle(delivery, lambda table: table.ack(delivery.tag, self._now()))

    def retry(self, delivery: Delivery, delay_s: float = 0.0) -> bool:
        delay_ns = ns(checked_delay(delay_s))
        done = self._settle(delivery, lambda table: table.retry(delivery.tag, delay_ns, self._now()))
        self._ring(int(done))  # also for a delay: who waits has to know until when
        return done

    def dead(self, delivery: Delivery, reason: str) -> bool:
        kept = checked_reason(reason)
        return self._settle(delivery, lambda table: table.die(delivery.tag, kept, self._now()))

    def dead_letters(self, limit: int = 100) -> list[DeadKey]:
        return self._do(lambda table: table.dead_letters(limit, self._now()))

    def dead_retry(self, texts: Iterable[str] | None = None) -> int:
        wanted = None if texts is None else frozenset(texts)
        count = self._do(lambda table: table.dead_retry(wanted, self._now()))
        self._ring(count)
        return count

    def depth(self) -> QueueDepth:
        self._do(self._let_dead_go)
        return self._do(lambda table: table.depth(self._now()))

    def close(self) -> None:
        with self._using:
            if self._closed:
                return
            self._closed = True
            self._bell.end()
            self._using.wait_for(lambda: not self._waiting)
            with self._files:
                self._bell.ring(self._table.let_go(self._holder))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _forked(self) -> None:
        """In the new process: what is the other's stays its own, and its death can be seen."""
        self._using = threading.Condition()
        if not self._closed:
            self._closed = True
            self._holders.close()
            self._bell.close()

    def _do(self, action: Callable[[KeyTable], T]) -> T:
        with self._using:
            if self._closed:
                raise Closed("this queue is closed")
            return action(self._table)

    def _settle(self, delivery: Delivery, action: Callable[[KeyTable], bool]) -> bool:
        try:
            return self._do(action)
        except BusError:
            self._unsettled.add(delivery.tag)
            raise

    def _take(self, most: int) -> list[Delivery]:
        """Looks twice where it finds nothing: once more after all that was told is known."""

        def take(table: KeyTable) -> list[Delivery]:
            self._look(table)
            got = table.receive(most, self._holder, self._now())
            if not got:
                self._bell.clear()
                got = table.receive(most, self._holder, self._now())
                self._bell.ring(table.ready() if got else 0)  # what was cleared was for others
            return got

        return self._do(take)

    def _wait(self, timeout_s: float) -> None:
        me = threading.get_ident()
        try:  # from before it is noted: Ctrl-C comes between any two steps
            due_s = self._do(lambda table: self._noted(table, me))
            self._bell.wait(min(timeout_s, due_s, LOOK_S))
        finally:
            with self._using:
                self._waiting.discard(me)
                self._using.notify_all()

    def _noted(self, table: KeyTable, waiting: int) -> float:
        """In how many seconds the next delayed key is ready, at most."""
        due_ns = table.due_ns()
        self._waiting.add(waiting)
        return LOOK_S if due_ns is None else (due_ns - self._clock.monotonic_ns()) / NS_PER_S

    def _look(self, table: KeyTable) -> None:
        now_s = time.monotonic()
        if now_s >= self._looked_s + LOOK_S:
            self._looked_s = now_s
            self._let_dead_go(table)
            self._let_unsettled_go(table)

    def _let_dead_go(self, table: KeyTable) -> None:
        """What a holder had that died comes back."""
        gone = [each for each in table.holders() if each != self._holder and not self._holders.lives(each)]
        self._bell.ring(sum(map(table.let_go, gone)))

    def _let_unsettled_go(self, table: KeyTable) -> None:
        for tag in tuple(self._unsettled):
            self._bell.ring(table.retry(tag, 0, self._now()))
            self._unsettled.discard(tag)

    def _ring(self, keys: int) -> None:
        with self._using:
            if not self._closed:
                self._bell.ring(keys)

    def _now(self) -> Moment:
        return Moment(self._clock.monotonic_ns(), self._clock.utc_ns())


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)
