"""What a feed has of Celery: keys are sent, and the dead are looked after."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from tests.framequeue.working import frame

from sightline.errors import ConfigError, Unsupported
from sightline.framequeue.queue import Outcome
from sightline.framequeue.queues.limits import QueueLimits
from sightline.framequeue.rabbitmq.queue import RabbitMqQueue
from sightline.framequeue.tasks.message import PROCESS
from sightline.framequeue.tasks.queue import CeleryQueue

pytestmark = pytest.mark.needs("rabbitmq")

KEYS = [str(frame(index, camera_id="yard")[0]) for index in range(4)]
GATES = [str(frame(index, camera_id="gate-1")[0]) for index in range(3)]


@pytest.fixture
def queue(rabbitmq_url: str) -> Iterator[CeleryQueue]:
    url = f"celery+{rabbitmq_url}?queue=rest&type=classic&routes=gate*%3Dgates"
    with CeleryQueue(url, QueueLimits(max_keys=3)) as made:
        yield made


def bodies(rabbitmq_url: str, queue: str) -> list[list[object]]:
    """What lies there, as another would see it."""
    with RabbitMqQueue(f"{rabbitmq_url}?queue={queue}") as plain:
        return [json.loads(each.text) for each in plain.receive(10, 5.0)]


def test_each_key_goes_to_the_queue_of_its_camera(queue: CeleryQueue, rabbitmq_url: str) -> None:
    sent = queue.send([KEYS[0], GATES[0], KEYS[1]])
    assert [each.text for each in sent] == [KEYS[0], GATES[0], KEYS[1]]
    assert all(each.accepted for each in sent)
    assert queue.depth().ready == 3
    assert [body[0] for body in bodies(rabbitmq_url, "rest")] == [[KEYS[0]], [KEYS[1]]]
    assert [body[0] for body in bodies(rabbitmq_url, "gates")] == [[GATES[0]]]


def test_a_queue_at_its_cap_refuses_and_the_other_does_not(queue: CeleryQueue) -> None:
    sent = queue.send([*KEYS, *GATES])
    assert [each.outcome for each in sent] == [*[Outcome.ACCEPTED] * 3, Outcome.FULL, *[Outcome.ACCEPTED] * 3]


def test_the_dead_of_all_queues_are_told_and_tried_again(queue: CeleryQueue, rabbitmq_url: str) -> None:
    queue.bury(KEYS[0], "ValueError: no plate", 3)
    queue.bury(GATES[0], "too late", 1)
    assert queue.depth().dead == 2
    told = {dead.text: (dead.reason, dead.attempts) for dead in queue.dead_letters()}
    assert told == {KEYS[0]: ("ValueError: no plate", 3), GATES[0]: ("too late", 1)}
    assert len(queue.dead_letters(1)) == 1
    assert queue.dead_retry([GATES[0]]) == 1
    assert queue.dead_retry(["another"]) == 0
    assert (queue.depth().ready, queue.depth().dead) == (1, 1)
    assert bodies(rabbitmq_url, "gates")[0][0] == [GATES[0]]


def test_what_is_tried_again_is_the_task_that_it_was(queue: CeleryQueue, rabbitmq_url: str) -> None:
    """Its headers are those that Celery reads; of its death nothing is left."""
    kombu = pytest.importorskip("kombu")
    queue.bury(KEYS[0], "why", 1)
    assert queue.dead_retry() == 1
    with kombu.Connection(rabbitmq_url) as broker, broker.channel() as channel:
        message = channel.basic_get("rest", no_ack=True)
    assert message.content_type == "application/json"
    assert (message.headers["task"], message.headers["id"]) == (PROCESS, KEYS[0])
    assert "sightline-reason" not in message.headers


def test_a_key_that_is_held_back_says_until_when(queue: CeleryQueue, rabbitmq_url: str) -> None:
    """In a classic queue, where a worker holds it."""
    kombu = pytest.importorskip("kombu")
    queue.send_later(KEYS[0], 0.2, retries=2)
    with kombu.Connection(rabbitmq_url) as broker, broker.channel() as channel:
        message = channel.basic_get("rest", no_ack=True)
    assert message.headers["retries"] == 2
    assert message.headers["eta"] > "2026"


def test_to_receive_is_celerys(queue: CeleryQueue) -> None:
    with pytest.raises(Unsupported, match="celery -A sightline.framequeue.celery worker"):
        queue.receive(1, 0.0)


def test_a_queue_with_other_limits_is_explained(queue: CeleryQueue, rabbitmq_url: str) -> None:
    url = f"celery+{rabbitmq_url}?queue=rest&type=classic&routes=gate*%3Dgates"
    with pytest.raises(ConfigError, match="x-max-length 3, and 9 was wanted"):
        CeleryQueue(url, QueueLimits(max_keys=9))
    with CeleryQueue(url) as as_it_is:
        assert as_it_is.depth().ready == 0


def test_a_url_that_says_too_much_is_refused(rabbitmq_url: str) -> None:
    with pytest.raises(ConfigError, match="routes"):
        CeleryQueue(f"celery+{rabbitmq_url}?groups=a%3Db")
