"""The promise of a store as tests: `class TestMyStore(StoreConformance)` with a fixture `rig` runs them all.

Whatever waits for time to pass waits for what it is to bring about, so a rig may let its clock be moved.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from typing import Protocol

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightline.errors import Closed, ConfigError
from sightline.framequeue.key import FrameKey
from sightline.framequeue.reason import MAX_REASON_CHARS
from sightline.framequeue.store import (
    MAX_RESULT_BYTES,
    Busy,
    CameraUsage,
    Claim,
    Claimed,
    Done,
    FrameStore,
    Gone,
    Put,
    Refusal,
)
from sightline.framequeue.stores.memory import MemoryStore

LONG_S = 600.0
SHORT_S = 0.4  # a lease or a life whose end a test waits for
NEVER = None


class OpenStore(Protocol):
    """Opens a handle on one store, the same one each time."""

    def __call__(self, *, limit_bytes: int | None = None, done_ttl_s: float = LONG_S) -> FrameStore: ...


@dataclass
class StoreRig:
    """What the suite needs of a store.

    Attributes:
        open: see `OpenStore`; each rig's store begins empty.
        wait_until: waits until a condition holds, and fails where it does not for long.
    """

    open: OpenStore
    wait_until: Callable[[Callable[[], object]], None]


def picture(index: int = 0, camera_id: str = "gate", size: int = 10) -> tuple[FrameKey, bytes]:
    key = FrameKey(
        camera_id=camera_id,
        epoch=1_789_041_600_000,
        index=index,
        captured_at_ms=1_789_041_600_000 + index * 1000,
        width=640,
        height=360,
        size=size,
        format="jpeg",
    )
    return key, bytes([index % 256]) * size


def put(store: FrameStore, *pictures: tuple[FrameKey, bytes], ttl_s: float | None = LONG_S) -> list[FrameKey]:
    assert all(answer.stored for answer in store.put(pictures, ttl_s))
    return [key for key, _ in pictures]


def claimed(store: FrameStore, key: FrameKey, worker: str = "w1", lease_s: float = LONG_S) -> Claim:
    answer = store.claim(key, worker, lease_s)
    assert isinstance(answer, Claimed), answer
    return answer.claim


class StoreConformance:
    """See the module."""

    @pytest.fixture
    def store(self, rig: StoreRig) -> FrameStore:
        return rig.open()

    def test_a_picture_stays_until_it_is_taken(self, store: FrameStore) -> None:
        [key] = put(store, picture(1))
        assert store.peek(key) == store.peek(key) == picture(1)[1]
        assert store.getdel(key) == picture(1)[1]
        assert store.getdel(key) is store.peek(key) is None

    def test_each_picture_has_an_answer_in_order(self, rig: StoreRig) -> None:
        store = rig.open(limit_bytes=20)
        pictures = [picture(0), picture(1, size=21), picture(2)]
        assert store.put(pictures, LONG_S) == [
            Put(pictures[0][0]),
            Put(pictures[1][0], refused=Refusal.TOO_LARGE),
            Put(pictures[2][0]),
        ]
        assert store.put([], LONG_S) == []

    def test_all_handles_see_one_store(self, rig: StoreRig) -> None:
        [key] = put(rig.open(), picture(1))
        assert rig.open().peek(key) == picture(1)[1]

    @pytest.mark.parametrize("camera_id", ["Tür 1", "a/b:c", "..", "\n", "%", "{a}*?"])
    def test_any_camera_may_be_stored(self, store: FrameStore, camera_id: str) -> None:
        keys = put(store, picture(1, camera_id), picture(1))
        assert [store.peek(key) for key in keys] == [picture(1)[1]] * 2
        assert set(store.usage().cameras) == {camera_id, "gate"}

    def test_a_picture_of_another_size_than_its_keys_stores_nothing(self, store: FrameStore) -> None:
        with pytest.raises(ConfigError, match="expected 10 bytes as the key says, got 9"):
            store.put([picture(0), (picture(1)[0], bytes(9))], LONG_S)
        assert store.peek(picture(0)[0]) is None

    def test_a_picture_that_is_put_again_is_one(self, store: FrameStore) -> None:
        [key] = put(store, picture(1))
        first = claimed(store, key)
        put(store, (key, b"x" * 10))
        assert store.peek(key) == b"x" * 10
        assert store.usage().total == CameraUsage(frames=1, bytes=10, stored=1)
        assert store.finish(first)

    def test_deleting_says_how_many_there_were(self, store: FrameStore) -> None:
        keys = put(store, picture(0), picture(1), picture(2))
        assert store.delete([*keys[:2], picture(9)[0]]) == 2
        assert store.delete(keys) == 1
        assert store.usage().total == CameraUsage(stored=3, deleted=3)

    def test_what_is_too_old_is_gone(self, rig: StoreRig) -> None:
        store = rig.open()
        [old] = put(store, picture(0), ttl_s=SHORT_S)
        [kept] = put(store, picture(1), ttl_s=NEVER)
        rig.wait_until(lambda: store.peek(old) is None)
        assert store.claim(old, "w1", LONG_S) == Gone()
        assert store.getdel(old) is None
        assert store.peek(kept) == picture(1)[1]
        assert store.sweep().expired == 1
        assert store.sweep().expired == 0
        assert store.usage().total == CameraUsage(stored=2, expired=1, frames=1, bytes=10)

    def test_one_at_a_time_has_a_key(self, rig: StoreRig) -> None:
        store = rig.open()
        [key] = put(store, picture(1))
        answer = store.claim(key, "w1", LONG_S)
        assert isinstance(answer, Claimed)
        assert (answer.data, answer.claim.key, answer.claim.worker) == (picture(1)[1], key, "w1")
        assert (answer.claim.attempt, answer.claim.last_reason) == (1, "")
        for worker in ("w2", "w1"):
            busy = rig.open().claim(key, worker, LONG_S)
            assert isinstance(busy, Busy)
            assert busy.worker == "w1"
            assert 0 < busy.for_s <= LONG_S
        assert store.usage().claimed == 1

    def test_what_was_never_here_is_gone(self, store: FrameStore) -> None:
        assert store.claim(picture(1)[0], "w1", LONG_S) == Gone()

    def test_what_is_finished_is_done_with_its_result(self, rig: StoreRig) -> None:
        store = rig.open()
        [key] = put(store, picture(1))
        claim = claimed(store, key)
        assert store.finish(claim, b"a car")
        assert store.peek(key) is None
        assert rig.open().claim(key, "w2", LONG_S) == Done(b"a car")
        assert store.put([picture(1)], LONG_S) == [Put(key, refused=Refusal.DONE)]
        assert not store.finish(claim, b"a bicycle")
        assert store.claim(key, "w2", LONG_S) == Done(b"a car")
        assert not store.extend(claim, LONG_S)
        assert not store.give_back(claim)
        assert store.usage().total == CameraUsage(stored=1, finished=1, refused=1)
        assert (store.usage().claimed, store.usage().marks) == (0, 1)

    def test_it_is_forgotten_that_a_key_is_done(self, rig: StoreRig) -> None:
        store = rig.open(done_ttl_s=SHORT_S)
        [key] = put(store, picture(1))
        assert store.finish(claimed(store, key))
        rig.wait_until(lambda: store.claim(key, "w2", LONG_S) == Gone())
        assert store.sweep().marks == 1
        assert store.usage().marks == 0
        put(store, picture(1))

    def test_what_is_given_back_may_be_claimed_and_says_why(self, store: FrameStore) -> None:
        [key] = put(store, picture(1))
        first = claimed(store, key)
        assert store.give_back(first, "ValueError: no wheels")
        assert not store.extend(first, LONG_S)
        assert not store.finish(first)
        assert not store.give_back(first)
        again = claimed(store, key, "w2")
        assert (again.attempt, again.worker, again.last_reason) == (2, "w2", "ValueError: no wheels")
        assert again.token > first.token

    def test_what_is_buried_stays_for_its_time_and_is_not_overdue(self, rig: StoreRig) -> None:
        store = rig.open()
        dead, gone, lost = put(store, picture(0), picture(1), picture(2), ttl_s=LONG_S)
        claims = [claimed(store, key) for key in (dead, gone)]
        assert store.bury(claims[0], "ValueError: no wheels", LONG_S)
        assert store.bury(claims[1], "ValueError: no wheels", SHORT_S)
        assert not store.bury(claims[0], "again", LONG_S)
        assert not store.finish(claims[0])
        told: set[FrameKey] = set()

        def tell() -> bool:
            told.update(store.overdue(SHORT_S, 10))
            return lost in told and store.peek(gone) is None

        rig.wait_until(tell)
        assert told == {lost}
        assert store.peek(dead) == picture(0)[1]
        assert store.usage().total == CameraUsage(stored=3, expired=1, frames=2, bytes=20)

    def test_what_is_buried_begins_anew_for_who_claims_it(self, store: FrameStore) -> None:
        [key] = put(store, picture(1), ttl_s=SHORT_S)
        store.give_back(claimed(store, key))
        second = claimed(store, key)
        assert store.bury(second, "ValueError: no wheels", LONG_S)
        again = claimed(store, key, "w2")
        assert (again.attempt, again.last_reason) == (1, "ValueError: no wheels")
        assert again.token > second.token
        assert store.finish(again)

    def test_a_key_without_its_picture_may_be_buried(self, store: FrameStore) -> None:
        [key] = put(store, picture(1))
        claim = claimed(store, key)
        store.delete([key])
        assert store.bury(claim, "no wheels", LONG_S)
        assert store.claim(key, "w2", LONG_S) == Gone()
        assert store.usage().total.balanced

    def test_a_reason_is_bounded_and_tells_no_secrets(self, store: FrameStore) -> None:
        [key] = put(store, picture(1))
        store.give_back(claimed(store, key), "redis://user:hunter22@host/0 \ud800 " + "x" * 5000)
        reason = claimed(store, key).last_reason
        assert len(reason) == MAX_REASON_CHARS
        assert "hunter22" not in reason

    def test_a_lease_that_ran_out_is_anybodys_and_its_holder_is_late(self, rig: StoreRig) -> None:
        store = rig.open()
        [key] = put(store, picture(1))
        late = claimed(store, key, "dead", SHORT_S)
        taken: list[Claim] = []

        def claim() -> bool:
            answer = store.claim(key, "w2", LONG_S)
            if isinstance(answer, Claimed):
                taken.append(answer.claim)
            return bool(taken)

        rig.wait_until(claim)
        [claim_of_w2] = taken
        assert (claim_of_w2.attempt, claim_of_w2.last_reason) == (2, "")
        assert claim_of_w2.token > late.token
        assert not store.extend(late, LONG_S)
        assert not store.give_back(late)
        assert not store.finish(late, b"late")
        assert store.finish(claim_of_w2, b"in time")
        assert store.claim(key, "w3", LONG_S) == Done(b"in time")

    def test_a_lease_that_ran_out_is_counted_once(self, rig: StoreRig) -> None:
        store = rig.open()
        keys = put(store, picture(0), picture(1))
        claimed(store, keys[0], lease_s=SHORT_S)
        claimed(store, keys[1])
        rig.wait_until(lambda: store.usage().claimed == 1)
        assert store.sweep().leases == 1
        assert store.sweep().leases == 0

    def test_whoever_is_late_but_alone_may_go_on_and_finish(self, rig: StoreRig) -> None:
        store = rig.open()
        keys = put(store, picture(0), picture(1))
        claims = [claimed(store, key, lease_s=SHORT_S) for key in keys]
        rig.wait_until(lambda: store.usage().claimed == 0)
        store.sweep()
        assert store.finish(claims[0], b"late")
        assert store.extend(claims[1], LONG_S)
        assert isinstance(store.claim(keys[1], "w2", LONG_S), Busy)

    def test_a_lease_that_is_extended_lasts(self, rig: StoreRig) -> None:
        store = rig.open()
        keys = put(store, picture(0), picture(1))
        extended = claimed(store, keys[0], lease_s=SHORT_S)
        claimed(store, keys[1], lease_s=SHORT_S)
        assert store.extend(extended, LONG_S)
        rig.wait_until(lambda: isinstance(store.claim(keys[1], "w2", LONG_S), Claimed))
        assert isinstance(store.claim(keys[0], "w2", LONG_S), Busy)

    def test_a_picture_that_goes_while_it_is_claimed_may_be_finished(self, store: FrameStore) -> None:
        [key] = put(store, picture(1))
        claim = claimed(store, key)
        assert store.delete([key]) == 1
        assert isinstance(store.claim(key, "w2", LONG_S), Busy)
        assert store.finish(claim, b"seen")
        assert store.claim(key, "w2", LONG_S) == Done(b"seen")
        assert store.usage().total.balanced

    def test_a_claim_is_over_when_picture_and_lease_are_gone(self, rig: StoreRig) -> None:
        store = rig.open()
        [key] = put(store, picture(1))
        claim = claimed(store, key, lease_s=SHORT_S)
        store.delete([key])
        rig.wait_until(lambda: store.claim(key, "w2", LONG_S) == Gone())
        assert not store.finish(claim)
        assert not store.extend(claim, LONG_S)

    def test_the_greediest_cameras_oldest_goes_for_a_newcomer(self, rig: StoreRig) -> None:
        store = rig.open(limit_bytes=100)
        many = put(store, *(picture(n, "busy", 20) for n in range(4)))
        few = put(store, picture(0, "calm", 20))
        newcomer = picture(1, "calm", 30)
        assert store.put([newcomer], LONG_S) == [Put(newcomer[0], evicted=tuple(many[:2]))]
        assert [store.peek(key) is None for key in (*many, *few)] == [True, True, False, False, False]
        usage = store.usage()
        assert usage.cameras["busy"] == CameraUsage(frames=2, bytes=40, stored=4, evicted=2)
        assert usage.cameras["calm"] == CameraUsage(frames=2, bytes=50, stored=2)
        assert (usage.limit, usage.total.bytes) == (100, 90)

    def test_nothing_goes_for_what_could_never_fit(self, rig: StoreRig) -> None:
        store = rig.open(limit_bytes=100)
        keys = put(store, picture(0, size=60), picture(1, size=40))
        large = picture(2, "other", 101)
        assert store.put([large], LONG_S) == [Put(large[0], refused=Refusal.TOO_LARGE)]
        assert all(store.peek(key) for key in keys)
        assert store.usage().cameras["other"] == CameraUsage(refused=1)

    def test_what_is_claimed_goes_for_nobody(self, rig: StoreRig) -> None:
        store = rig.open(limit_bytes=40)
        keys = put(store, *(picture(n) for n in range(4)))
        claims = [claimed(store, key) for key in keys[:3]]
        assert store.put([picture(4)], LONG_S) == [Put(picture(4)[0], evicted=(keys[3],))]
        fat, newcomer = picture(5, size=11), picture(6)
        assert store.put([fat], LONG_S) == [Put(fat[0], refused=Refusal.FULL)]
        assert store.peek(picture(4)[0]) is not None
        assert store.give_back(claims[1])
        assert store.put([newcomer], LONG_S) == [Put(newcomer[0], evicted=(keys[1],))]
        assert store.usage().total == CameraUsage(frames=4, bytes=40, stored=6, evicted=2, refused=1)

    def test_what_is_claimed_and_put_again_needs_no_more_room(self, rig: StoreRig) -> None:
        store = rig.open(limit_bytes=20)
        keys = put(store, picture(0), picture(1))
        claims = [claimed(store, key) for key in keys]
        assert store.put([picture(0)], LONG_S) == [Put(keys[0])]
        assert all(store.finish(claim) for claim in claims)

    def test_what_is_buried_late_goes_with_its_time_too(self, rig: StoreRig) -> None:
        store = rig.open()
        [key] = put(store, picture(0), ttl_s=None)
        late = claimed(store, key, lease_s=SHORT_S)
        rig.wait_until(lambda: store.usage().claimed == 0)
        assert store.bury(late, "no wheels", SHORT_S)
        rig.wait_until(lambda: store.usage().total.expired == 1)
        assert store.usage().total == CameraUsage(stored=1, expired=1)

    def test_whose_lease_ran_out_goes_for_others_again(self, rig: StoreRig) -> None:
        store = rig.open(limit_bytes=20)
        keys = put(store, picture(0), picture(1))
        claimed(store, keys[0], lease_s=SHORT_S)
        rig.wait_until(lambda: store.usage().claimed == 0)
        assert store.put([picture(2)], LONG_S) == [Put(picture(2)[0], evicted=(keys[0],))]

    def test_what_is_claimed_does_not_go_with_its_time(self, rig: StoreRig) -> None:
        store = rig.open()
        held, other = put(store, picture(0), picture(1), ttl_s=SHORT_S)
        claim = claimed(store, held)
        rig.wait_until(lambda: store.peek(other) is None)
        assert store.peek(held) == picture(0)[1]
        assert store.give_back(claim)
        assert store.peek(held) is None
        assert store.usage().total == CameraUsage(stored=2, expired=2)

    def test_what_nobody_knows_of_is_told_once(self, rig: StoreRig) -> None:
        store = rig.open()
        lost, held, given_back, missed = put(store, *(picture(n) for n in range(4)))
        claimed(store, held)
        told: set[FrameKey] = set()

        def tell() -> bool:
            told.update(rig.open().overdue(SHORT_S, 10))
            return missed in told

        late = claimed(store, missed, lease_s=SHORT_S)
        claim = claimed(store, given_back)
        assert store.overdue(LONG_S, 10) == []
        store.give_back(claim)
        rig.wait_until(tell)
        assert told == {lost, given_back, missed}
        assert store.overdue(LONG_S, 10) == []
        assert store.finish(late)

    def test_no_more_are_told_than_are_asked_for_the_longest_waiting_first(self, rig: StoreRig) -> None:
        store = rig.open()
        [first] = put(store, picture(5))
        rig.wait_until(lambda: store.overdue(SHORT_S, 1))
        put(store, picture(6), picture(7))
        told: list[FrameKey] = []

        def tell() -> bool:
            told.extend(store.overdue(SHORT_S, 1))
            return len(told) >= 3

        rig.wait_until(tell)
        assert told[0] == first
        assert sorted(told) == [first, picture(6)[0], picture(7)[0]]

    def test_it_is_known_when_a_cameras_last_picture_was_taken(self, rig: StoreRig) -> None:
        store = rig.open(limit_bytes=20)
        assert store.last_captured_ms("gate") is None
        put(store, picture(1), picture(2), picture(3, "Tür"))
        store.put([picture(9, size=21)], LONG_S)
        store.delete([picture(2)[0]])
        assert rig.open().last_captured_ms("gate") == picture(2)[0].captured_at_ms
        assert store.last_captured_ms("Tür") == picture(3)[0].captured_at_ms

    def test_what_left_makes_room(self, rig: StoreRig) -> None:
        store = rig.open(limit_bytes=40)
        keys = put(store, *(picture(n) for n in range(4)))
        store.getdel(keys[0])
        store.delete([keys[1]])
        store.finish(claimed(store, keys[2]))
        assert all(not answer.evicted for answer in store.put([picture(n) for n in (5, 6, 7)], LONG_S))

    def test_orphans_are_swept_and_what_is_in_hand_is_not(self, rig: StoreRig) -> None:
        store = rig.open()
        orphan, held = put(store, picture(0), picture(1))
        claimed(store, held)
        assert store.sweep(LONG_S).orphans == 0
        rig.wait_until(lambda: store.sweep(SHORT_S).orphans == 1)
        assert store.peek(orphan) is None
        assert store.peek(held) is not None
        assert store.usage().total == CameraUsage(stored=2, orphans=1, frames=1, bytes=10)

    def test_threads_that_claim_the_same_keys_have_each_key_once(self, rig: StoreRig) -> None:
        keys = put(rig.open(), *(picture(n) for n in range(40)))
        finished: list[FrameKey] = []
        together = threading.Barrier(4)

        def work(worker: str) -> None:
            with rig.open() as store:
                together.wait(30)
                for key in keys:
                    answer = store.claim(key, worker, LONG_S)
                    if isinstance(answer, Claimed) and store.finish(answer.claim, worker.encode()):
                        finished.append(key)

        with ThreadPoolExecutor(4) as threads:
            list(threads.map(work, ["w1", "w2", "w3", "w4"]))
        assert sorted(finished) == sorted(keys)
        assert rig.open().usage().total == CameraUsage(stored=40, finished=40)

    def test_what_is_no_setting_is_refused(self, store: FrameStore) -> None:
        [key] = put(store, picture(1))
        for lease_s in (0.0, -1.0, float("nan"), float("inf")):
            with pytest.raises(ConfigError, match="lease"):
                store.claim(key, "w1", lease_s)
        for worker in ("", "x" * 201, "a\nb"):
            with pytest.raises(ConfigError, match="worker's name"):
                store.claim(key, worker, LONG_S)
        with pytest.raises(ConfigError, match="time to live"):
            store.put([picture(2)], 0)
        with pytest.raises(ConfigError, match="overdue"):
            store.overdue(0, 1)
        with pytest.raises(ConfigError, match="at least 1 key"):
            store.overdue(1, 0)
        with pytest.raises(ConfigError, match="lease"):
            store.extend(claimed(store, key), 0)
        with pytest.raises(ConfigError, match="dead"):
            store.bury(Claim(key, 1, "w1", 1), "", 0)
        with pytest.raises(ConfigError, match="at most"):
            store.finish(Claim(key, 1, "w1", 1), bytes(MAX_RESULT_BYTES + 1))

    def test_a_result_may_be_as_large_as_is_said(self, store: FrameStore) -> None:
        [key] = put(store, picture(1))
        assert store.finish(claimed(store, key), bytes(MAX_RESULT_BYTES))
        assert store.claim(key, "w2", LONG_S) == Done(bytes(MAX_RESULT_BYTES))

    def test_a_handle_that_was_closed_does_nothing_and_claims_stay(self, rig: StoreRig) -> None:
        store, other = rig.open(), rig.open()
        [key] = put(store, picture(1))
        claim = claimed(store, key)
        store.close()
        store.close()
        for call in (
            lambda: store.put([picture(2)], LONG_S),
            lambda: store.peek(key),
            lambda: store.getdel(key),
            lambda: store.delete([key]),
            lambda: store.claim(key, "w1", LONG_S),
            lambda: store.extend(claim, LONG_S),
            lambda: store.give_back(claim),
            lambda: store.bury(claim, "", LONG_S),
            lambda: store.finish(claim),
            store.sweep,
            lambda: store.overdue(1, 1),
            lambda: store.last_captured_ms("gate"),
            store.usage,
            store.check,
        ):
            with pytest.raises(Closed):
                call()
        assert isinstance(other.claim(key, "w2", LONG_S), Busy)
        assert other.finish(claim)

    def test_any_history_is_answered_as_in_memory(self, rig: StoreRig) -> None:
        @given(st.data())
        @settings(max_examples=30)
        def any_history(data: st.DataObject) -> None:
            both = _Both(rig.open(limit_bytes=100), MemoryStore(limit_bytes=100))
            try:
                for _ in range(data.draw(st.integers(1, 25))):
                    both.step(data)
                both.compare()
            finally:  # Hypothesis may leave an example in the middle, and the next is in the same store
                both.clear()

        any_history()


_epochs = count(1)  # the pictures of an example are none of those before it, of which a store may know still


class _Both:
    """Two stores that are told the same; their tokens may be other numbers, in the same order."""

    def __init__(self, store: FrameStore, model: FrameStore) -> None:
        self.stores = store, model
        self.epoch = next(_epochs)
        self.claims: list[tuple[Claim, Claim]] = []
        self.keys: set[FrameKey] = set()

    def step(self, data: st.DataObject) -> None:
        key, picture_data = self._picture(data)
        match data.draw(st.sampled_from(["put", "put", "claim", "claim", "settle", "getdel", "delete"])):
            case "put":
                self._same(lambda store: store.put([(key, picture_data)], LONG_S))
            case "claim":
                self._claim(key)
            case "settle" if self.claims:
                self._settle(data)
            case "getdel":
                self._same(lambda store: store.getdel(key))
            case "delete":
                self._same(lambda store: store.delete([key]))

    def _same(self, call: Callable[[FrameStore], object]) -> None:
        one, other = map(call, self.stores)
        assert one == other

    def compare(self) -> None:
        store, model = self.stores
        seen, expected = store.usage(), model.usage()
        held = {name: (each.frames, each.bytes) for name, each in seen.cameras.items() if each.frames}
        assert held == {
            name: (each.frames, each.bytes) for name, each in expected.cameras.items() if each.frames
        }
        assert all(each.balanced for each in seen.cameras.values())
        assert [store.peek(key) for key in self.keys] == [model.peek(key) for key in self.keys]

    def clear(self) -> None:
        self.stores[0].delete(self.keys)

    def _picture(self, data: st.DataObject) -> tuple[FrameKey, bytes]:
        camera_id, index = data.draw(st.sampled_from("ab")), data.draw(st.integers(0, 4))
        key, _ = picture(index, camera_id, 20 + 11 * index)
        key = FrameKey(**{name: getattr(key, name) for name in key.__struct_fields__} | {"epoch": self.epoch})
        self.keys.add(key)
        return key, bytes([index]) * key.size

    def _claim(self, key: FrameKey) -> None:
        one, other = (store.claim(key, "w1", LONG_S) for store in self.stores)
        assert type(one) is type(other)
        if isinstance(one, Claimed) and isinstance(other, Claimed):
            assert (one.data, one.claim.attempt) == (other.data, other.claim.attempt)
            assert all(one.claim.token > earlier.token for earlier, _ in self.claims)
            self.claims.append((one.claim, other.claim))
        elif isinstance(one, Done):
            assert one == other

    def _settle(self, data: st.DataObject) -> None:
        how = data.draw(st.sampled_from(["finish", "give_back", "bury", "extend"]))
        claims = data.draw(st.sampled_from(self.claims))
        answers = []
        for store, claim in zip(self.stores, claims, strict=True):
            match how:
                case "finish":
                    answers.append(store.finish(claim, b"result"))
                case "give_back":
                    answers.append(store.give_back(claim, "reason"))
                case "bury":
                    answers.append(store.bury(claim, "reason", LONG_S))
                case _:
                    answers.append(store.extend(claim, LONG_S))
        assert answers[0] == answers[1]
