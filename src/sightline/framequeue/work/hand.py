"""One delivery from the queue to its ending: claimed, decoded, handled, settled.

Nothing is raised here: whatever happens becomes an ending that is counted.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

from sightline.errors import WireError
from sightline.frame import Image
from sightline.framequeue.image import decode
from sightline.framequeue.key import FrameKey
from sightline.framequeue.queue import KeyQueue
from sightline.framequeue.store import (
    Claim,
    Claimed,
    FrameStore,
    Gone,
    checked_result,
    checked_time,
)
from sightline.framequeue.work.call import CoroutineCall, FunctionCall, LoopThread, TimeLimitExceeded
from sightline.framequeue.work.jobs import Job, Jobs
from sightline.framequeue.work.timing import Limits, Timing
from sightline.framequeue.work.verdicts import (
    STOPPED,
    Handled,
    QueueStep,
    Raised,
    RanTooLong,
    Returned,
    Rules,
    Stopped,
    StoreStep,
    Undecodable,
    Verdict,
)
from sightline.log import Repeated, get_logger
from sightline.result import Result
from sightline.wire import result_to_json

_log = get_logger("sightline.framequeue")


class TakenFrame(NamedTuple):
    """A picture for a handler.

    Attributes:
        key: whose it is, when it was taken, from which packet.
        image: `(height, width, 3)` uint8 BGR; not to be written to where the key's format is "raw".
        data: the picture as it was stored.
        attempt: how often it was claimed, this time counted.
        redelivered: it, or its key, may have been in somebody's hand before.
    """

    key: FrameKey
    image: Image
    data: bytes
    attempt: int
    redelivered: bool


class Hand:
    """Takes deliveries to their endings. Any number of threads may use one.

    Args:
        store, queue: where pictures and keys are; no queue: keys are settled by whoever calls `work`.
        handler: called with each picture, or awaited where there is a loop.
        loop: what runs coroutines; None: the handler is a function.
        rules, limits: what becomes of deliveries, and when.
        name: of the worker, as claims have it.
        dead_ttl_s: how long the picture of a dead letter stays.
        jobs: what is in hand.
    """

    def __init__(
        self,
        store: FrameStore,
        queue: KeyQueue | None,
        handler: Callable[[Any], Any],
        loop: LoopThread | None,
        *,
        rules: Rules,
        limits: Limits,
        name: str,
        dead_ttl_s: float,
        jobs: Jobs,
    ) -> None:
        self._store = store
        self._queue = queue
        self._handler = handler
        self._loop = loop
        self._rules = rules
        self._limits = limits
        self._name = name
        self._dead_ttl_s = checked_time("a time to keep what is dead", dead_ttl_s)
        self._jobs = jobs
        self._trouble = Repeated(_log, "a worker could not settle a frame")

    def work(self, job: Job) -> Verdict | None:
        """All of it. Gives how it was settled; None: it was settled by another meanwhile."""
        try:
            verdict = self._worked(job)
        except Exception as error:  # noqa: BLE001 - a store that is away, or broken in any way
            verdict = self._away(error)
        return self._settle(job, verdict)

    def give_up(self, job: Job, handled: RanTooLong | Stopped) -> None:
        """Ends it over the head of the thread that works on it, or before one does."""
        untouched = job.claim is None and job.call is None
        self._settle(job, self._rules.untouched() if untouched else self._rules.after(handled, job.attempt))

    def extend(self, job: Job) -> None:
        """Its lease begins anew."""
        try:
            lost = job.claim is not None and not self._store.extend(job.claim, self._limits.lease_s)
        except Exception as error:  # noqa: BLE001 - the next time is before the lease is over
            self._away(error)
            return
        if lost and not job.taken_over:
            self._jobs.note("lost_leases")

    def _worked(self, job: Job) -> Verdict:
        try:
            key = FrameKey.parse(job.delivery.text)
        except WireError as error:
            return self._rules.unreadable(str(error))
        taken = self._taken(job, key)
        if isinstance(taken, Verdict):
            return taken
        try:
            image = decode(taken, key)
        except WireError as error:
            return self._rules.after(Undecodable(str(error)), job.attempt)
        again = job.delivery.redelivered or job.attempt > 1
        frame = TakenFrame(key, image, taken, job.attempt, again)
        return self._rules.after(self._handled(job, frame), job.attempt)

    def _taken(self, job: Job, key: FrameKey) -> bytes | Verdict:
        if self._rules.take == "getdel":
            return self._store.getdel(key) or self._gone()
        asked_s = time.monotonic()
        answer = self._store.claim(key, self._name, self._limits.lease_s)
        if isinstance(answer, Claimed) and not self._jobs.lease(
            job, answer.claim, Timing(self._limits, asked_s)
        ):
            self._store.give_back(answer.claim, STOPPED)
            return self._rules.untouched()
        verdict = self._rules.before(answer)
        return answer.data if verdict is None and isinstance(answer, Claimed) else verdict or self._gone()

    def _gone(self) -> Verdict:
        return self._rules.before(Gone()) or self._rules.late()

    def _handled(self, job: Job, frame: TakenFrame) -> Handled:
        loop = self._loop
        call = (
            FunctionCall(self._handler, frame) if loop is None else CoroutineCall(self._handler, frame, loop)
        )
        timing = job.timing or Timing(self._limits, time.monotonic())
        if not self._jobs.call(job, call, timing, time.monotonic()):
            call.interrupt()
            return Stopped()
        try:
            return Returned(as_bytes(call.run()))
        except TimeLimitExceeded as error:
            limit_s = self._limits.time_limit_s
            return Raised(str(error)) if limit_s is None else RanTooLong(limit_s)
        except BaseException as error:  # noqa: BLE001 - of whatever kind, it ends as a reason; SystemExit too
            return Raised(f"{type(error).__name__}: {error}")
        finally:
            self._jobs.called(job, time.monotonic())

    def _settle(self, job: Job, verdict: Verdict) -> Verdict | None:
        if not self._jobs.take_over(job):
            return None
        verdict = self._in_store(job.claim, verdict)
        self._at_queue(job, verdict)
        self._jobs.end(job, verdict.ending)
        return verdict

    def _in_store(self, claim: Claim | None, verdict: Verdict) -> Verdict:
        if claim is None or verdict.store is StoreStep.NONE:
            return verdict
        try:
            ours = self._told(claim, verdict)
        except Exception as error:  # noqa: BLE001 - as above
            return self._away(error)
        return verdict if ours else self._rules.late()

    def _away(self, error: Exception) -> Verdict:
        self._trouble.add(of="the store", error=f"{type(error).__name__}: {error}")
        return self._rules.away()

    def _told(self, claim: Claim, verdict: Verdict) -> bool:
        match verdict.store:
            case StoreStep.FINISH:
                return self._store.finish(claim, verdict.result)
            case StoreStep.BURY:
                return self._store.bury(claim, verdict.reason, self._dead_ttl_s)
            case _:
                return self._store.give_back(claim, verdict.reason)

    def _at_queue(self, job: Job, verdict: Verdict) -> None:
        if self._queue is None:
            return
        try:
            settled = _answered(self._queue, job, verdict)
        except Exception as error:  # noqa: BLE001 - a queue that is away, or broken; the key comes back
            self._trouble.add(of="the queue", error=f"{type(error).__name__}: {error}")
            settled = False
        if not settled:
            self._jobs.note("unsettled")


def _answered(queue: KeyQueue, job: Job, verdict: Verdict) -> bool:
    match verdict.queue:
        case QueueStep.ACK:
            return queue.ack(job.delivery)
        case QueueStep.RETRY:
            return queue.retry(job.delivery, verdict.delay_s)
        case QueueStep.DEAD:
            return queue.dead(job.delivery, verdict.reason)


def as_bytes(outcome: object) -> bytes:
    """What a handler returned as it is written: bytes, text as UTF-8, a Result as its JSON, None as nothing.

    Raises:
        TypeError: it is of another kind.
        ConfigError, WireError: it is too large, or cannot be written.
    """
    match outcome:
        case None:
            return b""
        case bytes() | bytearray() | memoryview():
            return checked_result(bytes(outcome))
        case str():
            return checked_result(outcome.encode())
        case Result():
            return checked_result(result_to_json(outcome))
    raise TypeError(f"expected bytes, str, Result or None of a handler, got {type(outcome).__name__}")
