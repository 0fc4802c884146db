"""One end of a side socket, with real sockets, descriptors, threads and processes."""

import array
import gc
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tools.services.waiting import wait_for

from sightline.errors import WireError
from sightline.shm.messages import MOST_TOLD, Freed, Pool, Ready, Released, SideMessage
from sightline.shm.side import MOST_UNSENT, Side

POOL = Pool(pool=b"p" * 16, slots=3, slot_bytes=4096)
READY = Ready(pool=b"p" * 16)
encode = msgspec.msgpack.Encoder().encode


def released(number: int) -> Released:
    return Released(slots=[(b"p" * 16, number % 256, number)])


def all_of(side: Side) -> list[SideMessage]:
    """All that is there now, whatever `receive` gives at once."""
    found: list[SideMessage] = []
    while more := [message for message, _ in side.receive()]:
        found += more
    return found


def slots_of(messages: list[SideMessage]) -> list[list[tuple[bytes, int, int]]]:
    return [message.slots for message in messages if isinstance(message, Freed | Released)]


def fds() -> int:
    gc.collect()
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.fixture
def pair(no_leaks: None) -> Iterator[tuple[Side, Side]]:
    here, there = map(Side, socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET))
    yield here, there
    here.close()
    there.close()


@pytest.fixture
def raw(no_leaks: None) -> Iterator[tuple[socket.socket, Side]]:
    """Somebody who may send anything, and an end."""
    stranger, ours = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    side = Side(ours)
    yield stranger, side
    stranger.close()
    side.close()


def send_fds(sock: socket.socket, data: bytes, descriptors: list[int]) -> None:
    rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))
    sock.sendmsg([data], [rights] if descriptors else [])


def test_a_pool_comes_with_its_descriptor_which_no_program_inherits(pair: tuple[Side, Side]) -> None:
    here, there = pair
    with Path(__file__).open("rb") as file:
        assert here.send(POOL, file.fileno())
        ((message, fd),) = there.receive()
        assert message == POOL
        assert fd is not None
        assert os.path.sameopenfile(fd, file.fileno())
        assert not os.get_inheritable(fd)
        os.close(fd)
        assert os.fstat(file.fileno())  # still the caller's


def test_each_end_knows_who_made_the_other(pair: tuple[Side, Side]) -> None:
    assert (pair[0].peer_pid, pair[0].peer_uid) == (os.getpid(), os.getuid())


