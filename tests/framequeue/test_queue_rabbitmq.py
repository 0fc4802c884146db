"""A queue at RabbitMQ, classic and quorum, on a broker that lives."""

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import Any
from urllib.parse import quote

import pika
import pytest
from tests.conftest import WaitFor
from tests.framequeue.queue_conformance import CHECKS, SERVER_CHECKS, bytes_are_a_cap_too
from tests.framequeue.queue_rig import Rig, numbered, take, texts
from tests.framequeue.rabbitmq_rig import KINDS, RabbitMqRig
from tools.services.rabbitmq_address import RabbitMqAddress
from tools.services.waiting import wait_for as wait_until_true

from sightline.errors import BusError, ConfigError
from sightline.framequeue.queue import Outcome
from sightline.framequeue.queues.limits import QueueLimits, WhenFull
from sightline.framequeue.rabbitmq import link
from sightline.framequeue.rabbitmq.address import RabbitAddress
from sightline.framequeue.rabbitmq.dead import NOT_A_KEY, TOO_OFTEN
from sightline.framequeue.rabbitmq.queue import MOST_DELAY_S, RabbitMqQueue
from sightline.framequeue.rabbitmq.sender import MOST_IN_FLIGHT
from sightline.framequeue.rabbitmq.wire import Connection, Wire

pytestmark = pytest.mark.needs("rabbitmq")


@pytest.fixture
def closing_all(rabbitmq_url: str, no_leaks: None) -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture(params=KINDS)
def rig(request: pytest.FixtureRequest, rabbitmq_url: str, closing_all: ExitStack) -> RabbitMqRig:
    return RabbitMqRig(rabbitmq_url, request.param, closing_all)


@contextmanager
def stranger(url: str) -> Iterator[Any]:
    """A channel of another program's."""
    with closing(pika.BlockingConnection(pika.URLParameters(url.partition("?")[0]))) as connection:
        yield connection.channel()


@pytest.mark.parametrize(
    "check", [check for check in CHECKS if check not in SERVER_CHECKS], ids=lambda check: check.__name__
)
def test_it_keeps_the_promise(check: Callable[[Rig], None], rig: RabbitMqRig) -> None:
    if not (check is bytes_are_a_cap_too and "type=quorum" in rig.url):  # it has a test of its own
        check(rig)


def test_many_keys_are_on_their_way_at_once_and_each_is_confirmed(rig: RabbitMqRig) -> None:
    queue, keys = rig.open(), numbered(2 * MOST_IN_FLIGHT + 7)
    assert all(each.accepted for each in queue.send(keys))
    assert texts(take(rig, queue, len(keys), most=500)) == keys


def test_of_many_at_once_a_full_classic_queue_takes_what_there_is_room_for(
    rabbitmq_url: str, closing_all: ExitStack
) -> None:
    queue = RabbitMqRig(rabbitmq_url, "classic", closing_all).open(QueueLimits(max_keys=10))
    sent = queue.send(numbered(100))
    assert [each.outcome for each in sent] == [Outcome.ACCEPTED] * 10 + [Outcome.FULL] * 90
    assert queue.depth().ready == 10


def test_a_quorum_queue_has_all_that_it_said_to_have_taken_and_ends_at_its_cap(
    rabbitmq_url: str, closing_all: ExitStack
) -> None:
    queue = RabbitMqRig(rabbitmq_url, "quorum", closing_all).open(QueueLimits(max_keys=10))
    taken = sum(each.accepted for _ in range(20) for each in queue.send(numbered(100)))
    assert 10 <= queue.depth().ready == taken <= 110
    assert queue.send(["one more"])[0].outcome is Outcome.FULL


def test_a_quorum_queue_sees_its_cap_of_bytes_when_it_is_beyond(
    rabbitmq_url: str, closing_all: ExitStack
) -> None:
    queue = RabbitMqRig(rabbitmq_url, "quorum", closing_all).open(QueueLimits(max_bytes=1000))
    outcomes = [each.outcome for key in "abcde" for each in queue.send([key * 400])]
    assert outcomes == [Outcome.ACCEPTED] * 3 + [Outcome.FULL] * 2


