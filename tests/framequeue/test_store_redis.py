"""The store in Redis: the promise, and what is its own."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from uuid import uuid4

import pytest
from tests.framequeue.store_conformance import LONG_S, StoreConformance, StoreRig
from tools.services.waiting import wait_for

from sightline.framequeue.store import FrameStore
from sightline.framequeue.store_redis import RedisStore

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
