"""A hub on real sockets: as a process, within a loop, over TCP, Unix sockets and TLS, and what it refuses."""

import asyncio
import os
import shutil
import signal
import socket
import ssl
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec
import psutil
import pytest
from tests.conftest import WaitFor, missing
from tests.hub.broker.raw import RawClient, connected

from sightline.errors import ConfigError
from sightline.hub.broker.listeners import hub_listener
from sightline.hub.broker.loops import new_loop
from sightline.hub.broker.server import StreamServer
from sightline.hub.broker.statistics import HubStats
from sightline.hub.settings import ChannelSettings, Limits
from sightline.hub.wire.control import (
    Attach,
    Code,
    Failure,
    ListClients,
    OpenWriter,
    Serve,
    Statistics,
    Subscribe,
)
from sightline.hub.wire.header import HEAD_BYTES, Head, Kind

MUCH = 2**40
LOOPS = [new_loop, asyncio.SelectorEventLoop]


@pytest.fixture
def hub(no_leaks: None) -> Iterator[StreamServer]:
    with StreamServer(port=0, limits=Limits(handshake_s=0.5)) as server:
        yield server


def stats_of(client: RawClient) -> HubStats:
    return msgspec.convert(client.ask(Statistics()), HubStats)


def pair(address: int | str, payload: bytes) -> bytes:
    """What a reader gets of a payload that a writer sends through the hub at `address`."""
    with RawClient(address, "writer") as writer, RawClient(address, "reader") as reader:
        channel = writer.ask(OpenWriter(name="c", create=ChannelSettings()))["channel"]
        assert reader.ask(Subscribe(number=1, names=("c",))) is None
        reader.send(Kind.CREDIT, channel=1, seq=10, time_ns=MUCH)
        sending = threading.Thread(
            target=lambda: writer.send(Kind.DATA, payload, channel=channel, messages=1), daemon=True
        )
        sending.start()
        frame = reader.next_of(Kind.DATA)
        sending.join()
        assert writer.next_of(Kind.ACK).head.seq == 1
        return bytes(frame.body)


