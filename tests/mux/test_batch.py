"""Batches: at most one frame a camera, nobody held up by a dead camera, every frame counted."""

import threading
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline import Frame
from sightline.clock import NS_PER_MS, NS_PER_S, SystemClock
from sightline.errors import BufferFull, Closed
from sightline.mux import Batcher, BatchQueue, Failure

IMAGE = np.zeros((2, 2, 3), np.uint8)


def frame(camera_id: str, index: int) -> Frame:
    return Frame(
        camera_id=camera_id,
        epoch=1,
        index=index,
        pts=index,
        time_base=Fraction(1, 25),
        captured_at_ns=0,
        captured_at_source="arrival",
        decoded_at_ns=0,
        image=IMAGE,
    )


def batcher(
    *live: str, offline: tuple[str, ...] = (), max_batch: int | None = None
) -> Batcher[Frame | Failure]:
    made: Batcher[Frame | Failure] = Batcher(max_batch=max_batch, max_wait_s=0.02)
    for camera_id in live:
        made.add(camera_id, live=True)
    for camera_id in offline:
        made.add(camera_id, live=False)
    return made


def test_a_batch_is_due_when_every_awaited_camera_has_a_frame() -> None:
    machine = batcher("a", "b")
    machine.offer(frame("a", 0), 0)
    machine.offer(frame("b", 0), 0)
    machine.take(0)
    machine.offer(frame("a", 1), 5 * NS_PER_MS)
    assert machine.due_ns(5 * NS_PER_MS) == 25 * NS_PER_MS
    machine.offer(frame("b", 1), 9 * NS_PER_MS)
    assert machine.due_ns(9 * NS_PER_MS) == 9 * NS_PER_MS
    assert [f.camera_id for f in machine.take(9 * NS_PER_MS)] == ["a", "b"]


def test_a_camera_that_gave_nothing_for_a_second_is_not_awaited() -> None:
    machine = batcher("a", "b")
    machine.offer(frame("b", 0), 0)
    machine.take(0)
    later_ns = NS_PER_S + 1
    machine.offer(frame("a", 0), later_ns)
    assert machine.due_ns(later_ns) == later_ns


def test_a_frame_that_replaces_another_waits_no_longer_than_that_would_have() -> None:
    machine = batcher("fast", "slow")
    machine.offer(frame("slow", 0), 0)
    machine.take(0)
    for index in range(4):
        machine.offer(frame("fast", index), index * 6 * NS_PER_MS)
    assert machine.due_ns(18 * NS_PER_MS) == 20 * NS_PER_MS
    assert [f.index for f in machine.take(20 * NS_PER_MS)] == [3]
    machine.offer(frame("fast", 4), 24 * NS_PER_MS)
    assert machine.due_ns(24 * NS_PER_MS) == 44 * NS_PER_MS


def test_of_a_live_camera_only_the_newest_frame_waits() -> None:
    machine = batcher("a")
    for index in range(3):
        machine.offer(frame("a", index), index)
    assert [f.index for f in machine.take(3)] == [2]
    assert machine.stats("a").dropped == {"overflow": 2}


def test_frames_of_an_offline_camera_come_out_one_by_one_and_all() -> None:
    machine = batcher(offline=("a",))
    for index in range(3):
        machine.offer(frame("a", index), index)
    assert not machine.has_room("a")
    assert [machine.take(9)[0].index for _ in range(3)] == [0, 1, 2]
    assert machine.has_room("a")


def test_a_decoder_that_did_not_ask_for_room_is_told() -> None:
    machine = batcher(offline=("a",))
    for index in range(65):
        machine.offer(frame("a", index), index)
    with pytest.raises(BufferFull):
        machine.offer(frame("a", 65), 65)


def test_no_camera_is_left_out_for_long_when_batches_are_small() -> None:
    machine = batcher("a", "b", "c", max_batch=2)
    for at_ns, camera_id in enumerate("cab"):
        machine.offer(frame(camera_id, 0), at_ns)
    assert [f.camera_id for f in machine.take(3)] == ["c", "a"]
    machine.offer(frame("a", 1), 4)
    assert [f.camera_id for f in machine.take(5)] == ["b", "a"]


def test_a_failure_never_takes_the_place_of_a_frame_and_a_frame_takes_that_of_a_failure() -> None:
    machine = batcher("a")
    first, failure, second = frame("a", 0), Failure("a", 1, 1, "corrupt"), frame("a", 2)
    assert machine.offer(first, 0) == []
    assert machine.offer(failure, 1) == [failure]
    assert machine.offer(second, 2) == [first]
    assert machine.take(3) == [second]
    assert machine.offer(failure, 4) == []
    assert machine.offer(first, 5) == [failure]
    assert machine.stats("a").balanced
    assert machine.stats("a").refused == 1


def test_failures_of_an_offline_camera_keep_their_place_among_its_frames() -> None:
    machine = batcher(offline=("a",))
    given: list[Frame | Failure] = [frame("a", 0), Failure("a", 1, 1, "corrupt"), frame("a", 2)]
    for item in given:
        assert machine.offer(item, 0) == []
    assert [machine.take(0)[0] for _ in range(3)] == given


