"""A machine that is dead stays so, whatever of its messages is sent again."""

from tests.fleet.coordinator.hand import LEASE_OVER_S, A, B, Hand


def test_a_greeting_that_is_sent_again_is_no_sign_of_life() -> None:
    hand = Hand()
    hand.join(A, B)
    for _ in range(round(LEASE_OVER_S) + 2):
        hand.wait(1.0, B)
        hand.greet(A)
    assert hand.machine.agents()[A].state == "lost"
    assert hand.machine.agents()[B].state == "connected"
    hand.greet(A, greeting=2)
    assert hand.machine.agents()[A].state == "connected"
