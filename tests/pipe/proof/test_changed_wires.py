"""Wires that come late, or in the place of others: within a flow, and between two."""

from collections.abc import Iterator

import pytest
from tests.pipe.proof.ground import Ground
from tests.pipe.proof.laws import unbalanced
from tests.pipe.proof.plans import Kind, Part, Plan, Way, misordered

from sightline.pipe.counts.reports import State
from sightline.pipe.settings import Policy, WireSettings

MANY = 40
BOTH = pytest.mark.parametrize("other", ["a", "b"], ids=["within a flow", "between flows"])


def lossless(source: str, destination: str, capacity: int = 4) -> Way:
    return Way(source, destination, WireSettings(policy=Policy.LOSSLESS, capacity=capacity))


@pytest.fixture
def ground(no_leaks: None, other: str) -> Iterator[Ground]:
    """Two sources in flow a, r0 to r2 and r1 to r3, which are in the `other`."""
    parts = (Part(f"r{number}", "a" if number < 2 else other, Kind.PLAIN) for number in range(4))
    one = Ground(Plan(tuple(parts), (lossless("r0", "r2"), lossless("r1", "r3")), MANY))
    yield one
    one.close()


def until_done(ground: Ground, *names: str) -> None:
    ground.wait_until(lambda: all(ground.states[name] is State.DONE for name in names), f"{names} to be done")


@BOTH
def test_a_wire_that_comes_behind_the_end_of_its_source_tells_it(ground: Ground) -> None:
    ground.unlink(("r0", "r2"))
    ground.send("start", ["r0", "r2"])
    until_done(ground, "r0")
    ground.link(lossless("r0", "r2"))
    until_done(ground, "r2")


@BOTH
def test_a_wire_with_other_settings_behind_the_end_does_not_take_it_back(ground: Ground) -> None:
    ground.send("start", ["r1", "r3"])
    until_done(ground, "r1", "r3")
    ground.link(lossless("r1", "r2"))
    ground.send("start", ["r0"])
    ground.wait_until(lambda: ground.stats()["r0"].unsent, "r0 to wait")
    ground.link(lossless("r1", "r2", capacity=2))
    ground.send("start", ["r2"])
    until_done(ground, "r0", "r2")


@BOTH
def test_a_lossless_wire_to_a_routine_that_is_done_lets_its_writer_go_on(ground: Ground) -> None:
    ground.send("start", ["r0", "r2"])
    until_done(ground, "r0", "r2")
    ground.link(lossless("r1", "r2"))
    ground.send("start", ["r1", "r3"])
    until_done(ground, "r1", "r3")
    stats = ground.stats()
    assert list(unbalanced(stats)) == []
    assert stats["r2"].wires_in["r1"].dropped == {"closed": MANY}
    assert len(ground.journals["r3"].items()) == MANY


@BOTH
def test_a_lossless_wire_to_a_routine_that_was_killed_lets_its_writer_go_on(ground: Ground) -> None:
    ground.link(lossless("r0", "r3"))
    ground.send("start", ["r0", "r1", "r3"])
    ground.wait_until(lambda: ground.stats()["r0"].unsent, "r0 to wait for r2")
    ground.send("kill", ["r2"])
    until_done(ground, "r0", "r3")
    assert len(ground.journals["r3"].items()) == 2 * MANY
    assert list(unbalanced(ground.stats())) == []


@BOTH
def test_what_is_under_way_on_a_wire_that_is_replaced_comes_first_and_does_not_get_stuck(
    ground: Ground,
) -> None:
    ground.send("start", ["r0"])
    ground.wait_until(lambda: ground.stats()["r0"].unsent, "r0 to wait for r2")
    before = ground.stats()["r2"].wires_in["r0"].held
    for capacity in (2, 8, 1):
        ground.link(lossless("r0", "r2", capacity))
    ground.send("start", ["r2"])
    until_done(ground, "r0", "r2")
    got = ground.journals["r2"].items()
    assert got[:before] == [("r0", number) for number in range(before)]
    assert list(misordered(ground.plan, "r2", got)) == []
    assert ground.waiting == 0


@BOTH
def test_what_waits_in_a_wire_that_is_taken_away_is_still_read(ground: Ground) -> None:
    ground.send("start", ["r0"])
    ground.wait_until(lambda: ground.stats()["r0"].unsent, "r0 to wait for r2")
    held = ground.stats()["r0"].wires_out["r2"].entered
    ground.unlink(("r0", "r2"))
    ground.send("start", ["r2"])
    until_done(ground, "r0")
    ground.wait_until(lambda: len(ground.journals["r2"].items()) == held, "r2 to have read all that waited")
    assert ground.journals["r2"].items() == [("r0", number) for number in range(held)]
    assert ground.stats()["r2"].wires_in["r0"].dropped == {}


@BOTH
def test_a_wire_that_is_taken_away_and_comes_again_brings_both_what_waited_and_what_is_new(
    ground: Ground,
) -> None:
    ground.send("start", ["r0"])
    ground.wait_until(lambda: ground.stats()["r0"].unsent, "r0 to wait for r2")
    ground.unlink(("r0", "r2"))
    ground.link(lossless("r0", "r2"))
    ground.send("start", ["r2"])
    until_done(ground, "r0", "r2")
    got = [number for _, number in ground.journals["r2"].items()]
    lost = ground.stats()["r0"].lost.get("unlinked", 0)
    assert len(got) == MANY - lost
    assert got == sorted(got)
    assert got[:4] == [0, 1, 2, 3]
    assert list(unbalanced(ground.stats())) == []
