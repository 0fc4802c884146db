"""Celery's own workers, over a real RabbitMQ and a real Redis.

Two are there for all tests: `gates` takes the keys of the gates, `others` the rest. A third, a `victim`, is
of the test that ends it: it takes those of cameras whose names say so.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import psutil
import pytest
from tests.framequeue.celery_rig import Crew, frame
from tools.services.celery import CeleryProgram
from tools.services.rabbitmq_address import RabbitMqAddress

from sightline.framequeue.feeding import FrameFeed
from sightline.framequeue.store import Claimed
from sightline.framequeue.tasks.message import PROCESS

pytestmark = [
    pytest.mark.needs("rabbitmq", "redis"),
    pytest.mark.waits,
    pytest.mark.timeout(240),
    pytest.mark.xdist_group("celery"),
]


class SharedCrew(Crew):
    """One with workers that go on from test to test."""

    gates: CeleryProgram
    others: CeleryProgram

    def begin(self) -> None:
        self.gates = self.worker("--handler", "tests.framequeue.celery_hand:work_later", of=("-gates",))
        self.others = self.worker(of=("", "-sweep"), concurrency=2)

    def victim(self, concurrency: int = 1, **settings: object) -> CeleryProgram:
        return self.worker(of=("-victims",), concurrency=concurrency, **settings)

    def rescue(self) -> AbstractContextManager[None]:
        """Meanwhile `others` takes what victims would."""
        return self.also_taking(self.others, "-victims")


@pytest.fixture(scope="module")
def begun(
    tmp_path_factory: pytest.TempPathFactory, rabbitmq: RabbitMqAddress, redis_url: str
) -> Iterator[SharedCrew]:
    routes = "gate-*={name}-gates,*-victim={name}-victims"
    folder = tmp_path_factory.mktemp("celery")
    with rabbitmq.vhost() as url, SharedCrew(folder, url, redis_url, routes=routes, overdue_s=1) as made:
        made.begin()
        yield made


@pytest.fixture
def crew(begun: SharedCrew) -> SharedCrew:
    begun.anew()
    return begun


def test_two_workers_on_two_queues_do_each_frame_once(crew: SharedCrew) -> None:
    """Of three cameras; each key is sent twice, which is to change nothing."""
    cameras = ["gate-1", "gate-2", "yard"]
    frames = [frame(name, index, number) for index in range(10) for number, name in enumerate(cameras)]
    keys = crew.hand_over(*frames, times=2)
    crew.wait_until_done(keys)
    crew.wait_for(lambda: crew.queue.depth().ready == 0, "both queues to be empty")
    assert set(crew.done().values()) == {1}
    assert {each.worker for each in crew.events() if each.camera == "yard"} == {crew.others.name}
    assert {each.worker for each in crew.events() if each.camera.startswith("gate")} == {crew.gates.name}
    for key in keys:
        crew.wait_for(lambda key=key: crew.result(key)[0] == "SUCCESS", f"a result of {key}")  # type: ignore[misc]
        assert crew.result(key)[1].decode() == f"{cameras.index(key.camera_id)} {key.index}"
    assert (crew.kept, crew.finished, crew.died) == (0, len(keys), 0)


def test_a_frame_that_takes_longer_than_its_lease_stays_its_process(crew: SharedCrew) -> None:
    """Its key is in line twice, and another asks for it, and again when that lease would have been over."""
    before = _busy(crew.others)
    keys = crew.hand_over(frame("waits"), times=2)
    crew.wait_for(lambda: _busy(crew.others) >= before + 3, "it to be busy")
    crew.go()
    crew.wait_until_done(keys)
    crew.wait_for(lambda: crew.queue.depth().ready == 0, "no key to wait")
    assert crew.begun() == [(1, False)]


def test_a_feed_sends_to_celery(crew: SharedCrew) -> None:
    frames = [frame("gate-1", index) for index in range(3)]
    with FrameFeed(crew.store, crew.queue) as feed:
        assert all(feed.offer(key, data) for key, data in frames)
    crew.wait_until_done(key for key, _ in frames)
    assert feed.stats().total.sent == 3


def test_a_frame_that_another_has_waits_for_it(crew: SharedCrew) -> None:
    waits_for_another(crew)


def test_what_nothing_can_be_done_with_becomes_a_dead_letter(crew: SharedCrew) -> None:
    raises, spoilt = crew.hand_over(frame("raises"), frame("yard", 1, data=b"no picture"))
    crew.queue.send(["no key"])
    crew.wait_for(lambda: crew.died == 3, "three to be dead")
    [dead] = crew.letters(raises)
    assert dead.attempts == 3
    assert dead.reason.startswith("ValueError: no plate in")
    assert "hunter2" not in dead.reason
    assert [dead.attempts for dead in crew.letters(spoilt)] == [1]
    [dead] = crew.letters("no key")
    assert "expected a frame's key" in dead.reason
    assert crew.begun() == [(1, False), (2, True), (3, True)]
    state, died = crew.result(raises)
    assert (state, type(died).__name__) == ("FAILURE", "FrameDied")
    assert "no plate" in str(died)
    assert "hunter2" not in str(died)
    assert "hunter2" not in crew.others.log.read_text()
    assert crew.queue.dead_retry([str(raises)]) == 1
    crew.wait_for(lambda: len(crew.events("begun")) == 6, "it to be tried anew")
    crew.wait_for(lambda: crew.died == 3, "it to be dead again")


def test_beat_has_what_nobody_knows_of_sent_again(crew: SharedCrew) -> None:
    """A feed died after it stored: no key was sent."""
    keys = crew.put(frame("yard"))
    beat = crew.program("beat", sweep_s=0.5)
    beat.start()
    crew.wait_until_done(keys)
    beat.stop()
    assert crew.done() == {("yard", 0): 1}


def test_a_result_may_be_any_bytes(crew: SharedCrew) -> None:
    [key] = crew.hand_over(frame("bytes"))
    crew.wait_for(lambda: crew.result(key)[0] == "SUCCESS", "its result")
    assert crew.result(key)[1] == b"\xff\x00"


def test_nothing_but_json_is_read(crew: SharedCrew, tmp_path: Path) -> None:
    """A message that has code run where it is read, if it is."""
    kombu = pytest.importorskip("kombu")

    class Harm:
        def __reduce__(self) -> tuple[object, ...]:
            return os.mkdir, (str(tmp_path / "harm"),)

    with kombu.Connection(crew.broker) as broker, broker.Producer() as producer:
        producer.publish(
            ([Harm()], {}, {}),
            routing_key=crew.name,
            serializer="pickle",
            headers={"task": PROCESS, "id": "harm", "lang": "py"},
        )
    crew.wait_for(lambda: crew.died == 1, "it to be dead")
    crew.wait_until_done(crew.hand_over(frame("yard")))
    assert not (tmp_path / "harm").exists()


def test_a_strangers_messages_become_dead_letters(crew: SharedCrew) -> None:
    kombu = pytest.importorskip("kombu")
    embedded = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
    before = crew.others.pid
    with kombu.Connection(crew.broker) as broker, broker.Producer() as producer:

        def send(body: object, **headers: object) -> None:
            told = {"task": PROCESS, "id": "x", "lang": "py", **headers}
            producer.publish(body, routing_key=crew.name, serializer="json", headers=told)

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
    crew.wait_until_done(crew.hand_over(frame("yard")))
    crew.wait_for(lambda: crew.died == len(strange), "all to be dead")
    assert crew.others.pid == before
    assert "Unrecoverable" not in crew.others.log.read_text()


def test_a_worker_that_is_told_to_stop_ends_what_it_has(crew: SharedCrew) -> None:
    worker = crew.victim()
    crew.hand_over(frame("waits-victim"))
    crew.wait_for(crew.events, "the worker to have it")
    assert worker.pid is not None
    os.kill(worker.pid, signal.SIGTERM)
    crew.wait_for(lambda: "Warm shutdown" in worker.log.read_text(), "it to stop")
    crew.go()
    crew.wait_until_ended(worker)
    assert crew.done() == {("waits-victim", 0): 1}
    assert crew.finished == 1
    assert not {"Traceback", "ERROR", "CRITICAL"} & set(worker.log.read_text().replace(":", " ").split())


def test_what_a_worker_that_was_killed_had_is_done_by_another(crew: SharedCrew) -> None:
    victim = crew.victim()
    keys = crew.hand_over(frame("waits-victim"))
    crew.wait_for(crew.events, "the worker to have it")
    victim.kill()
    crew.go()
    with crew.rescue():
        crew.wait_until_done(keys)
    assert crew.begun() == [(1, False), (2, True)]
    assert crew.done() == {("waits-victim", 0): 1}


def test_the_children_of_a_worker_end_with_it(crew: SharedCrew) -> None:
    """Only Celery's main process is killed: nobody is left who works on what another is given."""
    victim = crew.victim()
    keys = crew.hand_over(frame("waits-victim"))
    [begun] = crew.wait_for(crew.events, "the worker to have it")
    assert victim.pid is not None
    psutil.Process(victim.pid).kill()
    crew.wait_for(lambda: not psutil.pid_exists(begun.pid), "its child to be gone")
    crew.go()
    with crew.rescue():
        crew.wait_until_done(keys)
    assert crew.begun() == [(1, False), (2, True)]


