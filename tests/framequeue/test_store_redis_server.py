"""The store in Redis and its server: how it is reached, what a kill takes, and what it says when full."""

import os
import re
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count, takewhile
from pathlib import Path

import psutil
import pytest
import redis
from tests.conftest import StartRedisServer
from tests.framequeue.store_conformance import LONG_S, claimed, picture, put
from tools.services.certificates import Certificates
from tools.services.redis import Persistence, RedisServer
from tools.services.waiting import halt, wait_for

from sightline.errors import BusError, Closed, ConfigError
from sightline.framequeue.key import FrameKey
from sightline.framequeue.store import Claim, Gone, Put, Refusal
from sightline.framequeue.stores import redis as redis_store
from sightline.framequeue.stores.redis import RedisStore
from sightline.hub.certificates import Authority

pytestmark = pytest.mark.needs("redis")

SECRET = "p@ss word/#"


@contextmanager
def connected(server: RedisServer) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(server.url()) as client:
        yield client


def connections(server: RedisServer) -> int:
    """Of this process."""
    ports = [each.raddr.port for each in psutil.Process().net_connections("tcp4") if each.raddr]
    return ports.count(server.port)


def used_up(server: RedisServer, keys: list[FrameKey]) -> tuple[list[Claim], list[Claim]]:
    """Of 20 pictures five were claimed, and three of these are finished."""
    with RedisStore(server.url()) as store:
        claims = [claimed(store, key, f"w{n}") for n, key in enumerate(keys[:5])]
        assert all(store.finish(claim, claim.worker.encode()) for claim in claims[:3])
    return claims[:3], claims[3:]


@pytest.mark.parametrize("persistence", ["none", "snapshots", "always"])
def test_what_a_killed_server_lost_is_known_by_key(
    redis_server: StartRedisServer, persistence: Persistence
) -> None:
    server = redis_server(persistence=persistence)
    with RedisStore(server.url()) as store:
        keys = put(store, *(picture(n, size=60_000) for n in range(20)))
        finished, held = used_up(server, keys)
        if persistence == "snapshots":
            with connected(server) as client:
                client.save()
        late = put(store, *(picture(n, size=60_000) for n in range(20, 25)))
        assert store.finish(held[0], b"after the snapshot")
        server.restart()
        lost = {"none": keys + late, "snapshots": keys[:3] + late, "always": keys[:4]}[persistence]
        assert [key for key in (*keys, *late) if store.peek(key) is None] == lost
        assert store.usage().total.balanced
        assert store.usage().total.frames == 25 - len(lost)
        done = {"none": 0, "snapshots": 3, "always": 4}[persistence]
        assert store.usage().marks == done
        assert store.usage().claimed == {"none": 0, "snapshots": 2, "always": 1}[persistence]
        assert store.finish(held[1], b"still mine") == (persistence != "none")
        assert not any(store.finish(claim) for claim in finished)


def test_a_claim_of_before_is_none_of_a_server_that_lost_all(redis_server: StartRedisServer) -> None:
    server = redis_server()
    with RedisStore(server.url()) as store:
        [key] = put(store, picture(1))
        before = claimed(store, key)
        server.restart()
        assert store.claim(key, "w2", LONG_S) == Gone()
        put(store, picture(1))
        after = claimed(store, key, "w2")
        assert after.token > before.token
        assert not store.extend(before, LONG_S)
        assert not store.give_back(before)
        assert not store.finish(before, b"late")
        assert store.finish(after, b"in time")


def test_a_server_that_comes_back_in_time_is_not_missed(redis_server: StartRedisServer) -> None:
    server = redis_server(persistence="always")
    with RedisStore(server.url(), timeout_s=60) as store:
        [key] = put(store, picture(1))
        server.kill()
        with ThreadPoolExecutor(1) as thread:
            asked = thread.submit(store.peek, key)
            server.start()  # not in the other thread: the server would end with that
            assert asked.result(60) == picture(1)[1]


def test_a_server_that_is_not_there_is_said_in_time_and_without_secrets(
    redis_server: StartRedisServer,
) -> None:
    server = redis_server(password=SECRET)
    server.kill()
    began_s = time.monotonic()
    with RedisStore(server.url(), timeout_s=1.0) as store, pytest.raises(BusError) as raised:
        store.usage()
    assert time.monotonic() - began_s < 10
    assert server.address in str(raised.value)
    assert "p@ss" not in str(raised.value)
    assert raised.value.__cause__ is None