class TestProcess:
    def test_it_is_ready_when_start_returns_and_tells_its_port(self, hub: StreamServer) -> None:
        assert hub.is_alive()
        assert hub.pid != os.getpid()
        assert hub.port > 0
        assert hub.url == f"hub://127.0.0.1:{hub.port}"
        assert pair(hub.port, b"hello") == b"hello"

    def test_it_can_be_stopped_and_started_again(self, no_leaks: None) -> None:
        server = StreamServer(port=0)
        server.start()
        server.start()
        first, port = server.pid, server.port
        server.stop()
        server.stop()
        assert not server.is_alive()
        server.start()
        assert server.pid != first
        assert server.port == port, "its clients look for it there"
        RawClient(server.port, "anna").close()
        server.stop()

    def test_clients_are_told_that_it_stops(self, hub: StreamServer) -> None:
        with RawClient(hub.port, "anna") as client:
            hub.stop()
            client.next_of(Kind.BYE)
            assert client.is_closed_by_the_hub()

    def test_a_port_in_use_is_told(self, hub: StreamServer) -> None:
        with pytest.raises(ConfigError, match=f"port {hub.port} of 127.0.0.1 is in use"):
            StreamServer(port=hub.port).start()

    def test_it_ends_with_its_parent_however_that_ends(self, wait_for: WaitFor) -> None:
        script = (
            "import sys, time\n"
            "from sightline.hub.broker.server import StreamServer\n"
            "server = StreamServer(port=0)\n"
            "server.start()\n"
            "print(server.pid, flush=True)\n"
            "time.sleep(60)\n"
        )
        with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as parent:
            assert parent.stdout is not None
            pid = int(parent.stdout.readline())
            assert psutil.pid_exists(pid)
            parent.kill()
        wait_for(lambda: not psutil.pid_exists(pid), 10, "the hub to end")

    def test_it_ends_when_asked_by_a_signal(self, hub: StreamServer) -> None:
        assert hub.pid is not None
        os.kill(hub.pid, signal.SIGTERM)
        hub.join(10)
        assert not hub.is_alive()

    def test_its_token_is_in_no_list_of_processes(self, no_leaks: None) -> None:
        with StreamServer(port=0, token="open sesame") as server:
            process = psutil.Process(server.pid)
            assert "open sesame" not in " ".join(process.cmdline())
            assert "open sesame" not in str(process.environ())

    def test_a_process_that_says_nothing_in_time_is_ended(
        self, no_leaks: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(
            "sightline.hub.broker.process.COMMAND", (sys.executable, "-c", "input(); input()")
        )
        server = StreamServer(port=0)
        with pytest.raises(TimeoutError, match=r"0\.5 s"):
            server.start(timeout_s=0.5)
        assert not server.is_alive()


class TestSockets:
    @pytest.mark.parametrize("size", [0, 100, 70_000, 6_220_800, 16 * 2**20])
    def test_a_message_of_any_size_comes_through(self, hub: StreamServer, size: int) -> None:
        payload = os.urandom(size)
        assert pair(hub.port, payload) == payload

    @pytest.mark.parametrize("make_loop", LOOPS)
    def test_it_runs_within_any_loop_on_both_kinds_of_sockets(
        self, make_loop: Callable[[], asyncio.AbstractEventLoop], tmp_path: Path
    ) -> None:
        path = str(tmp_path / "hub")

        async def both() -> None:
            async with StreamServer(port=0, unix_path=path) as server:
                for address in (server.port, path):
                    payload = os.urandom(3_000_000)
                    assert await asyncio.to_thread(pair, address, payload) == payload

        with asyncio.Runner(loop_factory=make_loop) as runner:
            runner.run(both())

    def test_serve_runs_until_it_is_cancelled(self, wait_for: WaitFor) -> None:
        async def serving() -> None:
            server = StreamServer(port=0)
            task = asyncio.create_task(server.serve())
            port = await asyncio.to_thread(wait_for, lambda: server.port, 10, "the hub to listen")
            (await asyncio.to_thread(RawClient, port, "anna")).close()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            with pytest.raises(ConnectionRefusedError):
                await asyncio.to_thread(connected, port)

        asyncio.run(serving())

    def test_a_unix_socket_is_this_users_alone_and_goes_with_the_hub(
        self, no_leaks: None, tmp_path: Path
    ) -> None:
        path = tmp_path / "hub"
        with StreamServer(None, unix_path=str(path)) as server:
            assert server.url == f"hub://{path}"
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            assert pair(str(path), b"x") == b"x"
            with pytest.raises(ConfigError, match="another hub answers there"):
                StreamServer(None, unix_path=str(path)).start()
            assert pair(str(path), b"x") == b"x"
        assert not path.exists()

    def test_a_socket_file_that_a_dead_hub_left_is_replaced(self, no_leaks: None, tmp_path: Path) -> None:
        path = tmp_path / "hub"
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(path))
        with StreamServer(None, unix_path=str(path)):
            assert pair(str(path), b"x") == b"x"

    def test_a_hub_that_is_about_to_listen_is_not_taken_for_a_dead_one(self, tmp_path: Path) -> None:
        path = str(tmp_path / "hub")
        with hub_listener(path):
            with pytest.raises(ConfigError, match="another hub answers there"), hub_listener(path):
                pass
            connected(path).close()

    def test_a_file_that_is_no_socket_is_left_alone(self, no_leaks: None, tmp_path: Path) -> None:
        path = tmp_path / "precious"
        path.write_text("data")
        with pytest.raises(ConfigError, match="precious"):
            StreamServer(None, unix_path=str(path)).start()
        assert path.read_text() == "data"

    def test_a_call_goes_through_while_large_messages_do(self, hub: StreamServer) -> None:
        with (
            RawClient(hub.port, "writer") as writer,
            RawClient(hub.port, "both") as both,
            RawClient(hub.port, "callee") as callee,
        ):
            channel = writer.ask(OpenWriter(name="c", create=ChannelSettings()))["channel"]
            both.ask(Subscribe(number=1, names=("c",)))
            both.send(Kind.CREDIT, channel=1, seq=100, time_ns=MUCH)
            callee.ask(Serve(description=b""))
            service = both.ask(Attach(name="callee"))["number"]
            payload = bytes(6_220_800)

            def write() -> None:
                for seq in range(8):
                    writer.send(Kind.DATA, payload, channel=channel, messages=1, seq=seq)

            sending = threading.Thread(target=write)
            sending.start()
            both.send(Kind.CALL, b"\x01", channel=service, seq=77)
            asked = callee.next_of(Kind.CALL)
            callee.send(Kind.REPLY, b"\x02", seq=asked.head.seq)
            first = both.next_of(Kind.REPLY, Kind.DATA)
            frames = [first] if first.head.kind == Kind.DATA else []
            while len(frames) < 8:
                frame = both.next_of(Kind.DATA, Kind.REPLY)
                frames += [frame] if frame.head.kind == Kind.DATA else []
            sending.join()
            assert [frame.head.seq for frame in frames] == list(range(8))

    def test_a_reader_that_stands_still_costs_bounded_memory_and_slows_nobody(
        self, hub: StreamServer
    ) -> None:
        with (
            RawClient(hub.port, "writer") as writer,
            RawClient(hub.port, "still") as still,
            RawClient(hub.port, "fast") as fast,
        ):
            channel = writer.ask(OpenWriter(name="c", create=ChannelSettings()))["channel"]
            for reader in (still, fast):
                reader.ask(Subscribe(number=1, names=("c",)))
                reader.send(Kind.CREDIT, channel=1, seq=10_000, time_ns=MUCH)
            process = psutil.Process(hub.pid)
            payload = bytes(1_000_000)
            for seq in range(300):
                writer.send(Kind.DATA, payload, channel=channel, messages=1, seq=seq)
                assert fast.next_of(Kind.DATA).head.seq == seq
            assert process.memory_info().rss < 300 * 2**20
            feeds = {feed.client: feed for feed in stats_of(fast).feeds}
            assert feeds["still"].buffer.dropped["overflow"] > 150
            assert feeds["fast"].buffer.dropped == {}


