"""What deliveries become: every way that one can go, by a machine without threads."""

from itertools import chain, repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.framequeue.store_conformance import picture

from sightline.errors import ConfigError
from sightline.framequeue.key import FrameKey
from sightline.framequeue.queue import Delivery
from sightline.framequeue.queues.memory import MemoryQueue
from sightline.framequeue.store import Busy, Claim, Claimed, Done, Gone, Taking
from sightline.framequeue.stores.memory import MemoryStore
from sightline.framequeue.work.verdicts import (
    MOST_DELAY_S,
    Ending,
    Handled,
    QueueStep,
    Raised,
    RanTooLong,
    Returned,
    Rules,
    Stopped,
    StoreStep,
    Undecodable,
    Verdict,
)
from sightline.testing import ManualClock

KEY, DATA = picture()
DEAD = {ending for ending in Ending if ending.value.startswith("dead_")}
AGAIN = {Ending.BUSY, Ending.FAILED, Ending.TIMED_OUT, Ending.STOPPED, Ending.AWAY}

handlings = st.one_of(
    st.builds(Returned, st.binary(max_size=5)),
    st.builds(Raised, st.text(max_size=5)),
    st.builds(RanTooLong, st.floats(0.1, 100)),
    st.builds(Undecodable, st.text(max_size=5)),
    st.just(Stopped()),
)
rules_of_any_kind = st.builds(
    Rules,
    take=st.sampled_from(["lease", "getdel"]),
    max_attempts=st.integers(1, 5),
    retry_s=st.floats(0.01, 1000),
)


def claimed(attempt: int = 1, last_reason: str = "") -> Claimed:
    return Claimed(Claim(KEY, 7, "w1", attempt, last_reason), DATA)


@pytest.mark.parametrize(
    ("taking", "ending", "step"),
    [
        (Busy(2.0, "w2"), Ending.BUSY, QueueStep.RETRY),
        (Done(b"a car"), Ending.REPEATED, QueueStep.ACK),
        (Gone(), Ending.GONE, QueueStep.ACK),
        (claimed(4), Ending.DEAD_EXHAUSTED, QueueStep.DEAD),
    ],
)
def test_what_is_not_to_be_worked_on_ends_at_once(taking: Taking, ending: Ending, step: QueueStep) -> None:
    verdict = Rules().before(taking)
    assert verdict is not None
    assert (verdict.ending, verdict.queue) == (ending, step)


@pytest.mark.parametrize("attempt", [1, 2, 3])
def test_what_is_ours_is_worked_on(attempt: int) -> None:
    assert Rules(max_attempts=3).before(claimed(attempt)) is None


def test_a_busy_key_comes_again_when_the_lease_is_over_at_the_earliest() -> None:
    for for_s in (0.0, 2.0, MOST_DELAY_S):
        verdict = Rules().before(Busy(for_s))
        assert verdict is not None
        assert for_s < verdict.delay_s < for_s + 1
    far = Rules().before(Busy(9e9))
    assert far is not None
    assert far.delay_s < MOST_DELAY_S + 1


def test_a_dead_letter_tells_what_its_workers_died_of() -> None:
    verdict = Rules(max_attempts=2).before(claimed(3, "its handler ran longer than 9 s"))
    assert verdict is not None
    assert verdict.reason == (
        "given up after 2 attempts that did not end; the last: its handler ran longer than 9 s"
    )
    assert verdict.store is StoreStep.BURY


def test_a_worker_that_stops_gives_up_no_picture() -> None:
    rules = Rules(max_attempts=2)
    verdict = rules.after(Stopped(), 2)
    assert (verdict.ending, verdict.queue, verdict.delay_s) == (Ending.STOPPED, QueueStep.RETRY, 0)
    assert rules.before(claimed(3, verdict.reason)) is None
    dead = rules.before(claimed(4, ""))
    assert dead is not None
    assert dead.ending is Ending.DEAD_EXHAUSTED


@pytest.mark.parametrize(
    ("handled", "again", "dead"),
    [
        (Raised("ValueError: no wheels"), Ending.FAILED, Ending.DEAD_FAILED),
        (RanTooLong(9), Ending.TIMED_OUT, Ending.DEAD_TIMED_OUT),
    ],
)
def test_what_fails_comes_again_until_its_last_attempt(handled: Handled, again: Ending, dead: Ending) -> None:
    verdicts = [Rules(max_attempts=3, retry_s=2).after(handled, attempt) for attempt in (1, 2, 3)]
    assert [verdict.ending for verdict in verdicts] == [again, again, dead]
    assert [verdict.store for verdict in verdicts] == [
        StoreStep.GIVE_BACK,
        StoreStep.GIVE_BACK,
        StoreStep.BURY,
    ]
    assert [verdict.queue for verdict in verdicts] == [QueueStep.RETRY, QueueStep.RETRY, QueueStep.DEAD]
    assert [verdict.delay_s for verdict in verdicts] == [2, 4, 0]
    assert len({verdict.reason for verdict in verdicts}) == 1


def test_what_is_no_picture_is_dead_at_its_first_attempt() -> None:
    verdict = Rules(max_attempts=3).after(Undecodable("a cut one"), 1)
    assert verdict == Verdict(
        ending=Ending.DEAD_UNDECODABLE, store=StoreStep.BURY, queue=QueueStep.DEAD, reason="a cut one"
    )


