"""Queues at RabbitMQ for the conformance suite, and brokers that are killed for it."""

from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from typing import Any

from tools.services import RabbitMqBroker
from tools.services.waiting import wait_for

from sightline.framequeue.queues.limits import QueueLimits
from sightline.framequeue.rabbitmq.queue import RabbitMqQueue

KINDS = ("classic", "quorum")


class RabbitMqRig:
    """A queue in a virtual host of its own, on a broker that lives."""

    timeout_s = 60.0
    serves = False
    keeps = True
    counts = False

    def __init__(self, url: str, kind: str, closing: ExitStack, *, reach_s: float = 30.0) -> None:
        self.url = f"{url}?type={kind}"
        opener = "sightline.framequeue.rabbitmq.queue:RabbitMqQueue"
        self.opener: tuple[str, Mapping[str, Any]] | None = (opener, {"url": self.url})
        self._closing = closing
        self._reach_s = reach_s

    def open(self, limits: QueueLimits | None = None) -> RabbitMqQueue:
        return self._closing.enter_context(RabbitMqQueue(self.url, limits, reach_s=self._reach_s))

    def kill_server(self) -> None:
        raise AssertionError("it is shared")

    start_server = kill_server


class KilledRabbitMqRig(RabbitMqRig):
    """A queue on a broker of its own."""

    serves = True

    def __init__(self, broker: RabbitMqBroker, kind: str, closing: ExitStack, *, reach_s: float) -> None:
        super().__init__(broker.address.url(), kind, closing, reach_s=reach_s)
        self._broker = broker
        self._quorum = kind == "quorum"

    def kill_server(self) -> None:
        for name in ("frames", "frames.dead") if self._quorum else ():
            wait_for(partial(self._broker.keeps, name), 30.0, f"{name} to be written down")
        self._broker.kill()

    def start_server(self) -> None:
        self._broker.start()
