"""What was received once is not given twice, and what is missing is told once."""

import msgspec
import pytest

from sightline.hub.client.positions import DISCONNECTED, HUB_RESTART, Arrival, Gap, Positions
from sightline.hub.wire.header import KEYFRAME, Head, Kind

ONE, OTHER = b"1" * 16, b"2" * 16
WRITER, SECOND = b"w" * 16, b"s" * 16


def data(offset: int, messages: int = 1, *, seq: int | None = None) -> Head:
    return Head(0, Kind.DATA, messages=messages, offset=offset, seq=offset if seq is None else seq)


def gap(first: int, last: int, reason: str = "overflow", messages: int | None = None) -> Gap:
    count = last - first + 1 if messages is None else messages
    return Gap(channel="a", first_offset=first, last_offset=last, messages=count, reason=reason)


@pytest.fixture
def positions() -> Positions:
    """Of a reader that has the messages 0 to 9 of the channel a, all of one writer."""
    positions = Positions()
    assert positions.attached("a", ONE, 0) is None
    assert positions.data("a", data(0, 10), WRITER) == Arrival(0, None)
    return positions


def test_a_gap_between_connections_is_told_once(positions: Positions) -> None:
    assert positions.seen() == {"a": (ONE, 10)}
    assert positions.attached("a", ONE, 15) == gap(10, 14, DISCONNECTED)
    assert positions.gap(gap(10, 14, DISCONNECTED)) is None
    assert positions.gap(gap(13, 16)) == gap(15, 16, messages=2)
    assert positions.data("a", data(17), WRITER) == Arrival(0, None)


@pytest.mark.parametrize("break_it", ["gap", "missed", "moved", "restart", "detached", "began"])
def test_a_channel_is_whole_from_a_keyframe_on_until_something_is_missing(
    positions: Positions, break_it: str
) -> None:
    assert positions.whole() == ()
    positions.data("a", data(10)._replace(flags=KEYFRAME), WRITER)
    positions.data("a", data(11), WRITER)
    assert positions.whole() == ("a",)
    positions.attached("a", ONE, 12)  # again, and nothing was missed
    assert positions.whole() == ("a",)
    match break_it:
        case "gap":
            positions.gap(gap(12, 12))
        case "missed":
            positions.attached("a", ONE, 13)
        case "moved":
            positions.moved("a", 5)
        case "restart":
            positions.attached("a", OTHER, 0)
        case "detached":
            positions.detached("a", "deleted")
        case "began":
            positions.began("a", ONE, 12)
    assert positions.whole() == ()
    positions.data("a", data(20)._replace(flags=KEYFRAME), WRITER)
    assert positions.whole() == (("a",) if break_it != "detached" else ())


def test_a_gap_of_the_hub_counts_what_it_says(positions: Positions) -> None:
    told = gap(10, 19, messages=4)
    assert positions.gap(told) == told
    assert positions.seen() == {"a": (ONE, 20)}


def test_another_hub_begins_anew_and_the_writers_numbers_tell(positions: Positions) -> None:
    assert positions.attached("a", OTHER, 0) is None
    assert positions.seen() == {"a": (OTHER, 0)}
    assert positions.data("a", data(0, 2, seq=6), WRITER) == Arrival(2, None)
    assert positions.data("a", data(2, 4, seq=8), WRITER) == Arrival(2, None)
    assert positions.data("a", data(8, seq=20), WRITER) == Arrival(0, None)  # nothing was lost by a restart


def test_what_the_earlier_hub_had_is_missing(positions: Positions) -> None:
    positions.attached("a", OTHER, 0)
    lost = gap(10, 12, HUB_RESTART)
    assert positions.data("a", data(0, 2, seq=13), WRITER) == Arrival(0, lost)
    assert positions.data("a", data(2, 2, seq=0), SECOND) == Arrival(0, None)


@pytest.mark.parametrize(
    ("seq", "told"),
    [
        (8, Arrival(2, None)),  # what was dropped was 6 and 7, which the reader has
        (10, Arrival(0, None)),
        (11, Arrival(0, None, gap(0, 1, messages=1))),
        (12, Arrival(0, None, gap(0, 1))),
        (13, Arrival(0, gap(10, 10, HUB_RESTART), gap(0, 1))),
    ],
)
def test_what_a_new_hub_dropped_of_what_the_reader_had_is_not_missing(
    positions: Positions, seq: int, told: Arrival
) -> None:
    positions.attached("a", OTHER, 0)
    assert positions.gap(gap(0, 0)) is None
    assert positions.gap(gap(1, 1)) is None
    assert positions.data("a", data(2, 3, seq=seq), WRITER) == told


def test_what_a_new_hub_dropped_is_told_with_the_first_message_of_somebody_else(positions: Positions) -> None:
    positions.attached("a", OTHER, 0)
    assert positions.gap(gap(0, 1)) is None
    assert positions.data("a", data(2, seq=0), SECOND) == Arrival(0, None, gap(0, 1))
    assert positions.data("a", data(3, seq=12), WRITER) == Arrival(0, None)  # told already


def test_what_was_told_before_a_restart_is_not_told_again(positions: Positions) -> None:
    assert positions.gap(gap(10, 14)) is not None
    positions.attached("a", OTHER, 0)
    assert positions.data("a", data(0, seq=15), WRITER) == Arrival(0, None)
    positions.gap(gap(1, 1))
    positions.data("a", data(2, seq=17), WRITER)  # passes over the one that was told
    positions.attached("a", ONE, 0)
    arrival = positions.data("a", data(0, seq=20), WRITER)
    assert arrival.gap is not None
    assert arrival.gap.messages == 2


def test_what_was_missed_while_away_is_not_told_again_after_a_restart(positions: Positions) -> None:
    assert positions.attached("a", ONE, 15) == gap(10, 14, DISCONNECTED)
    positions.attached("a", OTHER, 0)
    assert positions.data("a", data(0, seq=15), WRITER) == Arrival(0, None)


def test_a_channel_that_is_made_again_begins_anew(positions: Positions) -> None:
    positions.detached("a", "deleted")
    assert positions.seen() == {}
    assert positions.attached("a", ONE, 0) is None
    assert positions.gap(gap(0, 1)) == gap(0, 1)
    arrival = positions.data("a", data(2, seq=14), WRITER)
    assert arrival.gap is not None
    assert (arrival.gap.reason, arrival.gap.messages) == ("deleted", 2)


def test_a_reader_that_goes_somewhere_else_misses_nothing(positions: Positions) -> None:
    positions.moved("a", 3)
    assert positions.gap(gap(3, 4)) == gap(3, 4)
    assert positions.data("a", data(5, seq=5), WRITER) == Arrival(0, None)


def test_writers_that_nobody_remembers_are_forgotten(positions: Positions) -> None:
    for number in range(2000):
        positions.data("a", data(10 + number, seq=0), b"%16d" % number)
    position = positions._positions["a"]
    assert len(position.next_seqs) == 1024


def test_a_gap_travels_as_a_value() -> None:
    assert msgspec.json.decode(msgspec.json.encode(gap(1, 2)), type=Gap) == gap(1, 2)
