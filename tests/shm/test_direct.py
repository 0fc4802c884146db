"""Values between processes without a hub: in place, whole, and nobody's stall or death is another's."""

import gc
import multiprocessing
import os
import queue
import random
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.conftest import WaitFor
from tests.shm.reading import SHAPE, picture, read_all

from sightline.errors import BufferFull, Closed, ConfigError
from sightline.shm.direct import MOST_NOTE_BYTES, Missed, Received, SharedReceiver, SharedSender
from sightline.shm.segment import can_share
from sightline.shm.settings import Sharing
from sightline.testing import ManualClock

if not can_share():
    pytest.skip("pictures are shared over sockets that this system does not have", allow_module_level=True)

SLOTS = 8
SHARE = SLOTS - 2
READING = str(Path(__file__).with_name("reading.py"))


@pytest.fixture(autouse=True)
def _leaves_nothing_behind(wait_for: WaitFor) -> Iterator[None]:
    resource_tracker.ensure_running()  # multiprocessing's own, which stays
    before = descriptors(), mapped()
    yield
    gc.collect()
    wait_for(lambda: (descriptors(), mapped()) == before, 10, "nothing to be left")


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def mapped() -> int:
    return Path("/proc/self/maps").read_text().count("memfd:sightline")


@pytest.fixture
def sender() -> Iterator[SharedSender]:
    with SharedSender(Sharing(slots=SLOTS)) as made:
        yield made


@contextmanager
def reader_of(sender: SharedSender) -> Iterator[SharedReceiver]:
    with SharedReceiver(sender.connect()) as receiver:
        yield receiver


@contextmanager
def process(role: str, end: socket.socket, number: int) -> Iterator["subprocess.Popen[str]"]:
    """One of `reading`, once it has said something."""
    arguments = [sys.executable, READING, role, str(end.fileno()), str(number)]
    with (
        end,
        subprocess.Popen(arguments, pass_fds=[end.fileno()], stdout=subprocess.PIPE, text=True) as child,
    ):
        end.close()
        assert child.stdout
        yield child
        child.kill()


def said(child: "subprocess.Popen[str]") -> int:
    assert child.stdout
    return int(child.stdout.readline())


def taken(receiver: SharedReceiver) -> Received:
    came = receiver.receive(5)
    assert came is not None
    return came


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_pictures_come_whole_in_another_process_and_then_the_end(sender: SharedSender, start: str) -> None:
    processes: Any = multiprocessing.get_context(start)
    told = processes.Queue()
    with sender.connect() as end:
        child = processes.Process(target=read_all, args=(end, told))
        child.start()
    for number in range(100):
        assert sender.wait_for_room(30)
        made = sender.new_array(SHAPE, np.uint8)
        made[...] = picture(number)
        assert sender.send(made, b"%d" % number) == 1
    assert [told.get(timeout=30) for _ in range(100)] == list(range(100))
    assert sender.stats().sharing.shared == 100
    sender.close()
    assert told.get(timeout=30) == "the sender has ended"
    child.join(30)
    assert child.exitcode == 0
    child.close()
    told.close()
    told.join_thread()


def test_a_picture_made_in_place_is_frozen_when_it_is_sent(sender: SharedSender) -> None:
    with reader_of(sender) as receiver:
        made = sender.new_array(SHAPE, np.uint8)
        made[...] = 7
        sender.send(made)
        with pytest.raises(ValueError, match="read-only"):
            made[0, 0, 0] = 8
        came = taken(receiver).value
        assert isinstance(came, np.ndarray)
        assert (came == 7).all()
        assert not came.flags.writeable


def test_values_of_all_kinds_come_in_order_with_their_notes(sender: SharedSender) -> None:
    values: list[Any] = [
        b"",
        picture(1),
        b"small",
        np.arange(3),
        b"x" * 100_000,
        np.zeros((2, 0)),
        picture(2),
    ]
    with reader_of(sender) as receiver:
        for number, value in enumerate(values[:-1]):
            assert sender.send(value, b"%d" % number) == 1
        sender.send(memoryview(values[-1]).toreadonly(), b"6")
        for number, value in enumerate(values[:-1]):
            note, came = taken(receiver)
            assert note == b"%d" % number
            assert type(came) is type(value)
            assert np.array_equal(came, value)
            assert getattr(came, "dtype", None) == getattr(value, "dtype", None)
        assert taken(receiver).value == values[-1].tobytes()
        assert receiver.receive(0) is None