def test_a_server_that_hangs_holds_nobody_for_long_and_is_met_again(redis_server: StartRedisServer) -> None:
    server = redis_server()
    with RedisStore(server.url(), timeout_s=1.0) as store:
        [key] = put(store, picture(1))
        assert server.pid is not None
        halt(server.pid)
        try:
            for call in (lambda: store.peek(key), lambda: store.put([picture(2)], LONG_S)):
                began_s = time.monotonic()
                with pytest.raises(BusError, match=r"no answer within 1 s"):
                    call()
                assert 0.4 < time.monotonic() - began_s < 10
        finally:
            os.kill(server.pid, signal.SIGCONT)
        assert store.peek(key) == picture(1)[1]


def test_who_closes_ends_the_calls_of_others_and_no_connection_stays(
    no_leaks: None, redis_server: StartRedisServer
) -> None:
    server = redis_server()
    with ThreadPoolExecutor(3) as threads, RedisStore(server.url(), timeout_s=60) as store:
        put(store, picture(1))
        assert server.pid is not None
        halt(server.pid)
        calls = [threads.submit(store.peek, picture(1)[0]) for _ in range(3)]
        wait_for(lambda: connections(server) == 3, 30, "three calls to be under way")
        store.close()
        for call in calls:
            with pytest.raises(Closed):
                call.result(30)
        os.kill(server.pid, signal.SIGCONT)


@pytest.mark.parametrize("login", ["default:wrong-word@", "nobody:wrong-word@", ""])
def test_a_wrong_password_is_said_at_once(redis_server: StartRedisServer, login: str) -> None:
    server = redis_server(password=SECRET)
    with (
        RedisStore(f"redis://{login}{server.address}", timeout_s=600) as store,
        pytest.raises(BusError, match="refuses this user or password") as raised,
    ):
        store.peek(picture(1)[0])
    assert "wrong-word" not in str(raised.value)


def documented_rules() -> str:
    """What the module says that a user needs."""
    match = re.search(r"`on >PASSWORD (~NAME.*?)`", " ".join((redis_store.__doc__ or "").split()))
    assert match is not None
    return match[1].replace("NAME", "frames")


def test_the_page_and_the_module_document_the_same_rights() -> None:
    page = Path(__file__).parents[2] / "docs" / "frame-queue.md"
    assert f"`on >PASSWORD {documented_rules()}`" in page.read_text()


def test_a_user_with_the_rights_that_are_documented_can_do_all(redis_server: StartRedisServer) -> None:
    server = redis_server(users={"worker": f"on >of/worker {documented_rules()}"})
    with RedisStore(server.url("worker", "of/worker"), limit_bytes=100) as store:
        keys = put(store, *(picture(n) for n in range(11)))
        claims = [claimed(store, key) for key in keys[1:5]]
        assert store.finish(claims[0], b"result")
        assert store.give_back(claims[1])
        assert store.extend(claims[2], LONG_S)
        assert store.bury(claims[3], "no wheels", LONG_S)
        assert store.getdel(keys[6])
        assert store.delete([keys[7]])
        assert store.sweep(LONG_S).orphans == 0
        assert store.overdue(LONG_S, 5) == []
        assert store.last_captured_ms("gate")
        assert store.usage().total.balanced
        assert any("CONFIG" in one.text for one in store.check())
    with (
        RedisStore(server.url("worker", "of/worker"), name="other") as store,
        pytest.raises(BusError, match="refuses"),
    ):
        put(store, picture(1))


