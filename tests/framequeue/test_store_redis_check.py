"""What is said of how a Redis is set, and that the lines that are told mend it."""

import pytest
import redis
from tests.conftest import StartRedisServer
from tools.services.redis import Persistence

from sightline.framequeue.stores.redis import RedisStore
from sightline.framequeue.stores.redis_check import found

MIB = 2**20
GOOD = {
    "redis_version": "7.0.15",
    "cluster_enabled": "0",
    "role": "master",
    "maxmemory": str(300 * MIB),
    "maxmemory_policy": "noeviction",
    "rdb_last_bgsave_status": "ok",
    "aof_enabled": "1",
    "aof_last_write_status": "ok",
}
CONFIG = {"appendfsync": "always", "save": ""}


def test_nothing_is_said_of_what_is_well() -> None:
    assert list(found(GOOD, CONFIG, 200 * MIB)) == []
    assert list(found({**GOOD, "redis_version": "10.0.1"}, CONFIG, 1)) == []


@pytest.mark.parametrize(
    ("info", "config", "limit", "text", "line"),
    [
        ({"redis_version": "6.0.16"}, {}, 1, "6.2 or newer, got 6.0.16", ""),
        ({"cluster_enabled": "1"}, {}, 1, "cluster", "cluster-enabled no"),
        ({"role": "slave"}, {}, 1, "replica", "replicaof no one"),
        ({}, {}, None, "no budget", ""),
        ({"maxmemory": "0"}, {}, 100, "no limit of memory", "maxmemory 150"),
        ({}, {}, 201 * MIB, "before the budget is reached", f"maxmemory {int(301.5 * MIB)}"),
        ({"maxmemory_policy": "allkeys-lru"}, {}, 1, "allkeys-lru", "maxmemory-policy noeviction"),
        ({"rdb_last_bgsave_status": "err"}, {}, 1, "last snapshot could not be written", ""),
        ({"aof_last_write_status": "err"}, {}, 1, "append-only file failed", ""),
        ({}, {"appendfsync": "everysec"}, 1, "the last second is lost", "appendfsync always"),
        ({}, {"appendfsync": "no"}, 1, "not written yet", "appendfsync always"),
        ({}, None, 1, "cannot be read", ""),
        ({"aof_enabled": "0"}, {}, 1, "keeps nothing", "appendonly yes\nappendfsync always"),
        ({"aof_enabled": "0"}, {"save": "60 1"}, 1, "up to 60 s", "appendonly yes\nappendfsync always"),
        ({"aof_enabled": "0"}, {"save": "3600 1 300 100 60 10000"}, 1, "of 300 s", "save 60 1"),
        ({"aof_enabled": "0"}, None, 1, "cannot be read", "appendonly yes\nappendfsync always"),
    ],
)
def test_what_is_wrong_is_said_with_the_line_that_mends_it(
    info: dict[str, str], config: dict[str, str] | None, limit: int | None, text: str, line: str
) -> None:
    [one] = found({**GOOD, **info}, None if config is None else {**CONFIG, **config}, limit)
    assert text in one.text
    assert one.line == line


@pytest.mark.needs("redis")
@pytest.mark.parametrize("persistence", ["none", "snapshots", "always"])
def test_the_lines_that_are_told_mend_a_real_server(
    redis_server: StartRedisServer, persistence: Persistence
) -> None:
    server = redis_server(persistence=persistence, policy="allkeys-lru")
    with RedisStore(server.url()) as store, redis.Redis.from_url(server.url()) as client:
        assert len(store.check()) == (2 if persistence == "always" else 3)
        for one in store.check():
            for line in one.line.splitlines():
                client.config_set(*line.split(" ", 1))
        assert store.check() == []


@pytest.mark.needs("redis")
def test_who_may_read_nothing_is_told_that(redis_server: StartRedisServer) -> None:
    rules = "on >of/worker ~frames:* -@all +@read +@write +@scripting +time"
    server = redis_server(users={"worker": rules})
    with RedisStore(server.url("worker", "of/worker")) as store:
        [one] = store.check()
    assert "refuses INFO and CONFIG" in one.text
    assert "of/worker" not in one.text
