"""The newest picture and its numbers, with a clock that is moved by hand."""

from collections.abc import Callable

import msgspec

from sightline import Frame, Result
from sightline.sink.board import Board
from sightline.testing import ManualClock

MakeShown = Callable[..., tuple[Result, Frame]]


def test_a_picture_is_encoded_when_asked_for_and_once(make_shown: MakeShown) -> None:
    board = Board(clock=ManualClock(), max_width=100, quality=80)
    for index in range(10):
        board.put(*make_shown(index=index))
    assert board.encoded == 0
    first = board.shot("gate")
    assert board.shot("gate") is first
    assert (first.number, board.encoded) == (10, 1)
    board.put(*make_shown(index=10))
    assert board.shot("gate").number == 11
    assert board.numbers() == {"gate": 11}


def test_rate_and_age_follow_the_clock(make_shown: MakeShown) -> None:
    clock = ManualClock()
    board = Board(clock=clock, max_width=100, quality=80)
    for index in range(50):
        clock.move(0.25)
        board.put(*make_shown(index=index))
    assert board.facts()["gate"]["result_fps"] == 4
    assert board.facts()["gate"]["quiet_s"] == 0
    clock.move(10)
    facts = board.facts()["gate"]
    assert (facts["result_fps"], facts["quiet_s"]) == (0.1, 10)
    assert (facts["results"], facts["detections"], facts["labels"]) == (50, 1, {"square": 1})


def test_the_age_is_that_of_the_picture_but_for_a_recording(make_shown: MakeShown) -> None:
    clock = ManualClock(utc_s=1_700_000_003)
    board = Board(clock=clock, max_width=100, quality=80)
    result, frame = make_shown(index=0)
    board.put(result, frame)
    assert board.facts()["gate"]["age_s"] == 3
    board.put(msgspec.structs.replace(result, captured_at_source="media"), frame)
    assert board.facts()["gate"]["age_s"] == 0


def test_one_result_has_no_rate(make_shown: MakeShown) -> None:
    board = Board(clock=ManualClock(), max_width=100, quality=80)
    board.put(*make_shown())
    assert board.facts()["gate"]["result_fps"] == 0
