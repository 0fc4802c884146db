"""Results leave in the order of their tickets, or at once."""

from hypothesis import given
from hypothesis import strategies as st

from sightline.pipe.flow.order import Order


@given(st.permutations(range(12)), st.booleans())
def test_whatever_is_handed_in_first_leaves_in_the_promised_order(handed_in: list[int], kept: bool) -> None:
    order: Order[str] = Order(kept=kept, most=12)
    tickets = [order.draw() for _ in range(12)]
    left: list[str] = []
    for done, ticket in enumerate(handed_in, start=1):
        results = [] if ticket % 5 == 0 else [f"{tickets[ticket]:02}"]  # nothing came of some
        left += order.hand_in(ticket, results)
        given = sum(number % 5 != 0 for number in handed_in[:done])
        assert len(left) + order.waiting == given
        assert left == sorted(left) or not kept
    assert sorted(left) == [f"{number:02}" for number in range(12) if number % 5]
    assert order.open == 0


def test_one_that_is_slow_is_waited_for_before_others_are_far_ahead() -> None:
    order: Order[int] = Order(kept=True, most=2)
    slow, quick = order.draw(), order.draw()
    assert order.full
    assert order.hand_in(quick, [1]) == []
    assert order.full
    assert order.hand_in(slow, [0]) == [0, 1]
    assert not order.full


def test_without_order_only_those_at_work_count() -> None:
    order: Order[int] = Order(kept=False, most=2)
    order.draw()
    assert order.hand_in(order.draw(), [1]) == [1]
    assert not order.full
