"""The checker finds what is forged into a history that adds up."""

from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.hub.proof.history import Counted, Event, Got, Heard, Missed, Written, check
from tests.hub.proof.pattern import LEAST, Mark, made, read


def history(seed: int, *, lossless: bool = False) -> tuple[list[Written], Heard]:
    """One channel, two writers, a reader that was there all the time; what it lost was told."""
    draw = Random(seed)
    offered = [0, 0]
    events: list[Event] = []
    offset = lost = 0
    for _ in range(30):
        writer, messages = draw.randrange(2), draw.randint(1, 4)
        first = offered[writer]
        offered[writer] += messages
        if lossless or draw.random() < 0.7:
            events.append(Got(channel=1, writer=writer, first=first, offset=offset, messages=messages))
        elif events and isinstance(events[-1], Missed):
            last = events.pop()
            assert isinstance(last, Missed)
            events.append(
                Missed(1, last.first_offset, offset + messages - 1, last.messages + messages, "overflow")
            )
            lost += messages
        else:
            events.append(Missed(1, offset, offset + messages - 1, messages, "overflow"))
            lost += messages
        offset += messages
    dropped = {"overflow": lost} if lost else {}
    counted = Counted(entered=offset, taken=offset - lost, dropped=dropped, held=0, in_flight=0)
    written = [Written(writer, 1, count, count) for writer, count in enumerate(offered)]
    return written, Heard("r", 1, events, lossless=lossless, early=True, drained=True, counted=counted)


@given(st.integers(0, 10**6), st.booleans())
def test_a_history_that_adds_up_has_nothing_wrong(seed: int, lossless: bool) -> None:
    written, heard = history(seed, lossless=lossless)
    assert check(written, [heard]) == []


def forged(heard: Heard, **changes: object) -> Heard:
    return msgspec.structs.replace(heard, **changes)


@given(st.integers(0, 10**6), st.booleans(), st.data())
def test_any_event_that_is_left_out_repeated_or_swapped_is_found(
    seed: int, lossless: bool, data: st.DataObject
) -> None:
    written, heard = history(seed, lossless=lossless)
    events = heard.events
    place = data.draw(st.integers(0, len(events) - 2))
    for forgery in (
        [*events[:place], *events[place + 1 :]],
        [*events[: place + 1], *events[place:]],
        [*events[:place], events[place + 1], events[place], *events[place + 2 :]],
    ):
        assert check(written, [forged(heard, events=forgery)])
        # Without a word of the hub's, and with a reader that came late, order and holes still speak.
        if lossless and place > 0:
            assert check(written, [forged(heard, events=forgery, early=False, counted=None)])


def test_a_message_that_nobody_offered_is_found() -> None:
    written, heard = history(1)
    stranger = Got(1, 7, 0, heard.counted.entered if heard.counted else 0)
    late = forged(heard, counted=None, early=False)
    assert check(written, [late]) == []
    assert check(written, [forged(late, events=[*late.events, stranger])]) == [
        "r, channel 1: writer 7: 0 came, which was not offered"
    ]
    fewer = [msgspec.structs.replace(one, offered=3, taken_in=3) for one in written]
    assert any("which was not offered" in wrong for wrong in check(fewer, [late]))


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"entered": 1}, "do not add up"),
        ({"taken": 0}, "counts 0 as taken"),
        ({"dropped": {}}, "are told to be dropped by overflow, counted 0"),
        ({"dropped": {"too_old": 5}}, "0 are told to be dropped by too_old, counted 5"),
        ({"held": 1}, "do not add up"),
        ({"in_flight": 2}, "do not add up"),
    ],
)
def test_a_counter_that_is_wrong_is_found(change: dict[str, object], complaint: str) -> None:
    written, heard = history(2)
    assert heard.counted is not None
    counted = msgspec.structs.replace(heard.counted, **change)
    assert any(complaint in wrong for wrong in check(written, [forged(heard, counted=counted)]))


