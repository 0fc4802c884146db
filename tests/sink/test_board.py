"""The newest picture and its numbers, with a clock that is moved by hand."""

from collections.abc import Callable

import cv2
import msgspec
import numpy as np
import pytest

from sightline import Detection, Frame, Result
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


def test_a_picture_that_cannot_be_drawn_on_is_shown_bare_and_told_once_a_second(
    make_shown: MakeShown, caplog: pytest.LogCaptureFixture
) -> None:
    clock = ManualClock()
    board = Board(clock=clock, max_width=100, quality=80)
    nameless = Detection(label=7, score=1, x1=0, y1=0, x2=9, y2=9)  # type: ignore[arg-type]
    for index in range(30):
        clock.move(0.1)
        board.put(*make_shown("gate", index, detections=(nameless,)))
        board.put(*make_shown("yard", index))
        assert cv2.imdecode(np.frombuffer(board.shot("gate").jpeg, np.uint8), cv2.IMREAD_COLOR) is not None
        assert board.shot("yard").number == index + 1
    board.close()
    said = [record.getMessage() for record in caplog.records if record.name == "sightline.sink.preview"]
    assert 3 <= len(said) <= 4, said
    assert all("cannot be drawn" in line and "gate" in line for line in said), said