def test_a_picture_taken_for_good_has_one_attempt_and_nothing_to_be_told_to_the_store() -> None:
    rules = Rules(take="getdel", max_attempts=3)
    for handled in (Returned(b"r"), Raised("x"), RanTooLong(1), Stopped(), Undecodable("x")):
        verdict = rules.after(handled, 1)
        assert verdict.store is StoreStep.NONE
        assert verdict.queue is (QueueStep.ACK if isinstance(handled, Returned) else QueueStep.DEAD)


@given(rules_of_any_kind, handlings, st.integers(1, 10**6))
def test_every_way_of_handling_has_one_ending_that_fits_its_steps(
    rules: Rules, handled: Handled, attempt: int
) -> None:
    verdict = rules.after(handled, attempt)
    assert (verdict.queue is QueueStep.DEAD) == (verdict.ending in DEAD)
    assert (verdict.queue is QueueStep.RETRY) == (verdict.ending in AGAIN)
    assert (verdict.store is StoreStep.FINISH) <= (verdict.queue is QueueStep.ACK)
    assert (verdict.store is StoreStep.BURY) <= (verdict.queue is QueueStep.DEAD)
    assert (verdict.store is StoreStep.GIVE_BACK) <= (verdict.queue is QueueStep.RETRY)
    assert 0 <= verdict.delay_s <= MOST_DELAY_S
    assert attempt < rules.max_attempts or verdict.ending not in {Ending.FAILED, Ending.TIMED_OUT}


class Hand:
    """A worker without threads, on a store and a queue of one clock."""

    def __init__(self, rules: Rules, keys: list[FrameKey]) -> None:
        self.clock = ManualClock()
        self.store, self.queue = MemoryStore(clock=self.clock), MemoryQueue(clock=self.clock)
        self.rules = rules
        self.keys = {str(key): key for key in keys}
        self.endings: list[Ending] = []
        self.received = self.died = 0

    def work(self, delivery: Delivery, handled: Handled | None) -> None:
        """None: it dies with the picture in hand; its queue has the key back."""
        self.received += 1
        taking = self.store.claim(self.keys[delivery.text], "w", 10)
        verdict = self.rules.before(taking)
        if verdict is None:
            assert isinstance(taking, Claimed)
            if handled is None:
                self.died += 1
                assert self.queue.retry(delivery)
                return
            verdict = self.rules.after(handled, taking.claim.attempt)
        if isinstance(taking, Claimed):
            assert self.in_store(taking.claim, verdict)
        assert self.at_queue(delivery, verdict)
        self.endings.append(verdict.ending)

    def in_store(self, claim: Claim, verdict: Verdict) -> bool:
        match verdict.store:
            case StoreStep.FINISH:
                return self.store.finish(claim, verdict.result)
            case StoreStep.GIVE_BACK:
                return self.store.give_back(claim, verdict.reason)
            case StoreStep.BURY:
                return self.store.bury(claim, verdict.reason, 10**6)
        raise AssertionError(verdict)

    def at_queue(self, delivery: Delivery, verdict: Verdict) -> bool:
        match verdict.queue:
            case QueueStep.ACK:
                return self.queue.ack(delivery)
            case QueueStep.RETRY:
                return self.queue.retry(delivery, verdict.delay_s)
            case QueueStep.DEAD:
                return self.queue.dead(delivery, verdict.reason)


@given(
    rules_of_any_kind.filter(lambda rules: rules.take == "lease"),
    st.integers(1, 4),
    st.integers(1, 2),
    st.lists(st.tuples(st.none() | handlings, st.sampled_from([0.0, 2.0, 11.0])), max_size=40),
)
def test_every_key_is_finished_once_or_a_dead_letter_and_all_deliveries_are_counted(
    rules: Rules, count: int, copies: int, history: list[tuple[Handled | None, float]]
) -> None:
    """Any history of workers that succeed, fail, hang and die; each delivery ends once, and each key."""
    frames = [picture(n) for n in range(count)]
    hand = Hand(rules, [key for key, _ in frames])
    hand.store.put(frames, None)
    hand.queue.send([*hand.keys] * copies)
    fates = chain(history, repeat((Returned(), 11.0)))
    while hand.queue.depth().ready + (hand.queue.depth().delayed or 0):
        handled, passes_s = next(fates)
        for delivery in hand.queue.receive(1, 0):
            hand.work(delivery, handled)
        hand.clock.move(passes_s)
    assert hand.received == len(hand.endings) + hand.died
    assert hand.endings.count(Ending.PROCESSED) == hand.store.usage().total.finished
    assert sum(ending in DEAD for ending in hand.endings) == hand.queue.depth().dead
    dead = {letter.text for letter in hand.queue.dead_letters()}
    for text, key in hand.keys.items():
        assert isinstance(hand.store.claim(key, "w", 10), Done) or text in dead
    assert hand.queue.depth().balanced
    assert hand.store.usage().total.balanced


@pytest.mark.parametrize("settings", [{"max_attempts": 0}, {"retry_s": 0.0}, {"take": "peek"}])
def test_rules_that_are_none_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="expected"):
        Rules(**settings)  # type: ignore[arg-type]
