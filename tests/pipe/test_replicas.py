"""Copies of a routine side by side."""

import threading
from typing import Any

import pytest
from tests.conftest import WaitFor
from tests.pipe.atwork import AtWork
from tests.pipe.flowyard import LOSSLESS, SECONDS, FlowYard, counting, made_of, messages

from sightline.errors import ConfigError
from sightline.pipe.counts.ledger import private
from sightline.pipe.counts.reports import State
from sightline.pipe.flow.replicas import AHEAD, Table
from sightline.pipe.functional import FunctionalMiddleRoutine
from sightline.pipe.handlers import events
from sightline.pipe.message import Message
from sightline.pipe.roles import MiddleRoutine
from sightline.pipe.settings import RoutineSettings
from sightline.pipe.wires.delivery import Delivery
from sightline.pipe.wires.inlet import Inlet
from sightline.pipe.wires.outlet import LocalOutlet

CALLS: list[tuple[int, str]] = []
SHARED = threading.Barrier(3)
HELD = threading.Event()
"""Globals, as copies of a routine share nothing else."""


class Together(MiddleRoutine):
    """Returns only when three of it are at work."""

    def main_logic(self, data: int) -> int:
        SHARED.wait(SECONDS)
        return data


class Slow(MiddleRoutine):
    """Takes its time for the first."""

    def main_logic(self, data: int) -> int:
        if data == 0:
            assert HELD.wait(SECONDS)
        return data


class Shy(MiddleRoutine):
    """One of three cannot be set up."""

    left = iter(range(1000))

    def setup(self) -> None:
        if next(Shy.left) == 1:
            raise RuntimeError("not me")

    def main_logic(self, data: int) -> int:
        return data

    @events("COUNT")
    def count(self) -> None:
        CALLS.append((id(self), "count"))


def _row(yard: FlowYard, middle: Any, most: int, **settings: Any) -> tuple[list[Any], list[Any]]:
    middle.settings = RoutineSettings(replicas=3, **settings)
    got: list[Any] = []
    return yard.chain(counting(most), middle, FunctionalMiddleRoutine(got.append, "keep")), got


def test_replicas_work_at_the_same_time_and_keep_the_order(yard: FlowYard) -> None:
    runners, got = _row(yard, Together("together"), 300)
    yard.until(runners[-1], State.DONE)
    assert got == list(range(300))
    yard.until(runners[1], State.DONE)  # all three of them
    stats = runners[1].stats()
    assert (stats.processed, stats.given, stats.held, stats.balanced) == (300, 300, 0, True)


def test_replicas_that_fail_or_give_nothing_leave_no_hole(yard: FlowYard) -> None:
    def third(data: int) -> int | None:
        if data % 3 == 0:
            raise ValueError(data)
        return data if data % 3 == 1 else None

    runners, got = _row(yard, FunctionalMiddleRoutine(third, "third"), 300)
    yard.until(runners[-1], State.DONE)
    assert got == list(range(1, 300, 3))
    assert (runners[1].stats().failed, runners[1].stats().processed) == (100, 200)


class Ends(LocalOutlet):
    """Counts how often it is told of the end."""

    ends = 0

    def ended(self) -> None:
        self.ends += 1
        super().ended()


def test_numbers_go_up_along_the_wire_and_it_ends_once(yard: FlowYard) -> None:
    inlet, out = Inlet({"source": LOSSLESS}), Inlet({"together": LOSSLESS})
    together, outlet = Together("together"), Ends(out, "together")
    together.settings = RoutineSettings(replicas=3)
    runner = yard.runner(together, inlet, {"out": outlet})
    inlet.put_many(messages(*range(9)), "source")
    inlet.ended("source")
    runner.start(SECONDS)
    yard.until(runner, State.DONE)
    assert [(message.data, message.number) for message in out.take_many(99)] == [(n, n) for n in range(9)]
    assert outlet.ends == 1


def test_a_replica_that_is_slow_does_not_hold_up_others_where_order_is_not_kept(
    yard: FlowYard, wait_for: WaitFor
) -> None:
    HELD.clear()
    runners, got = _row(yard, Slow("slow"), 100, ordered=False)
    wait_for(lambda: len(got) == 99, SECONDS, "all but the slow one")
    HELD.set()
    yard.until(runners[-1], State.DONE)
    assert sorted(got) == list(range(100))
    assert got[-1] == 0


def test_where_order_is_kept_one_that_is_slow_is_waited_for(yard: FlowYard, wait_for: WaitFor) -> None:
    HELD.clear()
    runners, got = _row(yard, Slow("slow"), 100)
    wait_for(lambda: runners[1].stats().unsent == 3 * AHEAD - 1, SECONDS, "the others to be far ahead")
    assert got == []
    HELD.set()
    yard.until(runners[-1], State.DONE)
    assert got == list(range(100))


