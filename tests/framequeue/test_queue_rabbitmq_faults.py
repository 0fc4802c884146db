"""RabbitMQ killed, full and shut off, while keys go over it; each broker is a test's own."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest
from tests.framequeue.queue_conformance import a_server_that_stays_away_is_told
from tests.framequeue.queue_rig import numbered, take, texts
from tests.framequeue.rabbitmq_rig import KINDS, KilledRabbitMqRig
from tools.services import RabbitMqBroker
from tools.services.certificates import Certificates
from tools.services.waiting import wait_for

from sightline.errors import BusError, ConfigError
from sightline.framequeue.queue import Outcome
from sightline.framequeue.rabbitmq.queue import RabbitMqQueue
from sightline.hub.certificates import Authority

pytestmark = [pytest.mark.needs("rabbitmq"), pytest.mark.waits, pytest.mark.timeout(300)]


@pytest.fixture(params=KINDS)
def open_rig(
    request: pytest.FixtureRequest, no_leaks: None, rabbitmq_broker: RabbitMqBroker
) -> Iterator[Callable[[float], KilledRabbitMqRig]]:
    """`open_rig(reach_s)`"""
    with ExitStack() as closing:
        yield lambda reach_s: KilledRabbitMqRig(rabbitmq_broker, request.param, closing, reach_s=reach_s)


@pytest.fixture
def rig(open_rig: Callable[[float], KilledRabbitMqRig]) -> KilledRabbitMqRig:
    return open_rig(10.0)


def test_a_broker_that_stays_away_is_told(open_rig: Callable[[float], KilledRabbitMqRig]) -> None:
    a_server_that_stays_away_is_told(open_rig(1.0))


def test_a_broker_that_comes_back_has_what_it_accepted(rig: KilledRabbitMqRig) -> None:
    """As the suite has it, but for what was settled just before: RabbitMQ writes that down a moment later."""
    queue, other = rig.open(), rig.open()
    queue.send(numbered(4))
    queue.dead(take(rig, queue, 1)[0], "kept")
    (held,) = take(rig, queue, 1)
    rig.kill_server()
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(other.receive, 4, rig.timeout_s)
        rig.start_server()
        assert pool.submit(queue.send, ["after"]).result(rig.timeout_s)[0].accepted
        got = waiting.result(2 * rig.timeout_s)
    expected = {"key:1", "key:2", "key:3", "after"}

    def all_came() -> bool:
        got.extend(other.receive(4, 0.2))
        return expected <= set(texts(got))

    wait_for(all_came, rig.timeout_s, "all that was accepted")
    assert set(texts(got)) - expected <= {"key:0"}
    assert {each.redelivered for each in got if each.text == "key:1"} == {True}
    assert not queue.ack(held), "somebody else has it by now"
    assert [letter.text for letter in other.dead_letters()] == ["key:0"]


def test_nothing_confirmed_is_lost_when_the_broker_is_killed(rig: KilledRabbitMqRig) -> None:
    """Counted: whatever `send` said to be accepted is handed over, twice over a broker that dies twice."""
    sender, receiver = rig.open(), rig.open()
    accepted, got, enough = set[str](), set[str](), threading.Event()
    unknown = set[str]()

    def send() -> None:
        number = 0
        while not enough.is_set():
            batch = [f"key:{number + each}" for each in range(20)]
            number += 20
            try:
                sent = sender.send(batch)
            except BusError:
                unknown.update(batch)
            else:
                accepted.update(each.text for each in sent if each.accepted)

    def receive() -> None:
        while not enough.is_set():
            for delivery in receiver.receive(10, 0.2):
                got.add(delivery.text)
                receiver.ack(delivery)

    with ThreadPoolExecutor(2) as pool:
        working = [pool.submit(send), pool.submit(receive)]
        try:
            for _ in range(2):
                wait_for(partial(_more, got, len(got) + 200), rig.timeout_s, "200 keys")
                rig.kill_server()
                rig.start_server()
            wait_for(partial(_more, accepted, len(accepted) + 200), rig.timeout_s, "200 keys more")
        finally:
            enough.set()
        for each in working:
            each.result(rig.timeout_s)

    def rest() -> bool:
        for delivery in receiver.receive(100, 0.2):
            got.add(delivery.text)
            assert receiver.ack(delivery)
        return accepted <= got

    wait_for(rest, rig.timeout_s, f"{len(accepted)} accepted keys")
    assert got <= accepted | unknown, "nothing that nobody sent"


def _more(keys: set[str], than: int) -> bool:
    return len(keys) > than


def test_without_memory_the_broker_is_full_and_takes_again_when_it_has_some(
    tmp_path: Path, no_leaks: None
) -> None:
    broker = RabbitMqBroker(tmp_path, settings={"vm_memory_high_watermark.absolute": "1MB"})
    port, management_port = broker.address.port, broker.address.management_port

    def end() -> None:
        broker.kill()

    with ExitStack() as running:
        running.callback(end)
        broker.start()
        queue = running.enter_context(RabbitMqQueue(broker.address.url(), reach_s=20.0))
        shut = running.enter_context(RabbitMqQueue(broker.address.url(), reach_s=20.0))

        def full(which: RabbitMqQueue) -> bool:
            return which.send(["key"])[0].outcome is Outcome.FULL

        wait_for(lambda: full(queue), 20.0, "the broker to say that it takes in nothing")
        assert {each.outcome for each in queue.send(["a", "b"])} == {Outcome.FULL}
        wait_for(lambda: full(shut), 20.0, "the broker to shut off the other too")
        shut.close()  # within a moment, though nobody reads that it wants to
        broker.kill()
        broker = RabbitMqBroker(tmp_path, port, management_port=management_port)
        broker.start()
        assert wait_for(lambda: queue.send(["after"])[0].accepted, 30.0, "a key to be taken")
        assert "after" in texts(queue.receive(100, 10.0))


def test_within_tls_the_broker_is_asked_who_it_is(tmp_path: Path, no_leaks: None) -> None:
    authority, stranger = Authority(tmp_path / "authority"), Authority(tmp_path / "stranger")
    own = authority.hub()
    stranger.hub()
    folder = tmp_path / "broker"
    folder.mkdir()
    files = Certificates(authority.certificate.file, own.file, own.key)
    with RabbitMqBroker(folder, certificates=files) as broker:
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
