"""What a pipe tells of itself: it adds up, whatever dies, and nobody is waited for."""

import logging
import os
import signal
from pathlib import Path

import msgspec
import pytest
from tests.conftest import WaitFor
from tests.pipe.counted import LOSSLESS, SOON, Odd, Same, Until, Written, ignore, three_flows
from tests.pipe.lines import Lines
from tests.pipe.parts import Collect, Counter, Stuck

from sightline.clock import SYSTEM_CLOCK
from sightline.pipe.counts.reports import State
from sightline.pipe.counts.stats import PipeState, PipeStats
from sightline.pipe.pipe import Pipe
from sightline.pipe.settings import Retry, RoutineSettings, WireSettings
from sightline.pipe.wire import Wire
from sightline.supervise.watched import State as ProcessState


@pytest.fixture
def log(no_leaks: None) -> Lines:
    return Lines()


def test_a_pipe_that_is_not_built_counts_nothing(log: Lines) -> None:
    pipe = Pipe(logger=log.logger())
    assert pipe.stats().flows == {}
    pipe.create_flow("a", True, Counter("count"), Collect("collect"))
    stats = pipe.stats()
    assert stats.state is PipeState.BUILDING
    assert (stats.flows["a"].state, stats.flows["a"].pid, stats.flows["a"].cpu_s) == (
        ProcessState.ENDED,
        None,
        0.0,
    )
    assert {(one.state, one.processed, one.held) for one in stats.routines.values()} == {
        (State.STOPPED, 0, 0)
    }
    assert stats.balanced


def test_what_is_counted_twice_does_not_add_up(log: Lines) -> None:
    with Pipe(logger=log.logger()) as pipe:
        pipe.create_flow("a", True, Counter("count", 3, every_s=0), Collect("collect"))
        pipe.build()
        pipe.notify_event("start")
        assert pipe.wait(30)
        stats = pipe.stats()
    (wire,), collect = stats.wires, stats.routines["collect"]
    assert wire.balanced
    assert collect.balanced
    replace = msgspec.structs.replace
    # What waits is what is missing from the others: it may not be made up for by less than nothing.
    assert not replace(wire, left=wire.left + 1, waiting=wire.waiting - 1).balanced
    assert not replace(collect, processed=collect.processed + 1, held=collect.held - 1).balanced
    assert not replace(stats, wires=(replace(wire, entered=wire.entered - 1, waiting=-1),)).balanced


def test_all_that_was_done_is_told_when_all_is_over(log: Lines) -> None:
    with Pipe(logger=log.logger()) as pipe:
        source, same, collect = Counter("count", 100, every_s=0), Same("same"), Collect("collect")
        pipe.create_flow("a", False, source, same)
        pipe.create_flow("b", False, collect)
        pipe.link(Wire(source, same, settings=LOSSLESS), Wire(same, collect, settings=LOSSLESS))
        pipe.build()
        assert pipe.stats().state is PipeState.RUNNING
        pipe.notify_event("start")
        assert pipe.wait(30)
        stats = pipe.stats()
        assert stats.state is PipeState.OVER
    assert pipe.stats() == stats, "the last counts stay"
    assert stats.balanced
    for wire in stats.wires:
        assert (wire.entered, wire.left, wire.dropped, wire.waiting) == (100, 100, {}, 0)
        assert 1 <= wire.peak <= wire.capacity == 16
    assert stats.wire("count", "same").sent_bytes == 0, "it leads nowhere else"
    assert stats.wire("same", "collect").sent_bytes > 100
    got = stats.routines["collect"]
    assert (got.state, got.entered, got.processed, got.held, got.waiting, got.fps) == (
        State.DONE,
        100,
        100,
        0,
        0,
        0.0,
    )
    assert (got.main_logic.count, got.setup.count, got.restarts) == (100, 1, 0)
    assert 0 < got.main_logic.mean_s <= got.main_logic.max_ns / 1e9 <= got.main_logic.total_ns / 1e9
    assert {flow.pid for flow in stats.flows.values()} == {None}
    assert all(flow.cpu_s > 0 for flow in stats.flows.values())


def test_a_value_goes_into_json_and_back_and_into_a_table(log: Lines) -> None:
    with Pipe(logger=log.logger()) as pipe:
        pipe.create_flow(
            "a", True, Counter("count [bold]", 50, every_s=0), Odd("odd", restart=Retry.ON_FAILURE)
        )
        pipe.build()
        pipe.notify_event("start")
        assert pipe.wait(30)
        stats = pipe.stats()
    assert msgspec.json.decode(msgspec.json.encode(stats), type=PipeStats) == stats
    with pytest.raises(AttributeError):
        stats.flows = {}  # type: ignore[misc]
    table = stats.table()
    assert "a.count [bold]" in table
    assert f"{stats.wires[0].dropped['overflow']} overflow" in table
    assert "count [bold] > odd" in table