def test_whoever_is_killed_at_work_loses_nothing_and_repeats_nothing_unmarked(crew: SharedCrew) -> None:
    """First a child, then a worker's main process; two workers share what there is to do."""
    victim = crew.victim(concurrency=2)
    with crew.rescue():
        keys = crew.hand_over(*(frame("slow-victim", index) for index in range(80)))
        child = crew.wait_for(lambda: _at_work(crew, victim), "the victim to work")[0]
        psutil.Process(child).kill()
        crew.wait_for(
            lambda: set(_at_work(crew, victim)) - {child} and len(crew.done()) > 15, "others to work"
        )
        assert victim.pid is not None
        psutil.Process(victim.pid).kill()
        assert len(crew.done()) < len(keys)
        crew.wait_until_done(keys)
        crew.wait_for(lambda: crew.queue.depth().ready == 0, "no key to wait")
    assert (crew.finished, crew.kept, crew.died) == (len(keys), 0, 0)
    runs = [crew.begun(key) for key in keys]
    assert any(len(of) > 1 for of in runs)
    for of in runs:
        assert [attempt for attempt, _ in of] == list(range(1, len(of) + 1))
        assert all(redelivered for attempt, redelivered in of if attempt > 1)


def test_whoever_was_away_for_too_long_has_not_been(crew: SharedCrew) -> None:
    """A worker's machine stands still, the broker gives its key to another, and then it goes on."""
    stopped = crew.victim(broker=f"{crew.broker}?heartbeat_s=1", lease_s=1)
    [key] = crew.hand_over(frame("waits-victim"))
    [begun] = crew.wait_for(crew.events, "the worker to have it")
    assert stopped.pid is not None
    os.killpg(stopped.pid, signal.SIGSTOP)
    crew.go()
    with crew.rescue():
        crew.wait_until_done([key])
        assert crew.finished == 1
        os.killpg(stopped.pid, signal.SIGCONT)
        crew.wait_for(lambda: len(crew.events("done")) == 2, "the other to be through as well")
        crew.wait_for(lambda: crew.queue.depth().ready == 0, "no key to wait")
    crew.wait_until_done(crew.hand_over(*(frame("yard-victim", index) for index in range(6))))
    assert crew.finished == 7
    assert crew.begun(key) == [(1, False), (2, True)]
    assert {each.pid for each in crew.events("done", of=key)} > {begun.pid}
    stopped.stop()


def waits_for_another(crew: Crew) -> None:
    [key] = crew.put(frame("yard"))
    assert isinstance(crew.store.claim(key, "somebody", 2.0), Claimed)
    crew.send([key])
    crew.wait_until_done([key])
    assert crew.begun() == [(2, True)]
    assert crew.done() == {("yard", 0): 1}


def _busy(worker: CeleryProgram) -> int:
    return worker.log.read_text().count("retry: busy")


def _at_work(crew: Crew, worker: CeleryProgram) -> list[int]:
    """The children that had a frame, and live."""
    pids = {each.pid for each in crew.events("begun") if each.worker == worker.name}
    return [pid for pid in pids if psutil.pid_exists(pid)]
