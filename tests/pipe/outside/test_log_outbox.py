"""What waits for a receiver: the counts add up whatever is done, and nothing is sent twice."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sightline.pipe.outside.log_entry import LogEntry
from sightline.pipe.outside.log_outbox import LogOutbox

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(0, 400)),
        st.tuples(st.just("picture"), st.sampled_from(["gate", "yard"])),
        st.tuples(st.just("begin"), st.integers(1, 4)),
        st.tuples(st.just("end"), st.booleans()),
        st.tuples(st.just("turn away"), st.none()),
    ),
    max_size=60,
)


def outbox(most_records: int = 5, most_bytes: int = 5000) -> LogOutbox:
    return LogOutbox(most_records=most_records, most_bytes=most_bytes)


def entry(of: LogOutbox, size: int = 0, **facts: Any) -> LogEntry:
    return LogEntry(number=of.number(), message="x" * size, **facts)


@given(STEPS)
def test_what_entered_is_delivered_dropped_or_held(steps: list[tuple[str, Any]]) -> None:
    box = outbox()
    told: list[int] = []
    entered = 0
    on_its_way: list[LogEntry] = []
    for step, of in steps:
        match step:
            case "put":
                box.put(entry(box, of))
            case "picture":
                box.put(entry(box, picture=b"jpeg", source=of, side="input"))
            case "begin":
                on_its_way = box.begin(of, 3000)
            case "end":
                told += [one.number for one in on_its_way] if of else []
                box.end(delivered=of)
                on_its_way = []
            case _:
                box.turn_away("unreadable")
        entered += step in {"put", "picture", "turn away"}
        stats = box.stats()
        assert stats.balanced
        assert stats.entered == entered
        assert stats.delivered == len(told) == len(set(told))


def test_the_oldest_records_go_and_their_numbers_tell_it() -> None:
    box = outbox()
    for _ in range(7):
        box.put(entry(box))
    assert [one.number for one in box.begin(10, 10_000)] == [3, 4, 5, 6, 7]
    assert box.stats().dropped == {"overflow": 2}


def test_a_place_has_its_newest_picture_and_takes_no_room_from_words() -> None:
    box = outbox(most_records=1)
    box.put(entry(box))
    for _ in range(5):
        box.put(entry(box, picture=b"jpeg", source="gate", side="input"))
        box.put(entry(box, picture=b"jpeg", source="gate", side="output"))
    assert [one.number for one in box.begin(10, 10_000)] == [1, 10, 11]
    assert box.stats().dropped == {"replaced": 8}


def test_what_nobody_confirmed_is_dropped_and_not_sent_again() -> None:
    box = outbox()
    box.put(entry(box))
    assert len(box.begin(1, 10_000)) == 1
    box.end(delivered=False)
    assert box.begin(1, 10_000) == []
    assert box.stats().dropped == {"unconfirmed": 1}


def test_a_batch_has_no_more_bytes_than_asked_for_but_for_its_first() -> None:
    box = outbox(most_bytes=100_000)
    for size in (3000, 10, 10):
        box.put(entry(box, size))
    assert len(box.begin(10, 1000)) == 1
    box.end(delivered=True)
    assert len(box.begin(10, 1100)) == 2


def test_what_is_larger_than_all_the_room_is_counted() -> None:
    box = outbox()
    box.put(entry(box, 5000))
    assert box.stats().dropped == {"too_large": 1}


def test_what_comes_after_the_end_is_counted() -> None:
    box = outbox()
    box.put(entry(box))
    box.close()
    box.put(entry(box))
    assert box.stats().dropped == {"closed": 2}
    assert box.stats().balanced


def test_a_finalizer_that_logs_within_it_neither_hangs_nor_is_lost() -> None:
    box = outbox()

    class Loud(LogEntry, frozen=True):
        @property
        def size(self) -> int:
            if not inside:
                inside.append(True)
                box.put(entry(box))
            return 1

    inside: list[bool] = []
    box.put(Loud(number=box.number()))
    assert inside
    assert box.stats().held == 2


def test_it_rings_for_each_record() -> None:
    rung: list[bool] = []
    box = LogOutbox(lambda: rung.append(True))
    box.put(entry(box))
    assert rung
