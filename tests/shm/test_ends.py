"""Whoever ends, and why: what a living process looks at stays as it is until that process lets go."""

import asyncio
import gc
import os
import socket
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.conftest import WaitFor
from tests.shm.both_ends import SIZE, BothEnds, sent

from sightline.errors import WireError
from sightline.shm.guest import Guest
from sightline.shm.held import Held, Peer
from sightline.shm.host import Host
from sightline.shm.line import Line
from sightline.shm.listening import Sides
from sightline.shm.messages import Drain, Freed, Join, Pool, SideMessage
from sightline.shm.segment import Segment
from sightline.shm.settings import Sharing
from sightline.shm.side import Side
from sightline.shm.token import Token, check_of

SLOT_BYTES = 4096
POOL = Pool(pool=b"p" * 16, slots=3, slot_bytes=SLOT_BYTES)
SECRET = b"s" * 32


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.fixture(autouse=True)
def _leaves_nothing_behind(wait_for: WaitFor) -> Iterator[None]:
    gc.collect()
    before = descriptors()
    yield
    gc.collect()
    wait_for(lambda: descriptors() == before, 10, "all descriptors to be closed")  # some are closed beside


async def until(condition: Callable[[], object], what: str) -> None:
    for _ in range(5000):
        if condition():
            return
        await asyncio.sleep(0.002)
    raise AssertionError(f"not within 10 s: {what}")


class Hall:
    """A host in the running loop; a writer whose end is held by hand; a reader that is a `Guest`."""

    def __init__(self, folder: str) -> None:
        self.host = Host()
        self.peers: list[Peer] = []
        self.lost: list[str] = []
        self.heard: list[SideMessage] = []
        self.sides = Sides(self.host, self._admit)
        path = str(Path(folder) / "side")
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        listener.bind(path)
        listener.listen()
        self.sides.listen(listener)
        self.guest = Guest(path, SECRET, on_lost=self.lost.append)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.writer = Side(ours)
        self.theirs = theirs
        self.segment = Segment.create(POOL.slots * SLOT_BYTES)

    def _admit(self, _secret: bytes, peer: Peer) -> bool:
        self.peers.append(peer)
        return True

    async def begin(self) -> None:
        await until(lambda: len(self.peers) == 1, "the guest joined")
        self.sides.take(self.theirs)
        self.writer.send(Join(secret=SECRET))
        self.writer.send(POOL, self.segment.fd)
        await until(lambda: self.host.stats().pools == 1, "the pool came")

    def hear(self) -> list[int]:
        """Slots that the writer was told it may fill again."""
        self.heard += [message for message, _ in self.writer.receive()]
        return [slot for said in self.heard if isinstance(said, Freed) for _, slot, _ in said.slots]

    def put(self, slot: int) -> Held:
        memory = self.segment.memory[slot * SLOT_BYTES :][:SLOT_BYTES]
        return self.host.claim(self.peers[1], Token(POOL.pool, slot, 0, SLOT_BYTES, check_of(memory)))

    async def look(self, slot: int) -> memoryview:
        """The reader looks at a slot that nobody else has any more."""
        held = self.put(slot)
        held.token_for(self.peers[0], 0)
        await until(lambda: isinstance(held.token_for(self.peers[0], 0), Token), "the reader has the pool")
        return self.guest.attached.open(held.token)

    def close(self) -> None:
        self.guest.retire()
        self.sides.close()
        self.host.close()
        self.writer.close()
        self.segment.close()


@asynccontextmanager
async def hall() -> AsyncIterator[Hall]:
    with tempfile.TemporaryDirectory() as folder:
        it = Hall(folder)
        await it.begin()
        try:
            yield it
        finally:
            it.close()


def run(test: Callable[[Hall], Awaitable[None]]) -> None:
    async def within() -> None:
        async with hall() as it:
            await test(it)

    asyncio.run(within())


def test_a_host_that_closes_tells_no_writer_to_fill_what_is_looked_at() -> None:
    async def closes(it: Hall) -> None:
        view = await it.look(0)
        it.sides.close()
        it.host.close()
        assert it.hear() == []
        assert it.writer.ended
        del view

    run(closes)


def test_a_host_alone_tells_no_writer_to_fill_what_is_looked_at_when_it_closes() -> None:
    async def closes(it: Hall) -> None:
        view = await it.look(0)
        it.host.close()
        assert it.hear() == []
        del view

    run(closes)


def test_a_reader_that_says_nonsense_keeps_what_it_looks_at() -> None:
    async def nonsense(it: Hall) -> None:
        view = await it.look(0)
        side = it.guest._side
        assert side is not None
        side.send(Join(secret=SECRET))
        await until(lambda: it.lost, "the guest heard that it ended")
        it.host.settle()
        assert it.hear() == []
        assert it.host.stats().peers == 2
        assert it.put(1).token_for(it.peers[0], 0) == "away"
        del view
        await until(lambda: 0 in it.hear(), "it let go")
        await until(lambda: it.host.stats().peers == 1, "and is gone")

    run(nonsense)


