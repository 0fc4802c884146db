"""Generations, terms, and what is sent again."""

from itertools import pairwise

import pytest
from tests.fleet.coordinator.hand import TIMING, A, B, Hand, node_id, one_on, status

from sightline.fleet.deciding.coordinator.pacing import CONFIGS_PER_S, MOST_AT_ONCE
from sightline.fleet.inventory import CameraSpec, InstanceSpec


def running(*nodes: object) -> Hand:
    hand = Hand()
    hand.join(A, B)
    hand.apply(*one_on("i", A))
    hand.wait(2, A, B)
    return hand


def test_only_a_real_change_gives_a_new_generation() -> None:
    hand = running()
    before = hand.sent[A].generation
    assert not hand.configs(hand.apply(*one_on("i", A)))
    hand.apply(InstanceSpec(name="i", node=A, generation=2), CameraSpec(camera_id="cam-i", instance="i"))
    assert hand.sent[A].generation == before + 1


def test_only_the_machine_that_is_concerned_is_told() -> None:
    hand = running()
    changed = hand.apply(*one_on("i", A), *one_on("j", B))
    assert [one.node_id for one in hand.configs(changed)] == [B]


def test_a_coordinator_that_meets_a_higher_generation_raises_its_own_past_it() -> None:
    hand = running()
    hand.respond(A, generation=50)
    assert hand.sent[A].generation == 51
    assert hand.disk.shares[A].generation == 51
    assert hand.given(A) == ["i"]


def test_a_greeting_with_a_higher_generation_is_welcomed_with_one_past_it() -> None:
    hand = running()
    actions = hand.greet(A, greeting=2, generation=50)
    assert hand.commands("welcome", actions)[0].generation == 51


def test_a_generation_that_cannot_be_is_told_and_not_believed() -> None:
    hand = running()
    actions = hand.respond(A, generation=2**63 - 1)
    assert "cannot be" in hand.noted(actions)
    assert hand.sent[A].generation < 50


def test_a_camera_that_moves_has_a_higher_term() -> None:
    hand = running()
    assert hand.term(A, "cam-i") == 1
    hand.apply(*one_on("i", B))
    assert hand.term(B, "cam-i") == 2
    hand.apply(*one_on("i", A))
    assert hand.term(A, "cam-i") == 3
    assert hand.disk.terms["cam-i"] == 3


def test_a_camera_that_stays_keeps_its_term_when_others_come() -> None:
    hand = running()
    hand.apply(*one_on("i", A), CameraSpec(camera_id="new", instance="i"))
    assert (hand.term(A, "cam-i"), hand.term(A, "new")) == (1, 1)


def test_a_coordinator_that_meets_a_higher_term_raises_its_own_past_it() -> None:
    hand = running()
    before = hand.sent[A].generation
    hand.respond(B, status=[status("old", terms={"cam-i": 8})])
    assert hand.term(A, "cam-i") == 9
    assert hand.sent[A].generation == before + 1
    assert not hand.configs(hand.respond(A, status=[status("i", terms={"cam-i": 9})]))


def test_a_term_survives_a_camera_that_was_away() -> None:
    hand = running()
    hand.apply(InstanceSpec(name="i", node=A))
    hand.apply(*one_on("i", B))
    assert hand.term(B, "cam-i") == 2


def test_what_is_not_acknowledged_is_sent_again_ever_more_seldom() -> None:
    hand = running()
    hand.apply(*one_on("i", A), *one_on("j", A))
    old = hand.sent[A].generation - 1
    times: list[float] = []
    for _ in range(40):
        hand.wait(2.0)
        hand.respond(A, generation=old)
        times += [hand.now_s] * len(hand.configs(hand.wait(0.5)))
    assert 2 <= len(times) <= 4
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert gaps == sorted(gaps)
    assert gaps[0] >= TIMING.send_again_s


def test_what_is_acknowledged_is_not_sent_again() -> None:
    hand = running()
    assert not hand.configs(hand.wait(60, A, B))


def test_an_agent_that_greets_with_an_old_configuration_is_sent_the_newest_at_once() -> None:
    hand = running()
    assert [one.node_id for one in hand.configs(hand.greet(A, boot=2, greeting=1, generation=0))] == [A]


