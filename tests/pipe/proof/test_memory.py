"""Memory of processes does not grow with what they send; `make soak` measures it for longer."""

import pytest
from tests.pipe.proof.memory import MOST_GROWN, Pictures, Small, growth

pytestmark = pytest.mark.alone


def test_small_messages_leave_nothing_behind() -> None:
    # A list of one byte for each message that is kept would be 60 MB for a million.
    slopes = growth(Small("small"), 120_000, 40_000)
    assert max(slopes.values()) < 15, slopes


def test_pictures_leave_nothing_behind() -> None:
    # One of a hundred pictures that is kept would be 9 GB for a million.
    slopes = growth(Pictures("pictures"), 2000, 500)
    assert max(slopes.values()) * 2000 / 1e6 < MOST_GROWN, slopes