class TestSafety:
    @pytest.mark.parametrize(
        "garbage",
        [
            b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: none at all\r\n\r\n",
            b"\x00" * 200,
            b"\xff" * 200,
            Head(5000, Kind.HELLO).packed(),
            Head(2**31, Kind.DATA, messages=1).packed(),
        ],
    )
    def test_garbage_closes_its_sender_and_harms_nobody(self, hub: StreamServer, garbage: bytes) -> None:
        with RawClient(hub.port, "good") as good, RawClient(hub.port, greet=False) as bad:
            bad.socket.sendall(garbage)
            assert bad.is_closed_by_the_hub()
            assert stats_of(good).refused == {"malformed": 1}

    def test_a_message_beyond_the_limit_is_refused_before_it_comes(self, no_leaks: None) -> None:
        with (
            StreamServer(port=0, limits=Limits(message_bytes=1000)) as server,
            RawClient(server.port, "good") as good,
            RawClient(server.port, "bad") as bad,
        ):
            channel = bad.ask(OpenWriter(name="c", create=ChannelSettings()))["channel"]
            bad.socket.sendall(Head(100_000, Kind.DATA, messages=1, channel=channel).packed())
            assert bad.is_closed_by_the_hub()
            assert stats_of(good).refused == {"malformed": 1}

    def test_a_slow_handshake_is_cut(self, hub: StreamServer) -> None:
        began_s = time.monotonic()
        with RawClient(hub.port, "good") as good, RawClient(hub.port, greet=False) as slow:
            slow.socket.sendall(Head(100, Kind.HELLO).packed()[: HEAD_BYTES // 2])
            assert slow.is_closed_by_the_hub()
            assert 0.3 < time.monotonic() - began_s < 5
            assert stats_of(good).refused == {"handshake_time": 1}

    def test_without_the_token_nobody_comes_in(self, no_leaks: None) -> None:
        with StreamServer(port=0, token="open sesame") as server:
            for token in (None, "open barley"):
                with RawClient(server.port, "thief", token=token) as thief:
                    failure = msgspec.msgpack.decode(thief.welcome.body, type=Failure)
                    assert failure.code == Code.DENIED
                    assert thief.is_closed_by_the_hub()
            with RawClient(server.port, "anna", token="open sesame") as anna:
                assert anna.welcome.head.kind == Kind.WELCOME
                assert [client["name"] for client in anna.ask(ListClients())] == ["anna"]

    @pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "camera.example"])
    def test_open_to_a_network_it_needs_a_token_or_certificates(self, host: str) -> None:
        with pytest.raises(ConfigError, match="token="):
            StreamServer(host, 0)
        assert StreamServer(host, 0, token="t").host == host

    @pytest.mark.parametrize(
        ("wrong", "message"),
        [
            ({"host": None}, "host, a unix_path or both"),
            ({"port": 70_000}, "port of 0 to 65535"),
            ({"tls_certificate": "a.pem"}, "together"),
            ({"tls_client_ca": "ca.pem"}, "needs tls_certificate"),
            ({"token": ""}, "not empty"),
        ],
    )
    def test_wrong_settings_are_refused_at_once(self, wrong: dict[str, object], message: str) -> None:
        with pytest.raises(ConfigError, match=message):
            StreamServer(**wrong)  # type: ignore[arg-type]

    def test_a_host_that_is_not_this_machine_is_told(self, no_leaks: None) -> None:
        with pytest.raises(ConfigError, match=r"192\.0\.2\.1"):
            StreamServer("192.0.2.1", 0, token="t").start()

    def test_certificates_that_cannot_be_read_are_told(self, no_leaks: None, tmp_path: Path) -> None:
        missing = str(tmp_path / "missing.pem")
        with pytest.raises(ConfigError, match="certificate files"):
            StreamServer(port=0, tls_certificate=missing, tls_key=missing).start()


