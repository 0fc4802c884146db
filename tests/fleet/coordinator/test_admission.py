"""Who is let in, who is heard, who is lost: noticed without being asked for."""

from itertools import count

from tests.fleet.coordinator.hand import LEASE_OVER_S, TIMING, A, B, Hand, one_on, status

from sightline.fleet.inventory import CameraSpec, InstanceSpec
from sightline.fleet.messages.topics import AgentCommand


def test_a_new_agent_is_saved_welcomed_and_told_what_it_is_to_run() -> None:
    hand = Hand()
    actions = hand.greet(A, greeting=7, boot=3, labels={"room": "a"}, gpulist=["T4"])
    welcome = hand.commands("welcome", actions)[0]
    assert (welcome.boot, welcome.greeting, welcome.generation) == (3, 7, hand.sent[A].generation)
    assert welcome.generation >= 1
    assert (hand.disk.agents[A].labels, hand.disk.agents[A].gpus) == ({"room": "a"}, 1)


def test_who_is_not_let_in_is_told_why_and_nothing_is_saved() -> None:
    hand = Hand()
    actions = hand.greet(A, refusal="it is not enrolled")
    refuse = hand.commands("refuse", actions)[0]
    assert (refuse.reason, refuse.greeting) == ("it is not enrolled", 1)
    assert not hand.disk.agents
    assert not hand.machine.agents()


def test_why_an_agent_is_not_let_in_is_noted_once_although_it_asks_again_and_again() -> None:
    hand, greetings = Hand(), count(1)

    def noted(refusal: str) -> str:
        actions = hand.greet(A, greeting=next(greetings), refusal=refusal)
        assert hand.commands("refuse", actions)
        return hand.noted(actions)

    assert "not enrolled" in noted("it is not enrolled")
    assert not any(noted("it is not enrolled") for _ in range(3))
    assert "used" in noted("its token was used")
    hand.greet(A, greeting=next(greetings))
    assert "used" in noted("its token was used"), "it was in meanwhile"


def test_labels_of_users_stay_when_the_agent_greets_again() -> None:
    hand = Hand()
    hand.join(A, labels={"room": "a"})
    spec = hand.spec(A)
    changed = type(spec)(node_id=A, hostname="a", labels={"room": "a", "floor": "2"}, drained=True)
    hand.take(hand.machine.agent_changed(changed, hand.now_ns))
    hand.greet(A, greeting=2, labels={"room": "b"})
    assert hand.spec(A).labels == {"room": "b", "floor": "2"}
    assert hand.spec(A).drained


def test_a_new_agent_gets_what_had_no_place_without_any_button() -> None:
    hand = Hand()
    hand.apply(*one_on("i"))
    hand.join(A)
    assert hand.given(A) == ["i"]


def test_agents_that_come_together_share_what_had_no_place() -> None:
    hand = Hand()
    hand.apply(*(one for n in range(4) for one in one_on(f"i{n}")))
    hand.join(A, B)
    assert len(hand.given(A)) == len(hand.given(B)) == 2


def test_who_is_heard_is_acknowledged_in_one_command_by_its_newest_response() -> None:
    hand = Hand()
    hand.join(A, B)
    hand.wait(2 * TIMING.ack_s)
    hand.respond(A, seq=100)  # acknowledged at once: the last command was long ago
    hand.respond(A, seq=101)
    hand.respond(A, seq=102)
    hand.respond(B, seq=200)
    commands = hand.commands("leases", hand.wait(TIMING.ack_s))
    assert [{(one.node_id, one.seq) for one in command.leases} for command in commands] == [
        {(A, 102), (B, 200)}
    ]


def test_an_agent_is_lost_when_its_lease_and_the_margin_are_over() -> None:
    hand = Hand()
    hand.join(A)
    hand.respond(A)
    hand.wait(LEASE_OVER_S - 0.1)
    assert hand.machine.agents()[A].state == "connected"
    assert "a is lost" in hand.noted(hand.wait(0.2))
    assert hand.machine.agents()[A].state == "lost"


def test_what_the_fleet_put_on_a_lost_machine_goes_to_others_after_a_while() -> None:
    hand = Hand()
    hand.join(A)
    hand.apply(*one_on("i"), *one_on("h", A))
    hand.join(B)
    hand.respond(A)
    assert (hand.given(A), hand.given(B)) == (["h", "i"], [])
    hand.wait(LEASE_OVER_S + TIMING.move_after_s - 1, B)
    assert hand.given(B) == []
    hand.wait(3, B)
    assert hand.given(B) == ["i"]
    hand.respond(A)
    assert hand.given(A) == ["h"]


def test_nothing_moves_back_when_a_machine_is_back() -> None:
    hand = Hand()
    hand.join(A)
    hand.apply(*one_on("i"))
    hand.join(B)
    hand.wait(LEASE_OVER_S + TIMING.move_after_s + 3, B)
    assert hand.given(B) == ["i"]
    assert "a is back" in hand.noted(hand.respond(A))
    hand.wait(5, A, B)
    assert (hand.given(A), hand.given(B)) == ([], ["i"])


def test_what_had_no_place_goes_to_a_machine_that_is_back() -> None:
    hand = Hand()
    hand.join(A)
    hand.wait(LEASE_OVER_S + 1)
    hand.apply(*one_on("i"))
    assert hand.given(A) == []
    hand.respond(A)
    hand.wait(2, A)
    assert hand.given(A) == ["i"]


