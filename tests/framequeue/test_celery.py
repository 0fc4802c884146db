"""Celery's own workers, over a real RabbitMQ and a real Redis."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from tests.conftest import StartRedisServer
from tests.framequeue.celery_rig import Crew, frame
from tools.services.certificates import Certificates
from tools.services.rabbitmq import RabbitMqBroker

from sightline.framequeue.feeding import FrameFeed
from sightline.framequeue.store import Claimed
from sightline.hub.certificates import Authority

pytestmark = [pytest.mark.needs("rabbitmq", "redis"), pytest.mark.waits, pytest.mark.timeout(240)]


@pytest.fixture
def crew(tmp_path: Path, rabbitmq_url: str, redis_url: str) -> Iterator[Crew]:
    with Crew(tmp_path, rabbitmq_url, redis_url, routes="gate-*=gates") as made:
        yield made


def test_two_workers_on_two_queues_do_each_frame_once(crew: Crew) -> None:
    """Of three cameras; each key is sent twice, which is to change nothing."""
    gates = crew.worker("-Q", "gates", concurrency=2)
    others = crew.worker("-Q", "celery-frames", concurrency=2)
    cameras = ["gate-1", "gate-2", "yard"]
    frames = [frame(name, index, number) for index in range(10) for number, name in enumerate(cameras)]
    keys = crew.hand_over(*frames, times=2)
    crew.wait_until_done(keys)
    crew.wait_for(lambda: crew.queue.depth().ready == 0, "both queues to be empty")
    assert set(crew.done().values()) == {1}
    assert {each.worker for each in crew.events() if each.camera == "yard"} == {others.name}
    assert {each.worker for each in crew.events() if each.camera.startswith("gate")} == {gates.name}
    for key in keys:
        crew.wait_for(lambda key=key: crew.result(key)[0] == "SUCCESS", f"a result of {key}")  # type: ignore[misc]
        assert crew.result(key)[1].decode() == f"{cameras.index(key.camera_id)} {key.index}"
    usage = crew.store.usage()
    assert (usage.total.frames, usage.total.finished) == (0, len(keys))
    assert crew.queue.depth().dead == 0


def test_a_frame_that_takes_longer_than_its_lease_stays_its_workers(
    tmp_path: Path, rabbitmq_url: str, redis_url: str
) -> None:
    """Its key is in line twice, and the other worker asks for it again and again."""
    with Crew(tmp_path, rabbitmq_url, redis_url, lease_s=1) as crew:
        workers = [crew.worker("-Q", "celery-frames") for _ in range(2)]
        keys = crew.hand_over(frame("waits"), times=2)
        crew.wait_for(
            lambda: sum(each.log.read_text().count("retry: busy") for each in workers) >= 4, "it to be busy"
        )
        (crew.happened.parent / "go").touch()
        crew.wait_until_done(keys)
        crew.wait_for(lambda: crew.queue.depth().ready == 0, "no key to wait")
        assert [(each.attempt, each.redelivered) for each in crew.events("begun")] == [(1, False)]


def test_a_worker_that_is_told_to_stop_ends_what_it_has(crew: Crew) -> None:
    worker = crew.worker("-Q", "celery-frames")
    keys = crew.hand_over(frame("waits"))
    crew.wait_for(crew.events, "the worker to have it")
    assert worker.pid is not None
    os.kill(worker.pid, signal.SIGTERM)
    crew.wait_for(lambda: "Warm shutdown" in worker.log.read_text(), "it to stop")
    (crew.happened.parent / "go").touch()
    crew.wait_for(lambda: worker.pid is None, "it to have ended")
    assert crew.done() == {("waits", 0): 1}
    assert crew.store.usage().total.finished == len(keys)
    assert not {"Traceback", "ERROR", "CRITICAL"} & set(worker.log.read_text().replace(":", " ").split())


def test_a_feed_sends_to_celery(crew: Crew) -> None:
    crew.worker("-Q", "gates,celery-frames", "--handler", "tests.framequeue.celery_hand:work_later")
    frames = [frame("gate-1", index) for index in range(3)]
    with FrameFeed(crew.store, crew.queue) as feed:
        assert all(feed.offer(key, data) for key, data in frames)
    crew.wait_until_done(key for key, _ in frames)
    assert feed.stats().total.sent == 3


def test_what_a_child_that_was_killed_had_is_done_by_another(crew: Crew) -> None:
    crew.worker("-Q", "celery-frames")
    [key] = crew.hand_over(frame("dies"))
    crew.wait_until_done([key])
    first, second = crew.events("begun")
    assert (first.attempt, first.redelivered, second.attempt, second.redelivered) == (1, False, 2, True)
    assert first.pid != second.pid
    assert crew.done() == {("dies", 0): 1}


def test_what_a_worker_that_was_killed_had_is_done_by_another(crew: Crew) -> None:
    victim = crew.worker("-Q", "celery-frames")
    keys = crew.hand_over(frame("waits"))
    crew.wait_for(crew.events, "the worker to have it")
    victim.kill()
    (crew.happened.parent / "go").touch()
    crew.worker("-Q", "celery-frames")
    crew.wait_until_done(keys)
    assert [(each.attempt, each.redelivered) for each in crew.events("begun")] == [(1, False), (2, True)]
    assert crew.done() == {("waits", 0): 1}


def test_the_children_of_a_worker_end_with_it(crew: Crew) -> None:
    """Only Celery's main process is killed: nobody is left who works on what another is given."""
    victim = crew.worker("-Q", "celery-frames")
    keys = crew.hand_over(frame("waits"))
    [begun] = crew.wait_for(crew.events, "the worker to have it")
    assert victim.pid is not None
    psutil.Process(victim.pid).kill()
    crew.wait_for(lambda: not psutil.pid_exists(begun.pid), "its child to be gone")
    (crew.happened.parent / "go").touch()
    crew.worker("-Q", "celery-frames")
    crew.wait_until_done(keys)
    assert [(each.attempt, each.redelivered) for each in crew.events("begun")] == [(1, False), (2, True)]


