import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.clock import ns
from sightline.fleet.people.limits import Buckets, Rate, neighbourhood

NAMES = st.sampled_from(["a", "b", "c", "d"])
TRIES = st.lists(st.tuples(NAMES, st.integers(0, 40)), max_size=80)
RATES = st.builds(Rate, st.integers(1, 5), st.integers(1, 20).map(float))


@given(RATES, TRIES)
def test_in_no_stretch_of_time_has_anybody_more_than_the_burst_and_what_came_since(
    rate: Rate, tries: list[tuple[str, int]]
) -> None:
    buckets, now, let_in = Buckets(rate), 0, list[tuple[str, int]]()
    for who, later in tries:
        now += ns(later)
        if not buckets.take(who, now):
            let_in.append((who, now))
    for at, (who, begin) in enumerate(let_in):
        mine = [when for name, when in let_in[at:] if name == who]
        for count, when in enumerate(mine, start=1):
            assert count <= rate.burst + (when - begin) / ns(rate.every_s)


@given(RATES, TRIES, NAMES)
def test_who_waits_as_long_as_was_said_is_let_in(rate: Rate, tries: list[tuple[str, int]], who: str) -> None:
    buckets, now = Buckets(rate), 0
    for name, later in tries:
        now += ns(later)
        buckets.take(name, now)
    wait_s = buckets.take(who, now)
    assert wait_s <= rate.every_s
    if wait_s:
        assert not buckets.take(who, now + ns(wait_s) + 1)


@given(RATES, TRIES, st.integers(1, 3))
def test_the_table_never_knows_more_than_its_bound_and_one_for_all_others(
    rate: Rate, tries: list[tuple[str, int]], most: int
) -> None:
    buckets, now = Buckets(rate, most), 0
    for who, later in tries:
        now += ns(later)
        buckets.take(who, now)
        assert len(buckets) <= most + 1


def test_who_comes_under_ever_new_names_shares_one_bucket_once_the_table_is_full() -> None:
    buckets = Buckets(Rate(2, 60.0), most=10)
    let_in = [not buckets.take(f"name {number}", 0) for number in range(100)]
    assert sum(let_in) == 10 + 2
    assert not buckets.take("name 3", 0), "who was known before has what is theirs"
    assert buckets.take("name 50", ns(30)) == 30.0
    assert not buckets.take("name 50", ns(121)), "all are full again, and room is made"
    assert len(buckets) == 1


def test_a_good_try_does_not_count() -> None:
    buckets = Buckets(Rate(3, 60.0))
    for _ in range(20):
        assert not buckets.take("a", 0)
        buckets.give_back("a")
    buckets.give_back("nobody")
    assert [bool(buckets.take("a", 0)) for _ in range(4)] == [False, False, False, True]


@pytest.mark.parametrize(
    ("address", "known"),
    [
        ("10.0.0.5", "10.0.0.5"),
        ("::ffff:10.0.0.5", "10.0.0.5"),
        ("2001:db8:1:2:aaaa::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:bbbb::9", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("x" * 1000, "x" * 100),
    ],
)
def test_an_address_is_known_with_all_that_one_household_may_have(address: str, known: str) -> None:
    assert neighbourhood(address) == known
