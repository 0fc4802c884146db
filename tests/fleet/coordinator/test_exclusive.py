"""What must not run twice is handed over, never shared."""

from tests.fleet.coordinator.hand import LEASE_OVER_S, A, B, Hand, one_on, status

from sightline.fleet.inventory import CameraSpec, InstanceSpec


def exclusive(node: object = None) -> tuple[InstanceSpec, CameraSpec]:
    return one_on("x", node, exclusive=True)  # type: ignore[arg-type]


def moving() -> Hand:
    """x ran on a, and is to be on b; a was told to end it."""
    hand = Hand()
    hand.join(A, B)
    hand.apply(*exclusive(A))
    hand.wait(2, A, B)
    assert hand.given(A) == ["x"]
    hand.apply(*exclusive(B))
    assert hand.given(A) == []
    return hand


def test_it_is_given_to_the_next_machine_once_the_last_one_released_it() -> None:
    hand = moving()
    assert hand.given(B) == []
    hand.respond(A)
    assert hand.given(B) == ["x"]


def test_it_is_not_given_on_while_the_last_machine_holds_it() -> None:
    hand = moving()
    hand.respond(A, held=["x"])
    assert hand.given(B) == []
    assert "a may still be running it" in hand.machine.instances()["x"].reason


def test_it_is_not_given_on_while_the_last_machine_does_not_know_of_it() -> None:
    hand = moving()
    hand.respond(A, held=[], generation=hand.sent[A].generation - 1)
    assert hand.given(B) == []


def test_it_is_given_on_when_the_lease_of_the_last_machine_is_over() -> None:
    hand = moving()
    hand.wait(LEASE_OVER_S - 3, B)
    assert hand.given(B) == []
    hand.wait(4, B)
    assert hand.given(B) == ["x"]


def test_its_cameras_have_a_newer_term_where_it_went() -> None:
    hand = moving()
    hand.respond(A)
    assert hand.term(B, "cam-x") == 2


def test_a_machine_that_reports_it_though_it_should_not_counts_as_holding_it() -> None:
    hand = Hand()
    hand.join(A, B)
    hand.respond(A, held=["x"])
    hand.apply(*exclusive(B))
    assert hand.given(B) == []
    hand.respond(A, held=[])
    assert hand.given(B) == ["x"]


def test_what_became_exclusive_while_it_moved_is_waited_for_too() -> None:
    hand = Hand()
    hand.join(A, B)
    hand.apply(*one_on("x", A))
    hand.wait(2, A, B)
    hand.apply(*exclusive(B))
    hand.respond(A, status=[status("x", "removing")])
    assert hand.given(B) == []
    hand.respond(A)
    assert hand.given(B) == ["x"]


def test_after_a_restart_nobody_new_is_given_it_before_all_leases_are_over() -> None:
    hand = moving()
    hand.again()
    hand.wait(LEASE_OVER_S - 3, A, B)
    assert hand.given(B) == []
    hand.wait(4, A, B)
    assert hand.given(B) == ["x"]


def test_after_a_restart_who_had_it_keeps_it() -> None:
    hand = Hand()
    hand.join(A)
    hand.apply(*exclusive(A))
    hand.wait(2, A)
    before = hand.sent[A]
    hand.again()
    hand.wait(3, A)
    assert hand.disk.shares[A] == before


def test_after_a_restart_it_waits_for_who_answers_but_did_not_take_what_is_newest() -> None:
    hand = moving()
    hand.again()
    old = hand.sent[A].generation - 1
    for _ in range(12):
        hand.wait(2.4, B)
        hand.respond(A, held=[], status=[], generation=old)
    assert hand.given(B) == []
    hand.respond(A)
    assert hand.given(B) == ["x"]


