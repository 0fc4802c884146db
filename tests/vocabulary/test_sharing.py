"""How the members of a group share topics."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from sightline.sharing import shared

TOPICS = [f"t{number}" for number in range(9)]

topics = st.sets(st.sampled_from(TOPICS)).map(sorted)
members = st.lists(st.sampled_from("abcde"), unique=True, min_size=1)
holders = st.dictionaries(st.sampled_from(TOPICS), st.sampled_from("abcdef"))
wanting = st.dictionaries(st.sampled_from(TOPICS), members)


@given(wanting, holders)
def test_each_topic_has_one_holder_who_wants_it_and_shares_are_even(
    wants: dict[str, list[str]], before: dict[str, str]
) -> None:
    shares = shared(wants, before)
    load = Counter(shares.values())
    assert shares.keys() == wants.keys()
    for topic, holder in shares.items():
        assert holder in wants[topic]
        assert all(load[holder] - load[other] <= 1 for other in wants[topic])


@given(topics, members, holders)
def test_as_few_change_hands_as_can_be(there: list[str], those: list[str], before: dict[str, str]) -> None:
    shares = shared(dict.fromkeys(there, those), before)
    kept = [topic for topic in there if before.get(topic) in those]
    moved = sum(shares[topic] != before[topic] for topic in kept)
    most, extra = divmod(len(there), len(those))
    counts = Counter(before[topic] for topic in kept)
    had = sorted((counts[member] for member in those), reverse=True)
    quotas = [most + (place < extra) for place in range(len(those))]
    assert moved == sum(max(0, has - quota) for has, quota in zip(had, quotas, strict=True))


@given(topics, members, holders)
def test_sharing_again_moves_nothing(there: list[str], those: list[str], before: dict[str, str]) -> None:
    wants = dict.fromkeys(there, those)
    shares = shared(wants, before)
    assert shared(wants, shares) == shares
