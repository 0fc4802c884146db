"""Handlers of Celery's that take too long, or die."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest
from tests.framequeue.celery_rig import Crew, frame
from tools.services.rabbitmq_address import RabbitMqAddress

from sightline.framequeue.key import FrameKey

pytestmark = [
    pytest.mark.needs("rabbitmq", "redis"),
    pytest.mark.waits,
    pytest.mark.timeout(240),
    pytest.mark.xdist_group("celery-limits"),
]


class Limited(NamedTuple):
    """A worker with limits, and what is in line for it: what Celery sees after seconds goes side by side."""

    crew: Crew
    sleeps: FrameKey
    hangs: FrameKey
    dies: FrameKey


@pytest.fixture(scope="module")
def limited(
    tmp_path_factory: pytest.TempPathFactory, rabbitmq: RabbitMqAddress, redis_url: str
) -> Iterator[Limited]:
    limits = {"time_limit_s": 0.3, "hard_limit_s": 0.8, "max_attempts": 2}
    folder = tmp_path_factory.mktemp("limited")
    with rabbitmq.vhost() as url, Crew(folder, url, redis_url, **limits) as crew:
        crew.worker(concurrency=3)
        yield Limited(crew, *crew.hand_over(*map(frame, ("sleeps", "hangs", "dies"))))


def test_a_handler_that_runs_too_long_is_interrupted(limited: Limited) -> None:
    crew, key = limited.crew, limited.sleeps
    [dead] = crew.wait_for(lambda: crew.letters(key), "it to be dead")
    assert (dead.attempts, dead.reason) == (2, "its handler ran longer than 0.3 s")
    assert len(crew.events("interrupted", of=key)) == 2
    assert all(psutil.pid_exists(each.pid) for each in crew.events(of=key))


def test_a_handler_that_hangs_ends_its_process(limited: Limited) -> None:
    crew, key = limited.crew, limited.hangs
    [dead] = crew.wait_for(lambda: crew.letters(key), "it to be dead")
    assert "given up after 2 attempts that did not end" in dead.reason
    assert "its handler ran longer than 0.8 s" in dead.reason
    assert crew.begun(key) == [(1, False), (2, True)]
    pids = {each.pid for each in crew.events("begun", of=key)}
    assert len(pids) == 2
    assert not any(map(psutil.pid_exists, pids))
    crew.wait_until_done(crew.hand_over(frame("yard")))


def test_what_a_child_that_was_killed_had_is_done_by_another(limited: Limited) -> None:
    crew, key = limited.crew, limited.dies
    crew.wait_until_done([key])
    assert crew.begun(key) == [(1, False), (2, True)]
    first, second = crew.events("begun", of=key)
    assert first.pid != second.pid
    assert crew.done()["dies", 0] == 1


def test_a_pool_of_threads_has_time_limits_too(tmp_path: Path, rabbitmq_url: str, redis_url: str) -> None:
    with Crew(tmp_path, rabbitmq_url, redis_url, time_limit_s=0.3, max_attempts=1) as crew:
        crew.worker("--pool", "threads", concurrency=3)
        keys = crew.hand_over(*(frame("yard", index) for index in range(5)), frame("sleeps"))
        crew.wait_until_done(keys[:-1])
        crew.wait_for(lambda: crew.died, "one to be dead")
        assert len({each.pid for each in crew.events()}) == 1