def test_whoever_was_away_for_too_long_has_not_been(
    tmp_path: Path, rabbitmq_url: str, redis_url: str
) -> None:
    """A worker's machine stands still, the broker gives its key to another, and then it goes on."""
    with Crew(tmp_path, f"{rabbitmq_url}?heartbeat_s=1", redis_url, lease_s=1) as crew:
        stopped = crew.worker("-Q", "celery-frames")
        [key] = crew.hand_over(frame("waits"))
        [begun] = crew.wait_for(crew.events, "the worker to have it")
        assert stopped.pid is not None
        os.killpg(stopped.pid, signal.SIGSTOP)
        (crew.happened.parent / "go").touch()
        crew.worker("-Q", "celery-frames")
        crew.wait_until_done([key])
        assert crew.store.usage().total.finished == 1
        os.killpg(stopped.pid, signal.SIGCONT)
        crew.wait_for(lambda: len(crew.events("done")) == 2, "the other to be through as well")
        crew.wait_for(lambda: crew.queue.depth().ready == 0, "no key to wait")
        again = crew.hand_over(*(frame("yard", index) for index in range(6)))
        crew.wait_until_done(again)
        assert crew.store.usage().total.finished == 7
        assert [(each.attempt, each.redelivered) for each in crew.events("begun")][:2] == [
            (1, False),
            (2, True),
        ]
        assert begun.pid in {each.pid for each in crew.events("done")}


@pytest.mark.parametrize("kind", ["quorum", "classic"])
def test_a_frame_that_another_has_waits_for_it(
    tmp_path: Path, rabbitmq_url: str, redis_url: str, kind: str
) -> None:
    with Crew(tmp_path, rabbitmq_url, redis_url, queue_type=kind) as crew:
        [key] = crew.hand_over(frame("yard"))
        taken = crew.store.claim(key, "somebody", 2.0)
        assert isinstance(taken, Claimed)
        crew.worker("-Q", "celery-frames")
        crew.wait_until_done([key])
        [begun] = crew.events("begun")
        assert (begun.attempt, begun.redelivered) == (2, True)
        assert crew.done() == {("yard", 0): 1}


