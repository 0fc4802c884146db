"""Queues at RabbitMQ for the conformance suite, and brokers that are killed for it."""

import subprocess
from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import psutil
from tools.services import RabbitMqBroker
from tools.services.rabbitmq import SCRIPT
from tools.services.waiting import wait_for

from sightline.framequeue.queues.limits import QueueLimits
from sightline.framequeue.rabbitmq.queue import RabbitMqQueue

KINDS = ("classic", "quorum")
CONTROL = Path(SCRIPT).with_name("rabbitmqctl")


class RabbitMqRig:
    """A queue in a virtual host of its own, on a broker that lives."""

    timeout_s = 60.0
    serves = False
    keeps = True
    counts = False

    def __init__(self, url: str, kind: str, closing: ExitStack, *, queue: str = "frames") -> None:
        self.url = f"{url}?type={kind}&queue={queue}"
        opener = "sightline.framequeue.rabbitmq.queue:RabbitMqQueue"
        self.opener: tuple[str, Mapping[str, Any]] | None = (opener, {"url": self.url})
        self._closing = closing

    def open(self, limits: QueueLimits | None = None, *, reach_s: float = 30.0) -> RabbitMqQueue:
        return self._closing.enter_context(RabbitMqQueue(self.url, limits, reach_s=reach_s))

    def kill_server(self) -> None:
        raise AssertionError("it is shared")

    start_server = kill_server


class KilledRabbitMq:
    """A broker of a test's own, and a queue of each kind there: what is killed for one is for both."""

    def __init__(self, broker: RabbitMqBroker, closing: ExitStack) -> None:
        self.broker = broker
        url = broker.address.url()
        self.rigs = [RabbitMqRig(url, kind, closing, queue=kind) for kind in KINDS]

    def kill(self) -> None:
        for name in ("quorum", "quorum.dead"):
            wait_for(partial(self.broker.keeps, name), 30.0, f"{name} to be written down")
        self.broker.kill()


def control(broker: RabbitMqBroker, *words: str) -> None:
    """`rabbitmqctl`, in the broker's own environment, which says how it is reached."""
    environment = psutil.Process(broker.pid).environ()
    subprocess.run([CONTROL, *words], env=environment, check=True, capture_output=True, timeout=60.0)
