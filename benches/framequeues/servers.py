"""A Redis and a RabbitMQ of one turn's own, and what they spend."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import psutil
from tools.services import SERVICES, RabbitMqBroker, RedisServer

from benches.bench import Missing


class Servers(NamedTuple):
    """Both, running."""

    redis: RedisServer
    rabbit: RabbitMqBroker

    def cpu_s(self) -> float:
        """What both have spent so far."""
        return cpu_s(self.redis.pid) + cpu_s(self.rabbit.pid)


@contextmanager
def servers(folder: Path, settings: Mapping[str, str] | None = None) -> Iterator[Servers]:
    """Started, with `settings` of Redis, and ended. Keys are kept on disk, pictures are not."""
    with ExitStack() as running:
        redis = running.enter_context(redis_of_its_own(folder, settings))
        places = folder / "rabbitmq"
        places.mkdir()
        rabbit = RabbitMqBroker(places)
        running.callback(rabbit.kill)  # it would take seconds to end well, and nothing of it is kept
        rabbit.start()
        yield Servers(redis, rabbit)


@contextmanager
def redis_of_its_own(folder: Path, settings: Mapping[str, str] | None = None) -> Iterator[RedisServer]:
    place = folder / "redis"
    place.mkdir()
    with RedisServer(place, settings=settings) as redis:
        yield redis


def cpu_s(pid: int | None) -> float:
    """Of a process and its children."""
    one = psutil.Process(pid or 0)
    times = [each.cpu_times() for each in (one, *one.children(recursive=True))]
    return float(sum(each.user + each.system for each in times))


def needs(*names: str) -> None:
    """Raises Missing."""
    for name in names:
        if SERVICES[name].find() is None:
            raise Missing(f"{name}; to add it: {SERVICES[name].how_to_add()}")
