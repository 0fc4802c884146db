"""Any graph of lossless wires, with routines stopped and started at any moment: nothing lost, order kept."""

from collections.abc import Iterator
from contextlib import contextmanager

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.pipe.atwork import AtWork
from tests.pipe.flowyard import SECONDS, FlowYard, counting

from sightline.pipe.counts.reports import State
from sightline.pipe.functional import FunctionalMiddleRoutine
from sightline.pipe.routine import Routine
from sightline.pipe.settings import Policy, RoutineSettings, WireSettings
from sightline.pipe.wires.inlet import Inlet
from sightline.pipe.wires.outlet import LocalOutlet

MESSAGES = 60
EVENTS = st.sampled_from(["start", "stop", "other"])


@st.composite
def graphs(draw: st.DrawFn) -> dict[int, set[int]]:
    """For each routine but the first, a source, those before it that it hears."""
    count = draw(st.integers(2, 6))
    return {number: draw(st.sets(st.integers(0, number - 1), min_size=1)) for number in range(1, count)}


@contextmanager
def _yard() -> Iterator[FlowYard]:
    yard = FlowYard()
    try:
        yield yard
    finally:
        yard.close()


def _put_up(
    yard: FlowYard, graph: dict[int, set[int]], wires: WireSettings, replicas: int
) -> tuple[list[AtWork], dict[int, list[int]]]:
    got: dict[int, list[int]] = {number: [] for number in graph}
    inlets = {number: Inlet(dict.fromkeys(map(str, heard), wires)) for number, heard in graph.items()}
    runners: list[AtWork] = []
    for number in range(len(graph) + 1):
        outlets = {
            str(other): LocalOutlet(inlets[other], str(number))
            for other, heard in graph.items()
            if number in heard
        }
        routine: Routine = counting(MESSAGES, "0")
        if number:
            # Replicas are copies: a list of their own each, so what they get is seen at those behind them.
            kept = got[number]
            routine = FunctionalMiddleRoutine(lambda data, kept=kept: kept.append(data) or data, str(number))
            if outlets and replicas > 1:
                routine.settings = RoutineSettings(replicas=replicas)
        runners.append(yard.runner(routine, inlets.get(number), outlets))
    return runners, got


@settings(max_examples=25)
@given(
    graph=graphs(),
    capacity=st.integers(1, 5),
    policy=st.sampled_from([Policy.LOSSLESS, Policy.RECORD]),
    replicas=st.sampled_from([1, 1, 3]),
    meanwhile=st.lists(st.tuples(st.integers(0, 5), EVENTS), max_size=30),
)
def test_nothing_is_lost_and_nobody_hangs(
    graph: dict[int, set[int]],
    capacity: int,
    policy: Policy,
    replicas: int,
    meanwhile: list[tuple[int, str]],
) -> None:
    with _yard() as yard:
        runners, got = _put_up(yard, graph, WireSettings(policy=policy, capacity=capacity), replicas)
        for runner in runners:
            runner.handle("start")
        answers = [runners[number % len(runners)].handle(event) for number, event in meanwhile]
        assert all(answer.result(SECONDS).error is None for answer in answers)
        for runner in runners:
            runner.handle("start")
        for runner in runners:
            yard.until(runner, State.DONE)
        ways = {0: 1}
        for number, heard in graph.items():
            ways[number] = sum(ways[other] for other in heard)
            stats = runners[number].stats()
            assert stats.balanced
            assert (stats.processed, stats.dropped, stats.held) == (MESSAGES * ways[number], {}, 0)
            assert runners[number].stats().lost == {}
            is_seen = replicas == 1 or not stats.wires_out
            if is_seen and ways[number] == 1:
                assert got[number] == list(range(MESSAGES)), "one way, one order"
