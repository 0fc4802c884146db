"""Sends again what nobody seems to know of, and puts a store in order. Any number may sweep one store.

A feed that died between storing and sending, a broker that lost its keys, a worker that died while its queue
was lost: to a store all are the same, a picture that nobody has claimed for a while. Its key is sent again.
Where the queue has it still it is there twice then, which claims make harmless: who comes second finds it
busy, done, or gone.

Nothing is sent again while more keys wait than one round would send: then pictures wait for workers, and not
for somebody to notice them. Dead letters are not sent again; a store knows which those are (`bury`).
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Final, Protocol, Self

import msgspec

from sightline.errors import ConfigError
from sightline.framequeue.queue import QueueDepth, Sent
from sightline.framequeue.store import FrameStore, checked_time
from sightline.log import Repeated, get_logger

_LAST_S: Final = 5.0  # for a round that runs at the end
_log = get_logger("sightline.framequeue")


class SendsKeys(Protocol):
    """As much of a queue as is needed; any `KeyQueue` is one."""

    def send(self, texts: Sequence[str]) -> list[Sent]: ...
    def depth(self) -> QueueDepth: ...


class SweepStats(msgspec.Struct, frozen=True, kw_only=True):
    """What was found, in one round or in all.

    Attributes:
        rounds: that went to their end.
        failed: rounds that did not, as the store or the queue was away.
        sent: keys that were sent again.
        unsent: keys that were to be, and the queue did not take; they are overdue again later.
        leases, expired, orphans, marks: as `sightline.framequeue.store.Swept` has them.
    """

    rounds: int = 0
    failed: int = 0
    sent: int = 0
    unsent: int = 0
    leases: int = 0
    expired: int = 0
    orphans: int = 0
    marks: int = 0

    def __add__(self, other: SweepStats) -> SweepStats:
        names = SweepStats.__struct_fields__
        return SweepStats(**{name: getattr(self, name) + getattr(other, name) for name in names})


class Sweeper:
    """Sweeps once where it is told to (`sweep`), or now and then between `start` and `close`.

    Args:
        store, queue: where pictures and keys are; they stay open.
        overdue_s: how long nobody must have claimed a picture for its key to be sent again: longer than a
            key waits when all is well.
        every_s: between rounds; None: a third of `overdue_s`.
        most: keys that one round sends again.
        orphan_age_s: as `FrameStore.sweep`.

    Raises:
        ConfigError: a setting makes no sense.
    """

    def __init__(
        self,
        store: FrameStore,
        queue: SendsKeys,
        *,
        overdue_s: float = 60.0,
        every_s: float | None = None,
        most: int = 100,
        orphan_age_s: float | None = None,
    ) -> None:
        if most < 1:
            raise ConfigError(f"expected to send at least 1 key again, got {most}")
        self._store, self._queue, self._most = store, queue, most
        self._overdue_s = checked_time("an overdue_s", overdue_s)
        self._every_s = overdue_s / 3 if every_s is None else checked_time("an every_s", every_s)
        self._orphan_age_s = orphan_age_s
        self._total = SweepStats()
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._trouble = Repeated(_log, "frames could not be swept")

    def sweep(self) -> SweepStats:
        """One round. Raises what the store and the queue raise: Closed, BusError."""
        try:
            found = self._put_in_order()
            self._count(found)  # also where the queue is away: a store tells of each only once
            sent = self._send_again()
        except Exception:
            self._count(SweepStats(failed=1))
            raise
        self._count(sent)
        return found + sent

    def start(self) -> None:
        """Sweeps every `every_s`, in a thread of its own, whatever happens. Again is allowed."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._go_on, name="sightline-frames-sweep", daemon=True
                )
                self._thread.start()

    def stats(self) -> SweepStats:
        """All rounds together."""
        with self._lock:
            return self._total

    def close(self) -> None:
        """Sweeps no more; a round that a store or a queue holds up is left behind. Again is allowed."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join(_LAST_S)
        self._trouble.flush()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _put_in_order(self) -> SweepStats:
        swept = self._store.sweep(self._orphan_age_s)
        return SweepStats(
            leases=swept.leases, expired=swept.expired, orphans=swept.orphans, marks=swept.marks
        )

    def _send_again(self) -> SweepStats:
        if self._queue.depth().ready > self._most:
            return SweepStats(rounds=1)
        overdue = self._store.overdue(self._overdue_s, self._most)
        answers = self._queue.send([str(key) for key in overdue]) if overdue else []
        sent = sum(answer.accepted for answer in answers)
        return SweepStats(rounds=1, sent=sent, unsent=len(answers) - sent)

    def _go_on(self) -> None:
        while not self._closing.wait(self._every_s):
            try:
                self.sweep()
            except Exception as error:  # noqa: BLE001 - the next round may go better
                self._trouble.add(error=f"{type(error).__name__}: {error}")

    def _count(self, found: SweepStats) -> None:
        with self._lock:
            self._total += found
