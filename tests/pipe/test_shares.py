"""How many messages are worth making, of whatever graph."""

import math
from itertools import pairwise
from typing import TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.pipe.parent.shares import Lane, Stage, _Filling, shares

Graph: TypeAlias = tuple[dict[str, Stage], list[Lane], list[str]]
LIVE, LOSSLESS = False, True
FPS = st.floats(0.1, 1000)


def stages(**fps: float) -> dict[str, Stage]:
    return {name: Stage(most_fps) for name, most_fps in fps.items()}


@pytest.mark.parametrize("waits", [LIVE, LOSSLESS])
@given(fps=st.lists(FPS, min_size=1, max_size=6))
def test_along_a_chain_the_slowest_counts(waits: bool, fps: list[float]) -> None:
    names = ["source", *(f"r{number}" for number in range(len(fps)))]
    lanes = [Lane(one, other, waits) for one, other in pairwise(names)]
    all_stages = {
        "source": Stage(2000),
        **{name: Stage(one) for name, one in zip(names[1:], fps, strict=True)},
    }
    assert shares(all_stages, lanes, ["source"]) == {"source": pytest.approx(min(fps))}


def test_a_source_that_is_the_slowest_has_no_bound() -> None:
    lanes = [Lane("source", "sink", LOSSLESS)]
    assert shares(stages(source=5, sink=10), lanes, ["source"]) == {"source": math.inf}
    assert shares(stages(source=5, sink=math.inf), lanes, ["source"]) == {"source": math.inf}


@given(slow=FPS, fast=FPS, source=st.floats(1001, 2000))
def test_at_a_branch_live_wires_follow_the_fastest_and_lossless_ones_the_slowest(
    slow: float, fast: float, source: float
) -> None:
    slow, fast = sorted((slow, fast))
    both = stages(source=source, slow=slow, fast=fast)

    def rate(slow_waits: bool, fast_waits: bool) -> float:
        lanes = [Lane("source", "slow", slow_waits), Lane("source", "fast", fast_waits)]
        return shares(both, lanes, ["source"])["source"]

    assert rate(LIVE, LIVE) == pytest.approx(fast)
    assert rate(LOSSLESS, LOSSLESS) == rate(LOSSLESS, LIVE) == pytest.approx(slow)
    assert rate(LIVE, LOSSLESS) == pytest.approx(fast), "it waits for the fast one alone"


@given(sources=st.lists(FPS, min_size=1, max_size=6), sink=FPS)
def test_sources_that_meet_share_evenly_what_others_leave(sources: list[float], sink: float) -> None:
    names = [f"s{number}" for number in range(len(sources))]
    all_stages = {"sink": Stage(sink), **{name: Stage(fps) for name, fps in zip(names, sources, strict=True)}}
    given_rates = shares(all_stages, [Lane(name, "sink", LIVE) for name in names], names)
    taken = [min(fps, given_rates[name]) for name, fps in zip(names, sources, strict=True)]
    assert sum(taken) == pytest.approx(min(sink, sum(sources)))
    level = max(taken)
    assert all(one == pytest.approx(min(fps, level)) for one, fps in zip(taken, sources, strict=True))


def test_what_is_given_for_each_message_counts() -> None:
    lanes = [Lane("source", "tenth", LOSSLESS), Lane("tenth", "sink", LOSSLESS)]
    all_stages = {"source": Stage(1000), "tenth": Stage(500, 0.1), "sink": Stage(7)}
    assert shares(all_stages, lanes, ["source"]) == {"source": pytest.approx(70)}
    all_stages["tenth"] = Stage(500, 7.0)
    assert shares(all_stages, lanes, ["source"]) == {"source": pytest.approx(1)}
    all_stages["tenth"] = Stage(500, 0.0)
    assert shares(all_stages, lanes, ["source"]) == {"source": pytest.approx(500)}, "nobody hears the last"


def test_two_ways_to_one_routine_are_two_messages_for_it() -> None:
    lanes = [Lane("source", one, LIVE) for one in "ab"] + [Lane(one, "sink", LIVE) for one in "ab"]
    assert shares(stages(source=1000, a=100, b=100, sink=10), lanes, ["source"]) == {
        "source": pytest.approx(5)
    }


def test_a_source_that_cannot_be_told_has_no_more_than_its_share() -> None:
    lanes = [Lane("camera", "sink", LIVE), Lane("file", "sink", LIVE)]
    assert shares(stages(camera=25, file=1000, sink=70), lanes, ["file"]) == {"file": pytest.approx(45)}
    assert shares(stages(camera=25, file=1000, sink=30), lanes, ["file"]) == {"file": pytest.approx(15)}


