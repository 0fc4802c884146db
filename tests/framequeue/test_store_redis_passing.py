"""Bytes go beside the script of the store in Redis: none are left on their way, lost or mixed up."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
import redis
from tests.conftest import StartRedisServer
from tests.framequeue.redis_proxy import LosingProxy
from tests.framequeue.store_conformance import LONG_S, claimed, picture, put

from sightline.framequeue.store import CameraUsage, Gone, Refusal
from sightline.framequeue.stores.redis import RedisStore
from sightline.framequeue.stores.redis_line import Trip

_KILLED = """
import os, signal, sys
from tests.framequeue.store_conformance import picture
from sightline.framequeue.stores.redis import RedisStore

store = RedisStore(sys.argv[1], name=sys.argv[2])

def killed(key, trip):
    store._line.ask(*trip().before)
    os.kill(os.getpid(), signal.SIGKILL)

store._line.go = killed
store.put([picture(n, size=1000) for n in range(3)], None)
"""

pytestmark = pytest.mark.needs("redis")


@pytest.fixture
def name() -> str:
    return uuid4().hex


@pytest.fixture
def server(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as client:
        yield client


def passing(server: redis.Redis, name: str) -> list[bytes]:
    return [each for way in ("staged", "taken") for each in server.scan_iter(f"{name}::{way}:*")]


def between(monkeypatch: pytest.MonkeyPatch, store: RedisStore, happens: Callable[[], object]) -> None:
    """It happens once, after the script of the next call and before what is read then."""
    go = store._line.go

    def parted(key: str, trip: Callable[[], Trip]) -> list[Any]:
        monkeypatch.undo()
        calls, before, after = trip()
        answers = go(key, lambda: Trip(calls, before))
        happens()
        return [*answers, *store._line.ask(*after)]

    monkeypatch.setattr(store._line, "go", parted)


def test_nothing_is_left_on_its_way(redis_url: str, server: redis.Redis, name: str) -> None:
    with RedisStore(redis_url, name=name, limit_bytes=30) as store:
        [done] = put(store, picture(0))
        assert store.finish(claimed(store, done))
        answers = store.put([picture(0), picture(1), picture(2, size=31), picture(3), picture(1)], LONG_S)
        assert [each.refused for each in answers] == [Refusal.DONE, None, Refusal.TOO_LARGE, None, None]
        assert store.getdel(picture(1)[0]) == picture(1)[1]
        assert store.usage().total.balanced
    assert passing(server, name) == []


def test_what_a_killed_client_left_on_its_way_is_in_no_budget_and_goes(
    redis_url: str, server: redis.Redis, name: str
) -> None:
    with RedisStore(redis_url, name=name, limit_bytes=20, timeout_s=30) as store:
        staged = store._staged([picture(1), picture(2)], 20, "")
        store._line.ask(*staged.before)
        put(store, picture(3), picture(4))
        assert store.usage().total == CameraUsage(stored=2, frames=2, bytes=20)
        [key] = put(store, picture(5))
        store._line.go(f"{name}::state", lambda: Trip([("getdel", str(key), f"{name}::taken:a", 60_000)]))
        assert len(passing(server, name)) == 3
        assert all(50_000 < server.pttl(each) <= 60_000 for each in passing(server, name))


def test_what_a_sampler_left_that_was_killed_while_it_put_goes_by_itself(
    redis_server: StartRedisServer, name: str
) -> None:
    """Its bytes had come, its script had not: they are no pictures, and in nobody's way until they go."""
    server = redis_server(persistence="always")
    program = [sys.executable, "-c", _KILLED, server.url(), name]
    ran = subprocess.run(program, capture_output=True, timeout=60, check=False)
    assert ran.returncode == -signal.SIGKILL, ran.stderr.decode()[-2000:]
    server.restart()  # with all it had been told
    with redis.Redis.from_url(server.url()) as client, RedisStore(server.url(), name=name) as store:
        assert len(passing(client, name)) == 3
        assert all(0 < client.pttl(each) <= 20_000 for each in client.scan_iter())
        assert store.usage().total == CameraUsage()
        keys = put(store, *(picture(n, size=1000) for n in range(3)))
        assert [store.peek(key) for key in keys] == [picture(n, size=1000)[1] for n in range(3)]
        assert store.usage().total.bytes == 3000
        assert all(client.pttl(each) > 0 for each in passing(client, name))


def test_each_try_has_names_of_its_own(redis_url: str, name: str) -> None:
    """Else the script of a try that hung would take what the next one staged, which then had nothing."""
    with RedisStore(redis_url, name=name) as store:
        one, other = (store._staged([picture(1)], "", "") for _ in range(2))
        store._line.ask(*one.before, *other.before)
        for trip in (one, other):
            [[answer]] = store._line.go(f"{name}::state", partial(Trip, trip.calls))
            assert answer == [b"stored"]
        assert store.usage().total == CameraUsage(stored=1, frames=1, bytes=10)


def test_what_the_server_did_not_stage_is_refused(redis_url: str, name: str) -> None:
    with RedisStore(redis_url, name=name) as store:
        staged = store._staged([picture(1), picture(2)], "", "")
        [answers] = store._line.go(f"{name}::state", lambda: staged._replace(before=staged.before[:1]))
        assert answers == [[b"stored"], [b"full"]]
        assert store.usage().total == CameraUsage(stored=1, frames=1, bytes=10, refused=1)


def test_a_picture_that_went_while_it_was_claimed_is_gone_and_leaves_no_claim(
    redis_url: str, server: redis.Redis, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with RedisStore(redis_url, name=name) as store, RedisStore(redis_url, name=name) as other:
        keys = put(store, picture(1), picture(2))
        between(monkeypatch, store, lambda: other.delete([keys[0]]))
        assert store.claim(keys[0], "w1", LONG_S) == Gone()
        between(monkeypatch, store, lambda: server.delete(f"{name}:{keys[1]}"))
        assert store.claim(keys[1], "w1", LONG_S) == Gone()
        usage = store.usage()
        assert usage.claimed == 0
        assert usage.total == CameraUsage(stored=2, deleted=1, evicted=1)


def test_what_is_taken_is_its_takers_whatever_comes_in_between(
    redis_url: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with RedisStore(redis_url, name=name) as store, RedisStore(redis_url, name=name) as other:
        [key] = put(store, picture(1))
        between(monkeypatch, store, lambda: (other.getdel(key), put(other, picture(1)), other.delete([key])))
        assert store.getdel(key) == picture(1)[1]
        assert store.usage().total == CameraUsage(stored=2, taken=1, deleted=1)


def test_bytes_come_from_a_server_that_forgot_the_script(
    redis_url: str, server: redis.Redis, name: str
) -> None:
    with RedisStore(redis_url, name=name) as store:
        for ask in (store.peek, partial(claimed, store), store.getdel):
            server.script_flush()
            [key] = put(store, picture(1))
            server.script_flush()
            assert ask(key)
        assert passing(server, name) == []


def test_a_lost_answer_to_a_put_leaves_nothing_on_its_way(
    redis_url: str, server: redis.Redis, name: str
) -> None:
    port = server.connection_pool.connection_kwargs["port"]
    with LosingProxy(port) as proxy, RedisStore(f"redis://127.0.0.1:{proxy.port}", name=name) as store:
        proxy.lose.set()
        keys = put(store, *(picture(n, size=300_000) for n in range(5)))
        assert not proxy.lose.is_set()
        assert [store.peek(key) for key in keys] == [picture(n, size=300_000)[1] for n in range(5)]
        assert store.usage().total == CameraUsage(stored=5, frames=5, bytes=1_500_000)
