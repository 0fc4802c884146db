"""The Redis of the compose file: its own command, run here."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, NoPermissionError
from redis.retry import Retry
from tests.deploy.files import PASSWORDS, check, environment_of, filled_in, redis_process

from sightline.framequeue import FrameKey
from sightline.framequeue.opening import open_store

pytestmark = pytest.mark.needs("redis")
PASSWORD = PASSWORDS["REDIS_PASSWORD"]
KEY = FrameKey(camera_id="gate", epoch=0, index=0, captured_at_ms=1, width=4, height=1, size=3, format="jpeg")


@pytest.fixture
def environment(free_port: Callable[[], int]) -> dict[str, str]:
    return environment_of("redis", filled_in(REDIS_PORT=str(free_port())))


@pytest.fixture
def port(environment: dict[str, str], tmp_path: Path) -> Iterator[int]:
    """Where it answers; its folders are the test's."""
    with redis_process(environment, tmp_path):
        yield int(environment["REDIS_PORT"])


def test_it_lets_in_one_user_who_may_do_what_a_store_needs(port: int) -> None:
    at_once = Retry(NoBackoff(), 0)  # it would try for ten seconds
    for user, password in ((None, None), (None, PASSWORD), ("frames", "another")):
        with (
            Redis(port=port, username=user, password=password, retry=at_once) as redis,
            pytest.raises(AuthenticationError),
        ):
            redis.ping()
    with Redis(port=port, username="frames", password=PASSWORD) as redis:
        for refused in ("CONFIG SET maxmemory 0", "SHUTDOWN", "FLUSHALL", "ACL LIST", "KEYS *"):
            with pytest.raises(NoPermissionError):
                redis.execute_command(*refused.split())


def test_a_store_works_there_and_has_no_better_advice(port: int) -> None:
    limit = filled_in()["FRAMES_BYTES"]
    with open_store(f"redis://frames:{PASSWORD}@127.0.0.1:{port}/0?limit_bytes={limit}") as store:
        (put,) = store.put([(KEY, b"abc")], ttl_s=60)
        assert put.stored
        assert store.peek(KEY) == b"abc"
        assert store.check() == []


def test_what_was_stored_is_there_after_a_kill(environment: dict[str, str], tmp_path: Path) -> None:
    """It reads its append-only file as the user `default`, who may not log in and is allowed all."""
    url = f"redis://frames:{PASSWORD}@127.0.0.1:{environment['REDIS_PORT']}/0"
    redis = redis_process(environment, tmp_path)
    with redis, open_store(url) as store:
        store.put([(KEY, b"abc")], ttl_s=60)
        redis.kill()
        redis.start()
        assert store.peek(KEY) == b"abc"
        assert "CRITICAL" not in redis.log.read_text()


def test_it_is_healthy_only_while_it_answers(port: int, environment: dict[str, str]) -> None:
    assert check("redis", environment) == 0
    assert check("redis", environment | {"REDISCLI_AUTH": "another"}) != 0
    assert check("redis", environment | {"REDIS_PORT": "1"}) != 0


def test_its_password_is_written_nowhere(port: int, tmp_path: Path) -> None:
    written = tmp_path / "redis.conf"
    assert "user frames on #" in written.read_text()
    assert written.stat().st_mode & 0o077 == 0
    assert PASSWORD not in written.read_text()
