"""Descriptors that nobody asked for."""

import contextlib
import os
import socket
import struct
import time
from collections.abc import Iterator

import pytest
from tests.conftest import WaitFor

from sightline.shm.foreign import close_foreign

LINGER_S = 60


@pytest.fixture
def lingering() -> Iterator[int]:
    """A TCP socket with something unsent, which by itself takes a minute to close."""
    with socket.create_server(("127.0.0.1", 0)) as server, contextlib.ExitStack() as stack:
        end = socket.create_connection(server.getsockname())
        stack.enter_context(server.accept()[0])  # reads nothing
        end.setblocking(False)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, LINGER_S))
        with contextlib.suppress(BlockingIOError):
            while True:
                end.send(bytes(1 << 20))
        end.setblocking(True)
        yield end.detach()


def is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def test_one_that_would_take_a_minute_holds_up_nobody(lingering: int, wait_for: WaitFor) -> None:
    begun_s = time.monotonic()
    close_foreign([lingering])
    wait_for(lambda: not is_open(lingering), 10, "the socket to be closed")
    assert time.monotonic() - begun_s < LINGER_S / 2


def test_memory_is_closed_at_once_and_the_rest_soon(wait_for: WaitFor) -> None:
    memory = os.memfd_create("test", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    ends = os.pipe()
    close_foreign([ends[0], memory, ends[1]])
    assert not is_open(memory)
    wait_for(lambda: not any(map(is_open, ends)), 10, "the pipe to be closed")


def test_one_that_is_closed_already_keeps_no_other_open(wait_for: WaitFor) -> None:
    ends = os.pipe()
    os.close(ends[0])
    close_foreign(ends)
    wait_for(lambda: not is_open(ends[1]), 10, "the other end to be closed")
