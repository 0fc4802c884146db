"""A fleet's turn with one machine: every process does its part, every figure is taken."""

import pytest
from benches.bench import QUICK, Scale
from benches.fleet import BACK, CPU, FEW, HUB, LATE, MACHINES, MANY, READ, SOME, machines_of
from benches.fleets.user import ALL, ANSWERED, API, CAME, P50, P99
from benches.turns import BENCHES, take

SHORT = Scale(cameras=1, paced_s=5, calls=400)


@pytest.mark.needs("kafka")
def test_one_machine_is_changed_asked_about_and_found_again() -> None:
    taken = take("fleet", SOME, SHORT)
    assert taken[MACHINES] == 1
    assert 0 < taken[CAME] <= taken[ANSWERED] <= taken[P50] <= taken[P99]
    assert taken[READ] > 0, "a status every five seconds"
    assert min(taken[one] for one in (ALL, API, BACK, CPU, LATE)) > 0


def test_there_are_ten_times_as_many_each_time_and_fewer_for_little_work() -> None:
    assert set(BENCHES["fleet"].contenders) == {FEW, SOME, MANY, HUB}
    assert [machines_of(count, Scale()) for count in (10, 100, 1000)] == [10, 100, 1000]
    assert [machines_of(count, QUICK) for count in (10, 100, 1000)] == [1, 12, 125]
