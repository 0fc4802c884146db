"""A client's end of a side socket: pictures through it, and what its end, and the host's, leave behind."""

import asyncio
import gc
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.shm.both_ends import maps, pattern
from tests.shm.loops import MakeLoop, both_loops, run, until

from sightline.shm import guest as guest_module
from sightline.shm.guest import Guest, side_of
from sightline.shm.held import Held, Peer
from sightline.shm.host import Host, HostLimits
from sightline.shm.listening import Sides, abstract_listener, unix_listener
from sightline.shm.messages import Pool, Ready, Released
from sightline.shm.pool import Pools
from sightline.shm.segment import Segment
from sightline.shm.settings import Sharing
from sightline.shm.side import Side
from sightline.shm.token import Token

SIZE = 10_000
SHARING = Sharing(above_bytes=1000, slots=3)


class Hub:
    """A host in the running loop, and who came to it: the first byte of a secret is a name."""

    def __init__(self, limits: HostLimits | None = None) -> None:
        self.host = Host(limits)
        self.peers: dict[bytes, Peer] = {}
        self.sides = Sides(self.host, self._admit)
        name, listener = abstract_listener()
        self.sides.listen(listener)
        self.address = side_of(None, name)
        self.now_ns = 0

    def _admit(self, secret: bytes, peer: Peer) -> bool:
        self.peers[secret[:1]] = peer
        return secret[:1] != b"?"

    def tick(self, seconds: float) -> None:
        self.now_ns += int(seconds * 1e9)
        self.host.tick(self.now_ns)

    async def handed(self, held: Held, name: bytes) -> Token:
        """What the client of this name is sent, once it has the pool."""

        def token() -> Token | None:
            answer = held.token_for(self.peers.get(name), self.now_ns)
            return answer if isinstance(answer, Token) else None

        return await until(token, "the reader to be ready")

    def close(self) -> None:
        self.sides.close()
        self.host.close()


@contextmanager
def a_hub(limits: HostLimits | None = None) -> Iterator[Hub]:
    hub = Hub(limits)
    try:
        yield hub
    finally:
        hub.close()


class Client:
    """One that writes and reads."""

    def __init__(self, hub: Hub, name: bytes) -> None:
        self.name = name
        self.lost: list[str] = []
        self.guest = Guest(hub.address, name * 32, on_lost=self.lost.append)
        self.pools = self.new_pools()
        self._hub = hub

    def new_pools(self) -> Pools:
        pools = Pools(SHARING, lambda pool, fd: self.guest.announce(pools, pool, fd), self.guest.drain)
        return pools

    async def put(self, number: int) -> Held:
        """Picture `number`, which came to the hub."""
        slot = await until(lambda: self.pools.slot(SIZE), "a slot")
        slot.fill([pattern(number, SIZE).tobytes()])
        token = slot.token()
        slot.sent = True
        return self._hub.host.claim(self._hub.peers[self.name], token)

    def close(self) -> None:
        self.guest.retire()
        self.pools.close()


def is_picture(view: memoryview, number: int) -> bool:
    return bool(np.array_equal(np.frombuffer(view, np.uint8), pattern(number, SIZE)))


@both_loops
def test_pictures_go_from_client_to_client_and_slots_come_back(no_leaks: None, make_loop: MakeLoop) -> None:
    async def main() -> None:
        with a_hub() as hub:
            writer, reader = Client(hub, b"w"), Client(hub, b"r")
            for number in range(20):
                token = await hub.handed(await writer.put(number), b"r")
                assert is_picture(reader.guest.attached.open(token), number)
            await until(lambda: not hub.host.stats().leases.held, "all slots to be free")
            assert hub.host.stats().tokens == 20
            assert writer.pools.stats().shared == 20
            writer.close()
            reader.close()
            await until(lambda: not hub.host.stats().peers, "the ends of both")
            assert not writer.lost + reader.lost

    before = maps()
    run(make_loop, main())
    assert maps() == before


@both_loops
@pytest.mark.parametrize("where", ["loop", "thread", "later"])
def test_an_end_stays_open_until_nothing_is_looked_at(
    no_leaks: None, make_loop: MakeLoop, where: str
) -> None:
    """Also where the client's loop is gone by then."""
    ours: list[Any] = []

    async def client(address: str | bytes) -> None:
        reader = Guest(address, b"r" * 32)
        token = await until(lambda: ours and ours[0], "a token")
        await until(lambda: reader.attached._mapped, "the pool")
        view = reader.attached.open(token)
        assert is_picture(view, 5)
        reader.retire()
        reader.retire()
        ours.append(view)
        del view
        if where != "later":
            await until(lambda: len(ours) == 1, "the last look")

    async def main() -> None:
        with a_hub() as hub:
            writer = Client(hub, b"w")
            thread = threading.Thread(target=run, args=(make_loop, client(hub.address)))
            thread.start()
            held = await writer.put(5)
            ours.append(await hub.handed(held, b"r"))
            del held
            await until(lambda: len(ours) == 2, "the look")
            hub.host.retire(hub.peers[b"r"])  # as the hub does with the connection beside it
            if where == "later":
                await asyncio.to_thread(thread.join)
            hub.tick(10)
            await asyncio.sleep(0.05)
            assert hub.host.stats().leases.retired == 1
            assert is_picture(ours[1], 5)
            if where == "thread":
                await asyncio.to_thread(ours.pop)
            else:
                ours.pop()
            gc.collect()
            await until(lambda: hub.host.stats().peers == 1, "the end of the reader")
            assert not hub.host.stats().leases.held
            await asyncio.to_thread(thread.join)
            writer.close()

    run(make_loop, main())