def test_who_waits_for_a_routine_that_has_enough_takes_no_more_from_live_wires() -> None:
    lanes = [
        Lane("source", "sink", LOSSLESS),
        Lane("relay", "sink", LOSSLESS),
        Lane("camera", "relay", LIVE),
        Lane("camera", "screen", LIVE),
    ]
    speeds = stages(source=1000, camera=1000, relay=500, sink=10, screen=50)
    assert shares(speeds, lanes, ["source", "camera"]) == {
        "source": pytest.approx(5),
        "camera": pytest.approx(50),
    }


def test_a_routine_behind_a_source_that_cannot_be_told_takes_no_more_than_is_wanted() -> None:
    lanes = [Lane("camera", "resize", LIVE), Lane("resize", "detect", LIVE)]
    assert shares(stages(camera=25, resize=500, detect=5), lanes, ["resize"]) == {"resize": pytest.approx(5)}
    assert shares(stages(camera=4, resize=500, detect=5), lanes, ["resize"]) == {"resize": math.inf}


@st.composite
def graphs(draw: st.DrawFn, waits: st.SearchStrategy[bool]) -> Graph:
    """Any graph without circles; all its sources can be told."""
    count = draw(st.integers(2, 7))
    lanes = [
        Lane(str(other), str(number), draw(waits))
        for number in range(1, count)
        for other in draw(st.sets(st.integers(0, number - 1)))
    ]
    names = {name for lane in lanes for name in (lane.source, lane.destination)}
    all_stages = {name: Stage(draw(FPS), draw(st.sampled_from([0.5, 1.0, 1.0, 3.0]))) for name in names}
    ends = {lane.destination for lane in lanes}
    return all_stages, lanes, sorted(names - ends)


@given(graph=graphs(st.just(LOSSLESS)))
def test_where_all_wires_are_lossless_nobody_gets_more_than_it_can_do(graph: Graph) -> None:
    all_stages, lanes, told = graph
    comes = flows(all_stages, lanes, shares(all_stages, lanes, told))
    assert all(comes[name] <= one.most_fps * (1 + 1e-9) for name, one in all_stages.items())


@given(graph=graphs(st.booleans()), factor=st.floats(0.1, 10))
def test_of_any_graph_rates_go_with_the_speed_of_all(graph: Graph, factor: float) -> None:
    all_stages, lanes, told = graph
    rates = shares(all_stages, lanes, told)
    quicker = {name: Stage(one.most_fps * factor, one.gives) for name, one in all_stages.items()}
    quicker_rates = shares(quicker, lanes, told)
    for name in told:  # where a source is as slow as what is behind it, it may have a bound or none
        taken = min(rates[name], all_stages[name].most_fps)
        assert min(quicker_rates[name], quicker[name].most_fps) == pytest.approx(taken * factor, rel=1e-6)


@given(graph=graphs(st.booleans()))
def test_of_any_graph_whoever_is_bounded_would_do_more_in_vain(graph: Graph) -> None:
    """Behind a source that is held back there is a routine with all it can do."""
    all_stages, lanes, told = graph
    rates = shares(all_stages, lanes, told)
    comes = flows(all_stages, lanes, rates)
    busy = {name for name, one in all_stages.items() if comes[name] >= one.most_fps * (1 - 1e-9)}
    for name in told:
        if rates[name] < math.inf:
            assert behind(name, lanes) & busy


def flows(all_stages: dict[str, Stage], lanes: list[Lane], rates: dict[str, float]) -> dict[str, float]:
    """What comes to each, in the order of their names, which lanes follow."""
    comes: dict[str, float] = {}
    for name in sorted(all_stages):
        into = [lane.source for lane in lanes if lane.destination == name]
        comes[name] = min(rates.get(name, 0.0), all_stages[name].most_fps) + sum(
            min(comes[one], all_stages[one].most_fps) * all_stages[one].gives for one in into
        )
    return comes


def behind(name: str, lanes: list[Lane]) -> set[str]:
    found: set[str] = set()
    names = [name]
    while names:
        one = names.pop()
        new = {lane.destination for lane in lanes if lane.source == one} - found
        found |= new
        names += new
    return found


def test_what_is_closed_is_looked_at_once_a_round(monkeypatch: pytest.MonkeyPatch) -> None:
    """The parent of a pipe shares again at each news of a duration, and nothing else goes on meanwhile."""
    looks, closed = [0], _Filling._closed

    def counted(filling: _Filling) -> dict[str, bool]:
        looks[0] += 1
        return closed(filling)

    monkeypatch.setattr(_Filling, "_closed", counted)
    sources = {f"s{number}": float(number + 1) for number in range(40)}
    lanes = [Lane(name, "sink", LOSSLESS) for name in sources]
    rates = shares(stages(**sources, sink=1e6), lanes, list(sources))
    assert len(rates) == 40
    assert looks[0] <= 42
