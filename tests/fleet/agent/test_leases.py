"""Greeting, being let in, and what must not run twice."""

import pytest
from tests.fleet.agent.rig import BOOT, NODE, Rig, desired, found_of, instance, running

from sightline.fleet.deciding.agent.desired import Begin, End, Greet
from sightline.fleet.messages.topics import AgentResponse, Lease
from sightline.fleet.timing import Timing

X = instance("x", exclusive=True)


def holder() -> Rig:
    """It runs x under a lease that was acknowledged just now."""
    rig = running(X, instance("other"))
    assert set(rig.there) == {"x", "other"}
    return rig


def lapse(rig: Rig) -> None:
    """The coordinator says nothing for longer than a lease."""
    rig.tick(15.1)


def test_it_greets_at_once_and_again_after_growing_delays_until_it_is_welcome() -> None:
    rig = Rig()
    times = [round(rig.now_s - 100) for _ in range(3700) if rig.fresh(Greet, rig.tick(0.05))]
    assert rig.of(Greet)[0].greeting == 1
    assert times[:7] == [1, 3, 7, 15, 31, 61, 91]
    rig.welcome()
    rig.tick(10)
    assert len(rig.of(Greet)) == len(times) + 1


def test_agents_that_begin_at_one_moment_do_not_all_ask_again_at_one() -> None:
    delays = {Rig(node_id=NODE.int + one).agent.due_ns() for one in range(0, 256, 16)}
    assert len(delays) == 16


def test_a_refusal_is_told_with_its_reason_and_it_asks_again() -> None:
    rig = Rig()
    rig.command("refuse", boot=BOOT, greeting=1, reason="not enrolled")
    assert "does not let us in: not enrolled" in rig.told()
    assert [one.greeting for one in rig.fresh(Greet, rig.tick(1))] == [2]
    rig.command("refuse", boot=BOOT, greeting=2, reason="not enrolled")
    assert rig.told().count("does not let us in") == 1, "the same, over and over"
    rig.command("refuse", boot=BOOT, greeting=2, reason="revoked")
    assert "does not let us in: revoked" in rig.told()


def test_an_agent_that_was_let_in_and_is_refused_later_ends_what_must_not_run_twice() -> None:
    rig = holder()
    rig.command("refuse", boot=BOOT, greeting=1, reason="removed")
    assert End("x", True) in rig.open
    rig.settle(3)
    assert set(rig.there) == {"other"}


@pytest.mark.parametrize("late", [{"boot": BOOT - 1, "greeting": 1}, {"boot": BOOT, "greeting": 7}])
def test_a_refusal_of_another_boot_or_greeting_changes_nothing(late: dict[str, int]) -> None:
    rig = holder()
    rig.command("refuse", **late)
    assert not rig.open


def test_what_is_said_to_another_agent_changes_nothing() -> None:
    rig = holder()
    other = type(NODE)(int=NODE.int + 1)
    assert rig.command("refuse", node_id=other, boot=BOOT, greeting=1) == []


def test_nothing_exclusive_is_begun_before_it_is_welcome() -> None:
    rig = Rig()
    rig.look()
    rig.configure(desired(1, X, instance("other")))
    rig.settle(5)
    assert set(rig.there) == {"other"}
    rig.welcome(generation=1)
    rig.settle(3)
    assert set(rig.there) == {"x", "other"}


def test_a_welcome_for_a_newer_configuration_than_is_known_begins_nothing_exclusive() -> None:
    rig = Rig()
    rig.look()
    rig.welcome(generation=2)
    rig.configure(desired(1, X))
    rig.settle(3)
    assert not rig.there
    rig.configure(desired(2, X))
    rig.settle(3)
    assert set(rig.there) == {"x"}


@pytest.mark.parametrize("wrong", [{"boot": BOOT - 1}, {"greeting": 0}, {"greeting": 99}])
def test_a_welcome_for_another_boot_or_greeting_is_none(wrong: dict[str, int]) -> None:
    rig = Rig()
    rig.look()
    rig.configure(desired(1, X))
    rig.welcome(**wrong)
    rig.settle(3)
    assert not rig.there


