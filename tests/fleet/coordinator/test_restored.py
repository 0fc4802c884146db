"""A database of an hour ago, and agents that know more."""

from tests.fleet.coordinator.hand import LEASE_OVER_S, A, B, Hand, one_on, status


def test_terms_that_a_restored_database_lacks_give_nothing_exclusive_out_early() -> None:
    """b reports a term and a generation that are forgotten, and does not hold what it had an hour ago."""
    hand = Hand()
    hand.join(A, B)
    hand.apply(*one_on("x", B, exclusive=True), *one_on("i", B))
    hand.wait(2, A, B)
    hour_ago = hand.disk
    hand.apply(*one_on("x", A, exclusive=True), *one_on("i", B))
    hand.wait(2, A, B)
    seen = hand.sent[B].generation
    hand.again(hour_ago)
    hand.sent.clear()
    said = {"generation": seen, "held": [], "status": [status("i", terms={"cam-i": 9})]}
    hand.respond(B, **said)
    hand.wait(LEASE_OVER_S - 1)
    hand.respond(B, **said)
    assert not hand.given(B)
    hand.respond(A, held=["x"], status=[status("x")], generation=seen)
    hand.wait(2)
    assert hand.given(B) == ["i"]
    assert hand.term(B, "cam-i") > 9


def test_a_camera_that_moved_since_the_backup_has_a_higher_term_though_nobody_reports_the_last_one() -> None:
    """What ran it ends before it is heard of, and who had it an hour ago was away all the time."""
    hand = Hand()
    hand.join(A, B)
    hand.apply(*one_on("i", A), *one_on("j", A))
    hand.wait(2, A, B)
    hour_ago = hand.disk
    hand.apply(*one_on("i", B), *one_on("j", A))
    hand.wait(2, B)
    given, seen = hand.term(B, "cam-i"), hand.sent[B].generation
    hand.again(hour_ago)
    hand.respond(B, generation=seen, status=[])
    hand.wait(2, A, B)
    assert hand.given(A) == ["i", "j"]
    assert hand.term(A, "cam-i") > given
    last = hand.sent
    hand.respond(A, generation=hand.sent[A].generation + 1)
    hand.wait(2, B)
    assert hand.term(A, "cam-i") == last[A].instances[0].cameras[0].term, "once a life is enough"


def test_two_lives_of_one_backup_give_no_number_twice_though_the_clock_is_behind() -> None:
    """Both change the same share, each in its own way; the agent meets both."""
    hand = Hand()
    hand.join(A)
    hand.apply(*one_on("i", A))
    hand.wait(2, A)
    backup = hand.disk
    given = []
    for jump, name in ((500, "j"), (70, "k")):
        hand.again(backup, floor=1, jump=jump)
        hand.apply(*one_on(name, A))
        hand.wait(2)
        assert hand.given(A) == [name]
        given.append((hand.sent[A].generation, hand.term(A, f"cam-{name}")))
    (first, _), (second, _) = given
    assert first != second