def test_a_restored_database_does_not_give_it_to_who_had_it_an_hour_ago() -> None:
    hand = Hand()
    hand.join(A, B)
    hand.apply(*exclusive(B))
    hand.wait(2, A, B)
    hour_ago = hand.disk
    hand.apply(*exclusive(A))
    hand.wait(2, A, B)
    seen_a, seen_b = hand.sent[A].generation, hand.sent[B].generation
    assert hand.given(A) == ["x"]
    hand.again(hour_ago)
    hand.sent.clear()
    for _ in range(8):
        hand.respond(B, generation=seen_b, held=[], status=[])
        hand.respond(A, generation=seen_a, held=["x"], status=[status("x")])
        hand.wait(2.4)
        assert hand.sent.keys() <= {B}
        assert hand.given(B) == hand.given(A) == []
    hand.wait(2)
    assert hand.given(A) == []
    hand.respond(B, held=[], status=[])
    assert hand.given(B) == []
    hand.respond(A)
    assert hand.given(B) == ["x"]
    assert hand.sent[B].generation > seen_b


def test_who_had_it_an_hour_ago_is_not_let_in_before_all_leases_are_over() -> None:
    """It may have a lease that was given by who is forgotten; a welcome would have it begin at once."""
    hand = Hand()
    hand.join(A, B)
    hand.apply(*exclusive(B))
    hand.wait(2, A, B)
    hand.again()
    assert not hand.commands("welcome", hand.greet(B))
    assert hand.commands("welcome", hand.greet(A))
    done = hand.wait(LEASE_OVER_S + 1, A, B)
    assert [one for one in hand.commands("report", done) if one.node_id == B]
    assert hand.commands("welcome", hand.greet(B))


def test_what_a_removed_machine_had_while_it_was_in_doubt_is_given_on_when_it_is_lost() -> None:
    hand = Hand()
    hand.join(A, B)
    hand.apply(*exclusive(B))
    hand.wait(2, A, B)
    hand.apply(*exclusive())
    hand.again()
    hand.remove(B)
    hand.wait(LEASE_OVER_S + 1, A)
    assert hand.given(A) == ["x"]


def test_a_machine_that_is_removed_while_in_doubt_and_answers_still_holds_it() -> None:
    """It knows all that it was told: that it is to end everything was not said yet."""
    hand = Hand()
    hand.join(A, B)
    hand.apply(*exclusive(B))
    hand.wait(2, A, B)
    hand.apply(*exclusive())
    hand.again()
    hand.remove(B)
    as_before = {"generation": hand.sent[B].generation, "held": ["x"]}
    hand.respond(B, **as_before)
    hand.wait(10, A)
    hand.respond(B, **as_before)
    hand.wait(LEASE_OVER_S - 8, A)
    assert (hand.given(A), hand.given(B)) == ([], [])
    hand.respond(B)
    assert hand.given(A) == ["x"]


def test_a_machine_that_was_removed_while_in_doubt_finds_that_it_is_to_end_all() -> None:
    hand = Hand()
    hand.join(A, B)
    hand.apply(*exclusive(B), *one_on("i", B))
    hand.wait(2, A, B)
    hand.again()
    hand.sent.clear()
    hand.remove(B)
    hand.wait(LEASE_OVER_S + 1, A)
    assert B not in hand.machine.agents()
    assert hand.sent[B].instances == ()


def test_a_drained_machine_releases_it_first() -> None:
    hand = Hand()
    hand.join(A, B)
    hand.apply(*exclusive())
    hand.wait(2, A, B)
    assert hand.given(A) == ["x"]
    hand.drain(A)
    assert (hand.given(A), hand.given(B)) == ([], [])
    hand.respond(A)
    assert hand.given(B) == ["x"]


def test_a_removed_machine_releases_it_or_its_lease_ends() -> None:
    hand = Hand()
    hand.join(A, B)
    hand.apply(*exclusive())
    hand.wait(2, A, B)
    hand.remove(A)
    assert (hand.given(A), hand.given(B)) == ([], [])
    hand.wait(LEASE_OVER_S + 1, B)
    assert hand.given(B) == ["x"]
    assert A not in hand.machine.agents()
