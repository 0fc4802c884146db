"""Edges as a pipe is wired and wired anew, and questions to several flows."""

from collections.abc import Iterable
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from sightline.pipe.parent.questions import Questions
from sightline.pipe.plan import Change, Edge, Edges
from sightline.pipe.settings import WireSettings
from sightline.pipe.transmitters import SharedMemoryTransmitter

FLOWS = {"a": "x", "b": "x", "c": "y", "d": "z"}


def edge(source: str, destination: str, capacity: int = 1) -> Edge:
    return Edge(
        source=source,
        source_flow=FLOWS[source],
        destination=destination,
        destination_flow=FLOWS[destination],
        settings=WireSettings(capacity=capacity),
        transmitter=None,
    )


def changed(edges: Edges, wanted: Iterable[Edge]) -> Change:
    change = edges.change(wanted)
    edges.apply(change)
    return change


def test_an_edge_keeps_its_number_as_long_as_it_stays() -> None:
    edges = Edges()
    first = changed(edges, [edge("a", "b"), edge("b", "c")])
    assert [(one.ends, one.number) for one in first.add] == [(("a", "b"), 1), (("b", "c"), 2)]
    assert first.remove == []
    second = changed(edges, [edge("b", "c", 7), edge("a", "b"), edge("c", "d")])
    assert [(one.ends, one.number) for one in second.add] == [(("b", "c"), 2), (("c", "d"), 3)]
    assert second.remove == []
    assert edges.peers("x") == ["y"]
    assert sorted(edges.peers("y")) == ["x", "z"]
    assert sorted(one.number for one in edges.of_flow("x")) == [1, 2]
    assert [one.crosses for one in edges] == [False, True, True]
    assert [one.settings.capacity for one in edges] == [1, 7, 1]
    edges.change([])
    assert len([*edges]) == 3, "what is not applied changes nothing"
    third = changed(edges, [edge("a", "b"), edge("c", "d")])
    assert (third.add, [one.ends for one in third.remove]) == ([], [("b", "c")])
    assert [one.number for one in changed(edges, [edge("b", "c")]).add] == [4], "another wire"


def test_an_edge_has_another_version_with_another_transmitter_alone() -> None:
    edges, shared = Edges(), SharedMemoryTransmitter()
    versions = []
    for capacity, transmitter in ((1, None), (2, None), (2, shared), (1, shared), (1, None), (1, None)):
        now = changed(edges, [replace(edge("b", "c", capacity), transmitter=transmitter)]).add
        versions.append([one.version for one in now])
    assert versions == [[0], [0], [1], [1], [2], []]


ENDS = st.sets(
    st.tuples(st.sampled_from("abcd"), st.sampled_from("abcd")).filter(lambda ends: ends[0] != ends[1])
)
WIRED = st.lists(st.tuples(ENDS, st.integers(1, 2)), min_size=1, max_size=5)


@given(WIRED)
def test_flows_that_do_what_they_are_told_have_the_edges_that_are_wanted(
    steps: list[tuple[set[tuple[str, str]], int]],
) -> None:
    """And nobody sends along an edge before the other end has it."""
    edges = Edges()
    here: dict[str, set[int]] = {flow: set() for flow in ("x", "y", "z")}
    for pairs, capacity in steps:
        change = changed(edges, [edge(*ends, capacity) for ends in sorted(pairs)])
        for phase in (change.first_in, change.then_in):
            for flow, numbers in here.items():
                for one in phase(flow).add:
                    if one.source_flow == flow and one.crosses:
                        assert one.number in here[one.destination_flow]
                    numbers.add(one.number)
                numbers -= {one.number for one in phase(flow).remove}
        for flow, numbers in here.items():
            assert numbers == {one.number for one in edges.of_flow(flow)}


def test_a_question_is_settled_when_all_have_answered_or_are_gone() -> None:
    questions = Questions()
    first, second = questions.ask("abc"), questions.ask("a")
    questions.answered("a", first)
    questions.answered("b", first)
    assert not questions.settled(first)
    questions.gone("c")
    assert questions.settled(first)
    assert not questions.settled(second)
    questions.answered("a", 99)
    questions.answered("a", second)
    assert questions.settled(second)
    assert questions.settled(questions.ask(()))
    third = questions.ask("a")
    questions.forget(third)
    assert questions.settled(third), "nobody waits for it any more"