def test_dead_letters_are_tried_again_as_long_as_there_is_room(rig: RabbitMqRig) -> None:
    queue = rig.open(QueueLimits(max_keys=2))
    for key in numbered(4):
        queue.send([key])
        assert queue.dead(take(rig, queue, 1)[0], "for a while")
    assert queue.dead_retry() >= 2
    depth = queue.depth()
    assert (depth.ready, depth.dead) in {(2, 2), (3, 1), (4, 0)}  # a quorum queue may take some more
    if "type=classic" in rig.url:
        assert (depth.ready, depth.dead) == (2, 2)
    assert {letter.reason for letter in queue.dead_letters()} <= {"for a while"}


def test_what_another_handle_holds_is_not_settled_by_its_number(rig: RabbitMqRig) -> None:
    one, other = rig.open(), rig.open()
    one.send(["a", "b"])
    (mine,), (theirs,) = take(rig, one, 1), take(rig, other, 1)
    assert mine.tag[1] == theirs.tag[1] == 1
    assert not one.ack(theirs)
    assert other.ack(theirs)
    assert one.ack(mine)


def test_a_delay_longer_than_the_broker_lets_one_hold_a_key_is_refused(rig: RabbitMqRig) -> None:
    queue = rig.open()
    queue.send(["key"])
    (held,) = take(rig, queue, 1)
    with pytest.raises(ConfigError, match="600 s"):
        queue.retry(held, MOST_DELAY_S + 1)
    assert queue.ack(held)


# Poison.


def test_what_is_no_key_is_a_dead_letter_and_stops_nobody(rig: RabbitMqRig) -> None:
    queue = rig.open()
    with stranger(rig.url) as channel:
        for body in (b"\xff\xfe", b"", b"x" * 5000, b"right"):
            channel.basic_publish("", "frames", body)
        assert texts(take(rig, queue, 1)) == ["right"]
        letters = queue.dead_letters()
        assert [letter.text for letter in letters] == ["\\xff\\xfe", "", "x" * 1024]
        assert {letter.reason for letter in letters} == {NOT_A_KEY}


def test_headers_that_a_stranger_wrote_harm_nobody(rig: RabbitMqRig) -> None:
    queue = rig.open()
    odd = {"sightline-handed": "many", "sightline-reason": 7, "x-death": "yes", "sightline-died-at": -1}
    with stranger(rig.url) as channel:
        for name in ("frames", "frames.dead"):
            channel.basic_publish("", name, b"key", pika.BasicProperties(headers=odd))
        assert texts(take(rig, queue, 1)) == ["key"]
        (letter,) = queue.dead_letters()
        assert (letter.text, letter.reason, letter.attempts, letter.died_at_ns) == ("key", "", 0, 0)


def test_a_key_that_came_back_too_often_for_the_broker_is_a_dead_letter(
    rabbitmq: RabbitMqAddress, rabbitmq_url: str, closing_all: ExitStack, wait_for: WaitFor
) -> None:
    rig = RabbitMqRig(rabbitmq_url, "quorum", closing_all)
    queue = rig.open()
    at_most_twice = {"pattern": "^frames$", "definition": {"delivery-limit": 2}, "apply-to": "queues"}
    rabbitmq.ask("PUT", f"/api/policies/{rabbitmq_url.rpartition('/')[2]}/often", at_most_twice)
    queue.send(["poison"])
    for _ in range(3):
        (held,) = take(rig, queue, 1)
        assert queue.retry(held)
    (letter,) = wait_for(queue.dead_letters, 30.0, "the dead letter")
    assert (letter.text, letter.reason) == ("poison", TOO_OFTEN)


# A queue that is there.