def test_a_handler_that_runs_too_long_is_interrupted(
    tmp_path: Path, rabbitmq_url: str, redis_url: str
) -> None:
    with Crew(tmp_path, rabbitmq_url, redis_url, time_limit_s=0.3, max_attempts=2) as crew:
        crew.worker("-Q", "celery-frames")
        [key] = crew.hand_over(frame("sleeps"))
        crew.wait_for(lambda: crew.queue.depth().dead, "it to be dead")
        [dead] = crew.queue.dead_letters()
        assert (dead.text, dead.attempts) == (str(key), 2)
        assert dead.reason == "its handler ran longer than 0.3 s"
        assert len(crew.events("interrupted")) == 2
        assert len({each.pid for each in crew.events()}) == 1


def test_a_handler_that_hangs_ends_its_process(tmp_path: Path, rabbitmq_url: str, redis_url: str) -> None:
    with Crew(tmp_path, rabbitmq_url, redis_url, time_limit_s=0.2, hard_limit_s=0.5, max_attempts=2) as crew:
        crew.worker("-Q", "celery-frames")
        [key] = crew.hand_over(frame("hangs"))
        crew.wait_for(lambda: crew.queue.depth().dead, "it to be dead")
        [dead] = crew.queue.dead_letters()
        assert dead.text == str(key)
        assert "given up after 2 attempts that did not end" in dead.reason
        assert "its handler ran longer than 0.5 s" in dead.reason
        begun = crew.events("begun")
        assert [(each.attempt, each.redelivered) for each in begun] == [(1, False), (2, True)]
        assert len({each.pid for each in begun}) == 2
        [other] = crew.hand_over(frame("yard"))
        crew.wait_until_done([other])


def test_what_nothing_can_be_done_with_becomes_a_dead_letter(crew: Crew) -> None:
    worker = crew.worker("-Q", "celery-frames")
    raises, spoilt = crew.hand_over(frame("raises"), frame("yard", 1, data=b"no picture"))
    crew.queue.send(["no key"])
    crew.wait_for(lambda: crew.queue.depth().dead == 3, "three to be dead")
    reasons = {dead.text: (dead.attempts, dead.reason) for dead in crew.queue.dead_letters()}
    attempts, reason = reasons[str(raises)]
    assert attempts == 3
    assert reason.startswith("ValueError: no plate in")
    assert "hunter2" not in reason
    assert reasons[str(spoilt)][0] == 1
    assert "expected a frame's key" in reasons["no key"][1]
    assert [each.redelivered for each in crew.events("begun")] == [False, True, True]
    state, died = crew.result(raises)
    assert (state, type(died).__name__) == ("FAILURE", "FrameDied")
    assert "no plate" in str(died)
    assert "hunter2" not in str(died)
    assert "hunter2" not in worker.log.read_text()
    assert crew.queue.dead_retry([str(raises)]) == 1
    crew.wait_for(lambda: len(crew.events("begun")) == 6, "it to be tried anew")
    crew.wait_for(lambda: crew.queue.depth().dead == 3, "it to be dead again")


def test_beat_has_what_nobody_knows_of_sent_again(tmp_path: Path, rabbitmq_url: str, redis_url: str) -> None:
    """A feed died after it stored: no key was sent."""
    with Crew(tmp_path, rabbitmq_url, redis_url, sweep_s=0.5, overdue_s=1) as crew:
        key, data = frame("yard")
        crew.store.put([(key, data)], None)
        crew.worker()
        crew.program("beat").start()
        crew.wait_until_done([key])
        assert crew.done() == {("yard", 0): 1}


def test_a_result_may_be_any_bytes(crew: Crew) -> None:
    crew.worker("-Q", "celery-frames")
    [key] = crew.hand_over(frame("bytes"))
    crew.wait_for(lambda: crew.result(key)[0] == "SUCCESS", "its result")
    assert crew.result(key)[1] == b"\xff\x00"


