"""A worker on a store and a queue in memory: what handlers do, and what becomes of their pictures."""

import asyncio
import logging
import signal
import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from tests.framequeue.working import (
    IMAGE,
    LONG_S,
    TIMEOUT_S,
    Troubled,
    ended,
    frame,
    hand_over,
    until,
    working,
)

from sightline.errors import Closed, ConfigError
from sightline.framequeue.key import FrameKey
from sightline.framequeue.queue import Delivery
from sightline.framequeue.queues.memory import MemoryQueue
from sightline.framequeue.store import Busy, Claim, Claimed, Done, Gone, Taking
from sightline.framequeue.stores.memory import MemoryStore
from sightline.framequeue.work.call import FunctionCall, TimeLimitExceeded
from sightline.framequeue.work.hand import TakenFrame
from sightline.framequeue.work.jobs import Jobs
from sightline.framequeue.work.timing import Limits, Timing
from sightline.framequeue.work.verdicts import Ending
from sightline.framequeue.work.worker import HARD_LIMIT_EXIT, Worker
from sightline.result import Result
from sightline.wire import result_from_json

QUICK: dict[str, Any] = {"retry_s": 0.01, "stop_s": TIMEOUT_S}


@pytest.fixture
def store() -> Iterator[MemoryStore]:
    with MemoryStore() as store:
        yield store


@pytest.fixture
def queue() -> Iterator[MemoryQueue]:
    with MemoryQueue() as queue:
        yield queue


def claimed_when_free(store: MemoryStore, key: FrameKey) -> Claimed:
    answers: list[Claimed] = []

    def claimed() -> bool:
        answer = store.claim(key, "w2", LONG_S)
        answers.extend([answer] if isinstance(answer, Claimed) else [])
        return bool(answers)

    until(claimed, "the lease to end")
    return answers[0]


def test_a_picture_is_handled_and_its_result_kept(store: MemoryStore, queue: MemoryQueue) -> None:
    keys = hand_over(store, queue, *(frame(n) for n in range(5)))
    worker, seen = Worker(store, queue, concurrency=2, **QUICK), []

    @worker.on_frame
    def see(taken: TakenFrame) -> str:
        seen.append(taken)
        return f"picture {taken.key.index}"

    with working(worker):
        assert ended(worker, 5) == {"processed": 5}
    assert sorted(taken.key for taken in seen) == keys
    assert all(np.array_equal(taken.image, IMAGE) and taken.data == frame()[1] for taken in seen)
    assert {(taken.attempt, taken.redelivered) for taken in seen} == {(1, False)}
    assert [store.claim(key, "w", LONG_S) for key in keys] == [Done(b"picture %d" % n) for n in range(5)]
    assert store.usage().total.frames == 0
    assert (queue.depth().acked, queue.depth().in_hand) == (5, 0)
    stats = worker.stats()
    assert (stats.handled, stats.working, stats.unsettled) == (5, 0, 0)
    assert 0 < stats.longest_s <= stats.handled_s


def test_coroutines_are_handled_side_by_side(store: MemoryStore, queue: MemoryQueue) -> None:
    keys = hand_over(store, queue, *(frame(n) for n in range(3)))
    worker = Worker(store, queue, concurrency=3, **QUICK)
    together, all_began = list[TakenFrame](), asyncio.Event()

    @worker.on_frame
    async def see(taken: TakenFrame) -> bytes:
        together.append(taken)
        if len(together) == 3:
            all_began.set()
        await all_began.wait()
        return b"seen"

    with working(worker):
        assert ended(worker, 3) == {"processed": 3}
    assert [store.claim(key, "w", LONG_S) for key in keys] == [Done(b"seen")] * 3


def test_a_handler_may_return_a_result(store: MemoryStore, queue: MemoryQueue) -> None:
    [key] = hand_over(store, queue, frame())
    result = Result(
        camera_id="gate",
        epoch=1,
        index=2,
        pts=None,
        time_base=Fraction(1, 90000),
        captured_at_ns=3,
        captured_at_source="arrival",
        width=16,
        height=8,
        model="m",
        model_version="1",
        decoded_at_ns=4,
        inferred_at_ns=5,
    )
    worker = Worker(store, queue, **QUICK)
    worker.on_frame(lambda _taken: result)
    with working(worker):
        ended(worker, 1)
    answer = store.claim(key, "w", LONG_S)
    assert isinstance(answer, Done)
    assert result_from_json(answer.result) == result


