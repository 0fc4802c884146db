"""The store in Redis: the promise, and what is its own."""

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from multiprocessing import get_context
from typing import Any
from uuid import uuid4

import pytest
import redis
from tests.framequeue.redis_proxy import LosingProxy
from tests.framequeue.store_conformance import LONG_S, StoreConformance, StoreRig, claimed, picture, put
from tools.services.waiting import wait_for

from sightline.framequeue.key import FrameKey
from sightline.framequeue.store import Busy, CameraUsage, Claimed, Done, FrameStore, Gone
from sightline.framequeue.stores.memory import MemoryStore
from sightline.framequeue.stores.redis import RedisStore
from sightline.framequeue.stores.redis_line import Trip

pytestmark = pytest.mark.needs("redis")


class TestRedisStore(StoreConformance):
    @pytest.fixture
    def rig(self, redis_url: str) -> Iterator[StoreRig]:
        name = uuid4().hex
        with ExitStack() as opened:

            def open_store(*, limit_bytes: int | None = None, done_ttl_s: float = LONG_S) -> FrameStore:
                store = RedisStore(redis_url, name=name, limit_bytes=limit_bytes, done_ttl_s=done_ttl_s)
                return opened.enter_context(store)

            def wait_until(condition: Callable[[], object]) -> None:
                wait_for(lambda: bool(condition()), 30, "the condition")

            yield StoreRig(open_store, wait_until)


@pytest.fixture
def name() -> str:
    return uuid4().hex