def test_a_welcome_for_an_earlier_greeting_of_the_same_absence_is_good() -> None:
    rig = Rig()
    rig.look()
    rig.tick(1)
    rig.tick(2)
    assert rig.of(Greet)[-1].greeting == 3
    rig.welcome(greeting=2)
    assert rig.agent.lease_ends_ns == 116 * 10**9


def test_a_welcome_that_comes_after_its_own_lease_is_none() -> None:
    rig = Rig()
    rig.look()
    rig.configure(desired(1, X))
    rig.now_s += 16
    rig.welcome(greeting=1)
    rig.settle(1)
    assert not rig.there


def test_the_lease_counts_from_when_the_acknowledged_response_was_made() -> None:
    rig = holder()
    rig.tick(5)
    seq, made_s = rig.of(AgentResponse)[-1].seq, rig.now_s
    rig.tick(4)
    rig.acknowledge(seq)
    assert rig.agent.lease_ends_ns == round((made_s + 15) * 10**9)


def test_an_acknowledgement_of_another_boot_or_agent_renews_nothing() -> None:
    rig = holder()
    ends_ns = rig.agent.lease_ends_ns
    rig.tick(5)
    seq = rig.of(AgentResponse)[-1].seq
    other = type(NODE)(int=NODE.int + 1)
    strange = [Lease(node_id=NODE, boot=BOOT - 1, seq=seq), Lease(node_id=other, boot=BOOT, seq=seq)]
    rig.command("leases", node_id=None, leases=[*strange, Lease(node_id=NODE, boot=BOOT, seq=seq + 5)])
    assert rig.agent.lease_ends_ns == ends_ns


def test_acknowledgements_out_of_order_never_shorten_a_lease() -> None:
    rig = holder()
    rig.tick(5)
    first = rig.of(AgentResponse)[-1].seq
    rig.tick(5)
    rig.acknowledge()
    ends_ns = rig.agent.lease_ends_ns
    rig.acknowledge(first)
    assert rig.agent.lease_ends_ns == ends_ns


def test_at_the_end_of_its_lease_it_ends_what_is_exclusive_at_once_and_greets_anew() -> None:
    rig = holder()
    due_ns = rig.agent.lease_ends_ns
    rig.now_s = due_ns / 1e9 - 0.001
    assert not rig.fresh(End, rig.tick())
    actions = rig.tick(0.001)
    assert rig.fresh(End, actions) == [End("x", True)]
    assert [one.greeting for one in rig.fresh(Greet, actions)] == [2]
    rig.settle(30)
    assert set(rig.there) == {"other"}


def test_its_end_is_a_moment_at_which_it_asks_to_be_called() -> None:
    rig = holder()
    while (due_ns := rig.agent.due_ns()) is not None and due_ns < rig.agent.lease_ends_ns:
        rig.now_s = due_ns / 1e9
        rig.tick()
    assert due_ns == rig.agent.lease_ends_ns


def test_the_end_of_a_lease_is_told_with_what_ends_by_it() -> None:
    rig = holder()
    lapse(rig)
    assert "x must not run twice, and ends here" in rig.told()
    without = running(instance("other"))
    lapse(without)
    assert "was not heard: what runs goes on" in without.told()


def test_what_ended_with_its_lease_is_begun_again_after_a_fresh_welcome_alone() -> None:
    rig = holder()
    lapse(rig)
    rig.settle(3)
    rig.acknowledge()
    rig.welcome(greeting=1)
    rig.settle(3)
    assert "x" not in rig.there
    rig.welcome(generation=1)
    rig.settle(3)
    assert "x" in rig.there
    assert rig.status().status[0].restarts == 0


def test_an_acknowledgement_after_the_end_is_no_lease_for_the_guard_either() -> None:
    rig = holder()
    lapse(rig)
    rig.settle(6)
    assert rig.of(AgentResponse)
    rig.acknowledge()
    assert rig.agent.lease_ends_ns < rig.now


def test_after_its_lease_it_waits_for_the_configuration_that_the_welcome_names() -> None:
    rig = holder()
    lapse(rig)
    rig.settle(2)
    rig.welcome(generation=2)
    rig.settle(2)
    assert "x" not in rig.there
    rig.configure(desired(2, instance("other")))
    rig.settle(6)
    assert set(rig.there) == {"other"}


