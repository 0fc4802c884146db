"""What the document shows, written plainly: every picture is read, one a second encoded and SET, a connection
for each key; who works takes one key at a time, GETDEL, and acknowledges.

Of the variant "kept", the same with one connection that is kept. Nothing is confirmed, nothing is bounded.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, Final

import cv2
import pika
import redis

from benches.bench import WrongWork
from benches.clips import FPS
from benches.framequeues.job import Job

_QUEUE: Final = "frame_queue"


def sample(path: Path, redis_url: str, rabbit_url: str) -> int:
    """A picture a second of the file, to both. Gives how many."""
    store = redis.Redis.from_url(redis_url)
    reader = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    read = sent = 0
    found, image = reader.read()
    while found:
        if read % FPS == 0:
            key = f"camera-{read // FPS}"
            store.set(key, cv2.imencode(".jpg", image)[1].tobytes())
            send_key(rabbit_url, key)
            sent += 1
        read += 1
        found, image = reader.read()
    reader.release()
    return sent


def kept(redis_url: str, rabbit_url: str) -> tuple[int, int]:
    """How many pictures, and how many keys, both hold."""
    connection = pika.BlockingConnection(pika.URLParameters(rabbit_url))
    keys = connection.channel().queue_declare(_QUEUE, passive=True).method.message_count
    connection.close()
    return int(redis.Redis.from_url(redis_url).dbsize()), int(keys)


def send_key(rabbit_url: str, key: str) -> None:
    connection = pika.BlockingConnection(pika.URLParameters(rabbit_url))
    _sender(connection)(key)
    connection.close()


def write(job: Job) -> None:
    store, pictures, board = redis.Redis.from_url(job.redis), job.load().jpegs, job.board()
    if job.variant == "kept":
        send = _sender(pika.BlockingConnection(pika.URLParameters(job.rabbit)))
    else:
        send = partial(send_key, job.rabbit)
    job.begin(board)
    for number in count():
        job.wait_for_room(board, number)
        key = f"camera-{number}"
        store.set(key, pictures[number % len(pictures)])
        send(key)


def read(job: Job) -> None:
    store, board = redis.Redis.from_url(job.redis), job.board()
    channel = pika.BlockingConnection(pika.URLParameters(job.rabbit)).channel()
    channel.queue_declare(queue=_QUEUE, durable=True)
    channel.basic_qos(prefetch_count=1)
    taken = count(1)

    def take(channel: Any, method: Any, _properties: Any, body: bytes) -> None:
        if not store.getdel(body.decode()):
            raise WrongWork(f"no picture of {body!r}")
        channel.basic_ack(method.delivery_tag)
        board.count(job.reader, next(taken), 0, 0)

    channel.basic_consume(_QUEUE, take)
    job.begin(board)
    channel.start_consuming()


def _sender(connection: Any) -> Callable[[str], None]:
    channel = connection.channel()
    channel.queue_declare(queue=_QUEUE, durable=True)
    persistent = pika.BasicProperties(delivery_mode=2)

    def send(key: str) -> None:
        channel.basic_publish(exchange="", routing_key=_QUEUE, body=key, properties=persistent)

    return send
