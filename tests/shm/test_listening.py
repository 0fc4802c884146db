"""Where a host's peers come to: who gets in, for how long strangers are borne, and what full sockets do."""

import asyncio
import contextlib
import errno
import gc
import os
import resource
import socket
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from tests.shm.company import Shop
from tests.shm.loops import MakeLoop, both_loops, run, until
from tools.services.waiting import wait_for

from sightline.shm import listening
from sightline.shm.held import Peer
from sightline.shm.host import Host, HostLimits
from sightline.shm.listening import MOST_STRANGERS, Sides, abstract_listener, unix_listener
from sightline.shm.messages import Join, Pool, Ready, Refused, SideMessage
from sightline.shm.side import Side

SECRET = b"s" * 32
JOIN = Join(secret=SECRET)
encode = msgspec.msgpack.Encoder().encode


class Door:
    """A host that listens, in the running loop."""

    def __init__(self, limits: HostLimits | None = None) -> None:
        self.host = Host(limits)
        self.peers: list[Peer] = []
        self.sides = Sides(self.host, self._admit)
        name, listener = abstract_listener()
        self.sides.listen(listener)
        self.address = b"\0" + name

    def _admit(self, secret: bytes, peer: Peer) -> bool:
        if secret == SECRET:
            self.peers.append(peer)
        return secret == SECRET

    def knock(self) -> Side:
        """Somebody's end, which has not said anything yet."""
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            sock.connect(self.address)
        except OSError:
            sock.close()
            raise
        return Side(sock)

    def close(self) -> None:
        self.sides.close()
        self.host.close()


@contextlib.contextmanager
def a_door(limits: HostLimits | None = None) -> Iterator[Door]:
    door = Door(limits)
    try:
        yield door
    finally:
        door.close()


def heard(side: Side) -> list[SideMessage]:
    return [message for message, _ in side.receive()]


def is_out(side: Side) -> bool:
    heard(side)
    return side.ended


def unanswered(side: Side, door: Door) -> Peer | None:
    """A peer for which answers wait, after `side` asked for more."""
    side.flush()
    return next((peer for peer in door.peers if peer.side.unsent), None)


def fds() -> int:
    gc.collect()
    return len(list(Path("/proc/self/fd").iterdir()))


@both_loops
def test_whoever_shows_its_secret_is_in_and_may_go_on_at_once(no_leaks: None, make_loop: MakeLoop) -> None:
    async def main() -> None:
        with a_door() as door:
            client, shop = door.knock(), Shop()
            client.send(JOIN)
            client.send(shop.said, shop.segment.fd)
            assert await until(lambda: heard(client), "an answer") == [Ready(pool=shop.said.pool)]
            assert len(door.peers) == 1
            client.close()
            await until(lambda: not door.host.stats().peers, "the end of the peer")
            shop.segment.close()

    run(make_loop, main())


@both_loops
@pytest.mark.parametrize(
    "first",
    [
        encode(Join(secret=b"?" * 32)),
        encode(Ready(pool=b"p" * 16)),
        encode(Pool(pool=b"p" * 16, slots=1, slot_bytes=1)),
        encode({"is": "Join", "secret": b"short"}),
        b"\xc1",
        b"x" * 5000,
        b"",
    ],
)
def test_whoever_does_not_is_out(no_leaks: None, make_loop: MakeLoop, first: bytes) -> None:
    async def main() -> None:
        with a_door() as door:
            good, bad = door.knock(), socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            good.send(JOIN)
            await until(lambda: door.peers, "the other to be in")
            before = fds()
            bad.connect(door.address)
            socket.send_fds(bad, [first], [0])
            stranger = Side(bad)
            await until(lambda: is_out(stranger), "the end of the stranger")
            assert len(door.peers) == 1
            wait_for(lambda: fds() == before, 10, "descriptors to be closed")
            assert not is_out(good)
            good.close()
            stranger.close()

    run(make_loop, main())


@both_loops
def test_a_stranger_that_says_nothing_is_out_in_time(
    no_leaks: None, make_loop: MakeLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "JOIN_S", 0.1)

    async def main() -> None:
        with a_door() as door:
            silent, good = door.knock(), door.knock()
            good.send(JOIN)
            await until(lambda: is_out(silent), "the end of the stranger")
            assert not is_out(good)
            silent.close()
            good.close()

    run(make_loop, main())


@both_loops
def test_of_too_many_strangers_the_most_silent_goes(no_leaks: None, make_loop: MakeLoop) -> None:
    async def main() -> None:
        with a_door() as door:
            strangers = [door.knock() for _ in range(MOST_STRANGERS)]
            good = door.knock()
            good.send(JOIN)
            await until(lambda: door.peers, "one to be in")
            assert is_out(strangers[0])
            assert not any(map(is_out, strangers[1:]))
            strangers[1].send(JOIN)
            await until(lambda: len(door.peers) == 2, "another to be in")
            for side in (*strangers, good):
                side.close()

    run(make_loop, main())


