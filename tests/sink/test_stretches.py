"""The bounded choice of a run's best moments."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from sightline.sink.stretches import Stretches

worths = st.lists(st.floats(0, 10), max_size=300)


@given(worths, st.integers(1, 8))
def test_it_is_bounded_in_order_and_spread(run: list[float], wanted: int) -> None:
    kept: Stretches[int] = Stretches(wanted)
    for at, worth in enumerate(run):
        kept.add(worth, lambda at=at: at)  # type: ignore[misc]
        assert len(kept) <= 2 * wanted
    best = kept.best()
    assert len(best) == min(wanted, len(run))
    assert best == sorted(set(best))
    if run:
        assert run[max(best, key=lambda at: run[at])] == max(run)


@given(st.integers(1, 400), st.integers(1, 8))
def test_where_all_is_equal_no_part_of_the_run_is_passed_over(length: int, wanted: int) -> None:
    kept: Stretches[int] = Stretches(wanted)
    for at in range(length):
        kept.add(0, lambda at=at: at)  # type: ignore[misc]
    best = [*kept.best(), length]
    assert best[0] == 0
    longest = max(after - before for before, after in pairwise(best))
    assert longest <= max(1, 4 * length / wanted)


def test_what_is_not_kept_is_not_made() -> None:
    kept: Stretches[str] = Stretches(2)
    made: list[int] = []
    for at in range(1000):
        kept.add(1, lambda at=at: str(made.append(at)))  # type: ignore[misc, func-returns-value]
    assert len(made) < 40
