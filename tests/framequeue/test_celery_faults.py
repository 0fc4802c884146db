"""What befalls Celery's workers and is no handler's failure: a stop, no Redis, a stranger's messages."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.framequeue.celery_rig import Crew, frame

from sightline.framequeue.tasks.message import PROCESS

pytestmark = [pytest.mark.needs("rabbitmq", "redis"), pytest.mark.waits, pytest.mark.timeout(240)]


@pytest.mark.parametrize("stops", [(signal.SIGQUIT,), (signal.SIGINT, signal.SIGINT)])
def test_what_a_worker_had_that_was_made_to_stop_is_anothers(
    tmp_path: Path, rabbitmq_url: str, redis_url: str, stops: tuple[int, ...]
) -> None:
    """At its one attempt, and at once: its lease is longer than this test."""
    with Crew(tmp_path, rabbitmq_url, redis_url, max_attempts=1, lease_s=600) as crew:
        stopped = crew.worker("-Q", "celery-frames")
        keys = crew.hand_over(frame("waits"))
        crew.wait_for(crew.events, "the worker to have it")
        for number, stop in enumerate(stops):
            crew.wait_for(lambda: stopped.log.read_text().count("Hitting Ctrl+C") == number, "it to hear")  # noqa: B023
            assert stopped.pid is not None
            os.kill(stopped.pid, stop)
        crew.wait_for(lambda: stopped.pid is None, "it to have ended")
        assert crew.queue.depth().dead == 0
        (crew.happened.parent / "go").touch()
        crew.worker("-Q", "celery-frames")
        crew.wait_until_done(keys)
        assert [(each.attempt, each.redelivered) for each in crew.events("begun")] == [(1, False), (2, True)]
        assert crew.done() == {("waits", 0): 1}


def test_results_that_cannot_be_written_kill_no_key(
    tmp_path: Path, rabbitmq_url: str, redis_url: str, free_port: Callable[[], int]
) -> None:
    """Celery's Redis is away; the store has another. No secret of a handler's error is told anywhere."""
    away = f"redis://127.0.0.1:{free_port()}/0"
    with Crew(tmp_path, rabbitmq_url, redis_url, results=away, max_attempts=2) as crew:
        worker = crew.worker("-Q", "celery-frames")
        keys = crew.hand_over(frame("yard"), frame("raises"))
        crew.wait_until_done(keys[:1])
        crew.wait_for(lambda: "a frame died" in worker.log.read_text(), "the other to be dead")
        crew.wait_for(lambda: worker.log.read_text().count(" ignored") == 1, "its task to have ended")
        assert [dead.text for dead in crew.queue.dead_letters()] == [str(keys[1])]
        assert (crew.queue.depth().ready, crew.store.usage().total.finished) == (0, 1)
        told = worker.log.read_text()
        assert "a result was not written for Celery" in told
        assert "Traceback" not in told
        assert "hunter2" not in told


def test_a_strangers_messages_become_dead_letters(tmp_path: Path, rabbitmq_url: str, redis_url: str) -> None:
    kombu = pytest.importorskip("kombu")
    embedded = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
    with Crew(tmp_path, rabbitmq_url, redis_url) as crew:
        worker = crew.worker("-Q", "celery-frames")
        with kombu.Connection(crew.broker) as broker, broker.Producer() as producer:

            def send(body: object, **headers: object) -> None:
                told = {"task": PROCESS, "id": "x", "lang": "py", **headers}
                producer.publish(body, routing_key="celery-frames", serializer="json", headers=told)

            strange: list[tuple[object, dict[str, object]]] = [
                ("frames:no:task", {"task": None}),
                ([["k"], {}, embedded], {"task": "os.system"}),
                ([[], {}, embedded], {}),
                ([["a", "b"], {}, embedded], {}),
                ([[7], {}, embedded], {}),
                ([["x" * 1_000_000], {}, embedded], {}),
                ([["k"], {}, embedded], {"retries": "many"}),
                ([["k"], {}, embedded], {"eta": "never"}),
                ([["k"], {}, embedded], {"timelimit": ["a", "b"]}),
                ({"a": 1}, {}),
            ]
            for body, headers in strange:
                send(body, **headers)
        keys = crew.hand_over(frame("yard"))
        crew.wait_until_done(keys)
        crew.wait_for(lambda: crew.queue.depth().dead == len(strange), "all to be dead")
        assert worker.pid is not None
        assert "Unrecoverable" not in worker.log.read_text()
