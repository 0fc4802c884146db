"""What is sent again, when, and what is not."""

import threading

import pytest
from tests.framequeue.working import TIMEOUT_S, Troubled, ended, frame, hand_over, until, working

from sightline.errors import BusError, ConfigError
from sightline.framequeue.queues.limits import QueueLimits
from sightline.framequeue.queues.memory import MemoryQueue
from sightline.framequeue.store import Swept
from sightline.framequeue.stores.memory import MemoryStore
from sightline.framequeue.sweeping import Sweeper, SweepStats
from sightline.framequeue.work.worker import Worker
from sightline.testing import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def store(clock: ManualClock) -> MemoryStore:
    return MemoryStore(clock=clock)


@pytest.fixture
def queue(clock: ManualClock) -> MemoryQueue:
    return MemoryQueue(clock=clock)


def test_a_picture_that_was_never_announced_is(
    store: MemoryStore, queue: MemoryQueue, clock: ManualClock
) -> None:
    store.put([frame(0), frame(1)], None)
    sweeper = Sweeper(store, queue, overdue_s=60)
    assert sweeper.sweep() == SweepStats(rounds=1)
    clock.move(60)
    assert sweeper.sweep() == SweepStats(rounds=1, sent=2)
    assert [delivery.text for delivery in queue.receive(9, 0)] == [str(frame(n)[0]) for n in (0, 1)]
    assert sweeper.sweep() == SweepStats(rounds=1)
    assert sweeper.stats() == SweepStats(rounds=3, sent=2)


def test_of_two_sweepers_one_sends_a_key(store: MemoryStore, queue: MemoryQueue, clock: ManualClock) -> None:
    store.put([frame(n) for n in range(10)], None)
    clock.move(60)
    sweepers = [Sweeper(store, queue, overdue_s=60) for _ in range(2)]
    assert [sweeper.sweep().sent for sweeper in sweepers] == [10, 0]


def test_what_is_in_hand_is_not_sent_and_a_lease_that_ran_out_is(
    store: MemoryStore, queue: MemoryQueue, clock: ManualClock
) -> None:
    store.put([frame(0)], None)
    store.claim(frame(0)[0], "dies", 100)
    sweeper = Sweeper(store, queue, overdue_s=60)
    clock.move(99)
    assert sweeper.sweep() == SweepStats(rounds=1)
    clock.move(61)
    assert sweeper.sweep() == SweepStats(rounds=1, sent=1, leases=1)


def test_nothing_is_sent_again_while_more_keys_wait_than_would_be(
    store: MemoryStore, queue: MemoryQueue, clock: ManualClock
) -> None:
    hand_over(store, queue, *(frame(n) for n in range(3)))
    clock.move(60)
    assert Sweeper(store, queue, overdue_s=60, most=2).sweep().sent == 0
    queue.receive(1, 0)
    assert Sweeper(store, queue, overdue_s=60, most=2).sweep().sent == 2


def test_a_dead_letter_is_not_sent_again(store: MemoryStore, queue: MemoryQueue, clock: ManualClock) -> None:
    hand_over(store, queue, frame(0, data=b"poison"))
    worker = Worker(store, queue)
    worker.on_frame(lambda _taken: None)
    with working(worker):
        ended(worker, 1)
    clock.move(600)
    assert Sweeper(store, queue, overdue_s=60).sweep() == SweepStats(rounds=1)
    assert store.usage().total.frames == 1


def test_what_the_queue_does_not_take_is_overdue_again(store: MemoryStore, clock: ManualClock) -> None:
    queue = MemoryQueue(limits=QueueLimits(max_keys=1), clock=clock)
    store.put([frame(0), frame(1)], None)
    clock.move(60)
    sweeper = Sweeper(store, queue, overdue_s=60)
    assert sweeper.sweep() == SweepStats(rounds=1, sent=1, unsent=1)
    queue.ack(queue.receive(1, 0)[0])
    clock.move(60)
    assert sweeper.sweep().sent == 1


def test_old_pictures_and_orphans_are_counted(
    store: MemoryStore, queue: MemoryQueue, clock: ManualClock
) -> None:
    store.put([frame(0)], 10)
    store.put([frame(1)], None)
    clock.move(30)
    sweeper = Sweeper(store, queue, orphan_age_s=20)
    assert sweeper.sweep() == SweepStats(rounds=1, expired=1, orphans=1)


def test_a_round_that_fails_is_told_and_counted(
    store: MemoryStore, queue: MemoryQueue, clock: ManualClock
) -> None:
    store.put([frame(0)], 10)
    clock.move(30)
    sweeper = Sweeper(store, Troubled(queue, depth=1))
    with pytest.raises(BusError, match="away"):
        sweeper.sweep()
    assert sweeper.stats() == SweepStats(failed=1, expired=1)


def test_it_sweeps_by_itself_whatever_happens(clock: ManualClock) -> None:
    store, queue = MemoryStore(), MemoryQueue()
    store.put([frame(0)], None)
    with Sweeper(Troubled(store, sweep=2), queue, overdue_s=0.05, every_s=0.01) as sweeper:
        until(lambda: sweeper.stats().sent, "a key to be sent")
        sweeper.start()
    sweeper.close()
    assert sweeper.stats().failed == 2
    assert queue.receive(1, TIMEOUT_S)


def test_a_store_that_hangs_does_not_hold_up_the_end(
    store: MemoryStore, queue: MemoryQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sightline.framequeue.sweeping._LAST_S", 0.1)
    asked, go_on = threading.Event(), threading.Event()

    class Hanging(Troubled):
        def sweep(self, orphan_age_s: float | None = None) -> Swept:
            asked.set()
            go_on.wait(TIMEOUT_S)
            return store.sweep(orphan_age_s)

    sweeper = Sweeper(Hanging(store), queue, every_s=0.01)
    sweeper.start()
    assert asked.wait(TIMEOUT_S)
    sweeper.close()
    assert not go_on.is_set()
    go_on.set()
    until(lambda: not any("frames-sweep" in thread.name for thread in threading.enumerate()), "the end")


@pytest.mark.parametrize("settings", [{"overdue_s": 0}, {"every_s": 0}, {"most": 0}])
def test_settings_that_are_none_are_refused(
    store: MemoryStore, queue: MemoryQueue, settings: dict[str, int]
) -> None:
    with pytest.raises(ConfigError, match="expected"):
        Sweeper(store, queue, **settings)