@pytest.mark.parametrize("outcome", [7, bytes(2**20 + 1)])
def test_what_is_no_result_is_a_failure(store: MemoryStore, queue: MemoryQueue, outcome: Any) -> None:
    hand_over(store, queue, frame())
    worker = Worker(store, queue, max_attempts=1, **QUICK)
    worker.on_frame(lambda _taken: outcome)
    with working(worker):
        assert ended(worker, 1) == {"dead_failed": 1}
    assert "expected" in queue.dead_letters()[0].reason


def test_what_fails_is_tried_again_and_marked_and_then_dead(store: MemoryStore, queue: MemoryQueue) -> None:
    [key] = hand_over(store, queue, frame())
    worker, seen = Worker(store, queue, max_attempts=3, **QUICK), []

    @worker.on_frame
    def fail(taken: TakenFrame) -> None:
        seen.append((taken.attempt, taken.redelivered))
        raise ValueError("no wheels, password=hunter22")

    with working(worker):
        assert ended(worker, 3) == {"failed": 2, "dead_failed": 1}
    assert seen == [(1, False), (2, True), (3, True)]
    [letter] = queue.dead_letters()
    assert (letter.text, letter.reason) == (str(key), "ValueError: no wheels, password=***")
    assert store.peek(key) is not None


def test_a_dead_letter_that_is_tried_again_begins_anew(store: MemoryStore, queue: MemoryQueue) -> None:
    hand_over(store, queue, frame())
    mended = threading.Event()
    worker = Worker(store, queue, max_attempts=2, **QUICK)

    @worker.on_frame
    def work(_taken: TakenFrame) -> None:
        if not mended.is_set():
            raise ValueError("no wheels")

    with working(worker):
        ended(worker, 2)
        mended.set()
        assert queue.dead_retry() == 1
        assert ended(worker, 3) == {"failed": 1, "dead_failed": 1, "processed": 1}
    assert queue.depth().dead == 0


def test_what_is_no_picture_is_dead_at_once(store: MemoryStore, queue: MemoryQueue) -> None:
    _, png = frame()
    hand_over(store, queue, frame(0, data=b"poison"), frame(1, data=png[:-1] + b"\0"), frame(2))
    worker, seen = Worker(store, queue, **QUICK), []
    worker.on_frame(lambda taken: seen.append(taken.key.index))
    with working(worker):
        assert ended(worker, 3) == {"dead_undecodable": 2, "processed": 1}
    assert seen == [2]
    assert all("whole png" in letter.reason for letter in queue.dead_letters())


def test_a_text_that_is_no_key_is_dead_at_once(store: MemoryStore, queue: MemoryQueue) -> None:
    queue.send(["not a key"])
    worker = Worker(store, queue, **QUICK)
    worker.on_frame(lambda _taken: None)
    with working(worker):
        assert ended(worker, 1) == {"dead_unreadable": 1}
    assert "expected a frame's key" in queue.dead_letters()[0].reason


def test_what_is_gone_or_done_is_acknowledged_and_counted(store: MemoryStore, queue: MemoryQueue) -> None:
    gone, twice = hand_over(store, queue, frame(0), frame(1))
    store.delete([gone])
    queue.send([str(twice)])
    worker, seen = Worker(store, queue, **QUICK), []
    worker.on_frame(lambda taken: seen.append(taken.key))
    with working(worker):
        assert ended(worker, 3) == {"gone": 1, "processed": 1, "repeated": 1}
    assert seen == [twice]
    assert queue.depth().acked == 3


def test_two_workers_never_have_one_key(store: MemoryStore, queue: MemoryQueue) -> None:
    """Each key is in the queue four times; who comes second waits, and finds it done."""
    frames = [frame(n) for n in range(20)]
    store.put(frames, None)
    queue.send([str(key) for key, _ in frames] * 4)
    lock, inside, seen = threading.Lock(), set[int](), list[int]()
    workers = [Worker(store, queue, concurrency=2, lease_s=2.0, **QUICK) for _ in range(3)]

    def see(taken: TakenFrame) -> None:
        with lock:
            assert taken.key.index not in inside
            inside.add(taken.key.index)
            seen.append(taken.key.index)
        time.sleep(0.005)
        with lock:
            inside.remove(taken.key.index)

    for worker in workers:
        worker.on_frame(see)
    with working(workers[0]), working(workers[1]), working(workers[2]):
        until(lambda: queue.depth().acked == 80, f"80 keys: {queue.depth()}")
    assert sorted(seen) == list(range(20))
    endings = [worker.stats().endings for worker in workers]
    assert sum(each.get("processed", 0) for each in endings) == 20
    assert sum(each.get("repeated", 0) for each in endings) == 60
    assert not any("failed" in each for each in endings)


