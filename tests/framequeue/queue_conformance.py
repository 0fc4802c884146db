"""The promise of a queue of keys as checks that every back end passes.

A back end's own test file has a fixture that gives a `Rig`, and

    @pytest.mark.parametrize("check", CHECKS, ids=NAMES)
    def test_it_keeps_the_promise(check, rig): check(rig)

Nothing here knows which queue it is. What a queue cannot do its rig says, and the check ends there.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from itertools import chain
from random import Random

import pytest
from tests.framequeue.queue_rig import Hand, Rig, hand, numbered, take, texts
from tools.services.waiting import wait_for

from sightline.errors import BusError, Closed, ConfigError
from sightline.framequeue.queue import EXPIRED, MAX_TEXT_BYTES, OVERFLOW, KeyQueue, Outcome
from sightline.framequeue.queues.limits import QueueLimits, WhenFull
from sightline.framequeue.reason import MAX_REASON_CHARS

MOMENT_S = 0.3  # long enough to see that something waits
SLACK_S = 2.0  # what a busy machine may add to a time-out
SINCE_NS = 1_600_000_000_000_000_000  # 2020: it is UTC, and it is nanoseconds


def settled(rig: Rig, queue: KeyQueue, **expected: int) -> None:
    """Waits until `depth` says so, and sees that it adds up."""

    def depth_is() -> bool:
        depth = queue.depth()
        known = {name: getattr(depth, name) for name in expected}
        return all(known[name] in {None, count} for name, count in expected.items())

    wait_for(depth_is, rig.timeout_s, f"a depth of {expected}, not {queue.depth()}")
    if rig.counts:
        assert queue.depth().balanced, queue.depth()


# Handing over.


def what_is_sent_is_handed_over_once_in_order(rig: Rig) -> None:
    sender, receiver = rig.open(), rig.open()
    keys = numbered(20)
    sent = sender.send(keys)
    assert [(each.text, each.outcome) for each in sent] == [(key, Outcome.ACCEPTED) for key in keys]
    assert all(each.accepted for each in sent)
    settled(rig, receiver, ready=20, in_hand=0, dead=0)
    got = take(rig, receiver, 20, most=7)
    assert texts(got) == keys
    assert {delivery.redelivered for delivery in got} == {False}
    assert min(delivery.received_at_ns for delivery in got) > SINCE_NS
    settled(rig, receiver, ready=0, in_hand=20)
    assert [receiver.ack(delivery) for delivery in got] == [True] * 20
    assert receiver.receive(1, MOMENT_S) == []
    settled(rig, receiver, ready=0, delayed=0, in_hand=0, dead=0, accepted=20, acked=20)


def any_text_is_a_key_and_twice_is_two(rig: Rig) -> None:
    queue = rig.open()
    keys = ["a", "a", "Straße:küche ☂", "two\nlines\t\x00", "x" * MAX_TEXT_BYTES, "'; DROP TABLE keys; --"]
    queue.send(keys)
    assert texts(take(rig, queue, len(keys))) == keys
    assert queue.send([]) == []


def what_is_no_key_is_refused_and_nothing_is_sent(rig: Rig) -> None:
    queue = rig.open()
    for wrong in ("", "x" * (MAX_TEXT_BYTES + 1), "é" * (MAX_TEXT_BYTES // 2) + "x", "\ud800"):
        with pytest.raises(ConfigError):
            queue.send(["right", wrong])
    with pytest.raises(ConfigError, match="one text"):
        queue.send("not a list")
    with pytest.raises(ConfigError):
        queue.receive(0, 0)
    with pytest.raises(ConfigError):
        queue.receive(1, float("nan"))
    assert queue.receive(1, MOMENT_S) == []
    settled(rig, queue, ready=0, accepted=0)


def receive_comes_back_on_time(rig: Rig) -> None:
    queue = rig.open()
    for timeout_s in (0.0, MOMENT_S):
        begun_s = time.monotonic()
        assert queue.receive(3, timeout_s) == []
        took_s = time.monotonic() - begun_s
        assert timeout_s * 0.9 <= took_s <= timeout_s + SLACK_S
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(queue.receive, 3, 6 * rig.timeout_s)
        with pytest.raises(TimeoutError):
            waiting.result(MOMENT_S)
        rig.open().send(["one"])
        assert texts(waiting.result(rig.timeout_s)) == ["one"]


def all_who_wait_are_woken(rig: Rig) -> None:
    queues = [rig.open() for _ in range(3)]
    with ThreadPoolExecutor(6) as pool:
        waiting = [pool.submit(queue.receive, 1, 6 * rig.timeout_s) for queue in queues for _ in range(2)]
        rig.open().send(numbered(6))
        got = [each.result(rig.timeout_s) for each in waiting]
    assert sorted(texts(list(chain.from_iterable(got)))) == numbered(6)


def no_two_receivers_have_the_same(rig: Rig) -> None:
    sender, receivers = rig.open(), [rig.open() for _ in range(3)]
    keys = numbered(60)
    sender.send(keys)
    got: list[str] = []

    def all_came() -> bool:
        for receiver in receivers:
            got.extend(texts(receiver.receive(1, 0.05)))
        return len(got) >= 60

    wait_for(all_came, rig.timeout_s, "60 keys at three receivers")
    assert sorted(got) == sorted(keys)


def many_threads_lose_nothing(rig: Rig) -> None:
    queue = rig.open()
    acked: list[str] = []
    enough = threading.Event()

    def send(name: str) -> None:
        for key in numbered(50, name):
            assert queue.send([key])[0].accepted

    def work() -> None:
        while not enough.is_set():
            for delivery in queue.receive(3, 0.1):
                assert queue.ack(delivery)
                acked.append(delivery.text)

    with ThreadPoolExecutor(8) as pool:
        working = [pool.submit(work) for _ in range(4)]
        sending = [pool.submit(send, name) for name in "abcd"]
        try:
            for each in sending:
                each.result(rig.timeout_s)
            wait_for(lambda: len(acked) >= 200, rig.timeout_s, "200 keys")
        finally:
            enough.set()
        for each in working:
            each.result(rig.timeout_s)
    assert Counter(acked) == Counter(chain.from_iterable(numbered(50, name) for name in "abcd"))
    settled(rig, queue, ready=0, in_hand=0)


# Settling.


def what_was_settled_cannot_be_again(rig: Rig) -> None:
    queue = rig.open()
    queue.send(numbered(3))
    acked, retried, died = take(rig, queue, 3)
    assert queue.ack(acked)
    assert queue.retry(retried, 60)
    assert queue.dead(died, "no picture")
    for delivery in (acked, retried, died):
        assert not queue.ack(delivery)
        assert not queue.retry(delivery)
        assert not queue.dead(delivery, "again")
    settled(rig, queue, ready=0, delayed=1, in_hand=0, dead=1, acked=1)


def a_key_that_is_tried_again_is_marked(rig: Rig) -> None:
    queue = rig.open()
    queue.send(["key"])
    (first,) = take(rig, queue, 1)
    assert queue.retry(first)
    (second,) = take(rig, queue, 1)
    assert (second.text, second.redelivered) == ("key", True)
    assert not queue.ack(first), "of a hand-over that is over"
    assert queue.ack(second)
    settled(rig, queue, ready=0, in_hand=0)


def a_delayed_key_waits(rig: Rig) -> None:
    queue, delay_s = rig.open(), 1.0
    queue.send(["key"])
    (first,) = take(rig, queue, 1)
    begun_s = time.monotonic()
    assert queue.retry(first, delay_s)
    settled(rig, queue, ready=0, delayed=1, in_hand=0)
    (second,) = queue.receive(1, rig.timeout_s)
    assert delay_s * 0.95 <= time.monotonic() - begun_s <= delay_s + SLACK_S
    assert second.redelivered
    assert queue.ack(second)
    for wrong in (-1.0, float("nan"), float("inf")):
        with pytest.raises(ConfigError):
            queue.retry(second, wrong)


def what_a_closed_handle_held_comes_back(rig: Rig) -> None:
    closing, other = rig.open(), rig.open()
    other.send(numbered(3))
    first, *_ = take(rig, closing, 3)
    assert closing.ack(first)
    assert other.receive(1, MOMENT_S) == []
    closing.close()
    closing.close()
    got = take(rig, other, 2)
    assert sorted(texts(got)) == numbered(3)[1:]
    assert {delivery.redelivered for delivery in got} == {True}


def closing_wakes_whoever_receives(rig: Rig) -> None:
    queue = rig.open()
    with ThreadPoolExecutor() as pool:
        waiting = [pool.submit(queue.receive, 1, 6 * rig.timeout_s) for _ in range(2)]
        with pytest.raises(TimeoutError):
            waiting[0].result(MOMENT_S)
        queue.close()
        for each in waiting:
            with pytest.raises(Closed):
                each.result(rig.timeout_s)


def a_closed_handle_does_nothing_more(rig: Rig) -> None:
    queue, other = rig.open(), rig.open()
    queue.send(["key"])
    (delivery,) = take(rig, queue, 1)
    queue.close()
    for use in (
        lambda: queue.send(["more"]),
        lambda: queue.receive(1, 0),
        lambda: queue.ack(delivery),
        lambda: queue.retry(delivery),
        lambda: queue.dead(delivery, ""),
        queue.dead_letters,
        queue.dead_retry,
        queue.depth,
    ):
        with pytest.raises(Closed):
            use()
    assert texts(take(rig, other, 1)) == ["key"]


# Dead letters.


def a_dead_key_is_kept_with_its_reason(rig: Rig) -> None:
    queue, before_ns = rig.open(), time.time_ns()
    queue.send(numbered(2))
    for key in take(rig, queue, 2):
        queue.retry(key)
    for key in take(rig, queue, 2):
        assert queue.dead(key, f"of {key.text}" if key.text == "key:0" else "é" * (MAX_REASON_CHARS + 1))
    settled(rig, rig.open(), ready=0, in_hand=0, dead=2)
    first, second = wait_for(rig.open().dead_letters, rig.timeout_s, "dead letters")
    assert (first.text, first.reason) == ("key:0", "of key:0")
    assert first.attempts in ({2} if rig.counts else {1, 2})
    assert second.reason == "é" * MAX_REASON_CHARS
    assert before_ns - 1_000_000_000 <= first.died_at_ns <= time.time_ns()
    assert [letter.text for letter in queue.dead_letters(1)] == ["key:0"]
    assert queue.receive(1, MOMENT_S) == []
    assert len(queue.dead_letters()) == 2, "looking takes nothing away"


def dead_keys_are_tried_again_when_somebody_says_so(rig: Rig) -> None:
    queue = rig.open()
    queue.send(numbered(4))
    for key in take(rig, queue, 4):
        assert queue.dead(key, "")
    settled(rig, queue, dead=4)
    assert queue.dead_retry(["unknown"]) == 0
    assert queue.dead_retry(["key:2", "unknown"]) == 1
    (again,) = take(rig, queue, 1)
    assert (again.text, again.redelivered) == ("key:2", True)
    assert queue.ack(again)
    assert queue.dead_retry() == 3
    assert sorted(texts(take(rig, queue, 3))) == ["key:0", "key:1", "key:3"]
    settled(rig, queue, ready=0, in_hand=3, dead=0)


def old_dead_letters_give_way(rig: Rig) -> None:
    queue = rig.open(QueueLimits(max_dead=2))
    for key in numbered(4):
        queue.send([key])
        (died,) = take(rig, queue, 1)
        assert queue.dead(died, "")
    settled(rig, queue, dead=2, forgotten=2)
    assert [letter.text for letter in queue.dead_letters()] == numbered(4)[2:]


# At the cap.


def a_full_queue_refuses(rig: Rig) -> None:
    queue = rig.open(QueueLimits(max_keys=3))
    outcomes = [each.outcome for key in numbered(5) for each in queue.send([key])]
    assert outcomes == [Outcome.ACCEPTED] * 3 + [Outcome.FULL] * 2
    got = take(rig, queue, 2)
    settled(rig, queue, ready=1, in_hand=2)
    assert [queue.send([key])[0].accepted for key in ("a", "b", "c")] == [True, True, False]
    for delivery in got:
        assert queue.retry(delivery), "what comes back is never refused"
    settled(rig, queue, ready=5, accepted=5)
    assert sorted(texts(take(rig, queue, 5))) == ["a", "b", *numbered(3)]


def bytes_are_a_cap_too(rig: Rig) -> None:
    queue = rig.open(QueueLimits(max_bytes=1000))
    outcomes = [each.outcome for key in "abc" for each in queue.send([key * 400])]
    assert outcomes == [Outcome.ACCEPTED, Outcome.ACCEPTED, Outcome.FULL]
    assert texts(take(rig, queue, 2)) == ["a" * 400, "b" * 400]


def the_oldest_die_where_that_is_wanted(rig: Rig) -> None:
    queue = rig.open(QueueLimits(max_keys=3, when_full=WhenFull.DROP_OLDEST))
    for key in numbered(5):
        assert queue.send([key])[0].accepted
    settled(rig, queue, ready=3, dead=2)
    assert texts(take(rig, queue, 3)) == numbered(5)[2:]
    assert [(dead.text, dead.reason) for dead in queue.dead_letters()] == [
        ("key:0", OVERFLOW),
        ("key:1", OVERFLOW),
    ]


def what_waits_too_long_dies(rig: Rig) -> None:
    queue = rig.open(QueueLimits(ttl_s=1.0))
    queue.send(["held"])
    (held,) = take(rig, queue, 1)
    queue.send(["waits"])
    settled(rig, queue, ready=0, in_hand=1, dead=1)
    assert [(dead.text, dead.reason, dead.attempts) for dead in queue.dead_letters()] == [
        ("waits", EXPIRED, 0)
    ]
    assert queue.receive(1, 0) == []
    assert queue.ack(held), "what is in hand does not expire"


# Processes and servers that die.


def what_a_killed_process_held_comes_back(rig: Rig) -> None:
    if rig.opener is None:
        return
    queue = rig.open()
    queue.send(numbered(5))
    with hand(rig, "hold", "2") as dying, hand(rig, "hold", "1") as living:
        held = dying.wait("held", 2) + living.wait("held", 1)
        assert len(set(held)) == 3
        settled(rig, queue, ready=2, in_hand=3)
        others = take(rig, queue, 2)
        dying.kill()
        back = take(rig, queue, 2)
        assert sorted(texts(back)) == sorted(held[:2])
        assert {delivery.redelivered for delivery in back} == {True}
        assert {delivery.redelivered for delivery in others} == {False}
        settled(rig, queue, ready=0, in_hand=5)
        assert queue.receive(1, MOMENT_S) == [], "what a process that lives holds stays its own"
        assert all(queue.ack(delivery) for delivery in (*others, *back))


def what_was_accepted_outlives_its_sender(rig: Rig) -> None:
    if rig.opener is None:
        return
    queue = rig.open()
    with hand(rig, "send", "key:", "100000") as sender:
        sender.wait("sent", 50)
        sender.kill()
        accepted = sender.texts("sent")
    keys = numbered(len(accepted) + 1)
    assert accepted == keys[:-1]
    got = texts(take(rig, queue, len(accepted)))
    got += texts(queue.receive(10, MOMENT_S))
    assert got in (keys[:-1], keys), "what was accepted, and at most the one on its way"


def a_process_that_waits_is_woken_by_another(rig: Rig) -> None:
    if rig.opener is None:
        return
    queue = rig.open()
    with hand(rig, "work") as worker:
        for key in numbered(5):
            queue.send([key])
            assert worker.wait("acked", int(key[-1]) + 1)[-1] == key
    settled(rig, queue, ready=0, in_hand=0)


def workers_killed_at_any_moment_lose_nothing(rig: Rig) -> None:
    if rig.opener is None:
        return
    random, queue = Random(10), rig.open()
    keys, everyone = numbered(300), list[Hand]()
    with ExitStack() as alive:

        def begin() -> Hand:
            everyone.append(alive.enter_context(hand(rig, "work")))
            return everyone[-1]

        living = [begin() for _ in range(3)]
        for start in range(0, 300, 30):
            told = sum(len(each.told) for each in everyone) + random.randrange(1, 30)
            queue.send(keys[start : start + 30])
            wait_for(partial(_told, everyone, told), rig.timeout_s, "some work done")
            victim = random.randrange(3)
            living[victim].kill()
            living[victim] = begin()
        settled(rig, queue, ready=0, in_hand=0, dead=0)
    got = [each for worker in everyone for each in worker.told if "got" in each]
    assert {each["got"] for each in got} == set(keys)
    for kind, seen in (
        ("acked", [text for worker in everyone for text in worker.texts("acked")]),
        ("handed over and not marked", [each["got"] for each in got if not each["again"]]),
    ):
        assert not [key for key, count in Counter(seen).items() if count > 1], f"twice {kind}"


def _told(everyone: list[Hand], count: int) -> bool:
    return sum(len(each.told) for each in everyone) >= count


def a_server_that_comes_back_has_what_it_accepted(rig: Rig) -> None:
    if not rig.serves:
        return
    queue, other = rig.open(), rig.open()
    queue.send(numbered(4))
    (died,) = take(rig, queue, 1)
    assert queue.dead(died, "kept")
    (held,) = take(rig, queue, 1)
    rig.kill_server()
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(other.receive, 4, rig.timeout_s)
        rig.start_server()
        sent = pool.submit(queue.send, ["after"])
        assert sent.result(rig.timeout_s)[0].accepted
        got = waiting.result(2 * rig.timeout_s)
    expected = ["key:1", "key:2", "key:3", "after"] if rig.keeps else ["after"]
    got += take(rig, other, len(expected) - len(got))
    assert sorted(texts(got)) == sorted(expected)
    assert {each.redelivered for each in got if each.text == "key:1"} <= {True}
    assert not queue.ack(held), "somebody else has it by now"
    assert [letter.text for letter in other.dead_letters()] == (["key:0"] if rig.keeps else [])


def a_server_that_stays_away_is_told(rig: Rig) -> None:
    if not rig.serves:
        return
    queue = rig.open()
    queue.send(["key"])
    rig.kill_server()
    it_is_told_to_be_away(queue)
    rig.start_server()


def it_is_told_to_be_away(queue: KeyQueue) -> None:
    begun_s = time.monotonic()
    assert queue.receive(1, MOMENT_S) == []
    assert time.monotonic() - begun_s <= MOMENT_S + SLACK_S
    with pytest.raises(BusError):
        queue.send(["lost"])


SERVER_CHECKS = a_server_that_comes_back_has_what_it_accepted, a_server_that_stays_away_is_told
CHECKS: tuple[Callable[[Rig], None], ...] = (
    what_is_sent_is_handed_over_once_in_order,
    any_text_is_a_key_and_twice_is_two,
    what_is_no_key_is_refused_and_nothing_is_sent,
    receive_comes_back_on_time,
    all_who_wait_are_woken,
    no_two_receivers_have_the_same,
    many_threads_lose_nothing,
    what_was_settled_cannot_be_again,
    a_key_that_is_tried_again_is_marked,
    a_delayed_key_waits,
    what_a_closed_handle_held_comes_back,
    closing_wakes_whoever_receives,
    a_closed_handle_does_nothing_more,
    a_dead_key_is_kept_with_its_reason,
    dead_keys_are_tried_again_when_somebody_says_so,
    old_dead_letters_give_way,
    a_full_queue_refuses,
    bytes_are_a_cap_too,
    the_oldest_die_where_that_is_wanted,
    what_waits_too_long_dies,
    what_a_killed_process_held_comes_back,
    what_was_accepted_outlives_its_sender,
    a_process_that_waits_is_woken_by_another,
    workers_killed_at_any_moment_lose_nothing,
    *SERVER_CHECKS,
)
NAMES = [check.__name__ for check in CHECKS]
