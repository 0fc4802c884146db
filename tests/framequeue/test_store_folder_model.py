"""The store in a folder answers any history as the one in memory does, time and sweepers included."""

from __future__ import annotations

import tempfile
from collections.abc import Callable

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from tests.framequeue.store_conformance import picture

from sightline.framequeue.key import FrameKey
from sightline.framequeue.store import Claim, Claimed, FrameStore
from sightline.framequeue.stores.folder import FolderStore
from sightline.framequeue.stores.memory import MemoryStore
from sightline.testing import ManualClock

KEYS = st.builds(
    lambda camera_id, index: picture(index, camera_id, 10 + 15 * index)[0],
    st.sampled_from("ab"),
    st.integers(0, 2),
)
TIMES = st.sampled_from([1.0, 2.0, 5.0, 60.0])
LIMITS = st.sampled_from([40, 100, None])


class AgainstMemory(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.clock = ManualClock()
        self.folder = tempfile.TemporaryDirectory()
        self.claims: list[Claim] = []
        self.stores: tuple[FrameStore, FrameStore] | None = None
        self.name = self.folder.name  # a name of its own, in memory too
        self.kept = MemoryStore(self.name, clock=self.clock)
        self.open(100, 5.0)

    @rule(limit=LIMITS, done_ttl_s=TIMES)
    def open(self, limit: int | None, done_ttl_s: float) -> None:
        """Others go on with it."""
        for store in self.stores or ():
            store.close()
        self.stores = (
            FolderStore(self.name, limit_bytes=limit, done_ttl_s=done_ttl_s, clock=self.clock),
            MemoryStore(self.name, limit_bytes=limit, done_ttl_s=done_ttl_s, clock=self.clock),
        )

    @rule(
        keys=st.lists(KEYS, min_size=1, max_size=4),
        ttl_s=st.none() | TIMES,
        byte=st.binary(min_size=1, max_size=1),
    )
    def put(self, keys: list[FrameKey], ttl_s: float | None, byte: bytes) -> None:
        self.same(lambda store: store.put([(key, byte * key.size) for key in keys], ttl_s))

    @rule(key=KEYS)
    def peek(self, key: FrameKey) -> None:
        self.same(lambda store: store.peek(key))

    @rule(key=KEYS)
    def getdel(self, key: FrameKey) -> None:
        self.same(lambda store: store.getdel(key))

    @rule(keys=st.lists(KEYS, max_size=3))
    def delete(self, keys: list[FrameKey]) -> None:
        self.same(lambda store: store.delete(keys))

    @rule(key=KEYS, lease_s=TIMES, worker=st.sampled_from(["w1", "w2"]))
    def claim(self, key: FrameKey, lease_s: float, worker: str) -> None:
        answer = self.same(lambda store: store.claim(key, worker, lease_s))
        if isinstance(answer, Claimed):
            self.claims.append(answer.claim)

    @precondition(lambda self: self.claims)
    @rule(data=st.data(), lease_s=TIMES)
    def extend(self, data: st.DataObject, lease_s: float) -> None:
        claim = data.draw(st.sampled_from(self.claims))
        self.same(lambda store: store.extend(claim, lease_s))

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def give_back(self, data: st.DataObject) -> None:
        claim = data.draw(st.sampled_from(self.claims))
        self.same(lambda store: store.give_back(claim, "why"))

    @precondition(lambda self: self.claims)
    @rule(data=st.data(), ttl_s=TIMES)
    def bury(self, data: st.DataObject, ttl_s: float) -> None:
        claim = data.draw(st.sampled_from(self.claims))
        self.same(lambda store: store.bury(claim, "why", ttl_s))

    @precondition(lambda self: self.claims)
    @rule(data=st.data(), result=st.binary(max_size=2))
    def finish(self, data: st.DataObject, result: bytes) -> None:
        claim = data.draw(st.sampled_from(self.claims))
        self.same(lambda store: store.finish(claim, result))

    @rule(age_s=st.none() | TIMES)
    def sweep(self, age_s: float | None) -> None:
        self.same(lambda store: store.sweep(age_s))

    @rule(after_s=TIMES)
    def overdue(self, after_s: float) -> None:
        self.same(lambda store: set(store.overdue(after_s, 100)))

    @rule(seconds=st.sampled_from([0.5, 1.0, 3.0]))
    def wait(self, seconds: float) -> None:
        self.clock.move(seconds)

    @invariant()
    def it_holds_the_same(self) -> None:
        self.same(lambda store: msgspec.structs.replace(store.usage(), limit=None))
        self.same(lambda store: [store.last_captured_ms(camera_id) for camera_id in "ab"])

    @invariant()
    def there_is_one_file_for_each_picture(self) -> None:
        assert self.stores is not None
        folder = self.stores[0]
        assert isinstance(folder, FolderStore)
        assert len(folder._files.found()) == folder.usage().total.frames
        assert not list((folder._path / "incoming").iterdir())

    def same(self, call: Callable[[FrameStore], object]) -> object:
        assert self.stores is not None
        seen, expected = map(call, self.stores)
        assert seen == expected
        return seen

    def teardown(self) -> None:
        for store in (*(self.stores or ()), self.kept):
            store.close()
        self.folder.cleanup()


AgainstMemory.TestCase.settings = settings(max_examples=60, stateful_step_count=50, deadline=None)
TestFolderAgainstMemory = AgainstMemory.TestCase
