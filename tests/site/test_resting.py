"""When counts say that nothing happens any more."""

from sightline.clock import ns
from sightline.site.resting import Resting


def test_it_rests_once_its_counts_have_been_the_same_for_long_enough() -> None:
    resting = Resting(rest_s=3)
    looks = [(0, 1), (2, 1), (2.5, 2), (5.4, 2), (5.5, 2), (5.6, 3)]
    rests = [resting.look(count, ns(100 + at_s)) for at_s, count in looks]
    assert rests == [False, False, False, False, True, False]
