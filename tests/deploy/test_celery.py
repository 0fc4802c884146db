"""Celery by the compose file: its worker, its beat, their checks and settings, with that Redis, run here."""

import signal
import socket
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
from redis import Redis
from tests.conftest import WaitFor
from tests.deploy.files import (
    FOLDER,
    PASSWORDS,
    PATH,
    check,
    compose,
    environment_of,
    filled_in,
    put_in,
    redis_process,
)
from tests.framequeue.celery_rig import frame
from tools.services.process import Process

from sightline.framequeue.opening import open_queue, open_store

pytestmark = [pytest.mark.needs("redis", "rabbitmq"), pytest.mark.waits]
PICTURES = 3


@pytest.fixture
def named(rabbitmq_url: str, free_port: Callable[[], int], tmp_path: Path) -> Iterator[dict[str, str]]:
    """config.env for servers of this machine; a Redis as it says is there."""
    broker = urlsplit(rabbitmq_url)
    named = filled_in(
        REDIS_HOST="127.0.0.1",
        REDIS_PORT=str(free_port()),
        RABBITMQ_HOST="127.0.0.1",
        RABBITMQ_PORT=str(broker.port),
        RABBITMQ_USER=str(broker.username),
        RABBITMQ_PASSWORD=str(broker.password),
        RABBITMQ_VHOST=broker.path[1:],
    )
    with redis_process(environment_of("redis", named), tmp_path):
        yield named


def test_worker_and_beat_work_on_all_that_is_there(
    named: dict[str, str], tmp_path: Path, wait_for: WaitFor
) -> None:
    sampled = environment_of("celery-sampler", named)
    store_at, queue_at = (sampled[f"SIGHTLINE_FRAMEQUEUE_{name}"] for name in ("STORE", "QUEUE"))
    frames = [frame("gate", index) for index in range(PICTURES)]
    environment = here("celery-worker", named, SWEEP_S="0.5", OVERDUE_S="1")
    with open_store(store_at) as store:
        assert all(put.stored for put in store.put(frames, None))
        worker = program("celery-worker", " ready.", named, environment, tmp_path)
        with worker, open_queue(queue_at) as queue:
            assert all(sent.accepted for sent in queue.send([str(key) for key, _ in frames[1:]]))
            with program("celery-beat", "beat: Starting...", named, environment, tmp_path):  # finds the first
                wait_for(lambda: store.usage().total.finished == PICTURES, 30.0, "all to be worked on")
            assert results(named) == PICTURES
            assert check("celery-worker", environment) == 0
            stop_all(worker)
            assert check("celery-worker", environment) != 0
            worker.kill()
    told = worker.log.read_text()
    assert all(secret not in told for secret in (PASSWORDS["REDIS_PASSWORD"], named["RABBITMQ_PASSWORD"]))


def test_beats_check_asks_store_and_queue(named: dict[str, str]) -> None:
    assert check("celery-beat", here("celery-beat", named)) == 0
    assert check("celery-beat", here("celery-beat", named | {"RABBITMQ_PASSWORD": "another"})) != 0


def here(service: str, named: Mapping[str, str], **more: str) -> dict[str, str]:
    """What it finds in its environment, and what an image or Docker says besides."""
    return {
        **environment_of(service, named),
        **{f"SIGHTLINE_FRAMEQUEUE_{name}": value for name, value in more.items()},
        "PATH": PATH,
        "PYTHONPATH": f"{FOLDER / 'handlers'}:{FOLDER.parents[1] / 'src'}",
        "HOSTNAME": socket.gethostname(),
    }


def program(
    service: str, says: str, named: Mapping[str, str], environment: Mapping[str, str], folder: Path
) -> Process:
    """One of Celery's by its command, ready once it says so."""
    command = [put_in(word, named) for word in compose()["services"][service]["command"]]

    def ready() -> bool:
        return says in made.log.read_text()

    made = Process(service, command, folder, ready=ready, ready_within_s=60.0, environment=environment)
    return made


def results(named: Mapping[str, str]) -> int:
    """How many Celery has kept."""
    password = PASSWORDS["REDIS_PASSWORD"]
    with Redis(port=int(named["REDIS_PORT"]), db=1, username=named["REDIS_USER"], password=password) as redis:
        return sum(1 for _ in redis.scan_iter("celery-task-meta-*"))


def stop_all(program: Process) -> None:
    """It is there, and does nothing."""
    assert program.pid is not None
    first = psutil.Process(program.pid)
    for process in (first, *first.children(recursive=True)):
        process.send_signal(signal.SIGSTOP)
