"""A reader's buffer does with runs what the buffer of single messages does with their messages.

The oracle is `sightline.overflow.OverflowBuffer`, fed message by message; before it stand, where needed, the
n-th that is wanted, and for `BLOCK` the fill rate, which makes no writer wait.
"""

import math
from typing import NamedTuple

import pytest
from hypothesis import assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from tests.hub.broker.runs import batch_run, messages_of, payload_of, single_run

from sightline.clock import NS_PER_S
from sightline.hub.broker.buffer import LEAST_BYTES, RunBuffer
from sightline.hub.broker.gaps import MOST_GAPS, Gap
from sightline.hub.broker.run import Run
from sightline.hub.settings import ReaderBuffer
from sightline.overflow import Capacity, Overflow, OverflowBuffer, Reason

UNTOLD = {Reason.FILL_RATE, Reason.REPLACED}


class Item(NamedTuple):
    offset: int
    size: int
    weight: int
    keyframe: bool
    key: bytes


class Oracle:
    """Message by message."""

    def __init__(self, asked: ReaderBuffer) -> None:
        self.asked = asked
        self.blocks = asked.overflow is Overflow.BLOCK
        count = asked.messages
        if count is None and asked.bytes is not None:
            count = max(asked.bytes // LEAST_BYTES, 1)
        capacity = Capacity(count=count, bytes=asked.bytes, age_s=asked.age_s, endless=asked.unbounded)
        self.buffer: OverflowBuffer[Item] = OverflowBuffer(
            capacity,
            asked.overflow,
            size=lambda item: item.weight,
            key=lambda item: item.key,
            keyframe=lambda item: item.keyframe,
            fill_rate_hz=None if self.blocks else asked.per_s,
        )
        self.gate: OverflowBuffer[int] = OverflowBuffer(
            Capacity.unbounded(), Overflow.DROP_OLDEST, fill_rate_hz=asked.per_s if self.blocks else None
        )
        self.came = self.unwanted = 0

    def offer(self, item: Item, now_ns: int) -> bool:
        """False where it has to wait."""
        fits = self.buffer.fits(item, now_ns)
        wanted = self.came % self.asked.every == 0
        if wanted and self.blocks:
            due_ns = self.gate._fill_due_ns
            wanted = self.gate._in_time(now_ns)
            if wanted and not fits:
                self.gate._fill_due_ns = due_ns  # it will be asked again
                return False
        self.came += 1
        if wanted:
            assert self.buffer.offer(item, now_ns)
        else:
            self.unwanted += 1
        return True

    def counts(self) -> dict[str, int]:
        stats = self.buffer.stats()
        dropped = dict(stats.dropped)
        if self.unwanted:
            dropped[Reason.FILL_RATE] = dropped.get(Reason.FILL_RATE, 0) + self.unwanted
        return dropped


sizes = st.one_of(st.integers(0, 4), st.integers(0, 12), st.integers(10, 40))


class Fed(RuleBasedStateMachine):
    overflow = Overflow.DROP_OLDEST

    @initialize(
        messages=st.one_of(st.none(), st.integers(1, 6), st.integers(4, 30)),
        most_bytes=st.one_of(st.none(), st.integers(1, 16), st.integers(20, 60), st.integers(40, 120)),
        age_s=st.one_of(st.none(), st.floats(0.5, 3)),
        every=st.integers(2, 4),
        per_s=st.floats(0.3, 3),
        rated=st.sampled_from(["", "", "every", "per_s", "both"]),
    )
    def make(
        self,
        messages: int | None,
        most_bytes: int | None,
        age_s: float | None,
        every: int,
        per_s: float,
        rated: str,
    ) -> None:
        if self.overflow is Overflow.DROP_TO_KEYFRAME:
            rated = ""
        asked = ReaderBuffer(
            messages=messages,
            bytes=most_bytes,
            age_s=age_s,
            overflow=self.overflow,
            unbounded=messages is None and most_bytes is None,
            every=every if rated in {"every", "both"} else 1,
            per_s=per_s if rated in {"per_s", "both"} else None,
        )
        self.asked = asked
        self.buffer = RunBuffer(asked)
        self.oracle = Oracle(asked)
        self.now_ns = self.offset = 0
        self.told: list[Gap] = []
        self.most_gaps = 0
        self.came_out: list[int] = []

    def offer(self, run: Run, items: list[Item]) -> None:
        if self.asked.overflow is Overflow.BLOCK and self.asked.bytes is not None:
            assume(all(item.weight <= (self.asked.bytes or 0) for item in items))
        room = self.buffer.room(run, self.now_ns)
        entered = 0
        for item in items:
            if not self.oracle.offer(item, self.now_ns):
                break
            entered += 1
        assert room == entered
        if room:
            self.buffer.offer(run.first(room), self.now_ns)
        self.offset += len(items)  # those that had to wait are given up, and their offsets skipped

    @rule(lengths=st.lists(sizes, min_size=2, max_size=12))
    def offer_a_batch(self, lengths: list[int]) -> None:
        items = [
            Item(self.offset + at, length, length, keyframe=False, key=b"")
            for at, length in enumerate(lengths)
        ]
        self.offer(batch_run(self.offset, lengths), items)

    @rule(size=sizes, keyframe=st.booleans(), key=st.one_of(st.none(), st.sampled_from([b"a", b"b", b"c"])))
    def offer_one(self, size: int, keyframe: bool, key: bytes | None) -> None:
        run = single_run(self.offset, size, keyframe=keyframe, key=key)
        self.offer(run, [Item(self.offset, size, run.size, keyframe, key or b"")])

    @rule(
        most=st.one_of(st.integers(0, 5), st.just(10**6)),
        most_bytes=st.one_of(st.integers(0, 50), st.just(math.inf)),
    )
    def take(self, most: int, most_bytes: float) -> None:
        run = self.buffer.take(most, most_bytes, self.now_ns)
        if run is None:
            if most:
                assert self.oracle.buffer.take(self.now_ns) is None
                self.hear(None)
            else:
                self.oracle.buffer.fits(Item(0, 0, 0, keyframe=False, key=b""), self.now_ns)
            return
        assert run.messages <= most
        assert run.size <= most_bytes or run.messages == 1
        self.hear(run.offset)
        for offset, seq, payload in messages_of(run):
            item = self.oracle.buffer.take(self.now_ns)
            assert item is not None
            assert (offset, seq, payload) == (item.offset, item.offset + 1000, payload_of(offset, item.size))
            self.came_out.append(offset)

    @rule(by_s=st.floats(0.01, 2))
    def wait(self, by_s: float) -> None:
        self.now_ns += int(by_s * NS_PER_S)

    @rule()
    def wait_until_the_oldest_may_still_stay(self) -> None:
        since_ns = self.buffer.oldest_ns()
        if since_ns is not None and self.asked.age_s is not None:
            self.now_ns = max(self.now_ns, since_ns + round(self.asked.age_s * NS_PER_S))

    def hear(self, offset: int | None) -> None:
        """What a reader is told before the message of this offset."""
        while (gap := self.buffer.gap_before(offset)) is not None:
            assert offset is None or gap.last < offset
            self.told.append(gap)

    @invariant()
    def agree(self) -> None:
        mine, oracle = self.buffer.stats(), self.oracle.buffer.stats()
        assert mine.balanced
        assert mine.entered == self.oracle.came
        assert (mine.left, mine.held, mine.held_bytes) == (oracle.left, oracle.held, oracle.held_bytes)
        assert dict(mine.dropped) == self.oracle.counts()
        assert (self.buffer.held, self.buffer.held_bytes) == (oracle.held, oracle.held_bytes)
        assert oracle.held <= mine.peak_held <= max(oracle.peak_held, 0)
        assert (self.buffer.oldest_ns() is None) == (oracle.held == 0)
        assert 0 <= mine.fill <= 1
        assert len(self.buffer._gaps) <= MOST_GAPS
        self.most_gaps = max(self.most_gaps, len(self.buffer._gaps))

    def teardown(self) -> None:
        if not hasattr(self, "buffer"):
            return
        while self.buffer.held:
            self.take(10**6, math.inf)
            self.agree()
        self.hear(None)
        told: dict[str, int] = {}
        for gap in self.told:
            assert 0 < gap.messages <= gap.last - gap.first + 1
            told[gap.reason] = told.get(gap.reason, 0) + gap.messages
        dropped = self.oracle.counts()
        assert told == {reason: count for reason, count in dropped.items() if reason not in UNTOLD}
        if self.most_gaps < MOST_GAPS:
            assert not any(gap.first <= offset <= gap.last for gap in self.told for offset in self.came_out)


@pytest.mark.parametrize("overflow", [policy for policy in Overflow if policy is not Overflow.RAISE])
def test_runs_are_treated_as_their_messages(overflow: Overflow) -> None:
    machine = type(f"Fed_{overflow}", (Fed,), {"overflow": overflow})
    run_state_machine_as_test(machine, settings=settings(max_examples=150, stateful_step_count=40))