def test_values_that_are_sent_together_come_singly_and_their_slots_come_back(sender: SharedSender) -> None:
    with reader_of(sender) as receiver:
        for _ in range(5):
            assert sender.wait_for_room(5, values=SHARE)
            values: list[Any] = [(picture(number), b"%d" % number) for number in range(SHARE)]
            assert sender.send_many(values) == [1] * SHARE
            for number in range(SHARE):
                note, value = taken(receiver)
                assert note == b"%d" % number
                assert np.array_equal(value, picture(number))
                del value
        assert sender.wait_for_room(5, values=SHARE)
        assert sender.stats().leases.open == 0


def test_what_was_let_go_is_told_though_the_last_is_kept(sender: SharedSender) -> None:
    with reader_of(sender) as receiver:
        sender.send_many([(picture(number), b"") for number in range(3)])
        for _ in range(2):
            taken(receiver)
        last = taken(receiver)
        assert receiver.receive(0) is None
        assert sender.stats().leases.open == 1
        del last


def test_of_many_those_that_there_is_room_for_go(sender: SharedSender) -> None:
    with reader_of(sender) as receiver:
        values: list[Any] = [(picture(0), b""), (b"small", b"x" * MOST_NOTE_BYTES)] * SLOTS
        assert sender.send_many(values) == [1, 1] * SHARE + [0, 1] * (SLOTS - SHARE)
        kinds = [type(taken(receiver).value) for _ in range(SLOTS + SHARE)]
        assert kinds == [np.ndarray, bytes] * SHARE + [bytes] * (SLOTS - SHARE)
        assert receiver.receive(0) is None
        stats = sender.stats()
        assert stats.balanced
        assert stats.missed == {Missed.BEHIND: SLOTS - SHARE}
        assert sender.send_many([]) == []


def test_thousands_of_small_values_are_sent_together_and_none_is_lost(sender: SharedSender) -> None:
    with reader_of(sender) as receiver:
        values = [(b"%d" % number, b"") for number in range(3000)]
        counts = sender.send_many(values)
        came = []
        while value := receiver.receive(0):
            came.append(int(bytes(value.value)))
        assert came == [number for number, count in enumerate(counts) if count]
        assert len(came) > 1000


def test_what_is_closed_before_it_is_taken_goes_back(sender: SharedSender) -> None:
    with reader_of(sender) as receiver:
        sender.send_many([(picture(number), b"") for number in range(3)])
        taken(receiver)
        receiver.close()
        assert sender.stats().leases.open == 0
    assert sender.stats().readers == 0


def test_a_slot_is_not_written_to_while_somebody_looks(sender: SharedSender) -> None:
    with reader_of(sender) as receiver:
        sender.send(picture(0))
        held = taken(receiver).value
        for number in range(1, 50):
            assert sender.wait_for_room(5)
            sender.send(picture(number))
            assert np.array_equal(taken(receiver).value, picture(number))
        assert np.array_equal(held, picture(0))
        assert sender.stats().leases.open == 1
        del held
        assert sender.stats().leases.open == 0


