"""The queue within this process."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import count

import pytest
from tests.conftest import WaitFor
from tests.framequeue.queue_conformance import CHECKS, NAMES
from tests.framequeue.queue_rig import Opener, Rig, texts

from sightline.framequeue.queue import Delivery, KeyQueue
from sightline.framequeue.queues.limits import QueueLimits
from sightline.framequeue.queues.line import Moment
from sightline.framequeue.queues.memory import MemoryQueue

names = map("test {}".format, count())


class MemoryRig:
    timeout_s = 10.0
    opener: Opener | None = None
    serves = False
    keeps = False
    counts = True

    def __init__(self, closing: ExitStack) -> None:
        self._closing = closing
        self._name = next(names)

    def open(self, limits: QueueLimits | None = None) -> KeyQueue:
        return self._closing.enter_context(MemoryQueue(self._name, limits))

    def kill_server(self) -> None:
        raise AssertionError("there is none")

    start_server = kill_server


@pytest.fixture
def rig(no_leaks: None) -> Iterator[MemoryRig]:
    with ExitStack() as closing:
        yield MemoryRig(closing)


@pytest.mark.parametrize("check", CHECKS, ids=NAMES)
def test_it_keeps_the_promise(check: Callable[[Rig], None], rig: MemoryRig) -> None:
    check(rig)


def test_who_opens_a_name_meets_and_who_gives_none_is_alone() -> None:
    with MemoryQueue("one") as here, MemoryQueue("one") as there, MemoryQueue("two") as elsewhere:
        here.send(["key"])
        assert elsewhere.depth().ready == 0
        assert there.depth().ready == 1
    with MemoryQueue() as alone, MemoryQueue() as other:
        alone.send(["key"])
        assert other.depth().ready == 0


def test_the_keys_go_with_the_last_handle() -> None:
    with MemoryQueue("gone") as first:
        first.send(["key"])
        with MemoryQueue("gone") as second:
            assert second.depth().ready == 1
        assert first.depth().ready == 1
    with MemoryQueue("gone") as queue:
        assert queue.depth().ready == 0


def test_a_key_wakes_one_of_many_who_wait(wait_for: WaitFor) -> None:
    with ThreadPoolExecutor(20) as pool, MemoryQueue() as queue:
        waiting = [pool.submit(queue.receive, 1, 60) for _ in range(20)]
        asleep = queue._place.changed._waiters  # type: ignore[attr-defined]
        wait_for(lambda: len(asleep) == 20, 10, "all to wait")
        looked = 0
        receive = queue._place.line.receive

        def counted(most: int, holder: int, now: Moment) -> list[Delivery]:
            nonlocal looked
            looked += 1
            return receive(most, holder, now)

        queue._place.line.receive = counted  # type: ignore[method-assign]
        for number in range(10):
            queue.send([str(number)])
        wait_for(lambda: sum(each.done() for each in waiting) == 10, 10, "all to be handed over")
        assert looked == 10


def test_all_who_wait_know_of_a_delayed_key(wait_for: WaitFor) -> None:
    with ThreadPoolExecutor() as pool, MemoryQueue() as queue:
        queue.send(["key"])
        (held,) = queue.receive(1, 0)
        asleep = queue._place.changed._waiters  # type: ignore[attr-defined]
        leaves = pool.submit(queue.receive, 1, 0.5)
        wait_for(lambda: len(asleep) == 1, 10, "the first to wait")
        stays = pool.submit(queue.receive, 1, 3600)
        wait_for(lambda: len(asleep) == 2, 10, "the second to wait")
        assert queue.retry(held, 1.0)
        assert leaves.result(10) == []
        assert texts(stays.result(10)) == ["key"]
