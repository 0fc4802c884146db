"""What a consumer of Kafka holds, without a Kafka: against a log that says what is next."""

from hypothesis import given
from hypothesis import strategies as st

from sightline.bus import Gained, Gap, Lost, Message, Position
from sightline.bus.kafka_lines import MOST_BYTES, MOST_MESSAGES, Lines


def message(topic: str, offset: int, size: int = 1) -> Message:
    return Message(topic, bytes(size), None, (), offset, 0)


def holding(**ends: int) -> Lines:
    lines = Lines()
    lines.gain({topic: Position(0) for topic in ends}, ends)
    lines.moves()
    assert isinstance(lines.due(1), Gained)
    return lines


def offsets(lines: Lines, most: int = 100) -> list[tuple[str, int]]:
    due = lines.due(most)
    assert isinstance(due, list)
    return [(each.topic, each.offset) for each in due]


def full(lines: Lines) -> bool:
    return lines.is_full


def test_what_is_gained_and_lost_is_told_before_what_comes_of_it() -> None:
    lines = Lines()
    lines.gain({"a": Position(3, "text")}, {"a": 9})
    assert lines.moves().begin == {"a": 3}
    lines.put(message("a", 3))
    lines.lose(["a", "strange"])
    assert lines.moves() == (frozenset({"a"}), {}, frozenset())
    assert lines.due(9) == Gained({"a": Position(3, "text")})
    assert lines.due(9) == Lost(frozenset({"a"}))
    assert lines.due(9) == []
    assert lines.stats(None).dropped == {"lost": 1}


def test_what_comes_from_before_a_seek_is_not_given() -> None:
    lines = holding(a=9)
    lines.put(message("a", 0))
    lines.seek("a", 5)
    lines.put(message("a", 1))  # on its way when it was sought
    assert lines.moves().begin == {"a": 5}
    lines.put(message("a", 5))
    assert offsets(lines) == [("a", 5)]
    assert lines.stats("a").dropped == {"seek": 1, "moved": 1}


def test_a_gap_stands_between_what_is_before_and_behind_it() -> None:
    lines = holding(a=9, b=9)
    lines.put(message("a", 0))
    lines.missing("a", 4)
    assert lines.moves().begin == {"a": 4}
    lines.put(message("a", 4))
    lines.put(message("b", 0))
    assert offsets(lines) == [("a", 0), ("b", 0)]
    assert lines.due(9) == Gap("a", 1, 4)
    assert offsets(lines) == [("a", 4)]
    assert lines.stats("a").dropped == {"evicted": 3}


def test_who_has_much_to_come_begins_behind_the_others() -> None:
    lines = Lines()
    lines.gain({"live": Position(10), "backlog": Position(0)}, {"live": 12, "backlog": 9000})
    assert lines.moves().behind == {"backlog"}


def test_it_is_full_by_bytes_and_by_count_and_has_room_at_half() -> None:
    lines = holding(a=99999)
    lines.put(message("a", 0, MOST_BYTES // 2))
    lines.put(message("a", 1, MOST_BYTES // 2 + 1))
    assert full(lines)
    lines.stall(on=True)
    assert lines.moves() == (frozenset({"a"}), {}, frozenset())
    assert offsets(lines, 1) == [("a", 0)]
    assert full(lines)
    assert offsets(lines, 1) == [("a", 1)]
    assert not full(lines)
    lines.stall(on=False)
    assert lines.moves().begin == {"a": 2}
    for offset in range(2, MOST_MESSAGES + 3):
        assert not full(lines)
        lines.put(message("a", offset, 0))
    assert full(lines)


ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("fetch"), st.integers(1, 5)),
        st.tuples(st.just("poll"), st.integers(1, 5)),
        st.tuples(st.just("seek"), st.integers(0, 60)),
        st.tuples(st.just("evict"), st.integers(0, 60)),
        st.tuples(st.sampled_from(["pause", "resume", "stall", "go on", "move"]), st.just(0)),
    ),
    max_size=60,
)


@given(ACTS)
def test_offsets_are_given_in_order_without_a_hole_that_is_not_told(acts: list[tuple[str, int]]) -> None:
    """librdkafka is played by `at`: where it fetches next, None while it does not."""
    lines, end = holding(a=60), 60
    at: int | None = 0
    first = expected = 0
    paused = False
    for act, number in acts:
        if act == "fetch" and at is not None:
            for _ in range(number):
                if at < first:
                    lines.missing("a", first)
                    break
                if at < end:
                    lines.put(message("a", at))
                    at += 1
        elif act == "poll":
            due = lines.due(number)
            if isinstance(due, Gap):
                assert due.first == expected
                expected = due.next
            elif isinstance(due, list):
                for each in due:
                    assert not paused
                    assert each.offset == expected
                    expected += 1
        elif act == "seek":
            lines.seek("a", max(number, first))
            expected = max(number, first)
        elif act == "evict":
            first = max(first, number)
        elif act in ("pause", "resume"):
            paused = act == "pause"
            (lines.pause if paused else lines.resume)(frozenset({"a"}))
        elif act in ("stall", "go on"):
            lines.stall(on=act == "stall")
        else:
            stop, begin, _ = lines.moves()
            at = None if "a" in stop else at
            at = begin.get("a", at)
        assert lines.positions() == {"a": expected}
        assert lines.stats(None).balanced
        assert lines.lag()["a"] >= 0
