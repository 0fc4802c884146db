"""Who of many gets a connection."""

from hypothesis import given
from hypothesis import strategies as st

from sightline.pages.crowd import Crowd, Verdict

MOST = 16
COUNTED = ["ada", "bob", "eve"]
COMES = st.sampled_from([True, True, True, False])
COMINGS = st.lists(st.tuples(st.sampled_from([*COUNTED, ""]), COMES), min_size=20, max_size=60)


@given(COMINGS)
def test_nobody_has_much_more_than_half_and_some_are_left(comings: list[tuple[str, bool]]) -> None:
    crowd = Crowd(MOST, lambda address: address or None)
    there: list[str] = []
    for who, come in comings:
        if not come and who in there:
            there.remove(who)
            crowd.go(who)
        elif come:
            verdict = crowd.come(who)
            counted = sum(bool(one) for one in there)
            if not who:
                assert verdict is Verdict.IN
            elif there.count(who) >= 9 or counted >= 15:
                assert verdict is Verdict.OUT
            elif there.count(who) >= 8 or len(there) >= 14:
                assert verdict is Verdict.BUSY
            else:
                assert verdict is Verdict.IN
            if verdict is Verdict.OUT:
                crowd.go(who)
            else:
                there.append(who)
        assert sum(bool(one) for one in there) <= 15
        assert max(map(there.count, COUNTED)) <= 9
