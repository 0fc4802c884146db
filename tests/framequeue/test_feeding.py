"""Pictures on their way into a store and a queue; both may be full or away."""

import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.framequeue.working import TIMEOUT_S, Troubled, frame, until

from sightline.errors import BusError, ConfigError
from sightline.framequeue.feeding import FrameFeed
from sightline.framequeue.feeding_line import CameraFeed, Drop, FeedLine, Item, WhenLineFull
from sightline.framequeue.queue import Outcome, Sent
from sightline.framequeue.queues.limits import QueueLimits
from sightline.framequeue.queues.memory import MemoryQueue
from sightline.framequeue.stores.memory import MemoryStore

SIZE = len(frame()[1])


@pytest.fixture
def store() -> Iterator[MemoryStore]:
    with MemoryStore() as store:
        yield store


@pytest.fixture
def queue() -> Iterator[MemoryQueue]:
    with MemoryQueue() as queue:
        yield queue


class Counted(Troubled):
    """A store or a queue that notes how many pictures or keys each trip has."""

    def __init__(self, kept: Any, method: str) -> None:
        super().__init__(kept)
        self._method = method
        self.trips: list[int] = []
        self.opened = threading.Event()
        self.opened.set()

    def __getattr__(self, name: str) -> Any:
        return self._trip if name == self._method else super().__getattr__(name)

    def _trip(self, many: list[Any], *arguments: Any) -> Any:
        self.trips.append(len(many))
        self.opened.wait(TIMEOUT_S)
        return getattr(self._kept, self._method)(many, *arguments)


def test_pictures_are_stored_and_their_keys_sent(store: MemoryStore, queue: MemoryQueue) -> None:
    frames = [frame(n, camera_id) for n in range(3) for camera_id in ("gate", "yard")]
    with FrameFeed(store, queue) as feed:
        assert all(feed.offer(*each) for each in frames)
        assert feed.flush(TIMEOUT_S)
        stats = feed.stats()
    assert [delivery.text for delivery in queue.receive(10, 0)] == [str(key) for key, _ in frames]
    assert all(store.peek(key) == data for key, data in frames)
    expected = CameraFeed(offered=3, sent=3, bytes=3 * SIZE)
    assert stats.cameras == {"gate": expected, "yard": expected}
    assert stats.total == CameraFeed(offered=6, sent=6, bytes=6 * SIZE)


def test_many_cameras_share_a_trip(store: MemoryStore, queue: MemoryQueue) -> None:
    slow, keys = Counted(store, "put"), Counted(queue, "send")
    slow.opened.clear()
    with FrameFeed(slow, keys, batch=8) as feed:
        feed.offer(*frame(0))
        until(lambda: slow.trips, "the first trip")
        for n in range(16):
            feed.offer(*frame(1, f"camera {n}"))
        slow.opened.set()
        assert feed.flush(TIMEOUT_S)
    assert slow.trips == keys.trips == [1, 8, 8]


@pytest.mark.parametrize(
    ("when_full", "kept"), [("drop_oldest", [0, 3, 4]), ("drop_newest", [0, 1, 2]), ("wait", [0, 1, 2])]
)
def test_what_there_is_no_room_for_is_dropped_as_is_said(
    store: MemoryStore, queue: MemoryQueue, when_full: str, kept: list[int]
) -> None:
    slow = Counted(store, "put")
    slow.opened.clear()
    with FrameFeed(slow, queue, when_full, wait_s=0.05, capacity=2) as feed:
        feed.offer(*frame(0))
        until(lambda: slow.trips, "the first trip")
        taken = [feed.offer(*frame(n)) for n in (1, 2, 3, 4)]
        assert taken == [True, True, *[when_full == "drop_oldest"] * 2]
        slow.opened.set()
        assert feed.flush(TIMEOUT_S)
        assert feed.stats().cameras["gate"].dropped == {"overflow": 2}
    assert [delivery.text for delivery in queue.receive(9, 0)] == [str(frame(n)[0]) for n in kept]


@pytest.mark.parametrize(
    ("when_full", "kept"), [("drop_oldest", [0, 2, 3]), ("drop_newest", [0, 1, 2]), ("wait", [0, 1, 2])]
)
def test_large_pictures_that_wait_are_bounded_in_bytes(
    store: MemoryStore, queue: MemoryQueue, when_full: str, kept: list[int]
) -> None:
    """The first goes at once; then there is room for what is less than 100 bytes, and one more."""
    slow = Counted(store, "put")
    slow.opened.clear()
    frames = [frame(n, data=bytes(size)) for n, size in enumerate((10, 50, 60, 200, 10))]
    with FrameFeed(slow, queue, when_full, wait_s=0.05, capacity_bytes=100) as feed:
        feed.offer(*frames[0])
        until(lambda: slow.trips, "the first trip")
        for one in frames[1:4]:
            feed.offer(*one)
        slow.opened.set()
        assert feed.flush(TIMEOUT_S)
        assert feed.offer(*frames[4])
        assert feed.flush(TIMEOUT_S)
        assert feed.stats().total.balanced
    assert [delivery.text for delivery in queue.receive(9, 0)] == [str(frames[n][0]) for n in [*kept, 4]]


