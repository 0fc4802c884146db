"""The memory that a flow counts in, and what its next process finds there."""

import os
from typing import Any

import msgspec
import pytest

from sightline.errors import ConfigError
from sightline.overflow import Overflow
from sightline.pipe.counts import ledger as ledgers
from sightline.pipe.counts.accounts import (
    END_DROPPED,
    END_WORDS,
    ENTERED,
    LEFT,
    REASONS,
    TIMES_WORDS,
    Times,
    duration_stats,
)
from sightline.pipe.counts.ledger import Ledger, private
from sightline.pipe.counts.reports import DURATION_BUCKETS, DurationStats
from sightline.pipe.message import Message
from sightline.pipe.settings import Policy, WireSettings
from sightline.pipe.wires.inlet import Inlet


@pytest.fixture
def ledger() -> Ledger:
    return Ledger.made()


def other_end(ledger: Ledger) -> Ledger:
    return Ledger(os.dup(ledger.fd))


def test_what_one_end_counts_the_other_reads(ledger: Ledger) -> None:
    reader = other_end(ledger)
    assert reader.accounts() == {}
    words = ledger.account("in", "näme", "", words=3)
    words[1] = -5
    assert {key: found.tolist() for key, found in reader.accounts().items()} == {
        ("in", "näme", ""): [0, -5, 0]
    }
    ledger.account("out", words=1)[0] = 2**62
    words[2] = 7
    assert [found.tolist() for found in reader.accounts().values()] == [[0, -5, 7], [2**62]]
    reader.close()
    ledger.close()


def test_the_next_process_counts_on(ledger: Ledger) -> None:
    ledger.account("a", words=2)[0] = 3
    later = other_end(ledger)
    words = later.account("a", words=2)
    words[0] += 1
    later.account("b", words=1)[0] = 9
    assert [found.tolist() for found in ledger.accounts().values()] == [[4, 0], [9]]
    later.close()
    ledger.close()


def test_what_was_counted_can_be_read_when_the_memory_is_given_back(ledger: Ledger) -> None:
    ledger.account("a", words=1)[0] = 3
    ledger.close()
    ledger.close()
    assert ledger.accounts()["a",][0] == 3


def test_a_full_ledger_says_so(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger.account("a", words=ledgers.LEDGER_BYTES // 8 - 10)
    with pytest.raises(ConfigError, match="no room for the counts of in > b > c"):
        ledger.account("in", "b", "c", words=10)
    assert list(ledger.accounts()) == [("a",)]
    ledger.close()


def test_durations_are_counted_by_how_long_they_were() -> None:
    words = private(TIMES_WORDS)
    times = Times(words)
    for took_ns in (0, 999, 1000, 1999, 5_000_000, 2**62):
        times.add(took_ns)
    Times(words).add(1)  # of the next process
    stats = duration_stats(words)
    assert (stats.count, stats.max_ns, stats.total_ns) == (7, 2**62, 2**62 + 5_004_000 - 1)
    assert {bucket: count for bucket, count in enumerate(stats.buckets) if count} == {
        0: 3,
        1: 2,
        13: 1,
        31: 1,
    }
    assert stats.quantile_s(0.5) == 2e-6
    assert stats.quantile_s(0.8) == 8192e-6
    assert stats.quantile_s(1) == 2**62 / 1e9
    assert duration_stats(words, words).count == 14


def test_durations_are_the_same_told_at_once() -> None:
    took_ns = [0, 999, 1000, 1999, 5_000_000, 2**62]
    singly, at_once = private(TIMES_WORDS), private(TIMES_WORDS)
    for one in took_ns:
        Times(singly).add(one)
    times = Times(at_once)
    times.add_all(took_ns[:4])
    times.add_all(took_ns[4:])
    assert at_once.tolist() == singly.tolist()


def test_no_durations_are_no_time() -> None:
    none = DurationStats()
    assert (none.count, none.mean_s, none.quantile_s(0.99)) == (0, 0.0, 0.0)
    assert len(none.buckets) == DURATION_BUCKETS
    assert msgspec.json.decode(msgspec.json.encode(none), type=DurationStats) == none


def test_reasons_stand_in_an_order_of_their_own() -> None:
    assert len(set(REASONS)) == len(REASONS)


class Account:
    """Stands for an account, and looks whether it adds up after each number that is written."""

    def __init__(self, numbers: list[int], first: int = 0) -> None:
        self.numbers, self.first = numbers, first

    def __getitem__(self, at: int | slice) -> Any:
        if isinstance(at, slice):
            return Account(self.numbers, at.start)
        return self.numbers[self.first + at]

    def __setitem__(self, at: int, number: int) -> None:
        self.numbers[self.first + at] = number
        dropped = sum(self.numbers[END_DROPPED:])
        assert self.numbers[ENTERED] >= self.numbers[LEFT] + dropped, "more went than came"


@pytest.mark.parametrize("rule", [Overflow.DROP_OLDEST, Overflow.DROP_NEWEST, Overflow.CLEAR, Overflow.BLOCK])
def test_whoever_reads_between_two_writes_finds_what_came_held(rule: Overflow) -> None:
    policy = Policy.LOSSLESS if rule is Overflow.BLOCK else Policy.LIVE
    numbers = [0] * END_WORDS
    wires = {"s": WireSettings(policy=policy, capacity=3, overflow=rule)}
    inlet = Inlet(wires, account=lambda _source: Account(numbers))  # type: ignore[arg-type,return-value]
    some = [Message(number, "s", number, 0) for number in range(5)]
    for _ in range(3):
        inlet.put_many(some, "s")
        inlet.take_many(1)
    inlet.close()
    inlet.put_many(some, "s")
    assert numbers[ENTERED] == numbers[LEFT] + sum(numbers[END_DROPPED:])
