"""Celery's workers with settings or servers of their own: stops, no Redis, servers that die."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.conftest import StartRedisServer
from tests.framequeue.celery_rig import Crew, frame
from tests.framequeue.test_celery import waits_for_another
from tools.services.certificates import Certificates
from tools.services.rabbitmq import RabbitMqBroker
from tools.services.rabbitmq_address import RabbitMqAddress

from sightline.hub.certificates import Authority

pytestmark = [pytest.mark.needs("rabbitmq", "redis"), pytest.mark.waits, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def broker(rabbitmq: RabbitMqAddress) -> Iterator[str]:
    """The URL of a virtual host: each crew has queues of its own in it."""
    with rabbitmq.vhost() as url:
        yield url


def test_what_a_worker_had_that_was_made_to_stop_is_anothers(
    tmp_path: Path, broker: str, redis_url: str
) -> None:
    """By QUIT, and by Ctrl-C twice. At its one attempt, and at once: its lease is longer than this test."""
    with Crew(tmp_path, broker, redis_url, max_attempts=1, lease_s=600) as crew:
        keys = crew.hand_over(frame("waits"))
        for number, stops in enumerate([(signal.SIGQUIT,), (signal.SIGINT, signal.SIGINT)]):
            stopped = crew.worker()
            crew.wait_for(lambda: len(crew.events()) == number + 1, "the worker to have it")  # noqa: B023
            for hit, stop in enumerate(stops):
                crew.wait_for(lambda: stopped.log.read_text().count("Hitting Ctrl+C") == hit, "it to hear")  # noqa: B023
                assert stopped.pid is not None
                os.kill(stopped.pid, stop)
            crew.wait_until_ended(stopped)
            assert crew.died == 0
        crew.go()
        crew.worker()
        crew.wait_until_done(keys)
        assert crew.begun() == [(1, False), (2, True), (3, True)]
        assert crew.done() == {("waits", 0): 1}


def test_a_frame_that_another_has_waits_for_it_in_a_classic_queue(
    tmp_path: Path, broker: str, redis_url: str
) -> None:
    with Crew(tmp_path, broker, redis_url, queue_type="classic") as crew:
        crew.worker()
        waits_for_another(crew)


def test_results_that_cannot_be_written_kill_no_key(
    tmp_path: Path, broker: str, redis_url: str, free_port: Callable[[], int]
) -> None:
    """Celery's Redis is away; the store has another. No secret of a handler's error is told anywhere."""
    away = f"redis://127.0.0.1:{free_port()}/0"
    with Crew(tmp_path, broker, redis_url, results=away, max_attempts=2) as crew:
        worker = crew.worker(concurrency=2)
        keys = crew.hand_over(frame("yard"), frame("raises"))
        crew.wait_until_done(keys[:1])
        crew.wait_for(lambda: "a frame died" in worker.log.read_text(), "the other to be dead")
        crew.wait_for(lambda: worker.log.read_text().count(" ignored") == 1, "its task to have ended")
        assert [dead.text for dead in crew.queue.dead_letters()] == [str(keys[1])]
        assert (crew.queue.depth().ready, crew.finished) == (0, 1)
        told = worker.log.read_text()
        assert "a result was not written for Celery" in told
        assert "Traceback" not in told
        assert "hunter2" not in told


def test_servers_that_are_killed_lose_and_repeat_nothing_all_within_tls(
    tmp_path: Path, redis_server: StartRedisServer
) -> None:
    """Durable queues, and a Redis that writes before it answers; both are killed while there is work."""
    authority, folder = Authority(tmp_path / "authority"), tmp_path / "broker"
    own = authority.hub()
    folder.mkdir()
    files = Certificates(authority.certificate.file, own.file, own.key)
    redis = redis_server(password="of the pictures", certificates=files, persistence="always")
    rabbitmq = RabbitMqBroker(folder, certificates=files)
    with ExitStack() as running:
        running.callback(rabbitmq.kill)
        rabbitmq.start()
        crew = running.enter_context(Crew(tmp_path, rabbitmq.address.url(), redis.url()))
        worker = crew.worker(concurrency=2)
        crew.wait_for(lambda: rabbitmq.keeps(crew.name), "the queue to be on disk")
        waiting = crew.hand_over(frame("waits"))
        crew.wait_for(crew.events, "work to be in hand")
        keys = waiting + crew.hand_over(*(frame("yard", index) for index in range(40)))
        rabbitmq.restart()
        redis.restart()
        crew.go()
        crew.wait_for(lambda: crew.finished == len(keys), "all to be finished")
        crew.wait_for(lambda: crew.queue.depth().ready == 0, "no key to wait")
        assert crew.died == 0
        begun = crew.events("begun")
        assert {(each.camera, each.frame) for each in begun} == {(key.camera_id, key.index) for key in keys}
        assert all(each.redelivered for each in begun if each.attempt > 1)
        for key in keys:
            crew.wait_for(lambda key=key: crew.result(key)[0] == "SUCCESS", f"a result of {key}")  # type: ignore[misc]
        told = worker.log.read_text()
        assert "of the pictures" not in told
        assert "of%20the%20pictures" not in told