def test_a_pool_of_threads_has_time_limits_too(tmp_path: Path, rabbitmq_url: str, redis_url: str) -> None:
    with Crew(tmp_path, rabbitmq_url, redis_url, time_limit_s=0.3, max_attempts=1) as crew:
        crew.worker("-Q", "celery-frames", "--pool", "threads", concurrency=3)
        keys = crew.hand_over(*(frame("yard", index) for index in range(5)), frame("sleeps"))
        crew.wait_until_done(keys[:-1])
        crew.wait_for(lambda: crew.queue.depth().dead, "one to be dead")
        assert len({each.pid for each in crew.events()}) == 1


def test_all_may_go_within_tls(tmp_path: Path, redis_server: StartRedisServer) -> None:
    authority, folder = Authority(tmp_path / "authority"), tmp_path / "broker"
    own = authority.hub()
    folder.mkdir()
    files = Certificates(authority.certificate.file, own.file, own.key)
    redis = redis_server(password="of the pictures", certificates=files)
    with (
        RabbitMqBroker(folder, certificates=files) as broker,
        Crew(tmp_path, broker.address.url(), redis.url()) as crew,
    ):
        worker = crew.worker("-Q", "celery-frames")
        [key] = crew.hand_over(frame("yard"))
        crew.wait_until_done([key])
        crew.wait_for(lambda: crew.result(key)[0] == "SUCCESS", "its result")
        told = worker.log.read_text()
        assert "of the pictures" not in told
        assert "of%20the%20pictures" not in told


def test_nothing_but_json_is_read(crew: Crew, tmp_path: Path) -> None:
    """A message that has code run where it is read, if it is."""
    kombu = pytest.importorskip("kombu")

    class Harm:
        def __reduce__(self) -> tuple[object, ...]:
            return os.mkdir, (str(tmp_path / "harm"),)

    crew.worker("-Q", "celery-frames")
    with kombu.Connection(crew.broker) as broker, broker.Producer() as producer:
        producer.publish(
            ([Harm()], {}, {}),
            routing_key="celery-frames",
            serializer="pickle",
            headers={"task": "sightline.framequeue.process", "id": "harm", "lang": "py"},
        )
    crew.wait_for(lambda: crew.queue.depth().dead, "it to be dead")
    keys = crew.hand_over(frame("yard"))
    crew.wait_until_done(keys)
    assert not (tmp_path / "harm").exists()


def test_a_broker_and_a_store_that_are_killed_lose_and_repeat_nothing(
    tmp_path: Path, rabbitmq_broker: RabbitMqBroker, redis_server: StartRedisServer
) -> None:
    """Durable queues, and a Redis that writes before it answers; both are killed while there is work."""
    redis = redis_server(persistence="always")
    with Crew(tmp_path, rabbitmq_broker.address.url(), redis.url()) as crew:
        crew.worker("-Q", "celery-frames", concurrency=2)
        frames = [frame("yard", index) for index in range(40)]
        crew.wait_for(lambda: rabbitmq_broker.keeps("celery-frames"), "the queue to be on disk")
        waiting = crew.hand_over(frame("waits"))
        crew.wait_for(crew.events, "work to be in hand")
        keys = waiting + crew.hand_over(*frames)
        rabbitmq_broker.restart()
        redis.restart()
        (crew.happened.parent / "go").touch()
        crew.wait_for(lambda: crew.store.usage().total.finished == len(keys), "all to be finished")
        crew.wait_for(lambda: crew.queue.depth().ready == 0, "no key to wait")
        assert crew.queue.depth().dead == 0
        begun = crew.events("begun")
        assert {(each.camera, each.frame) for each in begun} == {(key.camera_id, key.index) for key in keys}
        assert all(each.redelivered for each in begun if each.attempt > 1)
        for key in keys:
            crew.wait_for(lambda key=key: crew.result(key)[0] == "SUCCESS", f"a result of {key}")  # type: ignore[misc]