def test_a_queue_that_is_there_with_other_limits_is_explained(rig: RabbitMqRig) -> None:
    rig.open(QueueLimits(max_bytes=5000)).send(["kept"])
    with pytest.raises(ConfigError) as told:
        rig.open(QueueLimits(max_bytes=7000))
    for part in ("x-max-length-bytes 5000", "7000 was wanted (max_bytes)", "without limits", "delete_queue"):
        assert part in str(told.value)
    with pytest.raises(ConfigError, match=r"is there with x-.* was wanted \((by )?when_full\)"):
        rig.open(QueueLimits(max_bytes=5000, when_full=WhenFull.DROP_OLDEST))
    with pytest.raises(ConfigError, match=r"x-message-ttl none, and 9000 was wanted \(ttl_s"):
        rig.open(QueueLimits(max_bytes=5000, ttl_s=9.0))
    with pytest.raises(ConfigError, match=r"queue 'frames.dead' is there with x-max-length 10000"):
        rig.open(QueueLimits(max_bytes=5000, max_dead=3))
    assert texts(take(rig, rig.open(), 1)) == ["kept"], "without limits it is used as it is"


def test_a_queue_of_another_type_is_explained(rabbitmq_url: str, closing_all: ExitStack) -> None:
    RabbitMqRig(rabbitmq_url, "classic", closing_all).open(QueueLimits())
    quorum = RabbitMqRig(rabbitmq_url, "quorum", closing_all)
    with pytest.raises(ConfigError, match=r"x-queue-type none, and quorum was wanted \(type= in the URL\)"):
        quorum.open(QueueLimits())
    assert quorum.open().send(["key"])[0].accepted


def test_what_is_made_last_holds_no_keys(rig: RabbitMqRig, monkeypatch: pytest.MonkeyPatch) -> None:
    """RabbitMQ that is killed within 0.1 s of it may forget it, and all keys that it confirmed with it."""
    made, ask = list[str](), Wire.ask

    async def noted(self: Wire, method: str, **arguments: Any) -> Any:
        if method.endswith(("declare", "bind")):
            made.append(method)
        return await ask(self, method, **arguments)

    monkeypatch.setattr(Wire, "ask", noted)
    rig.open()
    assert made[-2:] == ["exchange_declare", "queue_bind"]


def test_a_queue_that_another_program_made_is_used_as_it_is(rig: RabbitMqRig) -> None:
    with stranger(rig.url) as channel:
        channel.queue_declare("frames", durable=True)
        channel.basic_publish("", "frames", b"theirs")
    queue = rig.open()
    (held,) = take(rig, queue, 1)
    assert held.text == "theirs"
    assert queue.dead(held, "seen")
    assert [letter.reason for letter in queue.dead_letters()] == ["seen"]


def test_a_key_that_is_not_taken_in_among_the_dead_comes_again(rig: RabbitMqRig) -> None:
    with stranger(rig.url) as channel:
        one_at_most = {"x-max-length": 1, "x-overflow": "reject-publish"}
        channel.queue_declare("frames.dead", durable=True, arguments=one_at_most)
    queue = rig.open()
    queue.send(numbered(2))
    first, second = take(rig, queue, 2)
    assert queue.dead(first, "there was room")
    with pytest.raises(BusError, match=r"did not take one in \(full\); its key comes again"):
        queue.dead(second, "there was none")
    assert not queue.ack(second), "it is on its way back"
    (again,) = take(rig, queue, 1)
    assert (again.text, again.redelivered) == (second.text, True)
    assert queue.ack(again)
    assert [letter.text for letter in queue.dead_letters()] == [first.text]


def test_a_queue_that_somebody_deletes_is_made_again(rig: RabbitMqRig, wait_for: WaitFor) -> None:
    queue, waits = rig.open(), rig.open()
    with stranger(rig.url) as channel:
        channel.queue_delete("frames")
    outcomes = {each.outcome for each in queue.send(["lost", "too"])}
    assert outcomes <= {Outcome.UNROUTABLE, Outcome.ACCEPTED}

    def accepted() -> bool:
        return queue.send(["key"])[0].accepted

    wait_for(accepted, rig.timeout_s, "the queue to be there again")
    assert take(rig, waits, 1)


