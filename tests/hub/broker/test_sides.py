"""The side sockets of a hub that runs: who is told of them, who gets in, and what is left of them."""

import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Self

import msgspec
import psutil
import pytest
from tests.conftest import WaitFor, missing
from tests.hub.broker.raw import PATIENCE_S, RawClient

from sightline.hub.broker.server import StreamServer
from sightline.hub.broker.statistics import HubStats
from sightline.hub.settings import ChannelSettings
from sightline.hub.wire.control import Failure, OpenWriter, Statistics, Subscribe, Welcome
from sightline.hub.wire.header import SHARED, Kind
from sightline.shm.messages import Drain, Freed, Gone, Join, Pool, Ready, Released, SideMessage
from sightline.shm.segment import Segment
from sightline.shm.token import Token, check_of

POOL = bytes(range(16))
PAGE = 4096
PICTURE = b"picture" * 100
TOKEN = Token(POOL, 1, 0, len(PICTURE), check_of(memoryview(PICTURE)))
AGAIN = TOKEN._replace(generation=1)
MUCH = 2**40


def welcome_of(client: RawClient) -> Welcome:
    return msgspec.msgpack.decode(client.welcome.body, type=Welcome)


class Side:
    """The other end of a hub's side socket, with nothing of the package's clients."""

    def __init__(self, address: str | bytes) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(PATIENCE_S)
        self.socket.connect(address)

    @classmethod
    def of(cls, client: RawClient) -> Self:
        """Joined to this client, which came over TCP."""
        welcome = welcome_of(client)
        assert welcome.share is not None
        side = cls(b"\0" + welcome.side)
        side.say(Join(welcome.share))
        return side

    def say(self, message: SideMessage, *fds: int) -> None:
        socket.send_fds(self.socket, [msgspec.msgpack.encode(message)], fds)

    def hear(self) -> SideMessage:
        data, fds, _, _ = socket.recv_fds(self.socket, 4096, 1)
        for fd in fds:
            os.close(fd)
        return msgspec.msgpack.decode(data, type=SideMessage)  # type: ignore[no-any-return]

    def is_ended(self) -> bool:
        """Waits for the end."""
        return not self.socket.recv(4096)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        self.socket.close()


def stats_of(client: RawClient) -> HubStats:
    return msgspec.convert(client.ask(Statistics()), HubStats)


def announced(side: Side, payload: bytes = PICTURE) -> SideMessage:
    """What the hub says to a pool of three pages, with `payload` in the second."""
    segment = Segment.create(3 * PAGE)
    segment.memory[PAGE : PAGE + len(payload)] = payload
    side.say(Pool(POOL, 3, PAGE, segment.sealed), segment.fd)
    segment.close()
    return side.hear()


