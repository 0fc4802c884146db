"""The buffer between threads: who waits, who is woken, and nothing lost between many hands."""

import threading
from collections.abc import Callable

import pytest

from sightline.buffer import Buffer, Capacity, Overflow, Reason
from sightline.errors import BufferFull, Closed


def start(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def test_a_reader_is_woken_by_an_item() -> None:
    buffer: Buffer[int] = Buffer(Capacity(count=2), Overflow.DROP_OLDEST)
    got: list[int] = []
    reader = start(lambda: got.extend(buffer.take(timeout_s=5)))
    buffer.put(7)
    reader.join(5)
    assert got == [7]


def test_a_reader_is_woken_by_the_close_of_an_empty_buffer() -> None:
    buffer: Buffer[int] = Buffer(Capacity(count=2), Overflow.DROP_OLDEST)
    ended = threading.Event()

    def read() -> None:
        with pytest.raises(Closed):
            buffer.take()
        ended.set()

    start(read)
    buffer.close()
    assert ended.wait(5)


def test_a_blocked_writer_goes_on_when_there_is_room() -> None:
    buffer: Buffer[int] = Buffer(Capacity(count=1), Overflow.BLOCK)
    buffer.put(1)
    writer = start(lambda: buffer.put(2))
    assert buffer.take(timeout_s=5) == [1]
    assert buffer.take(timeout_s=5) == [2]
    writer.join(5)
    assert buffer.stats().balanced


def test_a_blocked_writer_learns_of_the_close() -> None:
    buffer: Buffer[int] = Buffer(Capacity(count=1), Overflow.BLOCK)
    buffer.put(1)
    told = threading.Event()

    def write() -> None:
        with pytest.raises(Closed):
            buffer.put(2)
        told.set()

    start(write)
    buffer.close()
    assert told.wait(5)


def test_a_writer_that_gives_up_waiting_keeps_its_item() -> None:
    buffer: Buffer[int] = Buffer(Capacity(count=1), Overflow.BLOCK)
    buffer.put(1)
    with pytest.raises(BufferFull, match="no room within 0.01 s"):
        buffer.put(2, timeout_s=0.01)
    stats = buffer.stats()
    assert (stats.entered, stats.refused, stats.held) == (1, 1, 1)


def test_no_item_within_the_time_is_an_empty_list() -> None:
    buffer: Buffer[int] = Buffer(Capacity(count=1), Overflow.BLOCK)
    assert buffer.take(timeout_s=0) == []


def test_what_is_held_at_the_close_can_still_be_taken() -> None:
    buffer: Buffer[int] = Buffer(Capacity(count=3), Overflow.BLOCK)
    buffer.put(1)
    buffer.put(2)
    buffer.close()
    assert buffer.closed
    with pytest.raises(Closed):
        buffer.put(3)
    assert buffer.take(most=9) == [1, 2]
    with pytest.raises(Closed):
        buffer.take()


def test_what_is_discarded_at_the_close_is_counted() -> None:
    buffer: Buffer[int] = Buffer(Capacity(count=3), Overflow.BLOCK)
    buffer.put(1)
    buffer.close(discard=True)
    assert buffer.stats().dropped == {Reason.CLOSED: 1}
    assert len(buffer) == 0


@pytest.mark.parametrize("overflow", [Overflow.BLOCK, Overflow.DROP_OLDEST])
def test_many_writers_and_readers_lose_nothing_uncounted(overflow: Overflow) -> None:
    buffer: Buffer[tuple[int, int]] = Buffer(Capacity(count=8), overflow)
    got: list[tuple[int, int]] = []
    lock = threading.Lock()

    def write(writer: int) -> None:
        for number in range(500):
            buffer.put((writer, number))

    def read() -> None:
        while True:
            try:
                items = buffer.take(most=5)
            except Closed:
                return
            with lock:
                got.extend(items)

    readers = [start(read) for _ in range(3)]
    writers = [start(lambda writer=writer: write(writer)) for writer in range(4)]  # type: ignore[misc]
    for writer in writers:
        writer.join(20)
    buffer.close()
    for reader in readers:
        reader.join(20)
    stats = buffer.stats()
    assert stats.balanced
    assert stats.entered == 2000
    assert stats.left == len(got) == len(set(got)) == 2000 - sum(stats.dropped.values())
    if overflow is Overflow.BLOCK:
        assert len(got) == 2000