def test_whoever_waits_goes_on_when_there_is_room(store: MemoryStore, queue: MemoryQueue) -> None:
    slow = Counted(store, "put")
    slow.opened.clear()
    with FrameFeed(slow, queue, wait_s=TIMEOUT_S, capacity=1) as feed:
        feed.offer(*frame(0))
        until(lambda: slow.trips, "the first trip")
        feed.offer(*frame(1))
        answers: list[bool] = []
        waiting = threading.Thread(target=lambda: answers.append(feed.offer(*frame(2))))
        waiting.start()
        waiting.join(0.1)
        assert not answers
        slow.opened.set()
        waiting.join(TIMEOUT_S)
        assert answers == [True]
        assert feed.flush(TIMEOUT_S)
    assert feed.stats().total == CameraFeed(offered=3, sent=3, bytes=3 * SIZE)


def test_a_full_queue_is_tried_again(store: MemoryStore) -> None:
    queue = MemoryQueue(limits=QueueLimits(max_keys=1))
    with FrameFeed(store, queue, wait_s=TIMEOUT_S) as feed:
        feed.offer(*frame(0))
        feed.offer(*frame(1))
        until(lambda: feed.stats().retried, "it to be tried again")
        queue.ack(queue.receive(1, 0)[0])
        assert feed.flush(TIMEOUT_S)
    assert feed.stats().total == CameraFeed(offered=2, sent=2, bytes=2 * SIZE)


def test_a_picture_whose_key_is_not_taken_is_deleted(store: MemoryStore) -> None:
    queue = MemoryQueue(limits=QueueLimits(max_keys=1))
    with FrameFeed(store, queue, wait_s=0) as feed:
        for n in range(3):
            feed.offer(*frame(n))
        assert feed.flush(TIMEOUT_S)
        stats = feed.stats().total
    assert stats == CameraFeed(offered=3, sent=1, dropped={"queue_full": 2}, bytes=SIZE)
    assert store.usage().total.frames == 1
    assert store.usage().total.deleted == 2


def test_a_queue_that_is_not_there_is_told_at_once(store: MemoryStore, queue: MemoryQueue) -> None:
    class Nowhere(Troubled):
        def send(self, texts: Sequence[str]) -> list[Sent]:
            return [Sent(text, Outcome.UNROUTABLE) for text in texts]

    with FrameFeed(store, Nowhere(queue), wait_s=TIMEOUT_S) as feed:
        feed.offer(*frame(0))
        assert feed.flush(TIMEOUT_S)
        assert feed.stats().total.dropped == {"unroutable": 1}
    assert store.usage().total.frames == 0


def test_what_the_store_refuses_is_counted_by_its_reason(queue: MemoryQueue) -> None:
    store = MemoryStore(limit_bytes=SIZE)
    done, _ = frame(0)
    store.put([frame(0)], None)
    answer: Any = store.claim(done, "w", 60)
    store.finish(answer.claim)
    with FrameFeed(store, queue, wait_s=0) as feed:
        feed.offer(*frame(0))
        feed.offer(*frame(1, data=bytes(SIZE + 1)))
        feed.offer(frame(2)[0], b"short")
        feed.offer(*frame(3))
        assert feed.flush(TIMEOUT_S)
        store.claim(frame(3)[0], "w", 60)
        feed.offer(*frame(4))
        assert feed.flush(TIMEOUT_S)
        assert feed.stats().total.dropped == {"done": 1, "too_large": 1, "invalid": 1, "store_full": 1}
    assert len(queue.receive(9, 0)) == 1


@pytest.mark.parametrize("method", ["put", "send"])
def test_what_is_away_for_a_moment_is_tried_again(
    store: MemoryStore, queue: MemoryQueue, method: str
) -> None:
    kept, keys = (Troubled(one, **{method: 2}) for one in (store, queue))
    with FrameFeed(kept, keys, wait_s=TIMEOUT_S) as feed:
        feed.offer(*frame(0))
        assert feed.flush(TIMEOUT_S)
    assert feed.stats().total == CameraFeed(offered=1, sent=1, bytes=SIZE)
    assert feed.stats().retried == 2
    assert len(queue.receive(9, 0)) == 1