class Papers(NamedTuple):
    """Files in PEM form."""

    authority: Path
    certificate: Path
    key: Path


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    """An authority, and a certificate of it for 127.0.0.1, which a hub and a client may show."""
    openssl = shutil.which("openssl")
    if openssl is None:
        missing("openssl: not found")
    folder = tmp_path_factory.mktemp("papers")
    found = Papers(folder / "ca.pem", folder / "hub.pem", folder / "hub.key")
    new = ["-newkey", "rsa:2048", "-nodes"]
    extensions = folder / "extensions"
    extensions.write_text("subjectAltName=IP:127.0.0.1\nauthorityKeyIdentifier=keyid\n")
    commands: list[list[object]] = [
        [
            "req",
            "-x509",
            "-days",
            2,
            "-subj",
            "/CN=ca",
            *("-addext", "keyUsage=critical,keyCertSign"),  # Python 3.13 asks for it
            *new,
            "-keyout",
            folder / "ca.key",
            "-out",
            found.authority,
        ],
        ["req", "-subj", "/CN=hub", *new, "-keyout", found.key, "-out", folder / "hub.csr"],
        [
            *("x509", "-req", "-days", 2, "-in", folder / "hub.csr", "-extfile", extensions),
            *(
                "-CA",
                found.authority,
                "-CAkey",
                folder / "ca.key",
                "-CAcreateserial",
                "-out",
                found.certificate,
            ),
        ],
    ]
    for command in commands:
        subprocess.run([openssl, *map(str, command)], check=True, capture_output=True, timeout=30)
    return found


def trusting(papers: Papers, *, shows: bool) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=papers.authority)
    if shows:
        context.load_cert_chain(papers.certificate, papers.key)
    return context


class TestTls:
    @pytest.mark.parametrize("size", [100, 3_000_000])
    def test_it_speaks_tls_with_its_certificate(self, no_leaks: None, papers: Papers, size: int) -> None:
        certificate, key = str(papers.certificate), str(papers.key)
        with (
            StreamServer(port=0, tls_certificate=certificate, tls_key=key) as server,
            RawClient(server.port, "writer", tls=trusting(papers, shows=False)) as writer,
            RawClient(server.port, "reader", tls=trusting(papers, shows=False)) as reader,
        ):
            channel = writer.ask(OpenWriter(name="c", create=ChannelSettings()))["channel"]
            reader.ask(Subscribe(number=1, names=("c",)))
            reader.send(Kind.CREDIT, channel=1, seq=10, time_ns=MUCH)
            writer.send(Kind.DATA, bytes(size), channel=channel, messages=1)
            assert reader.next_of(Kind.DATA).body == bytes(size)

    def test_who_shows_no_certificate_does_not_come_in_where_one_is_asked_for(
        self, no_leaks: None, papers: Papers
    ) -> None:
        server = StreamServer(
            "0.0.0.0",
            0,
            tls_certificate=str(papers.certificate),
            tls_key=str(papers.key),
            tls_client_ca=str(papers.authority),
        )
        with server:
            with RawClient(server.port, "anna", tls=trusting(papers, shows=True)) as anna:
                assert anna.welcome.head.kind == Kind.WELCOME
            with RawClient(server.port, greet=False, tls=trusting(papers, shows=False)) as thief:
                assert thief.is_closed_by_the_hub()

    def test_plain_bytes_get_nowhere_where_tls_is_spoken(self, no_leaks: None, papers: Papers) -> None:
        certificate, key = str(papers.certificate), str(papers.key)
        with (
            StreamServer(port=0, tls_certificate=certificate, tls_key=key) as server,
            RawClient(server.port, greet=False) as plain,
        ):
            plain.socket.sendall(Head(0, Kind.HELLO).packed())
            assert plain.is_closed_by_the_hub()
