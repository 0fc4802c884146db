"""How many slots a flow has where nobody says it."""

import pytest

from sightline.pipe.plan import Edge
from sightline.pipe.settings import Policy, WireSettings
from sightline.pipe.wires.slots import MOST_SLOTS, sharing_for
from sightline.shm.settings import Sharing


def edge(source: str, destination: str, capacity: int, policy: Policy = Policy.LOSSLESS) -> Edge:
    """Of routines with the first letters of their flows."""
    return Edge(
        source=source,
        source_flow=source[0],
        destination=destination,
        destination_flow=destination[0],
        settings=WireSettings(policy=policy, capacity=capacity),
        transmitter=None,
    )


@pytest.mark.parametrize(
    ("edges", "slots"),
    [
        ([], Sharing().slots),
        ([edge("a", "b", 1, Policy.LIVE)], Sharing().slots),
        ([edge("a", "b", 10)], 13),
        ([edge("a", "b", 10, Policy.LIVE)], 23),
        ([edge("a1", "a2", 10, Policy.LIVE)], 13),
        ([edge("a", "b", 10), edge("b", "c", 10)], 24),
        ([edge("a", "b", 10), edge("a", "c", 10), edge("b", "d", 2), edge("c", "d", 2)], 30),
        ([edge("c", "a", 10), edge("a", "b", 10)], 13),
        ([edge("a", "b", 1000)], MOST_SLOTS),
    ],
)
def test_there_are_as_many_as_may_be_held_on_the_way(edges: list[Edge], slots: int) -> None:
    assert sharing_for("a", edges) == Sharing(slots=slots)