class TestWhoIsTold:
    def test_over_tcp_a_name_that_nobody_can_guess(self, no_leaks: None) -> None:
        names = set()
        for _ in range(2):
            with (
                StreamServer(port=0) as hub,
                RawClient(hub.port, shares=True) as client,
                Side.of(client),
            ):
                names.add(welcome_of(client).side)
        assert len(names) == 2

    def test_over_a_unix_socket_the_path_beside_it(self, no_leaks: None, tmp_path: Path) -> None:
        path = tmp_path / "hub"
        with StreamServer(None, unix_path=str(path)) as hub:
            beside = tmp_path / "hub.side"
            assert stat.S_IMODE(beside.stat().st_mode) == 0o600
            with RawClient(str(path), shares=True) as client, Side(str(beside)) as side:
                welcome = welcome_of(client)
                assert welcome.share is not None
                assert welcome.side == b""
                side.say(Join(welcome.share))
                assert isinstance(announced(side), Ready)
            with RawClient(str(path)) as client:
                assert welcome_of(client).share is None
            hub.stop()
            assert not beside.exists()

    def test_nobody_who_comes_from_elsewhere(self, no_leaks: None) -> None:
        """From another address of this machine, as the hub sees it."""
        addresses = [
            address.address
            for interface in psutil.net_if_addrs().values()
            for address in interface
            if address.family == socket.AF_INET and not address.address.startswith("127.")
        ]
        if not addresses:
            missing("no address of this machine but its own")
        with StreamServer("0.0.0.0", 0, token="t") as hub:
            client = RawClient(hub.port, greet=False)
            client.socket.close()
            client.socket = socket.create_connection((addresses[0], hub.port), timeout=PATIENCE_S)
            with client:
                client.hello("far", "t", shares=True)
                assert welcome_of(client).share is None

    def test_nobody_where_the_settings_say_so(self, no_leaks: None, tmp_path: Path) -> None:
        path = tmp_path / "hub"
        with (
            StreamServer(port=0, unix_path=str(path), sharing=False) as hub,
            RawClient(hub.port, shares=True) as client,
        ):
            assert welcome_of(client).share is None
            assert not (tmp_path / "hub.side").exists()

    def test_a_path_that_has_no_room_for_another_beside_it_is_done_without(
        self, no_leaks: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        path = "h" * 105  # unix(7): 108 bytes, the last one 0
        with StreamServer(None, unix_path=path), RawClient(path, shares=True) as client:
            assert welcome_of(client).share is None

    def test_what_a_dead_hub_left_is_replaced(self, no_leaks: None, tmp_path: Path) -> None:
        path = tmp_path / "hub"
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as dead:
            dead.bind(str(tmp_path / "hub.side"))
        with StreamServer(None, unix_path=str(path)), RawClient(str(path), shares=True) as client:
            assert welcome_of(client).share is not None


class Ends(NamedTuple):
    """A writer and a reader of one channel, with their side sockets; the hub has the writer's pool."""

    writer: RawClient
    given: Side
    reader: RawClient
    got: Side
    channel: int

    def share(self, token: Token) -> None:
        self.writer.send(
            Kind.DATA,
            token.packed(),
            flags=SHARED,
            channel=self.channel,
            messages=1,
            seq=token.generation,
        )

    def map(self) -> None:
        """The first message, which goes as bytes; then the reader has the pool as well."""
        self.share(TOKEN)
        first = self.reader.next_of(Kind.DATA)
        assert (first.head.flags, bytes(first.body)) == (0, PICTURE), "the reader has no memory yet"
        assert self.got.hear() == Pool(POOL, 3, PAGE)
        assert self.given.hear() == Freed([TOKEN[:3]])
        self.got.say(Ready(POOL))
        assert stats_of(self.reader).shared is not None, "the hub has heard it"


@pytest.fixture
def hub(no_leaks: None) -> Iterator[StreamServer]:
    with StreamServer(port=0) as hub:
        yield hub


@pytest.fixture
def ends(hub: StreamServer) -> Iterator[Ends]:
    with (
        RawClient(hub.port, "w", shares=True) as writer,
        RawClient(hub.port, "r", shares=True) as reader,
        Side.of(writer) as given,
        Side.of(reader) as got,
    ):
        channel = writer.ask(OpenWriter(name="c", create=ChannelSettings(keep=True)))["channel"]
        assert reader.ask(Subscribe(number=1, names=("c",))) is None
        reader.send(Kind.CREDIT, channel=1, seq=100, time_ns=MUCH)
        assert announced(given) == Ready(POOL)
        yield Ends(writer, given, reader, got, channel)


class TestOverSockets:
    """What the page of the protocol says, said by somebody else."""

    def test_a_payload_stays_where_it_is(self, ends: Ends) -> None:
        ends.map()
        ends.share(AGAIN)
        frame = ends.reader.next_of(Kind.DATA)
        assert (frame.head.flags, bytes(frame.body)) == (SHARED, AGAIN.packed())
        ends.got.say(Released([AGAIN[:3]]))
        assert ends.given.hear() == Freed([AGAIN[:3]])
        ends.given.say(Drain(POOL))
        assert ends.got.hear() == Gone(POOL)

    def test_what_is_looked_at_is_not_freed_before_the_side_socket_ends(
        self, ends: Ends, wait_for: WaitFor
    ) -> None:
        ends.map()
        ends.share(AGAIN)
        assert ends.reader.next_of(Kind.DATA).head.flags == SHARED
        ends.reader.close()
        wait_for(lambda: stats_of(ends.writer).connections == 1, PATIENCE_S, "the reader's connection to end")
        shared = stats_of(ends.writer).shared
        assert shared is not None
        assert shared.leases.open == 1
        ends.got.socket.close()
        assert ends.given.hear() == Freed([AGAIN[:3]])

    def test_what_is_looked_at_for_long_is_counted_and_not_freed(self, ends: Ends, wait_for: WaitFor) -> None:
        ends.map()
        ends.share(AGAIN)
        assert ends.reader.next_of(Kind.DATA).head.flags == SHARED

        def retired() -> int:
            shared = stats_of(ends.reader).shared
            return 0 if shared is None else shared.leases.retired

        wait_for(retired, PATIENCE_S, "the lease to run out")
        ends.got.say(Released([AGAIN[:3]]))
        assert ends.given.hear() == Freed([AGAIN[:3]])
        assert retired() == 0

    def test_the_end_of_a_side_socket_ends_no_connection(self, ends: Ends, wait_for: WaitFor) -> None:
        ends.map()
        ends.got.socket.close()
        wait_for(lambda: _peers(ends.reader) == 1, PATIENCE_S, "the side socket to end")
        ends.share(AGAIN)
        frame = ends.reader.next_of(Kind.DATA)
        assert (frame.head.flags, bytes(frame.body)) == (0, PICTURE)

    def test_a_secret_that_was_told_to_nobody_opens_nothing(self, hub: StreamServer) -> None:
        with RawClient(hub.port, shares=True) as client:
            with Side(b"\0" + welcome_of(client).side) as side:
                side.say(Join(bytes(32)))
                assert side.is_ended()
            with Side.of(client) as side:
                assert announced(side) == Ready(POOL)

    def test_a_token_that_stands_for_nothing_ends_its_sender_alone(self, ends: Ends) -> None:
        ends.share(TOKEN._replace(slot=3))
        failure = msgspec.msgpack.decode(ends.writer.next_of(Kind.ERROR).body, type=Failure)
        assert "a slot below 3, got 3" in failure.message
        assert stats_of(ends.reader).refused == {"malformed": 1}


def _peers(client: RawClient) -> int:
    shared = stats_of(client).shared
    assert shared is not None
    return shared.peers
