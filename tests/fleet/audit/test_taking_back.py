"""Whether a thing is still as an act left it, whatever was done and taken back since."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sightline.fleet.people.taking_back import Step, is_as_left


def test_a_thing_that_nobody_touched_is_as_it_was_left() -> None:
    assert is_as_left(Step(1, 1, 2), 2, [], {})


def test_a_thing_that_somebody_changed_is_not() -> None:
    assert not is_as_left(Step(1, 1, 2), 3, [Step(2, 2, 3)], {})


def test_a_change_that_nobody_wrote_down_is_one() -> None:
    assert not is_as_left(Step(1, 1, 2), 3, [], {})
    taken_back = [Step(2, 3, 4), Step(3, 4, 5)]  # between 2 and 3 the fleet itself changed it
    assert not is_as_left(Step(1, 1, 2), 5, taken_back, {3: 2})


def test_a_thing_that_went_and_came_back_is_as_it_was_left() -> None:
    gone_and_back = [Step(2, 2, None), Step(3, None, 3)]
    assert is_as_left(Step(1, 1, 2), 3, gone_and_back, {3: 2})
    assert not is_as_left(Step(1, 1, 2), None, gone_and_back[:1], {})


@given(st.lists(st.booleans(), max_size=12))
def test_it_is_as_left_just_where_all_since_was_taken_back(does: list[bool]) -> None:
    """Things are done (True), and the last that holds is taken back (False)."""
    left = Step(1, 0, 1)
    since: list[Step] = []
    undoes: dict[int, int] = {}
    holds: list[Step] = []
    for entry, is_done in enumerate(does, 2):
        now = since[-1].now if since else left.now
        assert now is not None
        step = Step(entry, now, now + 1)
        if is_done:
            holds.append(step)
        elif holds:
            undoes[entry] = holds.pop().entry
        else:
            continue
        since.append(step)
    now = since[-1].now if since else left.now
    assert is_as_left(left, now, since, undoes) == (not holds)
