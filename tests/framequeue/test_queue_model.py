"""Queues against a model: whatever is done to one in whatever order, it answers as the model does.

The model is the promise as naively as it can be written: a list of keys, looked through from its beginning.
Time is moved by hand; nothing waits. Two handles are closed and opened again meanwhile.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from sightline.framequeue.queue import DeadKey, Delivery, KeyQueue, QueueDepth
from sightline.framequeue.queues.limits import QueueLimits, WhenFull
from sightline.framequeue.queues.memory import MemoryQueue
from sightline.framequeue.queues.sqlite import SqliteQueue
from sightline.testing import ManualClock

TEXTS = st.sampled_from(["a", "b", "cc", "dddd", "eeeeeeee"])
LIMITS = st.builds(
    QueueLimits,
    max_keys=st.integers(1, 6),
    max_bytes=st.integers(4, 20),
    when_full=st.sampled_from(WhenFull),
    ttl_s=st.none() | st.sampled_from([3.0, 8.0]),
    max_dead=st.integers(1, 4),
)
PICK = st.integers(0, 9)
numbers = count()


@dataclass(eq=False)
class Key:
    """`where`: ready, delayed, dead, or the handle that has it."""

    text: str
    sent_s: float
    where: str | int = "ready"
    due_s: float = 0
    handed: int = 0
    settled: bool = True
    reason: str = ""
    died_at_ns: int = 0

    @property
    def waits(self) -> bool:
        return self.where in ("ready", "delayed")


@dataclass
class Model:
    limits: QueueLimits
    clock: ManualClock
    keys: list[Key] = field(default_factory=list)  # the oldest first
    graves: list[Key] = field(default_factory=list)  # of the dead, in the order of their deaths
    accepted: int = 0
    acked: int = 0
    forgotten: int = 0

    def now_s(self) -> float:
        return self.clock.monotonic_ns() / 1e9

    def pass_time(self) -> None:
        for key in self.keys:
            if key.where == "delayed" and key.due_s <= self.now_s():
                key.where = "ready"
        ttl_s = self.limits.ttl_s
        for key in list(self.keys):
            if ttl_s is not None and key.waits and key.sent_s + ttl_s <= self.now_s():
                self.bury(key, "expired")

    def bury(self, key: Key, reason: str) -> None:
        key.where, key.reason, key.settled, key.died_at_ns = "dead", reason, True, self.clock.utc_ns()
        self.graves.append(key)
        for old in self.graves[: -self.limits.max_dead]:
            self.graves.remove(old)
            self.keys.remove(old)
            self.forgotten += 1

    def fits(self, text: str) -> bool:
        waiting = [key for key in self.keys if key.waits]
        size = sum(len(key.text) for key in waiting) + len(text)
        return len(waiting) < self.limits.max_keys and size <= self.limits.max_bytes

    def send(self, text: str) -> bool:
        while not self.fits(text):
            waiting = [key for key in self.keys if key.where == "ready"] or [k for k in self.keys if k.waits]
            if self.limits.when_full is WhenFull.REJECT or len(text) > self.limits.max_bytes:
                return False
            self.bury(waiting[0], "overflow")
        self.keys.append(Key(text, self.now_s()))
        self.accepted += 1
        return True

    def receive(self, handle: int, most: int) -> list[Key]:
        taken = [key for key in self.keys if key.where == "ready"][:most]
        for key in taken:
            key.where, key.handed, key.settled = handle, key.handed + 1, False
        return taken

    def close(self, handle: int) -> None:
        for key in self.keys:
            if key.where == handle:
                key.where = "ready"

    def retry_dead(self, text: str | None) -> int:
        count = 0
        for key in list(self.graves):
            if text in (None, key.text):
                if not self.fits(key.text):
                    break
                self.graves.remove(key)
                self.keys.remove(key)
                self.keys.append(Key(key.text, self.now_s(), handed=key.handed))
                count += 1
        return count

    def depth(self) -> QueueDepth:
        places = [key.where for key in self.keys]
        counts = {place: places.count(place) for place in ("ready", "delayed", "dead")}
        in_hand = sum(isinstance(place, int) for place in places)
        return QueueDepth(
            **counts, in_hand=in_hand, accepted=self.accepted, acked=self.acked, forgotten=self.forgotten
        )


class QueueMachine(RuleBasedStateMachine):
    """`place` gives what opens a handle on one queue, which is new."""

    def __init__(self, place: Callable[[], AbstractContextManager[Callable[..., KeyQueue]]]) -> None:
        super().__init__()
        self._until = ExitStack()
        self._open = self._until.enter_context(place())

    def open(self, limits: QueueLimits | None) -> KeyQueue:
        return self._until.enter_context(self._open(limits=limits, clock=self.clock))

    @initialize(limits=LIMITS)
    def begin(self, limits: QueueLimits) -> None:
        self.clock = ManualClock()
        self.model = Model(limits, self.clock)
        self.handles = [self.open(limits), self.open(None)]
        self.handed: list[tuple[Delivery, Key, int, int]] = []  # and the handle, and which hand-over it was

    @rule(texts=st.lists(TEXTS, max_size=4), handle=st.integers(0, 1))
    def send(self, texts: list[str], handle: int) -> None:
        self.model.pass_time()
        told = [sent.accepted for sent in self.handles[handle].send(texts)]
        assert told == [self.model.send(text) for text in texts]

    @rule(most=st.integers(1, 3), handle=st.integers(0, 1))
    def receive(self, most: int, handle: int) -> None:
        self.model.pass_time()
        got, expected = self.handles[handle].receive(most, 0), self.model.receive(handle, most)
        assert [(each.text, each.redelivered) for each in got] == [(k.text, k.handed > 1) for k in expected]
        assert all(each.received_at_ns == self.clock.utc_ns() for each in got)
        self.handed += [(each, key, handle, key.handed) for each, key in zip(got, expected, strict=True)]

    @rule(pick=PICK)
    def ack(self, pick: int) -> None:
        for delivery, key, handle, lasts in self._picked(pick):
            assert self.handles[handle].ack(delivery) == lasts
            if lasts:
                self.model.keys.remove(key)
                key.settled = True
                self.model.acked += 1

    @rule(pick=PICK, delay_s=st.sampled_from([0, 2, 10]))
    def retry(self, pick: int, delay_s: float) -> None:
        for delivery, key, handle, lasts in self._picked(pick):
            assert self.handles[handle].retry(delivery, delay_s) == lasts
            if lasts:
                key.where, key.settled = "delayed" if delay_s else "ready", True
                key.due_s = self.model.now_s() + delay_s

    @rule(pick=PICK)
    def dead(self, pick: int) -> None:
        for delivery, key, handle, lasts in self._picked(pick):
            assert self.handles[handle].dead(delivery, "why") == lasts
            if lasts:
                self.model.bury(key, "why")

    @rule(text=st.none() | TEXTS, handle=st.integers(0, 1))
    def dead_retry(self, text: str | None, handle: int) -> None:
        self.model.pass_time()
        count = self.handles[handle].dead_retry(None if text is None else [text])
        assert count == self.model.retry_dead(text)

    @rule(seconds=st.sampled_from([1, 2, 5]))
    def time_passes(self, seconds: int) -> None:
        self.clock.move(seconds)

    @rule(seconds=st.sampled_from([3600, -3600]))
    def the_wall_clock_is_set(self, seconds: int) -> None:
        self.clock.set_wall(seconds)

    @rule(handle=st.integers(0, 1))
    def close_and_open(self, handle: int) -> None:
        self.handles[handle].close()
        self.model.close(handle)
        self.handles[handle] = self.open(None)

    @invariant()
    def it_is_as_the_model(self) -> None:
        self.model.pass_time()
        depth = self.handles[0].depth()
        assert depth == self.model.depth()
        assert depth.balanced
        expected = [DeadKey(key.text, key.reason, key.died_at_ns, key.handed) for key in self.model.graves]
        # Of those that die in one moment any may be first.
        assert sorted(self.handles[1].dead_letters(), key=_order) == sorted(expected, key=_order)

    def teardown(self) -> None:
        self._until.close()

    def _picked(self, pick: int) -> list[tuple[Delivery, Key, int, bool]]:
        """One hand-over of those that were, and whether it is the last of its key and not settled."""
        self.model.pass_time()
        if not self.handed:
            return []
        delivery, key, handle, times = self.handed[pick % len(self.handed)]
        return [(delivery, key, handle, key.handed == times and not key.settled)]


def _order(letter: DeadKey) -> tuple[int, str, str, int]:
    return letter.died_at_ns, letter.text, letter.reason, letter.attempts


@contextmanager
def memory() -> Iterator[Callable[..., KeyQueue]]:
    yield partial(MemoryQueue, f"model {next(numbers)}")


@contextmanager
def sqlite() -> Iterator[Callable[..., KeyQueue]]:
    with TemporaryDirectory() as folder:
        yield partial(SqliteQueue, Path(folder) / "q", durable=False)


@pytest.mark.parametrize(("place", "examples"), [(memory, 150), (sqlite, 100)])
def test_it_answers_as_the_model_does(
    place: Callable[[], AbstractContextManager[Callable[..., KeyQueue]]], examples: int
) -> None:
    run_state_machine_as_test(
        partial(QueueMachine, place),  # type: ignore[arg-type]  # whatever makes one
        settings=settings(max_examples=examples, stateful_step_count=40),
    )


@pytest.mark.parametrize("place", [memory, sqlite])
def test_what_is_ready_dies_at_the_cap_before_what_is_delayed(
    place: Callable[[], AbstractContextManager[Callable[..., KeyQueue]]],
) -> None:
    limits = QueueLimits(max_keys=2, when_full=WhenFull.DROP_OLDEST)
    with place() as opened, opened(limits=limits) as queue:
        queue.send(["delayed"])
        queue.retry(queue.receive(1, 0)[0], 60)
        queue.send(["first", "second"])
        assert [letter.text for letter in queue.dead_letters()] == ["first"]
        queue.retry(queue.receive(1, 0)[0], 90)
        queue.send(["third"])
        assert [letter.text for letter in queue.dead_letters()] == ["first", "delayed"]