def test_a_camera_that_was_removed_gives_back_what_waited_and_is_not_awaited() -> None:
    machine = batcher("a", "b")
    for camera_id in "ab":
        machine.offer(frame(camera_id, 0), 0)
    machine.take(0)
    held, other = frame("a", 1), frame("b", 1)
    machine.offer(other, 1)
    assert machine.due_ns(1) == 1 + 20 * NS_PER_MS
    assert machine.remove("a") == []
    assert machine.due_ns(1) == 1
    assert machine.remove("b") == [other]
    assert machine.due_ns(1) is None
    assert machine.offer(held, 2) == [held]
    machine.add("a", live=True)
    assert machine.offer(held, 2) == []


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["add", "offline", "remove", "frame", "failure", "take"]), st.sampled_from("abc")
        ),
        max_size=60,
    )
)
def test_whatever_comes_and_goes_each_item_is_taken_or_given_back_once(events: list[tuple[str, str]]) -> None:
    machine = batcher()
    there: set[str] = set()
    offered, out = 0, []
    for event, camera_id in events:
        if event in {"add", "offline"} and camera_id not in there:
            machine.add(camera_id, live=event == "add")
            there.add(camera_id)
        elif event == "remove":
            out += machine.remove(camera_id)
            there.discard(camera_id)
        elif event == "take":
            batch = machine.take(offered)
            assert len({item.camera_id for item in batch}) == len(batch)
            out += batch
        elif event in {"frame", "failure"}:
            item = (
                frame(camera_id, offered) if event == "frame" else Failure(camera_id, 1, offered, "corrupt")
            )
            out += machine.offer(item, offered)
            offered += 1
    out += machine.discard()
    assert sorted(item.index for item in out) == list(range(offered))


@given(
    st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 40), st.booleans()), max_size=60),
    st.one_of(st.none(), st.integers(1, 3)),
)
def test_batches_hold_one_frame_a_camera_in_order_and_counts_add_up(
    events: list[tuple[str, int, bool]], max_batch: int | None
) -> None:
    machine = batcher("a", "b", "c", "d", max_batch=max_batch)
    now_ns = 0
    given_out: dict[str, list[int]] = {camera_id: [] for camera_id in "abcd"}
    for number, (camera_id, wait_ms, read) in enumerate(events):
        now_ns += wait_ms * NS_PER_MS
        machine.offer(frame(camera_id, number), now_ns)
        due_ns = machine.due_ns(now_ns)
        assert due_ns is not None
        assert due_ns <= now_ns + 20 * NS_PER_MS
        if read:
            batch = machine.take(now_ns)
            assert 1 <= len(batch) <= (max_batch or 4)
            assert len({f.camera_id for f in batch}) == len(batch)
            for taken in batch:
                given_out[taken.camera_id].append(taken.index)
        assert all(machine.stats(camera_id).balanced for camera_id in "abcd")
    assert all(indices == sorted(set(indices)) for indices in given_out.values())


def test_the_queue_hands_a_batch_to_a_waiting_thread_and_says_whose_it_was() -> None:
    told: list[list[str]] = []
    queue: BatchQueue[Frame] = BatchQueue(on_taken=told.append)
    queue.add("a", live=True)
    got: list[Frame] = []
    reader = threading.Thread(target=lambda: got.extend(queue.take(5)))
    reader.start()
    queue.put(frame("a", 7))
    reader.join(5)
    assert [f.index for f in got] == [7]
    assert told == [["a"]]


def test_the_queue_gives_an_empty_batch_when_time_is_up() -> None:
    queue: BatchQueue[Frame] = BatchQueue()
    queue.add("a", live=True)
    assert queue.take(0) == []


def test_a_reader_without_a_time_limit_waits_until_there_is_a_batch() -> None:
    queue: BatchQueue[Frame] = BatchQueue()
    queue.add("a", live=True)
    got: list[Frame] = []
    reader = threading.Thread(target=lambda: got.extend(queue.take(None)))
    reader.start()
    queue.put(frame("a", 7))
    reader.join(5)
    assert [f.index for f in got] == [7]


class Watched(SystemClock):
    """Tells that another thread than the test's own asks for the time, as one does that is about to wait."""

    def __init__(self) -> None:
        self.asked = threading.Event()

    def monotonic_ns(self) -> int:
        if threading.current_thread() is not threading.main_thread():
            self.asked.set()
        return super().monotonic_ns()


def test_a_camera_that_is_removed_no_longer_delays_the_others() -> None:
    clock = Watched()
    queue: BatchQueue[Frame] = BatchQueue(max_wait_s=60, clock=clock)
    for camera_id in "ab":
        queue.add(camera_id, live=True)
        queue.put(frame(camera_id, 0))
    assert len(queue.take(0)) == 2
    queue.put(frame("a", 1))
    got: list[Frame] = []
    reader = threading.Thread(target=lambda: got.extend(queue.take(None)), daemon=True)
    reader.start()
    assert clock.asked.wait(5)  # within the lock, which it gives back by waiting
    queue.remove("b")
    reader.join(5)
    assert [f.camera_id for f in got] == ["a"]


def test_a_closed_queue_drops_what_comes_and_wakes_its_reader() -> None:
    queue: BatchQueue[Frame] = BatchQueue()
    queue.add("a", live=True)
    held, late = frame("a", 0), frame("a", 1)
    queue.put(held)
    assert queue.close() == [held]
    assert queue.put(late) == [late]
    with pytest.raises(Closed):
        queue.take(5)
    assert queue.stats("a").dropped == {"closed": 2}
