"""A graph that is wrong, and what is said of it."""

import dataclasses
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Annotated, Any, Literal, NewType, Protocol, TypedDict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.overflow import Overflow
from sightline.pipe.fitting import fits, item_of, signature_of
from sightline.pipe.graph import Graph, Link, Node
from sightline.pipe.mistakes import PipeError, mistakes_of, mistakes_of_wires
from sightline.pipe.routine import Role
from sightline.pipe.settings import Policy, WireSettings

WAITS = (
    'wire from "camera" to "stray" makes its source wait, which is live: '
    "set its overflow to block if that is meant, or its policy to live"
)


def line(*nodes: Node) -> list[Link]:
    return [Link(*pair) for pair in pairwise(nodes)]


def test_a_line_of_three_is_right_and_its_ends_have_their_roles() -> None:
    camera, resize, show = nodes = [Node("camera", "a"), Node("resize", "a"), Node("show", "b")]
    graph = Graph([("a", [camera, resize]), ("b", [show])], line(*nodes))
    assert mistakes_of(graph) == []
    assert [graph.role(node) for node in nodes] == [Role.SOURCE, Role.MIDDLE, Role.DESTINATION]
    assert [link.crosses for link in graph.links] == [False, True]


def test_a_pipe_of_nothing_is_a_mistake() -> None:
    assert mistakes_of(Graph([])) == ["the pipe has no flow"]


def test_all_mistakes_are_told_at_once() -> None:
    lonely, camera, stray = Node("lonely", "a"), Node("camera", "b", live=True), Node("stray")
    first, second = Node("first", "b", gives=str), Node("second", "b", takes=int)
    links = [
        *line(first, second, first),
        Link(camera, stray, WireSettings(policy=Policy.LOSSLESS)),
        Link(camera, first),
    ]
    flows = [("a", [lonely]), ("b", [camera, first, second]), ("a", [dataclasses.replace(lonely)]), ("c", [])]
    told = mistakes_of(Graph(flows, links))
    assert told == [
        '2 flows are called "a": expected a name of its own for each',
        'flow "c" has no routine',
        '2 routines are called "lonely", in flows a, a: expected a name of its own for each',
        'routine "lonely" of flow "a" floats: no wire leads to it or away from it',
        'wire from "first" to "second": one gives str, the other takes int',
        'wire from "camera" to "stray": "stray" is in no flow of this pipe',
        WAITS,
        'wires go in a circle: "first" > "second" > "first"',
    ]
    assert str(PipeError(told)).splitlines() == told


@pytest.mark.parametrize(
    ("role", "said"),
    [
        (Role.SOURCE, 'routine "it" is a source, and its wires make it a middle'),
        (Role.DESTINATION, 'routine "it" is a destination, and its wires make it a middle'),
        (Role.MIDDLE, None),
        (None, None),
    ],
)
def test_a_routine_that_says_what_it_is_must_be_wired_so(role: Role | None, said: str | None) -> None:
    nodes = [Node("before", "a"), Node("it", "a", role), Node("after", "a")]
    assert mistakes_of(Graph([("a", nodes)], line(*nodes))) == ([said] if said else [])


def test_a_main_logic_that_is_a_sources_may_take_what_is_never_there() -> None:
    nodes = [Node("first", "a", Role.SOURCE, needs_data=True), Node("last", "a")]
    assert mistakes_of(Graph([("a", nodes)], line(*nodes))) == []


def test_a_main_logic_must_go_with_the_wires() -> None:
    nodes = [Node("first", "a", needs_data=True), Node("last", "a", needs_data=False)]
    assert mistakes_of(Graph([("a", nodes)], line(*nodes))) == [
        'routine "first": no wire leads to it, and its main_logic needs data',
        'routine "last": a wire leads to it, and its main_logic takes no data',
    ]


