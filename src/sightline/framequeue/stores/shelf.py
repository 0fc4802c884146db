"""The promise of a store as a machine: keys, results and a time go in, answers come out.

Knows no bytes of pictures, no threads, no clock. `stores.memory` puts both round it; other stores are held to
answer as it does. Each call first lets go what is too old by then, so that nobody ever sees that.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Final

from sightline.clock import NS_PER_S
from sightline.framequeue.key import FrameKey
from sightline.framequeue.store import Busy, CameraUsage, Claim, Done, Gone, Put, Refusal, StoreUsage, Swept
from sightline.framequeue.stores.budget import Budget

_SPARE_LOOKS: Final = 64


@dataclass(slots=True)
class _Hold:
    """Who has or had a key. The token is 0 once it was given back."""

    token: int
    worker: str
    until_ns: int
    attempts: int
    reason: str = ""
    missed: bool = False  # its end was seen and counted

    def lasts(self, now_ns: int) -> bool:
        return self.token > 0 and now_ns < self.until_ns


@dataclass(slots=True)
class _Picture:
    put_ns: int
    until_ns: int | None
    idle_ns: int  # since when nobody put it, told of it, or had it in hand


@dataclass(slots=True, frozen=True)
class _Mark:
    result: bytes
    until_ns: int


class Shelf:
    """What a store knows of its pictures.

    Args:
        limit: bytes of pictures; None: as many as come.
        let_go: told of each picture that is not held any more, whatever became of it.
    """

    def __init__(self, limit: int | None, let_go: Callable[[FrameKey], object]) -> None:
        self.budget = Budget[FrameKey](limit)
        self._let_go = let_go
        self._pictures: dict[FrameKey, _Picture] = {}
        self._holds: dict[FrameKey, _Hold] = {}
        self._marks: dict[FrameKey, _Mark] = {}
        self._captured_ms: dict[str, int] = {}  # by camera, of the picture that was put last
        self._counts: dict[str, Counter[str]] = {}  # by camera, by what became of its pictures
        self._seen: Counter[str] = Counter()  # since the last sweep
        self._due: list[tuple[int, FrameKey]] = []  # when to look at a key again
        self._token = 0

    def put(self, key: FrameKey, ttl_ns: int | None, now_ns: int) -> Put:
        """Whether to keep the picture of `key`; those that go for it are let go of."""
        self._pass(now_ns)
        if key in self._marks:
            return self._refused(key, Refusal.DONE)
        added = self.budget.add(key, key.camera_id, key.size)
        if not added.stored:
            never = self.budget.limit is not None and key.size > self.budget.limit
            return self._refused(key, Refusal.TOO_LARGE if never else Refusal.FULL)
        for gone in added.evicted:
            self._leave(gone, "evicted", now_ns)
        self._count(key, "stored", int(key not in self._pictures))
        until_ns = None if ttl_ns is None else now_ns + ttl_ns
        self._pictures[key] = _Picture(now_ns, until_ns, now_ns)
        self._captured_ms[key.camera_id] = key.captured_at_ms
        self._guard(key, now_ns)
        return Put(key, evicted=added.evicted)

    def has(self, key: FrameKey, now_ns: int) -> bool:
        self._pass(now_ns)
        return key in self._pictures

    def remove(self, key: FrameKey, how: str, now_ns: int) -> bool:
        """The picture goes: it was "taken" or "deleted". False where it is not there."""
        self._pass(now_ns)
        return self._leave(key, how, now_ns)

    def claim(self, key: FrameKey, worker: str, lease_ns: int, now_ns: int) -> Claim | Busy | Done | Gone:
        self._pass(now_ns)
        mark = self._marks.get(key)
        if mark is not None:
            return Done(mark.result)
        hold = self._holds.get(key)
        if hold is not None and hold.lasts(now_ns):
            return Busy((hold.until_ns - now_ns) / NS_PER_S, hold.worker)
        if key not in self._pictures:
            return Gone()
        self._token += 1
        attempt, reason = (1, "") if hold is None else (hold.attempts + 1, hold.reason)
        self._holds[key] = _Hold(self._token, worker, now_ns + lease_ns, attempt)
        self._guard(key, now_ns)
        self._look_at(key, now_ns + lease_ns)
        return Claim(key, self._token, worker, attempt, reason)

    def extend(self, claim: Claim, lease_ns: int, now_ns: int) -> bool:
        self._pass(now_ns)
        hold = self._hold_of(claim)
        if hold is None:
            return False
        hold.until_ns, hold.missed = now_ns + lease_ns, False
        self._guard(claim.key, now_ns)
        self._look_at(claim.key, hold.until_ns)
        return True

    def give_back(self, claim: Claim, reason: str, now_ns: int) -> bool:
        self._pass(now_ns)
        hold = self._hold_of(claim)
        if hold is None:
            return False
        if hold.lasts(now_ns):
            self._idle(claim.key, now_ns)
        hold.token, hold.reason = 0, reason
        self._forget(claim.key, now_ns)
        self._guard(claim.key, now_ns)
        return True

    def bury(self, claim: Claim, reason: str, ttl_ns: int, now_ns: int) -> bool:
        self._pass(now_ns)
        hold, picture = self._hold_of(claim), self._pictures.get(claim.key)
        if hold is None:
            return False
        hold.token, hold.reason, hold.attempts = 0, reason, 0
        if picture is not None:
            picture.until_ns = picture.idle_ns = now_ns + ttl_ns  # so it is gone before it is overdue
        self._forget(claim.key, now_ns)
        self._guard(claim.key, now_ns)
        return True

    def finish(self, claim: Claim, result: bytes, done_ttl_ns: int, now_ns: int) -> bool:
        self._pass(now_ns)
        if self._hold_of(claim) is None:
            return False
        del self._holds[claim.key]
        self._leave(claim.key, "finished", now_ns)
        self._marks[claim.key] = _Mark(result, now_ns + done_ttl_ns)
        self._look_at(claim.key, now_ns + done_ttl_ns)
        return True

    def sweep(self, orphan_age_ns: int | None, now_ns: int) -> Swept:
        self._pass(now_ns)
        orphans = 0 if orphan_age_ns is None else self._let_orphans_go(now_ns - orphan_age_ns, now_ns)
        seen, self._seen = self._seen, Counter()
        return Swept(leases=seen["leases"], expired=seen["expired"], orphans=orphans, marks=seen["marks"])

    def overdue(self, after_ns: int, limit: int, now_ns: int) -> list[FrameKey]:
        self._pass(now_ns)
        free = [
            key
            for key, picture in self._pictures.items()
            if picture.idle_ns <= now_ns - after_ns and not self._is_held(key, now_ns)
        ]
        told = heapq.nsmallest(limit, free, key=lambda key: self._pictures[key].idle_ns)
        for key in told:
            self._idle(key, now_ns)
        return told

    def last_captured_ms(self, camera_id: str) -> int | None:
        return self._captured_ms.get(camera_id)

    def usage(self, now_ns: int) -> StoreUsage:
        self._pass(now_ns)
        held = self.budget.cameras()
        cameras = {
            camera_id: CameraUsage(
                **counts,
                frames=held[camera_id].frames if camera_id in held else 0,
                bytes=held[camera_id].bytes if camera_id in held else 0,
            )
            for camera_id, counts in self._counts.items()
        }
        return StoreUsage(
            cameras=cameras,
            limit=self.budget.limit,
            claimed=sum(hold.lasts(now_ns) for hold in self._holds.values()),
            marks=len(self._marks),
        )

    def _pass(self, now_ns: int) -> None:
        """Time has come to `now_ns`."""
        while self._due and self._due[0][0] <= now_ns:
            _, key = heapq.heappop(self._due)
            self._end_lease(key, now_ns)
            self._end_life(key, now_ns)
            mark = self._marks.get(key)
            if mark is not None and mark.until_ns <= now_ns:
                del self._marks[key]
                self._seen["marks"] += 1

    def _end_lease(self, key: FrameKey, now_ns: int) -> None:
        hold = self._holds.get(key)
        if hold is None or hold.lasts(now_ns):
            return
        if hold.token and not hold.missed:
            hold.missed = True
            self._seen["leases"] += 1
            self._idle(key, hold.until_ns)
        self._forget(key, now_ns)
        self._guard(key, now_ns)

    def _end_life(self, key: FrameKey, now_ns: int) -> None:
        picture = self._pictures.get(key)
        if picture is None or picture.until_ns is None or self._is_held(key, now_ns):
            return
        if picture.until_ns <= now_ns:
            self._seen["expired"] += self._leave(key, "expired", now_ns)

    def _let_orphans_go(self, before_ns: int, now_ns: int) -> int:
        orphans = [
            key
            for key, picture in self._pictures.items()
            if picture.put_ns <= before_ns and not self._is_held(key, now_ns)
        ]
        return sum(self._leave(key, "orphans", now_ns) for key in orphans)

    def _is_held(self, key: FrameKey, now_ns: int) -> bool:
        hold = self._holds.get(key)
        return hold is not None and hold.lasts(now_ns)

    def _hold_of(self, claim: Claim) -> _Hold | None:
        """What is known of a claim as long as no other came after it."""
        hold = self._holds.get(claim.key)
        return hold if hold is not None and hold.token == claim.token else None

    def _leave(self, key: FrameKey, how: str, now_ns: int) -> bool:
        if self._pictures.pop(key, None) is None:
            return False
        self.budget.remove(key)
        self._count(key, how)
        self._let_go(key)
        self._forget(key, now_ns)
        return True

    def _forget(self, key: FrameKey, now_ns: int) -> None:
        """Drops what is known of a claim once neither picture nor lease is left."""
        if key in self._holds and key not in self._pictures and not self._is_held(key, now_ns):
            del self._holds[key]

    def _guard(self, key: FrameKey, now_ns: int) -> None:
        """What is in somebody's hand goes neither for others nor with its time."""
        if self._is_held(key, now_ns):
            self.budget.hold(key)
        elif (picture := self._pictures.get(key)) is not None:
            self.budget.release(key)
            self._look_at(key, picture.until_ns)

    def _idle(self, key: FrameKey, since_ns: int) -> None:
        if (picture := self._pictures.get(key)) is not None:
            picture.idle_ns = since_ns

    def _look_at(self, key: FrameKey, at_ns: int | None) -> None:
        if at_ns is not None:
            heapq.heappush(self._due, (at_ns, key))
        if len(self._due) > 4 * (len(self._pictures) + len(self._holds) + len(self._marks)) + _SPARE_LOOKS:
            self._due = list(self._all_due())  # most were of keys that are no more
            heapq.heapify(self._due)

    def _all_due(self) -> Iterator[tuple[int, FrameKey]]:
        all_kept: Iterator[tuple[FrameKey, _Picture | _Hold | _Mark]] = chain(
            self._pictures.items(), self._holds.items(), self._marks.items()
        )
        for key, kept in all_kept:
            if kept.until_ns is not None:
                yield kept.until_ns, key

    def _refused(self, key: FrameKey, why: Refusal) -> Put:
        self._count(key, "refused")
        return Put(key, refused=why)

    def _count(self, key: FrameKey, what: str, by: int = 1) -> None:
        self._counts.setdefault(key.camera_id, Counter())[what] += by
