"""What wires and routines promise, in flows that are processes."""

import ast
import itertools
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.conftest import WaitFor
from tests.pipe.lines import Lines
from tests.pipe.parts import Collect, Counter

from sightline.pipe import (
    DataTransmitter,
    DestinationRoutine,
    MessageHandler,
    MiddleRoutine,
    Network,
    Pipe,
    Policy,
    QueueHandler,
    QueueNetwork,
    Routine,
    RoutineSettings,
    Wire,
    WireSettings,
)
from sightline.pipe.counts.reports import State

LOSSLESS = WireSettings(policy=Policy.LOSSLESS, capacity=8)
MakePipe = Callable[..., Pipe]


@pytest.fixture
def log() -> Lines:
    return Lines()


@pytest.fixture
def make(no_leaks: None, log: Lines) -> Iterator[MakePipe]:
    pipes: list[Pipe] = []

    def made(*routines: Routine, **settings: Any) -> Pipe:
        """With a flow for each routine, one behind the other, where routines are given."""
        wires = settings.pop("wires", LOSSLESS)
        pipes.append(pipe := Pipe(logger=log.logger(), **settings))
        for one in routines:
            pipe.create_flow(f"of {one.name}", False, one)
        pipe.link(*(Wire(one, other, settings=wires) for one, other in itertools.pairwise(routines)))
        return pipe

    yield made
    for pipe in pipes:
        pipe.close()


def run(pipe: Pipe) -> None:
    pipe.build()
    pipe.notify_event("start")
    assert pipe.wait(60)


def got(log: Lines, name: str) -> str:
    return log.of(f"of {name}.{name}")[-1].removeprefix("cleanup after ")


class Untidy(DestinationRoutine):
    def main_logic(self, data: Any) -> None: ...

    def cleanup(self) -> None:
        raise OSError("the disc is full")


def test_a_cleanup_that_fails_is_told_to_the_pipe(make: MakePipe, log: Lines) -> None:
    pipe = make(Counter("count"), Untidy("untidy"))
    pipe.build()
    pipe.notify_event("start", wait=True)
    report = pipe.notify_event("stop", wait=True)
    assert report is not None
    assert report.failed == {"untidy": "cleanup: OSError: the disc is full"}
    stats = pipe.stats().routines
    assert (stats["untidy"].state, stats["untidy"].reason) == (State.FAILED, report.failed["untidy"])
    assert stats["count"].state is State.STOPPED
    assert any("untidy failed: cleanup: OSError: the disc is full" in line for line in log.lines)


class Inverse(MiddleRoutine):
    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.settings = RoutineSettings(dead_letter=self.bury)

    def main_logic(self, data: int) -> float:
        return 12 // data if data != 3 else self.missing  # type: ignore[attr-defined]

    def bury(self, data: int, error: BaseException) -> None:
        self.logger.info("dead: %s for %s", data, type(error).__name__)


def test_a_message_that_failed_goes_to_the_dead_letter_hook(make: MakePipe, log: Lines) -> None:
    pipe = make(Counter("count", 5), Inverse("inverse"), Collect("collect"))
    run(pipe)
    told = [line for line in log.of("of inverse.inverse") if line.startswith("dead")]
    assert told == ["dead: 0 for ZeroDivisionError", "dead: 3 for AttributeError"]
    assert got(log, "collect") == "[12, 6, 3]"
    assert pipe.stats().routines["inverse"].failed == 2


class Slow(MiddleRoutine):
    """The slower the smaller the number is, of each three."""

    def main_logic(self, data: int) -> int:
        time.sleep(0.03 * (3 - data % 3))
        return data


@pytest.mark.parametrize("ordered", [True, False])
def test_replicas_keep_the_order_where_they_are_to(make: MakePipe, log: Lines, ordered: bool) -> None:
    slow = Slow("slow")
    slow.settings = RoutineSettings(replicas=3, ordered=ordered)
    run(make(Counter("count", 12, every_s=0), slow, Collect("collect")))
    came = [int(number) for number in got(log, "collect").strip("[]").split(",")]
    assert sorted(came) == list(range(12))
    assert (came == sorted(came)) is ordered


class Stamp(DataTransmitter):
    def __init__(self, name: str) -> None:
        self.name = name

    def transmit(self) -> Callable[[Any], Any]:
        return lambda data: [self.name, data]

    def receive(self) -> Callable[[Any], Any]:
        return lambda sent: (*sent, self.name)


