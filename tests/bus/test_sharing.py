"""How the members of a group share topics."""

from hypothesis import given
from hypothesis import strategies as st

from sightline.bus.names import Wanted
from sightline.bus.sharing import shared

TOPICS = [f"t{number}" for number in range(9)]
ALL: Wanted = frozenset(TOPICS)

topics = st.sets(st.sampled_from(TOPICS)).map(sorted)
members = st.lists(st.sampled_from("abcde"), unique=True)
wishes = st.dictionaries(st.sampled_from("abcde"), st.frozensets(st.sampled_from(TOPICS)))
holders = st.dictionaries(st.sampled_from(TOPICS), st.sampled_from("abcdef"))


def counts(shares: dict[str, str], of: list[str]) -> list[int]:
    return [list(shares.values()).count(member) for member in of]


@given(topics, wishes, holders)
def test_each_topic_that_is_wanted_has_one_holder_who_wants_it(
    there: list[str], wants: dict[str, Wanted], before: dict[str, str]
) -> None:
    shares = shared(there, wants, before)
    assert set(shares) == {topic for topic in there if any(topic in wanted for wanted in wants.values())}  # type: ignore[operator]  # no patterns here
    assert all(topic in wants[holder] for topic, holder in shares.items())  # type: ignore[operator]


@given(topics, wishes, holders)
def test_nobody_has_two_more_than_another_who_wants_one_of_them(
    there: list[str], wants: dict[str, Wanted], before: dict[str, str]
) -> None:
    shares = shared(there, wants, before)
    for topic, holder in shares.items():
        for other, wanted in wants.items():
            if topic in wanted:  # type: ignore[operator]
                have, has = counts(shares, [holder, other])
                assert have - has <= 1


@given(topics, members, holders)
def test_as_few_change_hands_as_can_be(there: list[str], those: list[str], before: dict[str, str]) -> None:
    shares = shared(there, dict.fromkeys(those, ALL), before)
    kept = [topic for topic in there if before.get(topic) in those]
    moved = sum(shares[topic] != before[topic] for topic in kept)
    if those:
        most, extra = divmod(len(there), len(those))
        had = sorted(counts({topic: before[topic] for topic in kept}, those), reverse=True)
        quotas = [most + (place < extra) for place in range(len(those))]
        assert moved == sum(max(0, has - quota) for has, quota in zip(had, quotas, strict=True))


@given(topics, members, holders)
def test_sharing_again_moves_nothing(there: list[str], those: list[str], before: dict[str, str]) -> None:
    wants = dict.fromkeys(those, ALL)
    shares = shared(there, wants, before)
    assert shared(there, wants, shares) == shares