@pytest.fixture
def server(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as client:
        yield client


def held(server: redis.Redis, name: str) -> int:
    """Bytes of pictures that the server itself has."""
    return sum(server.strlen(each) for each in server.scan_iter(f"{name}:*") if b"::" not in each)


def passing(server: redis.Redis, name: str) -> list[bytes]:
    """Names of bytes that are on their way in or out."""
    return [each for way in ("staged", "taken") for each in server.scan_iter(f"{name}::{way}:*")]


def test_a_picture_is_a_plain_value_under_its_key_as_text(
    redis_url: str, server: redis.Redis, name: str
) -> None:
    key, data = picture(1)
    own = FrameKey.parse(str(key).replace("frames:", f"{name}:"))
    with RedisStore(redis_url, name=name) as store:
        put(store, (own, data), (key, data))
    assert server.get(str(own)) == server.get(f"{name}:{key}") == data
    assert not [each for each in server.scan_iter(f"*{name}*") if not each.startswith(name.encode() + b":")]


def test_two_names_are_two_stores_in_one_server(redis_url: str) -> None:
    with (
        RedisStore(redis_url, name=uuid4().hex, limit_bytes=10) as small,
        RedisStore(redis_url, name=uuid4().hex, limit_bytes=20) as large,
    ):
        for store in (small, large):
            put(store, picture(1), picture(2))
        claimed(small, picture(2)[0])
        claimed(large, picture(2)[0])
        assert (small.usage().limit, small.usage().total.frames) == (10, 1)
        assert (large.usage().limit, large.usage().total.frames) == (20, 2)


def test_nothing_is_left_but_counts_when_all_is_over(redis_url: str, server: redis.Redis, name: str) -> None:
    with RedisStore(redis_url, name=name, done_ttl_s=0.01) as store:
        keys = put(store, *(picture(n) for n in range(6)), ttl_s=LONG_S)
        claims = [claimed(store, key) for key in keys[:3]]
        store.finish(claims[0])
        store.give_back(claims[1])
        store.delete(keys)
        store.bury(claims[2], "", LONG_S)
        wait_for(lambda: store.usage().marks == 0, 30, "the mark to go")
    left = {each.decode().removeprefix(f"{name}::") for each in server.scan_iter(f"{name}:*")}
    assert left == {"state", "cameras", "camera:gate"}
    assert server.hget(f"{name}::state", "used") == server.hget(f"{name}::state", "hand") == b"0"


def test_a_picture_goes_with_its_time_where_nobody_is_left_and_a_claimed_one_does_not(
    redis_url: str, server: redis.Redis, name: str
) -> None:
    with RedisStore(redis_url, name=name) as store:
        [key] = put(store, picture(1), ttl_s=100)
        text = f"{name}:{key}"
        assert 90_000 < server.pttl(text) <= 100_000
        claim = claimed(store, key)
        assert server.pttl(text) == -1
        store.give_back(claim)
        assert 90_000 < server.pttl(text) <= 100_000
        put(store, picture(1), ttl_s=None)
        assert server.pttl(text) == -1


def test_a_server_that_forgot_the_script_is_told_it_again(
    redis_url: str, server: redis.Redis, name: str
) -> None:
    with RedisStore(redis_url, name=name, limit_bytes=None) as store:
        for epoch in range(2):
            server.script_flush()
            put(store, *(picture(10 * epoch + n, size=400_000) for n in range(6)))
            server.script_flush()
            assert store.usage().total == CameraUsage(
                frames=6 * (epoch + 1), bytes=2_400_000 * (epoch + 1), stored=6 * (epoch + 1)
            )


@pytest.mark.parametrize("most", [1_000_000, 2_345_678])
def test_a_put_of_many_steps_is_answered_as_in_memory(redis_url: str, name: str, most: int) -> None:
    pictures = [picture(n, "abc"[n * n % 3], 90_000 + 1000 * (n % 7)) for n in range(60)]
    with RedisStore(redis_url, name=name, limit_bytes=most) as store:
        assert store.put(pictures, LONG_S) == MemoryStore(limit_bytes=most).put(pictures, LONG_S)
        assert store.usage().total.balanced


def test_more_pictures_go_for_one_than_one_step_lets_go(
    redis_url: str, server: redis.Redis, name: str
) -> None:
    many = [picture(n) for n in range(1200)]
    newcomers = [picture(5000, "other", 11_900), picture(5001, "other", 50), picture(5002, "gate", 60)]
    model = MemoryStore(limit_bytes=12_000)
    with RedisStore(redis_url, name=name, limit_bytes=12_000) as store:
        assert store.put(many, None) == model.put(many, None)
        assert store.put(newcomers, None) == model.put(newcomers, None)
        usage = store.usage()
        assert usage.cameras == model.usage().cameras
        assert usage.total.bytes == held(server, name) <= 12_000


def test_pictures_keep_their_order_where_many_go_for_them(redis_url: str, name: str) -> None:
    """A step that lets go of no more does not let the next one pass."""
    tiny = [picture(n) for n in range(1200)]
    large = [picture(5000 + n, "other", 9000 if n == 0 else 20) for n in range(130)]
    model = MemoryStore(limit_bytes=12_000)
    with RedisStore(redis_url, name=name, limit_bytes=12_000) as store:
        for frames in (tiny, large, [picture(6000, "gate", 7000)]):
            assert store.put(frames, None) == model.put(frames, None)
            assert store.usage().cameras == model.usage().cameras
        assert store.last_captured_ms("other") == model.last_captured_ms("other")


def test_one_call_lets_go_of_no_more_than_its_bound(
    redis_url: str, server: redis.Redis, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[list[list[bytes]]] = []
    with RedisStore(redis_url, name=name, limit_bytes=20_000) as store:
        put(store, *(picture(n, "ab"[n % 2]) for n in range(2000)))
        go = store._line.go

        def noted(key: str, trip: Callable[[], Trip]) -> list[Any]:
            answers.extend(go(key, trip))
            return answers[-1:]

        monkeypatch.setattr(store._line, "go", noted)
        put(store, *(picture(5000 + n, "c", 150) for n in range(60)))
    gone = [sum(len(of_one) - 1 for of_one in answer) for answer in answers]
    assert sum(gone) > 500
    assert max(gone) <= 500


def test_one_call_looks_at_no_more_than_its_bound_of_all_that_is_too_old(redis_url: str, name: str) -> None:
    with RedisStore(redis_url, name=name) as store:
        claims = [claimed(store, key, lease_s=0.2) for key in put(store, *(picture(n) for n in range(400)))]
        put(store, *(picture(n) for n in range(400, 800)), ttl_s=0.2)
        assert len(claims) == 400
        end_s = time.monotonic() + 0.3
        wait_for(lambda: time.monotonic() > end_s, 5, "all to be too old")
        [[more, *_], [no_more, *_]] = store._line.run(f"{name}::state", [("usage", "frames")] * 2)
        assert (more, no_more) == (1, 0)
        assert store.usage().total == CameraUsage(stored=800, frames=400, bytes=4000, expired=400)


@pytest.mark.parametrize("claims", [0, 3])
def test_a_picture_that_is_put_again_while_many_go_for_it_stays(
    redis_url: str, server: redis.Redis, name: str, claims: int
) -> None:
    """The budget has become smaller; the undoing within the script is seen by who asks in between."""
    with RedisStore(redis_url, name=name, limit_bytes=None) as large:
        put(large, *(picture(n) for n in range(1200)))
        for n in range(claims):
            claimed(large, picture(n)[0])
    key, data = picture(1100)
    with RedisStore(redis_url, name=name, limit_bytes=50) as store:
        [[[what, *gone]]] = store._line.go(f"{name}::state", lambda: store._staged([(key, data)], 50, ""))
        assert passing(server, name) == []
        assert (what, len(gone)) == (b"more", 500)
        usage = store.usage()
        assert usage.total.balanced
        assert usage.total == CameraUsage(stored=1200, evicted=500, frames=700, bytes=7000)
        assert server.zscore(f"{name}::greed", server.hget(f"{name}::camera:gate", "rank") or "") == -7000
        assert server.zcard(f"{name}::order:gate") == server.zcard(f"{name}::idle") == 700 - claims
        assert store.put([(key, data)], None)[0].stored
        assert store.peek(key) == data
        assert store.usage().total.bytes == held(server, name) == 50


def test_a_smaller_budget_holds_from_the_next_picture_on_and_workers_do_not_change_it(
    redis_url: str, server: redis.Redis, name: str
) -> None:
    with (
        RedisStore(redis_url, name=name, limit_bytes=None) as large,
        RedisStore(redis_url, name=name, limit_bytes=50) as small,
        RedisStore(redis_url, name=name) as worker,
    ):
        keys = put(large, *(picture(n) for n in range(600)))
        assert large.usage().limit is None
        assert small.usage().limit is None
        assert small.finish(claimed(small, keys[0]))
        put(small, picture(1000))
        assert isinstance(worker.claim(keys[599], "w1", LONG_S), Claimed)
        assert worker.usage().limit == large.usage().limit == 50
        assert worker.usage().total.bytes == held(server, name) == 50


@pytest.mark.parametrize("ask", ["claim", "peek", "getdel", "delete"])
def test_what_redis_dropped_by_itself_is_gone_and_counted(
    redis_url: str, server: redis.Redis, name: str, ask: str
) -> None:
    with RedisStore(redis_url, name=name) as store:
        [key] = put(store, picture(1))
        server.delete(f"{name}:{key}")
        answer = store.claim(key, "w1", LONG_S) if ask == "claim" else None
        if ask == "delete":
            assert store.delete([key]) == 0
        elif ask != "claim":
            assert getattr(store, ask)(key) is None
        assert answer in (None, Gone())
        assert store.usage().total == CameraUsage(stored=1, evicted=1)


@contextmanager
def losing(redis_url: str, server: redis.Redis, name: str) -> Iterator[tuple[RedisStore, LosingProxy]]:
    port = server.connection_pool.connection_kwargs["port"]
    with LosingProxy(port) as proxy, RedisStore(f"redis://127.0.0.1:{proxy.port}", name=name) as store:
        yield store, proxy


def test_a_call_whose_answer_is_lost_is_answered_as_if_it_were_not(
    redis_url: str, server: redis.Redis, name: str
) -> None:
    with losing(redis_url, server, name) as (store, proxy):
        proxy.lose.set()
        keys = put(store, picture(1), picture(2))
        proxy.lose.set()
        first = claimed(store, keys[0])
        assert first.attempt == 1
        proxy.lose.set()
        assert store.extend(first, LONG_S)
        proxy.lose.set()
        assert store.give_back(first, "no wheels")
        proxy.lose.set()
        second = claimed(store, keys[0])
        assert (second.attempt, second.last_reason) == (2, "no wheels")
        proxy.lose.set()
        assert store.finish(second, b"a car")
        assert not store.finish(second, b"a bicycle")
        proxy.lose.set()
        assert store.claim(keys[0], "w2", LONG_S) == Done(b"a car")
        buried = claimed(store, keys[1])
        proxy.lose.set()
        assert store.bury(buried, "dead", LONG_S)
        assert not proxy.lose.is_set()
        assert store.usage().total == CameraUsage(stored=2, finished=1, frames=1, bytes=10)


CAMERAS, EACH = 3, 150


def frames_of(camera: int) -> list[tuple[FrameKey, bytes]]:
    return [picture(n, f"cam{camera}", 50 + n % 9) for n in range(EACH)]


def sample(url: str, name: str, camera: int) -> list[FrameKey]:
    """In a process of its own. What went for its pictures."""
    frames, gone = frames_of(camera), list[FrameKey]()
    with RedisStore(url, name=name, limit_bytes=6000) as store:
        for at in range(0, EACH, 3):
            for answer in store.put(frames[at : at + 3], LONG_S):
                assert answer.stored
                gone += answer.evicted
    return gone


def work(url: str, name: str) -> list[FrameKey]:
    """In a process of its own. What it finished, once nothing is left and nothing more comes."""
    keys, finished = [key for camera in range(CAMERAS) for key, _ in frames_of(camera)], list[FrameKey]()
    with RedisStore(url, name=name) as store:
        while (total := store.usage().total).stored < CAMERAS * EACH or total.frames:
            for key in keys:
                answer = store.claim(key, "w", LONG_S)
                assert isinstance(answer, Claimed | Busy | Done | Gone)
                if isinstance(answer, Claimed) and store.finish(answer.claim, b"result"):
                    finished.append(key)
    return finished


@pytest.mark.parametrize(
    "processes",
    [pytest.param(False, id="threads"), pytest.param(True, id="processes", marks=pytest.mark.waits)],
)
def test_of_many_at_once_each_key_has_one_and_all_counts_are_exact(
    redis_url: str, server: redis.Redis, name: str, processes: bool
) -> None:
    own = ProcessPoolExecutor(5, get_context("spawn")) if processes else ThreadPoolExecutor(5)
    with own as pool:
        workers = [pool.submit(work, redis_url, name) for _ in range(2)]
        samplers = [pool.submit(sample, redis_url, name, camera) for camera in range(CAMERAS)]
        evicted = [key for each in samplers for key in each.result(60)]
        finished = [key for each in workers for key in each.result(60)]
    assert sorted(finished + evicted) == sorted(key for n in range(CAMERAS) for key, _ in frames_of(n))
    with RedisStore(redis_url, name=name) as store:
        usage = store.usage()
    assert (usage.total.finished, usage.total.evicted) == (len(finished), len(evicted))
    assert all(each.balanced and each.stored == EACH for each in usage.cameras.values())
    assert usage.total.bytes == held(server, name) == int(server.hget(f"{name}::state", "used") or 0) == 0


def test_a_handle_goes_on_in_a_child_of_its_process(redis_url: str, name: str) -> None:
    with RedisStore(redis_url, name=name) as store:
        [key] = put(store, picture(1))
        if (child := os.fork()) == 0:
            os._exit(0 if store.peek(key) == picture(1)[1] else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert store.peek(key) == picture(1)[1]
