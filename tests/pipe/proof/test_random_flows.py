"""Any graph over up to three flows, with events, changed wires and deaths at any moment; see `ground`.

A failure prints the example, and with `print_blob` how to run it again.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from tests.pipe.proof.actors import NOTE
from tests.pipe.proof.ground import DEADLINE_S, Ground, stacks
from tests.pipe.proof.laws import misled, unbalanced, unfinished
from tests.pipe.proof.plans import WIRES, Plan, Way, may_come, misordered, must_come, plans
from tools.services.waiting import wait_for

from sightline.pipe.counts.reports import State

# An example that hangs takes its deadline each time it is made smaller.
PROOF = settings(max_examples=40, phases=(Phase.explicit, Phase.reuse, Phase.generate), print_blob=True)
EVENTS = st.tuples(st.sampled_from(["start", "stop", NOTE]), st.integers(0, 6))
CHANGES = st.tuples(st.sampled_from(["unlink", "link"]), st.integers(0, 20), WIRES)
DEATHS = st.tuples(st.just("kill"), st.integers(0, 2))


@contextmanager
def at_work(plan: Plan) -> Iterator[Ground]:
    ground = Ground(plan)
    try:
        yield ground
    finally:
        ground.close()


def do(ground: Ground, meanwhile: list[Any]) -> set[tuple[str, str]]:
    """What is to happen; the wires that were harmed by it."""
    plan, harmed = ground.plan, set[tuple[str, str]]()
    answers = ground.send("start", ground.journals)
    for event, number, *more in meanwhile:
        way = plan.ways[number % len(plan.ways)]
        match event:
            case "unlink":
                ground.unlink(way.ends)
                harmed.add(way.ends)
            case "link":
                changed = Way(way.source, way.destination, more[0])
                ground.link(changed)
                if not changed.lossless:
                    harmed.add(way.ends)
            case "kill":
                flow = list(ground.flows)[number % len(ground.flows)]
                ground.kill(flow)
                harmed |= {way.ends for way in plan.ways if flow in map(plan.flow_of, way.ends)}
            case _:
                answers += ground.send(event, [plan.parts[number % len(plan.parts)].name], **_told(event))
    for answer in answers:
        try:
            assert answer.result(DEADLINE_S).error is None
        except TimeoutError:
            raise AssertionError(f"an event was not answered\n{stacks()}") from None
    return harmed


def _told(event: str) -> dict[str, int]:
    return {"number": 1} if event == NOTE else {}


def finish(ground: Ground) -> None:
    """All wires are as they were, all routines are started, and all of them end."""
    for way in ground.plan.ways:
        ground.link(way)
    ground.send("start", [name for name, state in ground.states.items() if state is not State.DONE])
    ground.wait_until(lambda: set(ground.states.values()) == {State.DONE}, "all to be done")


def settle(ground: Ground, harmed: set[tuple[str, str]]) -> None:
    """How much has come is told with the next word between two flows, which no routine waits for."""
    wrong: list[str] = []

    def adds_up() -> bool:
        stats = ground.stats()
        wrong[:] = [*unbalanced(stats), *unfinished(stats), *misled(ground.plan, stats, harmed)]
        return not wrong

    try:
        wait_for(adds_up, 2.0, "all to add up")
    except TimeoutError:
        raise AssertionError("\n".join(wrong)) from None


def judge(ground: Ground, harmed: set[tuple[str, str]]) -> None:
    plan = ground.plan
    assert ground.failed == []
    may, must = may_come(plan), must_come(plan, harmed)
    for name in may:
        got = ground.journals[name].items()
        assert len(set(got)) == len(got), f"{name} got something twice: {got}"
        assert must[name] <= set(got) <= may[name], f"{name} did not get {must[name] - set(got)}"
        assert list(misordered(plan, name, got)) == []


@PROOF
@given(plan=plans(), meanwhile=st.lists(EVENTS, max_size=30))
def test_nothing_is_lost_on_lossless_wires_and_all_adds_up(plan: Plan, meanwhile: list[Any]) -> None:
    with at_work(plan) as ground:
        harmed = do(ground, meanwhile)
        finish(ground)
        settle(ground, harmed)
        judge(ground, harmed)


@PROOF
@given(plan=plans(), meanwhile=st.lists(st.one_of(EVENTS, CHANGES), max_size=20))
def test_wires_that_are_changed_harm_no_others_and_nobody_hangs(plan: Plan, meanwhile: list[Any]) -> None:
    with at_work(plan) as ground:
        harmed = do(ground, meanwhile)
        finish(ground)
        settle(ground, harmed)
        judge(ground, harmed)


@PROOF
@given(plan=plans(), meanwhile=st.lists(st.one_of(EVENTS, CHANGES, DEATHS), max_size=12))
def test_flows_that_die_harm_only_their_own_wires_and_nobody_hangs(plan: Plan, meanwhile: list[Any]) -> None:
    with at_work(plan) as ground:
        harmed = do(ground, meanwhile)
        finish(ground)
        assert list(unbalanced(ground.stats())) == []
        judge(ground, harmed)
