"""What a worker has in hand, and what became of all that it had.

Every delivery is held from when it came until it is counted, once, by its ending:

    received = endings + held

Whoever settles one takes it over first: its own thread, or another over its head; the second is told that it
is too late. A thread that goes on with what was settled over its head is *stuck* until it is through.
"""

from __future__ import annotations

import math
import threading
from collections import Counter
from collections.abc import Iterable

import msgspec

from sightline.framequeue.queue import Delivery
from sightline.framequeue.store import Claim
from sightline.framequeue.work.call import Call
from sightline.framequeue.work.timing import Act, Timing
from sightline.framequeue.work.verdicts import Ending


class WorkerStats(msgspec.Struct, frozen=True, kw_only=True):
    """The counts of a worker, all of one moment.

    Attributes:
        received: deliveries.
        endings: of those, by `Ending`; those that never occurred are not there.
        held: deliveries that are in hand, or wait for a thread.
        working: handlers that run, also those that were given up.
        stuck: of those, the ones that were given up.
        unsettled: deliveries that the queue would not have settled, as it is away or gave them to another.
        lost_leases: leases that could not be extended, as the key was another's.
        queue_errors: times that the queue could not be asked.
        handled: calls of the handler that came to an end.
        handled_s: seconds that these took together.
        longest_s: seconds that the longest took.
    """

    received: int = 0
    endings: dict[str, int] = {}
    held: int = 0
    working: int = 0
    stuck: int = 0
    unsettled: int = 0
    lost_leases: int = 0
    queue_errors: int = 0
    handled: int = 0
    handled_s: float = 0.0
    longest_s: float = 0.0

    @property
    def balanced(self) -> bool:
        """Whether the counts add up; they do in any snapshot."""
        return self.received == self.held + sum(self.endings.values())


class Job:
    """One delivery in hand. `claim` and `call` are set once there are such."""

    def __init__(self, delivery: Delivery) -> None:
        self.delivery = delivery
        self.claim: Claim | None = None
        self.timing: Timing | None = None
        self.call: Call | None = None
        self.begun_s = math.inf
        self.attempt = 1
        self.taken_over = False


class Jobs:
    """All that is in hand; any thread may ask."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._held: dict[int, Job] = {}
        self._calls: dict[int, Job] = {}  # whose handler runs
        self._endings: Counter[str] = Counter()
        self._counts: Counter[str] = Counter()
        self._received = 0
        self._handled_s = self._longest_s = 0.0
        self._draining = self._closed = False

    def wait_for_room(self, most: int) -> int:
        """Until fewer than `most` are in hand or stuck; how many there is room for. 0: no more are wanted."""
        with self._changed:
            self._changed.wait_for(lambda: self._draining or self._busy() < most)
            return 0 if self._draining else most - self._busy()

    def begin(self, deliveries: Iterable[Delivery]) -> list[Job]:
        """They are in hand now."""
        jobs = [Job(delivery) for delivery in deliveries]
        with self._changed:
            self._received += len(jobs)
            self._held.update((id(job), job) for job in jobs)
        return jobs

    def lease(self, job: Job, claim: Claim, timing: Timing) -> bool:
        """It is claimed, and its lease to be extended. False: it was settled meanwhile."""
        with self._changed:
            if job.taken_over:
                return False
            job.claim, job.timing, job.attempt = claim, timing, claim.attempt
            self._changed.notify_all()
            return True

    def call(self, job: Job, call: Call, timing: Timing, now_s: float) -> bool:
        """Its handler is about to run. False: it was settled meanwhile."""
        with self._changed:
            if job.taken_over:
                return False
            job.call, job.timing, job.begun_s = call, timing, now_s
            timing.begin(now_s)
            self._calls[id(job)] = job
            self._changed.notify_all()
            return True

    def called(self, job: Job, now_s: float) -> None:
        """Its handler came to an end."""
        with self._changed:
            del self._calls[id(job)]
            took_s = now_s - job.begun_s
            self._counts["handled"] += 1
            self._handled_s += took_s
            self._longest_s = max(self._longest_s, took_s)
            self._changed.notify_all()

    def take_over(self, job: Job) -> bool:
        """Whoever is told True settles it, and nobody else does."""
        with self._changed:
            taken, job.taken_over = job.taken_over, True
            return not taken

    def end(self, job: Job, ending: Ending) -> None:
        """It is settled, so."""
        with self._changed:
            del self._held[id(job)]
            self._endings[ending.value] += 1
            self._changed.notify_all()

    def note(self, what: str) -> None:
        """Count one more of `unsettled`, `lost_leases` or `queue_errors`."""
        with self._changed:
            self._counts[what] += 1

    def held(self) -> list[Job]:
        """All in hand that nobody settles yet."""
        with self._changed:
            return [job for job in self._held.values() if not job.taken_over]

    def due(self, now_s: float) -> list[tuple[Job, Act]]:
        """What is to be done by now. What was given up may still have to end the process."""
        with self._changed:
            return [
                (job, act)
                for job in self._timed()
                for act in (job.timing.acts(now_s) if job.timing is not None else ())
                if act is Act.END_PROCESS or not job.taken_over
            ]

    def wait(self, now_s: float) -> bool:
        """Until something is due, or anything changed. False: it was closed."""
        with self._changed:
            if not self._closed:
                due_s = min((job.timing.due_s for job in self._timed() if job.timing), default=math.inf)
                self._changed.wait(None if due_s == math.inf else max(0.0, due_s - now_s))
            return not self._closed

    def drain(self) -> None:
        """No more are wanted."""
        with self._changed:
            self._draining = True
            self._changed.notify_all()

    def close(self) -> None:
        """Nothing is due any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def stats(self) -> WorkerStats:
        with self._changed:
            return WorkerStats(
                received=self._received,
                endings=dict(self._endings),
                held=len(self._held),
                working=len(self._calls),
                stuck=self._stuck(),
                handled_s=self._handled_s,
                longest_s=self._longest_s,
                **self._counts,
            )

    def _timed(self) -> list[Job]:
        return list({**self._held, **self._calls}.values())

    def _busy(self) -> int:
        return len(self._held) + self._stuck()

    def _stuck(self) -> int:
        return len(self._calls.keys() - self._held.keys())
