"""Pictures when what shares them fails: they come all the same, whole and in order; the counts say how."""

import os
import resource
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Self

import numpy as np
import pytest
from tests.conftest import WaitFor
from tests.hub.killing.picture import SHAPES, draw, seen

from sightline.hub import ReaderStats, StreamClient, StreamServer, WriterStats
from sightline.hub.settings import ReaderBuffer
from sightline.shm.segment import can_share
from sightline.shm.side import SUFFIX

pytestmark = pytest.mark.skipif(not can_share(), reason="this system shares no memory")

CHANNEL = "camera"
SHAPE = SHAPES[0]
SOON_S = 10.0
SOME = 12
LITTLE_BYTES = 1 << 20
"""Less than a pool."""
KILLS = 5


@pytest.fixture
def hub(no_leaks: None, tmp_path: Path) -> Iterator[StreamServer]:
    with StreamServer(None, unix_path=str(tmp_path / "hub")) as server:
        yield server


class Pair:
    """A writer and a reader that loses nothing."""

    def __init__(self, hub: StreamServer) -> None:
        self._clients = [StreamClient(name, unix_path=hub.unix_path) for name in ("writer", "reader")]
        self.writer, self.reader = self._clients
        self.put = self.got = 0

    def __enter__(self) -> Self:
        with ExitStack() as opening:
            for client in self._clients:
                opening.enter_context(client)
            self.writer.create_new_channel(CHANNEL)
            self.reader.subscribe([CHANNEL], buffer=ReaderBuffer.endless())
            self.writer.wait_for_active(CHANNEL, SOON_S)
            self._closing = opening.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()

    def show(self, count: int = 1) -> None:
        for _ in range(count):
            array = draw(self.writer.new_array(CHANNEL, SHAPE), 1, self.put)
            assert self.writer.put_data(CHANNEL, array, timeout_s=SOON_S)
            self.put += 1

    def look(self, count: int = 1) -> None:
        for _ in range(count):
            mark = seen(self.reader.get_data(CHANNEL, SOON_S))
            assert (mark.writer, mark.number) == (1, self.got)
            self.got += 1

    def shared(self) -> bool:
        """Whether one more picture, looked at, came in shared memory."""
        before = self.read.shared
        self.show()
        self.look()
        return self.read.shared > before

    @property
    def wrote(self) -> WriterStats:
        return self.writer.statistics().writers[CHANNEL]

    @property
    def read(self) -> ReaderStats:
        return self.reader.statistics().readers[CHANNEL]


@contextmanager
def little_memory() -> Iterator[None]:
    """A block of shared memory has a size that this limit is for."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (LITTLE_BYTES, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_writer_without_memory_sends_bytes_until_there_is_some(
    hub: StreamServer, wait_for: WaitFor
) -> None:
    with Pair(hub) as pair:
        with little_memory():
            pair.show(SOME)
            pair.look(SOME)
        assert (pair.wrote.shared, pair.wrote.not_shared) == (0, {"no_memory": SOME})
        assert pair.writer.statistics().shares
        wait_for(pair.shared, SOON_S, "a picture in shared memory")
        wrote = pair.wrote
        assert wrote.shared + sum(wrote.not_shared.values()) == pair.put


def test_a_writer_whose_pictures_grow_beyond_its_memory_goes_on(hub: StreamServer, wait_for: WaitFor) -> None:
    with Pair(hub) as pair:
        wait_for(pair.shared, SOON_S, "a picture in shared memory")
        with little_memory():
            large = draw(np.empty(SHAPES[-1], np.uint8), 1, pair.put)
            pair.writer.put_data(CHANNEL, large)
            pair.put += 1
            pair.look()
            assert pair.wrote.not_shared["no_memory"] == 1
            assert pair.shared(), "those of the size before have their memory"


def nobody_listens(path: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(path)


def nothing_is_there(path: str) -> None:
    del path


def it_is_of_another_kind(path: str) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(path)
    listener.listen()
    return listener


def nobody_is_taken_in(path: str) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(path)
    listener.listen(0)
    return listener


def it_is_another_hubs(path: str) -> StreamServer:
    other = StreamServer(None, unix_path=f"{path}.other")
    other.start()
    Path(path).symlink_to(f"{path}.other{SUFFIX}")
    return other


FAULTS = (nobody_listens, nothing_is_there, it_is_of_another_kind, nobody_is_taken_in, it_is_another_hubs)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_side_socket_that_refuses_costs_nothing_but_copies(
    hub: StreamServer, fault: Callable[[str], socket.socket | StreamServer | None]
) -> None:
    side = f"{hub.unix_path}{SUFFIX}"
    Path(side).unlink()
    there = fault(side)
    try:
        with Pair(hub) as pair:
            pair.show(SOME)
            pair.look(SOME)
            assert (pair.wrote.shared, pair.read.shared) == (0, 0)
            assert sum(pair.wrote.not_shared.values()) == SOME
    finally:
        if isinstance(there, socket.socket):
            there.close()
        elif there is not None:
            there.stop()


def test_a_hub_that_is_killed_while_pictures_are_handed_over_tears_none(
    hub: StreamServer, wait_for: WaitFor
) -> None:
    with Pair(hub) as pair:
        over = threading.Event()
        numbers: list[int] = []
        kept = []

        def look() -> None:
            while not over.is_set():
                for value in pair.reader.get_many(CHANNEL, 1, 0.05):
                    numbers.append(seen(value).number)
                    kept.append(value)
                    del kept[:-4]

        def show() -> None:
            while not over.is_set():
                pair.show()
                time.sleep(0.001)

        threads = [threading.Thread(target=work) for work in (look, show)]
        for thread in threads:
            thread.start()
        for _ in range(KILLS):
            shared = pair.read.shared
            wait_for(lambda: pair.read.shared > shared + SOME, SOON_S, "pictures to be shared")  # noqa: B023
            assert hub.pid is not None
            os.kill(hub.pid, signal.SIGKILL)
            hub.join(SOON_S)
            hub.start()
        over.set()
        for thread in threads:
            thread.join(SOON_S)
        assert [seen(value).number for value in kept] == numbers[-len(kept) :]
        assert numbers == sorted(set(numbers)), "none twice, and none before another"
        wrote = pair.wrote
        assert wrote.shared + sum(wrote.not_shared.values()) >= wrote.acknowledged
        del kept[:]
