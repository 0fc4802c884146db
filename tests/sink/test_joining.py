"""The line of packets that wait for their results: order, time, bounds and counts."""

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from sightline import Identity
from sightline.overflow import Capacity
from sightline.sink.joining import Joining

ROOMY = Capacity(count=100, bytes=10_000)


def named(index: int) -> Identity:
    return Identity("gate", 1, index)


def line_of(packets: int, *, capacity: Capacity = ROOMY, wait_ns: int = 10) -> Joining[int]:
    line: Joining[int] = Joining(capacity, wait_ns)
    for index in range(packets):
        line.put(index, named(index), 100, 0)
    return line


def test_a_packet_goes_as_soon_as_its_result_is_there() -> None:
    line = line_of(2)
    assert line.take(0) == []
    line.attach(named(0), b"zero")
    assert line.take(0) == [(0, b"zero")]
    assert line.take(9) == []
    assert line.take(10) == [(1, None)]


def test_results_in_another_order_keep_the_order_of_packets() -> None:
    line = line_of(4)
    for index in (0, 3, 1):
        line.attach(named(index), b"%d" % index)
    assert line.take(0) == [(0, b"0"), (1, b"1")]
    line.attach(named(2), b"2")
    assert line.take(0) == [(2, b"2"), (3, b"3")]


def test_a_result_that_is_there_first_waits_for_its_packet() -> None:
    line = line_of(1)
    line.attach(named(2), b"2")
    line.put(1, named(1), 100, 0)
    line.put(2, named(2), 100, 0)
    assert line.take(10) == [(0, None), (1, None), (2, b"2")]
    assert line.stats().late == 0


def test_a_result_that_is_too_late_is_counted() -> None:
    line = line_of(1)
    line.take(10)
    line.attach(named(0), b"0")
    assert (line.stats().late, line.stats().bare) == (1, 1)


def test_a_result_whose_packet_was_lost_is_forgotten() -> None:
    line = line_of(1)
    for index in range(1, 50):
        line.attach(named(index), b"")
    line.put(50, named(50), 100, 0)
    assert line.stats().late == 49


def test_what_has_no_identity_keeps_its_place() -> None:
    line = line_of(1)
    line.put(-1, None, 0, 0)
    line.attach(named(0), b"0")
    assert line.take(0) == [(0, b"0")]
    assert line.take(10) == [(-1, None)]


def test_more_results_than_fit_are_not_kept() -> None:
    line = line_of(0, capacity=Capacity(count=5))
    for index in range(100):
        line.attach(named(index), b"")
    assert line.stats().late == 95


def test_a_line_that_is_full_lets_its_first_go() -> None:
    for capacity in (Capacity(count=3), Capacity(bytes=300)):
        line = line_of(5, capacity=capacity)
        assert line.take(0) == [(0, None), (1, None)]


step = st.one_of(
    st.tuples(st.just("put"), st.integers(0, 3)),
    st.tuples(st.just("attach"), st.integers(-5, 5)),
    st.tuples(st.just("wait"), st.integers(0, 12)),
)


@given(st.lists(step, max_size=200), st.integers(1, 6))
def test_all_leave_in_order_with_their_own_result_in_time(steps: list[tuple[str, int]], most: int) -> None:
    line: Joining[tuple[int, int]] = Joining(Capacity(count=most), 10)
    now = index = 0
    out: list[tuple[tuple[int, int], bytes | None]] = []

    def put(skipped: int) -> None:
        nonlocal index
        index += 1 + skipped
        line.put((index, now), named(index), 1, now)

    def attach(ahead: int) -> None:
        line.attach(named(index + ahead), b"%d" % (index + ahead))

    def wait(time: int) -> None:
        nonlocal now
        now += time

    act: dict[str, Callable[[int], None]] = {"put": put, "attach": attach, "wait": wait}
    entered = 0
    for what, number in steps:
        act[what](number)
        entered += what == "put"
        gone = line.take(now)
        out += gone
        stats = line.stats()
        assert stats.balanced
        assert (stats.entered, stats.joined + stats.bare) == (entered, len(out))
        assert stats.held <= most
    out += line.rest()
    assert line.stats().held == 0
    assert [item for item, _ in out] == sorted(item for item, _ in out)
    assert len(out) == entered
    assert all(result in {None, b"%d" % number} for (number, _), result in out)


@given(st.integers(0, 30), st.integers(0, 30))
def test_nothing_waits_longer_than_it_should(at: int, look: int) -> None:
    line: Joining[int] = Joining(ROOMY, 10)
    line.put(0, named(0), 1, at)
    assert bool(line.take(at + look)) is (look >= 10)