@both_loops
def test_there_are_no_more_peers_than_may_be(no_leaks: None, make_loop: MakeLoop) -> None:
    async def main() -> None:
        with a_door(HostLimits(peers=1)) as door:
            first, second = door.knock(), door.knock()
            first.send(JOIN)
            second.send(JOIN)
            await until(lambda: is_out(second), "the end of the second")
            assert not is_out(first)
            first.close()
            second.close()

    run(make_loop, main())


@both_loops
def test_whoever_reads_no_answers_is_not_read_until_it_does(no_leaks: None, make_loop: MakeLoop) -> None:
    asked = 5000
    bad = Pool(pool=b"p" * 16, slots=1, slot_bytes=1)

    async def main() -> None:
        with a_door() as door:
            rude, good = door.knock(), door.knock()
            rude.send(JOIN)
            good.send(JOIN)
            for _ in range(asked):
                rude.send(bad)
            await until(lambda: len(door.peers) == 2, "both to be in")
            rude_peer = await until(lambda: unanswered(rude, door), "answers to wait")
            for _ in range(50):
                rude.flush()
                await asyncio.sleep(0)
            assert 0 < rude_peer.side.unsent <= 2 * 64
            assert door.host.stats().refused_pools < 2000

            answers = 0
            while answers < asked:
                answers += len(await until(lambda: heard(rude), "answers"))
                rude.flush()
            assert answers == asked
            await until(lambda: not rude_peer.side.unsent, "the last answer")
            good.send(bad)
            assert isinstance((await until(lambda: heard(good), "an answer"))[0], Refused)
            rude.close()
            good.close()
            await until(lambda: not door.host.stats().peers, "the end of both")

    run(make_loop, main())


@both_loops
def test_whoever_waits_for_answers_and_ends_is_gone(no_leaks: None, make_loop: MakeLoop) -> None:
    async def main() -> None:
        with a_door() as door:
            rude = door.knock()
            rude.send(JOIN)
            for _ in range(1000):
                rude.send(Pool(pool=b"p" * 16, slots=1, slot_bytes=1))
            await until(lambda: unanswered(rude, door), "answers to wait")
            rude.close()
            await until(lambda: not door.host.stats().peers, "the end of the peer")

    run(make_loop, main())


@both_loops
def test_without_descriptors_nobody_is_taken_in_until_there_are_some(
    no_leaks: None, make_loop: MakeLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "PAUSE_S", 0.05)

    async def main() -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        with a_door() as door:
            client = door.knock()
            client.send(JOIN)
            lowest_free = os.dup(0)
            os.close(lowest_free)
            resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, hard))
            try:
                await asyncio.sleep(0.2)
                assert not door.peers
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            await until(lambda: door.peers, "the peer to be in")
            client.close()

    run(make_loop, main())


@both_loops
def test_all_sides_end_with_the_door(no_leaks: None, make_loop: MakeLoop) -> None:
    async def main() -> None:
        with a_door() as door:
            peer, stranger = door.knock(), door.knock()
            peer.send(JOIN)
            await until(lambda: door.peers, "one to be in")
        assert is_out(peer)
        assert is_out(stranger)
        door.sides.close()
        with pytest.raises(ConnectionRefusedError):
            door.knock()
        peer.close()
        stranger.close()

    run(make_loop, main())


def test_a_path_is_for_its_owner_alone_and_goes_with_the_listener(tmp_path: Path) -> None:
    place = tmp_path / "hub.side"
    with unix_listener(str(place)) as listener:
        assert listener.type == socket.SOCK_SEQPACKET
        assert place.stat().st_mode & 0o777 == 0o600
        with pytest.raises(OSError, match="another answers") as caught, unix_listener(str(place)):
            pass
        assert caught.value.errno == errno.EADDRINUSE
    assert not place.exists()


def test_a_path_that_a_dead_one_left_is_taken(tmp_path: Path) -> None:
    place = tmp_path / "hub.side"
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as dead:
        dead.bind(str(place))
    with unix_listener(str(place)):
        place.unlink()
        place.write_text("somebody else's")
    assert place.exists()
    with pytest.raises(OSError), unix_listener(str(place)):  # noqa: PT011 - no socket: it stays as it is
        pass
    assert place.read_text() == "somebody else's"


def test_a_path_that_is_too_long_is_told(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="too long"), unix_listener(str(tmp_path / ("x" * 200))):
        pass


def test_names_in_no_file_system_are_made_up(no_leaks: None) -> None:
    (first, one), (second, other) = abstract_listener(), abstract_listener()
    assert first != second
    assert first.startswith(b"sightline-hub-")
    one.close()
    other.close()