# Connections.


def cut_connection(rig: RabbitMqRig, rabbitmq: RabbitMqAddress) -> None:
    """The only one that there is."""
    vhost = rig.url.partition("?")[0].rpartition("/")[2]

    def named() -> list[str]:
        return [each["name"] for each in rabbitmq.ask("GET", f"/api/vhosts/{vhost}/connections")]

    (name,) = wait_until_true(named, 30.0, "the broker to tell of the connection")
    rabbitmq.ask("DELETE", f"/api/connections/{quote(name)}")


def test_a_connection_that_is_cut_is_made_again_and_its_keys_come_back(
    rig: RabbitMqRig, rabbitmq: RabbitMqAddress
) -> None:
    queue = rig.open()
    queue.send(numbered(3))
    held, acked, delayed = take(rig, queue, 3)
    assert queue.ack(acked)
    assert queue.retry(delayed, 30)
    cut_connection(rig, rabbitmq)
    back = take(rig, queue, 2)
    assert {(each.text, each.redelivered) for each in back} == {(held.text, True), (delayed.text, True)}
    assert not queue.ack(held), "of the connection that was cut"
    assert all(queue.ack(each) for each in back)
    assert queue.send(["after"])[0].accepted
    assert queue.depth().ready == 1


def test_a_log_that_fails_ends_no_connection_for_good(
    rabbitmq: RabbitMqAddress, rabbitmq_url: str, closing_all: ExitStack
) -> None:
    rig, told = RabbitMqRig(rabbitmq_url, "classic", closing_all), threading.Event()

    class Broken(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            told.set()
            raise OSError("the disk of the log is full")

    queue, logger, broken = rig.open(), logging.getLogger(link.__name__), Broken()
    logger.addHandler(broken)
    try:
        cut_connection(rig, rabbitmq)
        assert told.wait(rig.timeout_s)
        assert queue.send(["after"])[0].accepted
    finally:
        logger.removeHandler(broken)


def test_an_attempt_that_hangs_is_given_up_and_the_next_is_made(
    no_leaks: None, rabbitmq_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "OPENED_WITHIN_S", 0.3)
    attempts: list[str] = []

    async def prepare(connection: Connection) -> list[Wire]:
        attempts.append(str(kept.unreachable()) if attempts else "")
        if len(attempts) == 1:
            await asyncio.Event().wait()  # as where RabbitMQ does not answer a declaration
        return [await connection.wire()]

    with closing(link.Link(RabbitAddress.of(rabbitmq_url), prepare, lambda _: None)) as kept:
        kept.do(kept.opened(30.0))
    assert "out of reach: it was not ready within 0.3 s" in attempts[1]


def test_a_wrong_password_is_told_at_once_and_is_not_shown(rabbitmq_url: str) -> None:
    wrong = rabbitmq_url.replace("of%20tests", "hunter2secret")
    with pytest.raises(BusError, match="ACCESS_REFUSED") as told:
        RabbitMqQueue(wrong, reach_s=3600)
    assert "hunter2secret" not in str(told.value)
    with pytest.raises(BusError, match="vhost nowhere not found"):
        RabbitMqQueue(rabbitmq_url.rpartition("/")[0] + "/nowhere", reach_s=3600)


def test_where_nobody_answers_that_is_told(
    no_leaks: None, silent_port: int, free_port: Callable[[], int]
) -> None:
    for port in (silent_port, free_port()):
        with pytest.raises(BusError, match=f"queue 'frames' at amqp://127.0.0.1:{port}/ is out of reach"):
            RabbitMqQueue(f"amqp://127.0.0.1:{port}", reach_s=0.5)


def test_why_nobody_can_be_reached_is_told_in_a_few_words(free_port: Callable[[], int]) -> None:
    with pytest.raises(BusError, match=r"is out of reach: \[Errno 111\] [^;(]*$"):
        RabbitMqQueue(f"amqp://127.0.0.1:{free_port()}", reach_s=0.5)