def test_what_fails_is_counted_with_its_dead_letters_and_setups(log: Lines) -> None:
    with Pipe(logger=log.logger()) as pipe:
        source = Counter("count", 40, every_s=0)
        odd = Odd("odd", restart=Retry.ON_FAILURE, dead_letter=ignore)
        pipe.create_flow("a", False, source, odd)
        pipe.link(Wire(source, odd, settings=LOSSLESS))
        pipe.build()
        pipe.notify_event("start")
        assert pipe.wait(30)
        stats = pipe.stats().routines["odd"]
    assert (stats.processed, stats.failed, stats.dead_letters) == (20, 20, 20)
    assert (stats.restarts, stats.setup.count, stats.main_logic.count) == (1, 2, 40)
    assert stats.given == 20


def test_replicas_are_counted_together(log: Lines) -> None:
    with Pipe(logger=log.logger()) as pipe:
        source, same, collect = Counter("count", 200, every_s=0), Same("same"), Collect("collect")
        same.settings = RoutineSettings(replicas=3)
        pipe.create_flow("a", False, source, same, collect)
        pipe.link(Wire(source, same, settings=LOSSLESS), Wire(same, collect, settings=LOSSLESS))
        pipe.build()
        pipe.notify_event("start")
        assert pipe.wait(30)
        stats = pipe.stats().routines["same"]
    assert (stats.processed, stats.given, stats.unsent, stats.main_logic.count, stats.setup.count) == (
        200,
        200,
        0,
        200,
        3,
    )


def test_what_a_live_wire_drops_is_told_by_its_reason(log: Lines, wait_for: WaitFor) -> None:
    with Pipe(logger=log.logger()) as pipe:
        source, collect = Counter("count", 500, every_s=0), Collect("collect")
        collect.settings = RoutineSettings(rate_fps=20)
        pipe.create_flow("a", False, source)
        pipe.create_flow("b", False, collect)
        pipe.link(Wire(source, collect, settings=WireSettings(capacity=3)))
        pipe.build()
        pipe.notify_event("start")
        wait_for(lambda: pipe.stats().routines["collect"].fps > 0, 10, "a rate")
        assert pipe.stats().routines["collect"].fps < 100
        while not pipe.wait(0.001):
            stats = pipe.stats()
            assert stats.balanced
            assert stats.wires[0].waiting >= 0
        wire = pipe.stats().wire("count", "collect")
    assert wire.entered == 500
    assert wire.dropped == {"overflow": 500 - wire.left}
    assert 0 < wire.left < 250
    assert wire.peak == 3


def test_a_routine_that_is_stopped_keeps_its_counts(tmp_path: Path, log: Lines, wait_for: WaitFor) -> None:
    with three_flows(tmp_path, log) as pipe:
        pipe.build()
        pipe.notify_event("start")
        wait_for(lambda: pipe.stats().routines["write"].processed > 100, 20, "messages")
        flow = pipe.stats().flows["c"]
        assert (flow.state, flow.pid) == (ProcessState.RUNNING, pipe.pids["c"])
        assert flow.rss_bytes > 1_000_000
        pipe.notify_event("stop", wait=True)
        wait_for(lambda: not differs(pipe), 20, "rest")
        stats = pipe.stats()
        assert {one.state for one in stats.routines.values()} == {State.STOPPED}
        assert {one.fps for one in stats.routines.values()} == {0.0}
        assert stats.routines["write"].processed == (tmp_path / "log").stat().st_size
        assert stats.balanced


def differs(pipe: Pipe) -> bool:
    """Whether something still counts."""
    return pipe.stats().wires != pipe.stats().wires


def test_counts_go_on_where_flows_are_killed(tmp_path: Path, log: Lines, wait_for: WaitFor) -> None:
    with three_flows(tmp_path, log) as pipe:
        pipe.build()
        pipe.notify_event("start")
        before = pipe.stats()
        for kills, flow in enumerate("bcabca", start=1):
            at = before.routines["write"].processed
            wait_for(lambda at=at: pipe.stats().routines["write"].processed > at + 200, 30, "messages")  # type: ignore[misc]
            os.kill(pipe.pids[flow], signal.SIGKILL)
            wait_for(lambda kills=kills: ends(pipe) == kills, 30, "its end")  # type: ignore[misc]
            now = pipe.stats()
            assert now.balanced
            assert not fallen(before, now)
            before = now
        (tmp_path / "over").touch()
        assert pipe.wait(60), pipe.stats().table()
        stats = pipe.stats()
    assert stats.balanced
    assert not fallen(before, stats)
    assert [wire.waiting for wire in stats.wires] == [0, 0]
    assert [one.held for one in stats.routines.values()] == [0, 0, 0]
    assert [flow.restarts for flow in stats.flows.values()] == [2, 2, 2]
    assert [one.setup.count for one in stats.routines.values()] == [3, 3, 3]
    written = (tmp_path / "log").stat().st_size
    # Of each of the two processes that were killed, one message may be written and not counted yet.
    assert written - 2 <= stats.routines["write"].processed <= written
    first, second = stats.wires
    # Of what died, some had left the wire and was in hand; some of what died in it waited at its other end.
    write = stats.routines["write"]
    in_hand = second.left - write.processed
    died = write.dropped.get("died", 0)
    assert max(0, died - second.dropped.get("died", 0)) <= in_hand <= died
    assert set(first.dropped) | set(second.dropped) <= {"died", "lost"}