def test_what_threads_send_while_nobody_reads_comes_whole_and_in_order(pair: tuple[Side, Side]) -> None:
    here, there = pair
    full: list[None] = []
    here.on_full = lambda: full.append(None)
    each, threads = 1000, 4

    def tell(first: int) -> None:
        for number in range(each):
            assert here.send(released(first * each + number))

    workers = [threading.Thread(target=tell, args=(first,)) for first in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(full) == 1
    assert 0 < here.unsent < each * threads
    assert not here.flush()

    came: list[int] = []
    while len(came) < each * threads:
        came += [number for slots in slots_of(all_of(there)) for _, _, number in slots]
        here.flush()
    for first in range(threads):
        of_one = [number for number in came if number // each == first]
        assert of_one == list(range(first * each, (first + 1) * each))
    assert here.unsent == 0
    assert here.flush()


def test_slots_that_wait_go_together(pair: tuple[Side, Side]) -> None:
    here, there = pair
    sent = 0
    while not here.unsent:
        here.send(released(sent))
        sent += 1
    for number in range(sent, sent + 200):
        here.send(released(number))
    here.send(Freed(slots=[(b"q" * 16, 1, 1)]))
    here.send(released(sent + 200))

    before = all_of(there)
    here.flush()
    behind = all_of(there)
    numbers = [number for slots in slots_of(before + behind) for _, _, number in slots]
    assert numbers == [*range(sent + 200), 1, sent + 200]
    # 201 that waited, then one of another kind, then one more.
    assert [len(slots) for slots in slots_of(behind)] == [64, 64, 64, 9, 1, 1]


def test_any_number_of_slots_is_told_in_messages_that_may_be(pair: tuple[Side, Side]) -> None:
    here, there = pair
    slots = [(b"p" * 16, number, number) for number in range(3 * MOST_TOLD // 2)]
    assert here.tell(Freed, slots)
    assert [len(told) for told in slots_of(all_of(there))] == [64, 32]
    assert here.tell(Freed, [])


@pytest.mark.parametrize("ends", [False, True])
def test_what_is_sent_from_within_a_send_is_sent_too(pair: tuple[Side, Side], *, ends: bool) -> None:
    """As a finalizer does, which may come in the middle of anything."""
    here, there = pair
    within: list[bool] = []

    def on_full() -> None:
        within.append(here.send(READY))
        if ends:
            here.close()

    here.on_full = on_full
    count = 0
    while not within:
        here.send(released(count))
        count += 1
    if ends:
        assert here.fileno() == -1
        assert not here.send(READY)
        return
    came = all_of(there)
    here.flush()
    came += all_of(there)
    assert came[-1] == READY
    assert len(came) == count + 1


def test_a_descriptor_that_waits_is_the_one_that_was_sent(pair: tuple[Side, Side], tmp_path: Path) -> None:
    here, there = pair
    while not here.unsent:
        here.send(released(0))
    first = os.open(tmp_path / "first", os.O_CREAT | os.O_RDWR)
    inode = os.fstat(first).st_ino
    assert here.send(POOL, first)
    os.close(first)
    other = os.open(tmp_path / "other", os.O_CREAT | os.O_RDWR)
    assert other == first  # the number is in use again
    all_of(there)
    here.flush()
    (fd,) = [fd for _, fd in there.receive() if fd is not None]
    assert os.fstat(fd).st_ino == inode
    os.close(fd)
    os.close(other)


def test_what_waits_is_forgotten_when_it_is_closed(pair: tuple[Side, Side]) -> None:
    here, _ = pair
    while not here.unsent:
        here.send(released(0))
    before = fds()
    with Path(__file__).open("rb") as file:
        here.send(POOL, file.fileno())
    wait_for(lambda: fds() == before + 1, 10, "descriptors to be closed")
    here.close()
    wait_for(lambda: fds() == before - 1, 10, "descriptors to be closed")
    assert here.unsent == 0
    here.close()


def test_who_never_reads_is_broken_off_at_a_bound(pair: tuple[Side, Side]) -> None:
    here, there = pair
    taken = 0
    while here.send(READY):
        taken += 1
    assert here.unsent == MOST_UNSENT
    assert taken > MOST_UNSENT
    assert all_of(here) == []
    assert here.ended
    before = fds()
    assert not here.send(POOL, 0)
    wait_for(lambda: fds() == before, 10, "descriptors to be closed")
    assert len(all_of(there)) == taken - MOST_UNSENT
    assert there.ended


@pytest.mark.parametrize("unread", [False, True])
def test_what_was_said_before_an_end_comes_before_it(pair: tuple[Side, Side], *, unread: bool) -> None:
    """An end that left something unread is told as a reset, which comes before what it had said."""
    here, there = pair
    if unread:
        here.send(READY)
    for number in range(100):
        there.send(released(number))
    there.close()
    assert all_of(here) == [released(number) for number in range(100)]
    assert here.ended
    assert here.send(READY)  # nobody has it, and nothing waits
    assert here.unsent == 0


@pytest.mark.parametrize(
    ("data", "descriptors"),
    [
        (b"\xc1", 1),
        (b"\x80", 1),
        (encode({"is": "Hello"}), 1),
        (encode(READY), 1),
        (encode(READY), 2),
        (encode(READY), 253),
        (encode(POOL)[:-1], 1),
        (encode(POOL) + b"\0", 1),
        (encode({"is": "Refused", "pool": b"p" * 16, "reason": "x" * 5000}), 1),
        (encode({"is": "Pool", "pool": b"p" * 15, "slots": 3, "slot_bytes": 1}), 1),
        (encode({"is": "Pool", "pool": b"p" * 16, "slots": 10**6, "slot_bytes": 1}), 1),
        (encode({"is": "Refused", "pool": b"p" * 16, "reason": b"\xff"}).replace(b"\xc4\x01", b"\xa1"), 1),
        (b"\x91" * 4000, 1),
        (encode(READY) * 1000, 0),
    ],
)
def test_what_is_no_message_is_refused_with_all_that_came_with_it(
    raw: tuple[socket.socket, Side], data: bytes, descriptors: int
) -> None:
    stranger, side = raw
    before = fds()
    send_fds(stranger, data, [0] * descriptors)
    with pytest.raises(WireError):
        list(side.receive())
    wait_for(lambda: fds() == before, 10, "descriptors to be closed")


@pytest.mark.parametrize("descriptors", [0, 2, 3, 253])
def test_a_pool_has_one_descriptor_or_none(raw: tuple[socket.socket, Side], descriptors: int) -> None:
    stranger, side = raw
    before = fds()
    send_fds(stranger, encode(POOL), [0] * descriptors)
    assert list(side.receive()) == [(POOL, None)]
    wait_for(lambda: fds() == before, 10, "descriptors to be closed")


def test_a_pool_comes_without_its_descriptor_where_there_can_be_no_more(
    raw: tuple[socket.socket, Side],
) -> None:
    stranger, side = raw
    send_fds(stranger, encode(POOL), [0])
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest_free = os.dup(0)
    os.close(lowest_free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, hard))
    try:
        came = list(side.receive())
        sent = side.send(POOL, 0)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert came == [(POOL, None)]
    assert not sent


def test_an_empty_message_is_an_end(raw: tuple[socket.socket, Side]) -> None:
    stranger, side = raw
    before = fds()
    send_fds(stranger, b"", [0])
    assert list(side.receive()) == []
    assert side.ended
    wait_for(lambda: fds() == before, 10, "descriptors to be closed")


def test_what_came_before_a_fault_is_not_lost(raw: tuple[socket.socket, Side]) -> None:
    stranger, side = raw
    stranger.send(encode(READY))
    stranger.send(b"nonsense")
    coming = side.receive()
    assert next(coming) == (READY, None)
    with pytest.raises(WireError):
        next(coming)


CHILD = """
import os, socket, sys, time
from sightline.shm.messages import Ready
from sightline.shm.side import Side

side = Side(socket.socket(fileno=int(sys.argv[1])))
if sys.argv[2] == "fork" and os.fork() == 0:
    sent = side.send(Ready(pool=b"c" * 16))
    print(os.getpid(), sent, side.fileno(), flush=True)
    time.sleep(60)
side.send(Ready(pool=b"p" * 16))
time.sleep(60)
"""


def child(there: socket.socket, how: str) -> subprocess.Popen[str]:
    arguments = [sys.executable, "-c", CHILD, str(there.fileno()), how]
    return subprocess.Popen(arguments, pass_fds=[there.fileno()], stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("how", ["alone", "fork"])
def test_the_kill_of_a_process_ends_its_side_whatever_children_it_has(
    no_leaks: None, wait_for: Callable[..., Any], how: str
) -> None:
    ours, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    side = Side(ours)
    grandchild = None
    with child(there, how) as process:
        there.close()
        try:
            assert wait_for(lambda: all_of(side), 20, "the child to speak") == [READY]
            if how == "fork":
                assert process.stdout is not None
                grandchild, *told = process.stdout.readline().split()
                assert told == ["False", "-1"]
            process.kill()
            wait_for(lambda: all_of(side) or side.ended, 10, "the end of the side")
            assert side.ended
        finally:
            process.kill()
            if grandchild is not None:
                os.kill(int(grandchild), signal.SIGKILL)
            side.close()
