"""The pure buffer: whatever happens to it, its counts add up and its bounds hold."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.buffer import BufferStats, Capacity, Overflow, OverflowBuffer, Reason
from sightline.clock import NS_PER_S
from sightline.errors import BufferFull, ConfigError

Item = tuple[int, int, bool]  # serial, size, keyframe


def make(
    overflow: Overflow, capacity: Capacity | None = None, fill_rate_hz: float | None = None
) -> OverflowBuffer[Item]:
    return OverflowBuffer(
        capacity or Capacity(count=3),
        overflow,
        size=lambda item: item[1],
        key=lambda item: item[0] % 4,
        keyframe=lambda item: item[2],
        fill_rate_hz=fill_rate_hz,
    )


def drain(buffer: OverflowBuffer[Item], now_ns: int = 0) -> list[int]:
    taken = []
    while (item := buffer.take(now_ns)) is not None:
        taken.append(item[0])
    return taken


def offer(buffer: OverflowBuffer[Item], *serials: int, keyframes: tuple[int, ...] = ()) -> None:
    for serial in serials:
        assert buffer.offer((serial, 1, serial in keyframes), 0)


steps = st.lists(
    st.one_of(
        st.tuples(st.just("offer"), st.integers(0, 12), st.booleans()),
        st.tuples(st.just("take"), st.just(0), st.just(False)),
        st.tuples(st.just("wait"), st.integers(0, 3), st.just(False)),
    ),
    max_size=80,
)
capacities = st.builds(
    Capacity,
    count=st.integers(1, 6),
    bytes=st.one_of(st.none(), st.integers(1, 20)),
    age_s=st.one_of(st.none(), st.floats(0.5, 4)),
)


@given(st.sampled_from(Overflow), capacities, steps)
def test_counts_add_up_and_bounds_hold_whatever_happens(
    overflow: Overflow, capacity: Capacity, events: list[tuple[str, int, bool]]
) -> None:
    buffer = make(overflow, capacity)
    now_ns = serial = taken = waited = 0
    for event, amount, keyframe in events:
        if event == "offer":
            serial += 1
            try:
                waited += not buffer.offer((serial, amount, keyframe), now_ns)
            except BufferFull:
                waited += 1
        elif event == "take":
            taken += buffer.take(now_ns) is not None
        else:
            now_ns += amount * NS_PER_S
        stats = buffer.stats()
        assert stats.balanced
        assert stats.entered == serial - waited
        assert stats.left == taken
        assert stats.held == len(buffer) <= (capacity.count or 99)
        assert stats.held_bytes <= (capacity.bytes or 10**9)
        assert 0 <= stats.fill <= 1
        if overflow not in (Overflow.BLOCK, Overflow.RAISE):
            assert waited == 0
        elif capacity.age_s is None:
            assert stats.dropped == {}


@given(capacities, steps)
def test_what_a_keyframe_buffer_gives_out_can_be_decoded(
    capacity: Capacity, events: list[tuple[str, int, bool]]
) -> None:
    """After any gap in the serial numbers the next item is a keyframe."""
    buffer = make(Overflow.DROP_TO_KEYFRAME, capacity)
    now_ns = serial = 0
    last = -1
    for event, amount, keyframe in events:
        if event == "offer":
            serial += 1
            buffer.offer((serial, amount, keyframe), now_ns)
        elif event == "take":
            item = buffer.take(now_ns)
            if item is not None:
                assert item[2] or item[0] == last + 1
                last = item[0]
        else:
            now_ns += amount * NS_PER_S


def test_drop_oldest_keeps_the_newest() -> None:
    buffer = make(Overflow.DROP_OLDEST)
    offer(buffer, 1, 2, 3, 4, 5)
    assert buffer.stats().dropped == {Reason.OVERFLOW: 2}
    assert drain(buffer) == [3, 4, 5]


def test_drop_newest_keeps_the_oldest() -> None:
    buffer = make(Overflow.DROP_NEWEST)
    offer(buffer, 1, 2, 3, 4, 5)
    assert drain(buffer) == [1, 2, 3]


def test_clear_begins_afresh_with_the_new_item() -> None:
    buffer = make(Overflow.CLEAR)
    offer(buffer, 1, 2, 3, 4, 5)
    assert drain(buffer) == [4, 5]


def test_a_full_blocking_buffer_asks_the_writer_to_wait() -> None:
    buffer = make(Overflow.BLOCK)
    offer(buffer, 1, 2, 3)
    assert not buffer.offer((4, 1, False), 0)
    assert buffer.take(0) == (1, 1, False)
    assert buffer.offer((4, 1, False), 0)


def test_a_full_raising_buffer_raises_and_keeps_what_it_has() -> None:
    buffer = make(Overflow.RAISE)
    offer(buffer, 1, 2, 3)
    with pytest.raises(BufferFull, match="3 items"):
        buffer.offer((4, 1, False), 0)
    assert buffer.stats().refused == 1
    assert drain(buffer) == [1, 2, 3]


def test_latest_per_key_replaces_in_place() -> None:
    buffer = make(Overflow.LATEST_PER_KEY)  # the key is serial % 4
    offer(buffer, 1, 2, 5, 6)
    assert buffer.stats().dropped == {Reason.REPLACED: 2}
    assert drain(buffer) == [5, 6]


def test_a_key_written_faster_than_read_still_comes_first() -> None:
    buffer = make(Overflow.LATEST_PER_KEY)
    offer(buffer, 1, 2, 3, 5, 9)
    assert buffer.take(0) == (9, 1, False)


def test_a_full_gop_buffer_jumps_to_its_newest_keyframe() -> None:
    buffer = make(Overflow.DROP_TO_KEYFRAME, Capacity(count=4))
    offer(buffer, 1, 2, 3, 4, 5, keyframes=(1, 3))
    assert drain(buffer) == [3, 4, 5]


def test_a_gop_longer_than_the_buffer_waits_for_the_next_keyframe() -> None:
    buffer = make(Overflow.DROP_TO_KEYFRAME)
    offer(buffer, 1, 2, 3, 4, 5, 6, keyframes=(1, 6))
    assert buffer.stats().dropped == {Reason.OVERFLOW: 3, Reason.AWAITING_KEYFRAME: 2}
    assert drain(buffer) == [6]


def test_items_of_a_gop_that_grew_too_old_go_together() -> None:
    buffer = make(Overflow.DROP_TO_KEYFRAME, Capacity(count=9, age_s=1))
    for serial, at_s in ((1, 0.0), (2, 0.6), (3, 1.5)):
        buffer.offer((serial, 1, serial == 1), int(at_s * NS_PER_S))
    assert drain(buffer, int(1.6 * NS_PER_S)) == []
    assert buffer.stats().dropped == {Reason.TOO_OLD: 2, Reason.AWAITING_KEYFRAME: 1}


def test_a_fill_rate_lets_in_its_mean_number() -> None:
    buffer = make(Overflow.DROP_OLDEST, Capacity(count=1000), fill_rate_hz=10)
    for number in range(250):  # 25 a second for 10 s
        buffer.offer((number, 1, False), number * NS_PER_S // 25)
    assert buffer.stats().held == 100
    assert buffer.stats().dropped == {Reason.FILL_RATE: 150}


def test_an_item_that_never_fits_is_dropped_or_refused_at_once() -> None:
    capacity = Capacity(bytes=10)
    dropping = make(Overflow.DROP_OLDEST, capacity)
    dropping.offer((1, 11, False), 0)
    assert dropping.stats().dropped == {Reason.TOO_LARGE: 1}
    for overflow in (Overflow.BLOCK, Overflow.RAISE):
        with pytest.raises(BufferFull, match="at most 10 bytes, got 11"):
            make(overflow, capacity).offer((1, 11, False), 0)


def test_unbounded_must_be_asked_for_by_name() -> None:
    with pytest.raises(ConfigError, match="unbounded"):
        Capacity()
    with pytest.raises(ConfigError, match="unbounded"):
        Capacity(age_s=3)
    assert Capacity.unbounded(age_s=3).age_s == 3


@pytest.mark.parametrize("bound", ["count", "bytes", "age_s"])
def test_a_bound_of_nothing_is_refused(bound: str) -> None:
    with pytest.raises((ConfigError, msgspec.ValidationError), match="above 0"):
        msgspec.convert({"count": 1, bound: 0}, Capacity)


def test_what_a_policy_needs_is_named() -> None:
    with pytest.raises(ConfigError, match="latest_per_key needs key="):
        OverflowBuffer(Capacity(count=1), Overflow.LATEST_PER_KEY)
    with pytest.raises(ConfigError, match="drop_to_keyframe needs keyframe="):
        OverflowBuffer(Capacity(count=1), Overflow.DROP_TO_KEYFRAME)
    with pytest.raises(ConfigError, match="bytes needs size="):
        OverflowBuffer(Capacity(bytes=1), Overflow.DROP_OLDEST)
    with pytest.raises(ConfigError, match="fill rate"):
        make(Overflow.DROP_TO_KEYFRAME, fill_rate_hz=1)


def test_an_unbalanced_count_is_seen() -> None:
    stats = make(Overflow.CLEAR).stats()
    assert stats.balanced
    assert not BufferStats(
        entered=2, left=0, dropped={}, held=1, held_bytes=0, peak_held=1, refused=0, fill=0
    ).balanced