def test_it_speaks_tls_and_believes_no_stranger(redis_server: StartRedisServer, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    own = authority.hub()
    server = redis_server(
        password=SECRET, certificates=Certificates(authority.certificate.file, own.file, own.key)
    )
    with RedisStore(server.url()) as store:
        [key] = put(store, picture(1))
        assert store.peek(key) == picture(1)[1]
    stranger = RedisStore(f"rediss://{server.address}", timeout_s=1.0)
    with stranger, pytest.raises(BusError, match="(?i)certificate"):
        stranger.peek(key)


def test_a_full_server_refuses_pictures_and_settles_claims(redis_server: StartRedisServer) -> None:
    server = redis_server(maxmemory_bytes=8_000_000)
    with RedisStore(server.url(), limit_bytes=None) as store:
        keys: list[FrameKey] = []
        pictures = (picture(n, size=60_000) for n in range(300))
        while (answer := store.put([next(pictures)], LONG_S)[0]).stored:
            keys.append(answer.key)
        assert answer == Put(answer.key, refused=Refusal.FULL)
        assert len(keys) > 20
        usage = store.usage().total
        assert (usage.frames, usage.stored, usage.refused) == (len(keys), len(keys), 1)
        assert not any(each.stored for each in store.put([picture(n, size=60_000) for n in (997, 998)], None))
        claims = [claimed(store, key) for key in keys[:4]]
        assert store.extend(claims[0], LONG_S)
        assert store.give_back(claims[0], "no wheels")
        assert store.bury(claims[1], "no wheels", LONG_S)
        assert store.finish(claims[2], bytes(500_000))
        assert not any(each.stored for each in store.put([picture(999, size=60_000)], None))
        # For that result, and for as much again that Redis keeps a while for the connection by which it came.
        assert store.delete(keys[5:30]) == 25
        assert all(each.stored for each in store.put([picture(999, size=60_000)], None))
        assert store.usage().total.balanced


def test_a_full_server_takes_a_picture_for_each_that_goes(redis_server: StartRedisServer) -> None:
    """No more room is wanted while a picture comes than when it is there."""
    server, numbers = redis_server(maxmemory_bytes=8_000_000), count()

    def filled(store: RedisStore) -> list[FrameKey]:
        answers = (store.put([picture(n, size=300_000)], None)[0] for n in numbers)
        return [answer.key for answer in takewhile(lambda answer: answer.stored, answers)]

    with RedisStore(server.url(), limit_bytes=None) as store:
        keys = filled(store)
        assert len(keys) > 18
        for _ in range(5):
            assert store.delete(keys[:10]) == 10
            more = filled(store)
            assert 9 <= len(more) <= 11  # the last one goes above the limit
            keys = [*keys[10:], *more]


def test_a_full_server_takes_of_many_pictures_those_that_have_room(redis_server: StartRedisServer) -> None:
    server = redis_server(maxmemory_bytes=8_000_000)
    with RedisStore(server.url(), limit_bytes=None) as store, connected(server) as client:
        answers = store.put([picture(n, size=10_000) for n in range(900)], LONG_S)
        stored = [answer.stored for answer in answers]
        assert stored == sorted(stored, reverse=True)
        assert 0 < sum(stored) < 900
        assert sum(stored) % 100 != 0  # of one trip some had room
        assert {answer.refused for answer in answers} == {None, Refusal.FULL}
        usage = store.usage().total
        assert (usage.frames, usage.refused, usage.balanced) == (sum(stored), 900 - sum(stored), True)
        assert client.keys("*::staged:*") == []


def test_a_budget_keeps_the_server_from_being_full(redis_server: StartRedisServer) -> None:
    server = redis_server(maxmemory_bytes=8_000_000)
    with RedisStore(server.url(), limit_bytes=4_000_000) as store:
        for n in range(0, 300, 3):
            many = [picture(n + more, f"cam{more}", 60_000 + n * 10) for more in range(3)]
            assert all(each.stored for each in store.put(many, LONG_S))
            assert store.usage().total.bytes <= 4_000_000
        assert not [one for one in store.check() if "budget" in one.text or "limit" in one.text]


def test_who_writes_to_a_replica_is_told_so(redis_server: StartRedisServer) -> None:
    first, second = redis_server(), redis_server()
    with connected(second) as client:
        client.replicaof("127.0.0.1", first.port)
        with (
            RedisStore(second.url(), timeout_s=1.0) as store,
            pytest.raises(BusError, match="(?i)read only replica"),
        ):
            put(store, picture(1))
        threading.Timer(0.3, lambda: client.replicaof("NO", "ONE")).start()
        with RedisStore(second.url(), timeout_s=60.0) as store:
            wait_for(lambda: store.put([picture(1)], None)[0].stored, 30, "the replica to be promoted")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://127.0.0.1", "expected redis://"),
        ("redis://", "where the server is"),
        ("redis://127.0.0.1:many", "URL of a Redis"),
        ("redis://127.0.0.1/frames", "number of a database"),
        ("redis://127.0.0.1?limit=5", "got limit"),
        ("redis://:hunter22@127.0.0.1?db=x&password=hunter23", "URL of a Redis"),
    ],
)
def test_what_is_no_url_of_a_redis_is_refused(url: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as raised:
        RedisStore(url)
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize(
    "settings", [{"limit_bytes": 0}, {"done_ttl_s": 0}, {"timeout_s": 0}, {"name": "a:b"}, {"name": ""}]
)
def test_a_setting_that_is_none_is_refused(settings: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match="expected"):
        RedisStore("redis://127.0.0.1", **settings)  # type: ignore[arg-type]