def test_a_lease_is_extended_while_its_handler_runs(store: MemoryStore, queue: MemoryQueue) -> None:
    class Extended(Troubled):
        def extend(self, claim: Claim, lease_s: float) -> bool:
            extended.append(store.extend(claim, lease_s))
            return extended[-1]

    [key] = hand_over(store, queue, frame())
    extended, go_on = list[bool](), threading.Event()
    worker = Worker(Extended(store), queue, lease_s=1.5, **QUICK)
    worker.on_frame(lambda _taken: bytes(go_on.wait(TIMEOUT_S)))
    with working(worker):
        until(lambda: len(extended) >= 4, "more than a lease to pass")
        assert isinstance(store.claim(key, "w2", LONG_S), Busy)
        go_on.set()
        assert ended(worker, 1) == {"processed": 1}
    assert all(extended)


def test_who_lost_its_lease_is_late(store: MemoryStore, queue: MemoryQueue) -> None:
    """The store is out of reach for longer than a lease; another worker has the picture meanwhile."""
    [key] = hand_over(store, queue, frame())
    worker = Worker(Troubled(store, extend=10**9), queue, lease_s=0.05, **QUICK)

    @worker.on_frame
    def work(_taken: TakenFrame) -> bytes:
        answer = claimed_when_free(store, key)
        assert store.finish(answer.claim, b"of another")
        return b"late"

    with working(worker):
        assert ended(worker, 1) == {"late": 1}
    assert store.claim(key, "w3", LONG_S) == Done(b"of another")
    assert queue.depth().acked == 1


def test_a_store_that_hangs_holds_up_no_time_limit(store: MemoryStore, queue: MemoryQueue) -> None:
    class Hanging(Troubled):
        def extend(self, _claim: Claim, _lease_s: float) -> bool:
            asked.set()
            return go_on.wait(TIMEOUT_S)

    hand_over(store, queue, frame(0), frame(1))
    asked, go_on = threading.Event(), threading.Event()
    worker = Worker(
        Hanging(store), queue, concurrency=2, lease_s=0.2, time_limit_s=0.5, max_attempts=1, **QUICK
    )

    @worker.on_frame
    def hang(_taken: TakenFrame) -> None:
        while True:
            time.sleep(0.001)

    with working(worker):
        assert asked.wait(TIMEOUT_S)
        assert ended(worker, 2).keys() <= {"dead_timed_out", "late"}
        assert not go_on.is_set()
        go_on.set()


def test_a_lease_that_cannot_be_extended_is_counted(store: MemoryStore, queue: MemoryQueue) -> None:
    [key] = hand_over(store, queue, frame())
    held_up = Troubled(store, extend=10**9)
    worker = Worker(held_up, queue, lease_s=0.3, **QUICK)

    @worker.on_frame
    def work(_taken: TakenFrame) -> None:
        answer = claimed_when_free(store, key)
        held_up.away.clear()
        until(lambda: worker.stats().lost_leases, "the loss to be seen")
        store.give_back(answer.claim)

    with working(worker):
        assert ended(worker, 1) == {"late": 1}


def test_a_function_that_takes_too_long_is_interrupted(store: MemoryStore, queue: MemoryQueue) -> None:
    hand_over(store, queue, frame())
    worker, raised = Worker(store, queue, time_limit_s=0.1, max_attempts=2, **QUICK), []

    @worker.on_frame
    def hang(_taken: TakenFrame) -> None:
        try:
            while True:
                time.sleep(0.001)
        except TimeLimitExceeded as error:
            raised.append(error)
            raise

    with working(worker):
        assert ended(worker, 2) == {"timed_out": 1, "dead_timed_out": 1}
    assert len(raised) == 2
    assert queue.dead_letters()[0].reason == "its handler ran longer than 0.1 s"