@pytest.mark.parametrize(
    ("settings", "wrong"),
    [
        (WireSettings(policy=Policy.LOSSLESS), True),
        (WireSettings(policy=Policy.RECORD), True),
        (WireSettings(policy=Policy.LOSSLESS, overflow=Overflow.BLOCK), False),
        (WireSettings(), False),
    ],
)
def test_a_live_source_waits_only_where_it_was_said(settings: WireSettings, wrong: bool) -> None:
    camera, store = Node("camera", "a", live=True), Node("store", "a")
    assert bool(mistakes_of(Graph([("a", [camera, store])], [Link(camera, store, settings)]))) is wrong


def test_a_running_pipe_may_have_routines_without_wires() -> None:
    graph = Graph([("a", [Node("one", "a")])])
    assert mistakes_of(graph)
    assert not mistakes_of_wires(graph)


@given(st.sets(st.tuples(st.integers(0, 9), st.integers(0, 9))))
def test_circles_are_found_where_there_are_some_and_are_circles(pairs: set[tuple[int, int]]) -> None:
    nodes = [Node(str(number), "a") for number in range(10)]
    graph = Graph([("a", nodes)], [Link(nodes[a], nodes[b]) for a, b in sorted(pairs)])
    circles = list(graph.circles())
    for circle in circles:
        assert circle[0] is circle[-1]
        assert {(int(a.name), int(b.name)) for a, b in pairwise(circle)} <= pairs
    left = set(pairs)
    while ends := {pair for pair in left if not any(pair[1] == other[0] for other in left)}:
        left -= ends
    assert bool(circles) == bool(left)


def test_a_line_longer_than_the_stack_has_no_circle() -> None:
    nodes = [Node(str(number), "a") for number in range(5000)]
    assert list(Graph([("a", nodes)], line(*nodes)).circles()) == []


class Animal: ...


class Dog(Animal): ...


class Barks(Protocol):
    def bark(self) -> None: ...


class Box(TypedDict):
    width: int


Name = NewType("Name", str)


@pytest.mark.parametrize(
    ("gives", "takes", "fitting"),
    [
        (Any, int, True),
        (int, Any, True),
        (int, int, True),
        (int, str, False),
        (int, float, True),
        (float, int, False),
        (bool, int, True),
        (Dog, Animal, True),
        (Animal, Dog, True),
        (Dog, str, False),
        (Dog, Barks, True),
        (int | None, int, True),
        (int | str, bytes | str, True),
        (int | str, bytes, False),
        (None, int, False),
        (list[int], list[str], True),
        (list[int], Sequence[int], True),
        (list[int], dict[str, int], False),
        (Box, dict, True),
        (Box, Mapping[str, int], True),
        (Box, list, False),
        (Name, str, True),
        (Name, int, False),
        (Annotated[int, "m"], str, False),
        (Literal["a"], str, True),
        (Literal["a"], int, False),
        (np.ndarray, dict, False),
        (object, int, True),
    ],
)
def test_only_what_certainly_does_not_fit_is_said_not_to(gives: Any, takes: Any, fitting: bool) -> None:
    assert fits(gives, takes) is fitting


def test_a_signature_is_read_without_its_self() -> None:
    class Of:
        def main_logic(self, data: int) -> str:
            return str(data)

        def source(self) -> "str":
            return ""

        def either(self, data: "unknown" = None) -> str:  # type: ignore[name-defined]  # noqa: F821
            return ""

        def anything(self, *args: Any) -> Any:
            return args

        async def waits(self, data: bytes, *, scale: int) -> list[int]:
            return [scale]

    of = Of()
    assert signature_of(of.main_logic) == (int, str, True)
    assert signature_of(of.source) == (Any, str, False)
    assert signature_of(of.either) == (Any, Any, None)
    assert signature_of(of.anything) == (Any, Any, None)
    assert signature_of(of.waits) == (bytes, list[int], True)
    assert signature_of(max)[2] is None
    assert item_of(list[int]) is int
    assert item_of(list) is Any