def ends(pipe: Pipe) -> int:
    return sum(flow.restarts for flow in pipe.stats().flows.values())


def fallen(before: PipeStats, now: PipeStats) -> list[str]:
    """Counts that only grow, and did not."""
    pairs = {
        name: (getattr(one, field), getattr(now.routines[name], field))
        for name, one in before.routines.items()
        for field in ("entered", "processed", "given", "failed")
    }
    for old, new in zip(before.wires, now.wires, strict=True):
        pairs |= {f"{old.source} in": (old.entered, new.entered), f"{old.source} out": (old.left, new.left)}
        pairs |= {
            f"{old.source} {why}": (count, new.dropped.get(why, 0)) for why, count in old.dropped.items()
        }
    for name, flow in before.flows.items():
        pairs[f"{name} cpu"] = (int(1e9 * flow.cpu_s), int(1e9 * now.flows[name].cpu_s))
    return [f"{name}: {old} > {new}" for name, (old, new) in pairs.items() if old > new]


def test_what_a_killed_routine_had_in_hand_died_with_it(
    tmp_path: Path, log: Lines, wait_for: WaitFor
) -> None:
    with Pipe(logger=log.logger(), restart=SOON) as pipe:
        source, stuck = Until("count", tmp_path / "over"), Stuck("stuck")
        pipe.create_flow("a", False, source)
        pipe.create_flow("b", False, stuck)
        pipe.link(Wire(source, stuck, settings=LOSSLESS))
        pipe.build()
        pipe.notify_event("start")
        wait_for(lambda: pipe.stats().wire("count", "stuck").left > 0, 20, "a message in hand")
        os.kill(pipe.pids["b"], signal.SIGKILL)
        wait_for(lambda: ends(pipe) == 1, 20, "its end")
        dropped = pipe.stats().routines["stuck"].dropped["died"]
        wire = pipe.stats().wire("count", "stuck").dropped.get("died", 0)
        assert dropped > wire, "what was in hand is not of the wire any more"


def test_nobody_is_waited_for(tmp_path: Path, log: Lines, wait_for: WaitFor) -> None:
    with three_flows(tmp_path, log) as pipe:
        pipe.build()
        pipe.notify_event("start")
        wait_for(lambda: pipe.stats().routines["write"].processed > 10, 20, "messages")
        pid = pipe.pids["b"]
        os.kill(pid, signal.SIGSTOP)
        try:
            began_ns = SYSTEM_CLOCK.monotonic_ns()
            stats = [pipe.stats() for _ in range(20)]
            took_s = (SYSTEM_CLOCK.monotonic_ns() - began_ns) / 1e9
        finally:
            os.kill(pid, signal.SIGCONT)
        assert stats[-1].flows["b"].pid == pid
        assert took_s < 20, "a question to a process that does not answer takes seconds"
        (tmp_path / "over").touch()
        assert pipe.wait(30)


def test_stats_may_be_asked_for_in_the_thread_that_writes_the_log(tmp_path: Path, log: Lines) -> None:
    told: list[PipeStats] = []

    class Asking(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            told.append(pipe.stats())

    with Pipe(logger=log.logger()) as pipe:
        pipe.logger.addHandler(Asking())
        pipe.create_flow("a", True, Counter("count", 5), Collect("collect"))
        pipe.build()
        pipe.notify_event("start")
        assert pipe.wait(20)
    assert any(stats.state is PipeState.RUNNING for stats in told)


def test_an_unlinked_wire_is_still_told(tmp_path: Path, log: Lines, wait_for: WaitFor) -> None:
    with Pipe(logger=log.logger(), restart=SOON) as pipe:
        source, one, other = (
            Until("count", tmp_path / "over", 0.001),
            Same("same"),
            Written("write", tmp_path / "log"),
        )
        pipe.create_flow("a", False, source)
        pipe.create_flow("b", False, one, other)
        pipe.link(Wire(source, (one, other), settings=LOSSLESS), Wire(one, other, settings=LOSSLESS))
        pipe.build()
        pipe.notify_event("start")
        wait_for(lambda: pipe.stats().wire("count", "write").left > 10, 20, "messages")
        pipe.unlink("count", "write")
        wire = pipe.stats().wire("count", "write")
        assert not wire.linked
        assert wire.left > 10
        pipe.link(Wire(source, other, settings=LOSSLESS))
        wait_for(lambda: pipe.stats().wire("count", "write").left > wire.left + 10, 20, "more")
        assert pipe.stats().wire("count", "write").linked
        (tmp_path / "over").touch()
        assert pipe.wait(30)
        stats = pipe.stats()
    assert stats.balanced
    assert [wire.waiting for wire in stats.wires] == [0, 0, 0]
    with pytest.raises(KeyError, match="no wire leads from write to count"):
        stats.wire("write", "count")
