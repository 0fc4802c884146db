"""RabbitMQ killed, full and shut off, while keys go over it; each broker is a test's own."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest
from tests.framequeue.queue_conformance import SLACK_S, it_is_told_to_be_away
from tests.framequeue.queue_rig import numbered, take, texts
from tests.framequeue.rabbitmq_rig import KilledRabbitMq, RabbitMqRig, control
from tools.services import RabbitMqBroker
from tools.services.certificates import Certificates
from tools.services.waiting import wait_for

from sightline.errors import BusError, ConfigError
from sightline.framequeue.queue import Delivery, Outcome
from sightline.framequeue.rabbitmq.queue import RabbitMqQueue
from sightline.framequeue.rabbitmq.wire import GOODBYE_S
from sightline.hub.certificates import Authority

pytestmark = [pytest.mark.needs("rabbitmq"), pytest.mark.waits, pytest.mark.timeout(300)]


@pytest.fixture
def killed(no_leaks: None, rabbitmq_broker: RabbitMqBroker) -> Iterator[KilledRabbitMq]:
    with ExitStack() as closing:
        yield KilledRabbitMq(rabbitmq_broker, closing)


class Kept:
    """A queue with keys in line, one in hand and one dead, and handles that wait while its broker is away."""

    def __init__(self, rig: RabbitMqRig) -> None:
        self._rig = rig
        self._queue, self._other, self.hasty = rig.open(), rig.open(), rig.open(reach_s=1.0)
        self._queue.send(numbered(4))
        self._queue.dead(take(rig, self._queue, 1)[0], "kept")
        (self._held,) = take(rig, self._queue, 1)
        self._waiting: Future[list[Delivery]] | None = None

    def wait(self, pool: ThreadPoolExecutor) -> None:
        self._waiting = pool.submit(self._other.receive, 4, self._rig.timeout_s)

    def has_what_it_accepted(self) -> None:
        """As the suite has it, but for what was settled just before: RabbitMQ writes that down later."""
        assert self._waiting is not None
        assert self._queue.send(["after"])[0].accepted
        got, expected = self._waiting.result(self._rig.timeout_s), {"key:1", "key:2", "key:3", "after"}

        def all_came() -> bool:
            got.extend(self._other.receive(4, 0.2))
            return expected <= set(texts(got))

        wait_for(all_came, self._rig.timeout_s, "all that was accepted")
        assert set(texts(got)) - expected <= {"key:0"}
        assert {each.redelivered for each in got if each.text == "key:1"} == {True}
        assert not self._queue.ack(self._held), "somebody else has it by now"
        assert [letter.text for letter in self._other.dead_letters()] == ["key:0"]


def test_a_broker_that_is_away_is_told_and_has_what_it_accepted_when_it_is_back(
    killed: KilledRabbitMq,
) -> None:
    kept = [Kept(rig) for rig in killed.rigs]
    killed.kill()
    for each in kept:
        it_is_told_to_be_away(each.hasty)
    with ThreadPoolExecutor(len(kept)) as pool:
        for each in kept:
            each.wait(pool)
        killed.broker.start()
        for each in kept:
            each.has_what_it_accepted()


class Traffic:
    """Keys that go over a queue without a pause, counted."""

    def __init__(self, rig: RabbitMqRig) -> None:
        self.accepted, self.got = set[str](), set[str]()
        self._unknown = set[str]()
        self._rig = rig
        self._sender, self._receiver = rig.open(reach_s=10.0), rig.open(reach_s=10.0)

    def send(self, enough: threading.Event) -> None:
        number = 0
        while not enough.is_set():
            if len(self.accepted) > len(self.got) + 500:  # else it is far ahead, and the rest is long
                enough.wait(0.005)
                continue
            batch = [f"key:{number + each}" for each in range(20)]
            number += 20
            try:
                sent = self._sender.send(batch)
            except BusError:
                self._unknown.update(batch)
            else:
                self.accepted.update(each.text for each in sent if each.accepted)

    def receive(self, enough: threading.Event) -> None:
        while not enough.is_set():
            for delivery in self._receiver.receive(10, 0.2):
                self.got.add(delivery.text)
                self._receiver.ack(delivery)

    def goes_on(self, keys: set[str]) -> None:
        than = len(keys) + 200
        wait_for(lambda: len(keys) > than, self._rig.timeout_s, "200 keys more")

    def nothing_accepted_is_lost(self) -> None:
        wait_for(self._rest, self._rig.timeout_s, f"{len(self.accepted)} accepted keys")
        assert self.got <= self.accepted | self._unknown, "nothing that nobody sent"

    def _rest(self) -> bool:
        for delivery in self._receiver.receive(100, 0.2):
            self.got.add(delivery.text)
            assert self._receiver.ack(delivery)
        return self.accepted <= self.got


def test_nothing_confirmed_is_lost_when_the_broker_is_killed(killed: KilledRabbitMq) -> None:
    """Counted: whatever `send` said to be accepted is handed over, twice over a broker that dies twice."""
    traffic, enough = [Traffic(rig) for rig in killed.rigs], threading.Event()
    with ThreadPoolExecutor(2 * len(traffic)) as pool:
        working = [pool.submit(work, enough) for each in traffic for work in (each.send, each.receive)]
        try:
            for _ in range(2):
                for each in traffic:
                    each.goes_on(each.got)
                killed.kill()
                killed.broker.start()
            for each in traffic:
                each.goes_on(each.accepted)
        finally:
            enough.set()
        for work in working:
            work.result(60.0)
    for each in traffic:
        each.nothing_accepted_is_lost()


NO_MEMORY = "set_vm_memory_high_watermark", "absolute", "1MB"
SHORTAGES = (
    (NO_MEMORY, ("set_vm_memory_high_watermark", "0.4")),
    (("set_disk_free_limit", "999999GB"), ("set_disk_free_limit", "50MB")),
)
"""How one begins and how it ends, told to `rabbitmqctl`."""


def test_without_memory_or_disk_the_broker_is_full_and_takes_again_when_it_has_some(
    no_leaks: None, rabbitmq_broker: RabbitMqBroker
) -> None:
    url = rabbitmq_broker.address.url()
    with RabbitMqQueue(url, reach_s=20.0) as queue, RabbitMqQueue(url, reach_s=20.0) as reading:
        queue.send(["before"])
        for without, enough in SHORTAGES:
            control(rabbitmq_broker, *without)
            _is_full(queue)
            with RabbitMqQueue(url, reach_s=20.0) as shut:
                _is_full(shut)
                begun_s = time.monotonic()
            assert time.monotonic() - begun_s <= GOODBYE_S + SLACK_S, "though nobody reads that it ends"
            (before,) = [each for each in _all_ready(reading) if each.text == "before"]
            assert reading.retry(before), "who only reads goes on"
            control(rabbitmq_broker, *enough)
            _takes_again(queue, reading)
        control(rabbitmq_broker, *NO_MEMORY)
        _is_full(queue)
        rabbitmq_broker.restart()  # with enough of it
        _takes_again(queue, reading)


def _is_full(queue: RabbitMqQueue) -> None:
    wait_for(
        lambda: queue.send(["key"])[0].outcome is Outcome.FULL,
        20.0,
        "the broker to say that it takes nothing",
    )
    assert {each.outcome for each in queue.send(["a", "b"])} == {Outcome.FULL}


def _takes_again(queue: RabbitMqQueue, reading: RabbitMqQueue) -> None:
    wait_for(lambda: queue.send(["after"])[0].accepted, 30.0, "a key to be taken")
    taken = _all_ready(reading)
    assert {"before", "after"} <= set(texts(taken))
    for each in taken:
        assert reading.retry(each) if each.text == "before" else reading.ack(each)


def _all_ready(queue: RabbitMqQueue) -> list[Delivery]:
    return wait_for(partial(queue.receive, 100, 1.0), 30.0, "keys")


def test_within_tls_the_broker_is_asked_who_it_is(tmp_path: Path, no_leaks: None) -> None:
    authority, stranger = Authority(tmp_path / "authority"), Authority(tmp_path / "stranger")
    own = authority.hub()
    stranger.hub()
    folder = tmp_path / "broker"
    folder.mkdir()
    files = Certificates(authority.certificate.file, own.file, own.key)
    broker = RabbitMqBroker(folder, certificates=files)
    with ExitStack() as running:
        running.callback(broker.kill)  # an end in good order takes seconds
        broker.start()
        url = broker.address.url()
        with RabbitMqQueue(url) as queue:
            assert queue.send(["key"])[0].accepted
            assert texts(take(_Time(), queue, 1)) == ["key"]
        plain = url.partition("?")[0]
        for wrong in (f"{plain}?tls_ca={stranger.certificate.file}", plain.replace("amqps", "amqp")):
            with pytest.raises((BusError, ConfigError)):
                RabbitMqQueue(wrong, reach_s=2.0)


class _Time:
    timeout_s = 30.0
