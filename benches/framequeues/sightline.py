"""Ours: what is sampled goes through a `FrameFeed`, confirmed; who works claims, finishes and acknowledges.

Of the variant "one by one" a picture is handed over before the next one is offered.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Final

import pika  # noqa: F401 - else the first connection has to, which would be in the figures

from benches.bench import WrongWork
from benches.decode import play
from benches.framequeues.job import Job
from benches.framequeues.pictures import Pictures
from sightline.clock import NS_PER_MS
from sightline.framequeue import Claimed, FrameKey, FrameSampler
from sightline.framequeue.feeding import FrameFeed
from sightline.framequeue.queue import Delivery
from sightline.framequeue.rabbitmq.queue import RabbitMqQueue
from sightline.framequeue.stores.redis import RedisStore
from sightline.framequeue.work.worker import Worker
from sightline.packet import Packet

QUALITY: Final = 95
"""OpenCV's own of JPEG, which the document leaves as it is."""
_ONE_BY_ONE: Final = "one by one"
_PREFETCH: Final = 16
_HANDS: Final = 4
"""Threads of who works, as a worker of that concurrency has."""
_LEASE_S: Final = 30.0
_PATIENCE_S: Final = 30.0


def sample(path: Path, redis_url: str, rabbit_url: str) -> int:
    """A picture a second of the file, to both. Gives how many were handed over."""
    with (
        RedisStore(redis_url) as store,
        RabbitMqQueue(rabbit_url) as queue,
        FrameSampler(quality=QUALITY) as sampler,
        FrameFeed(store, queue) as feed,
    ):

        def take(packet: Packet) -> None:
            for sampled in sampler.feed(packet):
                feed.offer(sampled.key, sampled.data)

        play(path, take)
        for sampled in sampler.flush():
            feed.offer(sampled.key, sampled.data)
        if not feed.flush(_PATIENCE_S):
            raise WrongWork("the feed is not done")
        return feed.stats().total.sent


def kept(redis_url: str, rabbit_url: str) -> tuple[int, int]:
    """How many pictures, and how many keys, both hold."""
    with RedisStore(redis_url) as store, RabbitMqQueue(rabbit_url) as queue:
        return store.usage().total.frames, queue.depth().ready


def write(job: Job) -> None:
    pictures, board = job.load(), job.board()
    with (
        RedisStore(job.redis) as store,
        RabbitMqQueue(job.rabbit) as queue,
        FrameFeed(store, queue) as feed,
    ):
        job.begin(board)
        for number in count():
            job.wait_for_room(board, number)
            key, data = picture(pictures, number)
            if not feed.offer(key, data):
                raise WrongWork(f"the feed dropped a picture: {feed.stats()}")
            if job.variant == _ONE_BY_ONE:
                feed.flush(_PATIENCE_S)


def read(job: Job) -> None:
    board, taken = job.board(), count(1)
    with (
        RedisStore(job.redis) as store,
        RabbitMqQueue(job.rabbit) as queue,
        ThreadPoolExecutor(_HANDS) as hands,
    ):

        def take(delivery: Delivery) -> None:
            answer = store.claim(FrameKey.parse(delivery.text), "bench", _LEASE_S)
            if not (isinstance(answer, Claimed) and store.finish(answer.claim) and queue.ack(delivery)):
                raise WrongWork(f"not to be had: {delivery}")

        job.begin(board)
        while True:
            for _ in hands.map(take, queue.receive(_PREFETCH, 1.0)):
                board.count(job.reader, next(taken), 0, 0)


def work(job: Job) -> None:
    """A worker whose handler takes `task_s` and no processor, as one that waits for a GPU."""
    board, taken = job.board(), count(1)
    with RedisStore(job.redis) as store, RabbitMqQueue(job.rabbit) as queue:
        worker = Worker(store, queue, prefetch=2)

        @worker.on_frame
        def handle(_frame: object) -> None:
            time.sleep(job.task_s)
            board.count(job.reader, next(taken), 0, 0)

        job.begin(board)
        worker.run()


def picture(pictures: Pictures, number: int, camera_id: str = "camera") -> tuple[FrameKey, bytes]:
    """The one of that number, taken now."""
    data = pictures.jpegs[number % len(pictures.jpegs)]
    key = FrameKey(
        camera_id=camera_id,
        epoch=0,
        index=number,
        captured_at_ms=time.time_ns() // NS_PER_MS,
        width=pictures.width,
        height=pictures.height,
        size=len(data),
        format="jpeg",
    )
    return key, data