def test_a_wire_a_flow_and_the_pipe_may_say_how_data_travels(make: MakePipe, log: Lines) -> None:
    pipe = make(data_transmitter=Stamp("pipe's"))
    own, plain, near = Counter("own", 1), Counter("plain", 1), Collect("near")
    ends = [Collect(name) for name in ("wire", "flow", "pipe")]
    pipe.create_flow("a", False, own, near, data_transmitter=Stamp("flow's"))
    pipe.create_flow("b", False, plain)
    for one in ends:
        pipe.create_flow(f"of {one.name}", False, one)
    pipe.link(Wire(own, ends[0], Stamp("wire's"), settings=LOSSLESS))
    pipe.link(Wire(own, (ends[1], near), settings=LOSSLESS), Wire(plain, ends[2], settings=LOSSLESS))
    run(pipe)
    for one in ends:
        assert got(log, one.name) == str([(f"{one.name}'s", 0, f"{one.name}'s")])
    assert log.of("a.near")[-1] == "cleanup after [0]", "within a flow nothing travels"


def test_the_network_says_what_wires_are_that_do_not_say_it(make: MakePipe, log: Lines) -> None:
    pipe = make(
        Counter("count", 300, every_s=0), Collect("collect"), wires=None, network=QueueNetwork(4, True)
    )
    assert "[lossless 4]" in pipe.draw()
    run(pipe)
    assert got(log, "collect") == str(list(range(300)))


class ByName(Network):
    def get_message_handler(self, routine_name: str) -> MessageHandler:
        return QueueHandler(routine_name, len(routine_name), put_block=routine_name == "safe")


def test_a_network_of_ones_own_is_asked_for_each_routine(make: MakePipe) -> None:
    pipe = make(Counter("count", 3), Collect("safe"), wires=None, network=ByName())
    pipe.link(Wire(pipe._flows[0][1][0], other := Collect("other")))
    pipe.create_flow("of other", False, other)
    assert "> safe in flow of safe [lossless 4]" in pipe.draw()
    assert "> other in flow of other [live 5, drop_oldest]" in pipe.draw()


class Sleepy(Collect):
    def main_logic(self, data: Any) -> None:
        time.sleep(0.05)
        super().main_logic(data)


@pytest.mark.parametrize("policy", Policy)
def test_a_wire_between_flows_keeps_what_it_promised(make: MakePipe, log: Lines, policy: Policy) -> None:
    pipe = make(
        Counter("count", 30, every_s=0), Sleepy("sleepy"), wires=WireSettings(policy=policy, capacity=4)
    )
    run(pipe)
    stats = pipe.stats().routines
    numbers = [int(number) for number in got(log, "sleepy").strip("[]").split(",")]
    assert numbers == sorted(set(numbers))
    assert numbers[-1] == 29, "the newest is there in any case"
    assert (len(numbers) == 30) is (policy is not Policy.LIVE)
    wire = pipe.stats().wires[0]
    assert wire.entered == 30 == stats["count"].given
    assert wire.dropped == ({} if policy is not Policy.LIVE else {"overflow": 30 - len(numbers)})
    assert wire.waiting == 0


def test_a_record_tells_what_a_kill_cut_off(make: MakePipe, wait_for: WaitFor) -> None:
    record = WireSettings(policy=Policy.RECORD, capacity=8)
    pipe = make(Counter("count", every_s=0), sleepy := Sleepy("sleepy"), wires=record)
    pipe.build()
    pipe.notify_event("start", wait=True)
    wait_for(lambda: pipe.stats().wires[0].waiting >= 8, 30, "a full wire")
    entered = pipe.stats().wires[0].entered
    pipe.notify_event("kill", {f"of {sleepy.name}": [sleepy.name]}, wait=True)

    def told() -> bool:
        """Of all that was on its way before the kill: it was taken, or is said to have been cut off."""
        wire = pipe.stats().wires[0]
        return wire.left + wire.dropped.get("incomplete", 0) >= entered

    wait_for(told, 30, "what was cut off")
    assert pipe.stats().wires[0].dropped["incomplete"] > 0
    assert pipe.stats().balanced


def test_a_lossless_wire_that_is_changed_while_it_runs_loses_nothing(make: MakePipe, log: Lines) -> None:
    source, collect = Counter("count", 4000, every_s=0), Collect("collect")
    pipe = make(source, collect)
    pipe.build()
    pipe.notify_event("start", wait=True)
    for capacity in (3, 50, 1, 20):
        new = WireSettings(policy=Policy.LOSSLESS, capacity=capacity)
        pipe.link(Wire(source, collect, Stamp(str(capacity)), settings=new))
    pipe.link(Wire(source, collect, settings=LOSSLESS))
    assert pipe.wait(60)
    came = ast.literal_eval(got(log, "collect"))
    assert [item if isinstance(item, int) else item[1] for item in came] == list(range(4000))
    assert all(isinstance(item, int) or item[0] == item[2] for item in came), "each by one transmitter"
    wire = pipe.stats().wires[0]
    assert (wire.entered, wire.left, wire.dropped) == (4000, 4000, {})