def test_a_stranger_or_idle_reader_that_says_nonsense_is_gone_at_once() -> None:
    async def nonsense(it: Hall) -> None:
        side = it.guest._side
        assert side is not None
        side.send(Join(secret=SECRET))
        await until(lambda: it.lost and it.host.stats().peers == 1, "it is gone")
        assert side.fileno() < 0

    run(nonsense)


def test_a_host_that_says_nonsense_does_not_end_what_is_looked_at() -> None:
    async def nonsense(it: Hall) -> None:
        view = await it.look(0)
        it.peers[0].side.send(Drain(pool=POOL.pool))
        await until(lambda: it.lost, "the guest had enough")
        await asyncio.sleep(0)
        it.host.settle()
        assert it.hear() == []
        del view
        await until(lambda: 0 in it.hear(), "it let go")

    run(nonsense)


def test_a_retired_peer_is_told_nothing_and_heard_to_the_end() -> None:
    """Told too much that it does not read, its side would be full, and it would not be read either."""

    async def retires(it: Hall) -> None:
        first, second = await it.look(0), await it.look(1)
        it.guest.retire()
        it.host.retire(it.peers[0])
        it.host.retire(it.peers[1])
        it.heard.clear()
        del first
        await until(lambda: it.host.stats().leases.held == 1, "one was given back")
        assert it.hear() == []
        del second
        await until(lambda: it.host.stats().pools == 0, "the other too")
        assert it.hear() == []

    run(retires)


def test_a_closed_host_has_nothing_more_to_say() -> None:
    async def closes(it: Hall) -> None:
        held = it.put(0)
        it.sides.close()
        it.host.close()
        del held
        it.host.relieve()
        it.host.tick(10**18)
        assert it.host.stats().pools == 0

    run(closes)


def test_pools_are_forgotten_while_garbage_is_collected() -> None:
    """Finalizers that run in the middle of it drain pools too."""

    class Garbage:
        def __init__(self, it: Guest, pool: bytes) -> None:
            self.itself, self.it, self.pool = self, it, pool

        def __del__(self) -> None:
            self.it.drain(Drain(pool=self.pool))

    class Writer:
        def ready(self, pool: bytes) -> None: ...
        def refused(self, pool: bytes, reason: str) -> None: ...
        def freed(self, pool: bytes, slot: int, generation: int) -> None: ...
        def abandon(self) -> None: ...

    async def forgets(it: Hall) -> None:
        mine, other = Writer(), Writer()
        threshold = gc.get_threshold()
        try:
            for turn in range(50):
                names = [number.to_bytes(16) for number in range(40)]
                it.guest._pools.update(dict.fromkeys(names[:20], mine) | dict.fromkeys(names[20:], other))
                gc.disable()
                for name in names[15:25]:
                    Garbage(it.guest, name)
                gc.set_threshold(1 + turn)
                gc.enable()
                it.guest.forget(mine)
                gc.collect()
                assert sorted(it.guest._pools) == names[25:]
        finally:
            gc.set_threshold(*threshold)
            it.guest._pools.clear()

    run(forgets)


def test_a_child_fills_no_slot_of_its_parent() -> None:
    ends = BothEnds(Sharing(above_bytes=1))
    kept = ends.slot()
    ends.slot().fill([bytes(SIZE)])  # the next one that is taken, here as there
    child = os.fork()
    if not child:  # whatever happens, this must not go on with the tests
        try:
            slot = ends.pools.slot(SIZE)
            if slot is not None:
                slot.fill([b"c" * SIZE])
            os._exit(0 if slot is None and ends.pools.stats().not_shared["off"] == 1 else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert bytes(ends.slot().payload) == bytes(SIZE)
    del kept


def test_what_cannot_be_opened_is_given_back_all_the_same() -> None:
    """Else a writer whose pools are not what they seem could have its readers cut off."""
    ends = BothEnds(Sharing(above_bytes=1))
    token = sent(ends.slot())
    elsewhere = token._replace(pool=bytes(16))
    with pytest.raises(WireError, match="a pool that is here"):
        ends.attached.open(elsewhere)
    assert ends.released == [elsewhere[:3]]
    assert ends.attached.leases == 0


def test_a_line_that_was_broken_into_goes_on() -> None:
    def broken() -> None:
        raise KeyboardInterrupt

    line, done = Line(), list[int]()
    with line:
        line._waiting.append((broken, ()))
        line._lock.release()
        with pytest.raises(KeyboardInterrupt):
            line.__enter__()
        assert line._lock.acquire(blocking=False)
    line.put(done.append, 1)
    assert done == [1]