def test_a_reader_that_stalls_gets_its_share_and_stops_nobody(sender: SharedSender) -> None:
    with reader_of(sender) as stalled, reader_of(sender) as other:
        for number in range(100):
            assert sender.send(picture(number)) >= 1
            assert np.array_equal(taken(other).value, picture(number))
        assert not sender.wait_for_room(0.01)
        stats = sender.stats()
        assert stats.missed == {Missed.BEHIND: 100 - SHARE // 2}
        assert stats.balanced
        for number in range(SHARE // 2):
            assert np.array_equal(taken(stalled).value, picture(number))
        assert sender.wait_for_room(5, values=SHARE)
        assert sender.send(picture(0)) == 2


def test_a_picture_that_nobody_has_room_for_may_be_sent_again(sender: SharedSender) -> None:
    with reader_of(sender) as receiver:
        while sender.send(picture(0)):
            pass
        made = sender.new_array(SHAPE, np.uint8)
        made[...] = 9
        assert sender.send(made) == 0
        for _ in range(SHARE):
            taken(receiver)
        writeable = [made.flags.writeable]
        assert sender.send(made) == 1
        writeable.append(made.flags.writeable)
        assert writeable == [True, False]  # it was not copied
        assert (taken(receiver).value == 9).all()
        assert sender.stats().sharing.shared == SHARE + 1


def test_a_reader_whose_socket_is_full_misses_small_values_and_gets_the_next(sender: SharedSender) -> None:
    with reader_of(sender) as receiver:
        sent = 0
        while sender.send(b"%d" % sent):
            sent += 1
        assert not sender.wait_for_room(0.01)
        assert sender.stats().missed == {Missed.FULL: 1}
        assert [int(bytes(taken(receiver).value)) for _ in range(sent)] == list(range(sent))
        assert sender.wait_for_room(5)
        assert sender.send(b"next") == 1
        assert taken(receiver).value == b"next"
        assert sender.stats().balanced


def test_a_killed_readers_slots_come_back(sender: SharedSender) -> None:
    with process("hold", sender.connect(), SHARE) as child:
        for number in range(SHARE):
            assert sender.send(picture(number)) == 1
        assert said(child) == SHARE
        assert not sender.wait_for_room(0.01)
        child.kill()
        assert sender.wait_for_room(10)
    stats = sender.stats()
    assert (stats.readers, stats.leases.open, stats.leases.lost, stats.leases.held) == (0, 0, SHARE, 0)
    assert sender.send(picture(0)) == 0


def test_what_a_killed_sender_sent_is_read_before_the_end_though_its_child_lives() -> None:
    ours, theirs = socket.socketpair()
    with ours, process("send", theirs, SHARE) as child:
        _, (end,), _, _ = socket.recv_fds(ours, 1, 1)
        grandchild = said(child)
        try:
            with SharedReceiver(socket.socket(fileno=end)) as receiver:
                held = taken(receiver)
                child.kill()
                child.wait(10)
                for number in range(1, SHARE):
                    came = taken(receiver)
                    assert came.note == b"%d" % number
                    assert np.array_equal(came.value, picture(number))
                    del came
                with pytest.raises(Closed, match="the sender has ended"):
                    receiver.receive(10)
                os.kill(grandchild, 0)
                assert np.array_equal(held.value, picture(0))
        finally:
            os.kill(grandchild, signal.SIGKILL)
        del held


def test_a_receiver_that_is_closed_keeps_what_is_looked_at(sender: SharedSender) -> None:
    with reader_of(sender) as closed, reader_of(sender) as other:
        for number in range(3):
            sender.send(picture(number))
        held = taken(closed).value
        closed.close()
        with pytest.raises(Closed, match="this receiver was closed"):
            closed.receive(0)
        for number in range(50):
            sender.wait_for_room(0.01)
            sender.send(picture(number))
            while other.receive(0):
                pass
        stats = sender.stats()
        assert (stats.readers, stats.leases.open) == (1, 1)
        assert np.array_equal(held, picture(0))
        del held
        assert sender.stats().leases.open == 0
        assert closed.fileno() == -1


def test_who_keeps_pictures_too_long_gets_none_until_it_gave_them_back() -> None:
    clock = ManualClock()
    made = SharedSender(Sharing(slots=SLOTS), lease_s=2, most_retired=1, clock=clock)
    with made as sender, reader_of(sender) as receiver:
        sender.send(picture(0))
        sender.send(picture(1))
        held = [taken(receiver), taken(receiver)]
        clock.move(2.1)
        assert sender.send(picture(2)) == 0
        stats = sender.stats()
        assert (stats.missed, stats.leases.retired) == ({Missed.CUT_OFF: 1}, 2)
        held.pop()
        assert sender.send(picture(3)) == 0
        held.pop()
        clock.move(1)
        assert sender.send(picture(4)) == 1
        assert np.array_equal(taken(receiver).value, picture(4))


def test_pictures_of_another_size_go_into_another_pool(sender: SharedSender, wait_for: WaitFor) -> None:
    before = mapped()
    with reader_of(sender) as receiver:
        for size in (100_000, 1_000_000, 3_000_000):
            for _ in range(SLOTS):
                assert sender.wait_for_room(5)
                assert sender.send(np.full(size, 5, np.uint8)) == 1
                assert (taken(receiver).value == 5).all()
        stats = sender.stats()
        assert (stats.sharing.pools, stats.sharing.shared) == (1, 3 * SLOTS)
        with reader_of(sender) as late:
            assert sender.send(np.full(3_000_000, 6, np.uint8)) == 2
            assert (taken(late).value == 6).all()
        receiver.receive(5)
        wait_for(lambda: receiver.receive(0) is None and mapped() == before + 2, 10, "one map at each end")


def test_what_has_no_slot_is_not_sent_and_why_is_counted() -> None:
    with SharedSender(Sharing(pool_bytes=1)) as sender, reader_of(sender) as receiver:
        made = sender.new_array(SHAPE, np.uint8)
        made[...] = 1
        assert sender.send(made) == 0
        assert sender.send(b"small") == 1
        assert taken(receiver).value == b"small"
        stats = sender.stats()
        assert stats.missed == {Missed.NOT_SHARED: 1}
        assert stats.sharing.not_shared == {"too_large": 1}


def test_a_reader_that_says_nonsense_is_ended_alone(sender: SharedSender) -> None:
    with sender.connect() as wrong, reader_of(sender) as right:
        wrong.send(b"nonsense")
        assert sender.stats().readers == 1
        assert sender.send(b"small") == 1
        assert taken(right).value == b"small"
        assert wrong.recv(10) == b""


def test_a_sender_in_a_child_of_fork_is_closed(sender: SharedSender) -> None:
    child = os.fork()
    if not child:
        try:
            sender.send(b"small")
        except Closed:
            os._exit(3)
        os._exit(4)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3


def test_mistakes_are_told(sender: SharedSender) -> None:
    with pytest.raises(BufferFull, match="a note of at most 2048 bytes, got 2049"):
        sender.send(b"", bytes(MOST_NOTE_BYTES + 1))
    with pytest.raises(TypeError):
        sender.send("text")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        sender.new_array(3, object)
    with pytest.raises(ConfigError):
        SharedSender(lease_s=0)
    sender.close()
    for call in (lambda: sender.send(b""), sender.connect, sender.wait_for_room):
        with pytest.raises(Closed):
            call()
    assert sender.stats().readers == 0


def test_a_waiting_sender_goes_on_when_a_picture_is_let_go(sender: SharedSender) -> None:
    with reader_of(sender) as receiver:
        held = queue.Queue[Received]()
        while sender.send(picture(0)):
            held.put(taken(receiver))
        timer = threading.Timer(0.05, held.get)
        timer.start()
        assert sender.wait_for_room(10)
        timer.join()
        assert held.qsize() == SHARE - 1


@pytest.mark.alone
def test_readers_that_are_killed_at_any_moment_cost_nobody_a_picture(
    sender: SharedSender, wait_for: WaitFor
) -> None:
    draw = random.Random(3)
    with reader_of(sender) as survivor:
        number = 0
        for _ in range(12):
            looks_at = draw.randrange(1, SHARE // 2)
            with process("hold", sender.connect(), looks_at) as child:
                for _ in range(draw.randrange(looks_at, 40)):
                    if sender.send(picture(number), b"%d" % number):
                        while came := survivor.receive(0):
                            assert np.array_equal(came.value, picture(int(came.note)))
                            del came
                    number += 1
                if draw.random() < 0.5:
                    assert said(child) == looks_at
                child.kill()
        wait_for(lambda: sender.stats().readers == 1, 10, "the killed to be gone")
        stats = sender.stats()
        assert stats.balanced
        assert stats.leases.balanced
        assert stats.leases.open == 0
        assert sender.wait_for_room(5, values=SHARE)
