"""Real pipes at the speed of their slowest routine: what they make, what they burn, what waits."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import psutil
import pytest
from tests.conftest import WaitFor
from tests.pipe.lines import Lines

from sightline.pipe.handlers import events
from sightline.pipe.pipe import Pipe
from sightline.pipe.roles import DestinationRoutine, SourceRoutine
from sightline.pipe.routine import Routine
from sightline.pipe.settings import Policy, WireSettings
from sightline.pipe.wire import Wire
from sightline.supervise.policy import Restart

SLOW_S = 0.02
"""What the slowest takes: 50 messages a second."""

CALM_S = 0.002
"""Processor time of the source for each message that the sink takes: some times what it needs, and a tenth of
what it has. That counts by messages and not by the clock, as others may want the processor too."""

LIVE = WireSettings()
LOSSLESS = WireSettings(policy=Policy.LOSSLESS, capacity=64)
LONG_S = 60.0

MakePipe = Callable[..., Pipe]


class Clock(SourceRoutine):
    """Gives the time, as often as it is called."""

    def main_logic(self) -> float:
        return time.monotonic()

    @events("constant")
    def constant(self, fps: float) -> None:
        self.set_const_fps(fps)


class Plain(Routine):
    """The same; it knows no rates."""

    def main_logic(self) -> float:
        return time.monotonic()


class Sleeper(DestinationRoutine):
    """Takes its time for each message, and tells how old the last was."""

    takes_s = SLOW_S
    age_s = 0.0

    def main_logic(self, data: float) -> None:
        self.age_s = time.monotonic() - data
        time.sleep(self.takes_s)

    @events("take")
    def take(self, seconds: float) -> None:
        self.takes_s = seconds

    @events("tell age")
    def tell_age(self) -> None:
        self.logger.info("%s", self.age_s)


class Made(NamedTuple):
    """Of some time: messages given by the source, taken by the sink; processor time of the source."""

    given: int
    taken: int
    cpu_s: float


class Watched:
    """A source in flow a, a sink in flow b."""

    def __init__(self, pipe: Pipe, wires: WireSettings, source: Routine | None = None) -> None:
        self.pipe = pipe
        self.source, self.sink = source or Clock("source"), Sleeper("sink")
        pipe.create_flow("a", False, self.source)
        pipe.create_flow("b", False, self.sink)
        pipe.link(Wire(self.source, self.sink, settings=wires))
        pipe.build()
        pipe.notify_event("start", wait=True)

    def counts(self) -> tuple[int, int]:
        routines = self.pipe.stats().routines
        return routines["source"].given, routines["sink"].processed

    def until(self, taken: int, wait_for: WaitFor) -> Made:
        """Wait until the sink took so many more."""
        source = psutil.Process(self.pipe.pids["a"])
        (given, before), cpu_s = self.counts(), sum(source.cpu_times()[:2])
        wait_for(lambda: self.counts()[1] >= before + taken, LONG_S, "the sink")
        given_now, now = self.counts()
        return Made(given_now - given, now - before, sum(source.cpu_times()[:2]) - cpu_s)

    def has_another_process(self, flow: str, pid: int) -> bool:
        return self.pipe.pids.get(flow, pid) != pid

    def settles(self, most: float, wait_for: WaitFor) -> None:
        """Wait until the source makes no more than so many times what the sink takes."""

        def settled() -> bool:
            made = self.until(25, wait_for)
            return made.given <= most * made.taken

        wait_for(settled, LONG_S, "a source that is as slow as its sink")


@pytest.fixture
def log() -> Lines:
    return Lines()


@pytest.fixture
def make(no_leaks: None, log: Lines) -> Iterator[MakePipe]:
    pipes: list[Pipe] = []

    def made(*, paced: bool) -> Pipe:
        pipes.append(Pipe(logger=log.logger(), auto_pacing_mechanism=paced, restart=Restart(delay_s=0.05)))
        return pipes[-1]

    yield made
    for pipe in pipes:
        pipe.close()


@pytest.mark.alone
@pytest.mark.parametrize("paced", [False, True])
def test_a_lossless_pipe_runs_its_source_at_the_speed_of_the_slowest_and_burns_nothing(
    make: MakePipe, wait_for: WaitFor, paced: bool
) -> None:
    pair = Watched(make(paced=paced), LOSSLESS)
    pair.until(50, wait_for)
    made = pair.until(100, wait_for)
    assert made.given <= made.taken + 2 * LOSSLESS.capacity
    assert made.taken <= made.given + 4 * LOSSLESS.capacity
    assert made.cpu_s < made.taken * CALM_S, "a source that waits is no load"


@pytest.mark.alone
def test_a_live_pipe_that_is_not_paced_makes_what_is_dropped(make: MakePipe, wait_for: WaitFor) -> None:
    pair = Watched(make(paced=False), LIVE)
    made = pair.until(50, wait_for)
    assert made.given > 20 * made.taken


@pytest.mark.alone
@pytest.mark.parametrize("source", [Clock("source"), Plain("source")])
def test_a_live_pipe_that_is_paced_makes_what_is_taken(
    make: MakePipe, wait_for: WaitFor, source: Routine
) -> None:
    pair = Watched(make(paced=True), LIVE, source)
    pair.settles(1.5, wait_for)
    made = pair.until(50, wait_for)
    assert made.cpu_s < made.taken * CALM_S
    assert made.given <= 2 * made.taken


@pytest.mark.parametrize("paced", [False, True])
def test_where_it_is_paced_a_message_is_soon_there(
    make: MakePipe, log: Lines, wait_for: WaitFor, paced: bool
) -> None:
    pair = Watched(make(paced=paced), LOSSLESS)
    full_s = LOSSLESS.capacity * SLOW_S

    def age_s() -> float:
        pair.pipe.notify_event("tell age", wait=True)
        return float(log.of("b.sink")[-1])

    wait_for(lambda: age_s() > 0.9 * full_s, LONG_S, "the wire to be full")
    if paced:
        wait_for(lambda: age_s() < 0.3 * full_s, LONG_S, "the wire to be worked off")
    pair.until(100, wait_for)
    assert (age_s() < 0.5 * full_s) == paced


def test_the_source_follows_where_the_slowest_gets_faster(make: MakePipe, wait_for: WaitFor) -> None:
    pair = Watched(make(paced=True), LIVE)
    pair.settles(1.5, wait_for)
    pair.pipe.notify_event("take", seconds=SLOW_S / 4, wait=True)

    def fast() -> bool:
        begun_s = time.monotonic()
        return pair.until(25, wait_for).taken / (time.monotonic() - begun_s) > 1.5 / SLOW_S

    wait_for(fast, LONG_S, "the sink to have more to do")
    pair.settles(1.5, wait_for)


def test_a_constant_rate_wins_over_what_the_pipe_says(make: MakePipe, wait_for: WaitFor) -> None:
    pair = Watched(make(paced=True), LIVE)
    pair.settles(1.5, wait_for)
    pair.pipe.notify_event("constant", fps=10 / SLOW_S, wait=True)
    made = pair.until(100, wait_for)
    assert made.given >= 3 * made.taken


def test_a_flow_that_is_begun_again_is_as_slow_as_it_was(make: MakePipe, wait_for: WaitFor) -> None:
    pair = Watched(make(paced=True), LIVE)
    for flow in "ab":
        pair.settles(1.5, wait_for)
        pid = pair.pipe.pids[flow]
        os.kill(pid, signal.SIGKILL)
        wait_for(partial(pair.has_another_process, flow, pid), LONG_S, "another process")
    pair.settles(1.5, wait_for)


def test_stop_and_start_and_other_wires_keep_it_right(make: MakePipe, wait_for: WaitFor) -> None:
    pipe = make(paced=True)
    pair = Watched(pipe, LIVE)
    pair.settles(1.5, wait_for)
    pipe.notify_event("stop", wait=True)
    pipe.notify_event("start", wait=True)
    made = pair.until(25, wait_for)
    assert made.given <= 10 * made.taken, "at once: unpaced it is hundreds"
    pipe.unlink("source")
    pipe.link(Wire(pair.source, pair.sink, settings=LOSSLESS))
    pair.settles(1.5, wait_for)
