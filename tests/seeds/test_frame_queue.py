"""What the document of the frame queue shows a user typing works here, with the import lines changed.

One camera over RTSP, one Redis, one RabbitMQ; every function of the document is called, as it stands there.
"""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np
import pytest
from tests.conftest import StartRedisServer, WaitFor
from tools.services import RtspServer

from sightline.errors import ConfigError
from sightline.framequeue import FrameKey, Sampled, document, open_queue, open_store
from sightline.framequeue.document import (
    delete_frame_from_redis,
    frame_process_callback,
    queue_url,
    redis_url,
    retrieve_frame_from_redis,
    send_key_to_queue,
)
from sightline.site import save_frame_loop

pika = pytest.importorskip("pika")
redis = pytest.importorskip("redis")

CONSUMER = """
import sys
from sightline.framequeue.document import set_redis_client, start_frame_processing_consumer

redis, rabbitmq = sys.argv[1:]
set_redis_client(redis)
start_frame_processing_consumer(rabbitmq, "frame_queue")
print("ended")
"""
WAIT_S = 60.0


@pytest.fixture
def here(no_leaks: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """The current folder; what the functions keep is closed at the end."""
    monkeypatch.chdir(tmp_path)
    yield
    document.close()
    document.set_redis_client("redis://localhost")


@pytest.mark.needs("rtsp", "redis", "rabbitmq")
@pytest.mark.timeout(300)
def test_a_camera_goes_through_all_functions_of_the_document(
    here: None,
    person_and_car: RtspServer,
    redis_server: StartRedisServer,
    rabbitmq_url: str,
    tmp_path: Path,
    wait_for: WaitFor,
) -> None:
    where = redis_server().url()
    taken: list[Sampled] = []

    sent = save_frame_loop(
        person_and_car.url("person"),
        0,
        redis_url=where,
        rabbitmq_host=rabbitmq_url,
        folder=tmp_path / "saved",
        seconds=12,
        on_saved=taken.append,
    )

    keys = [sampled.key for sampled in taken]
    assert sent == len(keys) >= 6
    assert {key.camera_id for key in keys} == {"0"}
    seconds = [key.captured_at_ms // 1000 for key in keys]
    assert seconds == sorted(set(seconds))
    assert {path.name for path in (tmp_path / "saved").iterdir()} == {f"{key}.jpg" for key in keys}

    with redis.Redis.from_url(where) as redis_client:
        frame = retrieve_frame_from_redis(redis_client, str(keys[0]))
        assert frame is not None
        stored = cv2.imdecode(np.frombuffer(taken[0].data, np.uint8), cv2.IMREAD_COLOR)
        assert stored is not None
        assert np.array_equal(frame, stored)
        assert retrieve_frame_from_redis(redis_client, str(keys[0])) is None
        assert delete_frame_from_redis(redis_client, str(keys[1]))
        assert not delete_frame_from_redis(redis_client, str(keys[1]))
        send_key_to_queue(rabbitmq_url, "frame_queue", str(keys[2]))
        # Behind the key that is there twice: once this one is written, the consumer has no other in hand.
        last = msgspec.structs.replace(keys[-1], index=keys[-1].index + 1)
        with open_store(where) as store:
            assert store.put([(last, taken[-1].data)], None)[0].stored
        send_key_to_queue(rabbitmq_url, "frame_queue", last)

        document.set_redis_client(redis_client)
        handled = _consumed(rabbitmq_url, 4)
        assert handled == [str(key) for key in keys[:4]]
        assert _written(tmp_path) == {str(keys[2]), str(keys[3])}  # of the first two the picture was gone

    consumer = subprocess.Popen(
        [sys.executable, "-c", CONSUMER, where, rabbitmq_url], stdout=subprocess.PIPE, text=True
    )
    with consumer:
        wait_for(lambda: str(last) in _written(tmp_path), WAIT_S, "all pictures to be written")
        consumer.send_signal(signal.SIGINT)
        assert consumer.communicate(timeout=WAIT_S)[0] == "ended\n"
    assert consumer.returncode == 0
    assert _written(tmp_path) == {str(key) for key in (*keys[2:], last)}
    with open_queue(queue_url(rabbitmq_url, "frame_queue")) as queue:
        assert (queue.depth().ready, queue.depth().dead) == (0, 0)


@pytest.mark.needs("redis", "rabbitmq")
def test_what_is_no_key_is_rejected_and_the_consumer_goes_on(
    here: None, redis_server: StartRedisServer, rabbitmq_url: str, wait_for: WaitFor
) -> None:
    document.set_redis_client(redis_server().url())
    send_key_to_queue(rabbitmq_url, "frame_queue", "../../etc/passwd")
    gone = FrameKey(
        camera_id="a", epoch=1, index=1, captured_at_ms=1, width=2, height=2, size=9, format="jpeg"
    )
    send_key_to_queue(rabbitmq_url, "frame_queue", gone)

    assert _consumed(rabbitmq_url, 2) == ["../../etc/passwd", str(gone)]

    with open_queue(queue_url(rabbitmq_url, "frame_queue")) as queue:
        wait_for(lambda: queue.depth().dead == 1, WAIT_S, "the dead letter")
        assert [letter.text for letter in queue.dead_letters()] == ["../../etc/passwd"]
        assert queue.depth().ready == 0


def test_a_host_may_be_a_name_with_a_port_or_a_url() -> None:
    assert queue_url("localhost", "frame_queue") == "amqp://localhost/?queue=frame_queue"
    assert queue_url("10.0.0.9:5673", "q") == "amqp://10.0.0.9:5673/?queue=q"
    assert queue_url("amqps://me:pw@h/v?type=quorum", "q") == "amqps://me:pw@h/v?type=quorum&queue=q"
    with pytest.raises(ConfigError, match="expected a host"):
        queue_url("", "q")


def test_a_client_of_redis_is_known_by_its_url() -> None:
    def of(url: str) -> str:
        with redis.Redis.from_url(url) as client:
            return redis_url(client)

    assert of("redis://10.0.0.9") == "redis://10.0.0.9:6379/0"
    assert of("redis://[::1]") == "redis://[::1]:6379/0"
    assert of("redis://me:p%40w@h:7000/3") == "redis://me:p%40w@h:7000/3"
    assert of("rediss://h?ssl_ca_certs=ca.pem").startswith("rediss://h:6379/0?")
    assert "ssl_ca_certs=ca.pem" in of("rediss://h?ssl_ca_certs=ca.pem")
    with pytest.raises(ConfigError, match="client of redis"):
        redis_url(object())


def _consumed(url: str, count: int) -> list[str]:
    """So many messages, each through the document's callback, as its consumer has them."""
    seen: list[str] = []

    def callback(ch: Any, method: Any, properties: Any, body: bytes) -> None:
        frame_process_callback(ch, method, properties, body)
        seen.append(body.decode())
        if len(seen) == count:
            ch.stop_consuming()

    connection = pika.BlockingConnection(pika.URLParameters(url))
    channel = connection.channel()
    channel.basic_qos(prefetch_count=1)
    channel.basic_consume(queue="frame_queue", on_message_callback=callback)
    channel.start_consuming()
    connection.close()
    return seen


def _written(folder: Path) -> set[str]:
    return {path.name.removesuffix(".jpg") for path in folder.glob("*.jpg")}