def test_counters_that_agree_with_each_other_but_not_with_the_writers_are_found() -> None:
    written, heard = history(3)
    more = [
        msgspec.structs.replace(one, offered=one.offered + 1, taken_in=one.offered + 1) for one in written
    ]
    (wrong,) = check(more, [heard])
    assert "were taken in" in wrong


def test_what_a_lossless_reader_lost_is_found_though_it_was_told_and_counted() -> None:
    written, heard = history(4)
    assert any("nothing was to be lost" in wrong for wrong in check(written, [forged(heard, lossless=True)]))


def test_offsets_left_out_by_the_readers_wish_must_be_counted() -> None:
    events: list[Event] = [Got(1, 0, 0, 0), Got(1, 0, 3, 3)]
    counted = Counted(entered=4, taken=2, dropped={"fill_rate": 2}, held=0, in_flight=0)
    heard = Heard("r", 1, events, early=True, drained=True, counted=counted)
    assert check([Written(0, 1, 4, 4)], [heard]) == []
    lying = msgspec.structs.replace(counted, entered=3, dropped={"fill_rate": 1})
    assert any(
        "2 offsets are missing" in one for one in check([Written(0, 1, 4, 4)], [forged(heard, counted=lying)])
    )


def test_after_another_hub_a_lossless_reader_is_told_what_the_first_one_had() -> None:
    written = [Written(0, 1, 10, 10)]
    events: list[Event] = [Got(1, 0, 0, 0, 3), Missed(1, 3, 5, 3, "hub_restart"), Got(1, 0, 6, 0, 4)]
    heard = Heard("r", 1, events, lossless=True, one_hub=False)
    assert check(written, [heard]) == []
    untold = [event for event in events if isinstance(event, Got)]
    assert check(written, [forged(heard, events=untold)]) == [
        "r, channel 1: 3 messages are missing, {} are told to be"
    ]
    assert check(written, [forged(heard, events=[*untold, untold[-1]])])


def test_the_last_message_of_a_writer_that_lives_must_come_and_of_a_killed_one_may() -> None:
    heard = Heard("r", 1, [Got(1, 0, 4, 4, 5)], lossless=True, drained=True)
    assert check([Written(0, 1, 10, 9)], [heard]) == []
    assert check([Written(0, 1, 10, None)], [heard]) == []
    assert check([Written(0, 1, 10, 10)], [heard]) == [
        "r, channel 1: writer 0: all before 10 were taken in, 8 came last"
    ]
    assert check([Written(0, 1, 10, 10)], [forged(heard, drained=False)]) == []


def test_a_gap_tells_no_more_messages_than_there_are_offsets() -> None:
    heard = Heard("r", 1, [Missed(1, 3, 5, 4, "overflow")])
    assert check([Written(0, 1, 10, 10)], [heard]) == [
        "r, channel 1: 4 messages are told to be missing between 3 and 5"
    ]


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.integers(0, 2**60), st.integers(LEAST, 3000))
def test_a_message_says_whose_it_is(writer: int, channel: int, seq: int, size: int) -> None:
    mark = Mark(writer, channel, seq, size)
    assert read(made(mark)) == mark
    assert read(memoryview(made(mark))) == mark


@given(st.integers(LEAST, 300), st.data())
def test_a_message_that_was_cut_joined_or_changed_does_not_read(size: int, data: st.DataObject) -> None:
    message = made(Mark(1, 2, 3, size))
    place = data.draw(st.integers(0, size - 1))
    changed = message[:place] + bytes([message[place] ^ 0x55]) + message[place + 1 :]
    for broken in (message[:-1], message + b"x", message + message, message[:-1] + b"\xff\xff"):
        with pytest.raises(ValueError, match="expected|is not what it says"):
            read(broken)
    with pytest.raises(ValueError, match="is not what it says"):
        read(changed)