def test_one_that_is_being_begun_when_the_lease_ends_is_ended_as_soon_as_it_is_there() -> None:
    rig = Rig()
    rig.look()
    rig.welcome()
    rig.configure(desired(1, X))
    rig.answer(rig.open[0])
    (begin,) = rig.open
    lapse(rig)
    assert rig.open == [begin]
    assert rig.agent.held() == ["x"]
    rig.answer(begin)
    assert rig.open == [End("x", True)]


def test_ends_of_what_has_no_lease_do_not_wait_for_other_operations() -> None:
    rig = running(X, instance("a"), parallel=1)
    rig.configure(desired(2, X, instance("a", "2")))
    rig.answer(rig.open[0])
    assert [type(one) for one in rig.open] == [Begin]
    lapse(rig)
    assert End("x", True) in rig.open


def test_an_end_that_fails_is_tried_again_and_held_meanwhile() -> None:
    rig = holder()
    lapse(rig)
    (end,) = rig.open
    rig.answer(end, "docker does not answer")
    assert rig.agent.held() == ["x"]
    assert not rig.open
    rig.tick(1)
    assert rig.open == [End("x", True)]
    rig.answer(rig.open[0])
    assert rig.agent.held() == []


def test_what_the_guard_stopped_is_no_more_ended_nor_begun_without_a_lease() -> None:
    rig = holder()
    rig.change("x", state="exited", reason="its lease is over")
    lapse(rig)
    rig.settle(5)
    run = rig.there["x"].run
    rig.welcome(generation=1)
    rig.settle(5)
    assert (rig.there["x"].state, rig.there["x"].run != run) == ("running", True)


def test_an_exclusive_instance_that_is_moved_away_is_held_until_it_is_confirmed_gone() -> None:
    rig = holder()
    rig.configure(desired(2, instance("other")))
    assert rig.agent.held() == ["x"]
    end = next(one for one in rig.open if isinstance(one, End))
    assert end == End("x", at_once=False)
    rig.answer(end, "docker does not answer")
    assert rig.agent.held() == ["x"]
    rig.tick(1)
    rig.answer(next(one for one in rig.open if isinstance(one, End)))
    assert rig.agent.held() == []


def test_before_the_first_look_all_that_is_known_to_be_exclusive_is_held() -> None:
    rig = Rig(desired(1, X, instance("other")))
    assert rig.agent.held() == ["x"]
    rig.configure(desired(2, instance("y", exclusive=True)))
    assert rig.agent.held() == ["x", "y"]
    rig.look()
    assert rig.agent.held() == []


def test_before_the_first_look_a_newer_generation_is_not_said_to_be_known() -> None:
    rig = Rig(desired(1, X))
    rig.configure(desired(2))
    rig.welcome()
    assert rig.of(AgentResponse)[-1].generation == 1
    rig.there["y"] = found_of(instance("y", exclusive=True))  # of a pending one, dropped with the last boot
    rig.look()
    rig.tick(1)
    assert (rig.of(AgentResponse)[-1].generation, rig.of(AgentResponse)[-1].held) == (2, ["y"])


def test_an_exclusive_instance_may_be_begun_while_it_is_made_ready_only_as_long_as_the_lease_is() -> None:
    rig = holder()
    assert rig.agent.may_begin(X, rig.now)
    lapse(rig)
    assert not rig.agent.may_begin(X, rig.now)
    assert rig.agent.may_begin(instance("other"), rig.now)


def test_the_shorter_of_both_leases_holds_and_responses_leave_room_for_a_lost_one() -> None:
    rig = Rig()
    rig.look()
    rig.welcome(lease_s=6)
    assert rig.agent.lease_ends_ns == 106 * 10**9
    rig.tick(1.9)
    assert not rig.fresh(AgentResponse, rig.tick())
    assert rig.fresh(AgentResponse, rig.tick(0.1))


def test_a_longer_lease_of_the_coordinator_is_not_taken() -> None:
    rig = Rig(timing=Timing(lease_s=10))
    rig.welcome(lease_s=60)
    assert rig.agent.lease_ends_ns == 110 * 10**9