def test_no_more_than_so_many_configurations_go_out_in_a_second() -> None:
    hand = Hand()
    for n in range(600):
        hand.greet(node_id(chr(1000 + n)))
    hand.wait(3)
    specs = [one for n in range(600) for one in one_on(f"i{n}", node_id(chr(1000 + n)))]
    first = hand.configs(hand.apply(*specs))
    assert len(first) == MOST_AT_ONCE
    assert len(hand.configs(hand.wait(0.2))) <= CONFIGS_PER_S * 0.2 + 2
    hand.wait(1)
    assert all(hand.given(node_id(chr(1000 + n))) == [f"i{n}"] for n in range(600))


def test_an_instance_without_cameras_is_not_run_and_it_is_told() -> None:
    hand = Hand()
    hand.join(A)
    hand.apply(InstanceSpec(name="i"))
    assert hand.given(A) == []
    view = hand.machine.instances()["i"]
    assert (view.state, view.reason) == ("idle", "it has no cameras, and runs nothing without one")


def test_on_a_drained_machine_an_instance_goes_on_until_it_runs_elsewhere() -> None:
    hand = running()
    hand.apply(*one_on("i"))
    hand.drain(A)
    assert (hand.given(A), hand.given(B)) == (["i"], ["i"])
    assert (hand.term(A, "cam-i"), hand.term(B, "cam-i")) == (1, 2)
    hand.respond(B, status=[status("i", "starting")])
    assert hand.given(A) == ["i"]
    hand.respond(B, status=[status("i")])
    assert hand.given(A) == []


def test_on_a_drained_machine_it_ends_at_last_whatever_runs_elsewhere() -> None:
    hand = running()
    hand.apply(*one_on("i"))
    hand.drain(A)
    for _ in range(50):
        hand.respond(A)
        hand.respond(B, status=[status("i", "starting")])
        hand.wait(2.5)
    assert hand.given(A) == []


def test_on_a_drained_machine_what_has_no_other_place_ends() -> None:
    hand = running()
    hand.drain(A)
    assert hand.given(A) == []
    assert "drained" in hand.machine.instances()["i"].reason


def test_a_drain_that_is_taken_back_moves_nothing_back() -> None:
    hand = running()
    hand.apply(*one_on("i"))
    hand.drain(A)
    hand.wait(2, A, B)
    hand.drain(A, drained=False)
    hand.wait(2, A, B)
    assert (hand.given(A), hand.given(B)) == ([], ["i"])


def test_what_is_saved_after_a_crash_is_what_is_sent() -> None:
    hand = running()
    wanted = hand.disk
    hand.apply(*one_on("i", B))
    hand.again(wanted)  # the crash came before anything of it was saved
    hand.respond(A, generation=wanted.shares[A].generation)
    assert hand.disk.shares[A].instances == wanted.shares[A].instances


@pytest.mark.parametrize("late", [0, 1])
def test_an_inventory_that_was_saved_before_a_crash_is_carried_out(late: int) -> None:
    hand = running()
    applied = hand.disk
    hand.apply(*one_on("i", A), *one_on("j", B))
    memory = type(applied)(
        inventory=hand.disk.inventory,
        agents=applied.agents,
        shares=applied.shares,
        placement=applied.placement,
        terms=applied.terms,
    )
    hand.sent.clear()
    hand.again(memory)
    hand.wait(late)
    hand.respond(B, generation=applied.shares[B].generation)
    assert hand.given(B) == ["j"]


def test_a_generation_of_a_restored_database_is_none_that_somebody_has_seen_as_another() -> None:
    """Before a is heard it is to run something else than it was told in the hour that is forgotten."""
    hand = running()
    hour_ago = hand.disk
    hand.apply(*one_on("i", A), *one_on("forgotten", A))
    seen = hand.sent[A]
    hand.again(hour_ago)
    hand.apply(*one_on("i", A), *one_on("other", A))
    assert hand.sent[A].generation != seen.generation
    after = hand.sent[A].generation
    hand.apply(*one_on("i", A))
    assert hand.sent[A].generation == after + 1


def test_who_has_its_configuration_is_not_sent_it_again_by_a_coordinator_that_begins() -> None:
    """A thousand who are all well would be sent all there is, at a moment when there is much to do."""
    hand = Hand()
    hand.apply(*one_on("a", A), *one_on("b", B))
    hand.join(A, B)
    generation = hand.sent[A].generation
    hand.again()
    assert hand.configs(hand.greet(A, generation=generation, greeting=2)) == []
    assert [one.node_id for one in hand.configs(hand.greet(B, generation=generation - 1, greeting=2))] == [B]
