"""The Redis server: what it keeps through a kill, whom it lets in, and what it holds at most."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import redis
from tests.conftest import StartRedisServer
from tools.services import RedisServer
from tools.services.certificates import Certificates
from tools.services.redis import Persistence
from tools.services.waiting import wait_for

from sightline.hub.certificates import Authority

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.needs("redis")


@contextmanager
def connected(url: str) -> Iterator[redis.Redis]:
    client = redis.Redis.from_url(url, socket_timeout=10.0)
    try:
        yield client
    finally:
        client.close()


def kept_after(server: RedisServer, end: Callable[[], None]) -> list[bytes]:
    """The keys that are there after a snapshot (where there are any), one more key, and a start."""
    with connected(server.url()) as client:
        client.set("first", b"1")
        if client.config_get("save")["save"]:
            client.save()
        client.set("last", b"2")
    end()
    server.start()
    with connected(server.url()) as client:
        return [key for key in (b"first", b"last") if client.exists(key)]


@pytest.mark.parametrize(
    ("persistence", "after_kill", "after_stop"),
    [
        ("none", [], []),
        ("snapshots", [b"first"], [b"first", b"last"]),
        ("always", [b"first", b"last"], [b"first", b"last"]),
    ],
)
def test_what_its_persistence_promises_is_there_after_a_kill_and_after_a_stop(
    redis_server: StartRedisServer,
    persistence: Persistence,
    after_kill: list[bytes],
    after_stop: list[bytes],
) -> None:
    killed, stopped = redis_server(persistence=persistence), redis_server(persistence=persistence)
    before = killed.pid
    assert kept_after(killed, killed.kill) == after_kill
    assert killed.pid != before
    assert kept_after(stopped, stopped.stop) == after_stop


def fill(client: redis.Redis) -> None:
    for index in range(100):
        client.set(f"{index}", bytes(100_000))


def test_what_does_not_fit_is_refused_or_makes_room_by_the_policy(redis_server: StartRedisServer) -> None:
    limit = 4 * 1024 * 1024
    full = redis_server(maxmemory_bytes=limit)
    rolls = redis_server(maxmemory_bytes=limit, policy="allkeys-lru")
    with connected(full.url()) as client, pytest.raises(redis.exceptions.OutOfMemoryError):
        fill(client)
    with connected(rolls.url()) as client:
        fill(client)
        assert client.info("stats")["evicted_keys"] > 50
        assert client.exists("99")


def test_only_who_has_the_password_is_let_in_and_may_what_its_rules_say(
    redis_server: StartRedisServer,
) -> None:
    rules = "on >of/worker ~frames:* +get +ping"
    server = redis_server(password="p@ss word/#", users={"worker": rules})
    with connected(server.url()) as client:
        client.set("frames:1", b"picture")
        client.set("other", b"1")
    with connected(server.url("worker", "of/worker")) as client:
        assert client.get("frames:1") == b"picture"
        with pytest.raises(redis.exceptions.NoPermissionError):
            client.get("other")
    with connected(f"redis://{server.address}") as client, pytest.raises(redis.AuthenticationError):
        client.ping()


def test_it_speaks_tls_with_the_certificates_that_it_is_given(
    redis_server: StartRedisServer, tmp_path: Path
) -> None:
    authority = Authority(tmp_path)
    own = authority.hub()
    server = redis_server(certificates=Certificates(authority.certificate.file, own.file, own.key))
    with connected(server.url()) as client:
        assert client.ping()
    with connected(f"rediss://{server.address}") as client, pytest.raises(redis.ConnectionError):
        client.ping()


def test_start_redis_prints_the_url_and_ends_on_ctrl_c(free_port: Callable[[], int]) -> None:
    port = free_port()
    command = [sys.executable, "-m", "tools.services", "start", "redis", "--port", str(port)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=os.environ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == f"redis://127.0.0.1:{port}/0\n"
        (server,) = psutil.Process(process.pid).children()
        process.send_signal(signal.SIGINT)
        assert process.wait(20.0) == 0
    wait_for(lambda: not server.is_running(), 5.0, "the server to be gone")
