"""What somebody is told who comes back, whatever happened meanwhile."""

from hypothesis import given
from hypothesis import strategies as st

from sightline.cockpit.news import TOPICS, News

BEGIN = 1_764_000_000_000
LOOKS = st.lists(st.dictionaries(st.sampled_from(TOPICS), st.integers(0, 2)), max_size=20)


def whole(marks: dict[str, int]) -> dict[str, object]:
    """A look has a mark of each topic."""
    return {topic: marks.get(topic, 0) for topic in TOPICS}


@given(LOOKS, st.integers(0, 20))
def test_who_comes_back_hears_of_what_changed_since_and_of_nothing_else(
    looks: list[dict[str, int]], away_from: int
) -> None:
    news = News(BEGIN)
    news.saw(whole({}))
    known, changed, before = None, set[str](), whole({})
    for number, marks in enumerate(looks):
        if number == away_from:
            known, changed = news.newest, set()
        after = whole(marks)
        changed |= {topic for topic in TOPICS if after[topic] != before[topic]}
        assert news.saw(after) == (after != before)
        before = after
    if known is not None:
        assert set(news.since(known)) == changed


@given(LOOKS)
def test_numbers_rise_with_each_change_alone(looks: list[dict[str, int]]) -> None:
    news = News(BEGIN)
    for marks in looks:
        before = news.newest
        assert news.newest - before == 0
        is_new = news.saw(whole(marks))
        assert news.newest == before + is_new


def test_who_knows_no_number_of_ours_hears_of_all() -> None:
    news = News(BEGIN)
    news.saw(whole({}))
    for known in (None, BEGIN - 1, news.newest + 1, -1):
        assert news.since(known) == TOPICS
    assert news.since(news.newest) == ()


def test_a_page_from_before_the_first_look_is_told_of_all() -> None:
    news = News(BEGIN)
    rendered_with = news.newest
    news.saw(whole({}))
    assert news.since(rendered_with) == TOPICS
