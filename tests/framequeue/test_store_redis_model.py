"""Whatever happens to a store in Redis, time passing too, it answers as the one in memory.

The script is given a clock of the test's in the place of the server's; all else is as it is shipped.
"""

from __future__ import annotations

import os
from typing import Any
from uuid import uuid4

import pytest
import redis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from tests.framequeue.store_conformance import picture

from sightline.framequeue.key import FrameKey
from sightline.framequeue.store import Claim, Claimed
from sightline.framequeue.stores.memory import MemoryStore
from sightline.framequeue.stores.redis import RedisStore
from sightline.framequeue.stores.redis_line import RedisLine
from sightline.testing import ManualClock

pytestmark = pytest.mark.needs("redis")

BEGIN_MS = 4_000_000_000_000  # in 2096, so that Redis lets nothing go by its own clock
LIMIT = 100

SIZES = (11, 20, 35, 60)
# Few, so that much happens to each; a key is of one size.
keys = st.builds(
    lambda n, camera_id: picture(n, camera_id, SIZES[n]), st.integers(0, 3), st.sampled_from("ab")
)
times_s = st.sampled_from([0.5, 1.0, 2.0, 5.0])


class AgainstMemory(RuleBasedStateMachine):
    """All times are multiples of half a second, so that both stores round them alike."""

    url = ""

    def __init__(self) -> None:
        super().__init__()
        name = uuid4().hex
        self.clock, self.moved_ms = ManualClock(), 0
        self.server = redis.Redis.from_url(self.url)
        self.clock_name = f"{name}::clock"
        self.model = MemoryStore(limit_bytes=LIMIT, done_ttl_s=2.0, clock=self.clock)
        self.stores = [RedisStore(self.url, name=name, limit_bytes=LIMIT, done_ttl_s=2.0) for _ in range(2)]
        for store in self.stores:
            store._line.close()
            script = store._line._script
            told = script.replace("redis.call('TIME')", "redis.call('LRANGE', BASE .. 'clock', 0, 1)")
            assert told != script
            store._line = RedisLine(self.url, timeout_s=60.0, script=told)
        self.turn = 0
        self.claims: list[tuple[Claim, Claim]] = []
        self.known: set[FrameKey] = set()
        self._tell_time()
        self.put([picture(n, "ab"[n % 2], SIZES[n]) for n in range(3)], None)
        self.claim_one(picture(0, "a", SIZES[0])[0], 1.0)

    @property
    def store(self) -> RedisStore:
        self.turn += 1
        return self.stores[self.turn % 2]

    @rule(frames=st.lists(keys, min_size=1, max_size=4), ttl_s=times_s | st.none())
    def put_some(self, frames: list[tuple[FrameKey, bytes]], ttl_s: float | None) -> None:
        self.put(frames, ttl_s)

    def put(self, frames: list[tuple[FrameKey, bytes]], ttl_s: float | None) -> None:
        self.known |= {key for key, _ in frames}
        assert self.store.put(frames, ttl_s) == self.model.put(frames, ttl_s)

    @rule(data=st.data(), lease_s=times_s)
    def claim(self, data: st.DataObject, lease_s: float) -> None:
        # Most often one that is there, or nothing much would happen.
        key = data.draw(st.sampled_from(sorted(self.known)) if self.known else keys.map(lambda each: each[0]))
        self.claim_one(key, lease_s)

    def claim_one(self, key: FrameKey, lease_s: float) -> None:
        one, other = (each.claim(key, "w1", lease_s) for each in (self.store, self.model))
        if isinstance(one, Claimed) and isinstance(other, Claimed):
            assert one.data == other.data
            assert (one.claim.attempt, one.claim.last_reason) == (
                other.claim.attempt,
                other.claim.last_reason,
            )
            assert all(one.claim.token > earlier.token for earlier, _ in self.claims)
            self.claims.append((one.claim, other.claim))
        else:
            assert one == other

    @rule(data=st.data(), how=st.sampled_from(["finish", "give_back", "bury", "extend"]), time_s=times_s)
    def settle(self, data: st.DataObject, how: str, time_s: float) -> None:
        if not self.claims:
            return
        mine, models = data.draw(st.sampled_from(self.claims[-3:]))
        words: dict[str, tuple[Any, ...]] = {
            "finish": (b"result",),
            "give_back": ("reason",),
            "bury": ("dead", time_s),
            "extend": (time_s,),
        }
        assert getattr(self.store, how)(mine, *words[how]) == getattr(self.model, how)(models, *words[how])

    @rule(frame=keys, how=st.sampled_from(["peek", "getdel"]))
    def take(self, frame: tuple[FrameKey, bytes], how: str) -> None:
        assert getattr(self.store, how)(frame[0]) == getattr(self.model, how)(frame[0])

    @rule(frames=st.lists(keys, max_size=3))
    def delete(self, frames: list[tuple[FrameKey, bytes]]) -> None:
        gone = [key for key, _ in frames]
        assert self.store.delete(gone) == self.model.delete(gone)

    @rule(halves=st.integers(1, 6))
    def wait(self, halves: int) -> None:
        self.moved_ms += 500 * halves
        self.clock.move(0.5 * halves)
        self._tell_time()

    @rule(age_s=times_s | st.none())
    def sweep(self, age_s: float | None) -> None:
        assert self.store.sweep(age_s) == self.model.sweep(age_s)

    @rule(after_s=times_s)
    def overdue(self, after_s: float) -> None:
        assert sorted(self.store.overdue(after_s, 50)) == sorted(self.model.overdue(after_s, 50))

    @rule(limit=st.sampled_from([40, LIMIT, None]))
    def change_the_budget(self, limit: int | None) -> None:
        for store in self.stores:
            store._limit = limit
        assert self.model._place is not None
        self.model._place.shelf.budget.limit = limit

    @invariant()
    def all_counts_are_the_same(self) -> None:
        mine, models = self.store.usage(), self.model.usage()
        assert mine.cameras == models.cameras
        assert (mine.claimed, mine.marks) == (models.claimed, models.marks)
        for camera_id in "ab":
            assert self.store.last_captured_ms(camera_id) == self.model.last_captured_ms(camera_id)
        assert [self.store.peek(key) for key in self.known] == [self.model.peek(key) for key in self.known]

    def _tell_time(self) -> None:
        now_ms = BEGIN_MS + self.moved_ms
        with self.server.pipeline() as both:
            both.delete(self.clock_name)
            both.rpush(self.clock_name, now_ms // 1000, now_ms % 1000 * 1000)
            both.execute()

    def teardown(self) -> None:
        for store in self.stores:
            store.close()
        self.server.close()


def test_whatever_happens_is_answered_as_in_memory(redis_url: str) -> None:
    AgainstMemory.url = redis_url
    run_state_machine_as_test(
        AgainstMemory,
        settings=settings(
            max_examples=int(os.environ.get("SIGHTLINE_EXAMPLES", "40")),
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