def test_one_that_cannot_be_set_up_is_told_and_the_others_work(yard: FlowYard) -> None:
    Shy.left = iter(range(1000))
    CALLS.clear()
    shy, inlet = Shy("shy"), Inlet({"source": LOSSLESS})
    shy.settings = RoutineSettings(replicas=3)
    out = Inlet({"shy": LOSSLESS})
    runner = yard.runner(shy, inlet, {"out": LocalOutlet(out, "shy")})
    outcome = runner.start(SECONDS)
    assert outcome.error is not None
    assert "setup: RuntimeError: not me" in outcome.error
    assert runner.state[0] is State.FAILED
    assert runner.handle("COUNT").result(SECONDS).handled
    assert len(set(CALLS)) == 3
    inlet.put_many(messages(*range(8)), "source")
    assert runner.stop(SECONDS).error is None
    assert runner.start(SECONDS).error is None
    inlet.ended("source")
    yard.until(runner, State.DONE)
    assert [message.data for message in out.take_many(99)] == list(range(8))


def test_replicas_stop_where_the_wire_is_full_and_lose_nothing(yard: FlowYard, wait_for: WaitFor) -> None:
    inlet, out = Inlet({"source": LOSSLESS}), Inlet({"three": LOSSLESS})
    source = yard.runner(counting(300), None, {"three": LocalOutlet(inlet, "source")})
    three = yard.runner(
        made_of(lambda data: data, "three", replicas=3), inlet, {"keep": LocalOutlet(out, "three")}
    )
    for runner in (source, three):
        runner.start(SECONDS)
    wait_for(lambda: source.stats().unsent, SECONDS, "all full")
    stats = three.stats()
    assert stats.balanced
    assert three.stop(SECONDS).error is None
    three.start(SECONDS)
    got: list[int] = []
    keep = yard.runner(FunctionalMiddleRoutine(got.append, "keep"), out)
    keep.start(SECONDS)
    yard.until(keep, State.DONE)
    assert got == list(range(300))


def test_replicas_may_take_batches(yard: FlowYard) -> None:
    runners, got = _row(yard, FunctionalMiddleRoutine(sum, "sum"), 100, batch_size=4, ordered=False)
    yard.until(runners[-1], State.DONE)
    assert sum(got) == sum(range(100))
    assert runners[1].stats().processed == 100


def test_kill_ends_all_and_counts_what_was_held(yard: FlowYard) -> None:
    inlet = Inlet({"source": LOSSLESS})
    runner = yard.runner(made_of(lambda data: data, "three", replicas=3), inlet)
    inlet.put_many(messages(*range(5)), "source")
    assert runner.kill(SECONDS).state is State.KILLED
    stats = runner.stats()
    assert (stats.state, stats.dropped, stats.balanced) == (State.KILLED, {"closed": 5}, True)


def test_a_source_has_no_replicas(yard: FlowYard) -> None:
    with pytest.raises(ConfigError, match="numbers is a source: expected replicas=1, got 2"):
        yard.runner(made_of(lambda: 1, "numbers", replicas=2))


def test_what_cannot_be_copied_has_no_replicas(yard: FlowYard) -> None:
    locked = made_of(lambda data: data, "locked", replicas=2)
    locked.lock = threading.Lock()  # type: ignore[attr-defined]
    with pytest.raises(ConfigError, match="locked cannot be copied"):
        yard.runner(locked, Inlet({"source": LOSSLESS}))


class Gently(Inlet):
    """Takes its time between the message and whoever asked for it."""

    def __init__(self) -> None:
        super().__init__({"source": LOSSLESS})
        self.popped, self.go = threading.Event(), threading.Event()

    def take_many(self, most: int) -> list[Message]:
        taken = super().take_many(most)
        self.popped.set()
        assert self.go.wait(SECONDS)
        return taken


def test_nobody_is_at_the_end_while_another_takes_the_last() -> None:
    inlet = Gently()
    inlet.put_many(messages(1), "source")
    inlet.ended("source")
    one, other = Table(inlet, Delivery({}), RoutineSettings(replicas=2)).seats
    taking = threading.Thread(target=one.take, args=(1,))
    taking.start()
    assert inlet.popped.wait(SECONDS)
    threading.Timer(0.1, inlet.go.set).start()
    assert not other.finished
    taking.join()
    one.give([])
    assert other.finished


def test_numbers_go_on_where_the_process_before_ended(yard: FlowYard) -> None:
    ledger: dict[tuple[str, ...], memoryview] = {}

    def account(*key: str, words: int) -> memoryview:
        return ledger.setdefault(key, private(words))

    numbers: list[int] = []
    for _ in range(2):
        inlet, out = Inlet({"source": LOSSLESS}), Inlet({"three": LOSSLESS})
        inlet.put_many(messages(*range(5)), "source")
        inlet.ended("source")
        three = made_of(lambda data: data, "three", replicas=3)
        outlets = {"out": LocalOutlet(out, "three")}
        runner = AtWork(
            three,
            inlet,
            outlets,
            yard.told.append,
            broken=yard.broken.append,
            loop=yard.loop,
            account=account,
        )
        yard.runners.append(runner)
        runner.open()
        runner.start(SECONDS)
        yard.until(runner, State.DONE)
        numbers += [message.number for message in out.take_many(99)]
    assert numbers == list(range(10))
