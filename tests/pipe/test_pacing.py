"""Durations in, rates out: along whole pipes, over time."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.pipe.pacedpipe import PacedPipe, chain

from sightline.pipe.pacing import HEADROOM, LEAST_FPS, MOST_FPS, Pacing, Worked
from sightline.pipe.parent.shares import Lane

LIVE, LOSSLESS = False, True
FPS = st.floats(5, 200)
SETTLED_S = 12.0
"""By then what rushed in before the first report is worked off, at half the speed."""

few = settings(max_examples=30)


def about(fps: float) -> object:
    return pytest.approx(fps, rel=0.08)


@few
@given(waits=st.booleans(), fps=st.lists(FPS, min_size=1, max_size=4), source=st.floats(300, 5000))
def test_a_source_comes_to_the_speed_of_the_slowest_and_never_starves_it(
    waits: bool, fps: list[float], source: float
) -> None:
    names = [f"r{number}" for number in range(len(fps))]
    pipe = PacedPipe(
        {"source": source, **dict(zip(names, fps, strict=True))}, chain("source", *names, waits=waits)
    )
    pipe.run(SETTLED_S + 2 * 16 * len(fps) / min(fps))
    dropped = sum(pipe.dropped.values())
    did = pipe.run(10)
    slowest = min(fps)
    assert did["source"] == about(slowest)
    assert min(did.values()) >= 0.97 * slowest
    assert sum(pipe.dropped.values()) - dropped <= 10 * slowest * (HEADROOM - 1 + 0.03) + 1


@settings(max_examples=15)
@given(fps=st.lists(st.floats(10, 200), min_size=1, max_size=3))
def test_few_messages_wait_in_a_lossless_pipe(fps: list[float]) -> None:
    names = [f"r{number}" for number in range(len(fps))]
    lanes = chain("source", *names, waits=LOSSLESS)
    pipe = PacedPipe({"source": 5000, **dict(zip(names, fps, strict=True))}, lanes, capacity=64)
    pipe.run(2 * 64 * len(fps) / min(fps) + SETTLED_S)
    pipe.run(5)
    wait_s = sum(pipe.held.values()) / min(fps)
    assert wait_s <= 0.3 + 3 * len(fps) / min(fps), "of 64 for each routine, three at most and 0.3 s of work"


@few
@given(waits=st.booleans(), before=FPS, after=FPS)
def test_rates_follow_where_a_routine_gets_faster_or_slower(waits: bool, before: float, after: float) -> None:
    pipe = PacedPipe({"source": 5000, "sink": before}, chain("source", "sink", waits=waits))
    pipe.run(SETTLED_S)
    pipe.fps["sink"] = after
    pipe.run(20)
    did = pipe.run(5)
    assert did["source"] == about(after)
    assert did["sink"] >= 0.97 * after


@few
@given(waits=st.booleans(), sources=st.lists(st.floats(5, 500), min_size=2, max_size=4), sink=FPS)
def test_sources_that_meet_share_one_routine(waits: bool, sources: list[float], sink: float) -> None:
    names = [f"s{number}" for number in range(len(sources))]
    pipe = PacedPipe(
        {**dict(zip(names, sources, strict=True)), "sink": sink},
        [Lane(name, "sink", waits) for name in names],
    )
    pipe.run(SETTLED_S + 2 * 16 * len(sources) / sink)
    did = pipe.run(10)
    assert did["sink"] >= 0.97 * min(sink, sum(sources))
    made = sum(did[name] for name in names)
    assert made <= min(1.08 * sink, sum(sources) * 1.001) + 1
    even = max(did[name] for name in names)
    for name, fps in zip(names, sources, strict=True):
        assert did[name] >= 0.8 * min(fps, even)


@few
@given(slow=st.floats(2, 20), fast=st.floats(30, 200))
def test_a_slow_branch_holds_back_a_fast_one_along_lossless_wires_alone(slow: float, fast: float) -> None:
    speeds = {"source": 5000.0, "slow": slow, "fast": fast}
    live = PacedPipe(speeds, [Lane("source", one, LIVE) for one in ("slow", "fast")])
    live.run(SETTLED_S)
    did = live.run(5)
    assert (did["source"], did["slow"]) == (about(fast), about(slow))
    lossless = PacedPipe(speeds, [Lane("source", one, LOSSLESS) for one in ("slow", "fast")])
    lossless.run(SETTLED_S + 32 / slow)
    assert lossless.run(5)["fast"] == about(slow)


@few
@given(gives=st.sampled_from([0.1, 0.5, 3.0]), sink=st.floats(5, 50))
def test_a_routine_that_gives_several_or_none_for_a_message(gives: float, sink: float) -> None:
    lanes = chain("source", "middle", "sink", waits=LOSSLESS)
    pipe = PacedPipe({"source": 5000, "middle": 900, "sink": sink}, lanes, gives={"middle": gives})
    pipe.run(SETTLED_S + 64 / sink)
    did = pipe.run(10)
    assert did["sink"] >= 0.95 * sink
    assert did["source"] == pytest.approx(sink / gives, rel=0.15)


@st.composite
def graphs(draw: st.DrawFn) -> tuple[dict[str, float], list[Lane]]:
    """Any without circles of lossless wires, or a tree of any wires."""
    count = draw(st.integers(2, 6))
    is_tree = draw(st.booleans())
    lanes = [
        Lane(str(other), str(number), not is_tree or draw(st.booleans()))
        for number in range(1, count)
        for other in draw(st.sets(st.integers(0, number - 1), min_size=1, max_size=1 if is_tree else 3))
    ]
    fps = {str(number): draw(st.floats(10, 200)) for number in range(1, count)}
    return {"0": draw(st.floats(300, 3000)), **fps}, lanes


@settings(max_examples=20)
@given(graph=graphs())
def test_of_any_graph_who_is_paced_does_what_it_does_where_it_is_not(
    graph: tuple[dict[str, float], list[Lane]],
) -> None:
    fps, lanes = graph
    paced, free = PacedPipe(fps, lanes), PacedPipe(fps, lanes, paced=False)
    for pipe in (paced, free):
        pipe.run(SETTLED_S + 10)
    did, would = paced.run(10), free.run(10)
    ends = fps.keys() - {lane.source for lane in lanes}
    assert all(did[name] >= 0.93 * would[name] for name in ends)


def test_a_camera_is_not_told_and_the_routine_behind_it_is() -> None:
    lanes = chain("camera", "resize", "detect", waits=LIVE)
    pipe = PacedPipe({"camera": 25, "resize": 400, "detect": 5}, lanes, fixed=["camera"])
    pipe.run(SETTLED_S)
    did = pipe.run(10)
    assert (did["camera"], did["resize"], did["detect"]) == (about(25), about(5), about(5))
    pipe.fixed.clear()
    pipe.run(SETTLED_S)
    assert pipe.pacing.rates["resize"] == 0.0, "the camera is told now"
    assert pipe.run(5)["camera"] == about(5)


def test_wires_that_come_and_go_count_at_once() -> None:
    slow, fast = Lane("source", "slow", LOSSLESS), Lane("source", "fast", LOSSLESS)
    pipe = PacedPipe({"source": 5000, "slow": 5, "fast": 50}, [slow, fast])
    pipe.run(SETTLED_S)
    assert pipe.run(5)["fast"] == about(5)
    pipe.relink([fast])
    pipe.run(3)
    assert pipe.run(5)["fast"] == about(50)
    pipe.relink([slow, fast])
    pipe.pacing.news()
    assert pipe.pacing.rates["source"] <= 5 * HEADROOM, "what is known of it is not forgotten"
    pipe.relink([])
    pipe.pacing.news()
    assert pipe.pacing.rates["source"] > 0, "nobody hears it: it had better stay slow"


def worked(routine: str, taken: int = 10, work_s: float = 1.0, **more: object) -> Worked:
    return Worked(routine=routine, over_s=1.0, taken=taken, work_s=work_s, given=taken, **more)  # type: ignore[arg-type]


def told(lanes: list[Lane], *all_worked: Worked) -> Pacing:
    pacing = Pacing()
    pacing.link(lanes)
    for one in all_worked:
        pacing.measured(one)
    pacing.news()
    return pacing


QUICK = worked("source", work_s=0.001)


def test_who_stopped_is_not_waited_for_unless_nobody_else_is_there() -> None:
    lanes = [Lane("source", "slow", LIVE), Lane("source", "fast", LIVE)]
    pacing = told(lanes, QUICK, worked("slow", work_s=10), worked("fast"))
    assert pacing.rates == {"source": 10 * HEADROOM}
    pacing.runs("fast", False)
    assert pacing.news() == {"source": HEADROOM}
    pacing.runs("slow", False)
    assert pacing.news() == {"source": 10 * HEADROOM}, "all of them will be there again"
    pacing.runs("source", False)
    assert pacing.news() == {}
    for name in ("source", "slow", "fast"):
        pacing.runs(name, True)
    assert pacing.news() == {}


def test_what_was_told_is_not_told_again() -> None:
    pacing = told(chain("source", "sink", waits=LIVE), QUICK, worked("sink"))
    pacing.measured(worked("sink", work_s=1.001))
    assert pacing.news() == {}
    pacing.measured(worked("sink", work_s=2.0))
    assert list(pacing.news()) == ["source"]


def test_rates_are_kept_within_what_makes_sense() -> None:
    lanes = chain("source", "sink", waits=LIVE)
    assert told(lanes, QUICK, worked("sink", work_s=0.5 / MOST_FPS)).rates == {}, "too quick to be paced"
    stuck = worked("sink", taken=0, work_s=0.0, in_hand_s=600.0)
    assert told(lanes, QUICK, stuck).rates == {"source": LEAST_FPS}
    once = worked("sink", taken=1, work_s=600.0)
    assert told(lanes, QUICK, once).rates == {"source": LEAST_FPS * HEADROOM}, "it is forgotten soon"
    assert told(lanes, QUICK).rates == {}, "a routine that was never called"
    assert told(lanes, worked("sink")).rates == {}, "a source that was never called"


def test_a_call_that_takes_long_is_known_before_it_is_over() -> None:
    lanes = chain("source", "sink", waits=LIVE)
    pacing = told(lanes, QUICK, worked("sink"), worked("sink", taken=0, work_s=0.0, in_hand_s=9.0))
    assert pacing.rates["source"] == pytest.approx(11 / 10 * HEADROOM)
    assert told(lanes, QUICK, worked("sink", taken=0, work_s=0.0, in_hand_s=2.0)).rates == {
        "source": pytest.approx(HEADROOM / 2)
    }


def test_a_source_that_gives_nothing_any_more_leaves_its_share_to_the_others() -> None:
    lanes = [Lane("camera", "sink", LIVE), Lane("source", "sink", LIVE)]
    pacing = told(lanes, QUICK, worked("sink"), worked("camera", work_s=0.5))
    assert pacing.rates["source"] == pytest.approx(5 * HEADROOM)
    pacing.measured(worked("camera", taken=0, work_s=0.0, in_hand_s=60.0))
    assert pacing.news()["source"] == pytest.approx(10 * HEADROOM, rel=0.05)


def test_a_source_that_was_never_called_or_stopped_has_no_share() -> None:
    lanes = [Lane("camera", "sink", LIVE), Lane("source", "sink", LIVE)]
    pacing = told(lanes, QUICK, worked("sink"))
    assert pacing.rates == {"source": 10 * HEADROOM}
    pacing.measured(worked("camera", work_s=0.001))
    assert pacing.news() == {name: pytest.approx(5 * HEADROOM) for name in ("camera", "source")}
    pacing.runs("camera", False)
    assert pacing.news() == {"source": 10 * HEADROOM}


def test_whatever_waits_the_slowest_is_given_half_of_what_it_can_do() -> None:
    lanes = chain("source", "sink", waits=LOSSLESS)
    assert told(lanes, QUICK, worked("sink", waiting=1000)).rates == {"source": 5}


def test_a_routine_that_is_told_no_more_is_set_free() -> None:
    pacing = told(chain("source", "sink", waits=LIVE), QUICK, worked("sink"))
    pacing.measured(worked("source", work_s=0.001, may_be_told=False))
    assert pacing.news() == {"source": 0.0}