def test_a_coroutine_that_takes_too_long_is_cancelled(store: MemoryStore, queue: MemoryQueue) -> None:
    hand_over(store, queue, frame())
    worker = Worker(store, queue, time_limit_s=0.1, max_attempts=1, **QUICK)

    @worker.on_frame
    async def hang(_taken: TakenFrame) -> None:
        await asyncio.Event().wait()

    with working(worker):
        assert ended(worker, 1) == {"dead_timed_out": 1}


def test_a_handler_that_cannot_be_interrupted_loses_its_picture_and_ends_its_process(
    store: MemoryStore, queue: MemoryQueue, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("sightline.framequeue.work.worker.GRACE_S", 0.1)
    first, _ = hand_over(store, queue, frame(0), frame(1))
    codes: list[int] = []
    worker = Worker(
        store,
        queue,
        concurrency=2,
        time_limit_s=0.1,
        hard_limit_s=0.6,
        end_process=codes.append,
        retry_s=60,
        stop_s=TIMEOUT_S,
    )
    let_go = threading.Event()

    @worker.on_frame
    def hang(taken: TakenFrame) -> None:
        if taken.key == first:
            let_go.wait(TIMEOUT_S)  # one step of Python, however long

    with caplog.at_level(logging.CRITICAL), worker:
        until(lambda: worker.stats().endings.get("timed_out"), "it to be given up")
        assert worker.stats().stuck == 1
        assert worker.stats().balanced
        until(lambda: codes, "the process to end")
        let_go.set()
    assert codes == [HARD_LIMIT_EXIT]
    assert "beyond its hard limit" in caplog.text
    answer = store.claim(first, "w2", LONG_S)
    assert isinstance(answer, Claimed)
    assert (answer.claim.attempt, answer.claim.last_reason) == (2, "its handler ran longer than 0.1 s")


def test_a_handler_that_was_given_up_takes_up_room_until_it_ends() -> None:
    jobs, limits = Jobs(), Limits()
    [job] = jobs.begin([Delivery("key", redelivered=False, received_at_ns=0, tag=(1, 1))])
    assert jobs.call(job, FunctionCall(str, None), Timing(limits, 0.0), 0.0)
    assert jobs.take_over(job)
    assert not jobs.take_over(job)
    jobs.end(job, Ending.TIMED_OUT)
    assert (jobs.stats().held, jobs.stats().stuck, jobs.wait_for_room(3)) == (0, 1, 2)
    jobs.called(job, 1.0)
    assert (jobs.stats().stuck, jobs.wait_for_room(3)) == (0, 3)


def test_what_was_claimed_before_is_marked_although_its_key_is_new(
    store: MemoryStore, queue: MemoryQueue
) -> None:
    store.put([frame()], None)
    claim = claimed_when_free(store, frame()[0]).claim
    store.give_back(claim)
    queue.send([str(claim.key)])
    worker, seen = Worker(store, queue, **QUICK), []
    worker.on_frame(lambda taken: seen.append((taken.attempt, taken.redelivered)))
    with working(worker):
        ended(worker, 1)
    assert seen == [(2, True)]


def test_a_claim_that_comes_after_the_stop_is_given_back(store: MemoryStore, queue: MemoryQueue) -> None:
    class Slow(Troubled):
        def claim(self, key: FrameKey, worker: str, lease_s: float) -> Taking:
            asked.set()
            stopped.wait(TIMEOUT_S)
            answer = store.claim(key, worker, lease_s)
            answered.set()
            return answer

    hand_over(store, queue, frame())
    asked, stopped, answered = threading.Event(), threading.Event(), threading.Event()
    worker, seen = Worker(Slow(store), queue, lease_s=LONG_S, stop_s=0.1), list[TakenFrame]()
    other = Worker(store, queue, max_attempts=1, **QUICK)
    other.on_frame(lambda _taken: None)
    worker.on_frame(seen.append)
    with working(worker):
        assert asked.wait(TIMEOUT_S)
    stopped.set()
    assert answered.wait(TIMEOUT_S)
    until(lambda: not store.usage().claimed, "the claim to be given back")
    assert (queue.depth().ready, seen) == (1, [])
    with working(other):  # to stop is no reason to give a picture up
        assert ended(other, 1) == {"processed": 1}


def test_what_comes_while_it_stops_is_not_begun(store: MemoryStore, queue: MemoryQueue) -> None:
    class Late(Troubled):
        def receive(self, most: int, timeout_s: float) -> list[Delivery]:
            stopping.wait(TIMEOUT_S)
            return queue.receive(most, timeout_s)

    hand_over(store, queue, *(frame(n) for n in range(8)))
    stopping = threading.Event()
    worker, seen = Worker(store, Late(queue), concurrency=8, **QUICK), list[TakenFrame]()
    worker.on_frame(seen.append)
    with working(worker):
        stop = threading.Thread(target=worker.stop)
        stop.start()
        until(worker._stopping.is_set, "the stop")
        stopping.set()
        stop.join(TIMEOUT_S)
    assert worker.stats().endings == {"stopped": 8}
    assert (seen, queue.depth().ready) == ([], 8)


def test_pictures_taken_for_good_are_gone_with_their_failure(store: MemoryStore, queue: MemoryQueue) -> None:
    hand_over(store, queue, frame(0), frame(1))
    worker = Worker(store, queue, take="getdel", **QUICK)

    @worker.on_frame
    def work(taken: TakenFrame) -> None:
        if taken.key.index:
            raise ValueError("no wheels")

    with working(worker):
        assert ended(worker, 2) == {"processed": 1, "dead_failed": 1}
    assert (store.usage().total.taken, store.usage().marks) == (2, 0)
    assert worker.stats().balanced


def test_a_worker_that_stops_finishes_what_it_has_and_gives_the_rest_back(
    store: MemoryStore, queue: MemoryQueue
) -> None:
    keys = hand_over(store, queue, *(frame(n) for n in range(5)))
    worker, began, go_on = Worker(store, queue, prefetch=4, **QUICK), threading.Event(), threading.Event()

    @worker.on_frame
    def work(_taken: TakenFrame) -> bytes:
        began.set()
        go_on.wait(TIMEOUT_S)
        return b"done"

    with working(worker):
        assert began.wait(TIMEOUT_S)
        until(lambda: worker.stats().held == 4, "the prefetch")
        stopping = threading.Thread(target=worker.stop)
        stopping.start()
        until(lambda: worker.stats().endings.get("stopped") == 3, "three to be given back")
        go_on.set()
        stopping.join(TIMEOUT_S)
    assert worker.stats().endings == {"stopped": 3, "processed": 1}
    assert (queue.depth().ready, queue.depth().in_hand) == (4, 0)
    assert store.claim(keys[0], "w2", LONG_S) == Done(b"done")
    assert {d.redelivered for d in queue.receive(4, 0)} == {False, True}


@pytest.mark.parametrize("kind", ["function", "coroutine"])
def test_what_does_not_end_in_time_is_given_back(store: MemoryStore, queue: MemoryQueue, kind: str) -> None:
    [key] = hand_over(store, queue, frame())
    began, go_on, cancelled = threading.Event(), threading.Event(), threading.Event()
    worker = Worker(store, queue, stop_s=0.1, retry_s=0.01)

    def wait(_taken: TakenFrame) -> bytes:
        began.set()
        go_on.wait(TIMEOUT_S)
        return b"too late"

    async def hang(_taken: TakenFrame) -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    worker.on_frame(wait if kind == "function" else hang)
    with working(worker):
        assert began.wait(TIMEOUT_S)
    assert worker.stats().endings == {"stopped": 1}
    assert kind == "function" or cancelled.wait(TIMEOUT_S)
    answer = store.claim(key, "w2", LONG_S)
    assert isinstance(answer, Claimed)
    assert answer.claim.last_reason == "its worker stopped"
    go_on.set()
    until(lambda: not worker.stats().working, "the handler to end")
    assert isinstance(store.claim(key, "w3", LONG_S), Busy)
    assert queue.depth().ready == 1


def test_ctrl_c_stops_a_worker_that_runs(store: MemoryStore, queue: MemoryQueue) -> None:
    hand_over(store, queue, frame())
    worker, main = Worker(store, queue, **QUICK), threading.get_ident()

    @worker.on_frame
    def work(_taken: TakenFrame) -> None:
        signal.pthread_kill(main, signal.SIGINT)
        time.sleep(0.05)

    worker.run()
    assert worker.stats().endings == {"processed": 1}


@pytest.mark.parametrize("kind", ["function", "coroutine"])
def test_a_handler_may_stop_its_worker(store: MemoryStore, queue: MemoryQueue, kind: str) -> None:
    hand_over(store, queue, frame())
    worker = Worker(store, queue, **QUICK)

    async def stop_it(_taken: TakenFrame) -> None:
        worker.stop()

    worker.on_frame(stop_it if kind == "coroutine" else lambda _taken: worker.stop())
    worker.run()
    assert worker.stats().endings == {"processed": 1}


def test_a_store_that_is_away_has_the_key_come_again(store: MemoryStore, queue: MemoryQueue) -> None:
    hand_over(store, queue, frame())
    worker = Worker(Troubled(store, claim=1, finish=1), queue, lease_s=0.2, **QUICK)
    seen: list[tuple[int, bool]] = []
    worker.on_frame(lambda taken: seen.append((taken.attempt, taken.redelivered)))
    with working(worker):
        until(lambda: worker.stats().endings.get("processed"), "the key to be done")
    assert worker.stats().endings["away"] == 2
    assert seen == [(1, True), (2, True)]


def test_a_queue_that_is_away_is_asked_again(
    store: MemoryStore, queue: MemoryQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sightline.framequeue.work.worker._AGAIN_S", 0.01)
    hand_over(store, queue, frame())
    worker = Worker(store, Troubled(queue, receive=3, ack=1), **QUICK)
    worker.on_frame(lambda _taken: None)
    with working(worker):
        assert ended(worker, 1) == {"processed": 1}
    assert (worker.stats().queue_errors, worker.stats().unsettled) == (3, 1)


def test_a_store_that_breaks_in_any_way_ends_no_thread(store: MemoryStore, queue: MemoryQueue) -> None:
    hand_over(store, queue, frame())
    broken = Troubled(store, claim=2)
    broken.error = ZeroDivisionError()
    worker = Worker(broken, queue, **QUICK)
    worker.on_frame(lambda _taken: None)
    with working(worker):
        assert ended(worker, 3) == {"away": 2, "processed": 1}


def test_a_queue_that_is_closed_ends_the_run(store: MemoryStore, queue: MemoryQueue) -> None:
    worker = Worker(store, queue, **QUICK)
    worker.on_frame(lambda _taken: None)
    queue.close()
    with pytest.raises(Closed):
        worker.run()


def test_no_more_are_in_hand_than_is_said(store: MemoryStore, queue: MemoryQueue) -> None:
    hand_over(store, queue, *(frame(n) for n in range(10)))
    worker, most = Worker(store, queue, prefetch=3, **QUICK), []

    @worker.on_frame
    def work(_taken: TakenFrame) -> None:
        most.append(queue.depth().in_hand or 0)

    with working(worker):
        ended(worker, 10)
    assert 1 <= max(most) <= 3


def test_a_worker_has_one_handler_and_one_life(store: MemoryStore, queue: MemoryQueue) -> None:
    worker = Worker(store, queue)
    with pytest.raises(ConfigError, match="expected a handler"):
        worker.run()
    worker.on_frame(lambda _taken: None)
    with pytest.raises(ConfigError, match="one handler"):
        worker.on_frame(lambda _taken: None)
    with worker, pytest.raises(ConfigError, match="never begun"):
        worker.start()
    worker.stop()
    with pytest.raises(ConfigError, match="never begun"):
        worker.start()


@pytest.mark.parametrize(
    "settings",
    [
        {"concurrency": 0},
        {"concurrency": 2, "prefetch": 1},
        {"stop_s": 0},
        {"dead_ttl_s": -1},
        {"lease_s": 0},
        {"max_attempts": 0},
        {"take": "peek"},
        {"name": "a\nb"},
    ],
)
def test_settings_that_are_none_are_refused(
    store: MemoryStore, queue: MemoryQueue, settings: dict[str, Any]
) -> None:
    with pytest.raises(ConfigError, match="expected"):
        Worker(store, queue, **settings)


def test_what_is_not_in_the_store_is_gone_to_a_taker_as_well(store: MemoryStore, queue: MemoryQueue) -> None:
    [key] = hand_over(store, queue, frame())
    store.delete([key])
    worker = Worker(store, queue, take="getdel", **QUICK)
    worker.on_frame(lambda _taken: None)
    with working(worker):
        assert ended(worker, 1) == {"gone": 1}
    assert store.claim(key, "w", LONG_S) == Gone()
