"""The fence against a list of all that came: of each camera the highest term holds."""

from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline import Fence, Result
from sightline.errors import ConfigError

asked = st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 4)), max_size=60)


def result(camera_id: str, term: int) -> Result:
    return Result(
        camera_id=camera_id,
        epoch=1,
        index=0,
        term=term,
        pts=None,
        time_base=Fraction(1, 1000),
        captured_at_ns=0,
        captured_at_source="arrival",
        width=2,
        height=2,
        model="m",
        model_version="1",
        decoded_at_ns=0,
        inferred_at_ns=0,
    )


@given(asked)
def test_a_result_counts_where_none_of_a_higher_term_came_before_it(came: list[tuple[str, int]]) -> None:
    fence = Fence()
    refused: Counter[str] = Counter()
    for at, (camera_id, term) in enumerate(came):
        highest = max((other for name, other in came[:at] if name == camera_id), default=0)
        assert fence.admits(result(camera_id, term)) is (term >= highest)
        assert fence.term(camera_id) == max(term, highest)
        refused[camera_id] += term < highest
    stats = fence.stats()
    assert (stats.admitted + stats.refused, stats.forgotten) == (len(came), 0)
    assert (stats.refused, stats.refused_of) == (refused.total(), dict(+refused))


@given(asked, st.integers(1, 3))
def test_only_so_many_cameras_are_known(came: list[tuple[str, int]], most: int) -> None:
    fence = Fence(most)
    known: dict[str, int] = {}
    forgotten = 0
    for camera_id, term in came:
        highest = known.pop(camera_id, 0)
        assert fence.admits(result(camera_id, term)) is (term >= highest)
        if max(term, highest):
            known[camera_id] = max(term, highest)
        if len(known) > most:
            del known[next(iter(known))]
            forgotten += 1
        assert {name: fence.term(name) for name in "abcd" if fence.term(name)} == known
    assert fence.stats().forgotten == forgotten


def test_a_fence_for_no_camera_is_refused() -> None:
    with pytest.raises(ConfigError, match="1 camera or more, got 0"):
        Fence(0)
