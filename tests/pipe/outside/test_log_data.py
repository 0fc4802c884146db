"""Pictures of what routines take and give in a pipe's log, while LOG_DATA is on."""

import logging
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.conftest import WaitFor
from tests.pipe.outside.receiving import SOON_S, Receiving

from sightline.errors import ConfigError
from sightline.log import hide_secret
from sightline.pipe import (
    DestinationRoutine,
    FrameData,
    MiddleRoutine,
    Pipe,
    RoutineSettings,
    Several,
    SourceRoutine,
    Wire,
    events,
    get_socket_logger,
)
from sightline.pipe.event_names import LOG_DATA
from sightline.pipe.flow.showing import Showing
from sightline.pipe.pictures import MOST_JPEG_BYTES, MOST_WIDTH, log_picture, picture_in, small_jpeg
from sightline.testing import ManualClock

GREY = np.full((48, 64), 90, np.uint8)
COLOUR = np.full((480, 640, 3), (200, 100, 50), np.uint8)


class Pictures(logging.Handler):
    """What was logged with a picture: its side, and the size of the picture; or its message."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, tuple[int, ...]]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.seen.append((record.getMessage(), decoded(vars(record)["picture"]).shape))

    def logger(self) -> logging.Logger:
        logger = logging.getLogger(f"pictures{id(self)}")
        logger.setLevel(logging.INFO)
        logger.addHandler(self)
        return logger


def decoded(jpeg: bytes) -> NDArray[Any]:
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return picture


@dataclass
class PiperTsFrame:
    frame: Any

    def get_frame(self) -> Any:
        return self.frame


def framed() -> FrameData:
    data = FrameData()
    data.frame = COLOUR
    return data


@pytest.mark.parametrize(
    "data",
    [COLOUR, framed(), PiperTsFrame(COLOUR), [1, COLOUR], Several([None, framed()])],
    ids=["array", "FrameData", "get_frame", "list", "several"],
)
def test_a_picture_is_found_wherever_it_is(data: Any) -> None:
    assert picture_in(data) is COLOUR


@pytest.mark.parametrize(
    "data",
    [
        None,
        3,
        {"frame": COLOUR},
        PiperTsFrame(None),
        COLOUR.astype(np.float32),
        np.empty((0, 640, 3), np.uint8),
        np.zeros((2, 3, 4, 5), np.uint8),
        np.zeros((40, 30, 2), np.uint8),
        np.zeros(9, np.uint8),
        [1] * 9 + [COLOUR],
    ],
    ids=str,
)
def test_what_is_no_picture_is_none(data: Any) -> None:
    assert picture_in(data) is None


@given(st.integers(1, 900), st.integers(1, 900), st.sampled_from([(), (1,), (3,), (4,)]), st.integers(0, 9))
def test_a_picture_is_small_whatever_it_was(
    height: int, width: int, channels: tuple[int, ...], seed: int
) -> None:
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, *channels), np.uint8)
    jpeg = small_jpeg(noise)
    assert len(jpeg) < MOST_JPEG_BYTES
    assert max(decoded(jpeg).shape) <= MOST_WIDTH


def test_a_picture_is_logged_with_its_caption_and_size() -> None:
    pictures = Pictures()
    assert log_picture(pictures.logger(), "the gate", COLOUR)
    assert pictures.seen == [("the gate: 640 x 480", (240, 320, 3))]


def test_nothing_is_made_where_nobody_wants_it() -> None:
    pictures = Pictures()
    assert not log_picture(pictures.logger(), "the gate", "no picture")
    assert not log_picture(pictures.logger(), "the gate", COLOUR, logging.DEBUG)
    assert not pictures.seen


class Turn(MiddleRoutine):
    def main_logic(self, data: Any) -> Any:
        return data


def showing(call: Callable[..., Any], clock: ManualClock, every_s: float = 1.0) -> tuple[Showing, Pictures]:
    pictures = Pictures()
    routine = Turn("turn")
    routine.set_logger(pictures.logger())
    return Showing(call, routine, every_s, clock), pictures


def test_one_call_in_so_many_seconds_is_shown_on_both_sides() -> None:
    clock = ManualClock()
    shown, pictures = showing(lambda data: GREY, clock, every_s=2.0)
    for _ in range(5):
        assert shown(COLOUR) is GREY
        clock.move(0.9)
    assert [caption for caption, _ in pictures.seen] == ["input: 640 x 480", "output: 64 x 48"] * 2


def test_what_a_coroutine_comes_to_is_shown() -> None:
    async def logic(data: Any) -> Any:
        return GREY

    shown, pictures = showing(logic, ManualClock())
    awaited = shown("no picture")
    with pytest.raises(StopIteration) as over:
        awaited.send(None)
    assert over.value.value is GREY
    assert [caption for caption, _ in pictures.seen] == ["output: 64 x 48"]


def test_what_cannot_be_shown_costs_nothing_and_is_told(caplog: pytest.LogCaptureFixture) -> None:
    class Torn:
        def get_frame(self) -> None:
            raise OSError("torn")

    shown, _ = showing(lambda data: 3, ManualClock())
    assert shown(Torn()) == 3
    assert "a picture cannot be logged" in caplog.text
    assert "OSError: torn" in caplog.text


def test_what_main_logic_raises_is_raised() -> None:
    def logic(data: Any) -> Any:
        raise ValueError("its own")

    shown, pictures = showing(logic, ManualClock())
    with pytest.raises(ValueError, match="its own"):
        shown(COLOUR)
    assert len(pictures.seen) == 1


class Frames(SourceRoutine):
    settings = RoutineSettings(rate_fps=100)

    def main_logic(self) -> NDArray[np.uint8]:
        return COLOUR


class Grey(MiddleRoutine):
    settings = RoutineSettings(rate_fps=100)

    def main_logic(self, data: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return data[..., 0].copy()


class Look(DestinationRoutine):
    def setup(self) -> None:
        hide_secret("sesame-seeds")  # told in this process alone

    def main_logic(self, data: NDArray[np.uint8]) -> None: ...

    @events(LOG_DATA)
    def told(self, **parameters: Any) -> None:
        self.logger.info("told: %s", parameters)

    @events("look")
    def look(self) -> None:
        log_picture(self.logger, "seen by sesame-seeds", GREY)


@pytest.fixture
def pipe(no_leaks: None, loggers: None) -> Iterator[tuple[Pipe, Receiving]]:
    with Receiving() as receiving:
        pipe = Pipe(logger=get_socket_logger("seen", logging.INFO, url=receiving.url))
        grey, look = Grey("grey"), Look("look")
        pipe.create_flow("cameras", True, Frames("frames"), grey)
        pipe.create_flow("eyes", False, look)
        pipe.link(Wire(grey, look))
        with pipe:
            pipe.build()
            pipe.notify_event("start")
            yield pipe, receiving


def test_while_it_is_on_pictures_come_of_every_side(pipe: tuple[Pipe, Receiving], wait_for: WaitFor) -> None:
    running, receiving = pipe

    def sides() -> set[tuple[str, str, str]]:
        return {(one.flow, one.routine, one.side) for one in list(receiving.entries) if one.picture}

    report = running.notify_event(LOG_DATA, wait=SOON_S, every_s=0.05)
    assert report is not None
    assert not report.failed
    whole = {
        ("cameras", "frames", "output"),
        ("cameras", "grey", "input"),
        ("cameras", "grey", "output"),
        ("eyes", "look", "input"),
    }
    wait_for(lambda: sides() == whole, SOON_S, "a picture of each side")
    colours = next(one for one in receiving.entries if one.routine == "frames")
    assert colours.message == "output: 640 x 480"
    assert np.abs(decoded(colours.picture).astype(int) - (200, 100, 50)).max() < 8


def test_a_flow_that_is_begun_again_shows_what_it_showed(pipe: tuple[Pipe, Receiving]) -> None:
    running, receiving = pipe
    running.notify_event(LOG_DATA, {"eyes": []}, wait=SOON_S, every_s=0.05)
    before = running.pids["eyes"]
    os.kill(before, signal.SIGKILL)
    receiving.first(lambda one: one.side and one.flow == "eyes" and one.process != before, "a picture again")


def test_told_again_it_is_off_and_told_how_it_is_so(pipe: tuple[Pipe, Receiving], wait_for: WaitFor) -> None:
    running, receiving = pipe

    def seen(least: int = 3) -> bool:
        count = sum((one.routine, one.side) == ("grey", "input") for one in list(receiving.entries))
        assert count <= 3
        return count >= least

    # Each time that it is turned on one picture comes; the next would take an hour.
    for on, pictures in ((None, 1), (None, 1), (True, 2), (True, 3), (False, 3)):
        running.notify_event(LOG_DATA, wait=SOON_S, on=on, every_s=3600.0)
        wait_for(partial(seen, pictures), SOON_S, f"{pictures} pictures")
    running.notify_event("look", wait=SOON_S)
    receiving.wait_for("seen by ***: 64 x 48")
    assert seen()


def test_a_routines_own_picture_comes_with_its_caption_and_no_secret(pipe: tuple[Pipe, Receiving]) -> None:
    running, receiving = pipe
    running.notify_event("look", wait=SOON_S)
    entry = receiving.wait_for("seen by ***: 64 x 48")
    assert decoded(entry.picture).shape == (48, 64, 3)
    assert entry.side == ""


def test_a_wrong_parameter_is_told_to_who_sent_it(pipe: tuple[Pipe, Receiving]) -> None:
    running, _ = pipe
    report = running.notify_event(LOG_DATA, {"eyes": []}, wait=SOON_S, every_s="often")
    assert report is not None
    assert "TypeError" in report.failed["look"]


def test_it_is_an_event_of_all_and_listed_of_none(pipe: tuple[Pipe, Receiving]) -> None:
    running, _ = pipe
    assert LOG_DATA not in str(running.get_pipe_structure())
    with pytest.raises(ConfigError, match="unknown event 'log_date'"):
        running.notify_event("log_date")


def test_a_routine_may_have_a_method_for_it_too(pipe: tuple[Pipe, Receiving]) -> None:
    running, receiving = pipe
    running.notify_event(LOG_DATA, wait=SOON_S, on=False)
    receiving.wait_for("told: {'on': False}")
