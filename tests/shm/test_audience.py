"""What a reader that does not read, or is closed, costs the sender and the other readers: next to nothing."""

import gc
import os
from collections.abc import Iterator

import numpy as np
import pytest
from tests.shm.both_ends import fds
from tools.services.waiting import wait_for

from sightline.shm.direct import SharedReceiver, SharedSender
from sightline.shm.messages import Handed, Pool
from sightline.shm.segment import can_share
from sightline.shm.settings import Sharing
from sightline.shm.side import Side

if not can_share():
    pytest.skip("pictures are shared over sockets that this system does not have", allow_module_level=True)

SLOTS = 4
SHARE = SLOTS - 2
SIZE = 10_000


@pytest.fixture
def sender(no_leaks: None) -> Iterator[SharedSender]:
    with SharedSender(Sharing(slots=SLOTS)) as made:
        yield made


def test_one_that_does_not_read_is_told_of_no_pool_but_those_it_has_pictures_of(sender: SharedSender) -> None:
    stalled = Side(sender.connect())
    with SharedReceiver(sender.connect()) as receiver:
        for larger in range(1, 21):  # most in a pool of their own
            sender.send(np.zeros(larger * 40_000, np.uint8))
            assert receiver.receive(5) is not None
    said = [(message, fd) for _ in range(9) for message, fd in stalled.receive()]
    for _, fd in said:
        if fd is not None:
            os.close(fd)  # a descriptor keeps all of a pool's memory
    stalled.close()
    assert sender.stats().taken == 20 + 1
    assert len([message for message, _ in said if isinstance(message, Handed)]) == 1
    assert len([message for message, _ in said if isinstance(message, Pool)]) == 1


def test_one_whose_socket_is_full_is_told_of_a_new_pool_once_it_reads(sender: SharedSender) -> None:
    with SharedReceiver(sender.connect()) as receiver:
        while sender.send(b"small" * 100):
            pass
        assert sender.send(np.zeros(SIZE)) == 0
        assert sender.stats().missed == {"full": 2}
        while (received := receiver.receive(0)) is not None:
            assert received.value == b"small" * 100
        assert sender.wait_for_room(5)
        assert sender.send(np.ones(SIZE)) == 1
        received = receiver.receive(5)
        assert received is not None
        assert np.all(received.value == 1)
        del received
    assert sender.stats().balanced


def test_a_closed_reader_s_pictures_keep_nobody_waiting(sender: SharedSender) -> None:
    receiver = SharedReceiver(sender.connect())
    held = []
    for number in range(SHARE):
        sender.send(np.full(SIZE, number, np.uint8))
        held.append(receiver.receive(5))
    assert not sender.wait_for_room(0)
    receiver.close()
    assert sender.wait_for_room(5)
    assert sender.stats().readers == 0
    assert sender.stats().leases.open == SHARE  # they stay as they are
    del held
    sender.stats()
    assert sender.stats().leases.open == 0


def test_a_sender_that_is_forgotten_keeps_no_descriptor(no_leaks: None) -> None:
    before = fds()
    sender = SharedSender(Sharing(slots=SLOTS, above_bytes=1))
    sender.new_array(SIZE, np.uint8)
    assert fds() > before
    del sender
    gc.collect()
    wait_for(lambda: fds() == before, 10, "descriptors to be closed")


def test_a_child_keeps_no_memory_of_its_parent_s(sender: SharedSender) -> None:
    with SharedReceiver(sender.connect()):
        before = fds()
        sender.send(np.zeros(SIZE))
        assert fds() > before
        child = os.fork()
        if not child:
            os._exit(fds() - before)
        _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 256 - 2  # the two ends of the socket are closed too


def test_a_picture_made_in_place_stays_so_when_one_beside_it_is_refused(
    sender: SharedSender,
) -> None:
    with SharedReceiver(sender.connect()):
        picture = sender.new_array(SIZE, np.uint8)
        with pytest.raises(TypeError):
            sender.send_many([(picture, b""), (np.array([object()]), b"")])
        assert sender.send(picture) == 1
        assert not picture.flags.writeable