@pytest.mark.parametrize(("method", "deleted"), [("put", 0), ("send", 1)])
@pytest.mark.parametrize(
    ("error", "why"), [(BusError("away"), "unreachable"), (ZeroDivisionError(), "failed")]
)
def test_nothing_is_ever_raised_into_the_loop_that_offers(
    store: MemoryStore, queue: MemoryQueue, method: str, deleted: int, error: Exception, why: str
) -> None:
    kept, keys = (Troubled(one, **{method: 10**9}) for one in (store, queue))
    kept.error = keys.error = error
    with FrameFeed(kept, keys, wait_s=0) as feed:
        for n in range(3):
            assert feed.offer(*frame(n))
        assert feed.flush(TIMEOUT_S)
        assert feed.stats().total.dropped == {why: 3}
        assert store.usage().total.deleted == 3 * deleted
        kept.away.clear()
        keys.away.clear()
        assert feed.offer(*frame(9))
        assert feed.flush(TIMEOUT_S)
    assert feed.stats().total.sent == 1


def test_a_feed_that_is_closed_hands_over_what_it_has_and_takes_no_more(
    store: MemoryStore, queue: MemoryQueue
) -> None:
    feed = FrameFeed(store, queue)
    for n in range(50):
        feed.offer(*frame(n))
    feed.close(TIMEOUT_S)
    feed.close()
    assert not feed.offer(*frame(99))
    assert feed.stats().total == CameraFeed(offered=51, sent=50, dropped={"closed": 1}, bytes=50 * SIZE)


def test_a_feed_that_is_closed_drops_what_cannot_go(store: MemoryStore, queue: MemoryQueue) -> None:
    away = Troubled(queue, send=10**9)
    feed = FrameFeed(store, away, wait_s=3600, batch=1)
    for n in range(3):
        feed.offer(*frame(n))
    until(lambda: feed.stats().retried, "a first try")
    feed.close(0.05)
    assert feed.stats().total == CameraFeed(offered=3, dropped={"unreachable": 1, "closed": 2})
    assert store.usage().total.frames == 0


def test_whoever_waits_in_a_feed_that_is_closed_goes_on(store: MemoryStore, queue: MemoryQueue) -> None:
    away = Troubled(queue, send=10**9)
    feed = FrameFeed(store, away, wait_s=3600, batch=1, capacity=1)
    feed.offer(*frame(0))
    until(lambda: feed.stats().retried, "a first try")
    feed.offer(*frame(1))
    answers: list[bool] = []
    waiting = threading.Thread(target=lambda: answers.append(feed.offer(*frame(2))))
    waiting.start()
    feed.close(0.0)
    waiting.join(TIMEOUT_S)
    assert answers == [False]
    assert feed.stats().total.balanced


class _Steps:
    """What may happen to a line."""

    def __init__(self, line: FeedLine) -> None:
        self.line, self.taken, self.now_s = line, list[Item](), time.monotonic()

    def step(self, what: str, n: int) -> None:
        match what:
            case "offer":
                self.line.offer(*frame(n, f"camera {n % 3}"), self.now_s)
            case "invalid":
                self.line.offer(frame(n)[0], b"", self.now_s)
            case "take":
                self.taken += self.line.take(n)
            case "sent":
                self.line.sent(self.taken[:n])
                del self.taken[:n]
            case "drop":
                self.line.drop(self.taken[:n], Drop.QUEUE_FULL)
                del self.taken[:n]


@given(
    st.integers(1, 3),
    st.sampled_from(WhenLineFull),
    st.lists(
        st.tuples(
            st.sampled_from(["offer", "offer", "offer", "invalid", "take", "sent", "drop"]), st.integers(0, 5)
        ),
        max_size=40,
    ),
)
def test_counts_of_each_camera_add_up_at_any_moment(
    capacity: int, when_full: WhenLineFull, history: list[tuple[str, int]]
) -> None:
    steps = _Steps(FeedLine(capacity, when_full, 2 * SIZE))
    for what, n in history:
        steps.step(what, n)
        stats = steps.line.stats()
        assert all(one.balanced and one.held >= 0 for one in stats.cameras.values())
        assert stats.total.held == steps.line.held == len(steps.line) + len(steps.taken)
        assert len(steps.line) <= capacity
    offers = sum(what in {"offer", "invalid"} for what, _ in history)
    assert steps.line.stats().total.offered == offers


@pytest.mark.parametrize(
    "settings",
    [
        {"when_full": "explode"},
        {"capacity": 0},
        {"capacity_bytes": 0},
        {"batch": 0},
        {"wait_s": -1},
        {"ttl_s": 0},
    ],
)
def test_settings_that_are_none_are_refused(
    store: MemoryStore, queue: MemoryQueue, settings: dict[str, Any]
) -> None:
    with pytest.raises(ConfigError, match="expected"):
        FrameFeed(store, queue, **settings)
