import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.errors import BufferFull
from sightline.fleet.people.principal import Principal, Role
from sightline.fleet.people.slots import Slots

ADA, BOB = (Principal(name=name, role=Role.VIEWER, how="session") for name in ("ada", "bob"))
ROOT = Principal(name="root", role=Role.ADMIN, how="root")
WHO = st.sampled_from([ADA, BOB, ROOT, None])


@given(st.integers(1, 6), st.integers(1, 3), st.lists(st.tuples(WHO, st.booleans()), max_size=60))
def test_no_more_are_taken_than_there_are_and_no_user_has_more_than_their_part(
    most: int, each: int, steps: list[tuple[Principal | None, bool]]
) -> None:
    slots, taken, refused = Slots(most, "wait", each=each), list[Principal | None](), 0
    for who, come in steps:
        if not come and who in taken:
            taken.remove(who)
            slots.give_back(who)
        elif come:
            room = len(taken) < most and (who in {ROOT, None} or taken.count(who) < each)
            try:
                slots.take(who)
                taken.append(who)
            except BufferFull:
                refused += 1
                assert not room
            else:
                assert room
        assert (len(slots), slots.refused) == (len(taken), refused)


def test_a_slot_is_given_back_whatever_happens_in_it() -> None:
    slots = Slots(1, "are tested")
    with pytest.raises(ZeroDivisionError), slots.one():
        raise ZeroDivisionError
    with slots.one():
        with pytest.raises(BufferFull, match="1 are tested already: expected fewer"), slots.one():
            pass
        assert len(slots) == 1
    assert len(slots) == 0