@both_loops
@pytest.mark.parametrize("where", ["nowhere", "refused", "path"])
def test_where_there_is_no_side_bytes_go(
    no_leaks: None, make_loop: MakeLoop, where: str, tmp_path: Path
) -> None:
    async def main() -> None:
        with a_hub() as hub:
            addresses = {"nowhere": b"\0nobody", "refused": hub.address, "path": str(tmp_path / "a\0b")}
            lost: list[str] = []
            guest = Guest(addresses[where], b"?" * 32, on_lost=lost.append)
            assert not lost  # not from within
            await until(lambda: lost, "the loss to be told")
            assert len(lost) == 1
            pools = Pools(SHARING, lambda pool, fd: guest.announce(pools, pool, fd), guest.drain)
            assert pools.slot(SIZE) is None
            assert pools.stats().not_shared == {"off": 1}
            guest.retire()
            pools.close()

    run(make_loop, main())


@both_loops
def test_where_too_many_come_at_once_it_comes_again(
    no_leaks: None, make_loop: MakeLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        listener.bind(b"")
        listener.listen(0)
        address = listener.getsockname()
        first, second, third = (Guest(address, bytes([n]) * 32) for n in range(3))
        gone: list[str] = []
        monkeypatch.setattr(guest_module, "MOST_TRIES", 1)
        fourth = Guest(address, b"4" * 32, on_lost=gone.append)
        await until(lambda: gone, "one to give up")
        listener.setblocking(False)
        taken = [await until(lambda: accepted(listener), "all to come") for _ in range(3)]
        third.retire()
        for guest in (first, second, fourth):
            guest.retire()
        for sock in (*taken, listener):
            sock.close()

    run(make_loop, main())


def accepted(listener: socket.socket) -> socket.socket | None:
    try:
        return listener.accept()[0]
    except BlockingIOError:
        return None


@both_loops
def test_the_end_of_the_hub_abandons_the_pools_once(no_leaks: None, make_loop: MakeLoop) -> None:
    async def main() -> None:
        with a_hub() as hub:
            client = Client(hub, b"w")
            held = await client.put(1)
            waits = client.pools.slot(SIZE)
            assert waits is not None
            hub.close()
            await until(lambda: client.lost, "the loss")
            assert client.pools.stats().pools == 0
            assert client.pools.slot(SIZE) is None
            del held, waits
            client.close()
            assert len(client.lost) == 1

    run(make_loop, main())


@both_loops
def test_a_writer_that_is_done_leaves_no_pool(no_leaks: None, make_loop: MakeLoop) -> None:
    async def main() -> None:
        with a_hub() as hub:
            client = Client(hub, b"w")
            other = client.new_pools()
            await until(lambda: other.slot(SIZE), "the other's pool")
            held = await client.put(1)
            assert hub.host.stats().pools == 2
            client.guest.forget(client.pools)
            client.pools.close()
            hub.host.relieve()
            assert held.copy() == pattern(1, SIZE).tobytes()
            del held
            await until(lambda: hub.host.stats().pools == 1, "the pool to go")
            assert other.slot(SIZE) is not None
            other.close()
            client.close()

    run(make_loop, main())


@both_loops
def test_a_pool_that_cannot_be_mapped_is_refused(no_leaks: None, make_loop: MakeLoop) -> None:
    async def main() -> None:
        with a_hub() as hub:
            writer, reader = Client(hub, b"w"), Client(hub, b"r")
            held = await writer.put(1)
            segment = Segment.create(4096)
            mine = Pool(pool=held.token.pool, slots=1, slot_bytes=4096)
            reader.guest.attached.add(mine, os.dup(segment.fd))  # so that there can be no other of this name
            segment.close()
            await until(lambda: b"r" in hub.peers, "the reader")
            side = hub.peers[b"r"].side
            for bad in (Pool(pool=b"x" * 16, slots=1, slot_bytes=1), Ready(pool=b"?" * 16)):
                side.send(bad)
            await until(lambda: held.token_for(hub.peers[b"r"], 0) == "refused", "the reader's answer")
            assert held.copy() == pattern(1, SIZE).tobytes()
            assert not reader.lost
            writer.close()
            reader.close()

    run(make_loop, main())


@both_loops
def test_what_no_host_may_say_ends_it(no_leaks: None, make_loop: MakeLoop) -> None:
    async def main() -> None:
        with a_hub() as hub:
            client = Client(hub, b"w")
            await until(lambda: b"w" in hub.peers, "the client")
            hub.peers[b"w"].side.tell(Released, [(b"p" * 16, 1, 1)])
            await until(lambda: client.lost, "the end")
            assert "Released" in client.lost[0]
            client.close()

    run(make_loop, main())


@both_loops
def test_what_the_host_does_not_read_yet_is_not_lost(no_leaks: None, make_loop: MakeLoop) -> None:
    async def main() -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(guest_module, "_connected", lambda _address: ours)
            guest = Guest(b"", b"s" * 32)
        for number in range(2000):
            guest._release([(b"p" * 16, number % 256, number)])
        theirs.setblocking(False)
        numbers: list[int] = []

        def read() -> bool:
            for message, _ in host.receive():
                if isinstance(message, Released):
                    numbers.extend(generation for _, _, generation in message.slots)
            return len(numbers) == 2000

        host = Side(theirs)
        await until(read, "all that was released")
        assert numbers == list(range(2000))
        guest.retire()
        host.close()

    run(make_loop, main())


def started(script: str, address: bytes) -> subprocess.Popen[str]:
    arguments = [sys.executable, "-c", script, address[1:].decode()]
    return subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


READER = """
import asyncio, sys
from sightline.shm.guest import Guest
from sightline.shm.side import Side
from sightline.shm.token import Token

async def main():
    guest = Guest(b"\\0" + sys.argv[1].encode(), b"r" * 32)
    print("here", flush=True)
    line = await asyncio.to_thread(sys.stdin.readline)
    view = guest.attached.open(Token.unpacked(bytes.fromhex(line)))
    print(view[:4].hex(), flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


@both_loops
def test_a_reader_that_is_killed_gives_all_back_and_one_that_is_stopped_nothing(
    no_leaks: None, make_loop: MakeLoop
) -> None:
    async def main() -> None:
        with a_hub(HostLimits(most_retired=0)) as hub:
            assert isinstance(hub.address, bytes)
            writer = Client(hub, b"w")
            process = started(READER, hub.address)
            assert process.stdin is not None
            assert process.stdout is not None
            try:
                held = await writer.put(9)
                process.stdin.write((await hub.handed(held, b"r")).packed().hex() + "\n")
                process.stdin.flush()
                assert await asyncio.to_thread(process.stdout.readline) == "here\n"
                shown = await asyncio.to_thread(process.stdout.readline)
                assert shown.strip() == pattern(9, SIZE)[:4].tobytes().hex()
                os.kill(process.pid, signal.SIGSTOP)
                hub.tick(10)
                assert held.token_for(hub.peers[b"r"], hub.now_ns) == "cut_off"
                del held
                await asyncio.sleep(0.05)
                assert hub.host.stats().leases.held == 1
                process.kill()
                await until(lambda: hub.host.stats().peers == 1, "the end of the reader")
                assert hub.host.stats().leases.held == 0
            finally:
                process.kill()
                await asyncio.to_thread(process.communicate)
            writer.close()

    run(make_loop, main())


WRITER = """
import asyncio, sys
from sightline.shm.guest import Guest
from sightline.shm.pool import Pools
from sightline.shm.settings import Sharing

async def main():
    guest = Guest(b"\\0" + sys.argv[1].encode(), b"w" * 32)
    pools = Pools(Sharing(above_bytes=1, slots=3), lambda *pool: guest.announce(pools, *pool), guest.drain)
    while (slot := pools.slot(4)) is None:
        await asyncio.sleep(0.01)
    slot.fill([b"seen"])
    slot.sent = True
    print(slot.token().packed().hex(), flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


@both_loops
def test_what_a_killed_writer_left_is_seen_to_the_end(no_leaks: None, make_loop: MakeLoop) -> None:
    async def main() -> None:
        with a_hub() as hub:
            assert isinstance(hub.address, bytes)
            reader = Client(hub, b"r")
            process = started(WRITER, hub.address)
            assert process.stdout is not None
            try:
                line = await asyncio.to_thread(process.stdout.readline)
            finally:
                process.kill()
                await asyncio.to_thread(process.communicate)
            await until(lambda: hub.host.stats().peers == 1, "the end of the writer")
            held = hub.host.claim(hub.peers[b"w"], Token.unpacked(bytes.fromhex(line)))
            hub.host.retire(hub.peers[b"w"])  # as the hub does once it has read its connection to the end
            view = reader.guest.attached.open(await hub.handed(held, b"r"))
            del held
            assert bytes(view) == b"seen"
            assert hub.host.stats().pools == 1
            del view
            await until(lambda: not hub.host.stats().pools, "the pool to go")
            reader.close()

    before = maps()
    run(make_loop, main())
    assert maps() == before


def test_a_side_is_beside_its_hub_or_has_a_name_in_no_file_system(tmp_path: Path) -> None:
    assert side_of("/run/hub", b"") == "/run/hub.side"
    assert side_of(None, b"name") == b"\0name"
    with unix_listener(side_of(str(tmp_path / "hub"), b"")):  # type: ignore[arg-type]
        assert (tmp_path / "hub.side").is_socket()