def test_nobody_is_lost_in_the_first_moments_of_a_coordinator() -> None:
    hand = Hand()
    hand.join(A)
    hand.wait(LEASE_OVER_S * 2)
    assert hand.machine.agents()[A].state == "lost"
    hand.again()
    assert hand.machine.agents()[A].state == "waiting"
    hand.wait(LEASE_OVER_S - 0.1)
    assert hand.machine.agents()[A].state == "waiting"
    hand.wait(0.2)
    assert hand.machine.agents()[A].state == "lost"


def test_nobody_is_lost_by_a_bus_that_was_away() -> None:
    hand = Hand()
    hand.join(A)
    hand.respond(A)
    hand.wait(LEASE_OVER_S - 0.1)
    actions = hand.take(hand.machine.reconnected(hand.now_ns))
    assert [one.node_id for one in hand.configs(actions)] == [A]
    hand.wait(LEASE_OVER_S - 0.1)
    assert hand.machine.agents()[A].state == "connected"


def test_all_are_asked_to_report_at_the_begin_and_when_users_want_it_once_in_a_moment() -> None:
    hand = Hand()
    hand.join(A)
    hand.again()
    assert [one.node_id for one in hand.commands("report")] == [None]
    hand.wait(10, A)
    both = hand.take(hand.machine.refreshed(hand.now_ns)) + hand.take(hand.machine.refreshed(hand.now_ns))
    both += hand.wait(1)
    assert len(hand.commands("report", both)) == 1
    assert len(hand.commands("report", hand.wait(2))) == 1


def test_who_speaks_of_a_report_that_was_not_heard_is_asked_for_it_once_in_a_while() -> None:
    hand = Hand()
    hand.join(A)
    hand.wait(10, A)
    actions = [one for _ in range(5) for one in hand.respond(A, full=False, full_seq=9999)]
    assert [one.node_id for one in hand.commands("report", actions)] == [A]


def test_answers_of_a_former_life_and_late_ones_are_passed_over() -> None:
    hand = Hand()
    hand.join(A)
    hand.respond(A, boot=5, seq=10, status=[status("i")], full_seq=10)
    hand.respond(A, boot=4, seq=99, status=[])
    hand.respond(A, boot=5, seq=9, status=[])
    assert list(hand.machine.agents()[A].statuses) == ["i"]


def test_an_agent_whose_clock_was_set_back_is_heard_again_after_it_was_lost() -> None:
    hand = Hand()
    hand.join(A, boot=5)
    hand.respond(A, boot=5, seq=50)
    hand.wait(LEASE_OVER_S + 1)
    hand.greet(A, boot=2)
    hand.respond(A, boot=2, seq=1)
    assert hand.machine.agents()[A].state == "connected"


def test_a_removed_agent_is_told_to_end_all_and_forgotten_when_it_did() -> None:
    hand = Hand()
    hand.join(A, B)
    hand.apply(*one_on("i", labels={}))
    hand.wait(2, A, B)
    where, other = (A, B) if hand.given(A) else (B, A)
    hand.remove(where)
    assert hand.given(where) == []
    assert hand.given(other) == ["i"]
    assert hand.machine.agents()[where].state == "removed"
    hand.respond(where)
    assert where not in hand.machine.agents()
    assert where not in hand.disk.shares


def test_a_coordinator_that_begins_anew_goes_on_removing() -> None:
    hand = Hand()
    hand.join(A)
    hand.remove(A)
    hand.again()
    assert hand.machine.agents()[A].state == "removed"
    hand.wait(LEASE_OVER_S + 1)
    assert not hand.machine.agents()
    assert hand.disk.shares[A].instances == ()


def test_a_removed_agent_that_was_not_reached_is_told_to_end_all_when_it_is_refused() -> None:
    hand = Hand()
    hand.join(A)
    hand.apply(*one_on("i"))
    hand.wait(2, A)
    before = hand.sent[A].generation
    hand.remove(A)
    hand.wait(LEASE_OVER_S + 1)
    again = hand.configs(hand.greet(A, greeting=2, generation=before, refusal="it is not enrolled"))
    assert [share.instances for share in again] == [()]
    said = hand.greet(A, greeting=3, generation=again[0].generation, refusal="it is not enrolled")
    assert not hand.configs(said)


def test_a_removed_agent_that_is_let_in_again_is_a_new_one() -> None:
    hand = Hand()
    hand.join(A)
    hand.apply(*one_on("i"))
    hand.remove(A)
    hand.greet(A, greeting=2)
    hand.wait(2, A)
    assert hand.given(A) == ["i"]
    assert hand.machine.agents()[A].state == "connected"


def test_an_unknown_agent_that_answers_is_asked_who_it_is() -> None:
    hand = Hand()
    hand.wait(10)
    assert [one.node_id for one in hand.commands("report", hand.respond(A))] == [A]
    assert not hand.commands("report", hand.respond(A))


def test_a_command_for_an_instance_goes_to_its_machine() -> None:
    hand = Hand()
    hand.join(A)
    hand.apply(InstanceSpec(name="i"), CameraSpec(camera_id="c"))
    asked = AgentCommand(command="restart", instance="i")
    actions = hand.take(hand.machine.command(asked, hand.now_ns))
    assert [one.node_id for one in hand.commands("restart", actions)] == [A]
    nobody = AgentCommand(command="logs", instance="j")
    assert not hand.take(hand.machine.command(nobody, hand.now_ns))
